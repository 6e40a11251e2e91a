//! Bonus tiers: a top-up of a certain amount brings a bonus, and a once-only bonus is given once.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::catalogue::put;
use crate::refunds::refund;
use crate::stage::{balance, id, number, order, profile, read, statement, with_status};
use crate::support::{Caller, Reply, TestApp, execute};

async fn tier(app: &TestApp, from: &str, bonus: &str, used: &str) -> Reply {
    let body = json!({
        "currency": "CNY", "from_amount": from, "bonus": bonus, "use": used, "expires_after_days": 30, "active": true
    });
    app.operator().post("/v1/admin/bonus-tiers", &body).await.expect(201)
}

async fn place(caller: &Caller<'_>, amount: &str) -> Reply {
    caller.post("/v1/top-up-orders", &order("bank_transfer", "CNY", amount)).await.expect(201)
}

async fn cancel(caller: &Caller<'_>, order: &Reply) {
    caller.post(&format!("/v1/top-up-orders/{}/cancel", id(order)), &json!({})).await.expect(200);
}

/// States that the money of an order arrived, whatever the order's state is.
async fn arrived(app: &TestApp, order: &Reply, amount: &str) -> Reply {
    let mut stated = statement(amount, &format!("T-{}", id(order)));
    stated["accept_late"] = json!(true);
    app.operator().post(&format!("/v1/admin/top-up-orders/{}/approve", id(order)), &stated).await
}

fn bonus(order: &Reply) -> (&str, Option<&str>) {
    (order["bonus"].as_str().unwrap(), order["bonus_reason_code"].as_str())
}

#[tokio::test]
async fn who_tops_up_more_gets_the_best_tier_and_it_expires() {
    let app = TestApp::spawn().await;
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    tier(&app, "100", "5", "every_time").await;
    tier(&app, "500", "50", "every_time").await;
    let shown = alice.get("/v1/top-up-options?currency=CNY").await.expect(200);
    assert_eq!(
        shown["bonus_tiers"][1],
        json!({
            "from_amount": "500.00", "bonus": "50.00", "use": "every_time", "expires_after_days": 30,
            "available": true,
        })
    );
    for (amount, wanted) in [("99.99", "0.00"), ("100.00", "5.00"), ("499.99", "5.00"), ("500.00", "50.00")] {
        assert_eq!(bonus(&place(&alice, amount).await), (wanted, None), "{amount}");
    }
    // A share of the amount counts if it is more.
    let share = "UPDATE channel_rules SET bonus_percent = 11 WHERE currency = 'CNY' AND channel = 'bank_transfer'";
    execute(&app.database, share).await;
    assert_eq!(bonus(&place(&alice, "500.00").await), ("55.00", None));
    let made = place(&alice, "100.00").await;
    assert_eq!(bonus(&made), ("11.00", None));
    execute(&app.database, "UPDATE channel_rules SET bonus_percent = 0 WHERE currency = 'CNY'").await;
    let made = place(&alice, "600.00").await;
    arrived(&app, &made, "600.00").await.expect(200);
    let now = balance(&app, "alice", "CNY").await;
    assert_eq!((&now["paid"], &now["granted"]), (&json!("600.00"), &json!("50.00")));
    let days = "round(extract(epoch FROM expires_at - created_at) / 86400) FROM grants";
    assert_eq!(number(&app, days).await, 30);
    // An order that is paid from the wallet gets no bonus, and neither does one in another currency.
    let mut from_wallet = order("balance", "CNY", "500.00");
    from_wallet["product"] = json!("sms");
    let moved = alice.post("/v1/top-up-orders", &from_wallet).await.expect(201);
    assert_eq!(bonus(&moved), ("0.00", None));
    let dollars = alice.post("/v1/top-up-orders", &order("card", "USD", "500.00")).await.expect(201);
    assert_eq!(bonus(&dollars), ("0.00", None));
    app.finish().await;
}

#[tokio::test]
async fn a_once_only_bonus_is_reserved_by_the_order_that_names_it() {
    let app = TestApp::spawn().await;
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    tier(&app, "500", "50", "once").await;
    let first = place(&alice, "500.00").await;
    assert_eq!(bonus(&first), ("50.00", None));
    let second = place(&alice, "500.00").await;
    assert_eq!(bonus(&second), ("0.00", Some("bonus_reserved")));
    let priced = json!({ "currency": "CNY", "amount": "500.00", "channel": "bank_transfer" });
    let quote = alice.post("/v1/quotes", &priced).await.expect(200);
    assert_eq!((&quote["bonus"], &quote["bonus_reason_code"]), (&json!("0.00"), &json!("bonus_reserved")));
    let shown = alice.get("/v1/top-up-options?currency=CNY").await.expect(200);
    assert_eq!(shown["bonus_tiers"][0]["available"], false);
    // Another customer can get it as well.
    profile(&app, "bob").await;
    assert_eq!(bonus(&place(&app.customer("bob"), "500.00").await), ("50.00", None));

    // When the order is cancelled, the bonus is free again. Late money for it brings the bonus only if no other order
    // has it.
    cancel(&alice, &first).await;
    let third = place(&alice, "500.00").await;
    assert_eq!(bonus(&third), ("50.00", None));
    arrived(&app, &first, "500.00").await.expect(200);
    let late = read(&app, &id(&first)).await;
    assert_eq!((&late["status"], bonus(&late)), (&json!("completed"), ("0.00", Some("bonus_reserved"))));
    assert_eq!(balance(&app, "alice", "CNY").await["granted"], "0.00");
    execute(&app.database, "UPDATE top_up_orders SET expires_at = now() WHERE status = 'pending'").await;
    topup::workers::expire_orders(&app.server.app).await.unwrap();
    assert_eq!(read(&app, &id(&third)).await["status"], "expired");
    arrived(&app, &third, "500.00").await.expect(200);
    assert_eq!(bonus(&read(&app, &id(&third)).await), ("50.00", None));
    assert_eq!(balance(&app, "alice", "CNY").await["granted"], "50.00");

    // A refund does not free it.
    let refunded = app.operator().post("/v1/admin/refunds", &refund(&id(&third), "500.00")).await.expect(201);
    let sent = format!("/v1/admin/refunds/{}/mark-sent", id(&refunded));
    app.operator().post(&sent, &json!({ "bank_transaction_id": "OUT-1" })).await.expect(200);
    assert_eq!(bonus(&place(&alice, "500.00").await), ("0.00", Some("bonus_reserved")));
    app.finish().await;
}

/// Orders that are made at once, and late money that arrives at once: one gets the bonus.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_once_only_bonus_has_one_winner() {
    let app = TestApp::spawn().await;
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    tier(&app, "500", "50", "once").await;
    let body = order("bank_transfer", "CNY", "500.00");
    let mut closed = Vec::new();
    for round in 0..4 {
        let made = join_all((0..5).map(|_| alice.post("/v1/top-up-orders", &body))).await;
        assert_eq!(with_status(&made, 201), 5, "{round}: {made:#?}");
        let (winners, others): (Vec<_>, Vec<_>) = made.into_iter().partition(|made| bonus(made).0 == "50.00");
        assert_eq!(winners.len(), 1, "{round}");
        assert!(others.iter().all(|other| bonus(other) == ("0.00", Some("bonus_reserved"))), "{others:#?}");
        for made in winners.iter().chain(&others) {
            cancel(&alice, made).await;
        }
        closed.extend(winners);
    }
    let answers = join_all(closed.iter().map(|order| arrived(&app, order, "500.00"))).await;
    assert_eq!(with_status(&answers, 200), 4, "{answers:#?}");
    assert_eq!(number(&app, "count(*) FROM top_up_orders WHERE status = 'completed' AND bonus = 50").await, 1);
    assert_eq!(number(&app, "count(*) FROM top_up_orders WHERE bonus_reserved AND status = 'completed'").await, 3);
    let now = balance(&app, "alice", "CNY").await;
    assert_eq!((&now["paid"], &now["granted"]), (&json!("2000.00"), &json!("50.00")));
    app.finish().await;
}

#[tokio::test]
async fn the_first_top_up_brings_its_bonus_once() {
    let app = TestApp::spawn().await;
    tier(&app, "50", "10", "first_top_up").await;
    // A customer who has topped up before gets no first top-up bonus.
    app.fund("bob", "USD", "10.00").await;
    assert_eq!(bonus(&place(&app.customer("bob"), "100.00").await), ("0.00", None));
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    let first = place(&alice, "100.00").await;
    assert_eq!(bonus(&first), ("10.00", None));
    assert_eq!(bonus(&place(&alice, "100.00").await), ("0.00", Some("bonus_reserved")));
    // The bonus is a share of what arrives, and never more.
    arrived(&app, &first, "50.00").await.expect(200);
    assert_eq!(balance(&app, "alice", "CNY").await["granted"], "5.00");
    assert_eq!(bonus(&place(&alice, "100.00").await), ("0.00", None));
    app.finish().await;
}

/// There are two tiers for the first top-up. Of several orders that wait, only one has a bonus, even if many are made
/// at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_tiers_for_the_first_top_up_one_brings_its_bonus() {
    let app = TestApp::spawn().await;
    tier(&app, "50", "10", "first_top_up").await;
    tier(&app, "500", "50", "first_top_up").await;
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    let (small, large) = (place(&alice, "100.00").await, place(&alice, "500.00").await);
    assert_eq!((bonus(&small), bonus(&large)), (("10.00", None), ("0.00", Some("bonus_reserved"))));
    let shown = alice.get("/v1/top-up-options?currency=CNY").await.expect(200);
    let available: Vec<_> = shown["bonus_tiers"].as_array().unwrap().iter().map(|tier| &tier["available"]).collect();
    assert_eq!(available, [false, false]);
    for (order, amount) in [(&small, "100.00"), (&large, "500.00")] {
        arrived(&app, order, amount).await.expect(200);
    }
    let now = balance(&app, "alice", "CNY").await;
    assert_eq!((&now["paid"], &now["granted"]), (&json!("600.00"), &json!("10.00")));

    profile(&app, "bob").await;
    let bob = app.customer("bob");
    let asked = ["100.00", "500.00"].map(|amount| order("bank_transfer", "CNY", amount));
    let mut won = Vec::new();
    for round in 0..4 {
        let made = join_all((0..4).map(|n| bob.post("/v1/top-up-orders", &asked[n % 2]))).await;
        assert_eq!(with_status(&made, 201), 4, "{round}: {made:#?}");
        let (winners, others): (Vec<_>, Vec<_>) = made.into_iter().partition(|made| bonus(made).0 != "0.00");
        assert_eq!(winners.len(), 1, "{round}");
        for made in winners.iter().chain(&others) {
            cancel(&bob, made).await;
        }
        won.extend(winners);
    }
    // Each of these orders had a bonus when it was closed. Only the one whose money comes first gets it.
    let late = won.iter().map(|order| arrived(&app, order, order["amount"].as_str().unwrap()));
    let answers = join_all(late).await;
    assert_eq!(with_status(&answers, 200), 4, "{answers:#?}");
    let given = "count(*) FROM top_up_orders WHERE customer_id = 'bob' AND status = 'completed' AND bonus > 0";
    assert_eq!(number(&app, given).await, 1);
    assert_eq!(number(&app, "count(*) FROM grants WHERE customer_id = 'bob'").await, 1);
    app.finish().await;
}

/// An order reserves the bonus. But another order is paid before it, so that one is the first top-up.
#[tokio::test]
async fn the_first_top_up_is_the_first_that_completes() {
    let app = TestApp::spawn().await;
    let made = tier(&app, "50", "10", "first_top_up").await;
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    let (reserved, other) = (place(&alice, "100.00").await, place(&alice, "100.00").await);
    assert_eq!(bonus(&reserved), ("10.00", None));
    for order in [&other, &reserved] {
        arrived(&app, order, "100.00").await.expect(200);
    }
    let late = read(&app, &id(&reserved)).await;
    assert_eq!((&late["status"], bonus(&late)), (&json!("completed"), ("0.00", Some("bonus_reserved"))));
    let now = balance(&app, "alice", "CNY").await;
    assert_eq!((&now["paid"], &now["granted"]), (&json!("200.00"), &json!("0.00")));

    // A quote does not reserve the bonus either. That holds even if the tier has been closed, and so no longer shows
    // whom it is for.
    profile(&app, "bob").await;
    let bob = app.customer("bob");
    let priced = json!({ "currency": "CNY", "amount": "100.00", "channel": "bank_transfer" });
    let quote = bob.post("/v1/quotes", &priced).await.expect(200);
    assert_eq!(quote["bonus"], "10.00");
    app.fund("bob", "USD", "10.00").await;
    let off = json!({ "from_amount": "50", "bonus": "10", "use": "first_top_up", "active": false });
    let path = format!("/v1/admin/bonus-tiers/{}", id(&made));
    put(&app.operator(), &path, &off, made.header("etag")).await.expect(200);
    let mut body = order("bank_transfer", "CNY", "100.00");
    body["quote_id"] = quote["quote_id"].clone();
    bob.post("/v1/top-up-orders", &body).await.problem(409, "price_changed");
    app.finish().await;
}

#[tokio::test]
async fn operators_edit_tiers_by_version() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let body = |field: &str, value: Value| {
        let mut body = json!({ "currency": "CNY", "from_amount": "500", "bonus": "50", "use": "once", "active": true });
        body[field] = value;
        body
    };
    for (body, pointer, code) in [
        (body("currency", json!("XX1")), "/currency", "unknown_currency"),
        (body("from_amount", json!("0")), "/from_amount", "not_positive"),
        (body("bonus", json!("500.01")), "/bonus", "above_maximum"),
        (body("bonus", json!("0.001")), "/bonus", "too_precise"),
        (body("expires_after_days", json!(0)), "/expires_after_days", "out_of_range"),
        (body("product", json!("fax")), "/product", "unknown_product"),
        (body("use", json!("twice")), "/use", "invalid_value"),
    ] {
        operator.post("/v1/admin/bonus-tiers", &body).await.names(pointer, code);
    }
    let made = tier(&app, "500", "50", "once").await;
    let path = format!("/v1/admin/bonus-tiers/{}", id(&made));
    let off = json!({ "from_amount": "600", "bonus": "50", "use": "every_time", "active": false });
    put(&operator, &path, &off, None).await.problem(428, "if_match_required");
    put(&operator, &path, &off, Some("\"9\"")).await.problem(412, "precondition_failed");
    let saved = put(&operator, &path, &off, made.header("etag")).await.expect(200);
    assert_eq!((&saved["version"], &saved["from_amount"]), (&json!(2), &json!("600.00")));
    let listed = operator.get("/v1/admin/bonus-tiers").await.expect(200);
    assert_eq!((&listed["data"][0]["active"], &listed["data"][0]["currency"]), (&json!(false), &json!("CNY")));
    profile(&app, "alice").await;
    let shown = app.customer("alice").get("/v1/top-up-options?currency=CNY").await.expect(200);
    assert_eq!(shown["bonus_tiers"], json!([]));
    let target = format!("bonus_tier:{}", id(&made));
    let log = operator.get(&format!("/v1/admin/audit-log?target={target}")).await.expect(200);
    assert_eq!(log["data"].as_array().unwrap().len(), 2);
    let nobody = operator.request(Method::PUT, "/v1/admin/bonus-tiers/bnt_00000000000000000000000000000000");
    Reply::of(nobody.header("if-match", "*").json(&off)).await.problem(404, "not_found");
    app.finish().await;
}
