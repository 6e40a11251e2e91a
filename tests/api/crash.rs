//! The real binary, killed in the middle of its work: what was answered is recorded once, and can be requested again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use topup::identity::Scope;

use crate::process::{Home, Process, check, http, post, send};
use crate::stage::{number, number_in, order, profile, statement, until};
use crate::support::{Reply, TestApp, database, execute, token};

/// A request: where, as whom, with which body and key. Sending it again asks for the same thing.
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

/// The parts of an answer that must be the same whenever the request is repeated.
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

pub async fn fund(process: &Process) {
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
    let (home, database) = (Home::new(), database().await);
    let mut process = Process::start(&home.0, Some(&database)).await;
    fund(&process).await;
    let answers = storm(&process, 400, |process| process.signal(Signal::SIGKILL)).await;
    assert!(!process.ended().await.success());
    check(&home.0, Some(&database));
    for path in PATHS {
        // Requests in flight at the end may be booked, too; nothing that was answered may be missing.
        let (answered, there) = (fulfilled(&answers, path).len(), there(&database, path).await);
        let open = answers.iter().filter(|(n, answer)| answer.is_none() && Wish::numbered(**n).path == path).count();
        let answered = i64::try_from(answered).unwrap();
        assert!((answered..=answered + i64::try_from(open).unwrap()).contains(&there), "{path}: {answered} {there}");
    }

    let mut process = Process::start(&home.0, Some(&database)).await;
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
    check(&home.0, Some(&database));
}

#[tokio::test]
async fn sigterm_drains_and_ends_well() {
    let (home, database) = (Home::new(), database().await);
    let mut process = Process::start(&home.0, Some(&database)).await;
    fund(&process).await;
    let answers = storm(&process, 200, |process| process.signal(Signal::SIGTERM)).await;
    assert_eq!(process.ended().await.code(), Some(0));
    for path in PATHS {
        // Whatever was begun was also answered.
        assert_eq!(there(&database, path).await, i64::try_from(fulfilled(&answers, path).len()).unwrap(), "{path}");
    }
    check(&home.0, Some(&database));
}

/// A company that answers after the caller has been killed.
const SILENT: &str = r#"{"operation": "create_session", "kind": "timeout"}"#;

async fn ask_for_card(base: &str) -> reqwest::Result<reqwest::Response> {
    let request = http().post(format!("{base}/v1/top-up-orders")).bearer_auth(token("alice", Scope::Customer));
    request.header("idempotency-key", "card").json(&order("card", "USD", "20.00")).send().await
}

#[tokio::test]
async fn case_72_a_call_to_a_company_that_was_killed_goes_on_within_seconds() {
    let (home, database) = (Home::new(), database().await);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let company = format!("127.0.0.1:{port}");
    let arguments = ["--sandbox=on", "--sandbox-bind", &company];
    let mut first = Process::start_with(&home.0, Some(&database), &arguments, None).await;
    fund(&first).await;
    let faults = http().post(format!("http://{company}/control/stripe/faults"));
    let fault = faults.header("content-type", "application/json").body(SILENT).send().await.unwrap();
    assert_eq!(fault.status(), 200);

    let base = first.base.clone();
    let mut asked = Box::pin(ask_for_card(&base));
    // The lease lasts for three seconds, and is renewed for as long as the company is silent.
    let renewed = "count(*) FROM attempts WHERE leased_until > sent_at + interval '4 seconds'";
    let called = until("the company is called for some time", async || number_in(&database, renewed).await == 1);
    tokio::select! {
        _ = &mut asked => panic!("the company has answered"),
        () = called => {}
    }
    let second = http().post(format!("{}/v1/top-up-orders", first.base)).bearer_auth(token("alice", Scope::Customer));
    let second = second.header("idempotency-key", "card").json(&order("card", "USD", "20.00"));
    let refused = Reply::of(second).await.problem(409, "idempotency_in_flight");
    assert_eq!(refused.header("retry-after"), Some("1"));
    first.signal(Signal::SIGKILL);
    first.ended().await;
    asked.await.unwrap_err();
    let promised = "count(*) FROM attempts WHERE leased_until > now() + interval '3 seconds'";
    assert_eq!(number_in(&database, promised).await, 0);

    let next = Process::start_with(&home.0, Some(&database), &arguments, None).await;
    until("the same key gives the order", async || {
        let answer = ask_for_card(&next.base).await.unwrap();
        match answer.status().as_u16() {
            200 => true,
            409 => {
                assert_eq!(answer.headers()["retry-after"], "1");
                false
            }
            other => panic!("{other}: {}", answer.text().await.unwrap()),
        }
    })
    .await;
    let orders = "count(*) FROM top_up_orders WHERE channel = 'card'";
    assert_eq!(number_in(&database, orders).await, 1);
}

#[tokio::test]
async fn case_72_an_order_that_calls_nobody_waits_for_nobody() {
    let app = TestApp::spawn().await;
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    for (channel, currency, amount) in [("bank_transfer", "CNY", "100"), ("vnpay", "VND", "200000")] {
        let body = order(channel, currency, amount);
        let made = alice.post_with_key("/v1/top-up-orders", &body, channel).await.expect(201);
        // As after a crash between the order and its next action.
        let id = made["id"].as_str().unwrap().trim_start_matches("tuo_").to_owned();
        let cut_off =
            format!("UPDATE attempts SET provider_reference = NULL, next_action = NULL WHERE order_id = '{id}'");
        execute(&app.database, &cut_off).await;
        let again = alice.post_with_key("/v1/top-up-orders", &body, channel).await.expect(200);
        assert_eq!(again["next_action"], made["next_action"], "{channel}");
        assert_eq!(number(&app, "count(*) FROM attempts WHERE sent_at IS NOT NULL").await, 0);
    }
    app.finish().await;
}

#[tokio::test]
async fn case_72_every_error_gives_the_right_to_call_back() {
    let app = TestApp::spawn().await;
    profile(&app, "alice").await;
    let sql = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$; \
               CREATE TRIGGER fail BEFORE UPDATE OF provider_reference ON attempts \
               FOR EACH ROW EXECUTE FUNCTION fail()";
    execute(&app.database, sql).await;
    let alice = app.customer("alice");
    let body = order("card", "USD", "20.00");
    alice.post_with_key("/v1/top-up-orders", &body, "k").await.problem(500, "internal_error");
    execute(&app.database, "DROP TRIGGER fail ON attempts").await;
    alice.post_with_key("/v1/top-up-orders", &body, "k").await.expect(200);
    app.finish().await;
}
