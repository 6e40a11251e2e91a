//! Operators who are customers, too, under a name of their own: a claim of the settings names it.

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use topup::domain::permission::Permission;

use crate::support::{SECRET, TestApp};
use crate::tools::key_of;

/// A token of the person `a-1`, whose customer is `alice`.
fn token(scope: &str, permissions: &[&str]) -> String {
    let claims = json!({
        "sub": "a-1", "cid": "alice", "scope": scope, "permissions": permissions, "exp": 4_102_444_800_i64,
    });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn grant(customer: &str) -> Value {
    json!({ "customer_id": customer, "currency": "CNY", "amount": "1.00", "reason": "welcome" })
}

#[tokio::test]
async fn an_operator_decides_nothing_about_the_customer_that_the_same_person_is() {
    let app = TestApp::spawn_with(|config| {
        config.jwt.customer_claim = Some("cid".to_owned());
        config.jwt.permissions_claim = Some("permissions".to_owned());
    })
    .await;
    let operator = app.bearer(token("operator", &["finance", "admin"]));
    operator.post("/v1/grants", &grant("alice")).await.problem(403, "own_account");
    operator.post("/v1/grants", &grant("bob")).await.expect(201);

    // A key acts as the person who made it. On the command line it is said who that is.
    let wanted = json!({ "description": "grants", "permissions": ["finance"], "expires_in_days": 1 });
    let made = operator.post("/v1/admin/api-keys", &wanted).await.expect(201);
    let by_key = app.bearer(made["key"].as_str().unwrap().to_owned());
    by_key.post("/v1/grants", &grant("alice")).await.problem(403, "own_account");
    by_key.post("/v1/grants", &grant("bob")).await.expect(201);
    let told = app.bearer(key_of(&app, "operator:a-1", Some("alice"), Permission::Finance.into()).await);
    told.post("/v1/grants", &grant("alice")).await.problem(403, "own_account");

    // Whoever may not act as an operator acts as the customer of the claim, and not as one named like the `sub`.
    app.fund("a-1", "CNY", "5.00").await;
    app.fund("alice", "CNY", "7.00").await;
    let both = app.bearer(token("customer operator", &[]));
    let transfer = json!({ "currency": "CNY", "amount": "7.00", "to_product": "sms" });
    both.post("/v1/transfers", &transfer).await.expect(201);
    assert_eq!(app.available("alice", "CNY", "").await, "0.00");
    assert_eq!(app.available("a-1", "CNY", "").await, "5.00");
    app.finish().await;
}
