//! What is offered, at which price, to whom; and how operators change it.

use reqwest::Method;
use serde_json::{Value, json};
use topup::domain::code::Code;

use crate::support::{Caller, Reply, TestApp, execute};
use crate::tools::ask;

pub async fn put(caller: &Caller<'_>, path: &str, body: &Value, if_match: Option<&str>) -> Reply {
    let request = caller.request(Method::PUT, path).json(body);
    Reply::of(match if_match {
        Some(tag) => request.header("if-match", tag),
        None => request,
    })
    .await
}

async fn live_in(caller: &Caller<'_>, country: &str) {
    let profile = json!({"name": "Somebody", "email": "somebody@example.com", "country": country});
    put(caller, "/v1/billing-profile", &profile, None).await.expect(200);
}

/// What is said about one channel.
fn channel<'a>(reply: &'a Reply, name: &str) -> &'a Value {
    let channels = reply["channels"].as_array().unwrap();
    channels.iter().find(|channel| channel["channel"] == name).unwrap()
}

fn eligible(reply: &Reply) -> Vec<&str> {
    let channels = reply["channels"].as_array().unwrap();
    let open = channels.iter().filter(|channel| channel["eligible"] == true);
    open.map(|channel| channel["channel"].as_str().unwrap()).collect()
}

fn recommended(reply: &Reply) -> Vec<&str> {
    let channels = reply["channels"].as_array().unwrap();
    let best = channels.iter().filter(|channel| channel["recommended"] == true);
    best.map(|channel| channel["channel"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_options_have_the_promised_shape() {
    let app = TestApp::spawn().await;
    let options = app.customer("demo").get("/v1/top-up-options?currency=CNY").await.expect(200);
    assert_eq!(options["presets"], json!(["50.00", "100.00", "500.00", "1000.00"]));
    assert_eq!(options["minimum"], "10.00");
    assert_eq!(options["product"], Value::Null);
    assert_eq!(options["agreement"]["version"], "2026-11-01");
    assert!(options["agreement"]["url"].as_str().unwrap().starts_with("https://"));
    assert_eq!(
        channel(&options, "bank_transfer"),
        &json!({
            "channel": "bank_transfer", "eligible": true, "reason": null, "reason_code": null, "reason_currencies": [],
            "reason_countries": [], "recommended": false, "minimum": "50.00", "maximum": "200000.00",
            "processing_time": "1 to 2 working days",
            "processing_days": { "min_days": 1, "max_days": 2, "business_days": true },
        })
    );
    assert_eq!(options["channels"].as_array().unwrap().len(), 5);
    app.finish().await;
}

#[tokio::test]
async fn country_and_currency_decide_about_channels() {
    let app = TestApp::spawn().await;
    let alice = app.customer("alice");
    let at = |currency: &str| format!("/v1/top-up-options?currency={currency}");

    let nowhere = alice.get(&at("VND")).await.expect(200);
    assert_eq!(eligible(&nowhere), ["card"]);
    assert_eq!(
        channel(&nowhere, "vnpay")["reason"],
        "VNPay is only for customers in Vietnam; fill in the billing profile first."
    );
    assert_eq!(channel(&nowhere, "paypal")["reason"], "PayPal takes USD only.");

    live_in(&alice, "SG").await;
    let singapore = alice.get(&at("VND")).await.expect(200);
    assert_eq!(channel(&singapore, "vnpay")["reason"], "VNPay is only for customers in Vietnam.");
    assert_eq!(eligible(&alice.get(&at("USD")).await.expect(200)), ["card", "bank_transfer"]);

    live_in(&alice, "VN").await;
    let vietnam = alice.get(&at("VND")).await.expect(200);
    assert_eq!((eligible(&vietnam), recommended(&vietnam)), (vec!["card", "vnpay"], vec!["vnpay"]));
    assert_eq!(channel(&vietnam, "bank_transfer")["reason"], "Bank transfer takes CNY or USD only.");
    let dollars = alice.get(&at("USD")).await.expect(200);
    assert_eq!((eligible(&dollars), recommended(&dollars)), (vec!["card", "paypal", "bank_transfer"], vec!["card"]));
    app.finish().await;
}

#[tokio::test]
async fn products_can_be_paid_from_the_wallet_and_have_rules_of_their_own() {
    let app = TestApp::spawn().await;
    let (demo, operator) = (app.customer("demo"), app.operator());
    let main = demo.get("/v1/top-up-options?currency=CNY&product=").await.expect(200);
    assert_eq!(eligible(&main), ["card", "bank_transfer"]);
    let gpu = demo.get("/v1/top-up-options?currency=CNY&product=gpu").await.expect(200);
    assert_eq!((gpu["product"].as_str(), eligible(&gpu)), (Some("gpu"), vec!["card", "bank_transfer", "balance"]));

    let off = json!({"enabled": false, "rank": 1, "processing_time": "instant"});
    put(&operator, "/v1/admin/channel-rules/card/CNY?product=gpu", &off, None).await.expect(201);
    let gpu = demo.get("/v1/top-up-options?currency=CNY&product=gpu").await.expect(200);
    assert_eq!(eligible(&gpu), ["bank_transfer", "balance"]);
    let main = demo.get("/v1/top-up-options?currency=CNY").await.expect(200);
    assert_eq!(eligible(&main), ["card", "bank_transfer"]);

    let few = json!({"presets": ["20"], "minimum": "20", "maximum": "30", "order_ttl_minutes": 30});
    put(&operator, "/v1/admin/top-up-options/CNY?product=sms", &few, None).await.expect(201);
    let sms = demo.get("/v1/top-up-options?currency=CNY&product=sms").await.expect(200);
    assert_eq!((&sms["presets"], &sms["maximum"]), (&json!(["20.00"]), &json!("30.00")));
    // 50 CNY at least by bank, 30 at most for this product: no amount is left.
    assert_eq!(channel(&sms, "bank_transfer")["reason"], "Bank transfer is not available at the moment.");
    app.finish().await;
}

#[tokio::test]
async fn what_is_not_offered_is_named() {
    let app = TestApp::spawn().await;
    let (demo, operator) = (app.customer("demo"), app.operator());
    demo.get("/v1/top-up-options?currency=cny").await.names("?currency", "unknown_currency");
    demo.get("/v1/top-up-options?currency=EUR").await.names("?currency", "currency_not_offered");
    demo.get("/v1/top-up-options?currency=CNY&product=fax").await.names("?product", "unknown_product");
    demo.get("/v1/top-up-options?currency=CNY&product=G%20PU").await.names("?product", "malformed");
    demo.get("/v1/top-up-options?currency=CNY&colour=red").await.names("?colour", "unknown_parameter");
    operator.get("/v1/top-up-options?currency=CNY").await.names("?customer_id", "required");
    operator.get("/v1/top-up-options?currency=CNY&customer_id=demo").await.expect(200);
    demo.get("/v1/top-up-options?currency=CNY&customer_id=alice").await.problem(404, "not_found");

    let retired = json!({"name": "SMS", "active": false, "returnable": false});
    put(&operator, "/v1/admin/products/sms", &retired, Some("*")).await.expect(200);
    demo.get("/v1/top-up-options?currency=CNY&product=sms").await.names("?product", "inactive_product");
    let products = demo.get("/v1/products").await.expect(200);
    let codes: Vec<_> = products["data"].as_array().unwrap().iter().map(|p| p["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["gpu", "whatsapp"]);
    app.finish().await;
}

#[tokio::test]
async fn a_quote_tells_the_price_of_every_channel() {
    let app = TestApp::spawn().await;
    let (demo, operator) = (app.customer("demo"), app.operator());
    let costly = json!({
        "enabled": true, "rank": 10, "processing_time": "instant",
        "fee_percent": "2.9", "fee_on_top": true, "bonus_percent": "5",
    });
    put(&operator, "/v1/admin/channel-rules/card/CNY", &costly, Some("\"1\"")).await.expect(200);

    let quote = demo.post("/v1/quotes", &json!({"currency": "CNY", "amount": "100"})).await.expect(200);
    assert_eq!(quote["channel"], "card");
    assert_eq!(
        ["amount", "payable_amount", "fee", "tax", "bonus", "credited_amount"].map(|name| &quote[name]),
        ["100.00", "102.90", "2.90", "0.00", "5.00", "100.00"]
    );
    let bank = channel(&quote, "bank_transfer");
    assert_eq!((&bank["eligible"], &bank["credited_amount"]), (&json!(true), &json!("100.00")));
    let vnpay = channel(&quote, "vnpay");
    assert_eq!((&vnpay["eligible"], &vnpay["fee"]), (&json!(false), &Value::Null));

    let bank = json!({"currency": "CNY", "amount": "49.99", "channel": "bank_transfer"});
    let short = demo.post("/v1/quotes", &bank).await.expect(200);
    assert_eq!(short["channel"], "bank_transfer");
    assert_eq!(channel(&short, "bank_transfer")["reason"], "Bank transfer takes 50.00 CNY or more.");
    app.finish().await;
}

#[tokio::test]
async fn a_quote_names_everything_that_is_wrong() {
    let app = TestApp::spawn().await;
    let demo = app.customer("demo");
    for (amount, code) in [
        ("0", "not_positive"),
        ("-5", "not_a_plain_decimal"),
        ("1e2", "not_a_plain_decimal"),
        ("10.001", "too_precise"),
        ("1000000000001", "too_large"),
    ] {
        demo.post("/v1/quotes", &json!({"currency": "CNY", "amount": amount})).await.names("/amount", code);
    }
    let wrong = json!({"currency": "cny", "amount": "x", "product": "A"});
    let wrong = demo.post("/v1/quotes", &wrong).await.names("/currency", "unknown_currency");
    let wrong = wrong.names("/amount", "not_a_plain_decimal").names("/product", "malformed");
    assert_eq!(wrong["errors"].as_array().unwrap().len(), 3);
    demo.post("/v1/quotes", &json!({"currency": "CNY", "amount": 5})).await.names("/amount", "invalid_value");
    let cash = json!({"currency": "CNY", "amount": "5", "channel": "cash"});
    demo.post("/v1/quotes", &cash).await.names("/channel", "invalid_value");
    let fee = json!({"currency": "CNY", "amount": "5", "fee": "0"});
    demo.post("/v1/quotes", &fee).await.names("/fee", "unknown_field");
    let euro = json!({"currency": "EUR", "amount": "5"});
    demo.post("/v1/quotes", &euro).await.names("/currency", "currency_not_offered");
    app.finish().await;
}

#[tokio::test]
async fn operators_change_what_they_have_seen() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let product = |name: &str| json!({"name": name, "active": true, "returnable": true});
    let path = "/v1/admin/products/voice";

    put(&operator, path, &product("Voice"), Some("\"1\"")).await.problem(412, "precondition_failed");
    put(&operator, path, &product("Voice"), Some("*")).await.problem(412, "precondition_failed");
    let made = put(&operator, path, &product("Voice"), None).await.expect(201);
    assert_eq!((made.header("etag"), made["code"].as_str()), (Some("\"1\""), Some("voice")));
    put(&operator, path, &product("Calls"), None).await.problem(428, "if_match_required");
    let changed = put(&operator, path, &product("Calls"), Some("\"1\"")).await.expect(200);
    assert_eq!((changed.header("etag"), changed["name"].as_str()), (Some("\"2\""), Some("Calls")));
    put(&operator, path, &product("Phone"), Some("\"1\"")).await.problem(412, "precondition_failed");
    put(&operator, "/v1/admin/products/Voice", &product(""), None)
        .await
        .names("/code", "malformed")
        .names("/name", "required");

    let audit =
        ask(&app, "SELECT action || ' ' || target || ' ' || (before ->> 'name' IS NULL) FROM audit_log ORDER BY seq")
            .await;
    assert_eq!(audit, ["product.saved product:voice true", "product.saved product:voice false"]);
    app.finish().await;
}

#[tokio::test]
async fn of_many_operators_at_once_one_wins() {
    let app = TestApp::spawn().await;
    let body = json!({"presets": [], "minimum": "1", "maximum": "9", "order_ttl_minutes": 60});
    for (path, tag, won) in
        [("/v1/admin/top-up-options/USD", Some("\"1\""), 200), ("/v1/admin/top-up-options/EUR", None, 201)]
    {
        let saves = (0..10).map(|_| {
            let (operator, body) = (app.operator(), body.clone());
            async move { put(&operator, path, &body, tag).await.status }
        });
        let answers = futures_util::future::join_all(saves).await;
        assert_eq!(answers.iter().filter(|status| **status == won).count(), 1, "{path}: {answers:?}");
        assert!(answers.iter().all(|status| [won, 412, 428].contains(status)), "{path}: {answers:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn bad_catalogue_entries_are_named_and_change_nothing() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let options = json!({"presets": ["5", "50"], "minimum": "10", "maximum": "9", "order_ttl_minutes": 29});
    let reply = put(&operator, "/v1/admin/top-up-options/CNY", &options, Some("*")).await;
    reply
        .names("/presets/0", "out_of_range")
        .names("/presets/1", "out_of_range")
        .names("/maximum", "below_minimum")
        .names("/order_ttl_minutes", "out_of_range");
    let fine = json!({"presets": [], "minimum": "1", "maximum": "9", "order_ttl_minutes": 30});
    put(&operator, "/v1/admin/top-up-options/CNY?product=fax", &fine, None).await.names("?product", "unknown_product");

    let rule = json!({
        "enabled": true, "rank": 1, "processing_time": "now", "countries": ["XX"], "fee_percent": "101", "minimum": "0"
    });
    let reply = put(&operator, "/v1/admin/channel-rules/card/CNY", &rule, Some("*")).await;
    reply
        .names("/countries/0", "unknown_country")
        .names("/fee_percent", "out_of_range")
        .names("/minimum", "not_positive");
    put(&operator, "/v1/admin/channel-rules/cash/CNY", &rule, None).await.names("/channel", "unknown_channel");
    let rule = json!({"enabled": true, "rank": 1, "processing_time": "now", "bonus_percent": "1"});
    put(&operator, "/v1/admin/channel-rules/balance/CNY", &rule, Some("*")).await.names("/channel", "no_price");

    assert_eq!(ask(&app, "SELECT count(*) FROM audit_log").await, ["0"]);
    assert_eq!(
        ask(
            &app,
            "SELECT max(version) FROM (SELECT version FROM channel_rules UNION SELECT version FROM top_up_options) AS v"
        )
        .await,
        ["1"]
    );
    app.finish().await;
}

#[tokio::test]
async fn bank_accounts_decide_where_transfers_go() {
    let app = TestApp::spawn().await;
    let (demo, operator) = (app.customer("demo"), app.operator());
    let list = operator.get("/v1/admin/bank-accounts").await.expect(200);
    let account = |at: usize| list["data"][at].clone();
    assert_eq!((account(0)["currency"].as_str(), account(1)["currency"].as_str()), (Some("CNY"), Some("USD")));
    let path = format!("/v1/admin/bank-accounts/{}", account(0)["id"].as_str().unwrap());
    let body = |number: &str, currency: &str, active: bool| {
        json!({
            "currency": currency, "bank_name": "Bank", "account_name": "Company", "account_number": number,
            "active": active
        })
    };
    let number = account(0)["account_number"].as_str().unwrap().to_owned();
    put(&operator, &path, &body(&number, "CNY", false), None).await.problem(428, "if_match_required");
    put(&operator, &path, &body(&number, "USD", false), Some("\"1\"")).await.names("/currency", "immutable");
    put(&operator, &path, &body(&number, "CNY", false), Some("\"1\"")).await.expect(200);
    let options = demo.get("/v1/top-up-options?currency=CNY").await.expect(200);
    assert_eq!(channel(&options, "bank_transfer")["reason"], "Bank transfer is not available at the moment.");

    operator.post("/v1/admin/bank-accounts", &body(&number, "CNY", true)).await.problem(409, "bank_account_exists");
    let added = operator.post("/v1/admin/bank-accounts", &body("1", "CNY", true)).await.expect(201);
    assert_eq!(added.header("etag"), Some("\"1\""));
    let options = demo.get("/v1/top-up-options?currency=CNY").await.expect(200);
    assert_eq!(channel(&options, "bank_transfer")["eligible"], true);
    let order = json!({
        "currency": "CNY", "amount": "100", "channel": "bank_transfer", "agreement_accepted": true,
        "bank_transfer": {"remitter_name": "Demo", "remitter_bank": "Test Bank"},
    });
    let order = demo.post("/v1/top-up-orders", &order).await.expect(201);
    assert_eq!(order["next_action"]["bank_transfer"]["account_number"], "1");

    for unknown in ["bac_00000000000000000000000000000000", "nonsense"] {
        let path = format!("/v1/admin/bank-accounts/{unknown}");
        put(&operator, &path, &body("2", "CNY", true), Some("*")).await.problem(404, "not_found");
    }
    app.finish().await;
}

#[tokio::test]
async fn one_agreement_is_active_and_never_changes() {
    let app = TestApp::spawn().await;
    let (demo, operator) = (app.customer("demo"), app.operator());
    let new = |version: &str| json!({"version": version, "url": format!("https://example.com/{version}")});
    let versions = async || {
        let options = demo.get("/v1/top-up-options?currency=CNY").await.expect(200);
        options["agreement"]["version"].as_str().unwrap().to_owned()
    };
    operator.post("/v1/admin/agreements", &new("2027-01-01")).await.expect(201);
    assert_eq!(versions().await, "2027-01-01");
    operator.post("/v1/admin/agreements", &new("2026-11-01")).await.problem(409, "agreement_exists");
    let again = operator.post("/v1/admin/agreements/2026-11-01/activate", &json!({})).await.expect(200);
    assert_eq!((again["active"].as_bool(), versions().await.as_str()), (Some(true), "2026-11-01"));
    operator.post("/v1/admin/agreements/1999/activate", &json!({})).await.problem(404, "not_found");
    assert_eq!(versions().await, "2026-11-01", "a failed activation leaves the active one");
    let bad = json!({"version": "a b", "url": "javascript:alert(1)"});
    operator.post("/v1/admin/agreements", &bad).await.names("/version", "malformed").names("/url", "malformed");

    let all = operator.get("/v1/admin/agreements").await.expect(200);
    let active = all["data"].as_array().unwrap().iter().filter(|one| one["active"] == true).count();
    assert_eq!((all["data"].as_array().unwrap().len(), active), (2, 1));
    app.finish().await;
}

#[tokio::test]
async fn the_demo_is_added_once_and_overwrites_nothing() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let renamed = json!({"name": "Texts", "active": false, "returnable": true});
    put(&operator, "/v1/admin/products/sms", &renamed, Some("*")).await.expect(200);
    execute(
        &app.database,
        "UPDATE bank_accounts SET account_number = '42', version = version + 1 WHERE currency = 'CNY'",
    )
    .await;
    operator.post("/v1/admin/agreements", &json!({"version": "2", "url": "https://example.com/2"})).await.expect(201);
    live_in(&app.customer("demo"), "SG").await;

    let figures = "SELECT (SELECT count(*) FROM products) || ' ' || (SELECT count(*) FROM channel_rules) || ' '
        || (SELECT count(*) FROM top_up_options) || ' ' || (SELECT count(*) FROM bank_accounts) || ' '
        || (SELECT string_agg(version, ',') FROM agreements WHERE active) || ' '
        || (SELECT name FROM products WHERE code = 'sms') || ' ' || (SELECT country FROM billing_profiles)";
    let before = ask(&app, figures).await;
    topup::app::seed::demo(&app.server.app.pool).await.unwrap();
    assert_eq!(ask(&app, figures).await, before);
    assert_eq!(before, ["3 10 3 2 2 Texts SG"]);
    for _ in 0..2 {
        topup::app::seed::first_money(&app.server.app.pool).await.unwrap();
        assert_eq!(app.available("demo", "CNY", "").await, "100.00");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_live_database_takes_no_demo() {
    let app = TestApp::spawn().await;
    execute(&app.database, "UPDATE environment SET stamp = 'live'").await;
    let pool = &app.server.app.pool;
    for refused in [topup::app::seed::demo(pool).await, topup::app::seed::first_money(pool).await] {
        assert!(matches!(refused, Err(topup::app::Error::Conflict { code: Code::LiveDatabase, .. })));
    }
    app.finish().await;
}

#[tokio::test]
async fn operators_alone_see_the_whole_catalogue() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let rules = operator.get("/v1/admin/channel-rules").await.expect(200);
    let vnpay = rules["data"].as_array().unwrap().iter().find(|rule| rule["channel"] == "vnpay").unwrap();
    assert_eq!((&vnpay["currency"], &vnpay["countries"]), (&json!("VND"), &json!(["VN"])));
    assert_eq!(vnpay["fee_percent"], "0");
    let options = operator.get("/v1/admin/top-up-options").await.expect(200);
    assert_eq!(options["data"].as_array().unwrap().len(), 3);
    assert_eq!(options["data"][2]["minimum"], "10000");
    for path in ["channel-rules", "top-up-options", "products", "bank-accounts", "agreements"] {
        let path = format!("/v1/admin/{path}");
        app.customer("demo").get(&path).await.problem(403, "insufficient_scope");
        app.service().get(&path).await.problem(403, "insufficient_scope");
        app.anonymous().get(&path).await.problem(401, "unauthorized");
    }
    app.finish().await;
}
