//! Makes sure that requests are written in one flush: the writer is held up until all of them wait.

use std::time::Duration;

use diesel::sql_types::Integer;
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
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

/// The one lane's session of PostgreSQL is stopped, and a usage is on its way through it.
pub struct HeldUp {
    backend: Stopped,
    usage: JoinHandle<Reply>,
}

/// A stopped process. It goes on when this is dropped.
struct Stopped(Pid);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

impl HeldUp {
    /// Gives the customer `blocker` money for it.
    pub async fn begin(app: &TestApp) -> Self {
        app.fund("blocker", "CNY", "1.00").await;
        let lane = lane(app).await;
        kill(lane, Signal::SIGSTOP).unwrap();
        let backend = Stopped(lane);
        let usage = send(app, "/v1/usage", &usage("held-up", "blocker", "1"));
        // A request is counted just before it is put into the queue, so a single look may come in between.
        let mut seen = 0;
        while seen < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let poster = &app.server.app.poster;
            seen = if poster.unanswered() == 1 && poster.waiting() == 0 { seen + 1 } else { 0 };
        }
        Self { backend, usage }
    }

    pub async fn end(self) {
        drop(self.backend);
        self.usage.await.unwrap().expect(201);
    }
}

/// The process of the lane's session, when it has opened it.
async fn lane(app: &TestApp) -> Pid {
    #[derive(QueryableByName)]
    struct Backend {
        #[diesel(sql_type = Integer)]
        pid: i32,
    }
    let mut watcher = connect(&url(&app.database)).await.unwrap();
    let lanes = "SELECT pid FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'topup lane'";
    loop {
        let found: Vec<Backend> = sql_query(lanes).load(&mut watcher).await.unwrap();
        if let [backend] = found.as_slice() {
            return Pid::from_raw(backend.pid);
        }
        tokio::task::yield_now().await;
    }
}

/// Returns when this many postings wait.
pub async fn waiting(app: &TestApp, postings: usize) {
    while app.server.app.poster.waiting() != postings {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}
