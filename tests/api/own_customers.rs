//! Operators who are customers, too, under a name of their own: a claim of the settings names it.

use jsonwebtoken::{EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};
use topup::config::Config;
use topup::domain::permission::Permission;

use crate::bank_statements::{ACCOUNT, bank_order, csv, mapped, paid, reference};
use crate::stage::number;
use crate::support::{Reply, SECRET, TestApp};
use crate::tools::key_of;

/// A token of the person `a-1`, whose customer is `alice`.
fn token(scope: &str, permissions: &[&str]) -> String {
    let claims = json!({
        "sub": "a-1", "cid": "alice", "scope": scope, "permissions": permissions, "exp": 4_102_444_800_i64,
    });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn with_claims(config: &mut Config) {
    config.jwt.customer_claim = Some("cid".to_owned());
    config.jwt.permissions_claim = Some("permissions".to_owned());
}

fn grant(customer: &str) -> Value {
    json!({ "customer_id": customer, "currency": "CNY", "amount": "1.00", "reason": "welcome" })
}

#[tokio::test]
async fn an_operator_decides_nothing_about_the_customer_that_the_same_person_is() {
    let app = TestApp::spawn().await;
    app.fund("a-1", "CNY", "5.00").await;
    app.fund("alice", "CNY", "7.00").await;
    let claimed = TestApp::try_spawn(&app.database, with_claims).await.unwrap();
    let operator = claimed.bearer(token("operator", &["finance", "admin"]));
    operator.post("/v1/grants", &grant("alice")).await.problem(403, "own_account");
    operator.post("/v1/grants", &grant("bob")).await.expect(201);

    // A key acts as the person who made it. On the command line it is said who that is.
    let wanted = json!({ "description": "grants", "permissions": ["finance"], "expires_in_days": 1 });
    let made = operator.send(Method::POST, "/v1/admin/api-keys", Some(&wanted), None).await.expect(201);
    let by_key = claimed.bearer(made["key"].as_str().unwrap().to_owned());
    by_key.post("/v1/grants", &grant("alice")).await.problem(403, "own_account");
    by_key.post("/v1/grants", &grant("bob")).await.expect(201);
    let told = claimed.bearer(key_of(&claimed, "operator:a-1", Some("alice"), Permission::Finance.into()).await);
    told.post("/v1/grants", &grant("alice")).await.problem(403, "own_account");

    // Whoever may not act as an operator acts as the customer of the claim, and not as one named like the `sub`.
    let both = claimed.bearer(token("customer operator", &[]));
    let transfer = json!({ "currency": "CNY", "amount": "7.00", "to_product": "sms" });
    both.post("/v1/transfers", &transfer).await.expect(201);
    assert_eq!(app.available("alice", "CNY", "").await, "0.00");
    assert_eq!(app.available("a-1", "CNY", "").await, "5.00");
    claimed.finish().await;
    app.finish().await;
}

#[tokio::test]
async fn a_file_credits_no_order_of_the_operator_who_uploads_it() {
    let app = TestApp::spawn().await;
    mapped(&app).await;
    let (own, other) = (bank_order(&app, "alice", "100").await, bank_order(&app, "bob", "50").await);
    let (own, other) = (reference(&app, &own).await, reference(&app, &other).await);
    let claimed = TestApp::try_spawn(&app.database, with_claims).await.unwrap();
    let operator = claimed.bearer(token("operator", &["finance"]));
    let file = csv(0, &[("2026-11-20", "A-1", "Alice", &own, 10_000), ("2026-11-20", "B-1", "Bob", &other, 5_000)]);
    let path = format!("/v1/admin/bank-statements?bank_account_id={ACCOUNT}");
    let request = operator.request(Method::POST, &path).header("content-type", "application/octet-stream");
    Reply::of(request.body(file)).await.expect(201);
    assert_eq!(paid(&app, "bob").await, "50.00");
    assert_eq!(number(&app, "count(*) FROM entries WHERE customer_id = 'alice'").await, 0);
    claimed.finish().await;
    app.finish().await;
}
