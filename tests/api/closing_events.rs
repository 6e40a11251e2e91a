//! What a closing tells.

use serde_json::{Value, json};

use crate::closings::{advance, close, correct, payout, propose_payout, usage};
use crate::stage::{id, number, profile, until};
use crate::support::TestApp;
use crate::webhooks::{Partner, endpoint};

const WITHDRAW: &str = "/v1/admin/customers/alice/close/withdraw";

/// The events of closings of a customer, once there are so many.
async fn told(app: &TestApp, customer: &str, wanted: usize) -> Vec<Value> {
    let count = format!("count(*) FROM events WHERE noun = 'closing' AND customer_id = '{customer}' AND number > 0");
    until("the feed has them", async || number(app, &count).await >= wanted as i64).await;
    let page = app.service().get(&format!("/v1/events?limit=100&customer_id={customer}")).await.expect(200);
    let of_closings = |event: &&Value| event["type"].as_str().unwrap().starts_with("closing.");
    page["data"].as_array().unwrap().iter().filter(of_closings).cloned().collect()
}

#[tokio::test]
async fn a_closing_tells_each_of_its_states() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let states =
        ["waiting", "withdrawn", "waiting", "refunding", "payout", "closed", "reopened", "refunding", "payout"];
    let kinds: Vec<String> = states.iter().map(|state| format!("closing.{state}")).collect();
    let partner = Partner::content().await;
    endpoint(&app.service(), &partner.url(), &kinds[1..7].iter().map(String::as_str).collect::<Vec<_>>()).await;
    profile(&app, "alice").await;
    correct(&app, "alice", "25.00").await.expect(201);
    let mut held = usage("h1", None, "5");
    held["expires_in"] = json!(600);
    let held = app.service().post("/v1/holds", &held).await.expect(201);
    close(&operator, "nobody").await.problem(404, "not_found");

    let started = close(&operator, "alice").await.expect(200);
    close(&operator, "alice").await.expect(200);
    advance(&app, "alice").await;
    operator.post(WITHDRAW, &json!({ "reason": "a misunderstanding" })).await.expect(200);
    let release = format!("/v1/holds/{}/release", held["hold_id"].as_str().unwrap());
    app.service().post(&release, &json!({})).await.expect(200);
    assert_eq!(close(&operator, "alice").await.expect(200)["status"], "payout");
    let made = id(&propose_payout(&app, "ann", "alice").await.expect(202));
    payout(&app, "ben", &made, "approve", json!({})).await.expect(200);
    payout(&app, "ann", &made, "mark-sent", json!({ "bank_transaction_id": "OUT-1" })).await.expect(200);
    payout(&app, "ann", &made, "reject", json!({ "reason": "no such account" })).await.expect(200);

    let events = told(&app, "alice", states.len()).await;
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, kinds);
    for (event, state) in events.iter().zip(states) {
        let of = &event["data"]["closing"];
        assert_eq!((&of["status"], &of["customer_id"]), (&json!(state), &json!("alice")), "{event}");
        assert_eq!(of["closed_at"].is_string(), state == "closed");
    }
    assert_eq!(events[0]["data"]["closing"]["id"], started["id"]);
    assert_ne!(events[2]["data"]["closing"]["id"], started["id"]);
    // One schema: the list shows the last one as it was told.
    let listed = operator.get("/v1/admin/closings?status=payout").await.expect(200);
    let last = &events.last().unwrap()["data"]["closing"];
    for field in ["id", "status", "reason", "started_by", "started_at", "updated_at", "closed_at"] {
        assert_eq!(listed["data"][0][field], last[field], "{field}");
    }
    let posted = partner.events(states.len()).await;
    assert_eq!(posted, events);
    assert_eq!(number(&app, "count(*) FROM events WHERE noun = 'closing' AND customer_id <> 'alice'").await, 0);
    app.finish().await;
}
