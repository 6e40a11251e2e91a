//! Tax: rules are the operator's, a business is a customer whose tax id was verified, and an order keeps the rule by
//! which it was taxed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::catalogue::put;
use crate::stage::{approve, issue_papers, number, order, ordered, play, quiet, read, until};
use crate::support::{Reply, TestApp, execute};

const RULES: &str = "/v1/admin/tax-rules";

/// A seller in Germany.
async fn seller() -> TestApp {
    TestApp::spawn_with(|config| config.papers.seller_country = Some("DE".parse().unwrap())).await
}

async fn rule(app: &TestApp, of: &str, terms: Value) {
    put(&app.operator(), &format!("{RULES}/DE/{of}"), &terms, None).await.expect(201);
}

async fn profile(app: &TestApp, customer: &str, country: &str, tax_id: Option<&str>) -> Reply {
    let body = json!({ "name": customer, "email": "a@example.com", "country": country, "tax_id": tax_id });
    app.customer(customer).send(Method::PUT, "/v1/billing-profile", Some(&body), None).await.expect(200)
}

async fn quote(app: &TestApp, customer: &str) -> Reply {
    let body = json!({ "currency": "USD", "amount": "100", "channel": "card" });
    app.customer(customer).post("/v1/quotes", &body).await.expect(200)
}

fn figures<'r>(reply: &'r Reply, names: &[&str]) -> Vec<&'r str> {
    names.iter().map(|name| reply[*name].as_str().unwrap()).collect()
}

async fn receipt(app: &TestApp, customer: &str, order: &str) -> Reply {
    issue_papers(app).await;
    app.customer(customer).get(&format!("/v1/top-up-orders/{order}/receipt")).await.expect(200)
}

#[tokio::test]
async fn an_order_is_taxed_by_the_rule_of_its_day() {
    let app = seller().await;
    profile(&app, "alice", "DE", None).await;
    let untaxed = quote(&app, "alice").await;
    assert_eq!((&untaxed["tax"], &untaxed["tax_rule"]), (&json!("0.00"), &Value::Null));
    rule(&app, "DE/consumer", json!({ "rate_percent": "19", "at": "top_up" })).await;
    execute(&app.database, "UPDATE channel_rules SET fee_percent = 2, fee_on_top = true WHERE channel = 'card'").await;

    let taxed = quote(&app, "alice").await;
    let names = ["amount", "payable_amount", "fee", "tax", "tax_included", "credited_amount"];
    assert_eq!(figures(&taxed, &names), ["100.00", "121.38", "2.00", "19.38", "0.00", "100.00"]);
    assert_eq!(taxed["tax_rule"]["rate_percent"], "19");
    let options = app.customer("alice").get("/v1/top-up-options?currency=USD").await.expect(200);
    assert_eq!(options["tax_rule"], taxed["tax_rule"]);

    let order = ordered(&app, "alice", "card", "USD", "100").await;
    let dearer = json!({ "rate_percent": "25", "inclusive": true, "at": "top_up" });
    put(&app.operator(), &format!("{RULES}/DE/DE/consumer"), &dearer, Some("\"1\"")).await.expect(200);
    play(&app, "stripe", &order, "pay", json!({})).await;
    quiet(&app, "stripe").await;
    let paid = read(&app, &order).await;
    assert_eq!(figures(&paid, &names), figures(&taxed, &names));
    assert_eq!((&paid["received_amount"], &paid["tax_rule"]), (&json!("121.38"), &taxed["tax_rule"]));

    // A refund of half gives half of the tax back.
    let refund = json!({ "order_id": order, "amount": "60.69", "reason": "a test of tax" });
    app.operator().post("/v1/admin/refunds", &refund).await.expect(201);
    quiet(&app, "stripe").await;
    let papers = receipt(&app, "alice", &order).await;
    let of = |paper: &Value| ["amount", "fee", "tax", "credited"].map(|name| paper[name].as_str().unwrap().to_owned());
    assert_eq!(of(&papers["receipt"]), ["121.38", "2.00", "19.38", "100.00"]);
    assert_eq!(of(&papers["credit_notes"][0]), ["60.69", "1.00", "9.69", "50.00"]);
    let page = format!("/v1/papers/{}/page", papers["receipt"]["id"].as_str().unwrap());
    let page = app.customer("alice").get(&page).await.expect(200);
    assert!(page.text.contains("Tax 19 %"), "{}", page.text);
    app.finish().await;
}

/// The refund fails before its credit note is issued, so the wallet has its money again. The credit note and its
/// cancellation still state the share of the refund.
#[tokio::test]
async fn a_credit_note_states_the_share_of_its_refund_whatever_the_wallet_gives_for_it_later() {
    let app = seller().await;
    rule(&app, "DE/consumer", json!({ "rate_percent": "19", "at": "top_up" })).await;
    profile(&app, "alice", "DE", None).await;
    let order = ordered(&app, "alice", "card", "USD", "100").await;
    play(&app, "stripe", &order, "pay", json!({})).await;
    quiet(&app, "stripe").await;
    let refund = json!({ "order_id": order, "amount": "11.90", "reason": "a test of tax" });
    app.operator().post("/v1/admin/refunds", &refund).await.expect(201);
    quiet(&app, "stripe").await;
    until("it succeeds", async || number(&app, "count(*) FROM refunds WHERE status = 'succeeded'").await == 1).await;
    play(&app, "stripe", &order, "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(number(&app, "count(*) FROM refunds WHERE status = 'failed' AND debited = 0").await, 1);
    let papers = receipt(&app, "alice", &order).await;
    let of = |paper: &Value| ["amount", "fee", "tax", "credited"].map(|name| paper[name].as_str().unwrap().to_owned());
    assert_eq!(of(&papers["receipt"]), ["119.00", "0.00", "19.00", "100.00"]);
    for n in 0..2 {
        assert_eq!(of(&papers["credit_notes"][n]), ["11.90", "0.00", "1.90", "10.00"], "{n}");
    }
    assert_eq!(papers["credit_notes"][1]["kind"], "cancellation");
    app.finish().await;
}

#[tokio::test]
async fn a_price_that_contains_its_tax_credits_all_of_it() {
    let app = seller().await;
    rule(&app, "other/consumer", json!({ "rate_percent": "20", "inclusive": true, "at": "top_up" })).await;
    profile(&app, "alice", "FR", None).await;
    let names = ["payable_amount", "tax", "tax_included", "credited_amount"];
    assert_eq!(figures(&quote(&app, "alice").await, &names), ["100.00", "0.00", "16.67", "100.00"]);
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "120").await;
    // Half of the money contains half of the tax.
    approve(&app.operator(), &order, "60.00", "line").await.expect(200);
    assert_eq!(figures(&read(&app, &order).await, &names), ["120.00", "0.00", "20.00", "60.00"]);
    let papers = receipt(&app, "alice", &order).await;
    let paper = ["amount", "tax", "credited", "tax_included"].map(|name| &papers["receipt"][name]);
    assert_eq!(paper, ["60.00", "0.00", "60.00", "10.00"]);
    let page = format!("/v1/papers/{}/page?lang=zh-CN", papers["receipt"]["id"].as_str().unwrap());
    let page = app.customer("alice").get(&page).await.expect(200);
    assert!(page.text.contains("其中税额 20 %") && page.text.contains("10.00 CNY"), "{}", page.text);
    assert_eq!(number(&app, "count(*) FROM payment_applications WHERE tax_included = 10 AND tax = 0").await, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_business_is_whose_tax_id_an_operator_or_a_checker_has_verified() {
    let app = seller().await;
    rule(&app, "DE/consumer", json!({ "rate_percent": "19", "at": "top_up" })).await;
    rule(&app, "other/business", json!({ "rate_percent": "0", "at": "top_up", "reverse_charge": true })).await;
    rule(&app, "other/consumer", json!({ "rate_percent": "0", "at": "never" })).await;
    rule(&app, "FR/consumer", json!({ "rate_percent": "20", "at": "top_up" })).await;
    let verify = async |customer: &str, tag: Option<&str>, verified: bool| {
        let path = format!("/v1/admin/customers/{customer}/verify-tax-id");
        let body = json!({ "verified": verified, "reason": "valid at VIES" });
        let request = app.operator().request(Method::POST, &path).json(&body);
        Reply::of(if let Some(tag) = tag { request.header("if-match", tag) } else { request }).await
    };
    let tax = async |customer: &str| {
        let quote = quote(&app, customer).await;
        (quote["tax"].as_str().unwrap().to_owned(), quote["tax_rule"]["reverse_charge"] == json!(true))
    };
    let plain = |tax: &str| (tax.to_owned(), false);

    // An unverified tax id does not make a customer a business.
    profile(&app, "acme", "FR", Some("FR40303265045")).await;
    assert_eq!(tax("acme").await, plain("20.00"));
    verify("acme", None, true).await.problem(428, "if_match_required");
    verify("acme", Some("\"7\""), true).await.problem(412, "precondition_failed");
    let verified = verify("acme", Some("\"1\""), true).await.expect(200);
    assert!(verified["tax_id_verified_at"].is_string() && verified["version"] == 2, "{}", verified.text);
    assert_eq!(tax("acme").await, ("0.00".to_owned(), true));
    let made = app.customer("acme").post("/v1/top-up-orders", &order("card", "USD", "50")).await.expect(201);
    assert_eq!((&made["tax_rule"]["business"], &made["tax_rule"]["reverse_charge"]), (&json!(true), &json!(true)));
    // The same details keep it, another tax id does not.
    assert!(profile(&app, "acme", "FR", Some("FR40303265045")).await["tax_id_verified_at"].is_string());
    assert!(profile(&app, "acme", "FR", Some("FR 23 334175221")).await["tax_id_verified_at"].is_null());
    assert_eq!(tax("acme").await, plain("20.00"));

    // A service keeps what a checker has answered. The order and its papers keep it, too.
    let checked = async |version: i64, valid: bool, checked_at: &str| {
        let body = json!({ "checker": "VIES", "valid": valid, "checked_at": checked_at, "consultation": "WAPI7" });
        let request = app.service().request(Method::POST, "/v1/billing-profile/record-tax-id-check?customer_id=acme");
        Reply::of(request.header("if-match", format!("\"{version}\"")).json(&body)).await
    };
    let version = app.customer("acme").get("/v1/billing-profile").await["version"].as_i64().unwrap();
    let at = "2026-01-02T03:04:05Z";
    checked(version - 1, true, at).await.problem(412, "precondition_failed");
    checked(version, true, "2126-01-01T00:00:00Z").await.names("/checked_at", "out_of_range");
    let kept = checked(version, true, at).await.expect(200);
    let answer = ["tax_id_checker", "tax_id_checked_at", "tax_id_consultation"];
    assert_eq!(answer.map(|name| kept[name].as_str().unwrap()), ["VIES", at, "WAPI7"]);
    assert_eq!(tax("acme").await, ("0.00".to_owned(), true));
    let of_business = ordered(&app, "acme", "card", "USD", "50").await;
    checked(version + 1, false, at).await.expect(200);
    assert_eq!(tax("acme").await, plain("20.00"));
    play(&app, "stripe", &of_business, "pay", json!({})).await;
    quiet(&app, "stripe").await;
    let buyer = receipt(&app, "acme", &of_business).await["receipt"]["buyer"].clone();
    assert_eq!(answer.map(|name| buyer[name].as_str().unwrap()), ["VIES", at, "WAPI7"]);
    assert_eq!(buyer["tax_id_verified_at"], kept["tax_id_verified_at"]);
    let by = "count(*) FROM top_up_orders WHERE buyer #>> '{tax_id_verified,by}' = 'service:meter'";
    assert_eq!(number(&app, by).await, 1);
    let audited = "count(*) FROM audit_log WHERE action = 'billing_profile.tax_id_checked'";
    assert_eq!(number(&app, audited).await, 2);

    // Never reverse charge at home.
    profile(&app, "gmbh", "DE", Some("DE136695976")).await;
    verify("gmbh", Some("\"1\""), true).await.expect(200);
    assert_eq!(tax("gmbh").await, plain("19.00"));
    // Elsewhere the use is taxed, and not the top-up.
    profile(&app, "nga", "VN", None).await;
    assert_eq!(tax("nga").await, plain("0.00"));
    verify("nga", Some("\"1\""), true).await.names("/verified", "invalid_value");
    verify("nobody", Some("\"1\""), true).await.problem(404, "not_found");
    let audited =
        "count(*) FROM audit_log WHERE action = 'billing_profile.tax_id_verified' AND reason = 'valid at VIES'";
    assert_eq!(number(&app, audited).await, 2);
    app.finish().await;
}

/// A verification is of the tax id that the operator looked at, whoever changes the profile at the same time.
#[tokio::test]
async fn a_tax_id_that_changes_while_it_is_verified_is_not_verified() {
    let app = seller().await;
    let ids = ["FR40303265045", "FR23334175221"];
    let mut version = profile(&app, "acme", "FR", Some(ids[0])).await["version"].as_i64().unwrap();
    let (mut won, mut lost) = (0, 0);
    for round in 1..=12 {
        let request = app
            .operator()
            .request(Method::POST, "/v1/admin/customers/acme/verify-tax-id")
            .header("if-match", format!("\"{version}\""))
            .json(&json!({ "verified": true, "reason": "valid at VIES" }));
        let (verified, changed) =
            futures_util::future::join(Reply::of(request), profile(&app, "acme", "FR", Some(ids[round % 2]))).await;
        if verified.status == 200 {
            won += 1
        } else {
            lost += 1
        }
        assert!(matches!(verified.status, 200 | 412), "{}", verified.text);
        let now = app.customer("acme").get("/v1/billing-profile").await.expect(200);
        assert_eq!((&now["tax_id"], &now["tax_id_verified_at"]), (&json!(ids[round % 2]), &Value::Null));
        assert!(changed["version"].as_i64().unwrap() > version);
        version = now["version"].as_i64().unwrap();
    }
    assert_eq!(won + lost, 12);
    app.finish().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_rule_or_a_tax_id_is_named() {
    let app = seller().await;
    let operator = app.operator();
    let reverse = |rate: &str| json!({ "rate_percent": rate, "at": "top_up", "reverse_charge": true });
    for (of, terms, field, code) in [
        ("DE/business", reverse("0"), "/reverse_charge", "out_of_range"),
        ("FR/consumer", reverse("0"), "/reverse_charge", "out_of_range"),
        ("FR/business", reverse("1"), "/rate_percent", "out_of_range"),
        ("FR/consumer", json!({ "rate_percent": "5", "at": "never" }), "/rate_percent", "out_of_range"),
        ("FR/consumer", json!({ "rate_percent": "101", "at": "top_up" }), "/rate_percent", "out_of_range"),
        ("XX/consumer", json!({ "rate_percent": "1", "at": "top_up" }), "/customer_country", "unknown_country"),
        ("FR/anybody", json!({ "rate_percent": "1", "at": "top_up" }), "/buyer", "invalid_value"),
    ] {
        put(&operator, &format!("{RULES}/DE/{of}"), &terms, None).await.names(field, code);
    }
    assert_eq!(operator.get(RULES).await.expect(200)["data"], json!([]));
    rule(&app, "FR/business", reverse("0")).await;
    put(&operator, &format!("{RULES}/DE/FR/business"), &reverse("0"), None).await.problem(428, "if_match_required");
    // `*` is any version of a rule that is there.
    put(&operator, &format!("{RULES}/DE/FR/business"), &reverse("0"), Some("*")).await.expect(200);
    put(&operator, &format!("{RULES}/DE/IT/business"), &reverse("0"), Some("*"))
        .await
        .problem(412, "precondition_failed");
    let listed = operator.get(RULES).await.expect(200);
    assert_eq!((&listed["data"][0]["customer_country"], &listed["data"][0]["version"]), (&json!("FR"), &json!(2)));
    assert_eq!(number(&app, "count(*) FROM audit_log WHERE target = 'tax_rule:DE:FR:business'").await, 2);

    let typo = json!({ "name": "A", "email": "a@example.com", "country": "DE", "tax_id": "DE136695967" });
    put(&app.customer("alice"), "/v1/billing-profile", &typo, None).await.names("/tax_id", "malformed");
    app.finish().await;
}
