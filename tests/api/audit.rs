//! The audit log and the last check of the books, as operators read them; and lists that can be read in both
//! directions.

use std::sync::Arc;

use chrono::{Duration, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use topup::app::{Settings, integrity};

use crate::support::{Caller, Reply, TestApp, execute};
use crate::tools::{ask, grant};

/// Reads a list page by page to its end, and back to its start. Returns the pages in forward order; both directions
/// must agree.
pub async fn both_ways(caller: &Caller<'_>, path: &str, limit: usize) -> Vec<Vec<Value>> {
    let sign = if path.contains('?') { '&' } else { '?' };
    let at = |cursor: &str| format!("{path}{sign}limit={limit}{cursor}");
    let mut pages = Vec::new();
    let mut page = caller.get(&at("")).await.expect(200);
    assert_eq!(page["previous_cursor"], Value::Null, "the first page has none before it");
    loop {
        pages.push(page["data"].as_array().unwrap().clone());
        assert_eq!(page["has_more"], page["next_cursor"].is_string());
        let Some(next) = page["next_cursor"].as_str() else { break };
        page = caller.get(&at(&format!("&cursor={next}"))).await.expect(200);
    }
    for expected in pages.iter().rev().skip(1) {
        let previous = page["previous_cursor"].as_str().unwrap();
        page = caller.get(&at(&format!("&cursor={previous}"))).await.expect(200);
        assert_eq!(page["data"].as_array().unwrap(), expected);
        assert_eq!(page["has_more"], true);
    }
    assert_eq!(page["previous_cursor"], Value::Null, "back at the start");
    pages
}

async fn save(caller: &Caller<'_>, product: &Value, version: Option<&str>) -> Reply {
    let request = caller.request(Method::PUT, "/v1/admin/products/fax").json(product);
    Reply::of(match version {
        Some(version) => request.header("if-match", version),
        None => request,
    })
    .await
}

async fn entries(caller: &Caller<'_>, filter: &str) -> Vec<(String, String)> {
    let found = caller.get(&format!("/v1/admin/audit-log?limit=100&{filter}")).await.expect(200);
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    found["data"].as_array().unwrap().iter().map(|entry| (text(entry, "action"), text(entry, "target"))).collect()
}

#[tokio::test]
async fn the_log_says_who_did_what_when_and_why() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let product = json!({ "name": "Fax", "active": true, "returnable": false });
    let saved = save(&operator, &product, None).await.expect(201);
    assert_eq!(saved["updated_by"], "operator:ops");
    let renamed = json!({ "name": "Telefax", "active": true, "returnable": false });
    let bob = app.operator_named("bob");
    let saved = save(&bob, &renamed, Some("\"1\"")).await.expect(200);
    assert_eq!(saved["updated_by"], "operator:bob");
    let order = app.fund("alice", "CNY", "100.00").await;
    let reason = json!({ "reason": "the card holder denies it" });
    operator.post("/v1/admin/customers/alice/freeze", &reason).await.expect(200);

    // The history of one object, the newest first.
    let history = operator.get("/v1/admin/audit-log?target=product:fax").await.expect(200);
    let history = history["data"].as_array().unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[0]["actor"], "operator:bob");
    assert_eq!((&history[0]["before"]["name"], &history[0]["after"]["name"]), (&json!("Fax"), &json!("Telefax")));
    assert_eq!((&history[1]["before"], &history[1]["after"]["name"]), (&Value::Null, &json!("Fax")));

    let of_alice = entries(&operator, "customer_id=alice").await;
    assert_eq!(
        of_alice,
        [
            ("customer.frozen".to_owned(), "customer:alice".to_owned()),
            ("top_up_order.approved".to_owned(), format!("top_up_order:{order}")),
        ]
    );
    let frozen = operator.get("/v1/admin/audit-log?action=customer.frozen").await.expect(200);
    assert_eq!(frozen["data"][0]["reason"], "the card holder denies it");
    assert_eq!(entries(&operator, "actor=operator:bob").await.len(), 1);
    assert_eq!(entries(&operator, "actor=operator:bob&customer_id=alice").await.len(), 0);
    let later = (Utc::now() + Duration::hours(1)).format("%Y-%m-%dT%H:%M:%SZ");
    assert_eq!(entries(&operator, &format!("created_from={later}")).await.len(), 0);
    assert_eq!(entries(&operator, &format!("created_to={later}")).await.len(), 4);
    app.customer("alice").get("/v1/admin/audit-log").await.problem(403, "insufficient_scope");
    operator.get("/v1/admin/audit-log?actor=%00").await.names("?actor", "malformed");

    let pages = both_ways(&operator, "/v1/admin/audit-log", 3).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
    app.finish().await;
}

/// Nobody changes or removes an entry, whatever the service or an operator does.
#[tokio::test]
async fn entries_of_the_log_stay() {
    let app = TestApp::spawn().await;
    let reason = json!({ "reason": "a test" });
    app.operator().post("/v1/admin/customers/alice/freeze", &reason).await.expect(200);
    for change in ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"] {
        let refused =
            format!("DO $$ BEGIN {change}; RAISE 'not refused'; EXCEPTION WHEN restrict_violation THEN END $$");
        execute(&app.database, &refused).await;
    }
    assert_eq!(ask(&app, "SELECT count(*) FROM audit_log").await, ["1"]);
    app.finish().await;
}

#[tokio::test]
async fn lists_are_read_from_both_ends() {
    let app = TestApp::spawn().await;
    for n in 1..=5 {
        app.fund("alice", "CNY", &format!("{n}.00")).await;
        grant(&app, "alice", "1.00", json!({})).await;
        let transfer = json!({ "currency": "CNY", "amount": "0.10", "to_product": "sms" });
        app.customer("alice").post("/v1/transfers", &transfer).await.expect(201);
    }
    let (alice, operator) = (app.customer("alice"), app.operator());
    for (caller, path) in [
        (&alice, "/v1/top-up-orders"),
        (&alice, "/v1/transfers"),
        (&alice, "/v1/grants"),
        (&operator, "/v1/admin/top-up-orders?status=completed"),
    ] {
        let pages = both_ways(caller, path, 2).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1], "{path}");
    }
    // A cursor belongs to its filters, backwards as well.
    let page = alice.get("/v1/transfers?limit=2").await.expect(200);
    let next = page["next_cursor"].as_str().unwrap();
    let second = alice.get(&format!("/v1/transfers?limit=2&cursor={next}")).await.expect(200);
    let previous = second["previous_cursor"].as_str().unwrap();
    alice.get(&format!("/v1/transfers?currency=CNY&cursor={previous}")).await.names("?cursor", "invalid_cursor");
    app.finish().await;
}

#[tokio::test]
async fn the_last_check_is_shown_and_nobody_waits_for_one() {
    // The server's own worker does not run; the test does its work.
    let app = TestApp::spawn_with(|config| config.check_hours = 0).await;
    let operator = app.operator();
    let never = operator.get("/v1/admin/integrity").await.expect(200);
    assert_eq!(never.body, json!({ "last_check": null }));
    app.fund("alice", "CNY", "100.00").await;

    // The worker's first turn only notes when the first check is due.
    let mut state = app.server.app.clone();
    assert!(!integrity::check_if_due(&state).await.unwrap(), "it is switched off");
    state.settings = Arc::new(Settings { check_every_hours: 24, ..(*state.settings).clone() });
    assert!(!integrity::check_if_due(&state).await.unwrap());
    assert!(!integrity::check_if_due(&state).await.unwrap());
    execute(&app.database, "UPDATE worker_marks SET reached = '2026-01-01' WHERE worker = 'check_books'").await;
    // Of several processes one does it.
    let turns = futures_util::future::join_all((0..4).map(|_| integrity::check_if_due(&state))).await;
    assert_eq!(turns.into_iter().filter(|turn| *turn.as_ref().unwrap()).count(), 1);
    let clean = operator.get("/v1/admin/integrity").await.expect(200);
    let check = &clean["last_check"];
    assert_eq!((&check["agrees"], &check["checked_by"]), (&json!(true), &json!("system")));
    assert!(check["rule_count"].as_u64().unwrap() > 50, "{check}");
    let paid = check["totals"].as_array().unwrap().iter().find(|total| total["name"] == "paid").unwrap();
    assert_eq!((&paid["currency"], &paid["sum"]), (&json!("CNY"), &json!("100")));

    execute(&app.database, "UPDATE wallets SET paid = 90, paid_in = 90").await;
    execute(&app.database, "UPDATE worker_marks SET reached = '2026-01-01' WHERE worker = 'check_books'").await;
    assert!(integrity::check_if_due(&state).await.unwrap());
    let broken = operator.get("/v1/admin/integrity").await.expect(200);
    let check = &broken["last_check"];
    assert_eq!(check["agrees"], false);
    let disagreement = &check["disagreements"][0];
    assert!(disagreement["subject"].as_str().unwrap().starts_with("wal_"), "{check}");
    assert_eq!(disagreement["customer_id"], "alice");
    execute(&app.database, "UPDATE wallets SET paid = 100, paid_in = 100").await;
    app.finish().await;
}
