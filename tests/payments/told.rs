//! Notifications that contradict earlier ones, come too early, or cannot be read.

use serde_json::{Value, json};

use crate::companies::capture_behind_our_back;
use crate::ours::{intent, payment_of};
use crate::signing::{paid_session, stripe_event, stripe_says, stripe_sends, vnpay_calls, vnpay_ipn, vnpay_says};
use crate::stage::{Placed, Stage, Way, events, until};

/// Only VNPay is asked before a failed order completes. A signed notification of another company is enough, even when
/// that company cannot be asked.
#[tokio::test]
async fn a_failed_order_is_completed_by_signed_money() {
    let stage = Stage::new().await;
    let card = stage.place(Way::Checkout).await;
    stage.play(&card, "pay-delayed", json!({})).await;
    stage.until(&card, "processing").await;
    stage.play(&card, "delayed-fail", json!({})).await;
    stage.until(&card, "failed").await;
    let paid = paid_session(&card.at, &card.id, 2000, "usd");
    stripe_says(&stage, &stripe_event("checkout.session.async_payment_succeeded", &paid)).await.expect(200);
    stage.is_credited(&card).await;

    let paypal = stage.place(Way::Paypal).await;
    stage.mute("paypal", true).await;
    stage.play(&paypal, "approve", json!({})).await;
    capture_behind_our_back(&stage, &paypal).await.expect(201);
    stage.mute("paypal", false).await;
    let id = paypal.id.trim_start_matches("tuo_");
    stage
        .execute(&format!(
            "UPDATE top_up_orders SET status = 'failed', failed_by = 'provider', reason = 'DENIED' WHERE id = '{id}'"
        ))
        .await;
    stage.execute(&format!("UPDATE attempts SET status = 'dead' WHERE order_id = '{id}'")).await;
    stage.fault("paypal", &json!({"operation": "get_order", "kind": "html", "times": 99})).await;
    let captured = stage.deliveries(&paypal).await;
    let captured = captured.iter().find(|one| one["kind"] == "PAYMENT.CAPTURE.COMPLETED").unwrap();
    stage.resend(&paypal, captured["event"].as_str().unwrap()).await;
    stage.until(&paypal, "completed").await;
    stage.is_credited(&paypal).await;
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    stage.finish().await;
}

/// Our reply to the first sending of the company's latest notification.
async fn answered(stage: &Stage, placed: &Placed) -> String {
    until("it is answered", async || {
        let deliveries = stage.deliveries(placed).await;
        let attempts = deliveries.last()?["attempts"].as_array()?.clone();
        attempts.first()?["answer"].as_str().map(str::to_owned)
    })
    .await
}

/// VNPay stops after ten notifications. The stated money is recorded by then. It is credited once VNPay confirms it.
#[tokio::test]
async fn vnpays_money_for_a_failed_order_waits_for_vnpays_own_answer() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Vnpay).await;
    stage.play(&placed, "insufficient", json!({})).await;
    stage.until(&placed, "failed").await;
    stage.delivered(&placed, 1).await;
    stage.fault("vnpay", &json!({"operation": "querydr", "kind": "html", "times": 99})).await;
    stage.play(&placed, "pay", json!({})).await;
    assert_eq!(answered(&stage, &placed).await, r#"{"RspCode":"99","Message":"Unknow error"}"#);
    stage.mute("vnpay", true).await;
    let order = stage.is_not_credited(&placed, "failed").await;
    let last = order["timeline"].as_array().unwrap().last().unwrap();
    assert_eq!(last["event"], "payment_unapplied", "{order:#}");
    let kept = stage.unapplied().await;
    assert_eq!(kept.len(), 1, "{kept:#?}");
    assert_eq!((&kept[0]["order_id"], &kept[0]["reason"]), (&json!(placed.id), &last["detail"]));
    stage.forget_faults("vnpay").await;
    stage.worker_asks().await;
    stage.is_credited(&placed).await;
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    assert_eq!(stage.ask("SELECT count(*) FROM payments").await, ["1"]);
    stage.finish().await;
}

/// The first notification of a payment may carry none of our marks. It says nothing about us; the order is completed
/// once any source names it.
#[tokio::test]
async fn case_03_a_payment_first_seen_without_its_order_completes_it_when_that_is_told() {
    let stage = Stage::new().await;
    for teller in ["notification", "verify", "worker"] {
        stage.mute("stripe", true).await;
        let placed = stage.place(Way::Checkout).await;
        stage.play(&placed, "pay", json!({})).await;
        let payment = payment_of(&stage, &placed).await;
        stripe_says(&stage, &stripe_event("payment_intent.succeeded", &intent(&payment, &json!({})))).await.expect(200);
        assert_eq!(stage.unapplied().await, Vec::<Value>::new());
        stage.is_not_credited(&placed, "pending").await;
        match teller {
            "notification" => {
                let mut session = paid_session(&placed.at, &placed.id, 2000, "usd");
                session["payment_intent"] = json!(payment);
                stripe_says(&stage, &stripe_event("checkout.session.completed", &session)).await.expect(200);
            }
            "verify" => {
                stage.verify(&placed).await.expect(200);
            }
            _ => stage.worker_asks().await,
        }
        stage.is_credited(&placed).await;
        let id = placed.id.trim_start_matches("tuo_");
        let named = format!("SELECT payment_id FROM payments WHERE order_id = '{id}' AND applied = amount");
        assert_eq!(stage.ask(&named).await, [payment], "{teller}");
    }
    stage.finish().await;
}

/// A signed notification that we cannot read is stored once, as it came. A repetition that we can read is processed.
#[tokio::test]
async fn a_signed_riddle_is_kept_and_asked_for_again() {
    let stage = Stage::new().await;
    let card = stage.place(Way::Checkout).await;
    let mut riddle = paid_session(&card.at, &card.id, 2000, "usd");
    riddle["payment_status"] = json!("paid_tomorrow");
    let mut event = stripe_event("checkout.session.completed", &riddle);
    for _ in 0..2 {
        stripe_says(&stage, &event).await.expect(503);
    }
    let nonsense = json!({"note": "signed, but no event"});
    for _ in 0..2 {
        stripe_says(&stage, &nonsense).await.expect(503);
    }
    let vnpay = stage.place(Way::Vnpay).await;
    let right = vnpay_says(&vnpay.at, 200_000);
    for (field, value) in [("vnp_TransactionNo", Some("0")), ("vnp_Amount", Some("1e9")), ("vnp_ResponseCode", None)] {
        let mut odd = right.clone();
        odd.remove(field);
        odd.extend(value.map(|value| (field, value.to_owned())));
        assert_eq!(vnpay_ipn(&stage, &odd).await, "99");
    }
    let kept = "SELECT event_type || ' ' || error || CASE WHEN processed_at IS NULL THEN '' ELSE ' processed' END
        FROM provider_events ORDER BY received_at";
    assert_eq!(
        stage.ask(kept).await,
        [
            "checkout.session.completed session with payment_status \"paid_tomorrow\" and status Some(\"complete\")",
            "unread no event at line 1 column 31",
            "ipn paid, but without a TransactionNo",
            "unread vnp_Amount is not a number",
            "unread no vnp_ResponseCode",
        ]
    );
    let raw = format!(
        "SELECT convert_from(body, 'UTF8') FROM provider_events WHERE event_id = '{}'",
        event["id"].as_str().unwrap()
    );
    assert_eq!(stage.ask(&raw).await, [event.to_string()]);
    let headers = "SELECT count(*) FROM provider_events WHERE headers::text LIKE '%stripe-signature%'";
    assert_eq!(stage.ask(headers).await, ["2"]);

    // An unsigned notification is not stored, and neither is an empty call.
    let count = "SELECT count(*) FROM provider_events";
    assert_eq!(stage.ask(count).await, ["5"]);
    stripe_sends(&stage, &nonsense, "whsec_another").await.expect(400);
    assert_eq!(vnpay_calls(&stage, "").await, "99");
    assert_eq!(stage.ask(count).await, ["5"]);

    // The same event, now readable.
    event["data"]["object"]["payment_status"] = json!("paid");
    stripe_says(&stage, &event).await.expect(200);
    stage.is_credited(&card).await;
    assert_eq!(stage.ask(count).await, ["5"]);
    stage.finish().await;
}

/// VNPay's answers to questions have no response code, so a held payment looks like a good one there.
#[tokio::test]
async fn case_12_money_held_for_review_is_not_released_by_an_answer() {
    let stage = Stage::new().await;
    stage.mute("vnpay", true).await;
    for closed in [false, true] {
        let placed = stage.place(Way::Vnpay).await;
        let paid = stage.play(&placed, "pay", json!({})).await;
        if closed {
            stage.expire(&placed).await;
        }
        let mut said = vnpay_says(&placed.at, 200_000);
        said.insert("vnp_TransactionNo", paid["payment"]["tries"][0]["transaction_no"].as_str().unwrap().to_owned());
        said.insert("vnp_ResponseCode", "07".to_owned());
        assert_eq!(vnpay_ipn(&stage, &said).await, "00");
        assert_eq!(vnpay_ipn(&stage, &said).await, "02");
        let status = if closed { "expired" } else { "processing" };
        for _ in 0..2 {
            stage.verify(&placed).await.expect(200);
            stage.worker_asks().await;
        }
        let order = stage.is_not_credited(&placed, status).await;
        let lines = events(&order);
        assert_eq!(lines.iter().filter(|line| **line == "held_for_review").count(), 1, "{order:#}");
        // The operator sees the money and the reason why it waits.
        let kept = stage.unapplied().await;
        assert_eq!((kept.len(), &kept[0]["order_id"]), (1, &json!(placed.id)), "{kept:#?}");
        assert!(kept[0]["reason"].as_str().unwrap().starts_with("held for review"), "{kept:#?}");
        // A signed notification of VNPay ends the review.
        said.insert("vnp_ResponseCode", "00".to_owned());
        assert_eq!(vnpay_ipn(&stage, &said).await, "00");
        stage.is_credited(&placed).await;
        assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    }
    stage.finish().await;
}

#[tokio::test]
async fn case_12_an_operator_who_asks_releases_what_was_held() {
    let stage = Stage::new().await;
    stage.mute("vnpay", true).await;
    let placed = stage.place(Way::Vnpay).await;
    let paid = stage.play(&placed, "pay", json!({})).await;
    let mut said = vnpay_says(&placed.at, 200_000);
    said.insert("vnp_TransactionNo", paid["payment"]["tries"][0]["transaction_no"].as_str().unwrap().to_owned());
    said.insert("vnp_ResponseCode", "07".to_owned());
    assert_eq!(vnpay_ipn(&stage, &said).await, "00");
    stage.verify(&placed).await.expect(200);
    stage.is_not_credited(&placed, "processing").await;
    let verify = format!("/v1/top-up-orders/{}/verify?customer_id={}", placed.id, placed.customer);
    stage.app.operator().send(reqwest::Method::POST, &verify, None, None).await.expect(200);
    stage.is_credited(&placed).await;
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    stage.finish().await;
}

#[tokio::test]
async fn vnpays_word_that_it_is_not_finished_is_taken() {
    let stage = Stage::new().await;
    stage.mute("vnpay", true).await;
    let placed = stage.place(Way::Vnpay).await;
    let mut said = vnpay_says(&placed.at, 200_000);
    said.insert("vnp_TransactionStatus", "01".to_owned());
    assert_eq!(vnpay_ipn(&stage, &said).await, "00");
    assert_eq!(vnpay_ipn(&stage, &said).await, "02");
    let order = stage.is_not_credited(&placed, "pending").await;
    assert_eq!(events(&order), ["created", "payment_started", "checked"]);
    assert_eq!(vnpay_ipn(&stage, &vnpay_says(&placed.at, 200_000)).await, "00");
    stage.is_credited(&placed).await;
    stage.finish().await;
}

/// Another product that uses the same Stripe account may have free sessions.
#[tokio::test]
async fn a_session_with_nothing_to_pay_is_not_ours() {
    let stage = Stage::new().await;
    let mut session = paid_session("cs_test_free", "a-voucher", 0, "usd");
    session["payment_status"] = json!("no_payment_required");
    session["payment_intent"] = Value::Null;
    for kind in ["checkout.session.completed", "checkout.session.expired"] {
        stripe_says(&stage, &stripe_event(kind, &session)).await.expect(200);
    }
    let outcomes = stage.ask("SELECT outcome FROM provider_events").await;
    assert_eq!(outcomes, ["foreign", "foreign"]);
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    stage.finish().await;
}

#[tokio::test]
async fn a_completed_order_is_not_asked_about() {
    let stage = Stage::new().await;
    for way in Way::ALL {
        let placed = stage.place(way).await;
        stage.play(&placed, way.pays(), json!({})).await;
        stage.until(&placed, "completed").await;
        stage.delivered(&placed, 1).await;
        let before = stage.calls(way.company(), way.question()).await.len();
        stage.fault(way.company(), &json!({"operation": way.question(), "kind": "html", "times": 9})).await;
        assert_eq!(stage.verify(&placed).await.expect(200)["status"], "completed");
        assert_eq!(stage.calls(way.company(), way.question()).await.len(), before, "{way:?}");
        stage.forget_faults(way.company()).await;
        stage.is_credited(&placed).await;
    }
    stage.finish().await;
}
