//! A payment that an operator applied to wallets, without an order, is taken back from them: by its disputes and by
//! refunds that were made at the company.

use serde_json::{Value, json};

use crate::refunds::tell_all_again;
use crate::stage::{paid, play, quiet, until};
use crate::support::TestApp;
use crate::unapplied::{decide, paid_twice, to_wallet, unapplied};

/// What alice's wallets have of paid money, main and sms, and what is claimed of her.
async fn standing(app: &TestApp) -> (String, String, Value) {
    let told = app.customer("alice").get("/v1/balances?currency=USD").await.expect(200);
    let paid = |product: &Value| {
        let balances = told["balances"].as_array().unwrap();
        let balance = balances.iter().find(|balance| balance["product"] == *product).unwrap();
        assert_eq!(balance["debt"], "0.00");
        balance["paid"].as_str().unwrap().to_owned()
    };
    (paid(&Value::Null), paid(&json!("sms")), told["taken_back_debt"].clone())
}

fn has(main: &str, sms: &str, owed: Option<&str>) -> (String, String, Value) {
    let owed: Vec<Value> = owed.into_iter().map(|amount| json!({ "currency": "USD", "amount": amount })).collect();
    (main.to_owned(), sms.to_owned(), json!(owed))
}

/// Alice paid an order of 20 twice. Of the second payment 12.50 are in her main wallet and 7.50 in sms. The payment's
/// id at the company.
async fn credited(app: &TestApp) -> String {
    let (_, payment) = paid_twice(app, "alice").await;
    let at_company = unapplied(app, "").await[0]["provider_payment_id"].as_str().unwrap().to_owned();
    decide(app, "ops", &payment, "apply", to_wallet("alice", Some("12.50"))).await.expect(200);
    let mut rest = to_wallet("alice", None);
    rest["product"] = json!("sms");
    decide(app, "ops", &payment, "apply", rest).await.expect(200);
    at_company
}

#[tokio::test]
async fn disputed_money_that_was_applied_to_wallets_is_taken_from_them_and_returns() {
    let app = TestApp::spawn().await;
    let payment = credited(&app).await;
    let spent = json!({ "id": "u", "customer_id": "alice", "currency": "USD", "amount": "30.00" });
    app.service().post("/v1/usage", &spent).await.expect(201);
    assert_eq!(standing(&app).await, has("2.50", "7.50", None));

    play(&app, "stripe", &payment, "dispute-open", json!({})).await;
    quiet(&app, "stripe").await;
    tell_all_again(&app, "stripe").await;
    assert_eq!(standing(&app).await, has("0.00", "0.00", Some("10.00")));
    let seen = app.customer("alice").get("/v1/disputes").await.expect(200);
    assert_eq!((&seen["data"][0]["amount"], &seen["data"][0]["order_id"]), (&json!("20.00"), &Value::Null));
    let more = json!({ "id": "v", "customer_id": "alice", "currency": "USD", "amount": "0.01" });
    app.service().post("/v1/usage", &more).await.problem(402, "taken_back_debt");
    // What appears is taken for it, and the last cent ends it.
    paid(&app, "alice", "card", "USD", "15.00").await;
    assert_eq!(standing(&app).await, has("5.00", "0.00", None));

    play(&app, "stripe", &payment, "dispute-win", json!({})).await;
    quiet(&app, "stripe").await;
    tell_all_again(&app, "stripe").await;
    assert_eq!(standing(&app).await, has("17.50", "7.50", None));
    app.finish().await;
}

/// A refund and a dispute of the whole payment ask for the same money. It is given once, also after one of them ends.
#[tokio::test]
async fn a_refund_at_the_company_and_a_dispute_of_the_same_money_take_it_once() {
    let app = TestApp::spawn().await;
    let payment = credited(&app).await;
    play(&app, "stripe", &payment, "refund", json!({ "amount": 2000 })).await;
    play(&app, "stripe", &payment, "dispute-open", json!({})).await;
    quiet(&app, "stripe").await;
    tell_all_again(&app, "stripe").await;
    until("both are recorded", async || {
        let operator = app.operator();
        let refunds = operator.get("/v1/admin/refunds").await.expect(200);
        let disputes = operator.get("/v1/admin/disputes").await.expect(200);
        [refunds, disputes].iter().all(|list| list["data"].as_array().unwrap().len() == 1)
    })
    .await;
    assert_eq!(standing(&app).await, has("20.00", "0.00", None));

    play(&app, "stripe", &payment, "dispute-win", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(standing(&app).await, has("20.00", "0.00", None), "the payer has it by the refund");
    play(&app, "stripe", &payment, "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    until("all of it is back", async || standing(&app).await == has("32.50", "7.50", None)).await;
    app.finish().await;
}
