//! What the wallet is to get, and what the payer pays: a fee on top is paid, credited to nobody, and given back like
//! any other fee.

use serde_json::json;

use crate::stage::{
    approve, balance, issue_papers, number, order, ordered, paid, play, profile, quiet, read, unconfirmed,
};
use crate::support::{Reply, TestApp, execute};

const AMOUNTS: [&str; 5] = ["amount", "payable_amount", "received_amount", "fee", "credited_amount"];

async fn with_a_fee_on_top(percent: &str) -> TestApp {
    let app = TestApp::spawn().await;
    execute(&app.database, &format!("UPDATE channel_rules SET fee_percent = {percent}, fee_on_top = true")).await;
    app
}

fn amounts(of: &Reply) -> [Option<&str>; 5] {
    AMOUNTS.map(|name| of[name].as_str())
}

async fn refund(app: &TestApp, order: &str, amount: &str) -> Reply {
    let body = json!({ "order_id": order, "amount": amount, "reason": "a test of amounts" });
    let reply = app.operator().post("/v1/admin/refunds", &body).await;
    quiet(app, "stripe").await;
    reply
}

#[tokio::test]
async fn a_card_pays_the_fee_on_top_and_a_refund_gives_it_back() {
    let app = with_a_fee_on_top("2.5").await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    let now = read(&app, &order).await;
    let expected = ["100.00", "102.50", "102.50", "2.50", "100.00"].map(Some);
    assert_eq!((amounts(&now), &now["fee_on_top"]), (expected, &json!(true)));
    assert_eq!(now["refundable_amount"], "102.50");
    assert_eq!(number(&app, "count(*) FROM payments WHERE amount = 102.5 AND applied = 102.5").await, 1);
    assert_eq!(balance(&app, "alice", "USD").await["paid"], "100.00");

    // Half of the payment is half of the credit, and half of the fee.
    refund(&app, &order, "51.25").await.expect(201);
    assert_eq!(balance(&app, "alice", "USD").await["paid"], "50.00");
    refund(&app, &order, "51.26").await.problem(409, "refund_exceeds_payment");
    refund(&app, &order, "51.25").await.expect(201);
    assert_eq!(balance(&app, "alice", "USD").await["paid"], "0.00");

    issue_papers(&app).await;
    let receipt =
        &app.customer("alice").get(&format!("/v1/top-up-orders/{order}/receipt")).await.expect(200)["receipt"];
    let figures = ["amount", "fee", "tax", "credited"].map(|name| &receipt[name]);
    assert_eq!(figures, ["102.50", "2.50", "0.00", "100.00"]);

    // Operators search by the paid amount.
    let found =
        app.operator().get("/v1/admin/top-up-orders?currency=USD&amount_from=102&amount_to=103").await.expect(200);
    assert_eq!(found["data"][0]["id"], order);
    app.finish().await;
}

#[tokio::test]
async fn a_bank_transfer_is_asked_for_with_the_fee_and_divided_by_it() {
    let app = with_a_fee_on_top("10").await;
    for (received, fee, credited) in
        [("110.00", "10.00", "100.00"), ("55.00", "5.00", "50.00"), ("111.10", "10.10", "101.00")]
    {
        let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
        let asked = read(&app, &order).await;
        assert_eq!(asked["next_action"]["bank_transfer"]["amount"], "110.00");
        assert_eq!(asked["credited_amount"], "100.00");
        let line = format!("line {received}");
        if received != "110.00" {
            let path = format!("/v1/admin/top-up-orders/{order}/approve");
            app.operator().post(&path, &unconfirmed("100", &line)).await.problem(422, "confirm_difference");
        }
        let done = approve(&app.operator(), &order, received, &line).await.expect(200);
        assert_eq!((&done["received_amount"], &done["credited_amount"]), (&json!(received), &json!(credited)));
        issue_papers(&app).await;
        let papers = app.customer("alice").get(&format!("/v1/top-up-orders/{order}/receipt")).await.expect(200);
        assert_eq!(["amount", "fee", "credited"].map(|name| &papers["receipt"][name]), [received, fee, credited]);
        let kept = format!("count(*) FROM payment_applications WHERE amount = {received} AND fee = {fee}");
        assert_eq!(number(&app, &kept).await, 1);
    }
    assert_eq!(balance(&app, "alice", "CNY").await["paid"], "251.00");
    app.finish().await;
}

#[tokio::test]
async fn short_money_and_limits_are_about_what_is_paid() {
    let app = with_a_fee_on_top("25").await;
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    let minimum = "UPDATE channel_rules SET minimum = 10 WHERE channel = 'card' AND currency = 'USD'";
    execute(&app.database, minimum).await;
    alice.post("/v1/top-up-orders", &order("card", "USD", "7.99")).await.names("/amount", "below_minimum");
    let quote =
        alice.post("/v1/quotes", &json!({"currency": "USD", "amount": "8", "channel": "card"})).await.expect(200);
    assert_eq!(["amount", "payable_amount", "credited_amount"].map(|name| &quote[name]), ["8.00", "10.00", "8.00"]);

    // Whoever pays the amount without the fee has paid short.
    let order = ordered(&app, "alice", "vnpay", "VND", "100000").await;
    let page = read(&app, &order).await["next_action"]["redirect"]["url"].as_str().unwrap().to_owned();
    assert!(page.contains("vnp_Amount=12500000&"), "{page}");
    let reference = page.split("vnp_TxnRef=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert!(reqwest::get(&page).await.unwrap().status().is_success());
    play(&app, "vnpay", &reference, "pay-short", json!({ "amount": 10_000_000 })).await;
    quiet(&app, "vnpay").await;
    let short = read(&app, &order).await;
    assert_eq!((&short["status"], &short["reason_code"]), (&json!("processing"), &json!("short_payment")));
    assert_eq!(short["short_payment"]["missing_amount"], "25000");

    // The database refuses figures that do not agree.
    for change in ["payable_amount = 8", "amount = 9", "fee_on_top = false", "credited_amount = 7"] {
        let refused =
            refused_by_the_database(&app, &format!("UPDATE top_up_orders SET {change} WHERE payable_amount = 125000"))
                .await;
        assert!(refused.contains("top_up_orders_payable") || refused.contains("top_up_orders_to_credit"), "{refused}");
    }
    app.finish().await;
}

/// The database's error for a statement.
async fn refused_by_the_database(app: &TestApp, sql: &str) -> String {
    let mut conn = topup::storage::pool::connect(&crate::support::url(&app.database)).await.unwrap();
    diesel_async::SimpleAsyncConnection::batch_execute(&mut conn, sql).await.unwrap_err().to_string()
}
