//! What the tests of money share: orders, payments at the sandbox, queries of the tables, and waits.

use chrono::Duration;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use reqwest::Method;
use serde_json::{Value, json};
use topup::app::papers::issue_due;
use topup::storage::pool::connect;

use crate::support::{Caller, Reply, TestApp, sandbox, url};

pub use crate::support::sandbox::{deliveries, mute};

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// The one number that a query answers: `count(*) FROM …`.
pub async fn number(app: &TestApp, select: &str) -> i64 {
    number_in(&app.database, select).await
}

pub async fn number_in(database: &str, select: &str) -> i64 {
    let mut conn = connect(&url(database)).await.unwrap();
    let sql = format!("SELECT (SELECT {select})::bigint AS number");
    diesel::sql_query(sql).get_result::<Number>(&mut conn).await.unwrap().number
}

/// Waits until it holds.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    sandbox::until(what, async || holds().await.then_some(())).await;
}

/// The body of an order; a bank transfer names its remitter.
pub fn order(channel: &str, currency: &str, amount: &str) -> Value {
    let mut body = json!({ "currency": currency, "amount": amount, "channel": channel, "agreement_accepted": true });
    if channel == "bank_transfer" {
        body["bank_transfer"] = json!({ "remitter_name": "Alice", "remitter_bank": "Test Bank" });
    }
    body
}

/// The billing profile of somebody who may use every channel.
pub async fn profile(app: &TestApp, customer: &str) {
    let profile = json!({ "name": customer, "email": format!("{customer}@example.com"), "country": "VN" });
    let caller = app.customer(customer);
    if caller.get("/v1/billing-profile").await.status == 404 {
        caller.send(Method::PUT, "/v1/billing-profile", Some(&profile), None).await.expect(200);
    }
}

/// A pending order's id.
pub async fn ordered(app: &TestApp, customer: &str, channel: &str, currency: &str, amount: &str) -> String {
    profile(app, customer).await;
    let made = app.customer(customer).post("/v1/top-up-orders", &order(channel, currency, amount)).await.expect(201);
    id(&made)
}

pub fn id(reply: &Reply) -> String {
    reply["id"].as_str().unwrap().to_owned()
}

/// An order that was paid at the sandbox and is completed.
pub async fn paid(app: &TestApp, customer: &str, channel: &str, currency: &str, amount: &str) -> String {
    let order = ordered(app, customer, channel, currency, amount).await;
    let (company, action) = match channel {
        "card" => ("stripe", "pay"),
        "paypal" => ("paypal", "approve"),
        other => panic!("nobody plays {other} here"),
    };
    play(app, company, &order, action, json!({})).await;
    quiet(app, company).await;
    assert_eq!(read(app, &order).await["status"], "completed");
    order
}

pub async fn read(app: &TestApp, order: &str) -> Reply {
    app.operator().get(&format!("/v1/top-up-orders/{order}")).await.expect(200)
}

/// The events of an order's timeline.
pub async fn timeline(app: &TestApp, order: &str) -> Vec<String> {
    let order = read(app, order).await;
    let events = order["timeline"].as_array().unwrap().iter();
    events.map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

/// What an operator states about a bank transfer, with every confirmation.
pub fn statement(amount: &str, transaction: &str) -> Value {
    let mut statement = unconfirmed(amount, transaction);
    statement["confirm_difference"] = json!(true);
    statement["confirm_not_duplicate"] = json!(true);
    statement
}

/// What an operator states about a bank transfer at first.
pub fn unconfirmed(amount: &str, transaction: &str) -> Value {
    json!({ "received_amount": amount, "bank_transaction_id": transaction, "received_on": "2026-11-21" })
}

pub async fn approve(caller: &Caller<'_>, order: &str, amount: &str, transaction: &str) -> Reply {
    caller.post(&format!("/v1/admin/top-up-orders/{order}/approve"), &statement(amount, transaction)).await
}

/// The one balance of a customer in a currency, in the main wallet.
pub async fn balance(app: &TestApp, customer: &str, currency: &str) -> Value {
    let path = format!("/v1/balances?currency={currency}&product=");
    app.customer(customer).get(&path).await.expect(200)["balances"][0].clone()
}

/// Calls the control API of the sandbox.
pub async fn control(app: &TestApp, method: Method, path: &str, body: Option<Value>) -> Reply {
    sandbox::call(app, method, &format!("/control/{path}"), body.as_ref()).await
}

/// Plays a scene. The company may refuse it with 409.
pub async fn try_play(app: &TestApp, company: &str, id: &str, action: &str, options: Value) -> Reply {
    sandbox::try_play(app, company, id, action, &options).await
}

pub async fn play(app: &TestApp, company: &str, id: &str, action: &str, options: Value) -> Reply {
    try_play(app, company, id, action, options).await.expect(200)
}

pub async fn fault(app: &TestApp, company: &str, fault: Value) {
    sandbox::fault(app, company, &fault).await;
}

/// Waits until every notification has been answered to the company's content.
pub async fn quiet(app: &TestApp, company: &str) {
    let told = async || !deliveries(app, company).await.iter().any(|delivery| delivery["progress"] == "pending");
    until("every notification is delivered", told).await;
}

/// Issues whatever paper is due now.
pub async fn issue_papers(app: &TestApp) {
    let all = async || {
        issue_due(&app.server.app, Duration::zero(), 50).await.unwrap();
        number(app, "count(*) FROM papers_due").await == 0
    };
    until("every paper is issued", all).await;
}

/// How many answers have this status.
pub fn with_status(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}
