//! What holds for every request: problems, request ids, CORS, limits, health.

use reqwest::Method;
use serde_json::json;
use topup::domain::code::Code;

use crate::support::{Reply, TestApp};

#[tokio::test]
async fn balancers_and_collectors_need_no_token() {
    let app = TestApp::spawn().await;
    let anyone = app.anonymous();
    assert_eq!(anyone.get("/healthz").await.expect(200)["status"], "ok");
    assert_eq!(anyone.get("/readyz").await.expect(200)["status"], "ready");
    app.customer("alice").get("/v1/balances").await.expect(200);
    let metrics = anyone.get("/metrics").await.expect(200);
    assert!(metrics.text.contains(r#"route="/v1/balances",status="200""#), "{}", metrics.text);
    assert!(metrics.text.contains(r#"topup_http_request_seconds_bucket{method="GET",route="/v1/balances""#));
    assert!(metrics.text.contains(r#"topup_database_connections{state="limit"} 8"#), "{}", metrics.text);
    assert!(!metrics.text.contains("nobody-calls-this"));
    app.finish().await;
}

#[tokio::test]
async fn readiness_follows_the_database_and_liveness_does_not() {
    let app = TestApp::spawn().await;
    let sql =
        "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)";
    crate::support::execute(&app.database, sql).await;
    let refused = app.anonymous().get("/readyz").await.problem(503, "not_ready");
    assert!(refused["detail"].as_str().unwrap().contains("topup migrate"));
    assert!(refused.header("retry-after").is_some());
    app.anonymous().get("/healthz").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn failures_of_the_framework_are_problems_too() {
    let app = TestApp::spawn().await;
    let alice = app.customer("alice");
    alice.get("/v1/nobody-calls-this").await.problem(404, "not_found");
    let refused = alice.send(Method::DELETE, "/v1/transfers", None, None).await.problem(405, "method_not_allowed");
    let mut allowed: Vec<&str> = refused.header("allow").unwrap().split(", ").collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
    alice.send(Method::POST, "/docs/", None, None).await.problem(405, "method_not_allowed");

    let transfer = || alice.request(Method::POST, "/v1/transfers").header("idempotency-key", "k");
    let json = || transfer().header("content-type", "application/json");
    Reply::of(transfer().body("{}")).await.problem(415, "unsupported_media_type");
    Reply::of(transfer().header("content-type", "text/plain").body("{}")).await.problem(415, "unsupported_media_type");
    Reply::of(json().body("{\"currency\": ")).await.problem(400, "malformed_json");
    Reply::of(json().body("{} {}")).await.must_be_a_problem();
    Reply::of(json().body(" ".repeat(70_000))).await.problem(413, "body_too_large");
    Reply::of(alice.request(Method::POST, "/v1/transfers").json(&json!({})))
        .await
        .problem(400, "idempotency_key_required");
    let unknown = json!({ "currency": "CNY", "amount": "1.00", "to_product": "sms", "colour": "red" });
    alice.post("/v1/transfers", &unknown).await.names("/colour", "unknown_field");
    alice.get("/v1/balances?colour=red").await.names("?colour", "unknown_parameter");
    app.finish().await;
}

/// One answer names everything that is wrong with the shape of a request, in plain words and not in those of a parser.
#[tokio::test]
async fn every_shape_error_is_told_at_once_in_our_words() {
    let app = TestApp::spawn().await;
    let alice = app.customer("alice");
    let wrong = json!({
        "amount": 100, "channel": "cash", "agreement_accepted": "yes", "colour": "red", "product": null,
        "bank_transfer": { "remitter_name": null, "account/number": "1" },
    });
    let refused = alice.post("/v1/top-up-orders", &wrong).await.problem(422, "validation_failed");
    let mut told: Vec<(&str, &str, &str)> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            let text = |name: &str| error[name].as_str().unwrap();
            (text("pointer"), text("code"), text("detail"))
        })
        .collect();
    told.sort_unstable();
    let expected = [
        ("/agreement_accepted", "invalid_value", "must be true or false, not a string"),
        ("/amount", "invalid_value", "must be a string such as \"100.00\", not a JSON number"),
        ("/bank_transfer/account~1number", "unknown_field", "is not a field of this request"),
        ("/bank_transfer/remitter_bank", "required", "is required"),
        ("/bank_transfer/remitter_name", "invalid_value", "must be a string such as \"Nguyen Van A\", not null"),
        ("/channel", "invalid_value", "must be one of: card, paypal, vnpay, bank_transfer, balance"),
        ("/colour", "unknown_field", "is not a field of this request"),
        ("/currency", "required", "is required"),
    ];
    assert_eq!(told, expected);
    assert!(refused["detail"].as_str().unwrap().ends_with("; and 5 more."), "{}", refused.text);

    let query =
        "type=all&type=consume&created_from=2026-11-01&limit=ten&currency=CNY&currency=USD&colour=red&colour=blue";
    let refused = alice.get(&format!("/v1/account-flows?{query}")).await.problem(422, "validation_failed");
    for (pointer, code, detail) in [
        ("?colour", "unknown_parameter", "is not a parameter of this operation"),
        ("?created_from", "invalid_value", "must be an RFC 3339 time such as 2026-11-01T00:00:00Z"),
        ("?currency", "invalid_value", "may be given once"),
        ("?limit", "invalid_value", "must be a whole number from 1 to 100"),
    ] {
        let found = refused["errors"].as_array().unwrap().iter().find(|error| error["pointer"] == pointer).unwrap();
        assert_eq!((&found["code"], &found["detail"]), (&json!(code), &json!(detail)));
    }
    assert_eq!(refused["errors"].as_array().unwrap().len(), 5, "{}", refused.text);
    let one = alice.get("/v1/account-flows?type=all").await.names("?type", "invalid_value");
    let names = "recharge, consume, refund, transfer_in, transfer_out, grant, expire, adjust";
    assert_eq!(
        one["detail"],
        format!("The request is not valid: ?type must be one of: {names}; leave it out for all.")
    );
    // The parsed body does not show that a field occurs twice.
    let twice = alice.request(Method::POST, "/v1/transfers").header("idempotency-key", "k");
    let twice = twice.header("content-type", "application/json").body(r#"{"currency":"CNY","currency":"USD"}"#);
    Reply::of(twice).await.names("/amount", "required");
    // A batch with hundreds of mistakes names the first hundred.
    let batch = json!({ "items": vec![json!({ "id": 1 }); 200] });
    let many = app.service().post("/v1/usage/batch", &batch).await.problem(422, "validation_failed");
    assert_eq!(many["errors"].as_array().unwrap().len(), 100);
    app.finish().await;
}

/// The `type` of a problem is the address of a page about it, which needs no token.
#[tokio::test]
async fn every_problem_has_a_page() {
    let app = TestApp::spawn().await;
    let refused = app.customer("alice").get("/v1/nothing").await.problem(404, "not_found");
    let page = refused["type"].as_str().unwrap().strip_prefix(app.server.base_url.as_str()).unwrap().to_owned();
    let shown = app.anonymous().get(&page).await.expect(200);
    assert!(shown.text.contains("<code>not_found</code>") && shown.text.contains("status 404"), "{}", shown.text);
    assert_eq!(shown.header("content-type"), Some("text/html; charset=utf-8"));
    let list = app.anonymous().get("/problems/").await.expect(200);
    for code in Code::ALL {
        assert!(list.text.contains(&format!("href=\"{code}\"")), "{code} is not in the list");
        assert!(app.anonymous().get(&format!("/problems/{code}")).await.expect(200).text.contains(code.as_str()));
    }
    app.anonymous().get("/problems/nothing").await.problem(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn a_compressing_client_can_read_problems() {
    let app = TestApp::spawn().await;
    let request = app.anonymous().request(Method::GET, "/v1/balances").header("accept-encoding", "gzip, zstd");
    let refused = Reply::of(request).await.problem(401, "unauthorized");
    assert_eq!(refused.header("content-encoding"), None);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    app.finish().await;
}

#[tokio::test]
async fn request_ids_are_taken_when_sane_and_echoed_always() {
    let app = TestApp::spawn().await;
    let alice = app.customer("alice");
    let with = async |id: &str| {
        let request = alice.request(Method::GET, "/v1/balances").header("x-request-id", id);
        Reply::of(request).await.expect(200).header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(with("mine-1").await, "mine-1");
    for insane in ["two words", &"x".repeat(129)] {
        let made = with(insane).await;
        assert!(made != insane && made.len() == 32, "{made}");
    }
    let request = app.anonymous().request(Method::GET, "/v1/balances").header("x-request-id", "mine-2");
    assert_eq!(Reply::of(request).await.problem(401, "unauthorized")["request_id"], "mine-2");
    app.finish().await;
}

/// What a page may send: its token, conditions, keys, and the headers of its tracing (W3C Trace Context, Baggage).
const REQUEST_HEADERS: &str = "authorization,content-type,idempotency-key,if-match,if-none-match,last-event-id,\
                               x-request-id,traceparent,tracestate,baggage";

#[tokio::test]
async fn pages_of_named_origins_may_call() {
    let app = TestApp::spawn_with(|config| config.cors_origins = vec!["https://app.example.com".to_owned()]).await;
    let preflight = async |origin: &str| {
        let request = app
            .anonymous()
            .request(Method::OPTIONS, "/v1/transfers")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", REQUEST_HEADERS);
        Reply::of(request).await
    };
    let allowed = preflight("https://app.example.com").await.expect(200);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example.com"));
    let headers = allowed.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
    for header in REQUEST_HEADERS.split(',') {
        assert!(headers.split([',', ' ']).any(|allowed| allowed == header), "{header} is not allowed: {headers}");
    }
    let refused = preflight("https://evil.example.com").await;
    assert_eq!(refused.header("access-control-allow-origin"), None);

    let call = async |origin: &str, path: &str| {
        Reply::of(app.customer("alice").request(Method::GET, path).header("origin", origin)).await
    };
    let answer = call("https://app.example.com", "/v1/balances").await.expect(200);
    let exposed = answer.header("access-control-expose-headers").unwrap();
    for header in ["x-request-id", "idempotent-replayed", "etag", "ratelimit-remaining", "retry-after"] {
        assert!(exposed.contains(header), "{header} is not exposed: {exposed}");
    }
    // A page must be able to read why it failed.
    let failed = call("https://app.example.com", "/v1/nothing").await.problem(404, "not_found");
    assert_eq!(failed.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(call("https://evil.example.com", "/v1/balances").await.header("access-control-allow-origin"), None);
    app.finish().await;
}

#[tokio::test]
async fn customers_are_limited_and_services_are_not() {
    let app = TestApp::spawn_with(|config| config.customer_rate_limit = 3).await;
    let alice = app.customer("alice");
    for left in ["2", "1", "0"] {
        let answer = alice.get("/v1/balances").await.expect(200);
        assert_eq!(answer.header("ratelimit-limit"), Some("3"));
        assert_eq!(answer.header("ratelimit-remaining"), Some(left));
    }
    let refused = alice.get("/v1/balances").await.problem(429, "rate_limited");
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    app.customer("bob").get("/v1/balances").await.expect(200);
    for _ in 0..10 {
        app.service().get("/v1/balances?customer_id=alice").await.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn another_customers_things_are_not_there() {
    let app = TestApp::spawn().await;
    let order = app.fund("alice", "CNY", "100.00").await;
    app.customer("alice").get(&format!("/v1/top-up-orders/{order}")).await.expect(200);
    app.customer("bob").get(&format!("/v1/top-up-orders/{order}")).await.problem(404, "not_found");
    app.customer("bob").get("/v1/balances?customer_id=alice").await.problem(404, "not_found");
    app.service().get("/v1/balances").await.names("?customer_id", "required");
    assert_eq!(app.available("alice", "CNY", "").await, "100.00");
    app.finish().await;
}
