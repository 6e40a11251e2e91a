//! What a platform reads of the usage that it has booked, and what a statement tells about its lines.

use chrono::NaiveDate;
use serde_json::{Value, json};
use topup::app::seals::{erase_texts, personal_data};
use topup::domain::calendar::Span;
use topup::domain::customer::CustomerId;
use topup::storage::clock;
use topup::storage::pool::connect;
use topup::storage::reports::{NextDay, fold, next_day};

use crate::audit::both_ways;
use crate::stage::{id, order, paid};
use crate::support::{Caller, TestApp, url};
use crate::tools::transfer;

/// "What was this call?" has an answer: by the id under which it was booked.
#[tokio::test]
async fn usage_is_read_by_its_id_with_all_that_was_said_about_it() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let (service, alice) = (app.service(), app.customer("alice"));
    let usage = json!({
        "id": "call/17?#1", "customer_id": "alice", "currency": "CNY", "amount": "12.5", "description": "1 call",
        "metadata": { "model": "gpt-x" }, "occurred_at": "2026-11-20T10:00:00Z",
    });
    let booked = service.post("/v1/usage", &usage).await.expect(201);
    let path = "/v1/usage/call%2F17%3F%231";
    let read = alice.get(path).await.expect(200);
    for field in ["id", "currency", "customer_id", "description", "metadata", "occurred_at"] {
        assert_eq!(read[field], usage[field], "{field}");
    }
    for field in ["id", "status", "amount", "product", "balance_after", "debt", "created_at"] {
        assert_eq!(read[field], booked[field], "{field}");
    }
    assert_eq!(read["reversed_amount"], "0.00");
    let reversal = json!({ "id": "r", "customer_id": "alice", "usage_id": "call/17?#1", "amount": "2.5" });
    service.post("/v1/usage/reversals", &reversal).await.expect(201);
    assert_eq!(alice.get(path).await.expect(200)["reversed_amount"], "2.50");
    assert_eq!(service.get(&format!("{path}?customer_id=alice")).await.expect(200)["id"], usage["id"]);
    // Nobody else's, nothing that was not booked, and nobody unnamed.
    app.customer("bob").get(path).await.problem(404, "not_found");
    alice.get("/v1/usage/call-18").await.problem(404, "not_found");
    service.get(path).await.names("?customer_id", "required");
    // Words that other paths have are ids like others.
    let usage = json!({ "id": "batch", "customer_id": "alice", "currency": "CNY", "amount": "1" });
    service.post("/v1/usage", &usage).await.expect(201);
    assert_eq!(alice.get("/v1/usage/batch").await.expect(200)["amount"], "1.00");
    app.finish().await;
}

/// A line of a statement can be labelled without a call for each of them.
#[tokio::test]
async fn flows_tell_what_caused_them() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "CNY", "100.00").await;
    let alice = app.customer("alice");
    transfer(&app, "alice", "sms", "10.00").await;
    let usage = json!({
        "id": "u", "customer_id": "alice", "currency": "CNY", "amount": "1", "metadata": { "model": "gpt-x" },
        "occurred_at": "2026-11-20T10:00:00Z",
    });
    app.service().post("/v1/usage", &usage).await.expect(201);
    let flows = alice.get("/v1/account-flows").await.expect(200)["data"].as_array().unwrap().clone();
    let of = |kind: &str| flows.iter().find(|flow| flow["type"] == kind).unwrap();
    let shown = alice.get(&format!("/v1/top-up-orders/{order}")).await.expect(200);
    let recharge = of("recharge");
    assert_eq!((&recharge["reference_type"], &recharge["channel"]), (&json!("top_up_order"), &json!("card")));
    assert_eq!(recharge["order_reference"], shown["reference"]);
    assert_eq!(recharge["other_wallet"], Value::Null);
    let (out, back) = (of("transfer_out"), of("transfer_in"));
    assert_eq!((&out["reference_type"], &out["other_wallet"]), (&json!("transfer"), &json!({ "product": "sms" })));
    assert_eq!((&back["product"], &back["other_wallet"]), (&json!("sms"), &json!({ "product": null })));
    let consumed = of("consume");
    assert_eq!((&consumed["reference_type"], &consumed["reference"]), (&json!("usage"), &json!("u")));
    assert_eq!((&consumed["metadata"], &consumed["occurred_at"]), (&usage["metadata"], &usage["occurred_at"]));
    app.finish().await;
}

/// Pages of two rows, up to the end.
/// All rows of a list, which is the same from both sides.
async fn all_pages(caller: &Caller<'_>, path: &str) -> Vec<Value> {
    let pages = both_ways(caller, path, 2).await;
    assert!(pages.iter().rev().skip(1).all(|page| page.len() == 2));
    pages.concat()
}

async fn book(app: &TestApp, usage: Value) {
    app.service().post("/v1/usage", &usage).await.expect(201);
}

#[tokio::test]
async fn usage_is_listed_down_the_wallets() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    app.fund("alice", "USD", "100.00").await;
    app.fund("bob", "CNY", "100.00").await;
    transfer(&app, "alice", "sms", "10.00").await;
    let metadata = json!({ "model": "gpt-x" });
    for (n, (currency, product)) in
        [("CNY", None), ("USD", None), ("CNY", Some("sms")), ("CNY", Some("whatsapp")), ("CNY", None)]
            .iter()
            .enumerate()
    {
        let usage = json!({
            "id": format!("u{n}"), "customer_id": "alice", "currency": currency, "amount": "2", "product": product,
            "fallback": "main_wallet", "metadata": metadata,
        });
        book(&app, usage).await;
    }
    book(&app, json!({ "id": "u0", "customer_id": "bob", "currency": "CNY", "amount": "1" })).await;
    let held = json!({
        "id": "h", "customer_id": "alice", "currency": "CNY", "amount": "1", "expires_in": 60, "metadata": metadata,
    });
    let held = app.service().post("/v1/holds", &held).await.expect(201);
    let hold = held["hold_id"].as_str().unwrap();
    let capture = format!("/v1/holds/{hold}/capture");
    app.service().post(&capture, &json!({ "amount": "1" })).await.expect(200);
    for (id, amount) in [("r1", "0.5"), ("r2", "0.25")] {
        let reversal = json!({ "id": id, "customer_id": "alice", "usage_id": "u3", "amount": amount });
        app.service().post("/v1/usage/reversals", &reversal).await.expect(201);
    }

    let alice = app.customer("alice");
    let listed = async |filter: &str| {
        let rows = all_pages(&alice, &format!("/v1/usage?{filter}")).await;
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // A captured hold is among them by its own id.
    assert_eq!(listed("").await, [hold, "u4", "u3", "u2", "u1", "u0"]);
    assert_eq!(listed("currency=USD").await, ["u1"]);
    assert_eq!(listed("product=sms").await, ["u2"]);
    assert_eq!(listed("product=&currency=CNY").await, [hold, "u4", "u3", "u0"]);
    assert_eq!(listed("created_to=2020-01-01T00:00:00Z").await, [""; 0]);
    for row in all_pages(&alice, "/v1/usage?").await {
        let id = row["id"].as_str().unwrap();
        assert_eq!(alice.get(&format!("/v1/usage/{id}")).await.expect(200).body, row, "as it is read by itself");
        assert_eq!(row["reversed_amount"], if id == "u3" { "0.75" } else { "0.00" });
        assert_eq!(row["metadata"], metadata);
    }
    let page = alice.get("/v1/usage?limit=2").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    alice.get(&format!("/v1/usage?currency=CNY&cursor={cursor}")).await.names("?cursor", "invalid_cursor");
    app.service().get("/v1/usage").await.names("?customer_id", "required");
    app.finish().await;
}

/// Folds all that was booked so far into the next day.
async fn fold_until_now(app: &TestApp, keys: &str) -> NaiveDate {
    let mut conn = connect(&url(&app.database)).await.unwrap();
    let NextDay { day, span } = next_day(&mut conn).await.unwrap();
    let to = clock::now(&mut conn).await.unwrap();
    fold(&mut conn, NextDay { day, span: Span { to, ..span } }, &keys.parse().unwrap()).await.unwrap();
    day
}

#[tokio::test]
async fn usage_is_summed_by_day_product_and_labels() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    app.fund("bob", "CNY", "100.00").await;
    transfer(&app, "alice", "sms", "10.00").await;
    let long = "x".repeat(150);
    let used = async |id: &str, product: Option<&str>, amount: &str, metadata: Value| {
        let usage = json!({
            "id": id, "customer_id": "alice", "currency": "CNY", "amount": amount, "product": product,
            "fallback": "main_wallet", "metadata": metadata,
        });
        book(&app, usage).await;
    };
    used("a", None, "1", json!({ "model": "gpt-x", "call": "1" })).await;
    used("b", None, "0.00000001", json!({ "model": "gpt-x", "call": "2" })).await;
    used("c", None, "2", json!({ "model": "gpt-x", "region": "eu" })).await;
    used("d", None, "4", Value::Null).await;
    // Paid by its own wallet, and by the main wallet.
    used("e", Some("sms"), "3", json!({ "region": long })).await;
    used("f", Some("whatsapp"), "5", Value::Null).await;
    book(&app, json!({ "id": "a", "customer_id": "bob", "currency": "CNY", "amount": "9" })).await;
    let held = json!({
        "id": "h", "customer_id": "alice", "currency": "CNY", "amount": "9", "expires_in": 60,
        "metadata": { "model": "gpt-x" },
    });
    let held = app.service().post("/v1/holds", &held).await.expect(201);
    let capture = format!("/v1/holds/{}/capture", held["hold_id"].as_str().unwrap());
    app.service().post(&capture, &json!({ "amount": "8" })).await.expect(200);
    for (id, usage) in [("r1", "f"), ("r2", "c")] {
        let reversal = json!({ "id": id, "customer_id": "alice", "usage_id": usage, "amount": "0.5" });
        app.service().post("/v1/usage/reversals", &reversal).await.expect(201);
    }
    let day = fold_until_now(&app, "model, region").await;

    let row = |product: Value, labels: Value, count: i64, amount: &str, reversed: (i64, &str)| {
        json!({
            "day": day, "currency": "CNY", "product": product, "metadata": labels, "count": count, "amount": amount,
            "reversal_count": reversed.0, "reversed_amount": reversed.1,
        })
    };
    let wanted = [
        row(Value::Null, json!({}), 1, "4.00", (1, "0.50")),
        row(Value::Null, json!({ "model": "gpt-x" }), 3, "9.00000001", (0, "0.00")),
        row(Value::Null, json!({ "model": "gpt-x", "region": "eu" }), 1, "2.00", (0, "0.00")),
        row(json!("sms"), json!({ "region": "x".repeat(100) }), 1, "3.00", (0, "0.00")),
        row(json!("whatsapp"), json!({}), 1, "5.00", (1, "0.50")),
    ];
    let (alice, service) = (app.customer("alice"), app.service());
    let path = format!("/v1/usage/summary?from={day}&to={day}");
    assert_eq!(all_pages(&alice, &path).await, wanted);
    assert_eq!(all_pages(&service, &format!("{path}&customer_id=alice")).await, wanted);
    assert_eq!(all_pages(&alice, &format!("{path}&product=sms&currency=CNY")).await, wanted[3..4]);
    assert_eq!(all_pages(&app.customer("bob"), &path).await.len(), 1);
    service.get(&path).await.names("?customer_id", "required");
    let tomorrow = day.succ_opt().unwrap();
    alice.get(&format!("/v1/usage/summary?from={day}&to={tomorrow}")).await.problem(409, "too_recent");
    alice.get(&format!("/v1/usage/summary?from={tomorrow}&to={day}")).await.names("?to", "out_of_range");

    // Other keys count from the next day on.
    used("g", None, "1", json!({ "model": "gpt-x", "call": "7" })).await;
    assert_eq!(fold_until_now(&app, "call").await, tomorrow);
    let path = format!("/v1/usage/summary?from={day}&to={tomorrow}");
    assert_eq!(all_pages(&alice, &path).await[5]["metadata"], json!({ "call": "7" }));
    app.check().await;

    // Labels are the customer's: they are erased with the texts that they came from.
    let mut exported = 0;
    let mut conn = connect(&url(&app.database)).await.unwrap();
    let customer = CustomerId::new("alice").unwrap();
    let mut count = |table: &str, _: Value| exported += i32::from(table == "usage_sums");
    personal_data(&mut conn, &customer, &mut count).await.unwrap();
    assert_eq!(exported, 4);
    erase_texts(&mut conn, &customer).await.unwrap();
    let erased = all_pages(&alice, &path).await;
    let sums: Vec<_> = erased.iter().map(|row| (&row["metadata"], &row["count"], row["amount"].as_str())).collect();
    let none = json!({});
    assert_eq!(
        sums,
        [
            (&none, &json!(5), Some("15.00000001")),
            (&none, &json!(1), Some("3.00")),
            (&none, &json!(1), Some("5.00")),
            (&none, &json!(1), Some("1.00")),
        ]
    );
    app.finish().await;
}

#[tokio::test]
async fn an_order_paid_from_the_wallet_is_a_recharge_of_its_product() {
    let app = TestApp::spawn().await;
    paid(&app, "alice", "card", "CNY", "100.00").await;
    transfer(&app, "alice", "sms", "10.00").await;
    let alice = app.customer("alice");
    let mut body = order("balance", "CNY", "30");
    body["product"] = json!("sms");
    body["client_reference"] = json!("cart-1");
    let made = alice.post("/v1/top-up-orders", &body).await.expect(201);
    let moved = alice.get(&format!("/v1/transfers/{}", made["transfer_id"].as_str().unwrap())).await.expect(200);
    assert_eq!((&moved["order_id"], &moved["amount"]), (&made["id"], &json!("30.00")));
    let read = alice.get(&format!("/v1/top-up-orders/{}", id(&made))).await.expect(200);
    assert_eq!(read["transfer_id"], made["transfer_id"]);
    let listed = alice.get("/v1/top-up-orders?channel=card").await.expect(200);
    assert_eq!(listed["data"][0]["transfer_id"], Value::Null);

    let amounts = async |filter: String| {
        let pages = both_ways(&alice, &format!("/v1/account-flows?{filter}"), 1).await;
        let of = |row: &Value| format!("{} {}", row["type"].as_str().unwrap(), row["amount"].as_str().unwrap());
        pages.concat().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(amounts("type=recharge&product=sms".to_owned()).await, ["recharge 30.00"]);
    assert_eq!(amounts("type=recharge".to_owned()).await, ["recharge 30.00", "recharge 100.00"]);
    assert_eq!(amounts("type=transfer_in".to_owned()).await, ["transfer_in 10.00"]);
    let both = amounts("type=transfer_in&type=recharge&product=sms".to_owned()).await;
    assert_eq!(both, ["recharge 30.00", "transfer_in 10.00"]);
    assert_eq!(amounts("type=recharge&type=consume&product=sms".to_owned()).await, ["recharge 30.00"]);
    assert_eq!(amounts("type=transfer_out".to_owned()).await, ["transfer_out -30.00", "transfer_out -10.00"]);
    let of_order = format!("order={}", id(&made));
    assert_eq!(amounts(of_order.clone()).await, ["recharge 30.00"]);
    assert_eq!(amounts(format!("{of_order}&type=transfer_in")).await, [""; 0]);
    assert_eq!(amounts("product=sms".to_owned()).await, ["recharge 30.00", "transfer_in 10.00"]);
    let all = ["recharge 30.00", "transfer_out -30.00", "transfer_in 10.00", "transfer_out -10.00", "recharge 100.00"];
    let mut found = amounts("created_from=2020-01-01T00:00:00Z&created_to=2099-01-01T00:00:00Z".to_owned()).await;
    assert_eq!(found.pop().as_deref(), Some(all[4]));
    found.sort_unstable();
    assert_eq!(found, [all[0], all[2], all[3], all[1]]);
    let page = alice.get(&format!("/v1/account-flows?{of_order}")).await.expect(200);
    let flow = &page["data"][0];
    assert_eq!((&flow["channel"], &flow["other_wallet"]), (&json!("balance"), &json!({ "product": null })));
    assert_eq!((&flow["order_reference"], &flow["client_reference"]), (&made["reference"], &json!("cart-1")));
    let sheet = alice.get("/v1/account-flows/export?type=recharge&product=sms").await.expect(200);
    assert!(sheet.text.lines().nth(1).unwrap().contains(",recharge,30.00,CNY,sms,"), "{}", sheet.text);
    app.finish().await;
}
