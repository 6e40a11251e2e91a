//! What is kept only for a while is deleted, and a request that is repeated after that is still answered once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use topup::workers;

use crate::stage::{id, number, order, ordered, paid, until};
use crate::support::{Caller, Reply, TestApp, execute};

/// Makes everything this many days older.
async fn age(app: &TestApp, days: u32) {
    let older = |table: &str, column: &str| format!("UPDATE {table} SET {column} = {column} - interval '{days} days'");
    for (table, column) in [("idempotency_keys", "created_at"), ("provider_events", "received_at")] {
        execute(&app.database, &older(table, column)).await;
    }
}

async fn prune(app: &TestApp) {
    while workers::prune(&app.server.app).await.unwrap() > 0 {}
}

/// A transfer, a refund, a grant, an adjustment and an order paid from the wallet: where, by whom, and with which body.
fn payers<'a>(app: &'a TestApp, paid: &str) -> [(Caller<'a>, &'static str, Value); 5] {
    let transfer = json!({ "currency": "USD", "amount": "1", "to_product": "sms" });
    let mut from_wallet = order("balance", "USD", "2");
    from_wallet["product"] = json!("sms");
    let refund = json!({ "order_id": paid, "amount": "5", "reason": "asked" });
    let grant = json!({ "customer_id": "alice", "currency": "USD", "amount": "2", "reason": "trial" });
    let adjustment = json!({
        "customer_id": "alice", "currency": "USD", "direction": "up", "amount": "3", "reason": "billed twice"
    });
    [
        (app.customer("alice"), "/v1/transfers", transfer),
        (app.operator(), "/v1/admin/refunds", refund),
        (app.service(), "/v1/grants", grant),
        (app.operator(), "/v1/admin/adjustments", adjustment),
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

    // Only the key of a resource that can still change is still in its table.
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
async fn the_key_of_a_proposed_adjustment_stays_until_it_has_ended() {
    let app = TestApp::spawn_with(|config| config.second_approval_above = vec!["USD:1".parse().unwrap()]).await;
    let body =
        json!({ "customer_id": "alice", "currency": "USD", "direction": "up", "amount": "3", "reason": "twice" });
    let asked = async || app.operator().post_with_key("/v1/admin/adjustments", &body, "one-key").await;
    let proposed = id(&asked().await.expect(202));
    age(&app, 36).await;
    prune(&app).await;
    assert_eq!(number(&app, "count(*) FROM idempotency_keys").await, 1);
    let withdraw = format!("/v1/admin/adjustments/{proposed}/withdraw");
    app.operator().post(&withdraw, &json!({})).await.expect(200);
    prune(&app).await;
    assert_eq!(number(&app, "count(*) FROM idempotency_keys").await, 0);
    let again = asked().await.expect(200);
    assert_eq!((id(&again), &again["status"]), (proposed, &json!("withdrawn")));
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

/// Closed holds are deleted while others are opened, captured and reversed. What they charged stays.
#[tokio::test]
async fn closed_holds_are_forgotten_and_charge_nothing_again() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "50.00").await;
    let service = app.service();
    let body = |id: &str| json!({"id": id, "customer_id": "alice", "currency": "CNY", "amount": "2", "expires_in": 60});
    let capture = async |hold: &str, amount: &str| {
        service.post(&format!("/v1/holds/{hold}/capture"), &json!({ "amount": amount })).await
    };
    let ends = [("released", None), ("captured", Some("1.50")), ("returned", Some("3")), ("nothing", Some("0"))];
    let mut holds = Vec::new();
    for (name, end) in ends.into_iter().chain([("open", None)]) {
        let hold = service.post("/v1/holds", &body(name)).await.expect(201)["hold_id"].as_str().unwrap().to_owned();
        match (name, end) {
            ("released", _) => {
                service.post(&format!("/v1/holds/{hold}/release"), &json!({})).await.expect(200);
            }
            (_, Some(amount)) => {
                capture(&hold, amount).await.expect(200);
            }
            _ => {}
        }
        holds.push(hold);
    }
    let give_back = async |id: &str, usage: &str| {
        let reversal = json!({ "id": id, "customer_id": "alice", "usage_id": usage, "amount": "0.50" });
        service.post("/v1/usage/reversals", &reversal).await
    };
    give_back("first", &holds[2]).await.expect(201);

    // All of it happened this many days earlier.
    let older = async |days: u32| {
        execute(&app.database, "ALTER TABLE entries DISABLE TRIGGER entries_no_change").await;
        let by = format!("interval '{days} days'");
        execute(
            &app.database,
            &format!(
                "UPDATE holds SET created_at = created_at - {by}, expires_at = expires_at - {by},
                                  closed_at = closed_at - {by} WHERE status <> 'open'"
            ),
        )
        .await;
        execute(&app.database, &format!("UPDATE entries SET created_at = created_at - {by}")).await;
        execute(&app.database, "ALTER TABLE entries ENABLE TRIGGER entries_no_change").await;
    };
    until("the sweeper has looked", async || {
        number(&app, "count(*) FROM worker_marks WHERE worker = 'holds'").await == 1
    })
    .await;
    older(29).await;
    prune(&app).await;
    assert_eq!(number(&app, "count(*) FROM holds").await, 5);
    older(2).await;
    let again = async |id: &str| service.post("/v1/holds", &body(id)).await;
    let (released, captured, charged, returned, ()) = tokio::join!(
        again("released"),
        again("captured"),
        capture(&holds[1], "1.50"),
        give_back("second", &holds[1]),
        prune(&app),
    );
    assert!(matches!(released.status, 200 | 201), "{}", released.text);
    assert!(matches!(captured.status, 200 | 409), "{}", captured.text);
    assert!(matches!(charged.status, 200 | 404), "{}", charged.text);
    assert!(matches!(returned.status, 201 | 404), "{}", returned.text);
    prune(&app).await;
    // The hold of which something was given back stays. The captured one stays if its reversal came before the
    // deletion.
    let kept = if returned.status == 201 { 200 } else { 404 };
    for (hold, status) in holds.iter().zip([404, kept, 200, 404, 200]) {
        service.get(&format!("/v1/holds/{hold}")).await.expect(status);
    }

    // The id of a hold that charged nothing opens a new hold. The id of a captured hold never charges again, whatever
    // else is in the flush.
    let reopened = again("released").await;
    assert!(matches!(reopened.status, 200 | 201) && reopened["hold_id"] != holds[0].as_str(), "{}", reopened.text);
    let (alone, other, known) = tokio::join!(again("captured"), again("new"), again("returned"));
    if returned.status == 404 {
        alone.problem(409, "hold_closed");
    } else {
        assert_eq!(alone.expect(200)["hold_id"], holds[1].as_str());
    }
    other.expect(201);
    assert_eq!(known.expect(200)["hold_id"], holds[2].as_str());
    assert_eq!(number(&app, "count(*) FROM entries WHERE kind = 3").await, 2);

    // More can be given back only of the hold that stays, and no more than was taken.
    give_back("third", &holds[2]).await.expect(201);
    let rest = json!({ "id": "rest", "customer_id": "alice", "usage_id": holds[2], "amount": "2.01" });
    service.post("/v1/usage/reversals", &rest).await.names("/amount", "more_than_taken");
    if returned.status == 404 {
        give_back("fourth", &holds[1]).await.problem(404, "not_found");
    }
    app.finish().await;
}
