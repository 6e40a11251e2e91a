//! Requests that mean the same are the same request, and a usage of zero is not an error.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, execute};

/// Sends two spellings of a body under one key, and expects the second to repeat the first.
async fn is_one(app: &TestApp, path: &str, key: &str, first: &str, second: &str) -> Value {
    let send = async |text: &str| {
        let request = app.operator().request(Method::POST, path).header("idempotency-key", key);
        crate::support::Reply::of(request.header("content-type", "application/json").body(text.to_owned())).await
    };
    let made = send(first).await;
    assert!(matches!(made.status, 200..=202), "{path}: {}", made.text);
    let again = send(second).await;
    assert!(matches!(again.status, 200..=202), "{path}: {}", again.text);
    assert_eq!(again.header("idempotent-replayed"), Some("true"), "{path}: {}", again.text);
    assert_eq!(made["id"], again["id"], "{path}");
    made.body
}

#[tokio::test]
async fn case_77_a_retry_that_is_written_differently_is_the_same_request() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "50.00").await;
    is_one(
        &app,
        "/v1/transfers?customer_id=alice",
        "t-1",
        r#"{"currency":"CNY","amount":"5.0","from_product":null,"to_product":"whatsapp"}"#,
        r#"{ "to_product": "whatsapp", "amount": "5.00", "currency": "CNY" }"#,
    )
    .await;
    is_one(
        &app,
        "/v1/grants",
        "g-1",
        r#"{"customer_id":"alice","currency":"CNY","amount":"3","product":null,"expires_at":null,"reason":"hello"}"#,
        r#"{"reason":"hello","customer_id":"alice","amount":"3.00","currency":"CNY"}"#,
    )
    .await;
    let order = is_one(
        &app,
        "/v1/top-up-orders?customer_id=alice",
        "o-1",
        r#"{"currency":"CNY","amount":"100","channel":"card","agreement_accepted":true,"product":null}"#,
        r#"{"agreement_accepted":true,"channel":"card","amount":"100.00","currency":"CNY","return_url":null}"#,
    )
    .await;
    assert_eq!(order["amount"], "100.00");
    // Another amount, and a text that only looks like a number, are other requests.
    for (path, body) in [
        ("/v1/transfers?customer_id=alice", json!({"currency": "CNY", "amount": "5.01", "to_product": "whatsapp"})),
        ("/v1/grants", json!({"customer_id": "alice", "currency": "CNY", "amount": "3", "reason": "hello "})),
    ] {
        let key = if path.starts_with("/v1/g") { "g-1" } else { "t-1" };
        app.operator().send(Method::POST, path, Some(&body), Some(key)).await.problem(422, "idempotency_key_reused");
    }
    // The ids of usage and of holds are keys, too.
    let usage = json!({"id": "u-1", "customer_id": "alice", "currency": "CNY", "amount": "1.50", "description": null});
    app.service().post("/v1/usage", &usage).await.expect(201);
    let again = json!({"id": "u-1", "customer_id": "alice", "currency": "CNY", "amount": "1.5", "product": null});
    app.service().post("/v1/usage", &again).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn case_76_usage_of_nothing_is_booked_without_an_entry() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "10.00").await;
    let service = app.service();
    let item = |id: &str, amount: &str| json!({"id": id, "customer_id": "alice", "currency": "CNY", "amount": amount});
    let single = service.post("/v1/usage", &item("u-0", "0.00")).await.expect(201);
    assert_eq!(
        (&single["status"], &single["amount"], &single["balance_after"]),
        (&json!("booked"), &json!("0.00"), &json!("10.00"))
    );
    let batch = json!({"items": [item("u-1", "1"), item("u-0", "0"), item("u-2", "2"), item("u-3", "99")]});
    let told = service.post("/v1/usage/batch", &batch).await.expect(200);
    let status = |n: usize| told["results"][n]["status"].as_str().unwrap().to_owned();
    assert_eq!([status(0), status(1), status(2), status(3)], ["booked", "booked", "booked", "refused"]);
    assert_eq!(app.available("alice", "CNY", "").await, "7.00");
    let flows = app.customer("alice").get("/v1/account-flows?type=consume").await.expect(200);
    assert_eq!(flows["data"].as_array().unwrap().len(), 2);
    // A customer without a wallet can have a usage of zero, too; an unknown product and a negative amount are still
    // errors.
    let stranger = json!({"id": "u-0", "customer_id": "nobody-yet", "currency": "CNY", "amount": "0"});
    assert_eq!(service.post("/v1/usage", &stranger).await.expect(201)["balance_after"], "0.00");
    let unknown = json!({"id": "u-0", "customer_id": "alice", "currency": "CNY", "amount": "0", "product": "fax"});
    service.post("/v1/usage", &unknown).await.problem(422, "validation_failed");
    service.post("/v1/usage", &item("u-9", "-1")).await.problem(422, "validation_failed");
    app.finish().await;
}

/// What a grant paid returns to the grant, even if the grant has expired. Then the answer says that it expires at once.
#[tokio::test]
async fn a_reversal_into_a_lapsed_grant_says_so() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "10.00").await;
    let service = app.service();
    let later = (chrono::Utc::now() + chrono::Duration::hours(1)).to_rfc3339();
    let grant = json!({"customer_id": "alice", "currency": "CNY", "amount": "3", "reason": "x", "expires_at": later});
    service.post("/v1/grants", &grant).await.expect(201);
    let usage = json!({"id": "u-1", "customer_id": "alice", "currency": "CNY", "amount": "5"});
    service.post("/v1/usage", &usage).await.expect(201);
    execute(&app.database, "UPDATE grants SET expires_at = now() - interval '1 second'").await;
    let back = |id: &str| json!({"id": id, "customer_id": "alice", "usage_id": "u-1"});
    for status in [201, 200] {
        let told = service.post("/v1/usage/reversals", &back("r-1")).await.expect(status);
        assert_eq!((&told["amount"], &told["expired_amount"]), (&json!("5.00"), &json!("3.00")), "{}", told.text);
    }
    assert_eq!(app.available("alice", "CNY", "").await, "10.00");
    app.finish().await;
}
