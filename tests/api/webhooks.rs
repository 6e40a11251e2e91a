//! Outgoing webhooks, with a real receiver: signed, in order, tried again, and never to an address inside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::stage::{number, until};
use crate::support::{Caller, Reply, TestApp, execute, token};
use crate::tools::{grant, transfer};

/// A partner's server, which answers as the test says.
struct Partner {
    server: MockServer,
}

impl Partner {
    async fn that(answers: impl Fn(&Value) -> ResponseTemplate + Send + Sync + 'static) -> Self {
        let server = MockServer::start().await;
        let respond = move |request: &Request| answers(&serde_json::from_slice(&request.body).unwrap());
        Mock::given(any()).respond_with(respond).mount(&server).await;
        Self { server }
    }

    async fn content() -> Self {
        Self::that(|_| ResponseTemplate::new(204)).await
    }

    fn url(&self) -> String {
        format!("{}/hooks?key=1", self.server.uri())
    }

    async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    /// The events that came, in their order, once there are so many.
    async fn events(&self, wanted: usize) -> Vec<Value> {
        until("the partner has the events", async || self.requests().await.len() >= wanted).await;
        self.requests().await.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
    }
}

/// Makes an endpoint; answers it with its secret.
async fn endpoint(caller: &Caller<'_>, url: &str, types: &[&str]) -> Value {
    caller.post("/v1/webhook-endpoints", &json!({ "url": url, "types": types })).await.expect(201).body
}

fn at(endpoint: &Value, what: &str) -> String {
    format!("/v1/webhook-endpoints/{}{what}", endpoint["id"].as_str().unwrap())
}

async fn ask(caller: &Caller<'_>, endpoint: &Value, what: &str, status: u16) -> Reply {
    caller.send(Method::POST, &at(endpoint, what), None, None).await.expect(status)
}

/// The deliveries of an endpoint, the oldest first.
async fn deliveries(caller: &Caller<'_>, endpoint: &Value) -> Vec<Value> {
    let page = caller.get(&at(endpoint, "/deliveries?limit=100")).await.expect(200);
    let mut found = page["data"].as_array().unwrap().clone();
    found.reverse();
    found
}

fn event(customer: &str) -> String {
    format!(
        "INSERT INTO events (customer_id, type, noun, data)
         VALUES ('{customer}', 'customer.unfrozen', 'customer', '{{\"customer_id\": \"{customer}\"}}');"
    )
}

fn types(events: &[Value]) -> Vec<&str> {
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
    assert!(shown.body.get("secret").is_none() && made["secret"].is_string(), "it is shown once");

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

#[tokio::test]
async fn case_52_a_webhook_to_an_address_inside_is_refused() {
    let app = TestApp::spawn_with(|config| config.webhooks.allow_loopback = Some(false)).await;
    let service = app.service();
    let refused = [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.1.2.3/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:192.168.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://100.64.0.1/",
        "https://user:secret@example.com/",
        "ftp://example.com/",
        "https://2130706433/",
    ];
    for url in refused {
        let body = json!({ "url": url });
        service.post("/v1/webhook-endpoints", &body).await.names("/url", "url_not_allowed");
    }
    service.post("/v1/webhook-endpoints", &json!({ "url": "nonsense" })).await.names("/url", "url_not_allowed");

    // What got into the table by another way is not called either: neither an address, nor a name that leads to one.
    let partner = Partner::content().await;
    let port = partner.server.address().port();
    let made = endpoint(&service, "https://example.com/", &[]).await;
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        execute(&app.database, &format!("UPDATE webhook_endpoints SET url = 'http://{host}:{port}/'")).await;
        execute(&app.database, &event("alice")).await;
    }
    until("all have failed", async || {
        let found = deliveries(&service, &made).await;
        found.len() == 3 && found.iter().all(|d| !d["attempts"].as_array().unwrap().is_empty())
    })
    .await;
    for delivery in deliveries(&service, &made).await {
        assert_eq!(delivery["attempts"][0]["status"], json!(null), "{delivery}");
    }
    assert!(partner.requests().await.is_empty());
    app.finish().await;
}

#[tokio::test]
async fn case_52_a_redirect_is_a_failure() {
    let app = TestApp::spawn().await;
    let inside = Partner::content().await;
    let location = inside.url();
    let partner = Partner::that(move |_| ResponseTemplate::new(307).insert_header("location", location.as_str())).await;
    let service = app.service();
    let made = endpoint(&service, &partner.url(), &[]).await;
    execute(&app.database, &event("alice")).await;
    until("it has failed", async || {
        deliveries(&service, &made).await.first().is_some_and(|d| !d["attempts"].as_array().unwrap().is_empty())
    })
    .await;
    let delivery = &deliveries(&service, &made).await[0];
    assert_eq!(delivery["status"], "pending");
    assert_eq!(delivery["attempts"][0]["error"], "the endpoint redirects, which is not followed");
    assert!(inside.requests().await.is_empty());
    app.finish().await;
}

#[tokio::test]
async fn a_service_manages_its_own_endpoints_and_an_operator_all() {
    let app = TestApp::spawn().await;
    let (service, operator) = (app.service(), app.operator());
    let other = app.bearer(token("other", topup::identity::Scope::Service));
    let partner = Partner::content().await;
    let made = endpoint(&service, &partner.url(), &["order.completed"]).await;
    assert_eq!(made["owner"], "service:meter");
    let listed = async |caller: &Caller<'_>| {
        caller.get("/v1/webhook-endpoints").await.expect(200)["data"].as_array().unwrap().len()
    };
    assert_eq!((listed(&service).await, listed(&other).await, listed(&operator).await), (1, 0, 1));
    let change = json!({ "url": partner.url(), "types": ["grant.given"], "description": "grants" });
    for (method, what, body) in [
        (Method::GET, "", None),
        (Method::PUT, "", Some(&change)),
        (Method::DELETE, "", None),
        (Method::POST, "/pause", None),
        (Method::POST, "/enable", None),
        (Method::POST, "/rotate-secret", None),
        (Method::POST, "/test", None),
        (Method::GET, "/deliveries", None),
    ] {
        other.send(method, &at(&made, what), body, None).await.problem(404, "not_found");
    }
    let changed = operator.send(Method::PUT, &at(&made, ""), Some(&change), None).await.expect(200);
    assert_eq!((&changed["types"], &changed["description"]), (&json!(["grant.given"]), &json!("grants")));
    assert_eq!(changed["owner"], "service:meter");

    // Paused, its events wait.
    assert_eq!(ask(&service, &made, "/pause", 200).await["status"], "paused");
    app.fund("alice", "CNY", "1.00").await;
    grant(&app, "alice", "5.00", json!({})).await;
    until("the event is numbered", async || number(&app, "count(*) FROM webhook_deliveries").await == 1).await;
    assert!(partner.requests().await.is_empty());
    ask(&service, &made, "/enable", 200).await;
    assert_eq!(types(&partner.events(1).await), ["grant.given"]);

    // A test comes whatever the endpoint wants, and to no other.
    let all = Partner::content().await;
    endpoint(&operator, &all.url(), &["webhook_endpoint.test"]).await;
    let test = ask(&service, &made, "/test", 202).await;
    let events = partner.events(2).await;
    assert_eq!((&events[1]["id"], &events[1]["type"]), (&test["event_id"], &json!("webhook_endpoint.test")));
    assert_eq!(events[1]["data"]["webhook_endpoint"]["id"], made["id"]);
    assert!(all.requests().await.is_empty());

    service.send(Method::DELETE, &at(&made, ""), None, None).await.expect(204);
    service.get(&at(&made, "")).await.problem(404, "not_found");
    assert_eq!(number(&app, "count(*) FROM webhook_secrets").await, 1, "the operator's");
    for _ in 0..50 {
        endpoint(&other, &partner.url(), &[]).await;
    }
    let body = json!({ "url": partner.url() });
    other.post("/v1/webhook-endpoints", &body).await.problem(409, "too_many_webhook_endpoints");
    endpoint(&service, &partner.url(), &[]).await;
    let bad = json!({ "url": partner.url(), "types": ["order.completed", "order.paid"] });
    service.post("/v1/webhook-endpoints", &bad).await.names("/types/1", "malformed");
    app.finish().await;
}

#[tokio::test]
async fn deliveries_are_kept_for_a_while() {
    let app = TestApp::spawn().await;
    let partner = Partner::content().await;
    let made = endpoint(&app.service(), &partner.url(), &[]).await;
    execute(&app.database, &event("alice")).await;
    until("it is delivered", async || {
        deliveries(&app.service(), &made).await.first().is_some_and(|d| d["status"] == "delivered")
    })
    .await;
    let older = |days: u32| format!("UPDATE webhook_deliveries SET created_at = created_at - interval '{days} days'");
    execute(&app.database, &older(29)).await;
    topup::workers::prune(&app.server.app).await.unwrap();
    assert_eq!(deliveries(&app.service(), &made).await.len(), 1);
    execute(&app.database, &older(2)).await;
    topup::workers::prune(&app.server.app).await.unwrap();
    assert_eq!(
        number(&app, "(SELECT count(*) FROM webhook_deliveries) + (SELECT count(*) FROM webhook_attempts)").await,
        0
    );
    app.finish().await;
}
