//! What paid for what.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::audit::both_ways;
use crate::support::{Reply, TestApp};
use crate::tools::{flows, grant, spend, transfer, usage, with};

async fn paid_by(app: &TestApp, customer: &str, flow: &str) -> Reply {
    app.customer(customer).get(&format!("/v1/account-flows/{flow}/paid-by")).await
}

async fn paid_for(app: &TestApp, customer: &str, flow: &str) -> Reply {
    app.customer(customer).get(&format!("/v1/account-flows/{flow}/paid-for")).await
}

/// The newest flow of a type.
async fn newest(app: &TestApp, customer: &str, kind: &str) -> String {
    flows(app, customer, kind).await[0]["id"].as_str().unwrap().to_owned()
}

/// (order, amount) of each payment.
fn payments(explained: &Reply) -> Vec<(String, String)> {
    parts(&explained["payments"])
}

fn parts(payments: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let parts = payments.as_array().unwrap();
    parts.iter().map(|part| (text(&part["top_up_order_id"]), text(&part["amount"]))).collect()
}

/// (amount, reference) of what was paid for.
fn items(page: &Reply) -> Vec<(String, String)> {
    parts_of(page["data"].as_array().unwrap())
}

fn parts_of(items: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    items.iter().map(|item| (text(&item["amount"]), text(&item["flow"]["reference"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

/// The worked example in the documentation of `domain::explain`.
#[tokio::test]
async fn the_documented_example_is_true() {
    let app = TestApp::spawn().await;
    let first = app.fund("alice", "CNY", "10.00").await;
    let moved = transfer(&app, "alice", "whatsapp", "4.00").await;
    let beyond = with(usage("alice", "u1", "9.00"), "on_insufficient", "book");
    app.service().post("/v1/usage", &beyond).await.expect(201);
    let second = app.fund("alice", "CNY", "5.00").await;
    let back = json!({ "id": "r1", "customer_id": "alice", "usage_id": "u1", "amount": "4.00" });
    app.service().post("/v1/usage/reversals", &back).await.expect(201);
    spend(&app, "alice", "u2", "6.00").await.expect(201);

    let consumed = flows(&app, "alice", "consume").await;
    let explained = paid_by(&app, "alice", consumed[0]["id"].as_str().unwrap()).await.expect(200);
    assert_eq!(payments(&explained), pairs(&[(&second, "2.00"), (&second, "3.00"), (&first, "1.00")]));
    let reversal = newest(&app, "alice", "refund").await;
    let through: Vec<&Value> = (0..3).map(|n| &explained["payments"][n]["through"]).collect();
    assert_eq!(through, [&json!([]), &json!([reversal]), &json!([reversal])]);

    let explained = paid_by(&app, "alice", consumed[1]["id"].as_str().unwrap()).await.expect(200);
    assert_eq!(
        json!([explained["paid"], explained["debt"], explained["debt_repaid"]]),
        json!(["6.00", "3.00", "3.00"])
    );
    assert_eq!(payments(&explained), pairs(&[(&first, "6.00")]));
    assert_eq!(parts(&explained["repaid_by"]), pairs(&[(&second, "3.00")]));

    let page = app.customer("alice").get(&format!("/v1/top-up-orders/{first}/paid-for")).await.expect(200);
    assert_eq!(items(&page), pairs(&[("6.00", "u1"), ("4.00", &moved)]));
    let page = app.customer("alice").get(&format!("/v1/top-up-orders/{second}/paid-for")).await.expect(200);
    assert_eq!(items(&page), pairs(&[("2.00", "u2"), ("3.00", "u1")]));
    app.finish().await;
}

#[tokio::test]
async fn money_is_spent_in_the_order_in_which_it_came() {
    let app = TestApp::spawn().await;
    let first = app.fund("alice", "CNY", "100.00").await;
    let second = app.fund("alice", "CNY", "50.00").await;
    spend(&app, "alice", "u1", "40.00").await.expect(201);
    grant(&app, "alice", "5.00", json!({ "reason": "sorry" })).await;
    spend(&app, "alice", "u2", "85.25").await.expect(201);

    let explained = paid_by(&app, "alice", &newest(&app, "alice", "consume").await).await.expect(200);
    assert_eq!(json!([explained["granted"], explained["paid"], explained["debt"]]), json!(["5.00", "80.25", "0.00"]));
    assert_eq!(explained["grants"][0]["reason"], "sorry");
    assert_eq!(payments(&explained), pairs(&[(&first, "60.00"), (&second, "20.25")]));
    assert_eq!((&explained["complete"], &explained["flow"]["reference"]), (&json!(true), &json!("u2")));
    assert_eq!(explained["payments"][0]["flow"]["type"], "recharge");

    let of_order =
        async |order: &str| app.customer("alice").get(&format!("/v1/top-up-orders/{order}/paid-for")).await.expect(200);
    assert_eq!(items(&of_order(&first).await), pairs(&[("60.00", "u2"), ("40.00", "u1")]));
    assert_eq!(items(&of_order(&second).await), pairs(&[("20.25", "u2")]));
    let recharge = newest(&app, "alice", "recharge").await;
    assert_eq!(items(&paid_for(&app, "alice", &recharge).await.expect(200)), pairs(&[("20.25", "u2")]));
    let given = newest(&app, "alice", "grant").await;
    assert_eq!(items(&paid_for(&app, "alice", &given).await.expect(200)), pairs(&[("5.00", "u2")]));

    // The wrong question, and other people's.
    paid_by(&app, "alice", &recharge).await.problem(422, "not_a_deduction");
    let consumed = newest(&app, "alice", "consume").await;
    paid_for(&app, "alice", &consumed).await.problem(422, "not_a_payment");
    paid_by(&app, "bob", &consumed).await.problem(404, "not_found");
    paid_for(&app, "bob", &recharge).await.problem(404, "not_found");
    app.customer("bob").get(&format!("/v1/top-up-orders/{first}/paid-for")).await.problem(404, "not_found");
    let path = format!("/v1/account-flows/{consumed}/paid-by");
    app.service().get(&path).await.names("?customer_id", "required");
    app.service().get(&format!("{path}?customer_id=alice")).await.expect(200);
    app.operator().get(&format!("{path}?customer_id=bob")).await.problem(404, "not_found");
    for nobody in ["flw_1", &format!("{consumed}0000"), &consumed.replace("flw_", "flw-"), &consumed.replace('_', "__")]
    {
        paid_by(&app, "alice", nobody).await.problem(404, "not_found");
    }
    app.finish().await;
}

#[tokio::test]
async fn transfers_are_followed_to_the_order_behind_them() {
    let app = TestApp::spawn().await;
    let first = app.fund("alice", "CNY", "30.00").await;
    let second = app.fund("alice", "CNY", "30.00").await;
    // The product owes 4. What repays this debt cannot be spent there.
    let happened = with(with(usage("alice", "debt", "4.00"), "product", "whatsapp"), "on_insufficient", "book");
    app.service().post("/v1/usage", &happened).await.expect(201);
    let moved = transfer(&app, "alice", "whatsapp", "44.00").await;
    let message = with(usage("alice", "m1", "35.00"), "product", "whatsapp");
    app.service().post("/v1/usage", &message).await.expect(201);

    // 60 came in and 44 were moved, of which 4 repaid the debt. So 26 of the first order and 14 of the second can be
    // spent there.
    let explained = paid_by(&app, "alice", &newest(&app, "alice", "consume").await).await.expect(200);
    assert_eq!(payments(&explained), pairs(&[(&first, "26.00"), (&second, "9.00")]));
    assert_eq!(explained["payments"][0]["transfers"], json!([moved]));
    assert_eq!(explained["payments"][1]["flow"]["product"], Value::Null);

    let page = app.customer("alice").get(&format!("/v1/top-up-orders/{second}/paid-for")).await.expect(200);
    assert_eq!(items(&page), pairs(&[("14.00", &moved)]));
    let there = page["data"][0]["transferred_to"].as_str().unwrap();
    assert_eq!(there, newest(&app, "alice", "transfer_in").await);
    let page = paid_for(&app, "alice", there).await.expect(200);
    assert_eq!(items(&page), pairs(&[("35.00", "m1"), ("4.00", "debt")]));

    let debt = flows(&app, "alice", "consume").await.into_iter().find(|flow| flow["reference"] == "debt").unwrap();
    let explained = paid_by(&app, "alice", debt["id"].as_str().unwrap()).await.expect(200);
    assert_eq!(json!([explained["paid"], explained["debt"], explained["payments"]]), json!(["0.00", "4.00", []]));
    // The transfer repaid it, with the first order's money.
    assert_eq!(json!([explained["debt_repaid"], explained["debt_given_back"]]), json!(["4.00", "0.00"]));
    assert_eq!(parts(&explained["repaid_by"]), pairs(&[(&first, "4.00")]));
    assert_eq!(
        json!([explained["repaid_by"][0]["transfers"], explained["repaid_by"][0]["through"]]),
        json!([[moved], [there]])
    );
    let page = app.customer("alice").get(&format!("/v1/top-up-orders/{first}/paid-for")).await.expect(200);
    let on = &page["data"][0]["went_on"][0];
    assert_eq!(on, &json!({ "flow_id": there, "part_from": "0.00", "part_amount": "30.00" }));
    let path = format!("/v1/account-flows/{there}/paid-for?part_from=0.00&part_amount=30.00");
    let page = app.customer("alice").get(&path).await.expect(200);
    assert_eq!(items(&page), pairs(&[("26.00", "m1"), ("4.00", "debt")]));
    assert_eq!(json!([page["data"][0]["debt"], page["data"][1]["debt"], page["complete"]]), json!([false, true, true]));
    app.finish().await;
}

#[tokio::test]
async fn an_order_lists_the_debts_that_it_repaid() {
    let app = TestApp::spawn().await;
    for (id, amount) in [("u1", "5.00"), ("u2", "3.00"), ("u3", "4.00")] {
        app.service().post("/v1/usage", &with(usage("alice", id, amount), "on_insufficient", "book")).await.expect(201);
    }
    // The 2 that were given back were never paid. They are subtracted from u2's debt.
    let back = json!({ "id": "r1", "customer_id": "alice", "usage_id": "u2", "amount": "2.00" });
    app.service().post("/v1/usage/reversals", &back).await.expect(201);
    let first = app.fund("alice", "CNY", "5.50").await;
    let second = app.fund("alice", "CNY", "10.00").await;
    spend(&app, "alice", "u4", "1.00").await.expect(201);

    let of_order = async |order: &str| {
        let pages = both_ways(&app.customer("alice"), &format!("/v1/top-up-orders/{order}/paid-for"), 1).await;
        assert!(pages.iter().all(|page| page.len() == 1));
        parts_of(&pages.concat())
    };
    assert_eq!(of_order(&first).await, pairs(&[("0.50", "u2"), ("5.00", "u1")]));
    assert_eq!(of_order(&second).await, pairs(&[("1.00", "u4"), ("4.00", "u3"), ("0.50", "u2")]));

    let all = flows(&app, "alice", "consume").await;
    let flow = all.iter().find(|flow| flow["reference"] == "u2").unwrap()["id"].as_str().unwrap();
    let explained = paid_by(&app, "alice", flow).await.expect(200);
    assert_eq!(parts(&explained["repaid_by"]), pairs(&[(&first, "0.50"), (&second, "0.50")]));
    let debt = json!([explained["debt"], explained["debt_repaid"], explained["debt_given_back"]]);
    assert_eq!(debt, json!(["3.00", "1.00", "2.00"]));
    app.finish().await;
}

#[tokio::test]
async fn an_order_paid_from_the_wallet_is_explained_both_ways() {
    let app = TestApp::spawn().await;
    let paid = app.fund("alice", "CNY", "100.00").await;
    let body = json!({
        "currency": "CNY", "amount": "60.00", "channel": "balance", "product": "whatsapp", "agreement_accepted": true,
    });
    let order = app.customer("alice").post("/v1/top-up-orders", &body).await.expect(201);
    app.service().post("/v1/usage", &with(usage("alice", "m1", "12.50"), "product", "whatsapp")).await.expect(201);
    let path = format!("/v1/top-up-orders/{}/paid-for", order["id"].as_str().unwrap());
    assert_eq!(items(&app.customer("alice").get(&path).await.expect(200)), pairs(&[("12.50", "m1")]));
    let explained = paid_by(&app, "alice", &newest(&app, "alice", "consume").await).await.expect(200);
    assert_eq!(payments(&explained), pairs(&[(&paid, "12.50")]));
    app.finish().await;
}

#[tokio::test]
async fn what_was_given_back_is_followed_to_the_order_behind_it() {
    let app = TestApp::spawn().await;
    let order = app.fund("alice", "CNY", "10.00").await;
    spend(&app, "alice", "u1", "10.00").await.expect(201);
    let back = json!({ "id": "r1", "customer_id": "alice", "usage_id": "u1", "amount": "4.00" });
    app.service().post("/v1/usage/reversals", &back).await.expect(201);
    spend(&app, "alice", "u2", "3.00").await.expect(201);
    let explained = paid_by(&app, "alice", &newest(&app, "alice", "consume").await).await.expect(200);
    assert_eq!(payments(&explained), pairs(&[(&order, "3.00")]));
    let refund = newest(&app, "alice", "refund").await;
    assert_eq!(explained["payments"][0]["through"], json!([refund]));
    assert_eq!(explained["payments"][0]["flow"]["type"], "recharge");
    let page = app.customer("alice").get(&format!("/v1/top-up-orders/{order}/paid-for")).await.expect(200);
    assert_eq!(items(&page), pairs(&[("10.00", "u1")]));
    let on = &page["data"][0]["went_on"];
    assert_eq!(on, &json!([{ "flow_id": refund, "part_from": "0.00", "part_amount": "4.00" }]));
    let part =
        async |part: &str| app.customer("alice").get(&format!("/v1/account-flows/{refund}/paid-for?{part}")).await;
    let all = part("part_from=0.00&part_amount=4.00").await.expect(200);
    assert_eq!(items(&all), pairs(&[("3.00", "u2")]));
    assert_eq!(items(&part("part_from=2.5&part_amount=1").await.expect(200)), pairs(&[("0.50", "u2")]));
    assert_eq!(items(&part("part_from=3&part_amount=1").await.expect(200)), pairs(&[]));
    part("part_from=3").await.names("?part_amount", "required");
    part("part_amount=3").await.names("?part_from", "required");
    part("part_from=1e2&part_amount=1").await.names("?part_from", "invalid_amount");
    part("part_from=1&part_amount=0").await.names("?part_amount", "out_of_range");

    // An order that nobody has paid has paid for nothing.
    let body = json!({
        "currency": "CNY", "amount": "100", "channel": "bank_transfer", "agreement_accepted": true,
        "bank_transfer": { "remitter_name": "alice", "remitter_bank": "Test Bank" },
    });
    let open = app.customer("alice").post("/v1/top-up-orders", &body).await.expect(201);
    let path = format!("/v1/top-up-orders/{}/paid-for", open["id"].as_str().unwrap());
    assert_eq!(app.customer("alice").get(&path).await.expect(200)["data"], json!([]));
    app.finish().await;
}

#[tokio::test]
async fn pages_go_on_where_they_ended() {
    let app = TestApp::spawn().await;
    let order = app.fund("alice", "CNY", "30.50").await;
    app.fund("alice", "CNY", "30.00").await;
    let batch: Vec<Value> = (0..50).map(|n| usage("alice", &format!("u{n:02}"), "1.00")).collect();
    app.service().post("/v1/usage/batch", &json!({ "items": batch })).await.expect(200);
    let pages = both_ways(&app.customer("alice"), &format!("/v1/top-up-orders/{order}/paid-for"), 10).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10, 1]);
    let found = parts_of(&pages.concat());
    assert_eq!(found.len(), 31);
    assert_eq!(found[0], ("0.50".to_owned(), "u30".to_owned()));
    assert_eq!(found[30], ("1.00".to_owned(), "u00".to_owned()));
    let sum: Decimal = found.iter().map(|(amount, _)| amount.parse::<Decimal>().unwrap()).sum();
    assert_eq!(sum, "30.50".parse().unwrap());
    app.finish().await;
}

/// Both directions agree: every deduction's paid part is made of payments, and no payment paid for
/// more than it was.
#[tokio::test]
async fn both_directions_agree() {
    let app = TestApp::spawn().await;
    let mut orders = Vec::new();
    for (n, (amount, spent)) in
        [("11.00", "3.33"), ("7.00", "9.99"), ("20.00", "0.01"), ("5.00", "21.5")].iter().enumerate()
    {
        orders.push(app.fund("alice", "CNY", amount).await);
        spend(&app, "alice", &format!("u{n}"), spent).await.expect(201);
        transfer(&app, "alice", "sms", "1.00").await;
    }
    let mut by_order = std::collections::BTreeMap::new();
    let number = |text: &str| text.parse::<Decimal>().unwrap();
    let out = [flows(&app, "alice", "consume").await, flows(&app, "alice", "transfer_out").await].concat();
    for flow in &out {
        let explained = paid_by(&app, "alice", flow["id"].as_str().unwrap()).await.expect(200);
        let parts = payments(&explained);
        let sum: Decimal = parts.iter().map(|(_, amount)| number(amount)).sum();
        assert_eq!(sum, -number(flow["amount"].as_str().unwrap()), "{flow}");
        for (order, amount) in parts {
            by_order.entry(order).or_insert_with(Vec::new).push((number(&amount), flow["id"].clone()));
        }
    }
    for order in &orders {
        let page = app.customer("alice").get(&format!("/v1/top-up-orders/{order}/paid-for")).await.expect(200);
        let mut told: Vec<(Decimal, Value)> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (number(item["amount"].as_str().unwrap()), item["flow"]["id"].clone()))
            .collect();
        let mut other = by_order.remove(order).unwrap_or_default();
        let key = |part: &(Decimal, Value)| part.1.to_string();
        told.sort_by_key(key);
        other.sort_by_key(key);
        assert_eq!(told, other);
    }
    assert!(by_order.is_empty(), "{by_order:?}");
    app.finish().await;
}
