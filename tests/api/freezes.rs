//! Freezes: an operator stops a customer or one wallet. What comes in and what has happened goes on.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::stage::{number, with_status};
use crate::support::{Caller, Reply, TestApp};

fn usage(id: &str, product: Option<&str>, amount: &str) -> Value {
    json!({ "id": id, "customer_id": "alice", "currency": "CNY", "product": product, "amount": amount })
}

fn hold(id: &str, amount: &str) -> Value {
    let mut hold = usage(id, None, amount);
    hold["expires_in"] = json!(600);
    hold
}

fn transfer(from: Option<&str>, to: Option<&str>, amount: &str) -> Value {
    json!({ "currency": "CNY", "amount": amount, "from_product": from, "to_product": to })
}

async fn order(caller: &Caller<'_>, path: &str, reason: &str) -> Reply {
    caller.post(&format!("/v1/admin/{path}"), &json!({ "reason": reason })).await
}

async fn wallet_id(app: &TestApp, product: &str) -> String {
    let told = app.customer("alice").get(&format!("/v1/balances?currency=CNY&product={product}")).await.expect(200);
    told["balances"][0]["wallet_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_frozen_customer_spends_nothing_from_any_wallet_also_not_from_a_new_one() {
    let app = TestApp::spawn().await;
    let paid = app.fund("alice", "CNY", "100").await;
    let (alice, service, operator) = (app.customer("alice"), app.service(), app.operator());
    alice.post("/v1/transfers", &transfer(None, Some("gpu"), "20.00")).await.expect(201);
    let held = service.post("/v1/holds", &hold("h", "10")).await.expect(201);
    let held = format!("/v1/holds/{}", held["hold_id"].as_str().unwrap());

    let first = order(&operator, "customers/alice/freeze", "stolen card").await.expect(200);
    assert_eq!(
        (&first["frozen"], &first["reason"], &first["wallet_id"]),
        (&json!(true), &json!("stolen card"), &Value::Null)
    );
    let again = order(&app.operator_named("ben"), "customers/~/freeze?customer_id=alice", "again").await.expect(200);
    assert_eq!(again.body, first.body);

    for product in [None, Some("gpu")] {
        service.post("/v1/usage", &usage("u", product, "1")).await.problem(409, "customer_frozen");
    }
    service.post("/v1/holds", &hold("h2", "1")).await.problem(409, "customer_frozen");
    let refund = json!({ "order_id": paid, "amount": "1.00", "reason": "asked", "override_balance": true });
    operator.post("/v1/admin/refunds", &refund).await.problem(409, "customer_frozen");
    let back = transfer(Some("gpu"), None, "1.00");
    alice.post("/v1/transfers", &back).await.problem(409, "customer_frozen");
    service.post(&format!("{held}/capture"), &json!({ "amount": "10.01" })).await.problem(409, "customer_frozen");
    // What has happened is booked, and money comes in; the wallet that it makes is frozen, too.
    service.post(&format!("{held}/capture"), &json!({ "amount": "10" })).await.expect(200);
    let mut happened = usage("b", None, "1");
    happened["on_insufficient"] = json!("book");
    service.post("/v1/usage", &happened).await.expect(201);
    let grant = json!({ "customer_id": "alice", "currency": "CNY", "product": "sms", "amount": "5", "reason": "r" });
    operator.post("/v1/grants", &grant).await.expect(201);
    app.fund("alice", "USD", "5").await;
    service.post("/v1/usage", &usage("u", Some("sms"), "1")).await.problem(409, "customer_frozen");
    let told = alice.get("/v1/balances").await.expect(200);
    assert!(told["balances"].as_array().unwrap().iter().all(|balance| balance["frozen"] == true), "{}", told.text);
    app.check().await;

    let ended = order(&operator, "customers/alice/unfreeze", "a mistake").await.expect(200);
    assert_eq!((&ended["frozen"], &ended["reason"]), (&json!(false), &Value::Null));
    order(&operator, "customers/alice/unfreeze", "once more").await.expect(200);
    for product in [None, Some("gpu"), Some("sms")] {
        let id = format!("u{}", product.unwrap_or_default());
        service.post("/v1/usage", &usage(&id, product, "1")).await.expect(201);
    }
    alice.post("/v1/transfers", &back).await.expect(201);
    for (action, actor) in [("customer.frozen", "operator:ops"), ("customer.unfrozen", "operator:ops")] {
        let lines = format!("count(*) FROM audit_log WHERE action = '{action}' AND actor = '{actor}'");
        assert_eq!(number(&app, &lines).await, 1, "{action}");
    }
    app.finish().await;
}

#[tokio::test]
async fn one_frozen_wallet_stops_alone_and_beside_the_customers_freeze() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100").await;
    let (alice, service, operator) = (app.customer("alice"), app.service(), app.operator());
    alice.post("/v1/transfers", &transfer(None, Some("gpu"), "20.00")).await.expect(201);
    let wallet = format!("wallets/{}", wallet_id(&app, "gpu").await);
    let frozen = order(&operator, &format!("{wallet}/freeze"), "looks wrong").await.expect(200);
    assert_eq!((&frozen["customer_id"], &frozen["frozen"]), (&json!("alice"), &json!(true)));
    service.post("/v1/usage", &usage("u", Some("gpu"), "1")).await.problem(409, "wallet_frozen");
    service.post("/v1/usage", &usage("m", None, "1")).await.expect(201);
    alice.post("/v1/transfers", &transfer(Some("gpu"), None, "1.00")).await.problem(409, "wallet_frozen");
    alice.post("/v1/transfers", &transfer(None, Some("gpu"), "1.00")).await.expect(201);

    order(&operator, "customers/alice/freeze", "all of it").await.expect(200);
    order(&operator, &format!("{wallet}/unfreeze"), "fine").await.expect(200);
    service.post("/v1/usage", &usage("u", Some("gpu"), "1")).await.problem(409, "customer_frozen");
    order(&operator, &format!("{wallet}/freeze"), "once more").await.expect(200);
    order(&operator, "customers/alice/unfreeze", "fine").await.expect(200);
    service.post("/v1/usage", &usage("u", Some("gpu"), "1")).await.problem(409, "wallet_frozen");
    service.post("/v1/usage", &usage("m2", None, "1")).await.expect(201);
    order(&operator, "wallets/wal_00000000000070008000000000000dead/freeze", "r").await.problem(404, "not_found");
    order(&operator, &format!("{wallet}/freeze"), "").await.names("/reason", "required");
    order(&alice, &format!("{wallet}/unfreeze"), "please").await.problem(403, "insufficient_scope");
    app.finish().await;
}

#[tokio::test]
async fn a_freeze_races_usage_and_new_wallets() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "1000").await;
    let (service, operator) = (app.service(), app.operator());
    for round in 0..5 {
        let usages = (0..10).map(|n| {
            let (service, body) = (service.clone(), usage(&format!("u{round}-{n}"), None, "1"));
            async move { service.post("/v1/usage", &body).await }
        });
        let product = ["whatsapp", "gpu", "sms", "", "whatsapp"][round];
        let currency = ["CNY", "USD", "VND", "VND", "USD"][round];
        let product = (!product.is_empty()).then_some(product);
        let grant = json!({
            "customer_id": "alice", "currency": currency, "product": product, "amount": "5", "reason": "r"
        });
        let freezes = (0..3).map(|_| order(&operator, "customers/alice/freeze", "race"));
        let granted = operator.post("/v1/grants", &grant);
        let (usages, freezes, granted) = futures_util::join!(join_all(usages), join_all(freezes), granted);
        granted.expect(201);
        assert_eq!(with_status(&freezes, 200), 3);
        for reply in usages {
            assert!(reply.status == 201 || reply["code"] == "customer_frozen", "{}", reply.text);
        }
        let late = usage(&format!("late{round}"), None, "1");
        service.post("/v1/usage", &late).await.problem(409, "customer_frozen");
        app.check().await;
        order(&operator, "customers/alice/unfreeze", "race").await.expect(200);
    }
    app.finish().await;
}
