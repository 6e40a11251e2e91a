//! Notifications that contradict what was known, come too early, or cannot be read.

use serde_json::{Value, json};

use crate::companies::capture_behind_our_back;
use crate::signing::{paid_session, stripe_event, stripe_says};
use crate::stage::{Placed, Stage, Way, until};

/// VNPay's rule to ask first is VNPay's alone: the signed word of the others counts, whether or not they can be asked.
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
    stage.execute(&format!("UPDATE top_up_orders SET status = 'failed', reason = 'DENIED' WHERE id = '{id}'")).await;
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

/// What a company answered to the first sending of its latest notification.
async fn answered(stage: &Stage, placed: &Placed) -> String {
    until("it is answered", async || {
        let deliveries = stage.deliveries(placed).await;
        let attempts = deliveries.last()?["attempts"].as_array()?.clone();
        attempts.first()?["answer"].as_str().map(str::to_owned)
    })
    .await
}

/// VNPay ends its notifications after ten: what it told of is on record meanwhile, and is credited once it says so.
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
