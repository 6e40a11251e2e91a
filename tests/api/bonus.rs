//! Case 55: a bonus that was spent, held, or given back later does not survive the refund of its order. A fee that is
//! kept does.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::refunds::ask;
use crate::stage::{balance, number, paid, play, quiet, read};
use crate::support::{TestApp, execute};

/// A server whose orders in USD bring a bonus of 20 %.
async fn generous() -> TestApp {
    let app = TestApp::spawn().await;
    execute(&app.database, "UPDATE channel_rules SET bonus_percent = 20 WHERE currency = 'USD'").await;
    app
}

fn usage(id: &str, customer: &str, amount: &str) -> Value {
    json!({ "id": id, "customer_id": customer, "currency": "USD", "amount": amount })
}

async fn spend(app: &TestApp, id: &str, customer: &str, amount: &str) {
    app.service().post("/v1/usage", &usage(id, customer, amount)).await.expect(201);
}

async fn reverse(app: &TestApp, id: &str, customer: &str) {
    let body = json!({ "id": format!("r-{id}"), "customer_id": customer, "usage_id": id });
    app.service().post("/v1/usage/reversals", &body).await.expect(201);
}

async fn hold(app: &TestApp, id: &str, customer: &str, amount: &str) -> String {
    let mut body = usage(id, customer, amount);
    body["expires_in"] = json!(600);
    let held = app.service().post("/v1/holds", &body).await.expect(201);
    format!("/v1/holds/{}", held["hold_id"].as_str().unwrap())
}

/// Paid, granted, debt, and what is claimed.
async fn parts(app: &TestApp, customer: &str) -> [String; 4] {
    let now = balance(app, customer, "USD").await;
    let told = app.customer(customer).get("/v1/balances?currency=USD").await.expect(200);
    let claimed = told["taken_back_debt"][0]["amount"].as_str().unwrap_or("0.00").to_owned();
    let part = |name: &str| now[name].as_str().unwrap().to_owned();
    [part("paid"), part("granted"), part("debt"), claimed]
}

async fn refundable(app: &TestApp, order: &str) -> Value {
    read(app, order).await["refundable_amount"].clone()
}

#[tokio::test]
async fn case_55_a_spent_bonus_is_deducted_and_comes_back_with_the_usage() {
    let app = generous().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    assert_eq!(refundable(&app, &order).await, "100.00");
    spend(&app, "u", "alice", "20").await;
    assert_eq!(refundable(&app, &order).await, "80.00");
    ask(&app.operator(), &order, "80.01").await.problem(409, "refund_exceeds_payment");
    let refund = ask(&app.operator(), &order, "80.00").await.expect(201);
    assert_eq!((&refund["debited_amount"], &refund["bonus_taken"]), (&json!("80.00"), &json!("16.00")));
    quiet(&app, "stripe").await;
    // 80 went to the payer, and 16 for four fifths of the bonus.
    assert_eq!(parts(&app, "alice").await, ["4.00", "0.00", "0.00", "0.00"]);
    assert_eq!(refundable(&app, &order).await, "0.00");
    let promotion = "-sum(amount)::bigint FROM entries WHERE kind = 17 AND counterpart = 'promotion'";
    assert_eq!(number(&app, promotion).await, 16);

    reverse(&app, "u", "alice").await;
    assert_eq!(parts(&app, "alice").await, ["20.00", "4.00", "0.00", "0.00"]);
    assert_eq!(refundable(&app, &order).await, "20.00");
    ask(&app.operator(), &order, "20.00").await.expect(201);
    quiet(&app, "stripe").await;
    assert_eq!(parts(&app, "alice").await, ["0.00", "0.00", "0.00", "0.00"]);
    assert_eq!(refundable(&app, &order).await, "0.00");
    app.finish().await;
}

#[tokio::test]
async fn case_55_a_held_bonus_is_deducted_until_the_hold_frees_it() {
    let app = generous().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    let held = hold(&app, "h", "alice", "20").await;
    assert_eq!(refundable(&app, &order).await, "80.00");
    ask(&app.operator(), &order, "50.00").await.expect(201);
    quiet(&app, "stripe").await;
    assert_eq!(parts(&app, "alice").await, ["40.00", "20.00", "0.00", "0.00"]);
    // 6 of the bonus are spent, so 14 are free again. Money had been taken for 10 of them: the 10 are revoked, and that
    // money comes back.
    app.service().post(&format!("{held}/capture"), &json!({ "amount": "6" })).await.expect(200);
    assert_eq!(parts(&app, "alice").await, ["50.00", "4.00", "0.00", "0.00"]);
    assert_eq!(refundable(&app, &order).await, "44.00");
    ask(&app.operator(), &order, "44.00").await.expect(201);
    quiet(&app, "stripe").await;
    app.finish().await;
}

#[tokio::test]
async fn case_55_a_disputed_order_takes_its_spent_bonus_as_money_or_claims_it() {
    let app = generous().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    spend(&app, "u", "alice", "20").await;
    play(&app, "stripe", &order, "dispute-open", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(parts(&app, "alice").await, ["0.00", "0.00", "0.00", "20.00"]);
    // The bonus that returns ends the claim for it.
    reverse(&app, "u", "alice").await;
    assert_eq!(parts(&app, "alice").await, ["0.00", "0.00", "0.00", "0.00"]);
    play(&app, "stripe", &order, "dispute-win", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(parts(&app, "alice").await, ["100.00", "20.00", "0.00", "0.00"]);

    let order = paid(&app, "bob", "card", "USD", "100.00").await;
    spend(&app, "v", "bob", "20").await;
    app.fund("bob", "USD", "15").await;
    play(&app, "stripe", &order, "dispute-open", json!({})).await;
    quiet(&app, "stripe").await;
    // The bank transfer brought a bonus of its own.
    assert_eq!(parts(&app, "bob").await, ["0.00", "3.00", "0.00", "5.00"]);
    play(&app, "stripe", &order, "dispute-win", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(parts(&app, "bob").await, ["115.00", "3.00", "0.00", "0.00"]);
    app.finish().await;
}

#[tokio::test]
async fn case_55_a_refund_races_what_gives_the_bonus_back() {
    let app = generous().await;
    for round in 0..8 {
        let customer = format!("c{round}");
        let order = paid(&app, &customer, "card", "USD", "100.00").await;
        spend(&app, "u", &customer, "6").await;
        let held = hold(&app, "h", &customer, "10").await;
        let (operator, service) = (app.operator(), app.service());
        let refunds = join_all(["30.00", "20.00"].map(|amount| ask(&operator, &order, amount)));
        let release = format!("{held}/release");
        let nothing = json!({});
        let released = service.post(&release, &nothing);
        let (refunds, released, ()) = futures_util::join!(refunds, released, reverse(&app, "u", &customer));
        released.expect(200);
        for refund in refunds {
            refund.expect(201);
        }
        quiet(&app, "stripe").await;
        // Whichever came first, half of the money and half of the bonus are left.
        assert_eq!(parts(&app, &customer).await, ["50.00", "10.00", "0.00", "0.00"], "round {round}");
        assert_eq!(refundable(&app, &order).await, "50.00");
    }
    app.finish().await;
}

/// The rule of the channel keeps the fee: the payer gets the rest, and the wallet gives all that it got. An order keeps
/// the rule under which it was created.
#[tokio::test]
async fn a_fee_that_is_not_refundable_stays_ours() {
    let app = TestApp::spawn().await;
    let rule = |kept: bool| {
        format!("UPDATE channel_rules SET fee_percent = 3, fee_refundable = {} WHERE currency = 'USD'", !kept)
    };
    execute(&app.database, &rule(true)).await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    execute(&app.database, &rule(false)).await;
    assert_eq!(read(&app, &order).await["refundable_amount"], "97.00");
    let operator = app.operator();
    ask(&operator, &order, "97.01").await.problem(409, "refund_exceeds_payment");
    for part in ["48.50", "48.50"] {
        assert_eq!(ask(&operator, &order, part).await.expect(201)["debited_amount"], part);
    }
    quiet(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "0.00");
    // The company gives back what we kept: no wallet pays for that.
    play(&app, "stripe", &order, "refund", json!({ "amount": 300 })).await;
    quiet(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "0.00");
    assert_eq!(read(&app, &order).await["refunded_amount"], "100.00");
    app.finish().await;
}
