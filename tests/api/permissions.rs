//! What operators may do, once the installation names a claim that says so.

use futures_util::future::join_all;
use serde_json::{Value, json};
use topup::config::Config;
use topup::domain::permission::{Permission, Permissions};
use topup::identity::Scope;
use uuid::Uuid;

use crate::every_operation::{self, Operation};
use crate::support::{Caller, Reply, SECRET, TestApp, permitted_token, token};

fn with_claim(config: &mut Config) {
    config.jwt.permissions_claim = Some("permissions".to_owned());
}

fn for_operators() -> Vec<Operation> {
    let operations: Vec<Operation> =
        every_operation::all().into_iter().filter(|operation| operation.scopes().contains(&"operator")).collect();
    assert!(operations.len() > 50, "the operations were not found");
    operations
}

fn permission(operation: &Operation) -> Permission {
    let named = operation.document["x-permission"].as_str().unwrap_or_else(|| panic!("{}", operation.id));
    let sentence = format!("An operator needs the permission `{named}`.");
    assert!(operation.document["description"].as_str().unwrap().ends_with(&sentence), "{}", operation.id);
    named.parse().unwrap()
}

#[test]
fn what_changes_something_needs_more_than_read() {
    for operation in for_operators() {
        // One's own keys move no money, and permit no more than their owner may do. Only finance may read what the
        // whole business takes in and owes.
        let is_report = operation.template.starts_with("/v1/admin/reports/");
        let own = ["createQuote", "createStreamTicket", "adminCreateApiKey", "adminRevokeApiKey"];
        let reads = (operation.method == "GET" && !is_report) || own.contains(&operation.id.as_str());
        assert_eq!(permission(&operation) == Permission::Read, reads, "{}", operation.id);
    }
    for operation in every_operation::all() {
        let has = operation.document.get("x-permission").is_some();
        assert_eq!(has, operation.scopes().contains(&"operator"), "{}", operation.id);
    }
}

/// Only the permission that the document names, and those that contain it, permit it.
#[tokio::test]
async fn each_operation_opens_with_its_permission_only() {
    let app = TestApp::spawn_with(with_claim).await;
    for operation in for_operators() {
        let needed = permission(&operation);
        for held in Permission::ALL {
            let answer = operation.call(&app.bearer(permitted_token("alice", held.into()))).await;
            let opens = Permissions::from(held).contains(needed);
            assert_eq!(answer.status != 403, opens, "{} with {held}: {}", operation.id, answer.text);
            if !opens {
                let refused = answer.problem(403, "insufficient_permission");
                assert!(refused["detail"].as_str().unwrap().contains(&format!("`{needed}`")), "{}", refused.text);
            }
        }
    }
    app.finish().await;
}

/// The claim must be there, and all of its words must be known.
#[tokio::test]
async fn without_a_claim_that_is_understood_an_operator_may_do_nothing() {
    let app = TestApp::spawn_with(with_claim).await;
    let claims = [json!(null), json!(""), json!("Finance"), json!("read root"), json!(["read", 7]), json!({"read": 1})];
    let absent = token("alice", Scope::Operator);
    let tokens: Vec<String> = claims.iter().map(|claim| claimed("operator", claim)).chain([absent]).collect();
    for operation in for_operators() {
        for token in &tokens {
            operation.call(&app.bearer(token.clone())).await.problem(403, "insufficient_permission");
        }
    }
    // Both spellings are read.
    for claim in [json!(" read  finance"), json!(["finance"])] {
        app.bearer(claimed("operator", &claim)).get("/v1/admin/refunds").await.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn other_scopes_need_no_permission_and_get_none() {
    let app = TestApp::spawn_with(with_claim).await;
    app.customer("alice").get("/v1/balances").await.expect(200);
    app.service().get("/v1/balances?customer_id=alice").await.expect(200);
    // As a customer the caller reaches only the caller's own data; as an operator without permissions nobody else's.
    let both = app.bearer(claimed("customer operator", &json!("")));
    both.get("/v1/balances").await.expect(200);
    both.get("/v1/balances?customer_id=bob").await.problem(404, "not_found");
    both.get("/v1/admin/refunds").await.problem(403, "insufficient_permission");
    // The claim of a customer opens nothing.
    let customer = app.bearer(claimed("customer", &json!("admin finance")));
    customer.get("/v1/admin/refunds").await.problem(403, "insufficient_scope");
    app.finish().await;
}

#[tokio::test]
async fn without_the_setting_an_operator_may_do_everything() {
    let app = TestApp::spawn().await;
    app.bearer(claimed("operator", &json!("nothing"))).get("/v1/admin/refunds").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn support_gives_goodwill_up_to_its_limit() {
    let app = TestApp::spawn_with(|config| {
        with_claim(config);
        config.goodwill_limit = vec!["CNY:20".parse().unwrap()];
    })
    .await;
    let support = app.bearer(permitted_token("sue", Permission::Support.into()));
    let finance = app.bearer(permitted_token("fay", Permission::Finance.into()));
    give(&support, "alice", "CNY", "20.01").await.problem(403, "grant_above_limit");
    give(&support, "alice", "USD", "0.01").await.problem(403, "grant_above_limit");
    give(&finance, "alice", "USD", "500").await.expect(201);
    // Of concurrent grants, only as much is given as the limit allows.
    let answers = join_all((0..8).map(|_| give(&support, "alice", "CNY", "5"))).await;
    let given = answers.into_iter().filter(|answer| answer.status == 201).count();
    assert_eq!(given, 4);
    give(&support, "alice", "CNY", "0.01").await.problem(403, "grant_above_limit");
    // The limit is one customer's, and one operator's.
    give(&support, "bob", "CNY", "20").await.expect(201);
    give(&app.bearer(permitted_token("sam", Permission::Support.into())), "alice", "CNY", "20").await.expect(201);
    app.finish().await;
}

async fn give(caller: &Caller<'_>, customer: &str, currency: &str, amount: &str) -> Reply {
    let body = json!({ "customer_id": customer, "currency": currency, "amount": amount, "reason": "sorry" });
    let key = Uuid::now_v7().to_string();
    Reply::of(caller.request(reqwest::Method::POST, "/v1/grants").header("idempotency-key", key).json(&body)).await
}

/// A token whose claim of permissions is spelled as an identity provider might.
fn claimed(scope: &str, permissions: &Value) -> String {
    let exp = chrono::Utc::now().timestamp() + 600;
    let claims = json!({ "sub": "alice", "scope": scope, "permissions": permissions, "exp": exp });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}
