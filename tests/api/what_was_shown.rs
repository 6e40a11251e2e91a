//! What a page has shown is what an order records: the agreement, the price, and what can be chosen.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use topup::domain::customer::CustomerId;
use topup::domain::quote::{FixedPrices, InstallationSecret};
use topup::storage::environment::quote_key;
use topup::storage::pool::connect;
use uuid::Uuid;

use crate::catalogue::put;
use crate::stage::{number, profile, with_status};
use crate::support::{Reply, SECRET, TestApp, execute, url};

async fn customer(app: &TestApp) {
    app.fund("alice", "CNY", "50.00").await;
}

fn order(changes: Value) -> Value {
    let mut body = json!({"currency": "CNY", "amount": "60", "channel": "card", "agreement_accepted": true});
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn case_79_another_agreement_or_price_than_was_shown_makes_no_order() {
    let app = TestApp::spawn().await;
    customer(&app).await;
    let alice = app.customer("alice");
    let shown = alice.get("/v1/top-up-options?currency=CNY").await.expect(200);
    let quote =
        alice.post("/v1/quotes", &json!({"currency": "CNY", "amount": "60", "channel": "card"})).await.expect(200);
    let consent = json!({
        "agreement_version": shown["agreement"]["version"], "expected_credited_amount": quote["credited_amount"],
        "expected_payable_amount": quote["payable_amount"],
    });
    alice.post("/v1/top-up-orders", &order(consent.clone())).await.expect(201);
    let before = number(&app, "count(*) FROM top_up_orders").await;

    execute(&app.database, "UPDATE channel_rules SET fee_percent = 10 WHERE channel = 'card' AND currency = 'CNY'")
        .await;
    let refused = alice.post("/v1/top-up-orders", &order(consent.clone())).await.problem(409, "price_changed");
    assert_eq!(refused["detail"], "The wallet would get 54.00 CNY.");
    execute(&app.database, "UPDATE channel_rules SET fee_on_top = true").await;
    let refused = alice.post("/v1/top-up-orders", &order(consent.clone())).await.problem(409, "price_changed");
    assert_eq!(refused["detail"], "The payer would pay 66.00 CNY.");
    let agreement = json!({"version": "2099-01-01", "url": "https://example.com/a"});
    app.operator().post("/v1/admin/agreements", &agreement).await.expect(201);
    app.operator().post("/v1/admin/agreements/2099-01-01/activate", &json!({})).await.expect(200);
    let refused = alice.post("/v1/top-up-orders", &order(consent)).await.problem(409, "agreement_changed");
    assert!(refused["detail"].as_str().unwrap().contains("2099-01-01"), "{}", refused.text);
    assert_eq!(number(&app, "count(*) FROM top_up_orders").await, before);

    // The current agreement is accepted, and recorded. An order that names none accepts the active one.
    let anew = json!({
        "agreement_version": "2099-01-01", "expected_credited_amount": "60", "expected_payable_amount": "66",
    });
    for body in [order(anew), order(json!({}))] {
        let made = alice.post("/v1/top-up-orders", &body).await.expect(201);
        let recorded = ["agreement_version", "amount", "payable_amount", "credited_amount"].map(|name| &made[name]);
        assert_eq!(recorded, ["2099-01-01", "60.00", "66.00", "60.00"]);
    }
    for name in ["expected_credited_amount", "expected_payable_amount"] {
        let wrong = order(json!({ name: "5e1" }));
        alice.post("/v1/top-up-orders", &wrong).await.names(&format!("/{name}"), "not_a_plain_decimal");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_page_finds_the_currencies_and_a_code_for_every_reason() {
    let app = TestApp::spawn().await;
    let newcomer = app.customer("newcomer");
    let first = newcomer.get("/v1/top-up-options").await.expect(200);
    let offered: Vec<_> = first["currencies"].as_array().unwrap().iter().map(|one| one["currency"].clone()).collect();
    assert!(offered.contains(&json!("CNY")) && offered.contains(&json!("VND")), "{}", first.text);
    assert_eq!(first["currency"], offered[0]);
    let vnd = first["currencies"].as_array().unwrap().iter().find(|one| one["currency"] == "VND").unwrap();
    assert_eq!(vnd["decimals"], 0);
    // The currency of the wallet that was used last comes first.
    customer(&app).await;
    assert_eq!(app.customer("alice").get("/v1/top-up-options").await.expect(200)["currency"], "CNY");
    newcomer.get("/v1/top-up-options?currency=JPY").await.names("?currency", "currency_not_offered");

    let quote = json!({"currency": "CNY", "amount": "1"});
    for told in [
        newcomer.get("/v1/top-up-options?currency=CNY").await.expect(200),
        app.customer("alice").post("/v1/quotes", &quote).await.expect(200),
    ] {
        for channel in told["channels"].as_array().unwrap() {
            assert_eq!(channel["reason"].is_null(), channel["reason_code"].is_null(), "{channel:#}");
            assert_eq!(channel["eligible"], channel["reason_code"].is_null(), "{channel:#}");
        }
        let reason = |name: &str| {
            let found = told["channels"].as_array().unwrap().iter().find(|one| one["channel"] == name).unwrap();
            found["reason_code"].clone()
        };
        assert_eq!((reason("vnpay"), reason("balance")), (json!("channel_wrong_currency"), json!("products_only")));
    }
    app.finish().await;
}

const FIGURES: [&str; 6] = ["payable_amount", "fee", "tax", "tax_included", "bonus", "credited_amount"];

fn figures(of: &Value) -> [&Value; 6] {
    FIGURES.map(|name| &of[name])
}

async fn quoted(app: &TestApp, customer: &str) -> Value {
    let quote = json!({"currency": "CNY", "amount": "60", "channel": "card"});
    app.customer(customer).post("/v1/quotes", &quote).await.expect(200).body
}

#[tokio::test]
async fn case_79_an_order_gets_the_price_that_its_quote_fixes_or_the_figures_of_now() {
    let app = TestApp::spawn_with(|config| config.papers.seller_country = Some("DE".parse().unwrap())).await;
    for name in ["alice", "bob"] {
        profile(&app, name).await;
    }
    let alice = app.customer("alice");
    let quote = quoted(&app, "alice").await;
    let left = quote["expires_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap() - Utc::now();
    assert!((14 * 60..=15 * 60).contains(&left.num_seconds()), "{left}");
    let by = |quote: &Value| json!({"quote_id": quote["quote_id"]});
    execute(&app.database, "UPDATE channel_rules SET fee_percent = 10, fee_on_top = true, bonus_percent = 5").await;

    // The quote is valid in every process, whoever calls for its customer, and more than once.
    let second = TestApp::try_spawn(&app.database, |config| config.papers.seller_country = None).await.unwrap();
    let made = second.customer("alice").post("/v1/top-up-orders", &order(by(&quote))).await.expect(201);
    assert_eq!(figures(&made.body), figures(&quote));
    second.stop().await;
    let made = app.service().post("/v1/top-up-orders?customer_id=alice", &order(by(&quote))).await.expect(201);
    assert_eq!(figures(&made.body), figures(&quote));
    let now = alice.post("/v1/top-up-orders", &order(json!({}))).await.expect(201);
    assert_eq!(figures(&now.body), ["66.00", "6.00", "0.00", "0.00", "3.00", "60.00"]);
    let told = json!({"expected_payable_amount": "60"});
    let refused = alice.post("/v1/top-up-orders", &order(told)).await.problem(409, "price_changed");
    assert_eq!(figures(&refused["price_changed"]), figures(&now.body));
    let before = number(&app, "count(*) FROM top_up_orders").await;

    // The quote is not valid for another customer or another order, and no other text is a quote.
    let refuse = async |of: &str, body: Value, code: &str| {
        app.customer(of).post("/v1/top-up-orders", &body).await.names("/quote_id", code);
    };
    refuse("bob", order(by(&quote)), "invalid_quote").await;
    let text = quote["quote_id"].as_str().unwrap();
    let longer = format!("quo_{}", "A".repeat(4000));
    for other in [&text[..text.len() - 1], &text[4..], "quo_", "", &format!("{text}="), &longer] {
        refuse("alice", order(json!({"quote_id": other})), "invalid_quote").await;
    }
    for change in [json!({"amount": "60.01"}), json!({"product": "sms"}), json!({"currency": "USD"})] {
        let mut body = order(by(&quote));
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        refuse("alice", body, "invalid_quote").await;
    }
    let mut other = order(by(&quote));
    other["channel"] = json!("vnpay");
    refuse("alice", other, "invalid_quote").await;
    let old = {
        let mut conn = connect(&url(&app.database)).await.unwrap();
        let key = quote_key(&mut conn, &InstallationSecret::new(SECRET)).await.unwrap().unwrap();
        let alice = CustomerId::new("alice").unwrap();
        // What the database has is not enough to sign a quote.
        let stored = quote_key(&mut conn, &InstallationSecret::default()).await.unwrap().unwrap();
        assert!(FixedPrices::read(text, &stored, &alice).is_err());
        let fixed = FixedPrices::read(text, &key, &alice).unwrap();
        FixedPrices { expires_at: Utc::now() - TimeDelta::seconds(1), ..fixed }.sign(&key, &alice)
    };
    refuse("alice", order(json!({"quote_id": old})), "quote_expired").await;

    // A customer who is now taxed in another country pays the tax of that country.
    for (country, rate) in [("VN", "10"), ("FR", "20")] {
        let terms = json!({"rate_percent": rate, "at": "top_up"});
        put(&app.operator(), &format!("/v1/admin/tax-rules/DE/{country}/consumer"), &terms, None).await.expect(201);
    }
    let taxed = quoted(&app, "alice").await;
    let body = json!({"name": "alice", "email": "a@example.com", "country": "FR"});
    alice.send(Method::PUT, "/v1/billing-profile", Some(&body), None).await.expect(200);
    let refused = alice.post("/v1/top-up-orders", &order(by(&taxed))).await.problem(409, "price_changed");
    assert_eq!((&taxed["tax"], &refused["price_changed"]["tax"]), (&json!("6.60"), &json!("13.20")));
    let agreement = {
        let mut body = order(by(&taxed));
        body["agreement_version"] = json!("1999-01-01");
        body
    };
    alice.post("/v1/top-up-orders", &agreement).await.problem(409, "agreement_changed");

    // A channel that was closed stays closed.
    execute(&app.database, "UPDATE channel_rules SET enabled = false WHERE channel = 'card' AND currency = 'CNY'")
        .await;
    let closed = alice.post("/v1/top-up-orders", &order(by(&taxed))).await;
    closed.names("/channel", "channel_not_offered");
    alice.post("/v1/top-up-orders", &order(json!({}))).await.names("/channel", "channel_wrong_currency");
    execute(&app.database, "UPDATE channel_rules SET enabled = false WHERE channel = 'card'").await;
    alice.post("/v1/top-up-orders", &order(by(&taxed))).await.names("/channel", "channel_not_offered");
    let none = quoted(&app, "carol").await;
    assert!(none["quote_id"].as_str().is_some(), "other channels are open");
    execute(&app.database, "UPDATE channel_rules SET enabled = false").await;
    let none = quoted(&app, "carol").await;
    assert_eq!((&none["quote_id"], &none["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!(number(&app, "count(*) FROM top_up_orders").await, before);
    app.finish().await;
}

#[tokio::test]
async fn a_once_only_bonus_that_was_given_meanwhile_is_no_quote_s_to_give() {
    let app = TestApp::spawn().await;
    profile(&app, "alice").await;
    let tier = json!({
        "currency": "CNY", "from_amount": "50", "bonus": "20", "use": "once", "expires_after_days": 30, "active": true
    });
    let tier = app.operator().post("/v1/admin/bonus-tiers", &tier).await.expect(201);
    let quote = quoted(&app, "alice").await;
    assert_eq!(quote["bonus"], "20.00");
    execute(&app.database, "UPDATE bonus_tiers SET bonus = 1, expires_after_days = NULL").await;
    let body = order(json!({"quote_id": quote["quote_id"]}));
    // Ten at once: one gets the bonus of the quote, and the others the figures without it.
    let alice = app.customer("alice");
    let made = join_all((0..10).map(|_| alice.post("/v1/top-up-orders", &body))).await;
    assert_eq!((with_status(&made, 201), with_status(&made, 409)), (1, 9), "{made:#?}");
    let given = made.iter().find(|made| made.status == 201).unwrap();
    assert_eq!((&given["bonus"], &given["bonus_reason_code"]), (&json!("20.00"), &Value::Null));
    for refused in made.iter().filter(|made| made.status == 409) {
        assert_eq!((&refused["code"], &refused["price_changed"]["bonus"]), (&json!("price_changed"), &json!("0.00")));
    }
    let kept = format!("count(*) FROM top_up_orders WHERE bonus_tier_id = '{}' AND bonus_days = 30", raw(&tier));
    assert_eq!(number(&app, &kept).await, 1);
    // A customer who expects no bonus can order without it.
    let anew = json!({"quote_id": quoted(&app, "alice").await["quote_id"]});
    let made = alice.post("/v1/top-up-orders", &order(anew)).await.expect(201);
    assert_eq!((&made["bonus"], &made["bonus_reason_code"]), (&json!("0.00"), &json!("bonus_reserved")));
    app.finish().await;
}

/// An id as the database writes it.
fn raw(reply: &Reply) -> Uuid {
    Uuid::parse_str(reply["id"].as_str().unwrap().rsplit('_').next().unwrap()).unwrap()
}
