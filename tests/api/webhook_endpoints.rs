//! Endpoints of webhooks: which addresses are called, who manages them, and how long their deliveries are kept.

use reqwest::Method;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::stage::{number, until};
use crate::support::{Caller, TestApp, execute, token};
use crate::tools::grant;
use crate::webhooks::{Partner, ask, at, deliveries, endpoint, event, types};

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

    // An address that got into the table in another way is not called either: neither an address, nor a name that leads
    // to one.
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
