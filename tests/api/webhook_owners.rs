//! Endpoints of webhooks belong to somebody: who reads what, and what changes at once.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::json;
use topup::app::api_keys::revoke_all;
use topup::domain::api_key::KeyOwner;
use topup::domain::permission::Permissions;
use wiremock::ResponseTemplate;

use crate::stage::{number, paid, quiet, until};
use crate::support::{Caller, TestApp, execute};
use crate::tools::{grant, key};
use crate::webhooks::{Partner, ask, at, deliveries, endpoint, event, types};

#[tokio::test]
async fn a_revoked_key_listens_no_more() {
    let app = TestApp::spawn().await;
    let (partner, thief) = (Partner::content().await, Partner::content().await);
    let service = app.service();
    let stolen = app.bearer(key(&app, "service:meter", Permissions::NONE).await);
    let own = endpoint(&service, &partner.url(), &["grant.given"]).await;
    let made = endpoint(&stolen, &thief.url(), &["grant.given"]).await;
    let turned = endpoint(&service, &partner.url(), &["grant.given"]).await;
    let there = json!({ "url": thief.url(), "types": ["grant.given"] });
    stolen.send(Method::PUT, &at(&turned, ""), Some(&there), None).await.expect(200);
    let signed = endpoint(&service, &partner.url(), &["grant.given"]).await;
    ask(&stolen, &signed, "/rotate-secret", 200).await;

    revoke_all(&app.server.app.pool, &KeyOwner::parse("service:meter").unwrap()).await.unwrap();
    // For some seconds a process may still accept the revoked key. Even then the key changes nothing.
    for what in ["/enable", "/rotate-secret"] {
        let late = stolen.send(Method::POST, &at(&made, what), None, None).await;
        assert!(matches!(late.status, 401 | 403), "{what} {}", late.text);
    }
    for (endpoint, status) in [(&own, "enabled"), (&made, "paused"), (&turned, "paused"), (&signed, "paused")] {
        assert_eq!(service.get(&at(endpoint, "")).await.expect(200)["status"], status);
    }
    grant(&app, "alice", "5.00", json!({})).await;
    assert_eq!(types(&partner.events(1).await), ["grant.given"]);
    until("the others wait", async || {
        number(&app, "count(*) FROM webhook_deliveries WHERE status = 'pending'").await == 3
    })
    .await;
    assert!(thief.requests().await.is_empty());
    // The owner has enabled it again, so the next revocation does not pause it.
    ask(&service, &signed, "/enable", 200).await;
    partner.events(2).await;
    revoke_all(&app.server.app.pool, &KeyOwner::parse("service:meter").unwrap()).await.unwrap();
    assert_eq!(service.get(&at(&signed, "")).await.expect(200)["status"], "enabled");
    app.finish().await;
}

#[tokio::test]
async fn only_operators_learn_which_operator_did_something() {
    let app = TestApp::spawn().await;
    let (partner, console) = (Partner::content().await, Partner::content().await);
    let wanted = ["grant.given", "customer.frozen", "refund.pending", "refund.succeeded"];
    endpoint(&app.service(), &partner.url(), &wanted).await;
    endpoint(&app.operator(), &console.url(), &wanted).await;
    let order = paid(&app, "alice", "card", "USD", "20").await;
    let given = json!({ "customer_id": "alice", "currency": "USD", "amount": "1.00", "reason": "sorry" });
    app.operator().post("/v1/grants", &given).await.expect(201);
    let refund = json!({ "order_id": order, "amount": "5", "reason": "asked" });
    app.operator().post("/v1/admin/refunds", &refund).await.expect(201);
    quiet(&app, "stripe").await;
    let freeze = json!({ "reason": "a stolen card" });
    app.operator().post("/v1/admin/customers/alice/freeze", &freeze).await.expect(200);
    let (told, known) = (partner.events(4).await, console.events(4).await);
    let page =
        async |caller: &Caller<'_>| caller.get("/v1/events?customer_id=alice&limit=100").await.expect(200).text.clone();
    for text in [serde_json::to_string(&told).unwrap(), page(&app.service()).await] {
        assert!(text.contains(r#""operator""#) && !text.contains("operator:"), "{text}");
        assert!(!text.contains("a stolen card"), "{text}");
    }
    for text in [serde_json::to_string(&known).unwrap(), page(&app.operator()).await] {
        assert!(text.contains("operator:ops") && text.contains("a stolen card"), "{text}");
    }
    app.finish().await;
}

#[tokio::test]
async fn after_a_change_no_attempt_begins_by_the_old_settings() {
    let app = TestApp::spawn().await;
    let slow = || Partner::that(|_| ResponseTemplate::new(204).set_delay(Duration::from_millis(200)));
    let (old, new) = (slow().await, slow().await);
    let service = app.service();
    let made = endpoint(&service, &old.url(), &["customer.unfrozen"]).await;
    let events: Vec<String> = (0..80).map(|n| event(&format!("customer{}", n % 8))).collect();
    execute(&app.database, &events.concat()).await;
    old.events(1).await;
    let change = json!({ "url": new.url(), "types": ["customer.unfrozen"] });
    service.send(Method::PUT, &at(&made, ""), Some(&change), None).await.expect(200);
    // At most eight requests are in flight, and were begun before the answer.
    let begun = old.requests().await.len() + 8;
    new.events(40).await;
    service.send(Method::DELETE, &at(&made, ""), None, None).await.expect(204);
    let deleted = new.requests().await.len() + 8;
    until("the turn is over", async || {
        number(&app, "count(*) FROM webhook_endpoints WHERE lease IS NOT NULL").await == 0
    })
    .await;
    assert!(old.requests().await.len() <= begun, "{} of {begun}", old.requests().await.len());
    assert!(new.requests().await.len() <= deleted, "{} of {deleted}", new.requests().await.len());
    assert!(old.requests().await.len() + new.requests().await.len() < 80);
    app.finish().await;
}

#[tokio::test]
async fn events_that_an_endpoint_does_not_want_keep_it_from_nothing() {
    let app = TestApp::spawn().await;
    let partner = Partner::content().await;
    let made = endpoint(&app.service(), &partner.url(), &["customer.frozen"]).await;
    let since = (Utc::now() - TimeDelta::days(1)).to_rfc3339();
    let many = format!(
        "INSERT INTO events (customer_id, type, noun, data, created_at)
         SELECT 'bob', 'customer.unfrozen', 'customer', '{{\"customer_id\": \"bob\"}}',
                timestamptz '{since}' + least(n, 10000) * interval '1 second'
         FROM generate_series(1, 10005) n;"
    );
    execute(&app.database, &many).await;
    execute(&app.database, &event("alice").replace("unfrozen", "frozen")).await;
    partner.events(1).await;
    until("it is delivered", async || deliveries(&app.service(), &made).await[0]["status"] == "delivered").await;
    let again =
        async |since: &str| app.service().post(&at(&made, "/redeliver"), &json!({ "since": since })).await.expect(202);
    // The last five have the time of the ten-thousandth.
    let first = again(&since).await;
    assert_eq!(first["deliveries"], 0);
    let second = again(first["next_since"].as_str().unwrap()).await;
    assert_eq!((&second["deliveries"], &second["next_since"]), (&json!(1), &json!(null)));
    assert_eq!(partner.events(2).await.len(), 2);
    app.finish().await;
}

#[tokio::test]
async fn what_waits_too_long_and_what_was_deleted_is_forgotten() {
    let app = TestApp::spawn_with(|config| config.keep.webhook_deliveries = 7).await;
    let partner = Partner::content().await;
    let service = app.service();
    let paused = endpoint(&service, &partner.url(), &["customer.unfrozen"]).await;
    ask(&service, &paused, "/pause", 200).await;
    execute(&app.database, &[event("alice"), event("bob")].concat()).await;
    until("both wait", async || deliveries(&service, &paused).await.len() == 2).await;
    let older = "UPDATE webhook_deliveries SET created_at = created_at - interval '8 days',
                 due_at = due_at - interval '8 days'";
    execute(&app.database, older).await;
    // One was asked for again today.
    execute(&app.database, "UPDATE webhook_deliveries SET due_at = now() WHERE customer_id = 'bob'").await;
    topup::workers::prune(&app.server.app).await.unwrap();
    let left = deliveries(&service, &paused).await;
    assert_eq!((left.len(), number(&app, "count(*) FROM webhook_deliveries WHERE customer_id = 'bob'").await), (1, 1));

    service.send(Method::DELETE, &at(&paused, ""), None, None).await.expect(204);
    topup::workers::prune(&app.server.app).await.unwrap();
    assert_eq!(number(&app, "count(*) FROM webhook_endpoints").await, 1, "a delivery refers to it");
    execute(&app.database, older).await;
    topup::workers::prune(&app.server.app).await.unwrap();
    topup::workers::prune(&app.server.app).await.unwrap();
    assert_eq!(number(&app, "count(*) FROM webhook_endpoints").await, 0);
    app.finish().await;
}
