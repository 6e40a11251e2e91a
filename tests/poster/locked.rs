//! Wallets whose lock somebody else keeps, and wallets that take long: other customers do not wait for them.

use chrono::{DateTime, Utc};
use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use serde_json::{Value, json};
use topup::domain::money::{Currency, Money};
use topup::domain::movement::grant::NewGrant;
use topup::domain::posting::Posting;
use topup::domain::product::Product;
use topup::storage::ledger;
use topup::storage::pool::{Pool, connect};
use topup::storage::transaction::transact;
use uuid::Uuid;

use crate::support::{Reply, TestApp, url};
use crate::together::{send, usage};

const LOCK: &str = "BEGIN; SELECT FROM wallets WHERE customer_id = 'locked' FOR UPDATE";

async fn with_two_customers() -> TestApp {
    let app = TestApp::spawn().await;
    app.fund("locked", "CNY", "100.00").await;
    app.fund("other", "CNY", "100.00").await;
    app
}

/// Usage, one after the other, of a customer whom nobody has locked.
async fn meter_the_other(app: &TestApp, ids: std::ops::Range<u32>) {
    for n in ids {
        app.service().post("/v1/usage", &usage(&format!("other-{n}"), "other", "0.1")).await.expect(201);
    }
}

fn hold(id: &str, customer: &str) -> Value {
    json!({ "id": id, "customer_id": customer, "currency": "CNY", "amount": "2", "expires_in": 600 })
}

fn overloaded(reply: Reply) {
    let reply = reply.problem(503, "overloaded");
    assert_eq!(reply.header("retry-after"), Some("1"));
}

/// Sends a request again whose outcome is not known: it may have been booked in the last moment.
async fn again(app: &TestApp, path: &str, body: &Value) -> Reply {
    let reply = app.service().post(path, body).await;
    assert!(matches!(reply.status, 200 | 201), "{}", reply.text);
    reply
}

#[tokio::test]
async fn case_69_a_locked_wallet_makes_no_other_customer_wait() {
    let app = with_two_customers().await;
    let opened = app.service().post("/v1/holds", &hold("before", "locked")).await.expect(201);
    let capture = format!("/v1/holds/{}/capture", opened["hold_id"].as_str().unwrap());
    let mut locker = connect(&url(&app.database)).await.unwrap();
    locker.batch_execute(LOCK).await.unwrap();

    let of_locked = usage("of-locked", "locked", "1");
    let batch = json!({ "items": [usage("in-batch", "other", "1"), usage("in-batch", "locked", "1")] });
    let asked = [
        ("/v1/usage", of_locked),
        ("/v1/usage/batch", batch),
        ("/v1/holds", hold("after", "locked")),
        (capture.as_str(), json!({ "amount": "1.5" })),
    ];
    let sent: Vec<_> = asked.iter().map(|(path, body)| send(&app, path, body)).collect();
    // While the lock is kept, the other customer's usage goes on, and so do later flushes that meet the lock again.
    meter_the_other(&app, 0..40).await;
    let late = send(&app, "/v1/usage", &usage("late", "locked", "1"));
    meter_the_other(&app, 40..80).await;
    assert!(!late.is_finished(), "its wallet is locked");
    app.anonymous().get("/readyz").await.expect(200);
    for reply in join_all(sent).await {
        overloaded(reply.unwrap());
    }
    overloaded(late.await.unwrap());
    meter_the_other(&app, 80..100).await;
    locker.batch_execute("COMMIT").await.unwrap();

    for (path, body) in &asked {
        let reply = again(&app, path, body).await;
        if *path == "/v1/usage/batch" {
            assert_eq!(reply["results"][0]["status"], "replayed", "the other customer's item had been booked");
            assert_ne!(reply["results"][1]["status"], "refused");
        }
    }
    again(&app, "/v1/usage", &usage("late", "locked", "1")).await;
    // Three usages, a capture of 1.5, and a hold of 2.
    assert_eq!(app.available("locked", "CNY", "").await, "93.50");
    assert_eq!(app.available("other", "CNY", "").await, "89.00");
    app.finish().await;
}

/// Its transaction does not go on, as that of a process that is stopped. The server ends it after five seconds.
#[tokio::test]
async fn case_69_a_frozen_process_keeps_its_locks_for_seconds_only() {
    let app = with_two_customers().await;
    let frozen = Pool::new(&url(&app.database), 1).unwrap();
    let mut frozen = frozen.get().await.unwrap();
    frozen.batch_execute(LOCK).await.unwrap();
    let waits = send(&app, "/v1/usage", &usage("waits", "locked", "1"));
    meter_the_other(&app, 0..20).await;
    waits.await.unwrap().expect(201);
    assert!(frozen.batch_execute("COMMIT").await.is_err(), "the server has ended its session");
    assert_eq!(app.available("locked", "CNY", "").await, "99.00");
    app.finish().await;
}

#[tokio::test]
async fn case_69_a_thousand_grants_in_one_wallet_stop_no_other_customer() {
    let app = with_two_customers().await;
    let never: Option<DateTime<Utc>> = None;
    let currency: Currency = "CNY".parse().unwrap();
    let grant = NewGrant {
        customer: topup::domain::customer::CustomerId::new("locked").unwrap(),
        amount: Money::new("0.01".parse().unwrap(), currency).unwrap(),
        product: Product::from_column(""),
        expires_at: never,
        priority: 1,
        reason: "welcome".to_owned(),
        created_by: "ops".to_owned(),
        client: topup::domain::client_data::ClientData::none(),
    };
    let grants: Vec<Posting> = (0..1000).map(|_| grant.posting(Uuid::now_v7())).collect();
    transact(&app.server.app.pool, async |conn| ledger::post(conn, &grants).await).await.unwrap();

    let spent: Vec<_> =
        (0..20).map(|n| send(&app, "/v1/usage", &usage(&format!("granted-{n}"), "locked", "0.5"))).collect();
    meter_the_other(&app, 0..50).await;
    for reply in join_all(spent).await {
        reply.unwrap().expect(201);
    }
    assert_eq!(app.available("locked", "CNY", "").await, "100.00");
    app.finish().await;
}
