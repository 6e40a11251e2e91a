//! What callers attach to orders, transfers and grants: a reference of their own, and metadata.

use reqwest::Method;
use serde_json::{Map, Value, json};
use topup::app::seals::erase_texts;
use topup::domain::customer::CustomerId;
use topup::storage::pool::connect;

use crate::stage::{id, number, order, ordered, paid, play, profile, quiet, until};
use crate::support::{Caller, TestApp, url};

fn with_data(mut body: Value, reference: &str, metadata: Value) -> Value {
    body["client_reference"] = json!(reference);
    body["metadata"] = metadata;
    body
}

fn a_transfer() -> Value {
    json!({ "currency": "USD", "amount": "5", "to_product": "sms" })
}

fn a_grant() -> Value {
    json!({ "customer_id": "alice", "currency": "USD", "amount": "3", "reason": "hello" })
}

/// The ids of a list that is filtered by a client reference.
async fn named(caller: &Caller<'_>, path: &str, reference: &str) -> Vec<String> {
    let page = caller.get(&format!("{path}client_reference={reference}")).await.expect(200);
    page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_a_caller_attaches_is_shown_wherever_the_thing_is() {
    let app = TestApp::spawn().await;
    profile(&app, "alice").await;
    let (alice, service, operator) = (app.customer("alice"), app.service(), app.operator());
    let of_order = json!({ "cart": "7", "color": "blue" });
    let made = with_data(order("card", "USD", "100"), " cart-1 ", of_order.clone());
    let made = alice.post("/v1/top-up-orders", &made).await.expect(201);
    assert_eq!((&made["client_reference"], &made["metadata"]), (&json!("cart-1"), &of_order));
    let paid_order = id(&made);
    play(&app, "stripe", &paid_order, "pay", json!({})).await;
    quiet(&app, "stripe").await;
    let of_transfer = json!({ "job": "nightly" });
    let moved = alice.post("/v1/transfers", &with_data(a_transfer(), "cart-1", of_transfer.clone())).await.expect(201);
    let of_grant = json!({ "campaign": "春" });
    let given = service.post("/v1/grants", &with_data(a_grant(), "cart-1", of_grant.clone())).await.expect(201);
    // Others have none, or a name that only begins like it.
    let other = ordered(&app, "alice", "bank_transfer", "USD", "20").await;
    let longer = with_data(a_transfer(), "cart-10", Value::Null);
    let longer = alice.post("/v1/transfers", &longer).await.expect(201);
    assert_eq!((&longer["client_reference"], &longer["metadata"]), (&json!("cart-10"), &Value::Null));
    let bobs = with_data(order("card", "USD", "100"), "cart-1", json!({}));
    profile(&app, "bob").await;
    let bobs = app.customer("bob").post("/v1/top-up-orders", &bobs).await.expect(201);
    assert_eq!(bobs["metadata"], Value::Null, "an empty object is nothing");

    let (transfer, grant) = (id(&moved), id(&given));
    for (path, shown) in [
        (format!("/v1/top-up-orders/{paid_order}"), &of_order),
        (format!("/v1/transfers/{transfer}"), &of_transfer),
        (format!("/v1/grants/{grant}"), &of_grant),
    ] {
        let read = alice.get(&path).await.expect(200);
        assert_eq!((&read["client_reference"], &read["metadata"]), (&json!("cart-1"), shown), "{path}");
    }
    assert_eq!(alice.get(&format!("/v1/top-up-orders/{other}")).await.expect(200)["client_reference"], Value::Null);
    assert_eq!(named(&alice, "/v1/top-up-orders?", "cart-1").await, std::slice::from_ref(&paid_order));
    assert_eq!(named(&alice, "/v1/transfers?", "cart-1").await, std::slice::from_ref(&transfer));
    assert_eq!(named(&alice, "/v1/grants?", "cart-1").await, std::slice::from_ref(&grant));
    assert_eq!(named(&operator, "/v1/admin/top-up-orders?", "cart-1").await, [id(&bobs), paid_order.clone()]);
    assert_eq!(named(&alice, "/v1/top-up-orders?", "CART-1").await, [""; 0]);
    alice.get("/v1/transfers?client_reference=").await.names("?client_reference", "required");

    let flows = alice.get("/v1/account-flows").await.expect(200);
    let of = |kind: &str, thing: &str| {
        let all = flows["data"].as_array().unwrap().iter();
        all.into_iter().find(|flow| flow["type"] == kind && flow["reference"] == thing).unwrap()
    };
    for (flow, shown) in [
        (of("recharge", &paid_order), &of_order),
        (of("transfer_out", &transfer), &of_transfer),
        (of("transfer_in", &transfer), &of_transfer),
        (of("grant", &grant), &of_grant),
    ] {
        assert_eq!((&flow["client_reference"], &flow["metadata"]), (&json!("cart-1"), shown));
    }
    let given_is_told = async || {
        let told = service.get("/v1/events?type=grant.given").await.expect(200);
        !told["data"].as_array().unwrap().is_empty()
    };
    until("the events have come", given_is_told).await;
    let events = service.get("/v1/events?limit=100&customer_id=alice").await.expect(200);
    let told = |kind: &str, noun: &str| {
        let all = events["data"].as_array().unwrap().iter();
        let data = all.into_iter().find(|event| event["type"] == kind).unwrap()["data"][noun].clone();
        (data["client_reference"].clone(), data["metadata"].clone())
    };
    assert_eq!(told("order.pending", "order"), (json!("cart-1"), of_order.clone()));
    assert_eq!(told("order.completed", "order"), (json!("cart-1"), of_order));
    assert_eq!(told("transfer.created", "transfer"), (json!("cart-1"), of_transfer));
    assert_eq!(told("grant.given", "grant"), (json!("cart-1"), of_grant));
    app.finish().await;
}

#[tokio::test]
async fn what_is_attached_is_part_of_the_request_and_bounded() {
    let app = TestApp::spawn().await;
    app.fund("alice", "USD", "50.00").await;
    profile(&app, "alice").await;
    let operator = app.operator();
    let bodies = [
        ("/v1/top-up-orders?customer_id=alice", order("card", "USD", "100")),
        ("/v1/transfers?customer_id=alice", a_transfer()),
        ("/v1/grants", a_grant()),
    ];
    for (path, body) in &bodies {
        let send = async |reference: &str, metadata: Value| {
            operator.send(Method::POST, path, Some(&with_data(body.clone(), reference, metadata)), Some("key")).await
        };
        let made = send("r", json!({ "a": "1", "b": "2.0" })).await.expect(201);
        let again = send("r", json!({ "b": "2.0", "a": "1" })).await.expect(200);
        assert_eq!((&made["id"], &made["metadata"]), (&again["id"], &again["metadata"]), "{path}");
        send("r", json!({ "a": "1", "b": "2.00" })).await.problem(422, "idempotency_key_reused");
        send("r", json!({})).await.problem(422, "idempotency_key_reused");
        send("R", json!({ "a": "1", "b": "2.0" })).await.problem(422, "idempotency_key_reused");

        let post = async |reference: &str, metadata: Value| {
            operator.post(path, &with_data(body.clone(), reference, metadata)).await
        };
        post(&"é".repeat(201), Value::Null).await.names("/client_reference", "length");
        post("two\nlines", Value::Null).await.names("/client_reference", "control_characters");
        post("r", json!({ "a": "x".repeat(2041) })).await.names("/metadata", "too_large");
        post("r", json!({ "a": "\0" })).await.names("/metadata", "too_large");
        post("r", json!({ "a": 1 })).await.names("/metadata/a", "invalid_value");
        post(&"é".repeat(200), json!({ "a": "x".repeat(2040) })).await.expect(201);
    }
    // What PostgreSQL writes with the most spaces still fits.
    let many: Map<String, Value> = (0..238).map(|n| (format!("{n:02}"), json!(""))).collect();
    let many = Value::Object(many);
    assert_eq!(many.to_string().len(), 2043);
    let made = operator.post(bodies[1].0, &with_data(a_transfer(), "r", many.clone())).await.expect(201);
    assert_eq!(made["metadata"], many);
    app.finish().await;
}

#[tokio::test]
async fn a_grant_that_was_proposed_keeps_what_was_attached_and_all_of_it_is_erased() {
    let app = TestApp::spawn_with(|config| config.second_approval_above = vec!["USD:1000".parse().unwrap()]).await;
    paid(&app, "alice", "card", "USD", "100").await;
    let secret = || json!({ "who": "Zoë Secret" });
    let mut large = a_grant();
    large["amount"] = json!("2000");
    let (anna, ben) = (app.operator_named("anna"), app.operator_named("ben"));
    let proposed = anna.post("/v1/grants", &with_data(large, "zoe@secret", secret())).await.expect(202);
    assert_eq!((&proposed["client_reference"], &proposed["metadata"]), (&json!("zoe@secret"), &secret()));
    let path = format!("/v1/admin/grant-proposals/{}/approve", id(&proposed));
    let given = ben.post(&path, &json!({})).await.expect(201);
    assert_eq!((&given["client_reference"], &given["metadata"]), (&json!("zoe@secret"), &secret()));
    let alice = app.customer("alice");
    for (path, body) in [("/v1/top-up-orders", order("card", "USD", "20")), ("/v1/transfers", a_transfer())] {
        alice.post(path, &with_data(body, "zoe@secret", secret())).await.expect(201);
    }

    let mut conn = connect(&url(&app.database)).await.unwrap();
    let mut exported: Vec<String> = Vec::new();
    let customer = CustomerId::new("alice").unwrap();
    let mut note = |table: &str, data: Value| {
        if data.to_string().contains("zoe@secret") && data.to_string().contains("Zoë Secret") {
            exported.push(table.to_owned());
        }
    };
    topup::app::seals::personal_data(&mut conn, &customer, &mut note).await.unwrap();
    exported.sort();
    assert_eq!(exported, ["grant_proposals", "grants", "top_up_orders", "transfers"]);
    erase_texts(&mut conn, &customer).await.unwrap();
    for table in ["grant_proposals", "grants", "top_up_orders", "transfers", "events", "audit_log", "entries"] {
        let left = number(&app, &format!("count(*) FROM {table} AS t WHERE t::text ~* 'zoe@secret|Zoë Secret'")).await;
        assert_eq!(left, 0, "{table}");
    }
    let moved = alice.get("/v1/transfers").await.expect(200);
    assert_eq!((&moved["data"][0]["client_reference"], &moved["data"][0]["metadata"]), (&Value::Null, &Value::Null));
    app.service().get("/v1/events?limit=100").await.expect(200);
    app.finish().await;
}
