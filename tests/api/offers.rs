//! What a page shows before an order: several recommendations, days, support, agreements in languages; and a new
//! currency in one call.

use reqwest::Method;
use serde_json::{Value, json};

use crate::catalogue::put;
use crate::stage::{number, order, profile};
use crate::support::documented::varies_by_language;
use crate::support::{Reply, TestApp};

fn recommended(reply: &Reply) -> Vec<&str> {
    let channels = reply["channels"].as_array().unwrap();
    let best = channels.iter().filter(|channel| channel["recommended"] == true);
    best.map(|channel| channel["channel"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_page_of_a_product_recommends_card_and_balance() {
    let app = TestApp::spawn_with(|config| {
        config.support.email = Some("help@example.com".to_owned());
        config.support.phone = Some("+86 755 0000 0000".to_owned());
    })
    .await;
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    let product = alice.get("/v1/top-up-options?currency=CNY&product=sms").await.expect(200);
    assert_eq!(recommended(&product), ["card", "balance"]);
    assert_eq!(product["support"], json!({ "email": "help@example.com", "url": null, "phone": "+86 755 0000 0000" }));
    let wallet = alice.get("/v1/top-up-options?currency=CNY").await.expect(200);
    assert_eq!(recommended(&wallet), ["card"]);
    // A quote without a channel takes the first of them.
    let quote = json!({ "currency": "CNY", "amount": "100.00", "product": "sms" });
    assert_eq!(alice.post("/v1/quotes", &quote).await.expect(200)["channel"], "card");
    app.finish().await;
}

#[tokio::test]
async fn processing_time_is_data_and_an_order_is_due() {
    let app = TestApp::spawn_with(|config| config.business.offset = "+08:00".parse().unwrap()).await;
    profile(&app, "alice").await;
    let (alice, operator) = (app.customer("alice"), app.operator());
    let rule =
        |days: Value| json!({ "enabled": true, "rank": 30, "processing_time": "3 days", "processing_days": days });
    let path = "/v1/admin/channel-rules/bank_transfer/CNY";
    for (days, pointer, code) in [
        (json!({ "min_days": 3, "max_days": 2, "business_days": true }), "/processing_days/max_days", "out_of_range"),
        (json!({ "min_days": 0, "max_days": 366, "business_days": true }), "/processing_days/max_days", "out_of_range"),
        (json!({ "min_days": 0, "max_days": 1 }), "/processing_days/business_days", "required"),
    ] {
        put(&operator, path, &rule(days), Some("*")).await.names(pointer, code);
    }
    let days = json!({ "min_days": 1, "max_days": 3, "business_days": false });
    put(&operator, path, &rule(days.clone()), Some("*")).await.expect(200);
    let options = alice.get("/v1/top-up-options?currency=CNY").await.expect(200);
    let transfer =
        options["channels"].as_array().unwrap().iter().find(|one| one["channel"] == "bank_transfer").unwrap();
    assert_eq!(transfer["processing_days"], days);
    let made = alice.post("/v1/top-up-orders", &order("bank_transfer", "CNY", "100.00")).await.expect(201);
    // The third day after the one on which it was made ends at midnight of the operators' offset.
    let at = |field: &str| made[field].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let (made_at, due) = (at("created_at"), at("due_at"));
    let there = chrono::FixedOffset::east_opt(8 * 3600).unwrap();
    let day = made_at.with_timezone(&there).date_naive();
    assert_eq!(due.with_timezone(&there).naive_local(), (day + chrono::Days::new(4)).and_time(chrono::NaiveTime::MIN));
    assert_eq!(at("agreement_accepted_at"), made_at);
    let silent = json!({ "enabled": true, "rank": 30, "processing_time": "some days" });
    put(&operator, path, &silent, Some("*")).await.expect(200);
    let made = alice.post("/v1/top-up-orders", &order("bank_transfer", "CNY", "100.00")).await.expect(201);
    assert_eq!(made["due_at"], Value::Null);
    app.finish().await;
}

#[tokio::test]
async fn a_currency_is_added_in_one_call_or_not_at_all() {
    let app = TestApp::spawn().await;
    profile(&app, "alice").await;
    let operator = app.operator();
    let options =
        json!({ "presets": ["1000", "5000"], "minimum": "500", "maximum": "1000000", "order_ttl_minutes": 60 });
    let rule = |rank: i32| json!({ "enabled": true, "rank": rank, "processing_time": "instant", "recommended": true });
    let yen = json!({
        "currency": "JPY", "options": options,
        "channels": [{ "channel": "card", "rule": rule(10) }, { "channel": "balance", "rule": rule(20) }],
    });
    let with = |pointer: &str, value: Value| {
        let mut body = yen.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (body, pointer, code) in [
        (with("/currency", json!("JP1")), "/currency", "unknown_currency"),
        (with("/options/minimum", json!("0.5")), "/options/minimum", "too_precise"),
        (with("/options/presets/1", json!("100")), "/options/presets/1", "out_of_range"),
        (with("/channels/1/channel", json!("card")), "/channels/1/channel", "duplicate"),
        (with("/channels/0/rule/rank", json!(-1)), "/channels/0/rule/rank", "out_of_range"),
        (with("/channels/0/rule/processing_time", json!("")), "/channels/0/rule/processing_time", "required"),
        (with("/channels", json!([])), "/channels", "count"),
    ] {
        operator.post("/v1/admin/currencies", &body).await.names(pointer, code);
    }
    let rows = "count(*) FROM (SELECT currency FROM top_up_options UNION ALL SELECT currency FROM channel_rules) AS c
                WHERE currency = 'JPY'";
    assert_eq!(number(&app, rows).await, 0);
    // At once, one of them adds it whole.
    let answers = futures_util::future::join_all((0..4).map(|_| operator.post("/v1/admin/currencies", &yen))).await;
    let (added, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((added.len(), &added[0]["decimals"]), (1, &json!(0)));
    for other in others {
        other.problem(409, "currency_exists");
    }
    assert_eq!(number(&app, rows).await, 3);
    let alice = app.customer("alice");
    let shown = alice.get("/v1/top-up-options?currency=JPY").await.expect(200);
    assert_eq!((&shown["presets"][0], recommended(&shown)), (&json!("1000"), vec!["card"]));
    alice.post("/v1/top-up-orders", &order("card", "JPY", "5000")).await.expect(201);
    app.finish().await;
}

#[tokio::test]
async fn agreements_are_read_in_the_language_of_the_customer() {
    let app = TestApp::spawn().await;
    let (operator, alice) = (app.operator(), app.customer("alice"));
    let text = |language: &str, text: &str| json!({ "language": language, "text": text });
    let version = |texts: Value| json!({ "version": "2027-01-01", "url": "https://example.com/a", "texts": texts });
    for (texts, pointer, code) in [
        (json!([text("en", "a"), text("EN", "b")]), "/texts/1/language", "duplicate"),
        (json!([text("x", "a")]), "/texts/0/language", "malformed"),
        (json!([text("en", " ")]), "/texts/0/text", "length"),
        (json!([text("en", "a\u{0}")]), "/texts/0/text", "control_characters"),
    ] {
        operator.post("/v1/admin/agreements", &version(texts)).await.names(pointer, code);
    }
    let texts = json!([text("en", "You agree.\nTwice."), text("vi", "Bạn đồng ý."), text("zh-CN", "您同意。")]);
    let published = operator.post("/v1/admin/agreements", &version(texts.clone())).await.expect(201);
    assert_eq!(published["languages"], json!(["en", "vi", "zh-CN"]));
    operator.post("/v1/admin/agreements", &version(texts)).await.problem(409, "agreement_exists");
    let options = alice.get("/v1/top-up-options?currency=CNY").await.expect(200);
    assert_eq!(options["agreement"]["languages"], json!(["en", "vi", "zh-CN"]));

    let path = "/v1/agreements/2027-01-01";
    for (header, language, text) in [
        ("zh-Hans-CN, en;q=0.5", "zh-CN", "您同意。"),
        ("en;q=0.2, vi-VN;q=0.9", "vi", "Bạn đồng ý."),
        ("fr", "en", "You agree.\nTwice."),
        ("*, ;q=x", "en", "You agree.\nTwice."),
    ] {
        let read = Reply::of(alice.request(Method::GET, path).header("accept-language", header)).await.expect(200);
        assert_eq!((&read["language"], &read["text"]), (&json!(language), &json!(text)), "{header}");
        assert_eq!(read.header("content-language"), Some(language));
        assert!(varies_by_language(&read));
    }
    let asked = alice.get(&format!("{path}?language=vi")).await.expect(200);
    assert_eq!(asked["language"], "vi");
    alice.get(&format!("{path}?language=v")).await.names("?language", "malformed");
    // An agreement without a stored text is read on its own page.
    alice.get("/v1/agreements/2026-11-01").await.problem(404, "not_found");
    app.finish().await;
}
