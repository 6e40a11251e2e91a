//! Money that does not complete its order: the order waits for the rest, and its payer can neither lose nor cancel it.

use serde_json::{Value, json};
use topup::workers;
use uuid::Uuid;

use crate::signing::{paid_session, stripe_event, stripe_says};
use crate::stage::{Placed, Stage, Way, events};

fn session(placed: &Placed, cents: i64) -> Value {
    paid_session(&placed.at, &placed.id, cents, "usd")
}

async fn arrives(stage: &Stage, session: &Value) {
    stripe_says(stage, &stripe_event("checkout.session.completed", session)).await.expect(200);
}

/// The payment company reports a refund that was made at its dashboard.
async fn goes_back(stage: &Stage, session: &Value, cents: i64) {
    let refund = json!({
        "id": format!("re_{}", Uuid::now_v7().simple()), "object": "refund", "amount": cents, "currency": "usd",
        "status": "succeeded", "payment_intent": session["payment_intent"], "metadata": {},
    });
    stripe_says(stage, &stripe_event("refund.created", &refund)).await.expect(200);
}

async fn waits(stage: &Stage, placed: &Placed, arrived: &str, missing: &str) {
    let order = stage.is_not_credited(placed, "processing").await;
    assert_eq!(order["reason_code"], "short_payment", "{order:#}");
    let currency = placed.way.currency();
    let told = json!({"arrived": [{"currency": currency, "amount": arrived}], "missing_amount": missing});
    assert_eq!(order["short_payment"], told, "{order:#}");
    assert_eq!(order["next_action"], Value::Null);
}

#[tokio::test]
async fn a_short_payment_keeps_its_order_open_until_the_full_amount_comes() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Vnpay).await;
    stage.play(&placed, "pay-short", json!({})).await;
    stage.until(&placed, "processing").await;
    waits(&stage, &placed, "100000", "100000").await;
    // Neither the customer nor the clock ends it.
    stage.cancel(&placed).await.problem(409, "order_not_cancellable");
    stage.execute("UPDATE top_up_orders SET expires_at = now()").await;
    workers::expire_orders(&stage.app.server.app).await.unwrap();
    stage.worker_asks().await;
    waits(&stage, &placed, "100000", "100000").await;
    stage.finish().await;
}

#[tokio::test]
async fn the_full_amount_completes_a_short_order_and_the_first_payment_stays_in_the_inbox() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Checkout).await;
    arrives(&stage, &session(&placed, 1500)).await;
    waits(&stage, &placed, "15.00", "5.00").await;
    // A second short one is added, and still does not complete it.
    arrives(&stage, &session(&placed, 700)).await;
    waits(&stage, &placed, "22.00", "0.00").await;
    arrives(&stage, &session(&placed, 2000)).await;
    let order = stage.is_credited(&placed).await;
    assert_eq!((&order["reason_code"], &order["short_payment"]), (&Value::Null, &Value::Null), "{order:#}");
    let mut kept: Vec<_> = stage.unapplied().await.iter().map(|one| one["unapplied_amount"].to_string()).collect();
    kept.sort();
    assert_eq!(kept, [r#""15.00""#, r#""7.00""#]);
    stage.finish().await;
}

#[tokio::test]
async fn a_short_order_fails_when_all_of_its_money_went_back() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Checkout).await;
    let (first, second) = (session(&placed, 1500), session(&placed, 200));
    arrives(&stage, &first).await;
    arrives(&stage, &second).await;
    goes_back(&stage, &first, 500).await;
    waits(&stage, &placed, "12.00", "8.00").await;
    goes_back(&stage, &first, 1000).await;
    waits(&stage, &placed, "2.00", "18.00").await;
    goes_back(&stage, &second, 200).await;
    let order = stage.is_not_credited(&placed, "failed").await;
    assert_eq!(order["reason_code"], "payment_returned", "{order:#}");
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    // A repetition of the first statement does not open it again.
    arrives(&stage, &first).await;
    stage.is_not_credited(&placed, "failed").await;
    // Verified money of the full amount still wins.
    arrives(&stage, &session(&placed, 2000)).await;
    stage.is_credited(&placed).await;
    stage.finish().await;
}

/// Either the order is cancelled before the money comes, or the money comes first and nobody cancels it.
#[tokio::test]
async fn a_short_payment_and_a_cancellation_race() {
    let stage = Stage::new().await;
    for _ in 0..8 {
        let placed = stage.place(Way::Checkout).await;
        let paid = session(&placed, 1500);
        let (cancelled, ()) = tokio::join!(stage.cancel(&placed), arrives(&stage, &paid));
        let order = stage.order(&placed).await;
        match cancelled.status {
            200 => assert_eq!(order["status"], "cancelled", "{order:#}"),
            _ => waits(&stage, &placed, "15.00", "5.00").await,
        }
        assert!(events(&order).contains(&"payment_unapplied"), "{order:#}");
    }
    assert_eq!(stage.unapplied().await.len(), 8);
    stage.finish().await;
}

/// Of a payment that serves an order and has a rest, a refund at the company takes the rest first.
#[tokio::test]
async fn what_goes_back_at_the_company_takes_the_unapplied_rest_before_the_order() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Checkout).await;
    let paid = session(&placed, 3000);
    arrives(&stage, &paid).await;
    let payment = stage.unapplied().await[0]["id"].as_str().unwrap().to_owned();
    let apply = json!({"order_id": placed.id, "amount": "20.00", "reason": "the rest is for later"});
    let path = format!("/v1/admin/unapplied-payments/{payment}/apply");
    stage.app.operator().post(&path, &apply).await.expect(200);
    stage.is_credited(&placed).await;
    goes_back(&stage, &paid, 400).await;
    assert_eq!(stage.order(&placed).await["refunded_amount"], "0.00");
    assert_eq!(stage.unapplied().await[0]["unapplied_amount"], "6.00");
    goes_back(&stage, &paid, 900).await;
    assert_eq!(stage.order(&placed).await["refunded_amount"], "3.00");
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    let parts = "SELECT amount::float8 || ' ' || from_unapplied::float8 FROM refunds ORDER BY amount";
    assert_eq!(stage.ask(parts).await, ["4 4", "9 6"]);
    assert_eq!(stage.app.available(&placed.customer, "USD", "").await, "17.00");
    stage.finish().await;
}
