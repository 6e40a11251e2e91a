//! Outgoing webhooks, with a real receiver: signed, in order, and tried again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::audit::both_ways;
use crate::stage::{number, until};
use crate::support::{Caller, Reply, TestApp, execute, token};
use crate::tools::transfer;

/// A partner's server, which answers as the test says.
pub struct Partner {
    pub server: MockServer,
}

impl Partner {
    pub async fn that(answers: impl Fn(&Value) -> ResponseTemplate + Send + Sync + 'static) -> Self {
        let server = MockServer::start().await;
        let respond = move |request: &Request| answers(&serde_json::from_slice(&request.body).unwrap());
        Mock::given(any()).respond_with(respond).mount(&server).await;
        Self { server }
    }

    pub async fn content() -> Self {
        Self::that(|_| ResponseTemplate::new(204)).await
    }

    pub fn url(&self) -> String {
        format!("{}/hooks?key=1", self.server.uri())
    }

    pub async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    /// The events that came, in their order, once there are this many.
    pub async fn events(&self, wanted: usize) -> Vec<Value> {
        until("the partner has the events", async || self.requests().await.len() >= wanted).await;
        self.requests().await.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
    }
}

/// Makes an endpoint; answers it with its secret.
pub async fn endpoint(caller: &Caller<'_>, url: &str, types: &[&str]) -> Value {
    caller.post("/v1/webhook-endpoints", &json!({ "url": url, "types": types })).await.expect(201).body
}

pub fn at(endpoint: &Value, what: &str) -> String {
    format!("/v1/webhook-endpoints/{}{what}", endpoint["id"].as_str().unwrap())
}

pub async fn ask(caller: &Caller<'_>, endpoint: &Value, what: &str, status: u16) -> Reply {
    caller.send(Method::POST, &at(endpoint, what), None, None).await.expect(status)
}

/// The deliveries of an endpoint, the oldest first.
pub async fn deliveries(caller: &Caller<'_>, endpoint: &Value) -> Vec<Value> {
    let page = caller.get(&at(endpoint, "/deliveries?limit=100")).await.expect(200);
    let mut found = page["data"].as_array().unwrap().clone();
    found.reverse();
    found
}

pub fn event(customer: &str) -> String {
    format!(
        "INSERT INTO events (customer_id, type, noun, data)
         VALUES ('{customer}', 'customer.unfrozen', 'customer', '{{\"customer_id\": \"{customer}\"}}');"
    )
}

pub fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn events_are_posted_as_the_standard_says_and_verified_by_its_library() {
    let app = TestApp::spawn().await;
    let (partner, service) = (Partner::content().await, app.service());
    let made = endpoint(&service, &partner.url(), &["order.completed", "transfer.created"]).await;
    app.fund("alice", "CNY", "100.00").await;
    transfer(&app, "alice", "sms", "10.00").await;
    let events = partner.events(2).await;
    assert_eq!(types(&events), ["order.completed", "transfer.created"], "only what was asked for");
    let feed = service.get("/v1/events?type=order.completed&type=transfer.created").await.expect(200);
    assert_eq!(feed["data"].as_array().unwrap(), &events, "one schema");

    let secret = made["secret"].as_str().unwrap();
    let library = Webhook::new(secret).unwrap();
    for request in partner.requests().await {
        library.verify(&request.body, &request.headers).unwrap();
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(request.headers["webhook-id"], event["id"].as_str().unwrap());
        assert_eq!((request.method.as_str(), request.url.query()), ("POST", Some("key=1")));
        assert_eq!(request.headers["content-type"], "application/json");
        let mut forged = request.body.clone();
        forged.push(b' ');
        library.verify(&forged, &request.headers).unwrap_err();
    }
    let shown = service.get(&at(&made, "")).await.expect(200);
    assert!(shown["secret"].is_null() && made["secret"].is_string(), "it is shown once");

    // For a day the old secret verifies beside the new one.
    let rotated = ask(&service, &made, "/rotate-secret", 200).await;
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(new, secret);
    transfer(&app, "alice", "sms", "1.00").await;
    partner.events(3).await;
    let last = partner.requests().await.pop().unwrap();
    assert_eq!(last.headers["webhook-signature"].to_str().unwrap().split(' ').count(), 2);
    for secret in [secret, new] {
        Webhook::new(secret).unwrap().verify(&last.body, &last.headers).unwrap();
    }
    execute(&app.database, "UPDATE webhook_secrets SET ends_at = ends_at - interval '25 hours'").await;
    transfer(&app, "alice", "sms", "1.00").await;
    partner.events(4).await;
    let last = partner.requests().await.pop().unwrap();
    Webhook::new(new).unwrap().verify(&last.body, &last.headers).unwrap();
    Webhook::new(secret).unwrap().verify(&last.body, &last.headers).unwrap_err();
    app.finish().await;
}

#[tokio::test]
async fn case_53_a_webhook_carries_the_state_at_the_event_and_can_be_sent_again() {
    let app = TestApp::spawn().await;
    let (partner, service) = (Partner::content().await, app.service());
    let made = endpoint(&service, &partner.url(), &[]).await;
    let order = app.fund("alice", "CNY", "100.00").await;
    let events = partner.events(2).await;
    assert_eq!(types(&events), ["order.pending", "order.completed"]);
    assert_eq!(events[0]["data"]["order"]["id"], order);
    let states = events.iter().map(|event| (&event["sequence"], &event["data"]["order"]["status"]));
    assert!(states.eq([(&json!(1), &json!("pending")), (&json!(2), &json!("completed"))]));

    // The first one again, though the order has moved on: the same id, the same state.
    until("both are recorded", async || {
        deliveries(&service, &made).await.iter().all(|delivery| delivery["status"] == "delivered")
    })
    .await;
    assert_eq!(both_ways(&service, &at(&made, "/deliveries"), 1).await.len(), 2);
    let first = deliveries(&service, &made).await[0].clone();
    let again = format!("/deliveries/{}/redeliver", first["id"].as_str().unwrap());
    ask(&service, &made, &again, 202).await;
    let events = partner.events(3).await;
    assert_eq!(events[2], events[0]);
    until("the attempt is recorded", async || {
        deliveries(&service, &made).await[0]["attempts"].as_array().unwrap().len() == 2
    })
    .await;

    // Everything since a time, also to an endpoint that is younger than the events.
    let (later, since) = (Partner::content().await, json!({ "since": "2020-01-01T00:00:00Z" }));
    let young = endpoint(&service, &later.url(), &["order.completed"]).await;
    let done = service.post(&at(&young, "/redeliver"), &since).await.expect(202);
    assert_eq!((&done["deliveries"], &done["next_since"]), (&json!(1), &json!(null)));
    assert_eq!(later.events(1).await[0], events[1]);
    until("it is recorded", async || deliveries(&service, &young).await[0]["status"] == "delivered").await;
    assert_eq!(service.post(&at(&young, "/redeliver"), &since).await.expect(202)["deliveries"], 1);
    later.events(2).await;
    app.finish().await;
}

#[tokio::test]
async fn a_failed_attempt_is_made_again_and_holds_nothing_back() {
    let app = TestApp::spawn().await;
    let failures = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&failures);
    let partner = Partner::that(move |event| {
        let fails = event["sequence"] == 1 && counted.fetch_add(1, Ordering::SeqCst) == 0;
        ResponseTemplate::new(if fails { 500 } else { 200 }).set_body_string("x".repeat(5_000))
    })
    .await;
    let service = app.service();
    let made = endpoint(&service, &partner.url(), &[]).await;
    for _ in 0..3 {
        execute(&app.database, &event("alice")).await;
    }
    let events = partner.events(4).await;
    let sequences: Vec<i64> = events.iter().map(|event| event["sequence"].as_i64().unwrap()).collect();
    assert_eq!(sequences, [1, 2, 3, 1], "first attempts in order, then the one that failed");
    assert_eq!(events[0], events[3]);
    until("all are delivered", async || {
        deliveries(&service, &made).await.iter().all(|delivery| delivery["status"] == "delivered")
    })
    .await;
    let first = &deliveries(&service, &made).await[0];
    let attempts = first["attempts"].as_array().unwrap();
    assert_eq!((&attempts[0]["status"], &attempts[1]["status"]), (&json!(500), &json!(200)));
    assert_eq!(attempts[0]["error"], "the endpoint answered 500");
    assert_eq!(attempts[0]["body"].as_str().unwrap().len(), 1024, "the beginning of the answer");
    let at = |n: usize| attempts[n]["at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert!(at(1) - at(0) >= chrono::TimeDelta::seconds(5), "{attempts:?}");
    let shown = service.get(&at_endpoint(&made)).await.expect(200);
    assert_eq!(shown["failing_since"], json!(null), "it does not fail any more");
    app.finish().await;
}

fn at_endpoint(endpoint: &Value) -> String {
    at(endpoint, "")
}

/// Two processes, three customers, many events: the first attempts of each customer come in order.
#[tokio::test]
async fn first_attempts_leave_in_the_order_of_each_customer() {
    const EACH: usize = 40;
    let app = TestApp::spawn().await;
    let second = TestApp::try_spawn(&app.database, |_| ()).await.unwrap();
    let partner = Partner::content().await;
    endpoint(&app.service(), &partner.url(), &[]).await;
    for _ in 0..EACH {
        for customer in ["alice", "bob", "carol"] {
            execute(&app.database, &event(customer)).await;
        }
    }
    let events = partner.events(3 * EACH).await;
    let mut of: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for event in &events {
        of.entry(event["customer_id"].as_str().unwrap()).or_default().push(event["sequence"].as_i64().unwrap());
    }
    let in_order: Vec<i64> = (1..=i64::try_from(EACH).unwrap()).collect();
    assert!(of.len() == 3 && of.values().all(|sequences| *sequences == in_order), "{of:?}");
    second.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn a_slow_or_dead_endpoint_slows_no_other() {
    let app = TestApp::spawn().await;
    let service = app.service();
    let slow = Partner::that(|_| ResponseTemplate::new(200).set_delay(Duration::from_secs(60))).await;
    let slow_endpoint = endpoint(&service, &slow.url(), &[]).await;
    let dead = endpoint(&service, "http://127.0.0.1:1/", &[]).await;
    let partner = Partner::content().await;
    endpoint(&service, &partner.url(), &[]).await;
    for n in 0..20 {
        execute(&app.database, &event(&format!("customer-{n}"))).await;
    }
    partner.events(20).await;
    until("the slow one was called", async || !slow.requests().await.is_empty()).await;
    let waiting = deliveries(&service, &slow_endpoint).await;
    assert!(waiting.iter().all(|delivery| delivery["status"] == "pending"), "{waiting:?}");
    let in_flight = slow.requests().await.len();
    assert!(in_flight <= 8, "{in_flight} requests at once to one endpoint");
    until("the dead one has failed", async || {
        deliveries(&service, &dead).await.iter().all(|d| !d["attempts"].as_array().unwrap().is_empty())
    })
    .await;
    let failed = &deliveries(&service, &dead).await[0];
    assert_eq!(failed["attempts"][0]["status"], json!(null));
    assert!(failed["attempts"][0]["error"].as_str().unwrap().starts_with("no connection"), "{failed}");
    // The stop does not wait for the slow one either.
    app.finish().await;
}

#[tokio::test]
async fn what_a_process_that_died_had_in_hand_is_delivered_by_another() {
    let app = TestApp::spawn().await;
    let partner = Partner::content().await;
    let made = endpoint(&app.service(), &partner.url(), &[]).await;
    let lease = "UPDATE webhook_endpoints SET lease = gen_random_uuid(), leased_until = ledger_now() + interval";
    execute(&app.database, &format!("{lease} '1 hour'")).await;
    execute(&app.database, &event("alice")).await;
    until("it is numbered", async || number(&app, "count(*) FROM webhook_deliveries").await == 1).await;
    let pending = deliveries(&app.service(), &made).await;
    assert_eq!((&pending[0]["status"], partner.requests().await.len()), (&json!("pending"), 0));
    execute(&app.database, &format!("{lease} '-1 second'")).await;
    partner.events(1).await;
    app.finish().await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_or_fails_for_days_is_disabled_and_its_owner_is_told() {
    let app = TestApp::spawn().await;
    let (service, other) = (app.service(), app.bearer(token("other", topup::identity::Scope::Service)));
    let partner =
        Partner::that(|event| ResponseTemplate::new(if event["customer_id"] == "x" { 410 } else { 500 })).await;
    let made = endpoint(&service, &partner.url(), &["customer.unfrozen"]).await;
    let disabled = async |because: &str| {
        until("it is disabled", async || service.get(&at_endpoint(&made)).await["status"] == "disabled").await;
        assert_eq!(service.get(&at_endpoint(&made)).await["disabled_because"], because);
    };
    execute(&app.database, &event("x")).await;
    disabled("gone").await;
    until("that is told", async || {
        service.get("/v1/events?type=webhook_endpoint.disabled").await["data"].as_array().unwrap().len() == 1
    })
    .await;
    let told = service.get("/v1/events?type=webhook_endpoint.disabled").await.expect(200);
    assert_eq!(told["data"][0]["data"]["webhook_endpoint"]["id"], made["id"]);
    assert!(!told.text.contains("whsec_"), "{}", told.text);
    let others = other.get("/v1/events?type=webhook_endpoint.disabled").await.expect(200);
    assert_eq!((&others["data"], &others["has_more"]), (&json!([]), &json!(false)));

    // While it is disabled nothing is made for it.
    execute(&app.database, &event("y")).await;
    until("it has a number", async || number(&app, "count(*) FROM events WHERE number IS NULL").await == 0).await;
    assert_eq!(number(&app, "count(*) FROM webhook_deliveries").await, 1);
    for what in ["/test", "/pause", "/redeliver"] {
        let body = json!({ "since": "2020-01-01T00:00:00Z" });
        let body = (what == "/redeliver").then_some(&body);
        let refused = service.send(Method::POST, &at(&made, what), body, None).await;
        refused.problem(409, "webhook_endpoint_disabled");
    }
    assert_eq!(ask(&service, &made, "/enable", 200).await["status"], "enabled");
    execute(&app.database, &event("z")).await;
    until("it fails", async || service.get(&at_endpoint(&made)).await["failing_since"].is_string()).await;
    assert_eq!(service.get(&at_endpoint(&made)).await["status"], "enabled");
    execute(&app.database, "UPDATE webhook_endpoints SET failing_since = failing_since - interval '6 days'").await;
    execute(&app.database, &event("z")).await;
    disabled("failing").await;
    app.finish().await;
}

/// The last attempt of the schedule ends a delivery.
#[tokio::test]
async fn a_delivery_fails_after_its_tenth_attempt() {
    let app = TestApp::spawn().await;
    let partner = Partner::that(|_| ResponseTemplate::new(503)).await;
    let service = app.service();
    let made = endpoint(&service, &partner.url(), &[]).await;
    execute(&app.database, &event("alice")).await;
    let due = "UPDATE webhook_deliveries SET due_at = ledger_now() WHERE status = 'pending' AND attempts > 0";
    for n in 1..=10 {
        until("an attempt is recorded", async || {
            deliveries(&service, &made).await.first().is_some_and(|d| d["attempts"].as_array().unwrap().len() == n)
        })
        .await;
        execute(&app.database, due).await;
    }
    let failed = &deliveries(&service, &made).await[0];
    assert_eq!((&failed["status"], &failed["next_attempt_at"]), (&json!("failed"), &json!(null)));
    assert_eq!(partner.requests().await.len(), 10);
    app.finish().await;
}
