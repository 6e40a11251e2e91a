//! Disputes: case 49. While a dispute is open or lost, the wallet has given the money back. When it is won, the wallet
//! has the money again, once.

use serde_json::{Value, json};

use crate::refunds::{ask, tell_all_again};
use crate::stage::{balance, number, paid, play, quiet, read, timeline};
use crate::support::TestApp;

async fn disputes(app: &TestApp, order: &str) -> Vec<Value> {
    let list = app.operator().get(&format!("/v1/admin/disputes?order={order}")).await.expect(200);
    list["data"].as_array().unwrap().clone()
}

async fn spend(app: &TestApp, customer: &str, amount: &str) {
    let usage = json!({ "id": format!("u-{amount}"), "customer_id": customer, "currency": "USD", "amount": amount });
    app.service().post("/v1/usage", &usage).await.expect(201);
}

#[tokio::test]
async fn case_49_an_open_dispute_takes_the_money_back_and_a_won_one_restores_it_once() {
    let app = TestApp::spawn().await;
    for (company, channel) in [("stripe", "card"), ("paypal", "paypal")] {
        let order = paid(&app, channel, channel, "USD", "100.00").await;
        spend(&app, channel, "30").await;
        play(&app, company, &order, "dispute-open", json!({})).await;
        quiet(&app, company).await;
        tell_all_again(&app, company).await;
        let taken = balance(&app, channel, "USD").await;
        assert_eq!((&taken["paid"], &taken["debt"]), (&json!("0.00"), &json!("0.00")), "{company}");
        let told = app.customer(channel).get("/v1/balances").await.expect(200);
        assert_eq!(told["taken_back_debt"], json!([{ "currency": "USD", "amount": "30.00" }]), "{company}");
        let open = disputes(&app, &order).await;
        assert_eq!((open.len(), &open[0]["status"], &open[0]["amount"]), (1, &json!("open"), &json!("100.00")));
        ask(&app.operator(), &order, "0.01").await.problem(409, "refund_exceeds_payment");

        play(&app, company, &order, "dispute-update", json!({})).await;
        play(&app, company, &order, "dispute-win", json!({})).await;
        quiet(&app, company).await;
        tell_all_again(&app, company).await;
        assert_eq!(app.available(channel, "USD", "").await, "70.00", "{company}");
        assert_eq!(disputes(&app, &order).await[0]["status"], "won");
        for event in ["dispute_opened", "dispute_won"] {
            let told = timeline(&app, &order).await.iter().filter(|told| *told == event).count();
            assert_eq!(told, 1, "{company}: {event}");
        }
        // A later refund on the same payment computes right.
        ask(&app.operator(), &order, "70.01").await.problem(402, "insufficient_funds");
        ask(&app.operator(), &order, "70.00").await.expect(201);
        quiet(&app, company).await;
        assert_eq!(app.available(channel, "USD", "").await, "0.00", "{company}");
        ask(&app.operator(), &order, "30.01").await.problem(409, "refund_exceeds_payment");
    }
    app.finish().await;
}

#[tokio::test]
async fn case_49_a_lost_dispute_stays_taken() {
    let app = TestApp::spawn().await;
    for (company, channel) in [("stripe", "card"), ("paypal", "paypal")] {
        let order = paid(&app, channel, channel, "USD", "100.00").await;
        play(&app, company, &order, "dispute-open", json!({})).await;
        quiet(&app, company).await;
        play(&app, company, &order, "dispute-lose", json!({})).await;
        quiet(&app, company).await;
        tell_all_again(&app, company).await;
        assert_eq!(app.available(channel, "USD", "").await, "0.00", "{company}");
        assert_eq!(disputes(&app, &order).await[0]["status"], "lost");
        ask(&app.operator(), &order, "0.01").await.problem(409, "refund_exceeds_payment");
        assert_eq!(read(&app, &order).await["status"], "completed");
    }
    app.finish().await;
}

#[tokio::test]
async fn case_49_what_was_refunded_before_is_not_taken_again() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    ask(&app.operator(), &order, "30.00").await.expect(201);
    quiet(&app, "stripe").await;
    // Stripe's dispute states the whole charge.
    play(&app, "stripe", &order, "dispute-open", json!({})).await;
    quiet(&app, "stripe").await;
    let taken = balance(&app, "alice", "USD").await;
    assert_eq!((&taken["paid"], &taken["debt"]), (&json!("0.00"), &json!("0.00")));
    play(&app, "stripe", &order, "dispute-win", json!({})).await;
    quiet(&app, "stripe").await;
    tell_all_again(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "70.00");
    ask(&app.operator(), &order, "70.01").await.problem(409, "refund_exceeds_payment");
    ask(&app.operator(), &order, "70.00").await.expect(201);
    quiet(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "0.00");
    app.finish().await;
}

/// The refund comes back while the dispute is open: the money is still gone, once.
#[tokio::test]
async fn case_49_a_refund_that_fails_under_a_dispute_is_restored_when_that_is_won() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    let refund = ask(&app.operator(), &order, "30.00").await.expect(201);
    quiet(&app, "stripe").await;
    play(&app, "stripe", &order, "dispute-open", json!({})).await;
    quiet(&app, "stripe").await;
    play(&app, "stripe", refund["provider_refund_id"].as_str().unwrap(), "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "0.00");
    play(&app, "stripe", &order, "dispute-win", json!({})).await;
    quiet(&app, "stripe").await;
    tell_all_again(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "100.00");
    assert_eq!(read(&app, &order).await["refunded_amount"], "0.00");
    app.finish().await;
}

#[tokio::test]
async fn case_49_a_partial_dispute_takes_its_part_and_the_bonus_pro_rata() {
    let app = TestApp::spawn().await;
    crate::support::execute(&app.database, "UPDATE channel_rules SET bonus_percent = 10 WHERE currency = 'USD'").await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    play(&app, "stripe", &order, "dispute-open", json!({ "amount": 2500 })).await;
    quiet(&app, "stripe").await;
    let parts = async || {
        let now = balance(&app, "alice", "USD").await;
        [now["paid"].clone(), now["granted"].clone(), now["debt"].clone()]
    };
    assert_eq!(parts().await, ["75.00", "7.50", "0.00"]);
    ask(&app.operator(), &order, "75.01").await.problem(409, "refund_exceeds_payment");
    // Stripe refunds nothing of a charge while any of it is disputed: the wallet has its money back at once.
    let refused = ask(&app.operator(), &order, "75.00").await.expect(201);
    assert_eq!((&refused["status"], &refused["failure"].is_string()), (&json!("failed"), &true), "{}", refused.text);
    assert_eq!(parts().await, ["75.00", "7.50", "0.00"]);
    play(&app, "stripe", &order, "dispute-lose", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(parts().await, ["75.00", "7.50", "0.00"]);
    ask(&app.operator(), &order, "75.01").await.problem(409, "refund_exceeds_payment");
    app.finish().await;
}

/// PayPal reports a chargeback twice: as a dispute, and as a reversal of the capture. It is one movement, whichever
/// report comes first.
#[tokio::test]
async fn case_49_a_reversal_is_the_disputed_money_itself() {
    let app = TestApp::spawn().await;
    for (customer, scenes) in [("alice", ["dispute-open", "reverse"]), ("bob", ["reverse", "dispute-open"])] {
        let order = paid(&app, customer, "paypal", "USD", "100.00").await;
        for scene in scenes {
            play(&app, "paypal", &order, scene, json!({})).await;
            quiet(&app, "paypal").await;
            assert_eq!(app.available(customer, "USD", "").await, "0.00", "{scenes:?} {scene}");
        }
        play(&app, "paypal", &order, "dispute-win", json!({})).await;
        quiet(&app, "paypal").await;
        tell_all_again(&app, "paypal").await;
        assert_eq!(app.available(customer, "USD", "").await, "100.00", "{scenes:?}");
    }
    app.finish().await;
}

/// The payer's bank only inquires. No money has left us, so none is taken from the wallet. A refund is the way to
/// settle the inquiry.
#[tokio::test]
async fn case_49_an_inquiry_takes_nothing() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    play(&app, "stripe", &order, "inquiry-open", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "100.00");
    let told = app.customer("alice").get(&format!("/v1/top-up-orders/{order}")).await.expect(200);
    let last = told["timeline"].as_array().unwrap().last().unwrap();
    assert_eq!(last["event"], "payment_questioned");
    assert_eq!(last["detail"], "the payer's bank asks about 100.00 USD: fraudulent");
    let page = app.operator().get("/v1/admin/disputes").await.expect(200);
    assert_eq!(page["data"], json!([]));
    play(&app, "stripe", &order, "inquiry-close", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "100.00");
    // An inquiry that becomes a dispute takes the money then.
    play(&app, "stripe", &order, "inquiry-open", json!({})).await;
    quiet(&app, "stripe").await;
    play(&app, "stripe", &order, "dispute-update", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "0.00");
    play(&app, "stripe", &order, "dispute-win", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "100.00");
    app.finish().await;
}

#[tokio::test]
async fn case_49_every_dispute_of_a_payment_is_its_own() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    for round in 1..=2 {
        play(&app, "stripe", &order, "dispute-open", json!({})).await;
        quiet(&app, "stripe").await;
        assert_eq!(app.available("alice", "USD", "").await, "0.00");
        play(&app, "stripe", &order, "dispute-win", json!({})).await;
        quiet(&app, "stripe").await;
        assert_eq!(app.available("alice", "USD", "").await, "100.00");
        assert_eq!(number(&app, "count(*) FROM disputes WHERE restored").await, round);
    }
    app.finish().await;
}
