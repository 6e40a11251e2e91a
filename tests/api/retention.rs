//! What is kept only for a while is deleted, and a request that is repeated after that is still answered once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use topup::workers;

use crate::stage::{id, number, order, ordered, paid, until};
use crate::support::{Caller, Reply, TestApp, execute};

/// Lets everything be so many days older.
async fn age(app: &TestApp, days: u32) {
    let older = |table: &str, column: &str| format!("UPDATE {table} SET {column} = {column} - interval '{days} days'");
    for (table, column) in [("idempotency_keys", "created_at"), ("provider_events", "received_at")] {
        execute(&app.database, &older(table, column)).await;
    }
}

async fn prune(app: &TestApp) {
    while workers::prune(&app.server.app).await.unwrap() > 0 {}
}

/// A transfer, a refund, a grant and an order paid from the wallet: where, by whom, and with which body.
fn payers<'a>(app: &'a TestApp, paid: &str) -> [(Caller<'a>, &'static str, Value); 4] {
    let transfer = json!({ "currency": "USD", "amount": "1", "to_product": "sms" });
    let mut from_wallet = order("balance", "USD", "2");
    from_wallet["product"] = json!("sms");
    let refund = json!({ "order_id": paid, "amount": "5", "reason": "asked" });
    let grant = json!({ "customer_id": "alice", "currency": "USD", "amount": "2", "reason": "trial" });
    [
        (app.customer("alice"), "/v1/transfers", transfer),
        (app.operator(), "/v1/admin/refunds", refund),
        (app.service(), "/v1/grants", grant),
        (app.customer("alice"), "/v1/top-up-orders", from_wallet),
    ]
}

async fn ask(payers: &[(Caller<'_>, &'static str, Value)]) -> Vec<Reply> {
    let mut replies = Vec::new();
    for (caller, path, body) in payers {
        replies.push(caller.post_with_key(path, body, "one-key").await);
    }
    replies
}

#[tokio::test]
async fn a_request_repeated_after_its_key_was_pruned_pays_nothing_twice() {
    let app = TestApp::spawn().await;
    let order_id = paid(&app, "alice", "card", "USD", "20").await;
    let payers = payers(&app, &order_id);
    let first: Vec<String> = ask(&payers).await.into_iter().map(|reply| id(&reply.expect(201))).collect();
    until("the refund has succeeded", async || {
        number(&app, "count(*) FROM refunds WHERE status = 'succeeded'").await == 1
    })
    .await;
    let open = ordered(&app, "alice", "bank_transfer", "USD", "7").await;
    let before = app.available("alice", "USD", "").await;

    // Repetitions race the pruning.
    age(&app, 36).await;
    let repeats = join_all((0..8).map(|_| ask(&payers)));
    let (repeats, ()) = tokio::join!(repeats, prune(&app));
    for replies in repeats.into_iter().chain([ask(&payers).await]) {
        for (reply, first) in replies.into_iter().zip(&first) {
            if reply.status != 409 {
                let reply = reply.expect(200);
                assert_eq!((id(&reply), reply.header("idempotent-replayed")), (first.clone(), Some("true")));
            }
        }
    }
    for (reply, first) in ask(&payers).await.into_iter().zip(&first) {
        assert_eq!(&id(&reply.expect(200)), first, "without a race there is no 409");
    }
    assert_eq!(app.available("alice", "USD", "").await, before);
    let other = json!({ "currency": "USD", "amount": "3", "to_product": "sms" });
    let reused = app.customer("alice").post_with_key("/v1/transfers", &other, "one-key").await;
    reused.problem(422, "idempotency_key_reused");

    // Only the key of what is not at rest is still in its table.
    assert_eq!(number(&app, "count(*) FROM idempotency_keys").await, 1);
    let (_, uuid) = open.split_once('_').unwrap();
    let kept = format!("count(*) FROM idempotency_keys WHERE resource_id = '{uuid}'");
    assert_eq!(number(&app, &kept).await, 1);
    app.customer("alice").post(&format!("/v1/top-up-orders/{open}/cancel"), &json!({})).await.expect(200);
    prune(&app).await;
    assert_eq!(number(&app, "count(*) FROM idempotency_keys").await, 0);
    // An order that nobody paid is no money: the same key makes another one.
    app.customer("alice").post("/v1/top-up-orders", &order("bank_transfer", "USD", "7")).await.expect(201);
    app.finish().await;
}

#[tokio::test]
async fn notifications_are_kept_for_a_while_and_longer_when_they_concern_us() {
    let app = TestApp::spawn().await;
    paid(&app, "alice", "card", "USD", "20").await;
    let stored = async || number(&app, "count(*) FROM provider_events").await;
    let all = stored().await;
    assert!(all > 0);
    age(&app, 300).await;
    prune(&app).await;
    let ours = stored().await;
    assert!(ours > 0, "what concerned us is kept");
    age(&app, 300).await;
    prune(&app).await;
    assert_eq!(stored().await, 0);
    app.finish().await;
}

/// What a hold charged stays with its hold; a hold that charged nothing is forgotten, while it is opened again.
#[tokio::test]
async fn holds_that_charged_nothing_are_forgotten() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "50.00").await;
    let service = app.service();
    let body = |id: &str| json!({"id": id, "customer_id": "alice", "currency": "CNY", "amount": "2", "expires_in": 60});
    let mut holds = Vec::new();
    for (name, end) in [("released", "release"), ("captured", "capture"), ("nothing", "capture"), ("open", "")] {
        let hold = service.post("/v1/holds", &body(name)).await.expect(201)["hold_id"].as_str().unwrap().to_owned();
        let amount = if name == "nothing" { json!({"amount": "0"}) } else { json!({"amount": "1.50"}) };
        let sent = if end == "release" { json!({}) } else { amount };
        if !end.is_empty() {
            service.post(&format!("/v1/holds/{hold}/{end}"), &sent).await.expect(200);
        }
        holds.push(hold);
    }
    let older = |days: u32| {
        format!(
            "UPDATE holds SET created_at = created_at - interval '{days} days', expires_at = expires_at - interval
             '{days} days', closed_at = closed_at - interval '{days} days' WHERE status <> 'open'"
        )
    };
    execute(&app.database, &older(29)).await;
    prune(&app).await;
    assert_eq!(number(&app, "count(*) FROM holds").await, 4);
    execute(&app.database, &older(2)).await;
    let again = async || service.post("/v1/holds", &body("released")).await;
    let (repeated, ()) = tokio::join!(again(), prune(&app));
    assert!(matches!(repeated.status, 200 | 201), "{}", repeated.text);
    prune(&app).await;
    for (hold, status) in holds.iter().zip([404, 200, 404, 200]) {
        service.get(&format!("/v1/holds/{hold}")).await.expect(status);
    }
    // A forgotten id opens another hold; a captured one is still known.
    let reopened = again().await;
    assert!(matches!(reopened.status, 200 | 201) && reopened["hold_id"] != holds[0].as_str(), "{}", reopened.text);
    assert_eq!(service.post("/v1/holds", &body("captured")).await.expect(200)["hold_id"], holds[1].as_str());
    app.finish().await;
}
