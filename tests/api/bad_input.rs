//! Impossible input is refused with the field and the rule, and writes nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{control, number, order, profile};
use crate::support::{Caller, Reply, TestApp, execute};

/// What a refused request must leave as it was.
const TABLES: [&str; 8] =
    ["top_up_orders", "entries", "wallets", "holds", "grants", "transfers", "idempotency_keys", "payments"];

pub async fn counts(app: &TestApp) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(number(app, &format!("count(*) FROM {table}")).await);
    }
    counts.push(number(app, "coalesce(sum(version), 0) FROM wallets").await);
    counts
}

/// `body` with one field set; `"a.b"` is a field of a field, and null takes it away.
fn with(body: &Value, field: &str, value: Value) -> Value {
    let mut body = body.clone();
    let (parent, name) = match field.split_once('.') {
        Some((parent, name)) => (&mut body[parent], name),
        None => (&mut body, field),
    };
    if value.is_null() {
        parent.as_object_mut().unwrap().remove(name);
    } else {
        parent[name] = value;
    }
    body
}

/// The pointer of a field as [`with`] names it.
fn pointer(field: &str) -> String {
    format!("/{}", field.replace('.', "/"))
}

/// Amounts that no operation accepts. The precision is tested separately.
fn bad_amounts() -> Vec<(Value, &'static str)> {
    vec![
        (json!("0"), "not_positive"),
        (json!("0.00"), "not_positive"),
        (json!("-1"), "not_a_plain_decimal"),
        (json!("+1"), "not_a_plain_decimal"),
        (json!("NaN"), "not_a_plain_decimal"),
        (json!("Infinity"), "not_a_plain_decimal"),
        (json!("1e300"), "not_a_plain_decimal"),
        (json!("1e2"), "not_a_plain_decimal"),
        (json!("1_000"), "not_a_plain_decimal"),
        (json!("1,000.00"), "not_a_plain_decimal"),
        (json!(".5"), "not_a_plain_decimal"),
        (json!("5."), "not_a_plain_decimal"),
        (json!(" 5"), "not_a_plain_decimal"),
        (json!("٥"), "not_a_plain_decimal"),
        (json!(""), "not_a_plain_decimal"),
        (json!("1".repeat(5000)), "not_a_plain_decimal"),
        (json!("1000000000000.01"), "too_large"),
        (json!("99999999999999999999999999999999"), "too_large"),
        (json!("1.123456789"), "too_precise"),
        (json!(5), "invalid_value"),
        (json!(5.5), "invalid_value"),
        (json!(true), "invalid_value"),
        (Value::Null, "required"),
    ]
}

/// Sends `body` with each change and expects the field and the rule to be named, and nothing to be written.
async fn refuses(
    app: &TestApp,
    caller: &Caller<'_>,
    path: &str,
    body: &Value,
    changes: impl IntoIterator<Item = (&'static str, Value, &'static str)>,
) {
    let before = counts(app).await;
    for (field, value, code) in changes {
        caller.post(path, &with(body, field, value)).await.names(&pointer(field), code);
    }
    assert_eq!(counts(app).await, before, "{TABLES:?}");
}

fn amounts() -> impl Iterator<Item = (&'static str, Value, &'static str)> {
    bad_amounts().into_iter().map(|(value, code)| ("amount", value, code))
}

#[tokio::test]
async fn case_21_orders_name_what_is_wrong() {
    let app = TestApp::spawn().await;
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    let path = "/v1/top-up-orders";
    let bank = order("bank_transfer", "CNY", "100");
    refuses(&app, &alice, path, &bank, amounts()).await;
    refuses(
        &app,
        &alice,
        path,
        &bank,
        [
            ("amount", json!("100.001"), "too_precise"),
            ("amount", json!("49.99"), "below_minimum"),
            ("amount", json!("200000.01"), "above_maximum"),
            ("currency", json!("cny"), "unknown_currency"),
            ("currency", json!("XXX"), "unknown_currency"),
            ("currency", json!("EUR"), "currency_not_offered"),
            ("agreement_accepted", json!(false), "agreement_not_accepted"),
            ("agreement_accepted", Value::Null, "required"),
            ("bank_transfer", Value::Null, "required"),
            ("bank_transfer.remitter_name", json!(" "), "required"),
            ("bank_transfer.remitter_name", Value::Null, "required"),
            ("bank_transfer.remitter_bank", json!("x".repeat(141)), "length"),
            ("bank_transfer.remitter_bank", json!("Bank\u{0}"), "control_characters"),
            ("bank_transfer.remarks", json!("x".repeat(501)), "length"),
            ("product", json!("fax"), "unknown_product"),
            ("product", json!("No Such"), "unknown_product"),
            ("channel", json!("cash"), "invalid_value"),
            ("return_url", json!("javascript:alert(1)"), "not_a_web_address"),
            ("return_url", json!("https://example.com/\u{0}"), "not_a_web_address"),
            ("card.flow", json!("moto"), "invalid_value"),
            ("card", json!({"flow": "checkout"}), "not_for_this_channel"),
            ("vnpay", json!({}), "not_for_this_channel"),
            ("vnpay.bank_code", json!("N C B"), "malformed"),
            ("vnpay.bank_code", json!("NCB\u{0}"), "malformed"),
            ("locale", json!("english-please-now"), "malformed"),
            ("locale", json!("e\u{0}"), "malformed"),
        ],
    )
    .await;
    // The options of a channel are checked before the channel itself, so this order carries none.
    let from_wallet = with(&with(&bank, "bank_transfer", Value::Null), "channel", json!("balance"));
    alice.post(path, &from_wallet).await.names("/channel", "products_only");
    // A channel in a currency, or from a country, that it does not take.
    for (channel, currency, amount, code) in [
        ("bank_transfer", "VND", "100000", "channel_wrong_currency"),
        ("vnpay", "USD", "10", "channel_wrong_currency"),
        ("paypal", "CNY", "100", "channel_wrong_currency"),
        ("card", "USD", "0.99", "below_minimum"),
        ("card", "VND", "10000.5", "too_precise"),
        ("vnpay", "VND", "9999", "below_minimum"),
    ] {
        let about_amount = matches!(code, "below_minimum" | "too_precise");
        let named = if about_amount { "/amount" } else { "/channel" };
        alice.post(path, &order(channel, currency, amount)).await.names(named, code);
    }
    // Everything that is wrong is named at once.
    let wrong = json!({ "currency": "cny", "amount": "-1", "channel": "bank_transfer", "agreement_accepted": false,
        "product": "A B" });
    let wrong = alice.post(path, &wrong).await.names("/currency", "unknown_currency");
    wrong
        .names("/agreement_accepted", "agreement_not_accepted")
        .names("/bank_transfer", "required")
        .names("/product", "unknown_product");
    assert_eq!(counts(&app).await, vec![0; TABLES.len() + 1]);
    // The company was not called either.
    let calls = control(&app, Method::GET, "stripe/requests", None).await.expect(200);
    let asked = |call: &&Value| call["method"] != "GET";
    assert_eq!(calls.body.as_array().unwrap().iter().find(asked), None, "lists are read by a worker");
    // Without a billing profile there is no order.
    app.customer("bob").post(path, &bank).await.problem(422, "billing_profile_required");
    app.finish().await;
}

#[tokio::test]
async fn case_18_what_it_costs_is_not_the_clients_to_say() {
    let app = TestApp::spawn().await;
    profile(&app, "alice").await;
    execute(&app.database, "UPDATE channel_rules SET fee_percent = 2 WHERE currency = 'CNY'").await;
    let alice = app.customer("alice");
    let bank = order("bank_transfer", "CNY", "100");
    let before = counts(&app).await;
    for field in [
        "price",
        "fee",
        "tax",
        "payable_amount",
        "bonus",
        "reason",
        "credited_amount",
        "received_amount",
        "status",
        "customer_id",
        "id",
        "reference",
        "merchant_account",
        "provider",
        "created_at",
        "expires_at",
        "__proto__",
    ] {
        let sent = with(&bank, field, json!("0"));
        alice.post("/v1/top-up-orders", &sent).await.names(&pointer(field), "unknown_field");
    }
    let nested = with(&bank, "bank_transfer.account_number", json!("1"));
    alice.post("/v1/top-up-orders", &nested).await.names("/bank_transfer/account_number", "unknown_field");
    alice.post("/v1/top-up-orders?bonus=5", &bank).await.names("?bonus", "unknown_parameter");
    let transfer = json!({ "currency": "CNY", "amount": "1", "to_product": "sms" });
    for field in ["customer_id", "balance_after", "granted", "reason"] {
        alice
            .post("/v1/transfers", &with(&transfer, field, json!("bob")))
            .await
            .names(&pointer(field), "unknown_field");
    }
    assert_eq!(counts(&app).await, before);
    // A field sent twice is not a way around it.
    let twice = r#"{"currency":"CNY","amount":"100","amount":"1","channel":"bank_transfer","agreement_accepted":true}"#;
    let request = alice.request(Method::POST, "/v1/top-up-orders").header("idempotency-key", "k");
    let request = request.header("content-type", "application/json").body(twice);
    Reply::of(request).await.problem(422, "validation_failed");
    assert_eq!(counts(&app).await, before);
    let made = alice.post("/v1/top-up-orders", &bank).await.expect(201);
    assert_eq!((&made["fee"], &made["credited_amount"]), (&json!("2.00"), &json!("98.00")));
    app.finish().await;
}

#[tokio::test]
async fn case_36_usage_holds_and_grants_name_what_is_wrong() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let (service, long) = (app.service(), "x".repeat(501));
    let about = |id: &str| json!({ "id": id, "customer_id": "alice", "currency": "CNY", "amount": "1" });
    let common = || {
        amounts().chain([
            ("currency", json!("cny"), "unknown_currency"),
            ("currency", Value::Null, "required"),
            ("customer_id", json!("no spaces"), "malformed"),
            ("customer_id", json!("x".repeat(129)), "malformed"),
            ("customer_id", json!(""), "malformed"),
            ("customer_id", Value::Null, "required"),
            ("product", json!("No Such"), "unknown_product"),
            ("product", json!("fax"), "unknown_product"),
            ("colour", json!("red"), "unknown_field"),
        ])
    };
    let ids = || {
        [
            ("id", json!(""), "malformed"),
            ("id", json!("two words"), "malformed"),
            ("id", json!("x".repeat(129)), "malformed"),
            ("id", Value::Null, "required"),
            ("description", json!("a\u{7}b"), "control_characters"),
            ("metadata", json!({ "k": "x".repeat(2100) }), "too_large"),
            ("metadata", json!({ "k": "\u{0}" }), "too_large"),
            ("metadata.k", json!(1), "invalid_value"),
        ]
    };
    let too_long = [("description", json!(long), "length")];
    let usage = about("u-1");
    let only_usage = [
        ("fallback", json!("other_wallet"), "invalid_value"),
        ("on_insufficient", json!("steal"), "invalid_value"),
        ("occurred_at", json!("yesterday"), "invalid_value"),
    ];
    // Nothing may be used: `same_request` tests that.
    let all = common().filter(|(_, _, rule)| *rule != "not_positive");
    let all = all.chain(ids()).chain(too_long.clone()).chain(only_usage);
    refuses(&app, &service, "/v1/usage", &usage, all).await;
    // Consumption that already happened is not booked against a product that does not exist.
    let after_the_fact = with(&usage, "on_insufficient", json!("book"));
    refuses(&app, &service, "/v1/usage", &after_the_fact, [("product", json!("fax"), "unknown_product")]).await;

    let hold = with(&about("h-1"), "expires_in", json!(60));
    let lifetimes = [
        ("expires_in", json!(0), "out_of_range"),
        ("expires_in", json!(-1), "out_of_range"),
        ("expires_in", json!(86_401), "out_of_range"),
        ("expires_in", json!("60"), "invalid_value"),
        ("expires_in", json!(1e300), "invalid_value"),
    ];
    let all = common().chain(ids()).chain(too_long).chain(lifetimes);
    refuses(&app, &service, "/v1/holds", &hold, all).await;

    let grant = with(&with(&about("x"), "id", Value::Null), "reason", json!("welcome"));
    let only_grants = [
        ("reason", json!(" "), "required"),
        ("reason", json!("x".repeat(201)), "length"),
        ("priority", json!(-1), "out_of_range"),
        ("priority", json!(1001), "out_of_range"),
        ("priority", json!(100_000), "invalid_value"),
        ("expires_at", json!("2020-01-01T00:00:00Z"), "not_in_the_future"),
        ("expires_at", json!("soon"), "invalid_value"),
    ];
    refuses(&app, &service, "/v1/grants", &grant, common().chain(only_grants)).await;
    assert_eq!(app.available("alice", "CNY", "").await, "100.00");
    app.finish().await;
}

#[tokio::test]
async fn case_36_batches_reversals_and_captures_name_what_is_wrong() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let service = app.service();
    let usage =
        |id: &str, amount: &str| json!({ "id": id, "customer_id": "alice", "currency": "CNY", "amount": amount });
    service.post("/v1/usage", &usage("u-1", "10")).await.expect(201);
    let hold = with(&usage("h-1", "10"), "expires_in", json!(600));
    let hold = service.post("/v1/holds", &hold).await.expect(201)["hold_id"].as_str().unwrap().to_owned();

    let before = counts(&app).await;
    // One malformed item refuses the batch and is named; one that is refused refuses nobody else.
    let batch = json!({ "items": [usage("u-2", "1"), usage("u-3", "-1"), usage("u 4", "1")] });
    service
        .post("/v1/usage/batch", &batch)
        .await
        .names("/items/1/amount", "not_a_plain_decimal")
        .names("/items/2/id", "malformed");
    for size in [0, 1001] {
        let items: Vec<Value> = (0..size).map(|n| usage(&format!("b-{n}"), "0.01")).collect();
        let refused = service.post("/v1/usage/batch", &json!({ "items": items })).await;
        refused.names("/items", "count");
    }
    let reversal = json!({ "id": "r-1", "customer_id": "alice", "usage_id": "u-1", "amount": "1" });
    let path = "/v1/usage/reversals";
    refuses(
        &app,
        &service,
        path,
        &reversal,
        [
            ("amount", json!("-1"), "not_a_plain_decimal"),
            ("amount", json!("1e300"), "not_a_plain_decimal"),
            ("amount", json!("0"), "more_than_taken"),
            ("amount", json!("10.00000001"), "more_than_taken"),
            ("usage_id", json!(""), "malformed"),
            ("colour", json!("red"), "unknown_field"),
        ],
    )
    .await;
    service.post(path, &with(&reversal, "usage_id", json!("u-9"))).await.problem(404, "not_found");
    service.post(path, &with(&reversal, "customer_id", json!("bob"))).await.problem(404, "not_found");
    let capture = format!("/v1/holds/{hold}/capture");
    for (amount, code) in
        [("-1", "not_a_plain_decimal"), ("NaN", "not_a_plain_decimal"), ("1.123456789", "too_precise")]
    {
        service.post(&capture, &json!({ "amount": amount })).await.names("/amount", code);
    }
    service.post(&capture, &json!({ "amount": "100.01" })).await.problem(402, "insufficient_funds");
    let extend = format!("/v1/holds/{hold}/extend");
    service.post(&extend, &json!({ "expires_in": 86_401 })).await.names("/expires_in", "out_of_range");
    assert_eq!(counts(&app).await, before);

    let mixed = json!({ "items": [usage("u-5", "1"), with(&usage("u-6", "1"), "product", json!("fax")),
        usage("u-7", "1000"), usage("u-8", "1")] });
    let done = service.post("/v1/usage/batch", &mixed).await.expect(200);
    let statuses: Vec<&Value> = done["results"].as_array().unwrap().iter().map(|result| &result["status"]).collect();
    assert_eq!(statuses, ["booked", "refused", "refused", "booked"]);
    assert_eq!(done["results"][1]["problem"]["errors"][0]["code"], "unknown_product");
    assert_eq!(done["results"][2]["problem"]["code"], "insufficient_funds");
    app.finish().await;
}

#[tokio::test]
async fn case_40_transfers_have_a_defined_answer() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    app.fund("alice", "USD", "100.00").await;
    let (alice, service) = (app.customer("alice"), app.service());
    let path = "/v1/transfers";
    let transfer = json!({ "currency": "CNY", "amount": "1.00", "to_product": "gpu" });
    refuses(&app, &alice, path, &transfer, amounts()).await;
    refuses(
        &app,
        &alice,
        path,
        &transfer,
        [
            ("amount", json!("1.001"), "too_precise"),
            ("currency", json!("yuan"), "unknown_currency"),
            ("to_product", json!("fax"), "unknown_product"),
            ("to_product", json!("No Such"), "unknown_product"),
            ("from_product", json!("fax"), "unknown_product"),
            // To itself.
            ("to_product", Value::Null, "same_wallet"),
            // Money of this product is spent there only.
            ("from_product", json!("whatsapp"), "not_returnable"),
            // A transfer has one currency: there is no field for another.
            ("to_currency", json!("USD"), "unknown_field"),
        ],
    )
    .await;
    let itself = with(&transfer, "from_product", json!("gpu"));
    alice.post(path, &itself).await.names("/to_product", "same_wallet");
    // Another currency is another wallet, with nothing in it.
    let dong = json!({ "currency": "VND", "amount": "1", "to_product": "gpu" });
    alice.post(path, &dong).await.problem(402, "insufficient_funds");

    // Held money and granted credit cannot be transferred.
    let hold = json!({ "id": "h-1", "customer_id": "alice", "currency": "CNY", "amount": "60", "expires_in": 600 });
    let hold = service.post("/v1/holds", &hold).await.expect(201)["hold_id"].as_str().unwrap().to_owned();
    let grant = json!({ "customer_id": "alice", "currency": "CNY", "amount": "500", "reason": "welcome" });
    service.post("/v1/grants", &grant).await.expect(201);
    let before = counts(&app).await;
    let short = alice.post(path, &with(&transfer, "amount", json!("40.01"))).await.problem(402, "insufficient_funds");
    assert!(short.text.contains("40.00"), "it says what may travel: {}", short.text);
    assert_eq!(counts(&app).await, before);
    alice.post(path, &with(&transfer, "amount", json!("40.00"))).await.expect(201);
    service.post(&format!("/v1/holds/{hold}/release"), &json!({})).await.expect(200);
    alice.post(path, &with(&transfer, "amount", json!("60.00"))).await.expect(201);
    alice.post(path, &transfer).await.problem(402, "insufficient_funds");
    assert_eq!(app.available("alice", "CNY", "").await, "500.00");
    assert_eq!(app.available("alice", "CNY", "gpu").await, "100.00");
    // Money that a debt claims cannot be transferred either.
    let usage =
        json!({ "id": "u-1", "customer_id": "alice", "currency": "USD", "amount": "150", "on_insufficient": "book" });
    service.post("/v1/usage", &usage).await.expect(201);
    let dollar = json!({ "currency": "USD", "amount": "0.01", "to_product": "gpu" });
    alice.post(path, &dollar).await.problem(402, "insufficient_funds");
    app.finish().await;
}
