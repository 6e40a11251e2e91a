//! What several of these tests do.

use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use futures_util::future::join_all;
use serde_json::{Value, json};
use topup::app::api_keys::{NewKey, create_for};
use topup::domain::api_key::KeyOwner;
use topup::domain::customer::CustomerId;
use topup::domain::environment::Environment;
use topup::domain::permission::Permissions;

pub use crate::stage::until;
use crate::support::{Reply, TestApp};

/// One column of what the database holds, as text.
pub async fn ask(app: &TestApp, sql: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = Text)]
        answer: String,
    }
    let sql = format!("SELECT answer::text FROM ({sql}) AS a (answer)");
    let rows: Vec<Answer> = sql_query(sql).load(&mut app.server.app.pool.get().await.unwrap()).await.unwrap();
    rows.into_iter().map(|row| row.answer).collect()
}

/// An API key as the command line makes it.
pub async fn key(app: &TestApp, owner: &str, permissions: Permissions) -> String {
    key_of(app, owner, None, permissions).await
}

/// The same, for an owner who is this customer, too.
pub async fn key_of(app: &TestApp, owner: &str, customer: Option<&str>, permissions: Permissions) -> String {
    let new = NewKey { description: "a test".to_owned(), permissions, days: 1 };
    let owner = KeyOwner::parse(owner).unwrap();
    let own = customer.and_then(CustomerId::new);
    let made = create_for(&app.server.app.pool, &owner, own.as_ref(), Environment::Test, 90, &new).await.unwrap();
    made.text.expose().to_owned()
}

pub fn usage(customer: &str, id: &str, amount: &str) -> Value {
    json!({ "id": id, "customer_id": customer, "currency": "CNY", "amount": amount })
}

pub fn with(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    body[field] = value.into();
    body
}

/// Usage of the main wallet in CNY.
pub async fn spend(app: &TestApp, customer: &str, id: &str, amount: &str) -> Reply {
    app.service().post("/v1/usage", &usage(customer, id, amount)).await
}

/// Posts all at once; the answers in the order of the bodies.
pub async fn all_at_once(app: &TestApp, path: &str, bodies: &[Value]) -> Vec<Reply> {
    let service = app.service();
    let service = &service;
    join_all(bodies.iter().map(|body| async move { service.post(path, body).await })).await
}

/// Opens a hold of the main wallet in CNY.
pub async fn hold(app: &TestApp, customer: &str, id: &str, amount: &str, expires_in: i64) -> Reply {
    let body =
        json!({ "id": id, "customer_id": customer, "currency": "CNY", "amount": amount, "expires_in": expires_in });
    app.service().post("/v1/holds", &body).await
}

/// Gives promotional credit to the main wallet in CNY; answers the grant's id.
pub async fn grant(app: &TestApp, customer: &str, amount: &str, more: Value) -> String {
    let mut body = json!({ "customer_id": customer, "currency": "CNY", "amount": amount, "reason": "test" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app.service().post("/v1/grants", &body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

/// A wallet in CNY (`""`: the main one) as the API shows it.
pub async fn balance(app: &TestApp, customer: &str, product: &str) -> Value {
    let path = format!("/v1/balances?currency=CNY&product={product}");
    app.customer(customer).get(&path).await.expect(200)["balances"][0].clone()
}

/// Moves money from the main wallet in CNY; answers the transfer's id.
pub async fn transfer(app: &TestApp, customer: &str, product: &str, amount: &str) -> String {
    let body = json!({ "currency": "CNY", "amount": amount, "to_product": product });
    app.customer(customer).post("/v1/transfers", &body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

/// The ids of a customer's flows of a type, the newest first.
pub async fn flows(app: &TestApp, customer: &str, kind: &str) -> Vec<Value> {
    let path = format!("/v1/account-flows?type={kind}&limit=100");
    app.customer(customer).get(&path).await.expect(200)["data"].as_array().unwrap().clone()
}
