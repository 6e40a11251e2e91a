//! What a payer has to do next, in lists as in single orders; and where a payer lands whose order names no page.

use serde_json::{Value, json};

use crate::stage::{ordered, paid};
use crate::support::TestApp;

/// A page that is loaded again shows "continue" beside every order that waits, without a call for each of them.
#[tokio::test]
async fn lists_have_the_next_action_of_every_order() {
    let app = TestApp::spawn().await;
    let done = paid(&app, "alice", "card", "USD", "10.00").await;
    for (channel, currency, amount) in [
        ("card", "USD", "20.00"),
        ("bank_transfer", "CNY", "60.00"),
        ("bank_transfer", "CNY", "70.00"),
        ("paypal", "USD", "30.00"),
    ] {
        ordered(&app, "alice", channel, currency, amount).await;
    }
    let alice = app.customer("alice");
    let listed = alice.get("/v1/top-up-orders").await.expect(200)["data"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 5);
    for order in &listed {
        let single = alice.get(&format!("/v1/top-up-orders/{}", order["id"].as_str().unwrap())).await.expect(200);
        assert_eq!(order["next_action"], single["next_action"], "{order:#}");
        assert_eq!(order["id"] == json!(done), order["next_action"].is_null());
    }
    let of = |channel: &str| {
        listed.iter().find(|order| order["channel"] == channel && order["status"] == "pending").unwrap()
    };
    let paypal = &of("paypal")["next_action"]["redirect"];
    assert!(paypal["url"].as_str().unwrap().contains(paypal["paypal_order_id"].as_str().unwrap()), "{paypal:#}");
    assert_eq!(of("card")["next_action"]["redirect"]["paypal_order_id"], Value::Null);
    assert_eq!(of("bank_transfer")["next_action"]["bank_transfer"]["currency"], "CNY");
    let operator = app.operator().get("/v1/admin/top-up-orders").await.expect(200);
    assert!(operator["data"].as_array().unwrap().iter().any(|order| order["next_action"].is_object()));
    app.finish().await;
}

/// Only paid money that no hold reserves moves: the balance says how much that is, and so does a refusal.
#[tokio::test]
async fn what_can_be_moved_is_told_before_and_after_a_refusal() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    crate::tools::grant(&app, "alice", "40.00", json!({})).await;
    crate::tools::hold(&app, "alice", "h", "60.00", 600).await.expect(201);
    let alice = app.customer("alice");
    let balance = alice.get("/v1/balances").await.expect(200)["balances"][0].clone();
    assert_eq!((&balance["available"], &balance["transferable"]), (&json!("80.00"), &json!("80.00")));
    let body = json!({ "currency": "CNY", "amount": "80.01", "to_product": "sms" });
    let refused = alice.post("/v1/transfers", &body).await.problem(402, "insufficient_funds");
    assert_eq!(refused["insufficient_funds"]["transferable"], balance["transferable"]);
    assert!(refused["detail"].as_str().unwrap().contains("80.00 CNY of the main wallet"), "{}", refused.text);
    let body = json!({ "currency": "CNY", "amount": "80.00", "to_product": "sms" });
    alice.post("/v1/transfers", &body).await.expect(201);
    // Usage may take granted credit, too, so its refusal does not mention movable money.
    let usage = json!({ "id": "u", "customer_id": "alice", "currency": "CNY", "amount": "500" });
    let refused = app.service().post("/v1/usage", &usage).await.problem(402, "insufficient_funds");
    assert_eq!(refused["insufficient_funds"]["transferable"], Value::Null);
    app.finish().await;
}

/// Whoever comes back from a company without a page of the shop reads our own page, and not the API's documents.
#[tokio::test]
async fn a_payer_without_a_page_lands_on_a_plain_one() {
    let app = TestApp::spawn().await;
    let page = app.anonymous().get("/paid?order=tuo_00000000000000000000000000000000").await.expect(200);
    assert!(page.text.contains("You can close this page") && page.text.contains("zh-CN"), "{}", page.text);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    app.finish().await;
}
