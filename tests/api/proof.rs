//! The proof for customers: a verifier that shares nothing with the service proves a statement, and no other one.

use std::path::PathBuf;
use std::process::{Command, Output};

use chrono::Utc;
use serde_json::{Value, json};

use crate::stage::{number, until};
use crate::support::TestApp;

struct Files(PathBuf);

impl Files {
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    /// What the verifier says of these files.
    fn verify(&self) -> Output {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/verify_statement.py");
        let files = ["proof", "keys", "statement"].map(|name| self.0.join(name));
        Command::new("python3").arg(script).args(files).output().unwrap()
    }

    #[track_caller]
    fn refuses(&self, why: &str) {
        let said = self.verify();
        assert!(!said.status.success(), "{why}: {}", String::from_utf8_lossy(&said.stdout));
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_statement_is_proven_by_seals_and_another_is_not() {
    let app = TestApp::spawn_with(|config| config.seal.after_seconds = 0).await;
    for customer in ["alice", "bob"] {
        app.fund(customer, "CNY", "100.00").await;
    }
    let items: Vec<Value> = (0..1100)
        .map(|n| json!({ "id": format!("u{n}"), "customer_id": "alice", "currency": "CNY", "amount": "0.01" }))
        .collect();
    for part in items.chunks(600) {
        app.service().post("/v1/usage/batch", &json!({ "items": part })).await.expect(200);
    }
    let told =
        json!({ "id": "t", "customer_id": "alice", "currency": "CNY", "amount": "1.5", "description": "a call: 1,2" });
    app.service().post("/v1/usage", &told).await.expect(201);
    let transfer = json!({ "currency": "CNY", "amount": "20.00", "to_product": "whatsapp" });
    app.customer("alice").post("/v1/transfers", &transfer).await.expect(201);
    let sealed = "(SELECT count(*) FROM entries) - (SELECT coalesce(sum(to_seq - from_seq + 1), 0) FROM seals)";
    until("all entries are sealed", async || number(&app, sealed).await == 0).await;

    let alice = app.customer("alice");
    let month = Utc::now().format("/v1/statements/%Y-%m").to_string();
    let (proof, statement) =
        (alice.get("/v1/ledger/proof").await.expect(200).text, alice.get(&month).await.expect(200).text);
    assert_eq!(app.operator().get("/v1/ledger/proof?customer_id=alice").await.expect(200).text, proof);
    app.customer("bob").get("/v1/ledger/proof?customer_id=alice").await.problem(404, "not_found");
    assert!(!proof.contains("a call"), "texts stand there as digests");
    assert!(proof.lines().count() >= 3, "two wallets, one of them in two stretches or more");
    assert_eq!(app.customer("carol").get("/v1/ledger/proof").await.expect(200).text, "");

    let files = Files(std::env::temp_dir().join(format!("topup-proof-{}", std::process::id())));
    std::fs::create_dir_all(&files.0).unwrap();
    files.write("proof", &proof);
    files.write("statement", &statement);
    files.write("keys", &app.anonymous().get("/v1/ledger/keys").await.expect(200).text);
    let said = files.verify();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{text}{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(text.trim(), "proven by 1104 sealed entries of 2 wallets");

    for (from, to) in [("\"100.00\"", "\"101.00\""), ("\"count\":1101", "\"count\":1100"), ("\"-12.50\"", "\"-12.49\"")]
    {
        assert!(statement.contains(from), "{from}: {statement}");
        files.write("statement", &statement.replace(from, to));
        files.refuses(to);
    }
    files.write("statement", &statement);
    for (from, to) in [("5:-0.01,", "5:-0.02,"), ("\"signature\":\"", "\"signature\":\"AAAA"), ("5:usage,", "5:Usage,")]
    {
        assert!(proof.contains(from), "{from}");
        files.write("proof", &proof.replacen(from, to, 1));
        files.refuses(to);
    }
    let without_last: Vec<&str> = proof.lines().take(proof.lines().count() - 1).collect();
    files.write("proof", &without_last.join("\n"));
    files.refuses("a seal is missing");
    let other = app.operator().get("/v1/ledger/proof?customer_id=bob").await.expect(200).text;
    files.write("proof", &other);
    files.refuses("the proof of somebody else");
    app.finish().await;
}
