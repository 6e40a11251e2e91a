//! Seals as a service makes them, and as an auditor finds them.

use std::process::Output;

use chrono::Duration;
use topup::app::{Sealing, seals};
use topup::domain::seal::Ripeness;

use crate::process::{Home, command};
use crate::stage::{number, ordered, read, until};
use crate::support::{TestApp, execute};

/// Seals all that there is.
async fn seal(app: &TestApp) {
    let sealing = app.server.app.settings.sealing.as_ref().unwrap();
    let ripeness = Ripeness { age: Duration::zero(), ..Ripeness::default() };
    let sealing = Sealing { ripeness, pause: Duration::zero(), ..sealing.clone() };
    let unsealed = "count(*) FROM wallets w WHERE entry_seq > coalesce(
        (SELECT max(to_seq) FROM seals s WHERE s.customer_id = w.customer_id AND s.wallet_id = w.id), 0)";
    // The service's own worker may have locked the walk.
    until("all is sealed", async || {
        seals::seal_slice(&app.server.app.pool, &sealing).await.unwrap();
        number(app, unsealed).await == 0
    })
    .await;
}

#[tokio::test]
async fn keys_are_published_when_they_are_first_used() {
    let app = TestApp::spawn().await;
    let none = app.anonymous().get("/v1/ledger/keys").await.expect(200);
    assert!(none["data"].as_array().unwrap().is_empty(), "{}", none.text);
    app.fund("alice", "CNY", "100.00").await;
    seal(&app).await;
    let keys = app.anonymous().get("/v1/ledger/keys").await.expect(200);
    let [key] = keys["data"].as_array().unwrap().as_slice() else { panic!("{}", keys.text) };
    assert_eq!(key["id"], "21fe31dfa154a261");
    assert_eq!(key["algorithm"], "Ed25519");
    assert_eq!(key["public_key"], "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    app.finish().await;
}

#[tokio::test]
async fn what_is_an_hour_old_is_sealed_by_itself() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    execute(
        &app.database,
        "SET session_replication_role = replica; UPDATE entries SET created_at = created_at - interval '1 hour'",
    )
    .await;
    until("it is sealed", async || number(&app, "count(*) FROM seals").await == 1).await;
    let metric = async || {
        let text = app.anonymous().get("/metrics").await.expect(200).text;
        text.lines().any(|line| line == "topup_oldest_unsealed_seconds 0")
    };
    until("nothing is left to seal", metric).await;
    app.finish().await;
}

#[tokio::test]
async fn a_service_that_does_not_seal_leaves_entries_unsealed() {
    let app = TestApp::spawn_with(|config| config.seal.mode = topup::config::SealMode::Off).await;
    assert!(app.server.app.settings.sealing.is_none());
    app.fund("alice", "CNY", "100.00").await;
    app.finish().await;
}

#[tokio::test]
async fn heads_are_exported_and_compared_and_texts_erased_on_the_command_line() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let usage = serde_json::json!({
        "id": "u", "customer_id": "alice", "currency": "CNY", "amount": "1", "description": "a call",
    });
    app.service().post("/v1/usage", &usage).await.expect(201);
    seal(&app).await;

    let home = Home::new();
    let file = home.0.join("heads");
    let file = file.to_str().unwrap();
    let run = |arguments: &[&str]| -> Output { command(&home.0, Some(&app.database), arguments).output().unwrap() };
    let said = |output: &Output| {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let exported = run(&["seal", "export", file]);
    assert!(exported.status.success() && said(&exported).contains("heads are in"), "{}", said(&exported));
    let lines = std::fs::read_to_string(file).unwrap();
    assert!(lines.lines().any(|line| line.starts_with("alice wal_") && line.contains(" 2 ")), "{lines}");
    let again = run(&["seal", "export", file]);
    assert!(!again.status.success(), "a file that exists is kept: {}", said(&again));

    // The pending order and the profile name a person as well; so do their events.
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "60").await;
    let data = || String::from_utf8(run(&["personal-data", "--customer", "alice"]).stdout).unwrap();
    let shown = data();
    for (table, text) in [
        ("billing_profiles", "alice@example.com"),
        ("top_up_orders", "Test Bank"),
        ("top_up_orders", "127.0.0.1"),
        ("attempts", "alice@example.com"),
        ("entries", "a call"),
    ] {
        let is_shown = |line: &str| line.contains(&format!("\"table\":\"{table}\"")) && line.contains(text);
        assert!(shown.lines().any(is_shown), "{table} {text}: {shown}");
    }
    let erased = run(&["erase", "--customer", "alice"]);
    assert!(erased.status.success() && said(&erased).contains("texts of 1 entries of alice"), "{}", said(&erased));
    app.customer("alice").get("/v1/billing-profile").await.problem(404, "not_found");
    let left = data();
    assert!(!["alice@", "Test Bank", "127.0.0.1", "a call"].iter().any(|text| left.contains(text)), "{left}");
    let kept = number(&app, "count(*) FROM events WHERE data::text ~ 'alice@|Test Bank|127.0.0.1|a call'").await;
    assert_eq!(kept, 0);
    assert_eq!(read(&app, &order).await["remitter"]["name"], "erased");
    app.operator().get("/v1/events?limit=100").await.expect(200);
    let checked = run(&["check", "--heads", file]);
    assert!(checked.status.success(), "{}", said(&checked));

    execute(&app.database, "SET session_replication_role = replica; DELETE FROM seals WHERE customer_id = 'alice'")
        .await;
    let checked = run(&["check", "--heads", file]);
    assert!(!checked.status.success() && said(&checked).contains("seal_head"), "{}", said(&checked));
    std::fs::write(file, "alice").unwrap();
    let unreadable = run(&["check", "--heads", file]);
    assert!(said(&unreadable).contains("line 1 is not a head"), "{}", said(&unreadable));
    app.finish().await;
}
