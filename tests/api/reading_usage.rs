//! What a platform reads of the usage that it has booked, and what a statement tells about its lines.

use serde_json::json;

use crate::stage::paid;
use crate::support::TestApp;
use crate::tools::transfer;

/// "What was this call?" has an answer: by the id under which it was booked.
#[tokio::test]
async fn usage_is_read_by_its_id_with_all_that_was_said_about_it() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let (service, alice) = (app.service(), app.customer("alice"));
    let usage = json!({
        "id": "call/17?#1", "customer_id": "alice", "currency": "CNY", "amount": "12.5", "description": "1 call",
        "metadata": { "model": "gpt-x" }, "occurred_at": "2026-11-20T10:00:00Z",
    });
    let booked = service.post("/v1/usage", &usage).await.expect(201);
    let path = "/v1/usage/call%2F17%3F%231";
    let read = alice.get(path).await.expect(200);
    for field in ["id", "currency", "customer_id", "description", "metadata", "occurred_at"] {
        assert_eq!(read[field], usage[field], "{field}");
    }
    for field in ["id", "status", "amount", "product", "balance_after", "debt", "created_at"] {
        assert_eq!(read[field], booked[field], "{field}");
    }
    assert_eq!(read["reversed_amount"], "0.00");
    let reversal = json!({ "id": "r", "customer_id": "alice", "usage_id": "call/17?#1", "amount": "2.5" });
    service.post("/v1/usage/reversals", &reversal).await.expect(201);
    assert_eq!(alice.get(path).await.expect(200)["reversed_amount"], "2.50");
    assert_eq!(service.get(&format!("{path}?customer_id=alice")).await.expect(200)["id"], usage["id"]);
    // Nobody else's, nothing that was not booked, and nobody unnamed.
    app.customer("bob").get(path).await.problem(404, "not_found");
    alice.get("/v1/usage/call-18").await.problem(404, "not_found");
    service.get(path).await.names("?customer_id", "required");
    // Words that other paths have are ids like others.
    let usage = json!({ "id": "batch", "customer_id": "alice", "currency": "CNY", "amount": "1" });
    service.post("/v1/usage", &usage).await.expect(201);
    assert_eq!(alice.get("/v1/usage/batch").await.expect(200)["amount"], "1.00");
    app.finish().await;
}

/// A line of a statement can be labelled without a call for each of them.
#[tokio::test]
async fn flows_tell_what_caused_them() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "CNY", "100.00").await;
    let alice = app.customer("alice");
    transfer(&app, "alice", "sms", "10.00").await;
    let usage = json!({
        "id": "u", "customer_id": "alice", "currency": "CNY", "amount": "1", "metadata": { "model": "gpt-x" },
        "occurred_at": "2026-11-20T10:00:00Z",
    });
    app.service().post("/v1/usage", &usage).await.expect(201);
    let flows = alice.get("/v1/account-flows").await.expect(200)["data"].as_array().unwrap().clone();
    let of = |kind: &str| flows.iter().find(|flow| flow["type"] == kind).unwrap();
    let shown = alice.get(&format!("/v1/top-up-orders/{order}")).await.expect(200);
    let recharge = of("recharge");
    assert_eq!((&recharge["reference_type"], &recharge["channel"]), (&json!("top_up_order"), &json!("card")));
    assert_eq!(recharge["order_reference"], shown["reference"]);
    assert_eq!(recharge.get("other_wallet"), None);
    let (out, back) = (of("transfer_out"), of("transfer_in"));
    assert_eq!((&out["reference_type"], &out["other_wallet"]), (&json!("transfer"), &json!({ "product": "sms" })));
    assert_eq!((&back["product"], &back["other_wallet"]), (&json!("sms"), &json!({ "product": null })));
    let consumed = of("consume");
    assert_eq!((&consumed["reference_type"], &consumed["reference"]), (&json!("usage"), &json!("u")));
    assert_eq!((&consumed["metadata"], &consumed["occurred_at"]), (&usage["metadata"], &usage["occurred_at"]));
    app.finish().await;
}
