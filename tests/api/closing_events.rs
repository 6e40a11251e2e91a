//! What a closing tells, what it ends, and what it says is missing.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::closings::{advance, close, closing, correct, payout, propose_payout, usage, waits};
use crate::stage::{id, number, ordered, paid, play, profile, quiet, read, timeline, until, with_status};
use crate::support::{Reply, TestApp};
use crate::webhooks::{Partner, endpoint};

const WITHDRAW: &str = "/v1/admin/customers/alice/close/withdraw";

/// The events of a customer's closings, once there are this many.
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
    // One schema: the list shows the last one as the event did.
    let listed = operator.get("/v1/admin/closings?status=payout").await.expect(200);
    let last = &events.last().unwrap()["data"]["closing"];
    for field in ["id", "status", "started_at", "updated_at", "closed_at"] {
        assert_eq!(listed["data"][0][field], last[field], "{field}");
    }
    // A service learns neither the reason nor which operator it was.
    assert_eq!((&last["reason"], &last["started_by"]), (&json!(null), &json!("operator")));
    let known = operator.get("/v1/events?type=closing.payout&customer_id=alice").await.expect(200);
    let known = &known["data"][1]["data"]["closing"];
    for field in ["reason", "started_by"] {
        assert_eq!(listed["data"][0][field], known[field], "{field}");
        assert!(known[field].is_string());
    }
    let posted = partner.events(states.len()).await;
    assert_eq!(posted, events);
    assert_eq!(number(&app, "count(*) FROM events WHERE noun = 'closing' AND customer_id <> 'alice'").await, 0);
    app.finish().await;
}

async fn ask(app: &TestApp, customer: &str, order: &str) -> Reply {
    let body = json!({ "order_id": order, "reason": "a wrong account" });
    app.customer(customer).post("/v1/refund-requests", &body).await
}

#[tokio::test]
async fn a_closing_ends_refund_requests_and_none_is_made_while_it_goes_on() {
    let app = TestApp::spawn_with(|config| config.second_approval_above = vec!["USD:30".parse().unwrap()]).await;
    let (operator, ben, alice) = (app.operator(), app.operator_named("ben"), app.customer("alice"));
    let small = paid(&app, "alice", "card", "USD", "20.00").await;
    let large = paid(&app, "alice", "card", "USD", "31.00").await;
    let pending = ordered(&app, "alice", "card", "USD", "8.00").await;
    let waiting = id(&ask(&app, "alice", &small).await.expect(201));
    // The refund of the larger order waits for a second operator, and so does its request.
    let proposed = id(&ask(&app, "alice", &large).await.expect(201));
    let path = format!("/v1/admin/refund-requests/{proposed}/approve");
    let refund = ben.post(&path, &json!({})).await.expect(202)["refund_id"].as_str().unwrap().to_owned();

    let started = close(&operator, "alice").await.expect(200);
    assert_eq!((&started["status"], waits(&started)), (&json!("waiting"), vec![("open_refunds".to_owned(), 1)]));
    let shown = async |request: &str| alice.get(&format!("/v1/refund-requests/{request}")).await.expect(200);
    let told = shown(&waiting).await;
    let answer = "the account is being closed, and its closing gives back what is left";
    assert_eq!((&told["status"], &told["answer"]), (&json!("refused"), &json!(answer)));
    // A worker may have come first.
    assert!(["operator", "system"].contains(&told["decided_by"].as_str().unwrap()), "{}", told.text);
    assert!(timeline(&app, &small).await.contains(&"refund_request_refused".to_owned()));
    let lines = |request: &str| {
        format!("count(*) FROM audit_log WHERE action = 'refund_request.refused' AND target LIKE '%{request}'")
    };
    assert_eq!(number(&app, &lines(&waiting)).await, 1);
    ask(&app, "alice", &small).await.problem(409, "account_closed");
    // An operator has to reject the proposal: it moves no money any more.
    assert_eq!(shown(&proposed).await["status"], "waiting");
    let path = format!("/v1/admin/refunds/{refund}");
    operator.post(&format!("{path}/approve"), &json!({})).await.problem(409, "account_closed");
    operator.post(&format!("{path}/reject"), &json!({ "reason": "the closing does it" })).await.expect(200);
    advance(&app, "alice").await;
    assert_eq!(shown(&proposed).await["status"], "refused");
    assert_eq!(number(&app, &lines(&proposed)).await, 1);
    assert_eq!(closing(&app, "alice").await["status"], "refunding");
    ask(&app, "alice", &small).await.problem(409, "account_closed");
    // An earlier order stays as it is, whatever arrives for it.
    play(&app, "stripe", &pending, "pay-late", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(read(&app, &pending).await["status"], "cancelled");
    assert_eq!(read(&app, &small).await["status"], "completed");

    // A closing that is withdrawn does not bring them back, but the customer can ask again.
    let order = paid(&app, "bob", "card", "USD", "9.00").await;
    let mut held = usage("h1", None, "5");
    (held["customer_id"], held["expires_in"]) = (json!("bob"), json!(600));
    app.service().post("/v1/holds", &held).await.expect(201);
    ask(&app, "bob", &order).await.expect(201);
    close(&operator, "bob").await.expect(200);
    ask(&app, "bob", &order).await.problem(409, "account_closed");
    let withdraw = WITHDRAW.replace("alice", "bob");
    operator.post(&withdraw, &json!({ "reason": "a misunderstanding" })).await.expect(200);
    ask(&app, "bob", &order).await.expect(201);
    app.check().await;
    app.finish().await;
}

#[tokio::test]
async fn refund_requests_race_a_closing_and_none_is_left_waiting() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    for customer in ["anna", "bert", "cleo"] {
        let mut orders = Vec::new();
        for amount in ["10.00", "11.00", "12.00"] {
            orders.push(paid(&app, customer, "card", "USD", amount).await);
        }
        let asks = join_all(orders.iter().map(|order| ask(&app, customer, order)));
        let closes = join_all((0..2).map(|_| close(&operator, customer)));
        let (asks, closes) = futures_util::join!(asks, closes);
        assert_eq!(with_status(&closes, 200), 2);
        for reply in &asks {
            assert!(reply.status == 201 || reply["code"] == "account_closed", "{}", reply.text);
        }
        until("it is closed", async || {
            quiet(&app, "stripe").await;
            join_all((0..2).map(|_| advance(&app, customer))).await;
            closing(&app, customer).await["status"] == "closed"
        })
        .await;
        let refused = format!("count(*) FROM refund_requests WHERE customer_id = '{customer}' AND status = 'refused'");
        assert_eq!(number(&app, &refused).await, with_status(&asks, 201) as i64, "{customer}");
        let all = refused.replace(" AND status = 'refused'", "");
        assert_eq!(number(&app, &all).await, number(&app, &refused).await);
    }
    app.check().await;
    app.finish().await;
}

#[tokio::test]
async fn what_a_payout_lacks_is_told_to_operator_and_customer() {
    let app = TestApp::spawn().await;
    let (operator, alice) = (app.operator(), app.customer("alice"));
    correct(&app, "alice", "25.00").await.expect(201);
    let closed = close(&operator, "alice").await.expect(200);
    assert_eq!((&closed["status"], waits(&closed)), (&json!("payout"), vec![("billing_profile".to_owned(), 1)]));
    propose_payout(&app, "ann", "alice").await.problem(422, "billing_profile_required");
    profile(&app, "alice").await;
    let told = alice.get("/v1/account-closing").await.expect(200);
    assert_eq!(waits(&told), [("bank_account".to_owned(), 1)]);
    let accounts = operator.get("/v1/admin/bank-accounts").await.expect(200);
    let ours = accounts["data"].as_array().unwrap().iter().find(|account| account["currency"] == "USD").unwrap();
    let body = json!({ "customer_id": "alice", "currency": "USD", "bank_account_id": ours["id"] });
    let refused = operator.post("/v1/admin/payouts", &body).await;
    assert!(refused.text.contains("the billing profile names no bank account"), "{}", refused.text);
    refused.names("/account", "required");
    let details = json!({ "name": "alice", "email": "alice@example.com", "country": "VN", "bank_account": "622848" });
    alice.send(Method::PUT, "/v1/billing-profile", Some(&details), None).await.expect(200);
    assert_eq!(waits(&alice.get("/v1/account-closing").await.expect(200)), []);
    let proposed = operator.post("/v1/admin/payouts", &body).await.expect(202);
    assert_eq!(proposed["beneficiary"]["account"], "622848");
    assert_eq!(waits(&closing(&app, "alice").await), [("open_payouts".to_owned(), 1)]);
    app.finish().await;
}
