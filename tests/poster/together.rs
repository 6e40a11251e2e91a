//! Makes sure that requests are written in one flush: the writer is held up until all of them wait.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use topup::storage::pool::connect;

use crate::support::{Reply, TestApp, url};

/// A server whose poster writes one flush at a time, with this much room for others to wait.
pub async fn one_at_a_time(queue: usize) -> TestApp {
    TestApp::spawn_with(|config| {
        config.poster.pipeline = 1.try_into().unwrap();
        config.poster.queue = queue.try_into().unwrap();
    })
    .await
}

pub fn usage(id: &str, customer: &str, amount: &str) -> Value {
    json!({ "id": id, "customer_id": customer, "currency": "CNY", "amount": amount })
}

/// Sends it and does not wait for the answer.
pub fn send(app: &TestApp, path: &str, body: &Value) -> JoinHandle<Reply> {
    tokio::spawn(Reply::of(app.service().request(Method::POST, path).json(body)))
}

/// Somebody else keeps a wallet locked, and a usage of it keeps the poster waiting.
pub struct HeldUp {
    locker: AsyncPgConnection,
    usage: JoinHandle<Reply>,
}

impl HeldUp {
    /// Gives the customer `blocker` money for it.
    pub async fn begin(app: &TestApp) -> Self {
        app.fund("blocker", "CNY", "1.00").await;
        let mut locker = connect(&url(&app.database)).await.unwrap();
        locker.batch_execute("BEGIN; SELECT FROM wallets WHERE customer_id = 'blocker' FOR UPDATE").await.unwrap();
        let usage = send(app, "/v1/usage", &usage("held-up", "blocker", "1"));
        let held = Self { locker, usage };
        held.is_waited_for(app).await;
        held
    }

    /// Returns when a session waits for the wallet.
    pub async fn is_waited_for(&self, app: &TestApp) {
        somebody_waits(app).await;
    }

    pub async fn end(mut self) {
        self.locker.batch_execute("COMMIT").await.unwrap();
        self.usage.await.unwrap().expect(201);
    }
}

/// Returns when a session waits for a lock.
pub async fn somebody_waits(app: &TestApp) {
    let mut watcher = connect(&url(&app.database)).await.unwrap();
    let waits = "SELECT 1 / count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'";
    while watcher.batch_execute(waits).await.is_err() {
        tokio::task::yield_now().await;
    }
}

/// Returns when so many postings wait.
pub async fn waiting(app: &TestApp, postings: usize) {
    while app.server.app.poster.waiting() != postings {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}
