//! Callers that meter without a pause and repeat what they got no answer for, as the API tells them to, and the proof
//! that the answers agree with the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use futures_util::future::join_all;
use reqwest::{Client, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use topup::app::check;
use topup::identity::Scope;
use topup::storage::pool::{Pool, connect};

use crate::support::token;

/// How long anybody goes on asking before something is badly wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was acknowledged: usages by customer and id, captured holds by customer and caller's id.
#[derive(Debug, Default)]
pub struct Acknowledged {
    pub usages: BTreeSet<(String, String)>,
    pub captures: BTreeSet<(String, String)>,
}

struct Shared {
    client: Client,
    urls: Vec<String>,
    token: String,
    customers: Vec<String>,
    stop: watch::Sender<bool>,
    acknowledged: watch::Sender<usize>,
}

/// The callers at work.
pub struct Metering {
    shared: Arc<Shared>,
    callers: Vec<JoinHandle<Acknowledged>>,
}

impl Metering {
    /// Starts this many callers, spread over the services and customers. Each item is sent to two of the services at
    /// once, or twice to one. So it is booked once, and replayed at least once.
    pub fn begin(urls: &[String], customers: &[&str], callers: usize) -> Self {
        let shared = Arc::new(Shared {
            client: Client::builder().no_proxy().timeout(PATIENCE / 4).build().unwrap(),
            urls: urls.to_vec(),
            token: token("meter", Scope::Service),
            customers: customers.iter().map(|&customer| customer.to_owned()).collect(),
            stop: watch::Sender::new(false),
            acknowledged: watch::Sender::new(0),
        });
        let callers = (0..callers).map(|caller| tokio::spawn(meter(Arc::clone(&shared), caller))).collect();
        Self { shared, callers }
    }

    /// Returns when this many more items are acknowledged.
    pub async fn acknowledge(&self, items: usize) {
        let goal = *self.shared.acknowledged.borrow() + items;
        let mut counted = self.shared.acknowledged.subscribe();
        let reached = counted.wait_for(|count| *count >= goal);
        tokio::time::timeout(PATIENCE, reached).await.expect("too little is acknowledged").unwrap();
        assert!(self.callers.iter().all(|caller| !caller.is_finished()), "a caller has given up");
    }

    /// Lets every caller finish the item that it is at.
    pub async fn end(self) -> Acknowledged {
        self.shared.stop.send_replace(true);
        let mut all = Acknowledged::default();
        for one in join_all(self.callers).await {
            let one = one.unwrap();
            all.usages.extend(one.usages);
            all.captures.extend(one.captures);
        }
        all
    }
}

async fn meter(shared: Arc<Shared>, caller: usize) -> Acknowledged {
    let mut mine = Acknowledged::default();
    for n in 0.. {
        if *shared.stop.borrow() {
            break;
        }
        let customer = shared.customers[(caller + n) % shared.customers.len()].clone();
        let id = format!("{caller}-{n}");
        if n % 5 == 4 {
            let asked =
                json!({ "id": id, "customer_id": customer, "currency": "CNY", "amount": "0.02", "expires_in": 3600 });
            let opened = shared.twice("/v1/holds", &asked, caller + n).await;
            let path = format!("/v1/holds/{}/capture", opened["hold_id"].as_str().unwrap());
            shared.twice(&path, &json!({ "amount": "0.01" }), caller + n + 1).await;
            mine.captures.insert((customer, id));
        } else {
            let asked = json!({ "id": id, "customer_id": customer, "currency": "CNY", "amount": "0.01" });
            let booked = shared.twice("/v1/usage", &asked, caller + n).await;
            assert_eq!(booked["amount"], "0.01", "{booked}");
            mine.usages.insert((customer, id));
        }
        shared.acknowledged.send_modify(|count| *count += 1);
    }
    mine
}

impl Shared {
    /// Sends the same request to two services. In the end both must give the same answer.
    async fn twice(&self, path: &str, body: &Value, at: usize) -> Value {
        let (one, other) = tokio::join!(self.ask(path, body, at), self.ask(path, body, at + 1));
        for field in ["id", "hold_id", "amount", "created_at"] {
            assert_eq!(one[field], other[field], "{path} {body}");
        }
        one
    }

    /// Sends a request until it is acknowledged. If no answer comes, or the answer is "not now", the next service gets
    /// it.
    async fn ask(&self, path: &str, body: &Value, at: usize) -> Value {
        let asked = async {
            for url in self.urls.iter().cycle().skip(at % self.urls.len()) {
                let sent = self.client.post(format!("{url}{path}")).bearer_auth(&self.token).json(body).send().await;
                if let Ok(answer) = sent {
                    let status = answer.status();
                    if let Ok(body) = answer.json::<Value>().await {
                        match status {
                            StatusCode::OK | StatusCode::CREATED => return body,
                            // Trouble of the database is not a fault of the caller, and passes.
                            StatusCode::SERVICE_UNAVAILABLE => {}
                            _ => panic!("{path} {status}: {body}"),
                        }
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            unreachable!("the services are asked in turns for ever")
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("{path} {body} is never acknowledged"))
    }
}

/// Every acknowledged item is there exactly once and nothing else is, and the books agree.
pub async fn verify(database: &SecretString, acknowledged: &Acknowledged) {
    let mut conn = connect(database).await.unwrap();
    let mut booked = async |sql: &str| -> BTreeMap<(String, String), i64> {
        let rows: Vec<Row> = sql_query(sql).load(&mut conn).await.unwrap();
        rows.into_iter().map(|row| ((row.customer, row.key), row.times)).collect()
    };
    let usages = booked(
        "SELECT customer_id AS customer, key, count(*) AS times FROM entries \
         WHERE kind = 2 AND amount = -0.01 GROUP BY 1, 2",
    )
    .await;
    let captures = booked(
        "SELECT h.customer_id AS customer, h.key, count(e.seq) AS times FROM holds h \
         LEFT JOIN entries e ON e.customer_id = h.customer_id AND e.kind = 3 AND e.amount = -0.01 AND e.key = h.key \
         WHERE h.status = 'captured' GROUP BY 1, 2",
    )
    .await;
    for (asked, found) in [(&acknowledged.usages, usages), (&acknowledged.captures, captures)] {
        assert!(found.values().all(|times| *times == 1), "doubled");
        let found: BTreeSet<(String, String)> = found.into_keys().collect();
        let (lost, unasked): (Vec<_>, Vec<_>) = (asked.difference(&found).collect(), found.difference(asked).collect());
        assert!(lost.is_empty() && unasked.is_empty(), "lost {lost:?}, booked unacknowledged {unasked:?}");
        assert!(!asked.is_empty());
    }
    let report = check::run(&Pool::new(database, 1).unwrap(), &mut |_| {}).await.unwrap();
    assert!(report.is_clean(), "{}", check::render(&report));
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    customer: String,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = BigInt)]
    times: i64,
}
