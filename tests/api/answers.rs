//! What all answers have in common: headers for browsers, HEAD beside GET; and the pages that can be left out.

use reqwest::Method;
use serde_json::json;

use crate::every_operation::{all, role};
use crate::stage::{approve, order, ordered, profile};
use crate::support::documented::varies_by_language;
use crate::support::{Reply, TestApp, token};
use crate::tools::with;

#[track_caller]
fn is_secure(reply: &Reply) {
    let context = format!("{} {} {}", reply.method, reply.path, reply.status);
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{context}");
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{context}");
    let policy = reply.header("content-security-policy").unwrap_or_else(|| panic!("{context}"));
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{context}: {policy}");
    if reply.path.starts_with("/v1/") {
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{context}");
    }
}

#[tokio::test]
async fn every_answer_tells_browsers_what_they_may_do() {
    let app = TestApp::spawn().await;
    for operation in all() {
        is_secure(&operation.call(&app.anonymous()).await);
        if let Some(scope) = operation.scopes().first() {
            is_secure(&operation.call(&app.bearer(token("alice", role(scope)))).await);
        }
    }
    for path in ["/", "/docs", "/docs/", "/docs/swagger-ui.css", "/openapi.json", "/nothing", "/v1/nothing"] {
        is_secure(&app.customer("alice").get(path).await);
    }
    is_secure(&app.customer("alice").get("/v1/balances").await.expect(200));
    is_secure(&app.customer("alice").send(Method::DELETE, "/v1/balances", None, None).await.expect(405));
    app.finish().await;
}

#[tokio::test]
async fn case_81_head_answers_like_get() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let mut seen = 0;
    for operation in all().iter().filter(|operation| operation.method == Method::GET) {
        let caller = match operation.scopes().first() {
            Some(scope) => app.bearer(token("alice", role(scope))),
            None => app.anonymous(),
        };
        // The invalid query keeps a stream from being opened.
        let path = match operation.id.as_str() {
            "streamBalances" => format!("{}?no_such_parameter=1", operation.path),
            _ => operation.path.clone(),
        };
        let get = caller.get(&path).await;
        let head = caller.send(Method::HEAD, &path, None, None).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{}", operation.id);
        assert_eq!(head.header("content-type"), get.header("content-type"), "{}", operation.id);
        // The metrics count the calls meanwhile.
        if operation.id != "getMetrics" {
            assert_eq!(head.header("content-length"), get.header("content-length"), "{}", operation.id);
        }
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
    for path in ["/", "/docs", "/docs/", "/openapi.json", "/docs/swagger-ui.css"] {
        let (get, head) = (app.anonymous().get(path).await, app.anonymous().send(Method::HEAD, path, None, None).await);
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
    }
    // The head of a stream, which has no end.
    let stream = app.customer("alice").send(Method::HEAD, "/v1/balances/stream", None, None).await.expect(200);
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    app.anonymous().send(Method::HEAD, "/v1/nothing", None, None).await.expect(401);
    app.customer("alice").send(Method::HEAD, "/v1/quotes", None, None).await.expect(405);
    app.finish().await;
}

#[tokio::test]
async fn two_different_keys_are_refused() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let body = json!({ "currency": "CNY", "amount": "1.00", "to_product": "sms" });
    let alice = app.customer("alice");
    let with_keys = |first: &str, second: &str| {
        let request = alice.request(Method::POST, "/v1/transfers").json(&body);
        Reply::of(request.header("idempotency-key", first).header("idempotency-key", second))
    };
    let refused = with_keys("a", "b").await.problem(400, "idempotency_key_malformed");
    assert!(refused["detail"].as_str().unwrap().contains("different Idempotency-Key headers"));
    with_keys("a, b", "a, b").await.problem(400, "idempotency_key_malformed");
    with_keys("a", "a").await.expect(201);
    with_keys("a", "a").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn metrics_can_have_an_address_of_their_own() {
    let app = TestApp::spawn_with(|config| config.metrics_bind = Some("127.0.0.1:0".parse().unwrap())).await;
    app.anonymous().get("/metrics").await.problem(404, "not_found");
    app.anonymous().get("/healthz").await.expect(200);
    let own = app.server.metrics_url.clone().unwrap();
    let http = crate::process::http();
    let metrics = Reply::of(http.get(format!("{own}/metrics"))).await.expect(200);
    assert!(metrics.text.contains("topup_http_requests_total"), "{}", metrics.text);
    is_secure(&metrics);
    for elsewhere in ["/", "/healthz", "/v1/balances", "/docs/"] {
        Reply::of(http.get(format!("{own}{elsewhere}"))).await.expect(404);
    }
    app.finish().await;
}

#[tokio::test]
async fn the_document_can_be_left_out() {
    let app = TestApp::spawn_with(|config| config.docs = false).await;
    for path in ["/docs", "/docs/", "/docs/swagger-ui.css", "/openapi.json"] {
        app.anonymous().get(path).await.problem(404, "not_found");
    }
    // A payer whose order names no page comes here.
    let page = app.anonymous().get("/").await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    app.finish().await;
}

#[tokio::test]
async fn payers_are_sent_back_to_allowed_sites_only() {
    let app = TestApp::spawn_with(|config| {
        config.return_origins = Vec::new();
        config.cors_origins = vec!["https://app.example.com".to_owned()];
        config.public_url = Some("https://pay.example.com/".parse().unwrap());
    })
    .await;
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    let paid_at = async |url: &str| {
        alice.post("/v1/top-up-orders", &with(order("card", "USD", "20.00"), "return_url", url)).await
    };
    for allowed in ["https://app.example.com/wallet?a=1", "https://pay.example.com/", "http://localhost:3000/done"] {
        paid_at(allowed).await.expect(201);
    }
    for refused in [
        "https://evil.example/",
        "http://app.example.com/",
        "https://app.example.com.evil.example/",
        "https://app.example.com:444/",
    ] {
        paid_at(refused).await.names("/return_url", "return_url_not_allowed");
    }
    app.finish().await;

    let named = vec!["https://shop.example.com".to_owned()];
    let app = TestApp::spawn_with(|config| config.return_origins = named).await;
    profile(&app, "alice").await;
    let order = |url: &str| with(order("card", "USD", "20.00"), "return_url", url);
    let alice = app.customer("alice");
    alice.post("/v1/top-up-orders", &order("https://shop.example.com/x")).await.expect(201);
    let other = alice.post("/v1/top-up-orders", &order("https://app.example.com/")).await;
    other.names("/return_url", "return_url_not_allowed");
    app.finish().await;
}

/// A caller who has an answer already gets 304 in place of the same answer again.
#[tokio::test]
async fn an_answer_that_has_not_changed_is_not_sent_again() {
    let app = TestApp::spawn().await;
    let order = app.fund("alice", "CNY", "10.00").await;
    let alice = app.customer("alice");
    let order = format!("/v1/top-up-orders/{order}");
    for path in ["/v1/balances", "/v1/top-up-options?currency=CNY", "/v1/top-up-orders", order.as_str()] {
        let first = alice.get(path).await.expect(200);
        let tag = first.header("etag").unwrap().to_owned();
        let again =
            async |known: &str| Reply::of(alice.request(Method::GET, path).header("if-none-match", known)).await;
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let unchanged = again(&known).await.expect(304);
            assert_eq!((unchanged.text.as_str(), unchanged.header("etag")), ("", Some(tag.as_str())), "{path}");
        }
        assert_eq!(again("\"other\"").await.expect(200).body, first.body);
    }
    let before = alice.get("/v1/balances").await.expect(200).header("etag").unwrap().to_owned();
    app.fund("alice", "CNY", "1.00").await;
    let after = Reply::of(alice.request(Method::GET, "/v1/balances").header("if-none-match", before.as_str())).await;
    assert_ne!(after.expect(200).header("etag"), Some(before.as_str()));
    app.finish().await;
}

/// Texts for customers come in their language; codes stay.
#[tokio::test]
async fn reasons_are_told_in_the_language_that_is_asked_for() {
    let app = TestApp::spawn().await;
    let alice = app.customer("alice");
    let reason = async |language: &str| {
        let request = alice.request(Method::GET, "/v1/top-up-options?currency=CNY");
        let options = Reply::of(request.header("accept-language", language)).await.expect(200);
        let channels = options["channels"].as_array().unwrap().clone();
        let vnpay = channels.into_iter().find(|one| one["channel"] == "vnpay").unwrap();
        assert_eq!(vnpay["reason_code"], "channel_wrong_currency");
        assert_eq!(vnpay["reason_currencies"], json!(["VND"]));
        vnpay["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason("fr").await, "VNPay takes VND only.");
    assert_eq!(reason("zh-CN,zh;q=0.9,en;q=0.8").await, "VNPay仅支持 VND。");
    assert_eq!(reason("vi").await, "VNPay chỉ nhận VND.");
    // The harness holds `Vary` against every operation that takes the header.
    assert!(!varies_by_language(&alice.get("/v1/balances").await.expect(200)));
    app.finish().await;
}

#[tokio::test]
async fn an_order_says_in_the_customers_language_why_it_is_stuck() {
    let app = TestApp::spawn_with(|config| config.second_approval_above = vec!["USD:10".parse().unwrap()]).await;
    let waits = ordered(&app, "alice", "bank_transfer", "USD", "20").await;
    approve(&app.operator(), &waits, "20.00", "a line").await.expect(202);
    let rejected = ordered(&app, "alice", "bank_transfer", "USD", "20").await;
    let pending = ordered(&app, "alice", "bank_transfer", "USD", "20").await;
    let words = json!({ "reason": "the name is another one" });
    app.operator().post(&format!("/v1/admin/top-up-orders/{rejected}/reject"), &words).await.expect(200);
    let alice = app.customer("alice");
    let told = async |path: &str, language: &str| {
        Reply::of(alice.request(Method::GET, path).header("accept-language", language)).await.expect(200).body
    };
    for (language, said, fees) in [
        ("en", "we are confirming your transfer", "You pay all bank fees"),
        ("zh-CN", "我们正在确认您的转账。", "所有银行费用由您承担"),
        ("vi", "Chúng tôi đang xác nhận khoản chuyển tiền của bạn.", "Bạn trả mọi phí ngân hàng"),
    ] {
        let open = told(&format!("/v1/top-up-orders/{pending}"), language).await;
        let transfer = &open["next_action"]["bank_transfer"];
        assert!(transfer["fees_note"].as_str().unwrap().starts_with(fees), "{transfer}");
        assert_eq!(transfer["fees_note_code"], "paid_by_payer");
        let one = told(&format!("/v1/top-up-orders/{waits}"), language).await;
        assert_eq!((&one["reason"], &one["reason_code"]), (&json!(said), &json!("awaiting_second_operator")));
        let listed = told("/v1/top-up-orders?status=processing", language).await;
        assert_eq!(listed["data"][0]["reason"], one["reason"], "{language}");
        // An operator wrote to this customer.
        let other = told(&format!("/v1/top-up-orders/{rejected}"), language).await;
        assert!(other["reason"].as_str().unwrap().contains("the name is another one"), "{language}: {other:#}");
        assert_eq!(other["reason_code"], "rejected");
    }
    app.finish().await;
}
