//! The short fault proof: a real process and a real PostgreSQL under mixed load, killed and frozen. Each request is
//! sent again with the same id or key until it is answered; nothing that was acknowledged may be lost, doubled or half
//! done.
//!
//! The long form: `TOPUP_TEST_ROUNDS=20 cargo test --test api faults -- --nocapture` kills each of the two 20 times,
//! and prints what was acknowledged and the longest time in which nothing was.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use topup::identity::Scope;

use crate::crash::fund;
use crate::process::{Home, Process, check, http, post};
use crate::stage::{order, until};
use crate::support::database;

/// A request that a client wants to take effect once: path, caller and body.
struct Wish {
    path: String,
    scope: Scope,
    body: Value,
    key: String,
}

impl Wish {
    /// The kinds of writes take turns.
    fn numbered(n: usize) -> Self {
        let key = format!("wish-{n}");
        let usage = |id: String| json!({ "id": id, "customer_id": "alice", "currency": "CNY", "amount": "0.01" });
        let (path, scope, body) = match n % 5 {
            0 => ("/v1/usage", Scope::Service, usage(key.clone())),
            1 => {
                let items: Vec<Value> = (0..5).map(|item| usage(format!("{key}-{item}"))).collect();
                ("/v1/usage/batch", Scope::Service, json!({ "items": items }))
            }
            2 => {
                let mut hold = usage(key.clone());
                hold["expires_in"] = json!(3600);
                ("/v1/holds", Scope::Service, hold)
            }
            3 => {
                ("/v1/transfers", Scope::Customer, json!({ "currency": "CNY", "amount": "0.01", "to_product": "sms" }))
            }
            _ => ("/v1/top-up-orders", Scope::Customer, order("bank_transfer", "CNY", "100")),
        };
        Self { path: path.to_owned(), scope, body, key }
    }

    /// Sends the request until it is acknowledged. It is sent again after a broken connection, 503, or 409 (still in
    /// flight). Any other answer fails the test.
    async fn acknowledged(&self, http: &reqwest::Client, base: &Mutex<String>) -> Value {
        loop {
            let base = base.lock().unwrap().clone();
            match post(http, &base, &self.path, ("alice", self.scope), &self.body, &self.key).await {
                Some((200 | 201, body)) => return body,
                None | Some((503, _)) => {}
                Some((409, body)) if body["code"] == "idempotency_in_flight" => {}
                Some((status, body)) => panic!("{} {status}: {body}", self.path),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What every repetition of an acknowledged request must answer again.
    fn essence(answer: &Value) -> Value {
        let of = |it: &Value| json!([it["id"], it["hold_id"], it["amount"], it["created_at"], it["reference"]]);
        match answer["results"].as_array() {
            Some(results) => {
                assert!(results.iter().all(|result| result["status"] != "refused"), "{answer}");
                results.iter().map(|result| json!([result["id"], result["amount"]])).collect()
            }
            None => of(answer),
        }
    }
}

/// The acknowledged answers, by the number of their request.
type Journal = Arc<Mutex<BTreeMap<usize, Value>>>;

/// How often the service is killed, and how often PostgreSQL.
fn rounds() -> usize {
    std::env::var("TOPUP_TEST_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap())
}

/// Clients that go on until they are stopped, whichever process serves them.
struct Load {
    base: Arc<Mutex<String>>,
    journal: Journal,
    over: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(process: &Process) -> Self {
        let base = Arc::new(Mutex::new(process.base.clone()));
        let (journal, over, next) =
            (Journal::default(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |_| {
            let (base, journal, over, next) = (base.clone(), journal.clone(), over.clone(), next.clone());
            tokio::spawn(async move {
                let http = http();
                while !over.load(Ordering::SeqCst) {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    let answer = Wish::numbered(n).acknowledged(&http, &base).await;
                    journal.lock().unwrap().insert(n, answer);
                }
            })
        };
        let clients = (0..10).map(client).collect();
        Self { base, journal, over, clients }
    }

    fn acknowledged(&self) -> usize {
        self.journal.lock().unwrap().len()
    }

    /// Waits until this many more are acknowledged.
    async fn goes_on(&self, more: usize) {
        let goal = self.acknowledged() + more;
        until("the load goes on", async || self.acknowledged() >= goal).await;
    }

    /// How long it takes until the next request is acknowledged.
    async fn next_acknowledgement(&self) -> Duration {
        let since = Instant::now();
        self.goes_on(1).await;
        since.elapsed()
    }

    async fn stop(self) -> BTreeMap<usize, Value> {
        self.over.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.await.unwrap();
        }
        Arc::try_unwrap(self.journal).unwrap().into_inner().unwrap()
    }
}

fn kill_postgres(home: &Path) {
    let file = std::fs::read_to_string(home.join("postgres/data/postmaster.pid")).unwrap();
    let pid: i32 = file.lines().next().unwrap().trim().parse().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn three_kills_each_of_service_and_postgresql_lose_and_double_nothing() {
    let home = Home::new();
    let mut process = Process::start(&home.0, None).await;
    fund(&process).await;
    let load = Load::start(&process);
    let mut longest = Duration::ZERO;
    for _ in 0..rounds() {
        load.goes_on(60).await;
        process.signal(Signal::SIGKILL);
        process.ended().await;
        process = Process::start(&home.0, None).await;
        load.base.lock().unwrap().clone_from(&process.base);
        longest = longest.max(load.next_acknowledgement().await);
        load.goes_on(60).await;
        kill_postgres(&home.0);
        longest = longest.max(load.next_acknowledgement().await);
        process.is_ready().await;
    }
    load.goes_on(60).await;
    let journal = load.stop().await;
    println!("{} requests acknowledged; after a kill the first answer took {longest:?} at most", journal.len());

    // Everything is there, as it was acknowledged. A second booking would be another answer, or another sum below.
    let (client, base) = (http(), Mutex::new(process.base.clone()));
    for (n, before) in &journal {
        let again = Wish::numbered(*n).acknowledged(&client, &base).await;
        assert_eq!(Wish::essence(&again), Wish::essence(before), "wish {n}");
    }
    let path = format!("{}/v1/balances?customer_id=alice&currency=CNY", process.base);
    let operator = crate::support::token("ops", Scope::Operator);
    let answer: Value = client.get(path).bearer_auth(operator).send().await.unwrap().json().await.unwrap();
    let wallet = |product: Value| {
        let balances = answer["balances"].as_array().unwrap();
        balances.iter().find(|wallet| wallet["product"] == product).unwrap().clone()
    };
    let of_kind = |kind: usize| journal.keys().filter(|n| *n % 5 == kind).count();
    let cents = |amount: &Value| (amount.as_str().unwrap().parse::<f64>().unwrap() * 100.0).round() as usize;
    let spent = of_kind(0) + 5 * of_kind(1) + of_kind(3);
    assert_eq!(cents(&wallet(Value::Null)["paid"]), 100_000 - spent);
    assert_eq!(cents(&wallet(Value::Null)["held"]), of_kind(2));
    assert_eq!(cents(&wallet(json!("sms"))["paid"]), of_kind(3));
    check(&home.0, None);
    process.signal(Signal::SIGTERM);
    assert!(process.ended().await.success());
}

/// A process that is frozen (a paused virtual machine, a host that vanished) keeps its locks only until PostgreSQL ends
/// its transaction. Without that limit the second process would wait for as long as the first one is frozen.
#[tokio::test(flavor = "multi_thread")]
async fn case_69_a_process_that_is_frozen_under_load_stops_nobody_for_long() {
    let (home, database) = (Home::new(), database().await);
    let frozen = Process::start(&home.0, Some(&database)).await;
    fund(&frozen).await;
    let load = Load::start(&frozen);
    load.goes_on(100).await;
    frozen.signal(Signal::SIGSTOP);
    let healthy = Process::start(&home.0, Some(&database)).await;
    let (client, base) = (http(), Mutex::new(healthy.base.clone()));
    // The same wallets that the frozen process was writing.
    for n in 0..20 {
        Wish::numbered(1_000_000 + n).acknowledged(&client, &base).await;
    }
    frozen.signal(Signal::SIGCONT);
    load.goes_on(20).await;
    let journal = load.stop().await;
    for (n, before) in journal {
        let again = Wish::numbered(n).acknowledged(&client, &base).await;
        assert_eq!(Wish::essence(&again), Wish::essence(&before), "wish {n}");
    }
    drop((frozen, healthy));
    check(&home.0, Some(&database));
}
