//! Notification, return page, worker and `verify` take one path: whatever comes, however often, there is one credit.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use topup::workers;

use crate::signing::{stripe_event, stripe_says, vnpay_ipn, vnpay_says};
use crate::stage::{Placed, Stage, Way, events, until};
use crate::support::Reply;

#[tokio::test]
async fn a_payment_credits_the_wallet_however_often_it_is_told() {
    let stage = Stage::new().await;
    for way in Way::ALL {
        let placed = stage.place(way).await;
        assert_eq!(events(&stage.order(&placed).await), ["created", "payment_started"], "{way:?}");
        stage.play(&placed, way.pays(), json!({})).await;
        stage.until(&placed, "completed").await;

        for delivery in stage.delivered(&placed, 1).await {
            for _ in 0..9 {
                stage.resend(&placed, delivery["event"].as_str().unwrap()).await;
            }
        }
        for delivery in stage.delivered(&placed, 10).await {
            let attempts = delivery["attempts"].as_array().unwrap();
            assert!(attempts.iter().all(|attempt| attempt["status"] == 200), "{delivery:#}");
        }
        let order = stage.is_credited(&placed).await;
        let told: &[&str] = if way == Way::Paypal { &["processing"] } else { &[] };
        let expected = [&["created", "payment_started"], told, &["completed", "credited"]].concat();
        assert_eq!(events(&order), expected, "{way:?}");
        assert_eq!(
            order["timeline"].as_array().unwrap().last().unwrap()["actor"],
            format!("provider:{}", way.company())
        );
    }
    // Three orders of 20 USD, one of 200,000 VND.
    assert_eq!(stage.app.available("demo", "USD", "").await, "60.00");
    assert_eq!(stage.app.available("demo", "VND", "").await, "200000");
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    stage.finish().await;
}

#[tokio::test]
async fn case_02_notification_return_poll_and_verify_at_the_same_instant() {
    let stage = Stage::new().await;
    for way in Way::ALL {
        stage.mute(way.company(), true).await;
        let placed = stage.place(way).await;
        stage.play(&placed, way.pays(), json!({})).await;
        let withheld = stage.deliveries(&placed).await;
        assert!(!withheld.is_empty() && withheld.iter().all(|one| one["progress"] == "withheld"), "{withheld:#?}");
        stage.is_not_credited(&placed, "pending").await;
        stage.mute(way.company(), false).await;

        stage.execute("UPDATE top_up_orders SET ask_at = now()").await;
        let told = join_all(withheld.iter().map(|one| stage.resend(&placed, one["event"].as_str().unwrap())));
        let verified = join_all((0..4).map(|_| stage.verify(&placed)));
        let returned = async {
            match way {
                Way::Paypal | Way::Vnpay => join_all((0..2).map(|_| stage.come_back(&placed, ""))).await,
                // Stripe sends the browser straight to the platform's page.
                _ => Vec::new(),
            }
        };
        let (_, verified, returned, asked) =
            tokio::join!(told, verified, returned, workers::ask_about_orders(&stage.app.server.app));
        asked.unwrap();
        for reply in verified {
            reply.expect(200);
        }
        for reply in returned {
            let target = reply.expect(303).header("location").unwrap().to_owned();
            assert_eq!(target, format!("https://app.example.com/wallet?order={}", placed.id));
        }
        stage.until(&placed, "completed").await;
        stage.delivered(&placed, 1).await;
        stage.is_credited(&placed).await;
    }
    // The money was captured once, whatever the number of questions.
    let keys: std::collections::BTreeSet<String> =
        stage.calls("paypal", "capture_order").await.iter().map(|call| call["idempotency_key"].to_string()).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    stage.finish().await;
}

#[tokio::test]
async fn case_03_two_event_types_tell_of_one_payment() {
    let stage = Stage::new().await;
    stage.mute("stripe", true).await;
    for first in ["checkout.session.completed", "payment_intent.succeeded"] {
        let placed = stage.place(Way::Checkout).await;
        stage.play(&placed, "pay", json!({})).await;
        let mut told = stage.deliveries(&placed).await;
        told.sort_by_key(|one| one["kind"] != first);
        assert_eq!(told.len(), 2, "{told:#?}");
        for (at, delivery) in told.iter().enumerate() {
            stage.resend(&placed, delivery["event"].as_str().unwrap()).await;
            until("it is taken", async || {
                (stage.deliveries(&placed).await.iter().filter(|one| one["progress"] == "delivered").count() > at)
                    .then_some(())
            })
            .await;
            stage.is_credited(&placed).await;
        }
    }
    assert_eq!(stage.ask("SELECT count(*) FROM payments").await, ["2"]);
    assert_eq!(
        stage.ask("SELECT outcome FROM provider_events ORDER BY received_at").await,
        ["recorded", "already_settled", "recorded", "already_settled"]
    );
    stage.finish().await;
}

/// The event is stored, but the credit fails: for a while the table of entries refuses every row.
#[tokio::test]
async fn case_04_an_event_whose_crediting_failed_is_processed_when_it_is_repeated() {
    let stage = Stage::new().await;
    for way in Way::ALL {
        stage
            .execute(
                "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'no space left on device'; END $$;
                 CREATE TRIGGER no_space BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION no_space();",
            )
            .await;
        let placed = stage.place(way).await;
        stage.play(&placed, way.pays(), json!({})).await;
        let failed = until("the first attempt fails", async || {
            let deliveries = stage.deliveries(&placed).await;
            let tried = |one: &Value| one["attempts"].as_array().is_some_and(|all| !all.is_empty());
            (!deliveries.is_empty() && deliveries.iter().all(tried)).then_some(deliveries)
        })
        .await;
        for delivery in &failed {
            let first = &delivery["attempts"][0];
            let answer = (first["status"].as_u64().unwrap(), first["answer"].as_str().unwrap());
            let is_asked_to_repeat = match way {
                Way::Vnpay => answer == (200, r#"{"RspCode":"99","Message":"Unknow error"}"#),
                _ => answer.0 == 503 && answer.1.contains("try_again"),
            };
            assert!(is_asked_to_repeat, "{way:?}: {answer:?}");
        }
        // At PayPal the money is captured by now, so the order is `processing`.
        stage.is_not_credited(&placed, if way == Way::Paypal { "processing" } else { "pending" }).await;
        let stored = "SELECT count(*) FROM provider_events WHERE processed_at IS NULL AND error IS NOT NULL";
        assert_ne!(stage.ask(stored).await, ["0"]);
        assert_eq!(
            stage.ask(&format!("SELECT count(*) FROM payments WHERE provider = '{}'", way.company())).await,
            [if way == Way::Elements { "1" } else { "0" }]
        );

        stage.execute("DROP TRIGGER no_space ON entries; DROP FUNCTION no_space()").await;
        // The company sends the notification again.
        stage.until(&placed, "completed").await;
        stage.delivered(&placed, 2).await;
        stage.is_credited(&placed).await;
        assert_eq!(stage.ask(stored).await, ["0"]);
    }
    stage.finish().await;
}

#[tokio::test]
async fn case_13_money_after_cancellation_or_expiry_is_never_lost() {
    let stage = Stage::new().await;
    for way in [Way::Checkout, Way::Elements, Way::Vnpay] {
        for end in ["cancelled", "expired"] {
            let placed = stage.place(way).await;
            close(&stage, &placed, end).await;
            stage.is_not_credited(&placed, end).await;
            stage.play(&placed, "pay-late", json!({})).await;
            stage.until(&placed, "completed").await;
            stage.delivered(&placed, 1).await;
            let order = stage.is_credited(&placed).await;
            let told = order["timeline"].as_array().unwrap().last().unwrap()["detail"].as_str().unwrap().to_owned();
            assert!(told.ends_with(&format!("credited, although the order was {end}")), "{told}");
        }
    }
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    stage.finish().await;
}

/// At PayPal no money moves without our capture. A cancelled order is not captured. If another client captures it, the
/// money is credited.
#[tokio::test]
async fn case_13_paypal_takes_nothing_for_a_closed_order() {
    let stage = Stage::new().await;
    for end in ["cancelled", "expired"] {
        let placed = stage.place(Way::Paypal).await;
        close(&stage, &placed, end).await;
        stage.play(&placed, "approve", json!({})).await;
        stage.delivered(&placed, 1).await;
        stage.come_back(&placed, "").await.expect(303);
        stage.worker_asks().await;
        stage.is_not_credited(&placed, end).await;
        assert_eq!(stage.calls("paypal", "capture_order").await, Vec::<Value>::new());
    }
    for end in ["cancelled", "expired"] {
        let placed = stage.place(Way::Paypal).await;
        close(&stage, &placed, end).await;
        stage.play(&placed, "approve-never-notify", json!({})).await;
        crate::companies::capture_behind_our_back(&stage, &placed).await.expect(201);
        stage.worker_asks().await;
        stage.until(&placed, "completed").await;
        stage.is_credited(&placed).await;
    }
    stage.finish().await;
}

async fn close(stage: &Stage, placed: &Placed, end: &str) {
    if end == "cancelled" {
        assert_eq!(stage.cancel(placed).await.expect(200)["status"], "cancelled");
        // A repetition gets the same answer.
        assert_eq!(stage.cancel(placed).await.expect(200)["status"], "cancelled");
    } else {
        stage.expire(placed).await;
    }
}

#[tokio::test]
async fn case_15_expired_or_failed_after_paid_is_ignored() {
    let stage = Stage::new().await;
    let card = stage.place(Way::Checkout).await;
    stage.play(&card, "pay", json!({})).await;
    stage.until(&card, "completed").await;
    let session = json!({
        "id": card.at, "object": "checkout.session", "mode": "payment", "status": "expired", "payment_status": "unpaid",
        "amount_total": 2000, "currency": "usd", "client_reference_id": card.id, "livemode": false,
    });
    for kind in ["checkout.session.expired", "checkout.session.async_payment_failed"] {
        stripe_says(&stage, &stripe_event(kind, &session)).await.expect(200);
    }
    let popup = stage.place(Way::Elements).await;
    stage.play(&popup, "pay", json!({})).await;
    stage.until(&popup, "completed").await;
    for (kind, status) in
        [("payment_intent.payment_failed", "requires_payment_method"), ("payment_intent.canceled", "canceled")]
    {
        let intent = json!({
            "id": popup.at, "object": "payment_intent", "status": status, "amount": 2000, "currency": "usd",
            "metadata": {"order_id": popup.id, "flow": "elements"}, "livemode": false,
        });
        stripe_says(&stage, &stripe_event(kind, &intent)).await.expect(200);
    }
    let vnpay = stage.place(Way::Vnpay).await;
    stage.play(&vnpay, "pay", json!({})).await;
    stage.until(&vnpay, "completed").await;
    for (response, status) in [("24", "02"), ("11", "11"), ("51", "02")] {
        let mut late = vnpay_says(&vnpay.at, 200_000);
        late.insert("vnp_ResponseCode", response.to_owned());
        late.insert("vnp_TransactionStatus", status.to_owned());
        late.insert("vnp_TransactionNo", "0".to_owned());
        assert_eq!(vnpay_ipn(&stage, &late).await, "02");
    }
    // A late PENDING changes nothing either.
    let paypal = stage.place(Way::Paypal).await;
    stage.play(&paypal, "approve-pending", json!({})).await;
    // The order is `processing` from the approval on. The capture is done when the approval's notification is answered.
    stage.until(&paypal, "processing").await;
    stage.delivered(&paypal, 1).await;
    stage.play(&paypal, "complete", json!({})).await;
    stage.until(&paypal, "completed").await;
    let deliveries = stage.delivered(&paypal, 1).await;
    let pending = deliveries.iter().find(|one| one["kind"] == "PAYMENT.CAPTURE.PENDING").unwrap();
    stage.execute("DELETE FROM provider_events WHERE event_type = 'PAYMENT.CAPTURE.PENDING'").await;
    stage.resend(&paypal, pending["event"].as_str().unwrap()).await;
    until("it is told again", async || {
        let told = stage.ask("SELECT outcome FROM provider_events WHERE event_type = 'PAYMENT.CAPTURE.PENDING'").await;
        (told == ["already_settled"]).then_some(())
    })
    .await;
    for placed in [&card, &popup, &vnpay, &paypal] {
        stage.is_credited(placed).await;
    }
    stage.finish().await;
}

#[tokio::test]
async fn case_16_a_payment_that_nobody_tells_of_is_found() {
    let stage = Stage::new().await;
    let mut found = Vec::new();
    for way in Way::ALL {
        let placed = stage.place(way).await;
        stage.play(&placed, way.pays_silently(), json!({})).await;
        let verified = stage.verify(&placed).await.expect(200);
        assert_eq!(verified["status"], "completed");
        let last = verified["timeline"].as_array().unwrap().last().unwrap();
        assert_eq!(last["actor"], "customer:demo");
        found.push(placed);

        let placed = stage.place(way).await;
        let first = format!(
            "SELECT ask_at - created_at BETWEEN '0 seconds' AND '2 minutes' FROM top_up_orders WHERE id = '{}'",
            placed.id.trim_start_matches("tuo_")
        );
        assert_eq!(stage.ask(&first).await, ["true"], "the first question comes within minutes");
        stage.play(&placed, way.pays_silently(), json!({})).await;
        stage.worker_asks().await;
        let order = stage.until(&placed, "completed").await;
        assert_eq!(order["timeline"].as_array().unwrap().last().unwrap()["actor"], "system");
        found.push(placed);
    }
    for placed in &found {
        stage.is_credited(placed).await;
        let all = stage.deliveries(placed).await;
        // PayPal sends a notification of the capture, which follows the muted one.
        assert!(placed.way == Way::Paypal || all.iter().all(|one| one["progress"] == "withheld"), "{all:#?}");
    }
    stage.finish().await;
}

/// VNPay's link can be paid until it expires, whatever the first try was. The notification of the second try may be
/// missing.
#[tokio::test]
async fn case_16_a_failed_order_that_was_paid_after_all_is_found() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Vnpay).await;
    stage.play(&placed, "insufficient", json!({})).await;
    let order = stage.until(&placed, "failed").await;
    assert_eq!(order["reason"], "insufficient funds (response 51, status 02)");
    stage.play(&placed, "pay-never-notify", json!({})).await;
    stage.worker_asks().await;
    stage.until(&placed, "completed").await;
    stage.is_credited(&placed).await;
    stage.finish().await;
}

pub async fn put(stage: &Stage, path: &str, body: &Value, if_match: Option<&str>) -> Reply {
    let request = stage.app.operator().request(Method::PUT, path).json(body);
    Reply::of(if let Some(tag) = if_match { request.header("if-match", tag) } else { request }).await
}

pub fn rule(fee: &str, fee_on_top: bool, bonus: &str) -> Value {
    json!({
        "enabled": true, "rank": 1, "processing_time": "instant",
        "fee_percent": fee, "fee_on_top": fee_on_top, "bonus_percent": bonus,
    })
}

#[tokio::test]
async fn case_19_the_price_is_frozen_when_the_order_is_created() {
    let stage = Stage::new().await;
    let path = "/v1/admin/channel-rules/card/USD";
    put(&stage, path, &rule("2.9", true, "5"), Some("*")).await.expect(200);
    let placed = stage.place(Way::Checkout).await;
    // Before the payer pays, the operator changes every price and even disables the channel.
    put(&stage, path, &rule("50", false, "0"), Some("*")).await.expect(200);
    let mut closed = rule("90", false, "100");
    closed["enabled"] = json!(false);
    put(&stage, path, &closed, Some("*")).await.expect(200);

    stage.play(&placed, "pay", json!({})).await;
    let order = stage.until(&placed, "completed").await;
    assert_eq!(
        ["amount", "payable_amount", "received_amount", "fee", "bonus", "credited_amount"].map(|name| &order[name]),
        ["20.00", "20.58", "20.58", "0.58", "1.00", "20.00"]
    );
    let mut flows: Vec<_> =
        stage.flows(&placed).await.iter().map(|flow| format!("{} {}", flow["type"], flow["amount"])).collect();
    flows.sort();
    assert_eq!(flows, ["\"grant\" \"1.00\"", "\"recharge\" \"20.00\""]);
    let balances = stage.app.customer("demo").get("/v1/balances?currency=USD&product=").await.expect(200);
    let wallet = &balances["balances"][0];
    assert_eq!([&wallet["paid"], &wallet["granted"], &wallet["available"]], ["20.00", "1.00", "21.00"]);
    stage.finish().await;
}

#[tokio::test]
async fn case_20_currencies_without_decimals_to_the_company_and_back() {
    let stage = Stage::new().await;
    let options = json!({"presets": [], "minimum": "100", "maximum": "100000", "order_ttl_minutes": 60});
    put(&stage, "/v1/admin/top-up-options/JPY", &options, None).await.expect(201);
    for channel in ["card", "paypal"] {
        put(&stage, &format!("/v1/admin/channel-rules/{channel}/JPY"), &rule("0", false, "0"), None).await.expect(201);
    }
    for (way, currency, amount) in [
        (Way::Checkout, "VND", "250000"),
        (Way::Elements, "JPY", "1500"),
        (Way::Paypal, "JPY", "1700"),
        (Way::Vnpay, "VND", "310000"),
    ] {
        let mut order = way.order();
        (order["currency"], order["amount"]) = (json!(currency), json!(amount));
        let order = stage.app.customer("demo").post("/v1/top-up-orders", &order).await.expect(201);
        let placed = stage.placed(way, &order).await;
        let (operation, field) = match way {
            Way::Checkout => ("create_session", "line_items%5B0%5D%5Bprice_data%5D%5Bunit_amount%5D=250000&"),
            Way::Elements => ("create_payment_intent", "amount=1500&currency=jpy&"),
            Way::Paypal => ("create_order", r#""amount":{"currency_code":"JPY","value":"1700"}"#),
            Way::Vnpay => ("pay_page", "vnp_Amount=31000000&"),
        };
        let call = stage.calls(way.company(), operation).await.pop().unwrap();
        let sent = format!("{} {}", call["path"].as_str().unwrap(), call["body"].as_str().unwrap());
        assert!(sent.contains(field), "{sent}");
        stage.play(&placed, way.pays(), json!({})).await;
        let order = stage.until(&placed, "completed").await;
        assert_eq!([&order["received_amount"], &order["credited_amount"]], [amount, amount], "{way:?}");
    }
    assert_eq!(stage.app.available("demo", "VND", "").await, "560000");
    assert_eq!(stage.app.available("demo", "JPY", "").await, "3200");
    stage.finish().await;
}
