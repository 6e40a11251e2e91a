//! A company that times out, breaks, or answers about another payment: nothing is lost, nothing is done twice, and a
//! repetition of the request continues it.

use futures_util::future::join_all;
use serde_json::{Value, json};
use topup::app::refunds;
use uuid::Uuid;

use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::stage::{PAYER, Placed, Stage, Way, events, known_keys, until};
use crate::support::{Reply, TestApp};

/// Answers that say nothing about the payment. After a 5xx the provider code tries twice more before it gives up.
fn broken_answers() -> [Value; 7] {
    [
        json!({"kind": "status", "status": 500, "times": 3}),
        json!({"kind": "status", "status": 503, "times": 3, "processed": true}),
        json!({"kind": "status", "status": 429, "times": 3}),
        json!({"kind": "html"}),
        json!({"kind": "html", "status": 502, "times": 3}),
        json!({"kind": "half_json"}),
        json!({"kind": "other_order"}),
    ]
}

fn at(operation: &str, fault: &Value) -> Value {
    let mut fault = fault.clone();
    fault["operation"] = json!(operation);
    fault
}

fn creation(way: Way) -> &'static str {
    match way {
        Way::Checkout => "create_session",
        Way::Elements => "create_payment_intent",
        Way::Paypal => "create_order",
        Way::Vnpay => unreachable!("a link is made without a call"),
    }
}

/// Requires a response that says what to do: a stable code, a text, and when to try again.
#[track_caller]
fn is_a_way_on(reply: Reply) -> Reply {
    let reply = reply.must_be_a_problem();
    let code = reply["code"].as_str().unwrap();
    match reply.status {
        502 => assert_eq!(code, "provider_unavailable", "{}", reply.text),
        503 => assert_eq!(code, "provider_busy", "{}", reply.text),
        _ => panic!("{}", reply.text),
    }
    assert!(reply["detail"].as_str().unwrap().contains("the order is kept"), "{}", reply.text);
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=300).contains(&seconds), "{seconds}");
    reply
}

async fn orders(stage: &Stage) -> Vec<Value> {
    let page = stage.app.customer(PAYER).get("/v1/top-up-orders?limit=100").await.expect(200);
    page["data"].as_array().unwrap().clone()
}

/// The first request failed. The second one, with the same key, continues the same order and pays it.
async fn goes_on(stage: &Stage, way: Way, key: &str, kept: &Value) {
    let id = kept["id"].as_str().unwrap();
    assert_eq!((&kept["status"], &kept["version"]), (&json!("pending"), &json!(1)), "{kept:#}");
    let shown = stage.app.customer(PAYER).get(&format!("/v1/top-up-orders/{id}")).await.expect(200);
    assert_eq!(events(&shown.body), ["created", "provider_unreachable"]);
    assert!(shown["next_action"].is_null());

    let again = stage.app.customer(PAYER).post_with_key("/v1/top-up-orders", &way.order(), key).await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), &again["id"]), (Some("true"), &kept["id"]));
    let placed = stage.placed(way, &again).await;
    // All tries have one key, so the company made one payment.
    let calls = stage.calls(way.company(), creation(way)).await;
    let ours = calls.iter().filter(|call| call["body"].as_str().unwrap().contains(id));
    let keys: Vec<&str> = ours.map(|call| call["idempotency_key"].as_str().unwrap()).collect();
    let expected = format!("{}-1", id.trim_start_matches("tuo_"));
    assert!(keys.len() >= 2 && keys.iter().all(|key| *key == expected), "{keys:?}");
    let known = stage.company(reqwest::Method::GET, &format!("/control/{}/payments", way.company()), &json!({})).await;
    let things = known.expect(200).text.matches(&format!(r#""{}":"{id}"#, named(way))).count();
    assert_eq!(things, 1, "{way:?} {id}");
    stage.play(&placed, way.pays(), json!({})).await;
    stage.until(&placed, "completed").await;
    stage.is_credited(&placed).await;
}

/// The field in which the company's list of payments names our order. PayPal's names our deployment after it.
fn named(way: Way) -> &'static str {
    match way {
        Way::Checkout => "client_reference_id",
        Way::Elements => "order_id",
        _ => "custom_id",
    }
}

#[tokio::test]
async fn creating_goes_on_after_a_broken_answer() {
    let stage = Stage::new().await;
    for way in [Way::Checkout, Way::Elements, Way::Paypal] {
        for fault in broken_answers() {
            stage.fault(way.company(), &at(creation(way), &fault)).await;
            let (key, before) = (Uuid::now_v7().to_string(), orders(&stage).await.len());
            let customer = stage.app.customer(PAYER);
            is_a_way_on(customer.post_with_key("/v1/top-up-orders", &way.order(), &key).await);
            stage.forget_faults(way.company()).await;
            let mut kept = orders(&stage).await;
            assert_eq!(kept.len(), before + 1, "{fault}");
            goes_on(&stage, way, &key, &kept.remove(0)).await;
        }
    }
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    stage.finish().await;
}

#[tokio::test]
async fn a_slow_company_is_waited_for_and_a_repeat_meanwhile_does_not_disturb() {
    let stage = Stage::new().await;
    for way in [Way::Checkout, Way::Elements, Way::Paypal] {
        stage.fault(way.company(), &json!({"operation": creation(way), "kind": "slow", "delay_ms": 1500})).await;
        let key = Uuid::now_v7().to_string();
        let (customer, order) = (stage.app.customer(PAYER), way.order());
        let (first, second) = tokio::join!(customer.post_with_key("/v1/top-up-orders", &order, &key), async {
            until("the call is under way", async || {
                let leased = stage.ask("SELECT count(*) FROM attempts WHERE leased_until > now()").await;
                (leased == ["1"]).then_some(())
            })
            .await;
            stage.app.customer(PAYER).post_with_key("/v1/top-up-orders", &order, &key).await
        });
        second.problem(409, "idempotency_in_flight");
        let placed = stage.placed(way, &first.expect(201)).await;
        stage.play(&placed, way.pays(), json!({})).await;
        stage.until(&placed, "completed").await;
    }
    stage.finish().await;
}

/// Companies refuse a known key with other parameters. Therefore changes by the customer must not change a repeated
/// call.
#[tokio::test]
async fn the_repeat_sends_the_same_bytes_whatever_the_customer_changed_meanwhile() {
    let stage = Stage::new().await;
    for way in [Way::Checkout, Way::Elements] {
        let fault = json!({"kind": "status", "status": 503, "times": 3, "processed": true});
        stage.fault("stripe", &at(creation(way), &fault)).await;
        let key = Uuid::now_v7().to_string();
        is_a_way_on(stage.app.customer(PAYER).post_with_key("/v1/top-up-orders", &way.order(), &key).await);
        stage.forget_faults("stripe").await;
        let profile = json!({"name": "Demo", "email": format!("{way:?}@example.org"), "country": "VN"});
        let customer = stage.app.customer(PAYER);
        customer.send(reqwest::Method::PUT, "/v1/billing-profile", Some(&profile), None).await.expect(200);
        let kept = orders(&stage).await.remove(0);
        goes_on(&stage, way, &key, &kept).await;
    }
    stage.finish().await;
}

#[tokio::test]
async fn verifying_goes_on_after_a_broken_answer() {
    let stage = Stage::new().await;
    for way in Way::ALL {
        let placed = stage.place(way).await;
        stage.play(&placed, way.pays_silently(), json!({})).await;
        let before = stage.order(&placed).await;
        for mut fault in broken_answers() {
            // VNPay is asked once: its API has no HTTP errors of its own, only a code in the body.
            if way == Way::Vnpay {
                fault["times"] = json!(1);
            }
            stage.fault(way.company(), &at(way.question(), &fault)).await;
            is_a_way_on(stage.verify(&placed).await);
            stage.forget_faults(way.company()).await;
            assert_eq!(stage.order(&placed).await, before, "{way:?} {fault}");
        }
        assert_eq!(stage.verify(&placed).await.expect(200)["status"], "completed");
        stage.is_credited(&placed).await;
    }
    stage.finish().await;
}

/// A cancellation counts at once. The payment is ended at the company as soon as it can be reached. Money that is paid
/// before that is credited.
#[tokio::test]
async fn cancelling_is_ours_first_and_the_company_is_told_later() {
    let stage = Stage::new().await;
    for (way, operation) in [(Way::Checkout, "expire_session"), (Way::Elements, "cancel_payment_intent")] {
        for fault in
            broken_answers().into_iter().filter(|fault| fault["processed"] != true && fault["kind"] != "half_json")
        {
            let fault_in_reading = at(way.question(), &fault);
            stage.fault("stripe", &at(operation, &fault)).await;
            stage.fault("stripe", &fault_in_reading).await;
            let placed = stage.place(way).await;
            assert_eq!(stage.cancel(&placed).await.expect(200)["status"], "cancelled");
            stage.forget_faults("stripe").await;
            if fault["kind"] != "other_order" {
                // The payment stays open at the company until the worker asks.
                stage.worker_asks().await;
            }
            until("it can be paid no more", async || {
                let path = format!("/control/stripe/payments/{}/pay", placed.at);
                let status = at_company(&stage, &placed).await;
                if !matches!(status.as_str(), "expired" | "canceled") {
                    return None;
                }
                Some(stage.company(reqwest::Method::POST, &path, &json!({})).await.expect(409))
            })
            .await;
            stage.is_not_credited(&placed, "cancelled").await;
        }
        // The payer pays while we cannot reach the company.
        let placed = stage.place(way).await;
        stage.fault("stripe", &json!({"operation": "*", "kind": "html", "times": 2})).await;
        assert_eq!(stage.cancel(&placed).await.expect(200)["status"], "cancelled");
        stage.mute("stripe", true).await;
        stage.play(&placed, "pay", json!({})).await;
        stage.mute("stripe", false).await;
        stage.worker_asks().await;
        stage.until(&placed, "completed").await;
        stage.is_credited(&placed).await;
    }
    stage.finish().await;
}

/// The refunds in the company's own record of the payment.
async fn at_company(stage: &Stage, placed: &Placed) -> String {
    let known = stage.company(reqwest::Method::GET, "/control/stripe/payments", &json!({})).await.expect(200);
    let mut all = known.body.as_object().unwrap().values().filter_map(Value::as_array).flatten();
    let found = all.rfind(|one| one["id"] == placed.at.as_str()).unwrap().clone();
    found["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refund_goes_on_after_a_broken_answer() {
    let stage = Stage::new().await;
    for (way, operation) in [(Way::Checkout, "create_refund"), (Way::Paypal, "refund_capture"), (Way::Vnpay, "refund")]
    {
        for mut fault in broken_answers() {
            if way == Way::Vnpay {
                fault["times"] = json!(1);
            }
            let placed = stage.place(way).await;
            stage.play(&placed, way.pays(), json!({})).await;
            stage.until(&placed, "completed").await;
            let before = stage.app.available(PAYER, way.currency(), "").await;
            stage.fault(way.company(), &at(operation, &fault)).await;
            let key = Uuid::now_v7().to_string();
            let body = json!({"order_id": placed.id, "amount": way.amount(), "reason": "asked for"});
            let operator = stage.app.operator();
            let asked = operator.post_with_key("/v1/admin/refunds", &body, &key).await.expect(201);
            stage.forget_faults(way.company()).await;
            // If the company made the refund, its notification may be faster.
            let done =
                fault["processed"] == true || matches!(fault["kind"].as_str(), Some("half_json" | "other_order"));
            assert!(asked["status"] == "pending" || done, "{way:?} {fault}: {}", asked.text);
            let told = asked["failure"].as_str().is_some_and(|why| !why.is_empty());
            assert!(told || asked["status"] == "succeeded", "{}", asked.text);
            // The wallet is debited once, however often the request is repeated.
            let again = operator.post_with_key("/v1/admin/refunds", &body, &key).await.expect(200);
            assert_eq!(again["id"], asked["id"]);
            assert_ne!(stage.app.available(PAYER, way.currency(), "").await, before);

            let path = format!("/v1/admin/refunds/{}", asked["id"].as_str().unwrap());
            stage.execute("UPDATE refunds SET ask_at = now() WHERE status = 'pending'").await;
            refunds::ask_due(&stage.app.server.app).await.unwrap();
            until("the refund arrives", async || {
                let refund = stage.app.operator().get(&path).await.expect(200);
                (refund["status"] == "succeeded").then_some(())
            })
            .await;
            let order = stage.order(&placed).await;
            assert_eq!((&order["status"], &order["refunded_amount"]), (&json!("completed"), &json!(way.amount())));
            // The company made one refund, under one key.
            let calls = stage.calls(way.company(), operation).await;
            let id = asked["id"].as_str().unwrap();
            let bare = id.trim_start_matches("rfd_");
            let ours: Vec<_> = calls.iter().filter(|call| call["body"].as_str().unwrap().contains(bare)).collect();
            assert!(!ours.is_empty() && ours.iter().all(|call| call["idempotency_key"] == ours[0]["idempotency_key"]));
        }
        let sent =
            stage.company(reqwest::Method::GET, &format!("/control/{}/payments", way.company()), &json!({})).await;
        let refunds = format!("SELECT count(*) FROM refunds WHERE provider = '{}'", way.company());
        assert_eq!(stage.ask(&refunds).await, ["7"], "{}", sent.text);
    }
    assert_eq!(stage.app.available(PAYER, "USD", "").await, "0.00");
    assert_eq!(stage.app.available(PAYER, "VND", "").await, "0");
    stage.finish().await;
}

/// The company gives no answer at all. All operations are tested at the same time, because the wait is long. Whether or
/// not the company has done its part, a repetition continues.
#[tokio::test]
async fn a_company_that_does_not_answer_costs_time_only() {
    let stage = Stage::new().await;
    let silent =
        |operation: &str, processed: bool| json!({"operation": operation, "kind": "timeout", "processed": processed});
    let asked: Vec<Placed> = join_all(Way::ALL.map(|way| stage.place(way))).await;
    let closed = stage.place(Way::Checkout).await;
    for placed in &asked {
        stage.play(placed, placed.way.pays_silently(), json!({})).await;
        stage.fault(placed.way.company(), &silent(placed.way.question(), false)).await;
    }
    stage.fault("stripe", &silent("expire_session", true)).await;
    let creating: Vec<(Way, String)> =
        [Way::Checkout, Way::Elements, Way::Paypal].map(|way| (way, Uuid::now_v7().to_string())).into();
    for (way, processed) in [(Way::Checkout, true), (Way::Elements, false), (Way::Paypal, true)] {
        stage.fault(way.company(), &silent(creation(way), processed)).await;
    }
    let create = join_all(creating.iter().map(async |(way, key)| {
        let customer = stage.app.customer(PAYER);
        customer.post_with_key("/v1/top-up-orders", &way.order(), key).await
    }));
    let verify = join_all(asked.iter().map(|placed| stage.verify(placed)));
    let (created, verified, cancelled) = tokio::join!(create, verify, stage.cancel(&closed));
    assert_eq!(cancelled.expect(200)["status"], "cancelled");
    for reply in verified {
        is_a_way_on(reply);
    }
    for reply in created {
        is_a_way_on(reply);
    }
    let kept = orders(&stage).await;
    for (way, key) in &creating {
        let calls = stage.calls(way.company(), creation(*way)).await;
        let tried = kept.iter().find(|order| {
            let id = order["id"].as_str().unwrap().trim_start_matches("tuo_").to_owned();
            order["version"] == 1
                && calls.iter().any(|call| call["idempotency_key"] == format!("{id}-1") && call["status"].is_null())
        });
        goes_on(&stage, *way, key, tried.unwrap()).await;
    }
    for placed in &asked {
        stage.verify(placed).await.expect(200);
        stage.is_credited(placed).await;
    }
    assert_eq!(at_company(&stage, &closed).await, "expired");
    stage.finish().await;
}

/// A PayPal that always gives the same answer, and a service that uses it.
async fn beside_paypal(token: ResponseTemplate, orders: ResponseTemplate) -> (MockServer, TestApp) {
    let company = MockServer::start().await;
    Mock::given(path("/v1/oauth2/token")).respond_with(token).mount(&company).await;
    Mock::given(path("/v2/checkout/orders")).respond_with(orders).mount(&company).await;
    let app = TestApp::spawn_with(|config| {
        known_keys(config);
        config.paypal.base_url = Some(company.uri().parse().unwrap());
    })
    .await;
    (company, app)
}

fn token() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"access_token": "A", "token_type": "Bearer", "expires_in": 32400}))
}

/// The answer names none of our orders, so only our own records show that it belongs to another payment.
#[tokio::test]
async fn a_bare_answer_with_another_orders_id_is_not_taken() {
    let bare = json!({"id": "5O190127TN364715T", "status": "PAYER_ACTION_REQUIRED", "links": [
        {"rel": "payer-action", "href": "https://paypal.test/checkoutnow?token=5O190127TN364715T", "method": "GET"}]});
    let (company, app) = beside_paypal(token(), ResponseTemplate::new(201).set_body_json(bare)).await;
    let first = app.customer(PAYER).post("/v1/top-up-orders", &Way::Paypal.order()).await.expect(201);
    let key = Uuid::now_v7().to_string();
    for _ in 0..2 {
        // A repetition works at once: no process holds the attempt.
        is_a_way_on(app.customer(PAYER).post_with_key("/v1/top-up-orders", &Way::Paypal.order(), &key).await);
    }
    let page = app.customer(PAYER).get("/v1/top-up-orders").await.expect(200);
    let kept = page["data"].as_array().unwrap().iter().find(|order| order["id"] != first["id"]).unwrap().clone();
    assert_eq!((&kept["status"], &kept["version"], &kept["next_action"]), (&json!("pending"), &json!(1), &Value::Null));
    let expected = format!("{}-1", kept["id"].as_str().unwrap().trim_start_matches("tuo_"));
    let sent = company.received_requests().await.unwrap();
    let keys: Vec<_> = sent.iter().filter_map(|call| call.headers.get("paypal-request-id")).skip(1).collect();
    assert!(keys.len() == 2 && keys.iter().all(|key| *key == expected.as_str()), "{keys:?}");
    app.finish().await;
}

/// The details of a provider's error go to the log, not to the customer.
#[tokio::test]
async fn the_customer_reads_no_internals_of_a_failed_call() {
    let issue =
        json!({"name": "UNPROCESSABLE_ENTITY", "debug_id": "d1", "details": [{"issue": "PAYEE_ACCOUNT_RESTRICTED"}]});
    for (token, orders, status, said) in [
        (ResponseTemplate::new(401), ResponseTemplate::new(500), "pending", "paypal cannot be used at the moment"),
        (
            token(),
            ResponseTemplate::new(500).insert_header("paypal-debug-id", "d1"),
            "pending",
            "paypal did not answer properly; the same request can be repeated",
        ),
        (token(), ResponseTemplate::new(429), "pending", "paypal is busy; the same request can be repeated later"),
        (token(), ResponseTemplate::new(422).set_body_json(issue), "failed", "paypal refused this payment"),
    ] {
        let (_company, app) = beside_paypal(token, orders).await;
        app.customer(PAYER).post("/v1/top-up-orders", &Way::Paypal.order()).await.must_be_a_problem();
        let page = app.customer(PAYER).get("/v1/top-up-orders").await.expect(200);
        let path = format!("/v1/top-up-orders/{}", page["data"][0]["id"].as_str().unwrap());
        let order = app.customer(PAYER).get(&path).await.expect(200);
        assert_eq!(order["status"], status);
        assert_eq!(order["timeline"].as_array().unwrap().last().unwrap()["detail"], said);
        assert_eq!(order["reason"], if status == "failed" { json!(said) } else { Value::Null });
        app.finish().await;
    }
}
