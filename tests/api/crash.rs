//! The real binary, killed in the middle of its work: what was answered is there, once, and can be asked for again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use topup::identity::Scope;

use crate::stage::{number_in, order, statement, until};
use crate::support::{SECRET, database, execute, token, url};

/// `topup serve` as its own process, on a database of this test.
struct Process {
    child: Child,
    base: String,
    home: PathBuf,
}

fn home(database: &str) -> PathBuf {
    std::env::temp_dir().join(format!("topup-crash-{}-{database}", std::process::id()))
}

/// `topup` with nothing of the shell's settings.
fn command(database: &str, arguments: &[&str]) -> Command {
    let home = home(database);
    std::fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DATABASE_URL", url(database).expose_secret())
        .env("TOPUP_DATA_DIR", &home)
        .env("TOPUP_JWT_SECRET", SECRET)
        .env("TOPUP_LOG", "warn")
        .env("TOPUP_CUSTOMER_RATE_LIMIT", "0")
        .env("TOPUP_OPEN_ORDERS_PER_CUSTOMER", "100000")
        .env("TOPUP_SHUTDOWN_SECONDS", "20")
        .current_dir(&home)
        .stdin(Stdio::null());
    command
}

impl Process {
    async fn start(database: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let bind = format!("127.0.0.1:{port}");
        let child = command(database, &["serve", "--bind", &bind, "--sandbox=off"]).spawn().unwrap();
        let process = Self { child, base: format!("http://{bind}"), home: home(database) };
        let http = http();
        let health = format!("{}/readyz", process.base);
        until("the process is ready", async || {
            http.get(&health).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        process
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    async fn ended(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A test that fails leaves nothing running.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap()
}

/// Something asked for: where, as whom, with which body and key. Asking again is asking for the same.
#[derive(Debug, Clone)]
struct Wish {
    path: &'static str,
    scope: Scope,
    body: Value,
    key: String,
}

impl Wish {
    fn numbered(n: usize) -> Self {
        let key = format!("wish-{n}");
        let wish = |path, scope, body| Self { path, scope, body, key: key.clone() };
        match n % 4 {
            0 | 1 => wish(
                "/v1/usage",
                Scope::Service,
                json!({ "id": key, "customer_id": "alice", "currency": "CNY", "amount": "0.01" }),
            ),
            2 => wish(
                "/v1/transfers",
                Scope::Customer,
                json!({ "currency": "CNY", "amount": "0.02", "to_product": "sms" }),
            ),
            _ => wish("/v1/top-up-orders", Scope::Customer, order("bank_transfer", "CNY", "100")),
        }
    }

    /// Status and body; `None` when no answer came.
    async fn ask(&self, http: &reqwest::Client, base: &str) -> Option<(u16, Value)> {
        post(http, base, self.path, ("alice", self.scope), &self.body, &self.key).await
    }
}

async fn post(
    http: &reqwest::Client,
    base: &str,
    path: &str,
    (who, scope): (&str, Scope),
    body: &Value,
    key: &str,
) -> Option<(u16, Value)> {
    send(http, Method::POST, base, path, (who, scope), body, key).await
}

async fn send(
    http: &reqwest::Client,
    method: Method,
    base: &str,
    path: &str,
    (who, scope): (&str, Scope),
    body: &Value,
    key: &str,
) -> Option<(u16, Value)> {
    let request = http.request(method, format!("{base}{path}")).bearer_auth(token(who, scope)).json(body);
    let answer = request.header("idempotency-key", key).send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.json().await.ok()?))
}

/// What names the thing that an answer is about, and what must never be told otherwise.
fn essence(answer: &Value) -> Value {
    json!([answer["id"], answer["amount"], answer["balance_after"], answer["created_at"], answer["reference"]])
}

type Answers = Arc<Mutex<BTreeMap<usize, Option<(u16, Value)>>>>;

/// Gives alice 1000 CNY, then asks for things until `enough` were answered and the process is gone.
async fn storm(process: &Process, enough: usize, end: impl FnOnce(&Process)) -> BTreeMap<usize, Option<(u16, Value)>> {
    let http = http();
    let answers: Answers = Arc::default();
    let over = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..12)
        .map(|worker| {
            let (http, base, answers, over) = (http.clone(), process.base.clone(), answers.clone(), over.clone());
            tokio::spawn(async move {
                for n in (worker..).step_by(12) {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let answer = Wish::numbered(n).ask(&http, &base).await;
                    let ended = answer.is_none();
                    answers.lock().unwrap().insert(n, answer);
                    if ended {
                        break;
                    }
                }
            })
        })
        .collect();
    until("enough was answered", async || answers.lock().unwrap().len() >= enough).await;
    end(process);
    for worker in workers {
        worker.await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    Arc::try_unwrap(answers).unwrap().into_inner().unwrap()
}

async fn fund(process: &Process) {
    let (http, base) = (http(), process.base.as_str());
    let alice = ("alice", Scope::Customer);
    let profile = json!({ "name": "Alice", "email": "alice@example.com", "country": "CN" });
    let saved = send(&http, Method::PUT, base, "/v1/billing-profile", alice, &profile, "profile").await.unwrap();
    assert_eq!(saved.0, 200, "{saved:?}");
    let made =
        post(&http, base, "/v1/top-up-orders", alice, &order("bank_transfer", "CNY", "1000"), "fund").await.unwrap();
    let path = format!("/v1/admin/top-up-orders/{}/approve", made.1["id"].as_str().unwrap());
    let approved = post(&http, base, &path, ("ops", Scope::Operator), &statement("1000.00", "line-1"), "approve").await;
    assert_eq!(approved.unwrap().0, 200);
}

/// The ids of what there is, by path.
async fn there(database: &str, path: &str) -> i64 {
    let count = match path {
        "/v1/usage" => "count(*) FROM entries WHERE kind = 2",
        "/v1/transfers" => "count(*) FROM transfers",
        _ => "count(*) FROM top_up_orders WHERE status = 'pending'",
    };
    number_in(database, count).await
}

fn check(database: &str) {
    let checked = command(database, &["check"]).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
}

const PATHS: [&str; 3] = ["/v1/usage", "/v1/transfers", "/v1/top-up-orders"];

fn fulfilled(answers: &BTreeMap<usize, Option<(u16, Value)>>, path: &str) -> BTreeSet<String> {
    let of_path = answers.iter().filter(|(n, _)| Wish::numbered(**n).path == path);
    let ids = of_path.filter_map(|(_, answer)| answer.as_ref()).map(|(status, body)| {
        assert_eq!(*status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    });
    ids.collect()
}

#[tokio::test]
async fn killed_in_the_middle_everything_answered_is_there_exactly_once() {
    let database = database().await;
    let mut process = Process::start(&database).await;
    fund(&process).await;
    let answers = storm(&process, 400, |process| process.signal(Signal::SIGKILL)).await;
    assert!(!process.ended().await.success());
    check(&database);
    for path in PATHS {
        // What was under way at the end may be there, too; of what was answered nothing may be missing.
        let (answered, there) = (fulfilled(&answers, path).len(), there(&database, path).await);
        let open = answers.iter().filter(|(n, answer)| answer.is_none() && Wish::numbered(**n).path == path).count();
        let answered = i64::try_from(answered).unwrap();
        assert!((answered..=answered + i64::try_from(open).unwrap()).contains(&there), "{path}: {answered} {there}");
    }

    let mut process = Process::start(&database).await;
    // A call to a provider that was cut off is repeated once its lease is over: the clock is put forward.
    execute(&database, "UPDATE attempts SET leased_until = now() WHERE leased_until IS NOT NULL").await;
    let http = http();
    for (n, before) in &answers {
        let wish = Wish::numbered(*n);
        let (status, body) = wish.ask(&http, &process.base).await.expect("an answer");
        match before {
            Some((_, before)) => {
                assert_eq!((status, essence(&body)), (200, essence(before)), "{wish:?}");
            }
            None => assert!(matches!(status, 200 | 201), "{wish:?}: {status} {body}"),
        }
    }
    for path in PATHS {
        let asked = answers.keys().filter(|n| Wish::numbered(**n).path == path).count();
        assert_eq!(there(&database, path).await, i64::try_from(asked).unwrap(), "{path}");
    }
    process.signal(Signal::SIGKILL);
    process.ended().await;
    check(&database);
}

#[tokio::test]
async fn sigterm_drains_and_ends_well() {
    let database = database().await;
    let mut process = Process::start(&database).await;
    fund(&process).await;
    let answers = storm(&process, 200, |process| process.signal(Signal::SIGTERM)).await;
    assert_eq!(process.ended().await.code(), Some(0));
    for path in PATHS {
        // Whatever was begun was also answered.
        assert_eq!(there(&database, path).await, i64::try_from(fulfilled(&answers, path).len()).unwrap(), "{path}");
    }
    check(&database);
}
