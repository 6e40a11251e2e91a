//! The ids that a platform's identity provider gives to customers are taken as they are.

use diesel_async::SimpleAsyncConnection;
use serde_json::{Value, json};
use topup::storage::pool::connect;

use crate::support::{TestApp, url};

fn valid() -> Vec<String> {
    let mut ids = ["auth0|a/b+c", "google-oauth2|1", "a.b@example.com", "urn:x:y", "...", "~~", "a&b=c;d'{e}", "$1"]
        .map(str::to_owned)
        .to_vec();
    ids.push("x".repeat(128));
    ids
}

fn invalid() -> Vec<String> {
    let mut ids = ["", "two words", "a\"b", "a%b", "a?b", "a#b", "a\\b", "~", ".", "..", "é", "a\u{7f}", "a\nb"]
        .map(str::to_owned)
        .to_vec();
    ids.push("x".repeat(129));
    ids
}

fn encoded(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

#[tokio::test]
async fn usual_ids_are_taken() {
    let app = TestApp::spawn().await;
    let service = app.service();
    for id in valid() {
        let grant =
            |amount: &str| json!({ "customer_id": id, "currency": "CNY", "amount": amount, "reason": "welcome" });
        assert_eq!(service.post("/v1/grants", &grant("1.00")).await.expect(201)["customer_id"], json!(id));
        service.post("/v1/grants", &grant("2.00")).await.expect(201);
        let usage = json!({ "id": "u-1", "customer_id": id, "currency": "CNY", "amount": "0.25" });
        service.post("/v1/usage", &usage).await.expect(201);
        let hold = json!({ "id": "h-1", "customer_id": id, "currency": "CNY", "amount": "0.25", "expires_in": 60 });
        assert_eq!(service.post("/v1/holds", &hold).await.expect(201)["customer_id"], json!(id));
        // By name, and as the customer itself.
        let named = service.get(&format!("/v1/balances?customer_id={}", encoded(&id))).await.expect(200);
        let own = app.customer(&id).get("/v1/balances").await.expect(200);
        assert_eq!(own.body, named.body, "{id}");
        assert_eq!((&own["customer_id"], &own["balances"][0]["available"]), (&json!(id), &json!("2.50")));
        let list = format!("/v1/grants?limit=1&customer_id={}", encoded(&id));
        let page = service.get(&list).await.expect(200);
        let next = format!("{list}&cursor={}", page["next_cursor"].as_str().unwrap());
        assert_eq!(service.get(&next).await.expect(200)["has_more"], json!(false));
        app.operator().get(&format!("/v1/admin/top-up-orders?customer_id={}", encoded(&id))).await.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn other_texts_are_refused_by_the_edge_and_by_the_database() {
    let app = TestApp::spawn().await;
    let service = app.service();
    let mut database = connect(&url(&app.database)).await.unwrap();
    for id in invalid() {
        let usage = json!({ "id": "u-1", "customer_id": id, "currency": "CNY", "amount": "0.25" });
        service.post("/v1/usage", &usage).await.names("/customer_id", "malformed");
        let query = format!("customer_id={}", encoded(&id));
        service.get(&format!("/v1/balances?{query}")).await.names("?customer_id", "malformed");
        app.operator().get(&format!("/v1/admin/refunds?{query}")).await.names("?customer_id", "malformed");
        let written = format!("SELECT {}::customer_key", quoted(&id));
        assert!(database.batch_execute(&written).await.is_err(), "the database takes {id:?}");
    }
    for id in valid() {
        database.batch_execute(&format!("SELECT {}::customer_key", quoted(&id))).await.unwrap();
    }
    app.finish().await;
}

/// The schema says the same: it is checked against the rule, character by character, beside the rule.
#[test]
fn the_document_has_one_rule_for_all_customer_ids() {
    let mut rules: Vec<(Value, Value)> = Vec::new();
    collect(topup::http::openapi::document(), &mut rules);
    assert!(rules.len() > 30, "{}", rules.len());
    rules.dedup();
    assert_eq!(rules.len(), 1, "{rules:#?}");
    assert_eq!(rules[0].1, json!(128));
}

/// The patterns and lengths of all fields and parameters that are named `customer_id`.
fn collect(value: &Value, rules: &mut Vec<(Value, Value)>) {
    let mut add = |schema: &Value| rules.push((schema["pattern"].clone(), schema["maxLength"].clone()));
    match value {
        Value::Object(fields) => {
            if let Some(schema) = fields.get("customer_id").filter(|schema| schema.is_object()) {
                add(schema);
            }
            if fields.get("name") == Some(&json!("customer_id")) {
                add(&fields["schema"]);
            }
            fields.values().for_each(|field| collect(field, rules));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, rules)),
        _ => {}
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
