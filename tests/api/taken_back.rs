//! Taken-back money is taken from whichever wallet it went to: case 54. The missing part is claimed, and nothing new is
//! spent meanwhile.

use futures_util::future::join_all;
use serde_json::{Value, json};
use topup::config::DisputesTake;

use crate::refunds::{ask, tell_all_again};
use crate::stage::{number, paid, play, quiet, with_status};
use crate::support::{Caller, Reply, TestApp};

fn usage(id: &str, customer: &str, product: Option<&str>, amount: &str) -> Value {
    json!({ "id": id, "customer_id": customer, "currency": "USD", "product": product, "amount": amount })
}

fn hold(id: &str, customer: &str, product: Option<&str>, amount: &str) -> Value {
    let mut hold = usage(id, customer, product, amount);
    hold["expires_in"] = json!(600);
    hold
}

async fn transfer(caller: &Caller<'_>, from: Option<&str>, to: Option<&str>, amount: &str) -> Reply {
    let body = json!({ "currency": "USD", "amount": amount, "from_product": from, "to_product": to });
    caller.post("/v1/transfers", &body).await
}

/// What each of the customer's wallets has of paid money, by product, and what is claimed.
async fn standing(app: &TestApp, customer: &str) -> (Vec<(String, String)>, Value) {
    let told = app.customer(customer).get("/v1/balances?currency=USD").await.expect(200);
    let mut paid: Vec<(String, String)> = told["balances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|balance| {
            assert_eq!(balance["debt"], "0.00");
            (balance["product"].as_str().unwrap_or("").to_owned(), balance["paid"].as_str().unwrap().to_owned())
        })
        .collect();
    paid.sort();
    (paid, told["taken_back_debt"].clone())
}

fn wallets(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(product, paid)| ((*product).to_owned(), (*paid).to_owned())).collect()
}

fn owed(amount: &str) -> Value {
    json!([{ "currency": "USD", "amount": amount }])
}

fn stopped(reply: Reply, amount: &str) {
    let problem = reply.problem(402, "taken_back_debt");
    assert_eq!(problem["taken_back_debt"], json!({ "currency": "USD", "amount": amount }));
}

#[tokio::test]
async fn case_54_disputed_money_that_was_moved_is_taken_where_it_is_and_returns_there() {
    let app = TestApp::spawn().await;
    for (company, channel) in [("stripe", "card"), ("paypal", "paypal")] {
        let order = paid(&app, channel, channel, "USD", "100.00").await;
        transfer(&app.customer(channel), None, Some("whatsapp"), "70.00").await.expect(201);
        transfer(&app.customer(channel), None, Some("gpu"), "20.00").await.expect(201);
        play(&app, company, &order, "dispute-open", json!({})).await;
        quiet(&app, company).await;
        tell_all_again(&app, company).await;
        let nothing = wallets(&[("", "0.00"), ("gpu", "0.00"), ("whatsapp", "0.00")]);
        assert_eq!(standing(&app, channel).await, (nothing, json!([])), "{company}");
        let spent = usage("u", channel, Some("whatsapp"), "0.01");
        app.service().post("/v1/usage", &spent).await.problem(402, "insufficient_funds");

        play(&app, company, &order, "dispute-win", json!({})).await;
        quiet(&app, company).await;
        tell_all_again(&app, company).await;
        let back = wallets(&[("", "10.00"), ("gpu", "20.00"), ("whatsapp", "70.00")]);
        assert_eq!(standing(&app, channel).await, (back, json!([])), "{company}");
        app.service().post("/v1/usage", &spent).await.expect(201);
    }
    app.finish().await;
}

#[tokio::test]
async fn case_54_what_is_missing_is_claimed_and_stops_what_is_new() {
    let app = TestApp::spawn().await;
    let (alice, service) = (app.customer("alice"), app.service());
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    transfer(&alice, None, Some("whatsapp"), "90.00").await.expect(201);
    service.post("/v1/usage", &usage("spent", "alice", Some("whatsapp"), "50")).await.expect(201);
    let held = service.post("/v1/holds", &hold("h", "alice", Some("whatsapp"), "30")).await.expect(201);
    let held = format!("/v1/holds/{}", held["hold_id"].as_str().unwrap());
    play(&app, "stripe", &order, "dispute-open", json!({})).await;
    quiet(&app, "stripe").await;
    // 10 of main and 10 of whatsapp are taken; 30 are held.
    let (paid_now, claimed) = standing(&app, "alice").await;
    assert_eq!((paid_now, claimed), (wallets(&[("", "0.00"), ("whatsapp", "30.00")]), owed("80.00")));

    let grant = json!({ "customer_id": "alice", "currency": "USD", "amount": "5", "reason": "welcome" });
    app.operator().post("/v1/grants", &grant).await.expect(201);
    stopped(service.post("/v1/usage", &usage("n1", "alice", None, "1")).await, "80.00");
    stopped(service.post("/v1/usage", &usage("n2", "alice", Some("gpu"), "1")).await, "80.00");
    stopped(service.post("/v1/holds", &hold("n3", "alice", None, "1")).await, "80.00");
    stopped(transfer(&alice, Some("gpu"), None, "1.00").await, "80.00");
    stopped(service.post(&format!("{held}/capture"), &json!({ "amount": "30.01" })).await, "80.00");
    let batch = json!({ "items": [usage("n4", "alice", None, "1"), usage("n5", "bob", None, "1")] });
    let batch = service.post("/v1/usage/batch", &batch).await.expect(200);
    assert_eq!(batch["results"][0]["problem"]["code"], "taken_back_debt");
    assert_eq!(batch["results"][1]["problem"]["code"], "insufficient_funds");
    // Other currencies are free.
    app.fund("alice", "CNY", "5").await;
    let mut yuan = usage("n6", "alice", None, "1");
    yuan["currency"] = json!("CNY");
    service.post("/v1/usage", &yuan).await.expect(201);

    // What happened is booked, here from the grant; what the hold frees is taken.
    let mut happened = usage("happened", "alice", None, "2");
    happened["on_insufficient"] = json!("book");
    service.post("/v1/usage", &happened).await.expect(201);
    service.post(&format!("{held}/capture"), &json!({ "amount": "12" })).await.expect(200);
    assert_eq!(standing(&app, "alice").await.1, owed("62.00"));
    let back = json!({ "id": "r", "customer_id": "alice", "usage_id": "spent", "amount": "22" });
    service.post("/v1/usage/reversals", &back).await.expect(201);
    assert_eq!(standing(&app, "alice").await.1, owed("40.00"));
    // A top-up ends it, and the rest is free in every wallet.
    let second = paid(&app, "alice", "card", "USD", "39.99").await;
    assert_eq!(standing(&app, "alice").await.1, owed("0.01"));
    stopped(ask(&app.operator(), &second, "1.00").await, "0.01");
    paid(&app, "alice", "card", "USD", "20.00").await;
    let free = (wallets(&[("", "19.99"), ("whatsapp", "0.00")]), json!([]));
    assert_eq!(standing(&app, "alice").await, free);
    service.post("/v1/usage", &usage("n1", "alice", None, "1")).await.expect(201);
    transfer(&alice, None, Some("gpu"), "5.00").await.expect(201);
    service.post("/v1/usage", &usage("n2", "alice", Some("gpu"), "1")).await.expect(201);

    play(&app, "stripe", &order, "dispute-lose", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(standing(&app, "alice").await.1, json!([]));
    assert_eq!(number(&app, "count(*) FROM wallets WHERE claimed").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn case_54_a_win_strikes_the_claim_and_returns_what_was_taken_since() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    transfer(&app.customer("alice"), None, Some("whatsapp"), "40.00").await.expect(201);
    app.service().post("/v1/usage", &usage("u", "alice", None, "60")).await.expect(201);
    play(&app, "stripe", &order, "dispute-open", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(standing(&app, "alice").await.1, owed("60.00"));
    paid(&app, "alice", "card", "USD", "25.00").await;
    assert_eq!(standing(&app, "alice").await, (wallets(&[("", "0.00"), ("whatsapp", "0.00")]), owed("35.00")));
    play(&app, "stripe", &order, "dispute-win", json!({})).await;
    quiet(&app, "stripe").await;
    tell_all_again(&app, "stripe").await;
    let back = wallets(&[("", "25.00"), ("whatsapp", "40.00")]);
    assert_eq!(standing(&app, "alice").await, (back, json!([])));
    app.finish().await;
}

#[tokio::test]
async fn case_54_a_refund_made_at_the_company_is_taken_where_the_money_is() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    transfer(&app.customer("alice"), None, Some("whatsapp"), "80.00").await.expect(201);
    app.service().post("/v1/usage", &usage("u", "alice", Some("whatsapp"), "50")).await.expect(201);
    play(&app, "stripe", &order, "refund", json!({ "amount": 6000 })).await;
    quiet(&app, "stripe").await;
    assert_eq!(standing(&app, "alice").await, (wallets(&[("", "0.00"), ("whatsapp", "0.00")]), owed("10.00")));
    play(&app, "stripe", &order, "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(standing(&app, "alice").await, (wallets(&[("", "20.00"), ("whatsapp", "30.00")]), json!([])));
    app.finish().await;
}

/// Whoever comes first: the money is taken from the new wallet, or it never gets there. Nothing of it can be spent.
#[tokio::test]
async fn case_54_a_take_back_races_transfers_to_new_products_and_usage() {
    let app = TestApp::spawn().await;
    for round in 0..12 {
        let customer = format!("c{round}");
        let order = paid(&app, &customer, "card", "USD", "100.00").await;
        let (caller, service) = (app.customer(&customer), app.service());
        let moves = ["gpu", "whatsapp"].map(|product| transfer(&caller, None, Some(product), "20.00"));
        let spends = (0..6).map(|n| {
            let body = usage(&format!("u{n}"), &customer, [None, Some("gpu"), Some("whatsapp")][n % 3], "5");
            let service = service.clone();
            async move { service.post("/v1/usage", &body).await }
        });
        let holds = (0..3).map(|n| {
            let (service, body) = (service.clone(), hold(&format!("h{n}"), &customer, None, "4"));
            async move {
                let held = service.post("/v1/holds", &body).await;
                if held.status == 201 {
                    let path = format!("/v1/holds/{}/release", held["hold_id"].as_str().unwrap());
                    service.post(&path, &json!({})).await.expect(200);
                }
            }
        });
        let disputed = play(&app, "stripe", &order, "dispute-open", json!({}));
        let (_, moved, spent, ()) =
            futures_util::join!(disputed, join_all(moves), join_all(spends), async { drop(join_all(holds).await) });
        // A transfer gives up after it has waited for the others some times; where it went is read below.
        assert!(moved.iter().all(|reply| matches!(reply.status, 201 | 402 | 503)), "{moved:?}");
        assert!(spent.iter().all(|reply| matches!(reply.status, 201 | 402)), "{spent:?}");
        quiet(&app, "stripe").await;
        let spent = 5 * with_status(&spent, 201);
        let (left, claimed) = standing(&app, &customer).await;
        assert!(left.iter().all(|(_, paid)| paid == "0.00"), "round {round}: {left:?}");
        let expected = if spent == 0 { json!([]) } else { owed(&format!("{spent}.00")) };
        assert_eq!(claimed, expected, "round {round}");
        app.check().await;

        // A top-up, a win and a transfer race: the claim is gone, and all money is there again, once.
        let bank = app.fund(&customer, "USD", "30");
        let won = play(&app, "stripe", &order, "dispute-win", json!({}));
        let again = transfer(&caller, None, Some("sms"), "1.00");
        let (_, _, again) = futures_util::join!(bank, won, again);
        assert!(matches!(again.status, 201 | 402 | 503), "{}", again.text);
        quiet(&app, "stripe").await;
        let (left, claimed) = standing(&app, &customer).await;
        let left: f64 = left.iter().map(|(_, paid)| paid.parse::<f64>().unwrap()).sum();
        assert!((left - (130.0 - spent as f64)).abs() < 0.001, "round {round}: {left}, {spent} spent");
        assert_eq!(claimed, json!([]), "round {round}");
    }
    assert_eq!(number(&app, "count(*) FROM wallets WHERE claimed").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn a_reversed_approval_reaches_all_wallets_where_the_operator_says_so() {
    let app = TestApp::spawn().await;
    for (customer, reach) in [("alice", "all_wallets"), ("bob", "order_wallet")] {
        let order = app.fund(customer, "USD", "100").await;
        let caller = app.customer(customer);
        transfer(&caller, None, Some("whatsapp"), "80.00").await.expect(201);
        app.service().post("/v1/usage", &usage("u", customer, Some("whatsapp"), "30")).await.expect(201);
        let body = json!({ "reason": "somebody else's transfer", "reach": reach });
        app.operator().post(&format!("/v1/admin/top-up-orders/{order}/reverse"), &body).await.expect(200);
        let again = usage("v", customer, Some("whatsapp"), "1");
        if reach == "all_wallets" {
            let taken = wallets(&[("", "0.00"), ("whatsapp", "0.00")]);
            assert_eq!(standing(&app, customer).await, (taken, owed("30.00")));
            stopped(app.service().post("/v1/usage", &again).await, "30.00");
            app.fund(customer, "USD", "30").await;
            assert_eq!(standing(&app, customer).await.1, json!([]));
        } else {
            let told = caller.get("/v1/balances?currency=USD&product=").await.expect(200);
            assert_eq!((&told["balances"][0]["debt"], &told["taken_back_debt"]), (&json!("80.00"), &json!([])));
            app.service().post("/v1/usage", &again).await.expect(201);
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_dispute_takes_only_when_it_is_lost_where_the_service_is_set_so() {
    let app = TestApp::spawn_with(|config| config.disputes_take = DisputesTake::Lost).await;
    for (customer, end) in [("alice", "dispute-lose"), ("bob", "dispute-win")] {
        let order = paid(&app, customer, "card", "USD", "100.00").await;
        transfer(&app.customer(customer), None, Some("whatsapp"), "60.00").await.expect(201);
        play(&app, "stripe", &order, "dispute-open", json!({})).await;
        quiet(&app, "stripe").await;
        app.service().post("/v1/usage", &usage("u", customer, Some("whatsapp"), "10")).await.expect(201);
        ask(&app.operator(), &order, "1.00").await.problem(409, "refund_exceeds_payment");
        let there = wallets(&[("", "40.00"), ("whatsapp", "50.00")]);
        assert_eq!(standing(&app, customer).await, (there.clone(), json!([])));
        play(&app, "stripe", &order, end, json!({})).await;
        quiet(&app, "stripe").await;
        tell_all_again(&app, "stripe").await;
        let expected = match end {
            "dispute-win" => (there, json!([])),
            _ => (wallets(&[("", "0.00"), ("whatsapp", "0.00")]), owed("10.00")),
        };
        assert_eq!(standing(&app, customer).await, expected, "{end}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_refund_takes_from_returnable_products_too_where_it_is_asked_to() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    transfer(&app.customer("alice"), None, Some("gpu"), "50.00").await.expect(201);
    transfer(&app.customer("alice"), None, Some("whatsapp"), "30.00").await.expect(201);
    ask(&app.operator(), &order, "70.00").await.problem(402, "insufficient_funds");
    let from_products =
        |amount: &str| json!({ "order_id": order, "amount": amount, "reason": "asked for", "from_products": true });
    // Money of whatsapp is spent there only.
    let more = app.operator().post("/v1/admin/refunds", &from_products("70.01")).await;
    more.problem(402, "insufficient_funds");
    let refund = app.operator().post("/v1/admin/refunds", &from_products("70.00")).await.expect(201);
    assert_eq!((&refund["debited_amount"], &refund["from_products"]), (&json!("70.00"), &json!(true)));
    quiet(&app, "stripe").await;
    let left = wallets(&[("", "0.00"), ("gpu", "0.00"), ("whatsapp", "30.00")]);
    assert_eq!(standing(&app, "alice").await, (left, json!([])));
    // It comes back to where it was taken from.
    play(&app, "stripe", refund["provider_refund_id"].as_str().unwrap(), "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    let back = wallets(&[("", "20.00"), ("gpu", "50.00"), ("whatsapp", "30.00")]);
    assert_eq!(standing(&app, "alice").await, (back, json!([])));
    app.finish().await;
}
