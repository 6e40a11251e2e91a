//! The API of the simulated PayPal: tokens, strictness, repetitions.

use serde_json::{Value, json};

use crate::harness::{PAYPAL_CLIENT, PAYPAL_SECRET, Stage, answer};

pub fn order_body(value: &str) -> Value {
    json!({
        "intent": "CAPTURE",
        "purchase_units": [{
            "reference_id": "default", "custom_id": "tuo_1", "invoice_id": format!("tuo_1-{value}"),
            "description": "Wallet top-up",
            "amount": { "currency_code": "USD", "value": value }
        }],
        "payment_source": { "paypal": { "experience_context": {
            "return_url": "https://shop.test/return?x=1", "cancel_url": "https://shop.test/cancel",
            "user_action": "PAY_NOW", "shipping_preference": "NO_SHIPPING",
            "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
            "brand_name": "Shop", "locale": "en-US"
        } } }
    })
}

impl Stage {
    pub async fn paypal_token(&self) -> String {
        let request = self
            .http
            .post(format!("{}/v1/oauth2/token", self.sandbox.paypal_base_url()))
            .basic_auth(PAYPAL_CLIENT, Some(PAYPAL_SECRET))
            .form(&[("grant_type", "client_credentials")]);
        let (status, token) = answer(request.send().await.unwrap()).await;
        assert_eq!((status, &token["token_type"]), (200, &json!("Bearer")), "{token}");
        assert!(token["expires_in"].is_i64());
        token["access_token"].as_str().unwrap().to_owned()
    }

    /// A POST with a fresh token; `key` is the `PayPal-Request-Id`.
    pub async fn paypal(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let mut request = self
            .http
            .post(format!("{}{path}", self.sandbox.paypal_base_url()))
            .bearer_auth(self.paypal_token().await)
            .header("Prefer", "return=representation")
            .json(body);
        if !key.is_empty() {
            request = request.header("PayPal-Request-Id", key);
        }
        answer(request.send().await.unwrap()).await
    }

    pub async fn paypal_get(&self, path: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.sandbox.paypal_base_url());
        let request = self.http.get(url).bearer_auth(self.paypal_token().await);
        answer(request.send().await.unwrap()).await
    }

    pub async fn new_paypal_order(&self, value: &str) -> String {
        let key = format!("create-{value}");
        let (status, order) = self.paypal("/v2/checkout/orders", &key, &order_body(value)).await;
        assert_eq!(status, 201, "{order}");
        order["id"].as_str().unwrap().to_owned()
    }

    pub async fn capture(&self, order: &str, key: &str) -> (u16, Value) {
        self.paypal(&format!("/v2/checkout/orders/{order}/capture"), key, &json!({})).await
    }
}

fn issue(body: &Value) -> &str {
    body["details"][0]["issue"].as_str().unwrap_or("")
}

fn rels(body: &Value) -> Vec<&str> {
    body["links"].as_array().unwrap().iter().map(|link| link["rel"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn tokens_are_asked_for_with_basic_and_run_out() {
    let stage = Stage::new().await;
    let url = format!("{}/v1/oauth2/token", stage.sandbox.paypal_base_url());
    let grant = [("grant_type", "client_credentials")];
    let wrong = stage.http.post(&url).basic_auth(PAYPAL_CLIENT, Some("no")).form(&grant);
    let (status, body) = answer(wrong.send().await.unwrap()).await;
    assert_eq!((status, &body["error"]), (401, &json!("invalid_client")));
    let other = stage.http.post(&url).basic_auth(PAYPAL_CLIENT, Some(PAYPAL_SECRET));
    let other = other.form(&[("grant_type", "password")]);
    let (status, body) = answer(other.send().await.unwrap()).await;
    assert_eq!((status, &body["error"]), (400, &json!("unsupported_grant_type")));

    let order = stage.new_paypal_order("10.00").await;
    let path = format!("{}/v2/checkout/orders/{order}", stage.sandbox.paypal_base_url());
    let token = stage.paypal_token().await;
    let status = |token: &str| {
        let request = stage.http.get(&path).bearer_auth(token);
        async { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(status(&token).await, 200);
    assert_eq!(status("other").await, 401);
    stage.post("/control/paypal/switches/tokens", json!({"revoke": true})).await;
    assert_eq!(status(&token).await, 401);
    stage.post("/control/paypal/switches/tokens", json!({"lifetime": 0})).await;
    assert_eq!(status(&stage.paypal_token().await).await, 401);
    let bare = stage.http.get(&path).send().await.unwrap();
    let (status, body) = answer(bare).await;
    assert_eq!((status, &body["name"]), (401, &json!("AUTHENTICATION_FAILURE")));
}

#[tokio::test]
async fn the_links_follow_the_payment_source() {
    let stage = Stage::new().await;
    let (_, order) = stage.paypal("/v2/checkout/orders", "k1", &order_body("10.00")).await;
    assert_eq!(order["status"], "PAYER_ACTION_REQUIRED");
    assert_eq!(rels(&order), ["self", "payer-action"]);
    let href = order["links"][1]["href"].as_str().unwrap();
    assert_eq!(href, stage.url(&format!("/paypal/checkoutnow?token={}", order["id"].as_str().unwrap())));

    let mut plain = order_body("10.00");
    plain.as_object_mut().unwrap().remove("payment_source");
    plain["application_context"] = json!({"return_url": "https://shop.test/return"});
    let (status, order) = stage.paypal("/v2/checkout/orders", "", &plain).await;
    assert_eq!((status, &order["status"]), (201, &json!("CREATED")));
    assert_eq!(rels(&order), ["self", "approve", "update", "capture"]);

    // Minimal: id, status, links.
    let request = stage
        .http
        .post(format!("{}/v2/checkout/orders", stage.sandbox.paypal_base_url()))
        .bearer_auth(stage.paypal_token().await)
        .header("PayPal-Request-Id", "k2")
        .json(&order_body("10.00"));
    let (_, minimal) = answer(request.send().await.unwrap()).await;
    assert_eq!(minimal["purchase_units"], Value::Null);
    assert_eq!(minimal["status"], "PAYER_ACTION_REQUIRED");
}

#[tokio::test]
async fn a_body_that_paypal_would_refuse_is_refused() {
    let stage = Stage::new().await;
    let unit = "/purchase_units/0";
    let context = "/payment_source/paypal/experience_context";
    let long = "x".repeat(128);
    let cases: Vec<(String, Value, u16, &str)> = vec![
        ("/colour".to_owned(), json!("red"), 400, "NOT_SUPPORTED"),
        (format!("{unit}/colour"), json!({"a": 1}), 400, "NOT_SUPPORTED"),
        ("/intent".to_owned(), json!("SALE"), 400, "INVALID_PARAMETER_VALUE"),
        ("/intent".to_owned(), Value::Null, 400, "INVALID_PARAMETER_SYNTAX"),
        (format!("{unit}/custom_id"), json!(long), 400, "INVALID_STRING_LENGTH"),
        (format!("{unit}/custom_id"), json!(7), 400, "INVALID_PARAMETER_SYNTAX"),
        (format!("{unit}/amount/value"), json!(10), 400, "INVALID_PARAMETER_SYNTAX"),
        (format!("{unit}/amount/value"), json!("1e3"), 400, "INVALID_PARAMETER_SYNTAX"),
        (format!("{unit}/amount/value"), json!("10.001"), 422, "DECIMAL_PRECISION"),
        (format!("{unit}/amount/value"), json!("0.00"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (format!("{unit}/amount/value"), json!("-1.00"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (format!("{unit}/amount/currency_code"), json!("VND"), 422, "INVALID_CURRENCY_CODE"),
        (format!("{context}/return_url"), json!("/return"), 400, "INVALID_PARAMETER_SYNTAX"),
        (format!("{context}/user_action"), json!("PAY"), 400, "INVALID_PARAMETER_VALUE"),
        (format!("{context}/locale"), json!("english"), 400, "INVALID_PARAMETER_SYNTAX"),
    ];
    for (pointer, value, status, expected) in cases {
        let mut body = order_body("10.00");
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value.clone();
        let (found, answer) = stage.paypal("/v2/checkout/orders", "strict", &body).await;
        assert_eq!((found, issue(&answer)), (status, expected), "{pointer} {value}: {answer}");
        assert_eq!(answer["details"][0]["field"], pointer.as_str());
        assert!(answer["debug_id"].is_string() && answer["links"].is_array());
    }
    for pointer in ["/intent", "/purchase_units", "/purchase_units/0/amount", "/purchase_units/0/amount/value"] {
        let mut body = order_body("10.00");
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        let (status, answer) = stage.paypal("/v2/checkout/orders", "strict", &body).await;
        assert_eq!((status, issue(&answer)), (400, "MISSING_REQUIRED_PARAMETER"), "{pointer}: {answer}");
        assert_eq!(answer["details"].as_array().unwrap().len(), 1, "{answer}");
    }
    let (status, answer) = stage.paypal("/v2/checkout/orders", "", &order_body("10.00")).await;
    assert_eq!((status, issue(&answer)), (400, "PAYPAL_REQUEST_ID_REQUIRED"));
    let (_, payments) = stage.get("/control/paypal/payments").await;
    assert_eq!(payments["orders"], json!([]));
}

#[tokio::test]
async fn yen_take_no_decimals_and_media_types_count() {
    let stage = Stage::new().await;
    for (value, status) in [("1000", 201), ("1000.5", 422), ("1000.00", 201)] {
        let mut body = order_body(value);
        body["purchase_units"][0]["amount"]["currency_code"] = json!("JPY");
        let (found, order) = stage.paypal("/v2/checkout/orders", value, &body).await;
        assert_eq!(found, status, "{value}: {order}");
    }
    let id = stage.new_paypal_order("5.00").await;
    let path = format!("{}/v2/checkout/orders/{id}/capture", stage.sandbox.paypal_base_url());
    let bare = stage.http.post(&path).bearer_auth(stage.paypal_token().await);
    assert_eq!(bare.send().await.unwrap().status(), 415);
    let empty = stage.http.post(&path).bearer_auth(stage.paypal_token().await);
    let empty = empty.header("Content-Type", "application/json");
    let (status, body) = answer(empty.send().await.unwrap()).await;
    assert_eq!((status, issue(&body)), (422, "ORDER_NOT_APPROVED"));
    let (status, body) = stage.paypal_get("/v2/checkout/orders/0000").await;
    assert_eq!((status, issue(&body)), (404, "INVALID_RESOURCE_ID"));
}

#[tokio::test]
async fn a_replay_is_200_with_the_latest_status() {
    let stage = Stage::new().await;
    let body = order_body("10.00");
    let (first, order) = stage.paypal("/v2/checkout/orders", "same", &body).await;
    let id = order["id"].as_str().unwrap();
    let (again, replay) = stage.paypal("/v2/checkout/orders", "same", &body).await;
    assert_eq!((first, again), (201, 200));
    assert_eq!(replay["id"], id);

    stage.play("paypal", id, "approve", json!({})).await;
    let (_, replay) = stage.paypal("/v2/checkout/orders", "same", &body).await;
    assert_eq!(replay["status"], "APPROVED");
    let (first, captured) = stage.capture(id, "cap").await;
    let (again, replay) = stage.capture(id, "cap").await;
    assert_eq!((first, again), (201, 200));
    let capture = |order: &Value| order["purchase_units"][0]["payments"]["captures"][0]["id"].clone();
    assert_eq!(capture(&captured), capture(&replay));
    let (status, body) = stage.capture(id, "other").await;
    assert_eq!((status, issue(&body)), (422, "ORDER_ALREADY_CAPTURED"));
    let long = "k".repeat(109);
    let (status, body) = stage.capture(id, &long).await;
    assert_eq!((status, issue(&body)), (400, "INVALID_STRING_LENGTH"));
}

#[tokio::test]
async fn two_calls_at_once_with_one_id_conflict() {
    let stage = Stage::new().await;
    let id = stage.new_paypal_order("10.00").await;
    stage.play("paypal", &id, "approve", json!({})).await;
    stage.fault("paypal", json!({"operation": "capture_order", "kind": "slow", "delay_ms": 400})).await;
    let (first, second) = tokio::join!(stage.capture(&id, "cap"), async {
        loop {
            let (_, faults) = stage.get("/control/paypal/faults").await;
            if faults == json!([]) || faults[0]["times"] == 0 {
                return stage.capture(&id, "cap").await;
            }
        }
    });
    assert_eq!(first.0, 201);
    assert_eq!((second.0, issue(&second.1)), (409, "PREVIOUS_REQUEST_IN_PROGRESS"));
}
