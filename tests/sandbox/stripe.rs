//! The API of the simulated Stripe: strictness, idempotency, faults.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::{STRIPE_KEY, STRIPE_PUBLISHABLE, Stage, answer};

pub const OLD: &str = "2026-02-25.clover";
pub const NEW: &str = "2026-10-28.endive";

type Form = Vec<(String, String)>;

pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn session_form() -> Form {
    let expires = (unix_now() + 3_600).to_string();
    [
        ("mode", "payment"),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "10000"),
        ("line_items[0][price_data][product_data][name]", "Wallet top-up"),
        ("success_url", "https://shop.test/back?session={CHECKOUT_SESSION_ID}"),
        ("cancel_url", "https://shop.test/cancelled"),
        ("client_reference_id", "tuo_1"),
        ("metadata[top_up_order]", "tuo_1"),
        ("payment_intent_data[metadata][top_up_order]", "tuo_1"),
        ("adaptive_pricing[enabled]", "false"),
        ("expires_at", expires.as_str()),
        ("allowed_payment_method_types[0]", "card"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

pub fn with(mut form: Form, name: &str, value: &str) -> Form {
    form.retain(|(known, _)| known != name);
    form.push((name.to_owned(), value.to_owned()));
    form
}

pub fn without(mut form: Form, name: &str) -> Form {
    form.retain(|(known, _)| known != name);
    form
}

impl Stage {
    pub async fn stripe_raw(
        &self,
        path: &str,
        form: &[(String, String)],
        key: Option<&str>,
        version: &str,
    ) -> reqwest::Response {
        let mut request = self
            .http
            .post(format!("{}/v1{path}", self.sandbox.stripe_base_url()))
            .bearer_auth(STRIPE_KEY)
            .header("Stripe-Version", version)
            .form(form);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        request.send().await.unwrap()
    }

    pub async fn stripe(&self, path: &str, form: &[(String, String)]) -> (u16, Value) {
        answer(self.stripe_raw(path, form, None, NEW).await).await
    }

    pub async fn stripe_get(&self, path: &str) -> (u16, Value) {
        let request = self
            .http
            .get(format!("{}/v1{path}", self.sandbox.stripe_base_url()))
            .bearer_auth(STRIPE_KEY)
            .header("Stripe-Version", NEW);
        answer(request.send().await.unwrap()).await
    }

    pub async fn new_session(&self) -> String {
        let (status, session) = self.stripe("/checkout/sessions", &session_form()).await;
        assert_eq!(status, 200, "{session}");
        session["id"].as_str().unwrap().to_owned()
    }

    pub async fn new_intent(&self) -> Value {
        let form = [("amount", "500000"), ("currency", "vnd"), ("metadata[top_up_order]", "tuo_2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (status, intent) = self.stripe("/payment_intents", &form).await;
        assert_eq!(status, 200, "{intent}");
        intent
    }
}

#[tokio::test]
async fn a_session_is_as_the_api_shows_it() {
    let stage = Stage::new().await;
    let (status, session) = stage.stripe("/checkout/sessions", &session_form()).await;
    assert_eq!(status, 200);
    assert_eq!(session["object"], "checkout.session");
    assert!(session["id"].as_str().unwrap().starts_with("cs_test_"));
    assert_eq!(session["status"], "open");
    assert_eq!(session["payment_status"], "unpaid");
    assert_eq!(session["payment_intent"], Value::Null);
    assert_eq!(session["amount_total"], 10_000);
    assert_eq!(session["currency"], "usd");
    assert_eq!(session["livemode"], false);
    assert_eq!(session["client_reference_id"], "tuo_1");
    let url = session["url"].as_str().unwrap();
    assert!(url.starts_with(&stage.url("/stripe/pay/cs_test_")), "{url}");

    let id = session["id"].as_str().unwrap();
    let (status, expired) = stage.stripe(&format!("/checkout/sessions/{id}/expire"), &[]).await;
    assert_eq!((status, &expired["status"]), (200, &json!("expired")));
    assert_eq!(expired["url"], Value::Null);
    let (status, again) = stage.stripe(&format!("/checkout/sessions/{id}/expire"), &[]).await;
    assert_eq!((status, &again["error"]["type"]), (400, &json!("invalid_request_error")));
}

#[tokio::test]
async fn a_request_that_stripe_would_refuse_is_refused() {
    let stage = Stage::new().await;
    let form = session_form;
    let price = "line_items[0][price_data][unit_amount]";
    let currency = "line_items[0][price_data][currency]";
    let soon = (unix_now() + 60).to_string();
    let late = (unix_now() + 25 * 3_600).to_string();
    let cases: Vec<(&str, Form, &str, &str)> = vec![
        ("unknown", with(form(), "colour", "red"), "parameter_unknown", "colour"),
        ("deep unknown", with(form(), "line_items[0][size]", "1"), "parameter_unknown", "line_items[0][size]"),
        ("missing", without(form(), "mode"), "parameter_missing", "mode"),
        ("missing item", without(form(), price), "parameter_missing", price),
        ("fraction", with(form(), price, "100.5"), "parameter_invalid_integer", price),
        ("plus sign", with(form(), price, "+100"), "parameter_invalid_integer", price),
        ("empty", with(form(), "client_reference_id", ""), "parameter_invalid_empty", "client_reference_id"),
        ("upper case", with(form(), currency, "USD"), "", currency),
        ("too little", with(form(), price, "49"), "amount_too_small", price),
        ("relative", with(form(), "success_url", "/back"), "url_invalid", "success_url"),
        ("script", with(form(), "success_url", "javascript:alert(1)"), "url_invalid", "success_url"),
        ("flag", with(form(), "adaptive_pricing[enabled]", "no"), "", "adaptive_pricing[enabled]"),
        ("too soon", with(form(), "expires_at", &soon), "", "expires_at"),
        ("too late", with(form(), "expires_at", &late), "", "expires_at"),
        ("dialect", with(form(), "payment_method_types[0]", "card"), "parameter_unknown", "payment_method_types[0]"),
        ("long metadata", with(form(), "metadata[k]", &"x".repeat(501)), "", "metadata[k]"),
    ];
    for (name, form, code, param) in cases {
        let (status, body) = stage.stripe("/checkout/sessions", &form).await;
        let error = &body["error"];
        assert_eq!(status, 400, "{name}: {body}");
        assert_eq!(error["type"], "invalid_request_error", "{name}: {body}");
        assert_eq!(error["code"].as_str().unwrap_or(""), code, "{name}: {body}");
        assert_eq!(error["param"], param, "{name}: {body}");
    }
    // None of them left anything behind.
    let (_, payments) = stage.get("/control/stripe/payments").await;
    assert_eq!(payments["sessions"], json!([]));
}

#[tokio::test]
async fn the_two_dialects_follow_the_version() {
    let stage = Stage::new().await;
    let old = with(without(session_form(), "allowed_payment_method_types[0]"), "payment_method_types[0]", "card");
    for (form, version, expected) in [
        (&old, OLD, 200),
        (&old, NEW, 400),
        (&session_form(), NEW, 200),
        (&session_form(), OLD, 400),
        (&session_form(), "2026-10-28", 400),
        (&session_form(), "latest", 400),
    ] {
        let response = stage.stripe_raw("/checkout/sessions", form, None, version).await;
        assert_eq!(response.status(), expected, "{version}");
    }
}

#[tokio::test]
async fn keys_versions_and_bodies_are_checked() {
    let stage = Stage::new().await;
    let url = format!("{}/v1/checkout/sessions", stage.sandbox.stripe_base_url());
    let base = || stage.http.post(&url).header("Stripe-Version", NEW);
    let status = |request: reqwest::RequestBuilder| async { request.send().await.unwrap().status() };

    assert_eq!(status(base().form(&session_form())).await, 401);
    assert_eq!(status(base().bearer_auth("sk_test_other").form(&session_form())).await, 401);
    assert_eq!(status(base().bearer_auth(STRIPE_PUBLISHABLE).form(&session_form())).await, 403);
    assert_eq!(status(base().basic_auth(STRIPE_KEY, Some("")).form(&session_form())).await, 200);
    assert_eq!(status(base().bearer_auth(STRIPE_KEY).json(&json!({"mode": "payment"}))).await, 400);
    let no_version = stage.http.post(&url).bearer_auth(STRIPE_KEY).form(&session_form());
    assert_eq!(status(no_version).await, 400);
    let (status, body) = stage.stripe_get("/checkout/sessions/cs_test_none").await;
    assert_eq!((status, &body["error"]["code"]), (404, &json!("resource_missing")));
    let (status, _) = stage.stripe_get("/customers").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn brackets_may_be_encoded_or_not() {
    let stage = Stage::new().await;
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(session_form()).finish();
    for body in [encoded.clone(), encoded.replace("%5B", "[").replace("%5D", "]")] {
        let request = stage
            .http
            .post(format!("{}/v1/checkout/sessions", stage.sandbox.stripe_base_url()))
            .bearer_auth(STRIPE_KEY)
            .header("Stripe-Version", NEW)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer() {
    let stage = Stage::new().await;
    let form = session_form();
    let path = "/checkout/sessions";
    let first = stage.stripe_raw(path, &form, Some("order-1"), NEW).await;
    assert_eq!(first.headers().get("idempotent-replayed"), None);
    let first = first.text().await.unwrap();

    let again = stage.stripe_raw(path, &form, Some("order-1"), NEW).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.text().await.unwrap(), first);

    let other = stage.stripe_raw(path, &with(form.clone(), "locale", "vi"), Some("order-1"), NEW).await;
    assert_eq!(other.status(), 400);
    let (_, body) = answer(other).await;
    assert_eq!(body["error"]["type"], "idempotency_error");

    let wrong = stage.stripe_raw(path, &without(form.clone(), "mode"), Some("order-1"), NEW).await;
    assert_eq!(answer(wrong).await.1["error"]["type"], "idempotency_error", "the key is looked at first");

    // A refused request does not use its key up.
    let bad = stage.stripe_raw(path, &without(form.clone(), "mode"), Some("order-2"), NEW).await;
    assert_eq!(bad.status(), 400);
    let good = stage.stripe_raw(path, &form, Some("order-2"), NEW).await;
    assert_eq!(good.status(), 200);
    assert_eq!(good.headers().get("idempotent-replayed"), None);

    let (_, payments) = stage.get("/control/stripe/payments").await;
    assert_eq!(payments["sessions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_stored_500_is_replayed_and_a_key_in_flight_conflicts() {
    let stage = Stage::new().await;
    let (form, path) = (session_form(), "/checkout/sessions");
    let stored = json!({"operation": "create_session", "kind": "status", "status": 500, "stored": true});
    stage.fault("stripe", stored).await;
    for expected in [None, Some("true")] {
        let reply = stage.stripe_raw(path, &form, Some("broken"), NEW).await;
        assert_eq!(reply.status(), 500);
        let replayed = reply.headers().get("idempotent-replayed").map(|it| it.to_str().unwrap());
        assert_eq!(replayed, expected);
    }

    let slow = json!({"operation": "create_session", "kind": "slow", "delay_ms": 400});
    stage.fault("stripe", slow).await;
    let (first, second) = tokio::join!(stage.stripe_raw(path, &form, Some("slow"), NEW), async {
        // The slow one has the key as soon as its fault is used up.
        loop {
            let (_, faults) = stage.get("/control/stripe/faults").await;
            if faults[0]["times"] == 0 || faults == json!([]) {
                return stage.stripe_raw(path, &form, Some("slow"), NEW).await;
            }
        }
    });
    assert_eq!(first.status(), 200);
    assert_eq!(second.status(), 409);
    assert_eq!(second.headers()["stripe-should-retry"], "true");
    let (_, body) = answer(second).await;
    assert_eq!(body["error"]["code"], "idempotency_key_in_use");
}

#[tokio::test]
async fn calls_misbehave_on_order() {
    let stage = Stage::new().await;
    let id = stage.new_session().await;
    let path = format!("/checkout/sessions/{id}");
    stage
        .fault("stripe", json!({"operation": "get_session", "kind": "status", "status": 503, "should_retry": false}))
        .await;
    stage.fault("stripe", json!({"operation": "*", "kind": "html"})).await;
    stage.fault("stripe", json!({"operation": "get_session", "kind": "half_json"})).await;
    stage.fault("stripe", json!({"operation": "get_session", "kind": "other_order"})).await;

    let (status, body) = stage.stripe_get(&path).await;
    assert_eq!((status, &body["error"]["type"]), (503, &json!("api_error")));
    let (status, body) = stage.stripe_get(&path).await;
    assert!(status == 200 && body.as_str().unwrap().contains("<h1>"), "{body}");
    let (status, body) = stage.stripe_get(&path).await;
    assert!(status == 200 && body.is_string(), "{body}");
    let (status, body) = stage.stripe_get(&path).await;
    assert_eq!(status, 200);
    assert_ne!(body["id"], id.as_str());
    assert_ne!(body["client_reference_id"], "tuo_1");
    let (_, body) = stage.stripe_get(&path).await;
    assert_eq!(body["id"], id.as_str());

    // A timeout that took effect: the caller hears nothing, the session is there.
    stage.fault("stripe", json!({"operation": "create_session", "kind": "timeout", "processed": true})).await;
    let form = session_form();
    let request = stage
        .http
        .post(format!("{}/v1/checkout/sessions", stage.sandbox.stripe_base_url()))
        .bearer_auth(STRIPE_KEY)
        .header("Stripe-Version", NEW)
        .header("Idempotency-Key", "lost")
        .timeout(std::time::Duration::from_millis(300))
        .form(&form);
    assert!(request.send().await.unwrap_err().is_timeout());
    let again = stage.stripe_raw("/checkout/sessions", &form, Some("lost"), NEW).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
}

#[tokio::test]
async fn the_request_log_names_headers_but_holds_no_secret() {
    let stage = Stage::new().await;
    stage.stripe_raw("/checkout/sessions", &session_form(), Some("key-7"), NEW).await;
    let intent = stage.new_intent().await;
    let secret = intent["client_secret"].as_str().unwrap();
    let path = format!("/payment_intents/{}?client_secret={secret}", intent["id"].as_str().unwrap());
    assert_eq!(stage.stripe_get(&path).await.0, 200);
    let (_, log) = stage.get("/control/stripe/requests").await;
    assert_eq!(log[0]["operation"], "create_session");
    assert_eq!(log[0]["idempotency_key"], "key-7");
    assert!(log[0]["headers"].as_array().unwrap().contains(&json!("authorization")));
    let text = log.to_string();
    assert!(!text.contains(STRIPE_KEY) && !text.contains(secret), "{text}");
}
