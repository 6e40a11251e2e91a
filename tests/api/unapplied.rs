//! Money that serves no order: operators find it, apply it, send it back or dismiss it, and each part only once.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{balance, id, number, ordered, play, quiet, read, statement, until, with_status};
use crate::support::{Reply, TestApp, sandbox};
use crate::tools::ask;

pub async fn unapplied(app: &TestApp, filter: &str) -> Vec<Value> {
    let found = app.operator().get(&format!("/v1/admin/unapplied-payments?limit=100&{filter}")).await.expect(200);
    found["data"].as_array().unwrap().clone()
}

fn rest(payments: &[Value]) -> Vec<&str> {
    payments.iter().map(|payment| payment["unapplied_amount"].as_str().unwrap()).collect()
}

/// An order of 20 USD by card that was paid twice: the second payment's id.
pub async fn paid_twice(app: &TestApp, customer: &str) -> (String, String) {
    let order = ordered(app, customer, "card", "USD", "20.00").await;
    play(app, "stripe", &order, "pay-twice", json!({})).await;
    quiet(app, "stripe").await;
    until("the second payment is recorded", async || unapplied(app, &format!("order={order}")).await.len() == 1).await;
    let payment = unapplied(app, &format!("order={order}")).await[0]["id"].as_str().unwrap().to_owned();
    (order, payment)
}

/// An order of 200,000 VND of which a part was paid.
async fn paid_short(app: &TestApp) -> String {
    let order = ordered(app, "alice", "vnpay", "VND", "200000").await;
    let reference = ask(app, "SELECT provider_reference FROM attempts").await.remove(0);
    let shown = app.customer("alice").get(&format!("/v1/top-up-orders/{order}")).await.expect(200);
    let page = shown.body.pointer("/next_action/redirect/url").and_then(Value::as_str).unwrap();
    let path = &page[page.find("/vnpay").unwrap()..];
    sandbox::call(app, Method::GET, path, None).await.expect(303);
    play(app, "vnpay", &reference, "pay-short", json!({})).await;
    until("it is recorded", async || !unapplied(app, "").await.is_empty()).await;
    order
}

pub async fn decide(app: &TestApp, operator: &str, payment: &str, what: &str, body: Value) -> Reply {
    app.operator_named(operator).post(&format!("/v1/admin/unapplied-payments/{payment}/{what}"), &body).await
}

pub fn to_wallet(customer: &str, amount: Option<&str>) -> Value {
    let mut body = json!({ "customer_id": customer, "reason": "wants to keep it" });
    if let Some(amount) = amount {
        body["amount"] = json!(amount);
    }
    body
}

#[tokio::test]
async fn a_second_payment_is_found_and_credited_in_parts() {
    let app = TestApp::spawn().await;
    let (order, payment) = paid_twice(&app, "alice").await;
    for filter in ["provider=stripe", "currency=USD", "customer_id=alice", "received_from=2026-01-01T00:00:00Z"] {
        assert_eq!(rest(&unapplied(&app, filter).await), ["20.00"], "{filter}");
    }
    for filter in ["provider=paypal", "currency=CNY", "customer_id=bob", "received_to=2026-01-01T00:00:00Z"] {
        assert!(unapplied(&app, filter).await.is_empty(), "{filter}");
    }
    let counted = app.operator().get("/v1/admin/unapplied-payments?with_total=true").await.expect(200);
    assert_eq!(counted["totals"], json!([{ "currency": "USD", "count": 1, "unapplied_amount": "20.00" }]));

    let part = decide(&app, "ops", &payment, "apply", to_wallet("alice", Some("12.50"))).await.expect(200);
    assert_eq!((&part["status"], &part["amount"]), (&json!("done"), &json!("12.50")));
    assert_eq!(balance(&app, "alice", "USD").await["paid"], "32.50");
    assert_eq!(rest(&unapplied(&app, "").await), ["7.50"]);
    decide(&app, "ops", &payment, "apply", to_wallet("alice", Some("7.51"))).await.problem(409, "nothing_unapplied");
    let mut rest_of_it = to_wallet("alice", None);
    rest_of_it["product"] = json!("sms");
    decide(&app, "ops", &payment, "apply", rest_of_it).await.expect(200);
    assert_eq!(app.available("alice", "USD", "sms").await, "7.50");
    assert!(unapplied(&app, "").await.is_empty());
    decide(&app, "ops", &payment, "apply", to_wallet("alice", None)).await.problem(409, "nothing_unapplied");
    // The order stays what it was, and operators see both payments on it.
    let shown = read(&app, &order).await;
    assert_eq!((&shown["status"], &shown["credited_amount"]), (&json!("completed"), &json!("20.00")));
    assert_eq!(shown["payments"].as_array().unwrap().len(), 2);
    let log = app.operator().get(&format!("/v1/admin/audit-log?target=payment:{payment}")).await.expect(200);
    assert_eq!(log["data"].as_array().unwrap().len(), 2);
    app.finish().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_its_name() {
    let app = TestApp::spawn().await;
    let (order, payment) = paid_twice(&app, "alice").await;
    let refused = async |body: Value, pointer: &str, code: &str| {
        decide(&app, "ops", &payment, "apply", body).await.names(pointer, code);
    };
    refused(json!({ "reason": "r" }), "/order_id", "required").await;
    let both = json!({ "order_id": order, "customer_id": "alice", "reason": "r" });
    refused(both, "/customer_id", "invalid_value").await;
    refused(json!({ "customer_id": "alice", "reason": "r", "amount": "0" }), "/amount", "not_positive").await;
    refused(json!({ "customer_id": "alice", "reason": "r", "amount": "1.001" }), "/amount", "too_precise").await;
    refused(json!({ "customer_id": "alice", "reason": "r", "product": "fax" }), "/product", "unknown_product").await;
    let nowhere = json!({ "order_id": "tuo_00000000000000000000000000000000", "reason": "r" });
    refused(nowhere, "/order_id", "unknown").await;
    let cny = ordered(&app, "alice", "card", "CNY", "20.00").await;
    refused(json!({ "order_id": cny, "reason": "r" }), "/order_id", "currency_mismatch").await;
    let transfer = ordered(&app, "alice", "bank_transfer", "USD", "20.00").await;
    refused(json!({ "order_id": transfer, "reason": "r" }), "/order_id", "invalid_value").await;
    let completed = json!({ "order_id": order, "reason": "r" });
    decide(&app, "ops", &payment, "apply", completed).await.problem(409, "order_already_completed");
    // No operator decides about the operator's own money.
    decide(&app, "alice", &payment, "apply", to_wallet("alice", None)).await.problem(403, "own_account");
    assert_eq!(rest(&unapplied(&app, "").await), ["20.00"]);
    app.finish().await;
}

/// Whatever several operators do at once, each part of the money goes one way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_decisions_at_once_no_part_is_used_twice() {
    let app = TestApp::spawn().await;
    let (_, payment) = paid_twice(&app, "alice").await;
    let names: Vec<String> = (0..8).map(|n| format!("operator-{n}")).collect();
    let decisions = names.iter().enumerate().map(|(n, name)| match n % 2 {
        0 => decide(&app, name, &payment, "apply", to_wallet("bob", Some("15.00"))),
        _ => decide(&app, name, &payment, "apply", to_wallet("carol", Some("15.00"))),
    });
    let answers = join_all(decisions).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 409)), (1, 7), "{answers:#?}");
    assert_eq!(rest(&unapplied(&app, "").await), ["5.00"]);
    let returned = names.iter().map(|name| decide(&app, name, &payment, "return", json!({ "reason": "theirs" })));
    let answers = join_all(returned).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 409)), (1, 7), "{answers:#?}");
    assert_eq!(number(&app, "count(*) FROM refunds").await, 1);
    quiet(&app, "stripe").await;
    app.finish().await;
}

#[tokio::test]
async fn the_company_sends_it_back() {
    let app = TestApp::spawn().await;
    let (order, payment) = paid_twice(&app, "alice").await;
    let key = "a key of this test";
    let path = format!("/v1/admin/unapplied-payments/{payment}/return");
    let body = json!({ "reason": "paid twice" });
    let key = key.replace(' ', "-");
    let sent = app.operator().post_with_key(&path, &body, &key).await.expect(200);
    let again = app.operator().post_with_key(&path, &body, &key).await.expect(200);
    assert_eq!((&again["id"], again.header("idempotent-replayed")), (&sent["id"], Some("true")));
    quiet(&app, "stripe").await;
    let refund = sent["refund_id"].as_str().unwrap();
    until("the company has made it", async || {
        let shown = app.operator().get(&format!("/v1/admin/refunds/{refund}")).await.expect(200);
        shown["status"] == "succeeded"
    })
    .await;
    let shown = app.operator().get(&format!("/v1/admin/refunds/{refund}")).await.expect(200);
    assert_eq!((&shown["amount"], &shown["debited_amount"]), (&json!("20.00"), &json!("0.00")));
    assert!(unapplied(&app, "").await.is_empty());
    // Neither the order nor the customer lost anything.
    assert_eq!(read(&app, &order).await["refunded_amount"], "0.00");
    assert_eq!(balance(&app, "alice", "USD").await["paid"], "20.00");
    app.finish().await;
}

#[tokio::test]
async fn what_was_sent_by_hand_needs_two_operators() {
    let app = TestApp::spawn().await;
    let order = paid_short(&app).await;
    let payment = unapplied(&app, "").await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(read(&app, &order).await["reason_code"], "short_payment");

    let by_hand = json!({ "bank_transaction_id": "OUT-77", "reason": "short" });
    let proposed = decide(&app, "anna", &payment, "return", by_hand.clone()).await.expect(202);
    assert_eq!(proposed["status"], "awaiting_second_approval");
    decide(&app, "ben", &payment, "return", by_hand).await.problem(409, "decision_waiting");
    let waiting = app.operator().get("/v1/admin/unapplied-decisions").await.expect(200);
    assert_eq!(waiting["data"][0]["id"], proposed["id"]);
    let path = format!("/v1/admin/unapplied-decisions/{}", id(&proposed));
    let approve = format!("{path}/approve");
    app.operator_named("anna").post(&approve, &json!({})).await.problem(409, "second_operator_needed");
    let approvals = (0..4).map(|n| {
        let (app, approve) = (&app, &approve);
        async move { app.operator_named(&format!("ben-{n}")).post(approve, &json!({})).await }
    });
    let answers = join_all(approvals).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 409)), (1, 3), "{answers:#?}");
    assert!(unapplied(&app, "").await.is_empty());
    let closed = read(&app, &order).await;
    assert_eq!(closed["status"], "failed", "all of its money went back: {}", closed.text);
    app.operator_named("anna").post(&format!("{path}/withdraw"), &json!({})).await.problem(409, "nothing_proposed");
    app.finish().await;
}

/// The bank sends it back: it is in the inbox again, although the company can refund. No operator decides about the
/// operator's own money.
#[tokio::test]
async fn what_was_sent_by_hand_may_come_back() {
    let app = TestApp::spawn().await;
    paid_short(&app).await;
    let payment = unapplied(&app, "").await[0].clone();
    let id = payment["id"].as_str().unwrap();
    let by_hand = json!({ "bank_transaction_id": "OUT-78", "reason": "short" });
    decide(&app, "alice", id, "return", by_hand.clone()).await.problem(403, "own_account");
    let proposed = decide(&app, "anna", id, "return", by_hand).await.expect(202);
    let approve = format!("/v1/admin/unapplied-decisions/{}/approve", proposed["id"].as_str().unwrap());
    app.operator_named("alice").post(&approve, &json!({})).await.problem(403, "own_account");
    let done = app.operator_named("ben").post(&approve, &json!({})).await.expect(200);
    assert!(unapplied(&app, "").await.is_empty());
    let reject = format!("/v1/admin/refunds/{}/reject", done["refund_id"].as_str().unwrap());
    let ended = app.operator_named("carol").post(&reject, &json!({ "reason": "account closed" })).await.expect(200);
    assert_eq!(ended["status"], "failed");
    assert_eq!(rest(&unapplied(&app, "").await), rest(std::slice::from_ref(&payment)));
    app.finish().await;
}

/// What the company takes back is taken from the order that its payment served, so it serves one.
#[tokio::test]
async fn a_companys_payment_serves_one_order() {
    let app = TestApp::spawn().await;
    let (_, payment) = paid_twice(&app, "alice").await;
    let orders = [ordered(&app, "alice", "card", "USD", "8").await, ordered(&app, "alice", "card", "USD", "12").await];
    let to = |order: &str, amount: &str| json!({ "order_id": order, "amount": amount, "reason": "the second time" });
    decide(&app, "ops", &payment, "apply", to(&orders[0], "8")).await.expect(200);
    decide(&app, "ops", &payment, "apply", to(&orders[1], "12")).await.names("/order_id", "invalid_value");
    decide(&app, "ops", &payment, "apply", to_wallet("alice", Some("12"))).await.expect(200);
    assert_eq!(balance(&app, "alice", "USD").await["paid"], "40.00");
    app.finish().await;
}

#[tokio::test]
async fn a_short_order_is_completed_by_what_arrived() {
    let app = TestApp::spawn().await;
    let order = paid_short(&app).await;
    let payment = unapplied(&app, "").await[0].clone();
    let body = json!({ "order_id": order, "reason": "the customer agrees" });
    decide(&app, "ops", payment["id"].as_str().unwrap(), "apply", body).await.expect(200);
    let done = read(&app, &order).await;
    assert_eq!(done["status"], "completed", "{}", done.text);
    assert_eq!(done["received_amount"], payment["amount"]);
    assert_eq!(balance(&app, "alice", "VND").await["paid"], payment["amount"]);
    app.finish().await;
}

#[tokio::test]
async fn above_the_threshold_a_second_operator_decides_and_the_money_may_have_moved_on() {
    let app = TestApp::spawn_with(|config| config.second_approval_above = vec!["USD:15".parse().unwrap()]).await;
    let (order, payment) = paid_twice(&app, "alice").await;
    // A decision within the threshold takes effect at once, and counts.
    decide(&app, "anna", &payment, "apply", to_wallet("alice", Some("10.00"))).await.expect(200);
    let proposed = decide(&app, "anna", &payment, "apply", to_wallet("alice", Some("10.00"))).await.expect(202);
    assert_eq!(balance(&app, "alice", "USD").await["paid"], "30.00");
    // Meanwhile the company gives the rest back.
    let company_id = read(&app, &order).await["payments"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"] == payment.as_str())
        .unwrap()["provider_payment_id"]
        .as_str()
        .unwrap()
        .to_owned();
    play(&app, "stripe", &company_id, "refund", json!({ "amount": 1000 })).await;
    quiet(&app, "stripe").await;
    until("it is adopted", async || unapplied(&app, "").await.is_empty()).await;
    let approve = format!("/v1/admin/unapplied-decisions/{}/approve", id(&proposed));
    app.operator_named("ben").post(&approve, &json!({})).await.problem(409, "nothing_unapplied");
    let withdraw = approve.replace("/approve", "/withdraw");
    for _ in 0..2 {
        assert_eq!(app.operator_named("ben").post(&withdraw, &json!({})).await.expect(200)["status"], "withdrawn");
    }
    assert_eq!(balance(&app, "alice", "USD").await["paid"], "30.00");
    app.finish().await;
}

#[tokio::test]
async fn what_is_set_aside_leaves_the_list_and_stays_on_record() {
    let app = TestApp::spawn().await;
    let (_, payment) = paid_twice(&app, "alice").await;
    for reason in ["the payer does not answer", "once more"] {
        decide(&app, "ops", &payment, "dismiss", json!({ "reason": reason })).await.expect(200);
    }
    assert!(unapplied(&app, "").await.is_empty());
    assert_eq!(rest(&unapplied(&app, "dismissed=true").await), ["20.00"]);
    let log = app.operator().get("/v1/admin/audit-log?action=unapplied_payment.dismissed").await.expect(200);
    assert_eq!(log["data"].as_array().unwrap().len(), 1);
    assert_eq!(log["data"][0]["reason"], "the payer does not answer");
    // He answers after all.
    decide(&app, "ops", &payment, "apply", to_wallet("alice", None)).await.expect(200);
    assert!(unapplied(&app, "dismissed=true").await.is_empty());
    decide(&app, "ops", &payment, "dismiss", json!({ "reason": "r" })).await.problem(409, "nothing_unapplied");
    app.finish().await;
}

/// The rest of 5 was dismissed; when the whole transfer is unapplied, it is on the worklist again.
#[tokio::test]
async fn what_is_set_aside_comes_back_when_it_grows() {
    let app = TestApp::spawn().await;
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    let mut stated = statement("100.00", "line-1");
    stated["transaction_amount"] = json!("105.00");
    let path = format!("/v1/admin/top-up-orders/{order}");
    app.operator().post(&format!("{path}/approve"), &stated).await.expect(200);
    let payment = unapplied(&app, "").await[0]["id"].as_str().unwrap().to_owned();
    let dismiss = async || decide(&app, "ops", &payment, "dismiss", json!({ "reason": "5 CNY" })).await.expect(200);
    dismiss().await;
    assert_eq!(rest(&unapplied(&app, "dismissed=true").await), ["5.00"]);

    // A part of it goes back, and the bank returns that: what is left then is more than what was left before.
    let by_hand = json!({ "bank_transaction_id": "OUT-79", "amount": "2.00", "reason": "asked for" });
    let proposed = decide(&app, "anna", &payment, "return", by_hand).await.expect(202);
    let approve = format!("/v1/admin/unapplied-decisions/{}/approve", id(&proposed));
    let done = app.operator_named("ben").post(&approve, &json!({})).await.expect(200);
    assert_eq!(rest(&unapplied(&app, "dismissed=true").await), ["3.00"], "what shrinks stays aside");
    let reject = format!("/v1/admin/refunds/{}/reject", done["refund_id"].as_str().unwrap());
    app.operator_named("carol").post(&reject, &json!({ "reason": "account closed" })).await.expect(200);
    assert_eq!(rest(&unapplied(&app, "").await), ["5.00"]);
    assert!(unapplied(&app, "dismissed=true").await.is_empty());

    dismiss().await;
    let reason = json!({ "reason": "another customer's", "reach": "order_wallet" });
    app.operator().post(&format!("{path}/reverse"), &reason).await.expect(200);
    assert_eq!(rest(&unapplied(&app, "").await), ["105.00"]);
    assert!(unapplied(&app, "dismissed=true").await.is_empty());
    app.finish().await;
}

/// A transfer that an operator stated counts as test money or real money, by the environment in which it was stated. A
/// payment of a company has such a mark as well.
#[tokio::test]
async fn the_rest_of_a_transfer_by_hand_is_applied() {
    let app = TestApp::spawn().await;
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    let mut stated = statement("60.00", "line-1");
    stated["transaction_amount"] = json!("100.00");
    app.operator().post(&format!("/v1/admin/top-up-orders/{order}/approve"), &stated).await.expect(200);
    let found = unapplied(&app, &format!("order={order}")).await;
    assert_eq!(rest(&found), ["40.00"]);
    let payment = found[0]["id"].as_str().unwrap();
    decide(&app, "ops", payment, "apply", to_wallet("alice", Some("40.00"))).await.expect(200);
    assert_eq!(balance(&app, "alice", "CNY").await["paid"], "100.00");
    assert!(unapplied(&app, "").await.is_empty());
    app.finish().await;
}
