//! What a page has shown is what an order records: the agreement, the price, and what can be chosen.

use serde_json::{Value, json};

use crate::stage::number;
use crate::support::{TestApp, execute};

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

    // What was read anew is taken, and recorded. Who names nothing takes what there is.
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
