//! Walks the OpenAPI document: what holds for every operation is tried on every operation.

use reqwest::Method;
use serde_json::{Value, json};
use topup::http::edge::auth::is_public;
use topup::identity::Scope;

use crate::document::operations;
use crate::support::{Caller, Reply, TestApp, token};

/// Operations that answer without a token: a new one must be added here on purpose.
const PUBLIC: [&str; 10] = [
    "getHealth",
    "getMetrics",
    "getReadiness",
    "listLedgerKeys",
    "receivePaypalNotification",
    "receiveStripeNotification",
    "receiveVnpayIpn",
    "returnFromPaypal",
    "returnFromVnpay",
    "streamBalancesByTicket",
];

pub struct Operation {
    pub id: String,
    pub method: Method,
    /// With ids that name nothing.
    pub path: String,
    pub template: String,
    pub document: Value,
}

pub fn all() -> Vec<Operation> {
    operations()
        .into_iter()
        .map(|(template, method, document)| Operation {
            id: document["operationId"].as_str().unwrap().to_owned(),
            method: method.to_uppercase().parse().unwrap(),
            path: fill(&template),
            template,
            document,
        })
        .collect()
}

/// Fills a path's placeholders with something that is not one of our ids.
fn fill(template: &str) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        path.push_str(before);
        path.push_str("nothing");
        rest = after.split_once('}').unwrap().1;
    }
    path + rest
}

impl Operation {
    fn is_secured(&self) -> bool {
        !self.document["security"].as_array().unwrap().is_empty()
    }

    pub fn scopes(&self) -> Vec<&str> {
        self.document["x-scopes"].as_array().into_iter().flatten().map(|scope| scope.as_str().unwrap()).collect()
    }

    fn takes_json(&self) -> bool {
        self.document.pointer("/requestBody/content/application~1json").is_some()
    }

    fn request(&self, caller: &Caller<'_>) -> reqwest::RequestBuilder {
        // A stream that is let in has no end to wait for.
        let query = if self.id == "streamBalances" { "?no_such_parameter=1" } else { "" };
        caller
            .request(self.method.clone(), &format!("{}{query}", self.path))
            .header("idempotency-key", uuid::Uuid::now_v7().to_string())
    }

    pub async fn call(&self, caller: &Caller<'_>) -> Reply {
        let request = self.request(caller);
        Reply::of(if self.takes_json() { request.json(&json!({})) } else { request }).await
    }
}

pub fn role(name: &str) -> Scope {
    Scope::ALL.into_iter().find(|scope| scope.as_str() == name).unwrap()
}

#[test]
fn what_needs_no_token_is_a_short_list() {
    let operations = all();
    let mut public: Vec<&str> = operations.iter().filter(|o| !o.is_secured()).map(|o| o.id.as_str()).collect();
    public.sort_unstable();
    assert_eq!(public, PUBLIC);
    for operation in &operations {
        assert_eq!(is_public(&operation.template), !operation.is_secured(), "{}", operation.id);
    }
}

#[tokio::test]
async fn without_a_token_it_is_401() {
    let app = TestApp::spawn().await;
    for operation in all().iter().filter(|operation| operation.is_secured()) {
        let refused = operation.call(&app.anonymous()).await.problem(401, "unauthorized");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"), "{}", operation.id);
        let forged = token("alice", Scope::Operator).replace('.', ".e");
        operation.call(&app.bearer(forged)).await.problem(401, "unauthorized");
    }
    app.finish().await;
}

/// Only the scopes that the document names permit it: neither another role's scope nor none.
#[tokio::test]
async fn with_another_scope_it_is_403_and_with_a_named_one_it_is_not() {
    let app = TestApp::spawn().await;
    let nothing = app.bearer(unscoped());
    for operation in all().iter().filter(|operation| operation.is_secured()) {
        operation.call(&nothing).await.problem(403, "insufficient_scope");
        let named = operation.scopes();
        assert!(!named.is_empty(), "{} names no scope", operation.id);
        for scope in Scope::ALL {
            let answer = operation.call(&app.bearer(token("alice", role(scope.as_str())))).await;
            let opened = answer.status != 403;
            assert_eq!(
                opened,
                named.contains(&scope.as_str()),
                "{} with scope {scope} answers {}: {}",
                operation.id,
                answer.status,
                answer.text
            );
        }
    }
    app.finish().await;
}

/// A valid token whose holder may do nothing.
fn unscoped() -> String {
    let claims = json!({ "sub": "alice", "scope": "openid email", "exp": chrono::Utc::now().timestamp() + 600 });
    let key = jsonwebtoken::EncodingKey::from_secret(crate::support::SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

#[tokio::test]
async fn every_body_that_cannot_be_read_is_refused_with_its_name() {
    let app = TestApp::spawn().await;
    for operation in all().iter().filter(|operation| operation.is_secured() && operation.takes_json()) {
        let scope = operation.scopes()[0];
        let caller = app.bearer(token("alice", role(scope)));
        // Conditions on the resource, if there are any, are checked first.
        let request = || operation.request(&caller).header("if-match", "\"0\"");
        let json = || request().header("content-type", "application/json");
        Reply::of(request().body("{}")).await.problem(415, "unsupported_media_type");
        Reply::of(json().body("{")).await.problem(400, "malformed_json");
        let too_large = " ".repeat(5 << 20);
        Reply::of(json().body(too_large)).await.problem(413, "body_too_large");
        Reply::of(json().body(r#"{"no_such_field":1}"#)).await.problem(422, "validation_failed");
        Reply::of(json().body("[]")).await.problem(422, "validation_failed");
    }
    app.finish().await;
}

#[tokio::test]
async fn an_unknown_query_parameter_is_refused_by_its_name() {
    let app = TestApp::spawn().await;
    for operation in all().iter().filter(|operation| operation.is_secured() && operation.method == Method::GET) {
        let takes_query = operation.document["parameters"].as_array().into_iter().flatten().any(|p| p["in"] == "query");
        if takes_query {
            let caller = app.bearer(token("alice", role(operation.scopes()[0])));
            let path = format!("{}?no_such_parameter=1", operation.path);
            caller.get(&path).await.names("?no_such_parameter", "unknown_parameter");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn ids_that_name_nothing_are_404() {
    let app = TestApp::spawn().await;
    let with_id = |operation: &&Operation| operation.template.contains('{') && operation.method == Method::GET;
    for operation in all().iter().filter(|operation| operation.is_secured()).filter(with_id) {
        let caller = app.bearer(token("alice", role(operation.scopes()[0])));
        operation.call(&caller).await.problem(404, "not_found");
        let well_formed = operation.path.replace("nothing", "tuo_00000000000000000000000000000000");
        caller.get(&well_formed).await.problem(404, "not_found");
    }
    app.finish().await;
}
