//! Which customer can use which channel: an order follows the options, and is refused for the reason that they give.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Reply, TestApp};

async fn put(caller: &Caller<'_>, path: &str, body: &Value, if_match: Option<&str>) -> Reply {
    let request = caller.request(Method::PUT, path).json(body);
    Reply::of(if let Some(tag) = if_match { request.header("if-match", tag) } else { request }).await
}

/// A customer who lives in this country.
async fn resident<'a>(app: &'a TestApp, country: &str) -> Caller<'a> {
    let customer = app.customer(&format!("lives-in-{country}"));
    let profile = json!({"name": "Somebody", "email": "somebody@example.com", "country": country});
    put(&customer, "/v1/billing-profile", &profile, None).await.expect(200);
    customer
}

async fn options(customer: &Caller<'_>, currency: &str, product: &str) -> Reply {
    customer.get(&format!("/v1/top-up-options?currency={currency}&product={product}")).await.expect(200)
}

fn said(options: &Reply, channel: &str) -> Value {
    options["channels"].as_array().unwrap().iter().find(|one| one["channel"] == channel).unwrap().clone()
}

/// Every channel on a line of its own: `+` is eligible, `*` is also recommended; otherwise the line has the reason.
fn lines(options: &Reply) -> Vec<String> {
    let channels = options["channels"].as_array().unwrap().iter();
    let line = |one: &Value| match (&one["eligible"], &one["recommended"], &one["reason"]) {
        (Value::Bool(true), Value::Bool(true), Value::Null) => format!("{} *", one["channel"].as_str().unwrap()),
        (Value::Bool(true), Value::Bool(false), Value::Null) => format!("{} +", one["channel"].as_str().unwrap()),
        (Value::Bool(false), Value::Bool(false), Value::String(reason)) => reason.clone(),
        _ => panic!("{one}"),
    };
    channels.map(line).collect()
}

fn order(channel: &str, currency: &str, amount: &str, product: &str) -> Value {
    let mut order = json!({
        "currency": currency, "amount": amount, "channel": channel, "agreement_accepted": true,
        "return_url": "https://app.example.com/wallet",
    });
    if !product.is_empty() {
        order["product"] = json!(product);
    }
    if channel == "bank_transfer" {
        order["bank_transfer"] = json!({"remitter_name": "Somebody", "remitter_bank": "Some Bank"});
    }
    order
}

const WALLET_ONLY: &str = "Payment from the wallet is for products; the main wallet cannot pay into itself.";

#[tokio::test]
async fn the_products_rules_hold_for_every_country_and_currency() {
    let app = TestApp::spawn().await;
    let vietnam = resident(&app, "VN").await;
    let china = resident(&app, "CN").await;
    let bank = "Bank transfer takes CNY or USD only.";
    let vnpay = "VNPay takes VND only.";
    let paypal = "PayPal takes USD only.";
    for (customer, currency, expected) in [
        (&vietnam, "CNY", ["card *", paypal, vnpay, "bank_transfer +", WALLET_ONLY]),
        (&vietnam, "USD", ["card *", "paypal +", vnpay, "bank_transfer +", WALLET_ONLY]),
        (&vietnam, "VND", ["card +", paypal, "vnpay *", bank, WALLET_ONLY]),
        (&china, "CNY", ["card *", paypal, vnpay, "bank_transfer +", WALLET_ONLY]),
        (&china, "USD", ["card *", "PayPal is only for customers in Vietnam.", vnpay, "bank_transfer +", WALLET_ONLY]),
        (&china, "VND", ["card *", paypal, "VNPay is only for customers in Vietnam.", bank, WALLET_ONLY]),
    ] {
        let main = options(customer, currency, "").await;
        assert_eq!(lines(&main), expected, "{currency}");
        // A product can be paid by the same channels, and from the main wallet.
        let mut expected: Vec<String> = expected.map(str::to_owned).to_vec();
        expected[4] = "balance *".to_owned();
        // Its rule marks it as recommended. Then the lowest rank no longer counts, even if no other rule has the mark.
        if currency == "VND" {
            expected[0] = "card +".to_owned();
        }
        assert_eq!(lines(&options(customer, currency, "gpu").await), expected, "{currency} for a product");
    }
    app.finish().await;
}

#[tokio::test]
async fn an_order_is_refused_for_the_reason_that_the_options_gave() {
    let app = TestApp::spawn().await;
    let china = resident(&app, "CN").await;
    let vietnam = resident(&app, "VN").await;
    for (customer, channel, currency, amount, code) in [
        (&china, "vnpay", "VND", "100000", "channel_wrong_country"),
        (&china, "paypal", "USD", "20", "channel_wrong_country"),
        (&vietnam, "vnpay", "USD", "20", "channel_wrong_currency"),
        (&vietnam, "paypal", "VND", "100000", "channel_wrong_currency"),
        (&vietnam, "paypal", "CNY", "50", "channel_wrong_currency"),
        (&vietnam, "bank_transfer", "VND", "100000", "channel_wrong_currency"),
        (&vietnam, "balance", "USD", "20", "products_only"),
    ] {
        let reason = said(&options(customer, currency, "").await, channel)["reason"].clone();
        let refused = customer.post("/v1/top-up-orders", &order(channel, currency, amount, "")).await;
        let refused = refused.names("/channel", code);
        assert_eq!(refused["errors"].as_array().unwrap().len(), 1, "{}", refused.text);
        assert_eq!(refused["errors"][0]["detail"], reason);
    }
    for (channel, currency, amount) in [
        ("card", "CNY", "10"),
        ("card", "USD", "1"),
        ("card", "VND", "10000"),
        ("paypal", "USD", "20"),
        ("vnpay", "VND", "10000"),
    ] {
        vietnam.post("/v1/top-up-orders", &order(channel, currency, amount, "")).await.expect(201);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_bank_transfer_is_cny_from_fifty_or_usd() {
    let app = TestApp::spawn().await;
    let china = resident(&app, "CN").await;
    assert_eq!(said(&options(&china, "CNY", "").await, "bank_transfer")["minimum"], "50.00");
    let short = china.post("/v1/top-up-orders", &order("bank_transfer", "CNY", "49.99", "")).await;
    assert_eq!(
        short.names("/amount", "below_minimum")["errors"][0]["detail"],
        "Bank transfer takes 50.00 CNY or more."
    );
    let cny = china.post("/v1/top-up-orders", &order("bank_transfer", "CNY", "50", "")).await.expect(201);
    let usd = china.post("/v1/top-up-orders", &order("bank_transfer", "USD", "1", "")).await.expect(201);
    let account = |order: &Reply| order["next_action"]["bank_transfer"]["account_number"].clone();
    assert_ne!(account(&cny), account(&usd));
    // The channel `card` has no such minimum.
    china.post("/v1/top-up-orders", &order("card", "CNY", "49.99", "")).await.expect(201);
    app.finish().await;
}

#[tokio::test]
async fn operators_say_where_paypal_is_for_and_which_currencies_cards_take() {
    let app = TestApp::spawn().await;
    let (operator, germany) = (app.operator(), resident(&app, "DE").await);
    let rule = |countries: &[&str]| {
        json!({"enabled": true, "rank": 1, "processing_time": "instant", "countries": countries,
                                    "recommended": true})
    };
    germany
        .post("/v1/top-up-orders", &order("paypal", "USD", "20", ""))
        .await
        .names("/channel", "channel_wrong_country");
    put(&operator, "/v1/admin/channel-rules/paypal/USD", &rule(&["VN", "DE"]), Some("*")).await.expect(200);
    // It is recommended beside the card.
    assert_eq!(lines(&options(&germany, "USD", "").await)[..2], ["card *", "paypal *"]);
    germany.post("/v1/top-up-orders", &order("paypal", "USD", "20", "")).await.expect(201);
    let france = resident(&app, "FR").await;
    let reason = said(&options(&france, "USD", "").await, "paypal")["reason"].clone();
    assert_eq!(reason, "PayPal is only for customers in Vietnam or Germany.");
    put(&operator, "/v1/admin/channel-rules/paypal/USD", &rule(&[]), Some("*")).await.expect(200);
    assert_eq!(said(&options(&france, "USD", "").await, "paypal")["eligible"], true);

    // The currency must be offered first. Then `card` accepts it when its rule allows it.
    let euro = json!({"presets": ["20"], "minimum": "5", "maximum": "500", "order_ttl_minutes": 60});
    put(&operator, "/v1/admin/top-up-options/EUR", &euro, None).await.expect(201);
    let reason = said(&options(&germany, "EUR", "").await, "card")["reason"].clone();
    assert_eq!(reason, "Card payment takes CNY, USD or VND only.");
    germany
        .post("/v1/top-up-orders", &order("card", "EUR", "20", ""))
        .await
        .names("/channel", "channel_wrong_currency");
    put(&operator, "/v1/admin/channel-rules/card/EUR", &rule(&[]), None).await.expect(201);
    let card = said(&options(&germany, "EUR", "").await, "card");
    assert_eq!(
        (&card["eligible"], &card["minimum"], &card["maximum"]),
        (&json!(true), &json!("5.00"), &json!("500.00"))
    );
    germany.post("/v1/top-up-orders", &order("card", "EUR", "20", "")).await.expect(201);
    app.finish().await;
}

#[tokio::test]
async fn a_product_has_channels_of_its_own() {
    let app = TestApp::spawn().await;
    let (operator, vietnam) = (app.operator(), resident(&app, "VN").await);
    let rule = |enabled: bool| json!({"enabled": enabled, "rank": 1, "processing_time": "instant"});
    // WhatsApp can be paid from the main wallet only. The rule does not change what pays into the main wallet.
    for channel in ["card", "paypal", "bank_transfer"] {
        let path = format!("/v1/admin/channel-rules/{channel}/USD?product=whatsapp");
        put(&operator, &path, &rule(false), None).await.expect(201);
    }
    let product = options(&vietnam, "USD", "whatsapp").await;
    assert_eq!(said(&product, "balance")["recommended"], true);
    assert_eq!(lines(&product).iter().filter(|line| line.ends_with(['+', '*'])).count(), 1);
    let refused = vietnam.post("/v1/top-up-orders", &order("card", "USD", "20", "whatsapp")).await;
    refused.names("/channel", "channel_wrong_currency");
    assert_eq!(lines(&options(&vietnam, "USD", "").await)[..2], ["card *", "paypal +"]);
    vietnam.post("/v1/top-up-orders", &order("card", "USD", "20", "")).await.expect(201);
    vietnam.post("/v1/top-up-orders", &order("card", "USD", "20", "gpu")).await.expect(201);
    app.finish().await;
}

#[tokio::test]
async fn a_product_is_paid_from_the_wallet_at_once() {
    let app = TestApp::spawn().await;
    let customer = app.customer("payer");
    app.fund("payer", "CNY", "100.00").await;
    let short = customer.post("/v1/top-up-orders", &order("balance", "CNY", "100.01", "gpu")).await;
    assert_eq!(short.problem(402, "insufficient_funds")["insufficient_funds"]["shortfall"], "0.01");
    let paid = customer.post("/v1/top-up-orders", &order("balance", "CNY", "60", "gpu")).await.expect(201);
    assert_eq!((&paid["status"], &paid["credited_amount"]), (&json!("completed"), &json!("60.00")));
    assert!(paid["next_action"].is_null());
    assert_eq!(app.available("payer", "CNY", "").await, "40.00");
    assert_eq!(app.available("payer", "CNY", "gpu").await, "60.00");
    let flows = customer.get("/v1/account-flows?currency=CNY&type=recharge&type=transfer_out").await.expect(200);
    let types: Vec<&str> =
        flows["data"].as_array().unwrap().iter().map(|flow| flow["type"].as_str().unwrap()).collect();
    // The product's wallet was topped up by the order.
    assert_eq!(types.iter().filter(|kind| **kind == "transfer_out").count(), 1, "{types:?}");
    assert!(types.contains(&"recharge"), "{types:?}");
    app.finish().await;
}
