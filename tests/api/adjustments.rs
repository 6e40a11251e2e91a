//! Corrections of wallets by operators: up and down, by one operator or two, each booked once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::audit::both_ways;
use crate::stage::{id, number, with_status};
use crate::support::{Reply, TestApp};
use crate::tools::{flows, grant};

fn correction(direction: &str, amount: &str) -> Value {
    json!({
        "customer_id": "alice", "currency": "CNY", "direction": direction, "amount": amount, "reason": "billed twice"
    })
}

async fn correct(app: &TestApp, operator: &str, body: &Value) -> Reply {
    app.operator_named(operator).post("/v1/admin/adjustments", body).await
}

#[tokio::test]
async fn a_wallet_is_corrected_up_and_down() {
    let app = TestApp::spawn().await;
    let up = correct(&app, "ops", &correction("up", "10.00")).await.expect(201);
    assert_eq!((&up["status"], &up["direction"], &up["amount"]), (&json!("booked"), &json!("up"), &json!("10.00")));
    let down = correct(&app, "ops", &correction("down", "4.00")).await.expect(201);
    assert_eq!((&down["direction"], &down["amount"]), (&json!("down"), &json!("4.00")));
    assert_eq!(app.available("alice", "CNY", "").await, "6.00");
    let booked = flows(&app, "alice", "adjust").await;
    assert_eq!((&booked[0]["amount"], &booked[0]["description"]), (&json!("-4.00"), &json!("billed twice")));
    // A product's wallet can be corrected as well, and granted credit is not taken.
    let mut sms = correction("up", "3.00");
    sms["product"] = json!("sms");
    correct(&app, "ops", &sms).await.expect(201);
    assert_eq!(app.available("alice", "CNY", "sms").await, "3.00");
    grant(&app, "alice", "100.00", json!({})).await;
    correct(&app, "ops", &correction("down", "6.01")).await.problem(402, "insufficient_funds");
    let mut into_debt = correction("down", "7.50");
    into_debt["allow_debt"] = json!(true);
    correct(&app, "ops", &into_debt).await.expect(201);
    let balance = app.customer("alice").get("/v1/balances?currency=CNY&product=").await.expect(200);
    let main = &balance["balances"][0];
    assert_eq!((&main["paid"], &main["granted"], &main["debt"]), (&json!("0.00"), &json!("100.00"), &json!("1.50")));

    let one = app.operator().get(&format!("/v1/admin/adjustments/{}", id(&up))).await.expect(200);
    assert_eq!(one["reason"], "billed twice");
    let pages = both_ways(&app.operator(), "/v1/admin/adjustments?customer_id=alice", 3).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
    let log = app.operator().get("/v1/admin/audit-log?action=adjustment.booked&customer_id=alice").await.expect(200);
    assert_eq!(log["data"].as_array().unwrap().len(), 4);
    app.finish().await;
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let app = TestApp::spawn().await;
    let with = |field: &str, value: Value| {
        let mut body = correction("up", "1.00");
        body[field] = value;
        body
    };
    for (body, pointer, code) in [
        (with("amount", json!("0")), "/amount", "not_positive"),
        (with("amount", json!("-1")), "/amount", "not_a_plain_decimal"),
        (with("product", json!("fax")), "/product", "unknown_product"),
        (with("reason", json!(" ")), "/reason", "required"),
        (with("direction", json!("left")), "/direction", "invalid_value"),
    ] {
        correct(&app, "ops", &body).await.names(pointer, code);
    }
    correct(&app, "alice", &correction("up", "1.00")).await.problem(403, "own_account");
    assert_eq!(number(&app, "count(*) FROM adjustments").await, 0);
    app.finish().await;
}

/// Concurrent corrections take what there is and no more, and a repeated request counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn corrections_at_once_take_what_is_there() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let down = correction("down", "30.00");
    let answers = join_all((0..8).map(|_| correct(&app, "ops", &down))).await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 402)), (3, 5), "{answers:#?}");
    assert_eq!(app.available("alice", "CNY", "").await, "10.00");
    let up = correction("up", "5.00");
    let operator = app.operator();
    let first = operator.post_with_key("/v1/admin/adjustments", &up, "once").await.expect(201);
    let again = operator.post_with_key("/v1/admin/adjustments", &up, "once").await.expect(200);
    assert_eq!((id(&first), again.header("idempotent-replayed")), (id(&again), Some("true")));
    assert_eq!(app.available("alice", "CNY", "").await, "15.00");
    app.finish().await;
}

#[tokio::test]
async fn above_the_threshold_two_operators_correct() {
    let app = TestApp::spawn_with(|config| config.second_approval_above = vec!["CNY:10".parse().unwrap()]).await;
    correct(&app, "anna", &correction("up", "6.00")).await.expect(201);
    // Up and down count alike.
    let mut down = correction("down", "4.01");
    let proposed = correct(&app, "anna", &down).await.expect(202);
    down["amount"] = json!("4.00");
    correct(&app, "anna", &down).await.expect(201);
    let approve = format!("/v1/admin/adjustments/{}/approve", id(&proposed));
    app.operator_named("anna").post(&approve, &json!({})).await.problem(409, "second_operator_needed");
    // Two proposals are left, and the money is taken under the wallet's lock.
    app.operator_named("ben").post(&approve, &json!({})).await.problem(402, "insufficient_funds");
    correct(&app, "ben", &correction("up", "5.00")).await.expect(201);
    let approvals = ["ben", "cleo", "dora"].map(|name| {
        let (app, approve) = (&app, &approve);
        async move { app.operator_named(name).post(approve, &json!({})).await }
    });
    let answers = join_all(approvals).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 409)), (1, 2), "{answers:#?}");
    assert_eq!(app.available("alice", "CNY", "").await, "2.99");

    let second = correct(&app, "anna", &correction("up", "50.00")).await.expect(202);
    let waiting = app.operator().get("/v1/admin/adjustments?awaiting_second_approval=true").await.expect(200);
    assert_eq!(waiting["data"].as_array().unwrap().len(), 1);
    let withdraw = format!("/v1/admin/adjustments/{}/withdraw", id(&second));
    for _ in 0..2 {
        let ended = app.operator_named("anna").post(&withdraw, &json!({})).await.expect(200);
        assert_eq!(ended["status"], "withdrawn");
    }
    let late = withdraw.replace("/withdraw", "/approve");
    app.operator_named("ben").post(&late, &json!({})).await.problem(409, "nothing_proposed");
    assert_eq!(app.available("alice", "CNY", "").await, "2.99");
    app.finish().await;
}
