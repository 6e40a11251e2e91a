//! `POST /v1/usage/batch`: results in order, each item on its own, limits.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, execute};
use crate::together::usage;

async fn post(app: &TestApp, items: &[Value]) -> Reply {
    app.service().post("/v1/usage/batch", &json!({ "items": items })).await
}

/// `booked`, `replayed`, or the code of the problem, of each item.
fn told(reply: &Reply) -> Vec<&str> {
    let results = reply["results"].as_array().unwrap();
    let told = results.iter().map(|result| match &result["problem"] {
        Value::Null => result["status"].as_str().unwrap(),
        problem => {
            assert_eq!(result["status"], "refused", "{result}");
            problem["code"].as_str().unwrap()
        }
    });
    told.collect()
}

#[tokio::test]
async fn a_key_repeated_inside_a_batch_and_across_batches_is_booked_once() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    app.fund("bob", "CNY", "100.00").await;
    let items = [
        usage("a", "alice", "1"),
        usage("a", "alice", "1.0"),
        usage("a", "alice", "2"),
        usage("a", "bob", "5"),
        usage("b", "alice", "3"),
        usage("b", "alice", "3"),
    ];
    let first = post(&app, &items).await.expect(200);
    assert_eq!(told(&first), ["booked", "replayed", "idempotency_key_reused", "booked", "booked", "replayed"]);
    assert_eq!(first["results"][1]["balance_after"], "99.00");
    assert_eq!(first["results"][2]["problem"]["status"], 422);
    let again = post(&app, &items).await.expect(200);
    assert_eq!(told(&again), ["replayed", "replayed", "idempotency_key_reused", "replayed", "replayed", "replayed"]);
    assert_eq!(again["results"][0]["balance_after"], first["results"][0]["balance_after"]);

    let single = app.service().post("/v1/usage", &usage("a", "alice", "1")).await.expect(200);
    assert_eq!(single.header("idempotent-replayed"), Some("true"));
    app.service().post("/v1/usage", &usage("a", "alice", "2")).await.problem(422, "idempotency_key_reused");
    // New and known keys in one batch: only the new ones are booked.
    let mixed = post(&app, &[usage("a", "alice", "1"), usage("c", "alice", "4")]).await.expect(200);
    assert_eq!(told(&mixed), ["replayed", "booked"]);
    assert_eq!(app.available("alice", "CNY", "").await, "92.00");
    assert_eq!(app.available("bob", "CNY", "").await, "95.00");
    app.finish().await;
}

#[tokio::test]
async fn what_suffices_is_booked_in_the_order_sent_and_a_refusal_refuses_nobody_else() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "10.00").await;
    app.fund("bob", "CNY", "10.00").await;
    let items = [
        usage("1", "alice", "6"),
        usage("2", "alice", "5"),
        usage("3", "bob", "10"),
        usage("4", "alice", "4"),
        usage("5", "alice", "0.00000001"),
        usage("6", "nobody", "1"),
    ];
    let reply = post(&app, &items).await.expect(200);
    let short = "insufficient_funds";
    assert_eq!(told(&reply), ["booked", short, "booked", "booked", short, short]);
    let ids: Vec<&str> = reply["results"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6"]);
    let problem = &reply["results"][1]["problem"];
    assert_eq!(problem["insufficient_funds"]["shortfall"], "1.00");
    assert_eq!(problem["insufficient_funds"]["available"], "4.00");
    assert_eq!(problem["instance"], "/v1/usage/batch");
    // A refused item burns no key.
    app.fund("alice", "CNY", "10.00").await;
    assert_eq!(told(&post(&app, &items[1..2]).await.expect(200)), ["booked"]);
    app.finish().await;
}

/// The first usage falls back to the main wallet, and then the second finds the main wallet short. It must not be the
/// other way round, although the second could be booked at once, and the first could not.
#[tokio::test]
async fn a_usage_that_turns_to_the_main_wallet_keeps_its_place() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "10.00").await;
    let product = json!({
        "id": "first", "customer_id": "alice", "currency": "CNY", "amount": "8", "product": "sms",
        "fallback": "main_wallet",
    });
    let reply = post(&app, &[product, usage("second", "alice", "8"), usage("third", "alice", "2")]).await.expect(200);
    assert_eq!(told(&reply), ["booked", "insufficient_funds", "booked"]);
    assert_eq!(app.available("alice", "CNY", "").await, "0.00");
    app.finish().await;
}

#[tokio::test]
async fn a_thousand_items_fit_with_all_that_they_may_say_and_one_more_is_refused() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let item = |n: usize| {
        json!({
            "id": format!("019336f2-b0a8-7c0e-8f6f-{n:012}"), "customer_id": "alice", "currency": "CNY",
            "amount": "0.05",
            "description": "d".repeat(500), "metadata": { "model": "m".repeat(1000), "tokens": "1234" },
            "occurred_at": "2026-11-21T12:00:00Z",
        })
    };
    let mut items: Vec<Value> = (0..1000).map(item).collect();
    let reply = post(&app, &items).await.expect(200);
    assert_eq!(told(&reply), ["booked"; 1000]);
    assert_eq!(reply["results"][999]["balance_after"], "50.00");
    items.push(item(1000));
    let refused = post(&app, &items).await.names("/items", "count");
    assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("1000"), "{}", refused.text);
    post(&app, &[]).await.names("/items", "count");

    let huge = json!({ "items": [{ "id": "x".repeat(5 * 1024 * 1024) }] });
    let refused = app.service().post("/v1/usage/batch", &huge).await.problem(413, "body_too_large");
    assert!(refused["detail"].as_str().unwrap().contains("4194304"), "{}", refused.text);
    // The others keep the ordinary limit.
    let large = usage(&"x".repeat(70_000), "alice", "1");
    app.service().post("/v1/usage", &large).await.problem(413, "body_too_large");
    app.finish().await;
}

#[tokio::test]
async fn a_malformed_item_refuses_the_batch_and_is_named() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let items = [usage("1", "alice", "1"), usage("2", "al ice", "1"), usage("3", "alice", "1e2")];
    post(&app, &items).await.names("/items/1/customer_id", "malformed");
    let refused = post(&app, &items).await.problem(422, "validation_failed");
    assert!(refused.text.contains("/items/2/amount"), "{}", refused.text);
    let unknown =
        json!({ "items": [{ "id": "1", "customer_id": "alice", "currency": "CNY", "amount": "1", "sum": 1 }] });
    app.service().post("/v1/usage/batch", &unknown).await.names("/items/0/sum", "unknown_field");
    let text = app.service().request(Method::POST, "/v1/usage/batch").body("{}");
    Reply::of(text).await.problem(415, "unsupported_media_type");
    assert_eq!(app.available("alice", "CNY", "").await, "100.00");
    app.finish().await;
}

/// Whatever error the database gives for one item, the other items of the batch are booked. The batch still fails as a
/// whole: the outcome of that item is unknown, and a caller would take "refused" as final.
#[tokio::test]
async fn an_unknown_error_of_one_item_calls_nothing_refused_and_stops_no_neighbour() {
    let app = TestApp::spawn().await;
    for customer in ["alice", "mallory", "bob"] {
        app.fund(customer, "CNY", "10.00").await;
    }
    execute(
        &app.database,
        "CREATE FUNCTION curse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'cursed'; END $$;
         CREATE TRIGGER curse BEFORE INSERT ON entries FOR EACH ROW WHEN (NEW.customer_id = 'mallory')
         EXECUTE FUNCTION curse()",
    )
    .await;
    let items: Vec<Value> = (0..30)
        .map(|n| {
            usage(&n.to_string(), ["alice", "mallory", "bob"][usize::from(n == 7) + 2 * usize::from(n > 20)], "0.1")
        })
        .collect();
    let reply = post(&app, &items).await.problem(500, "internal_error");
    assert!(!reply.text.contains("cursed"), "internals leak: {}", reply.text);
    app.check().await;
    execute(&app.database, "DROP TRIGGER curse ON entries").await;
    let expected: Vec<&str> = (0..30).map(|n| if n == 7 { "booked" } else { "replayed" }).collect();
    assert_eq!(told(&post(&app, &items).await.expect(200)), expected);
    app.finish().await;
}
