//! Requests whose clients do not wait, and requests that take long: their work is completed, and nobody else waits.

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use topup::identity::Scope;
use topup::storage::pool::connect;

use crate::doors;
use crate::stage::{number, number_in, until};
use crate::support::{Reply, TestApp, execute, token, url};

/// Makes every transfer take some seconds, in the middle of its transaction.
async fn slow_transfers(app: &TestApp, seconds: u32) {
    let sql = format!(
        "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$; \
         CREATE TRIGGER be_slow BEFORE INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION be_slow()"
    );
    execute(&app.database, &sql).await;
}

const ASLEEP: &str = "count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";

/// Sends a whole transfer, and returns its connection without waiting for an answer.
async fn begin_transfer(app: &TestApp, customer: &str, key: &str) -> tokio::net::TcpStream {
    let body = json!({ "currency": "CNY", "amount": "1.00", "to_product": "sms" }).to_string();
    let request = format!(
        "POST /v1/transfers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         idempotency-key: {key}\r\ncontent-length: {}\r\n\r\n{body}",
        token(customer, Scope::Customer),
        body.len()
    );
    let mut stream = doors::connect(app.url()).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn case_68_what_a_client_began_before_it_hung_up_is_carried_out_whole() {
    let app = TestApp::spawn().await;
    for customer in ["alice", "bob", "carol"] {
        app.fund(customer, "CNY", "100.00").await;
    }
    slow_transfers(&app, 2).await;
    let mut clients = Vec::new();
    for customer in ["alice", "bob", "carol"] {
        clients.push(begin_transfer(&app, customer, "k").await);
    }
    until("all are in the middle", async || number(&app, ASLEEP).await == 3).await;
    drop(clients);
    // Each worker has noticed the disconnected clients before it answers this.
    for _ in 0..8 {
        app.customer("dora").get("/v1/balances").await.expect(200);
    }
    until("all are booked", async || number(&app, "count(*) FROM transfers").await == 3).await;
    let open =
        "count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    until("no transaction is left open", async || number(&app, open).await == 0).await;
    app.finish().await;
}

#[tokio::test]
async fn case_68_a_shutdown_waits_for_work_whose_client_has_gone() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    slow_transfers(&app, 2).await;
    let client = begin_transfer(&app, "alice", "k").await;
    until("it is in the middle", async || number(&app, ASLEEP).await == 1).await;
    drop(client);
    let database = app.database.clone();
    app.stop().await;
    assert_eq!(number_in(&database, "count(*) FROM transfers").await, 1);
}

#[tokio::test]
async fn a_request_is_answered_in_time_and_its_work_goes_on() {
    let app = TestApp::spawn_with(|config| {
        config.request_seconds = 1.try_into().unwrap();
        config.cors_origins = vec!["https://app.example.com".to_owned()];
    })
    .await;
    app.fund("alice", "CNY", "100.00").await;
    slow_transfers(&app, 3).await;
    let alice = app.customer("alice");
    // A stream is answered when it begins, and goes on for as long as it likes.
    let mut stream = alice.request(Method::GET, "/v1/balances/stream").send().await.unwrap();
    let body = json!({ "currency": "CNY", "amount": "1.00", "to_product": "sms" });
    let request = alice.request(Method::POST, "/v1/transfers").header("idempotency-key", "k").json(&body);
    let late = Reply::of(request.header("origin", "https://app.example.com")).await.problem(503, "overloaded");
    assert_eq!(late.header("retry-after"), Some("1"));
    assert_eq!(late.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(late.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(number(&app, "count(*) FROM transfers").await, 0);
    until("the same key tells", async || alice.post_with_key("/v1/transfers", &body, "k").await.status == 200).await;
    assert_eq!(number(&app, "count(*) FROM transfers").await, 1);
    let mut told = String::new();
    while !told.contains("\"99.00\"") {
        told.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
    drop(stream);
    app.finish().await;
}

const LOCKED: &str = "count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// A quarter of the pool of 8 is two connections.
#[tokio::test]
async fn a_customer_holds_no_more_than_a_share_of_the_pool() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let mut locker = connect(&url(&app.database)).await.unwrap();
    locker.batch_execute("BEGIN; SELECT FROM wallets WHERE customer_id = 'alice' FOR UPDATE").await.unwrap();
    let body = json!({ "currency": "CNY", "amount": "1.00", "to_product": "sms" });
    let alice = app.customer("alice");
    let (alice, body) = (&alice, &body);
    let transfers = join_all((0..20).map(|_| async move { alice.post("/v1/transfers", body).await }));
    let others = async {
        until("her share is used up", async || number(&app, LOCKED).await == 2).await;
        for _ in 0..20 {
            app.customer("bob").get("/v1/balances").await.expect(200);
            app.service().get("/v1/balances?customer_id=carol").await.expect(200);
            assert!(number(&app, LOCKED).await <= 2);
        }
        locker.batch_execute("ROLLBACK").await.unwrap();
    };
    let (transfers, ()) = tokio::join!(transfers, others);
    for transfer in transfers {
        match transfer.status {
            201 => {}
            503 => assert!(transfer.header("retry-after").is_some(), "{}", transfer.text),
            _ => panic!("{}", transfer.text),
        }
    }
    alice.post("/v1/transfers", body).await.expect(201);
    app.finish().await;
}
