//! Spending caps and low-balance alerts.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::{Caller, Reply, TestApp};
use crate::tools::{all_at_once, ask, balance, grant, hold, spend, transfer, until, usage, with};

async fn cap(caller: &Caller<'_>, wallet: &str, body: &Value) -> Reply {
    caller.send(Method::PUT, &format!("/v1/spend-guards/{wallet}"), Some(body), None).await
}

async fn cap_daily(app: &TestApp, wallet: &str, amount: &str) -> Reply {
    cap(&app.service(), wallet, &json!({ "daily_cap": amount })).await
}

async fn alert(caller: &Caller<'_>, wallet: &str, threshold: &str) -> Reply {
    let body = json!({ "threshold": threshold });
    caller.send(Method::PUT, &format!("/v1/low-balance-alerts/{wallet}"), Some(&body), None).await
}

async fn alerts(app: &TestApp) -> usize {
    ask(app, "SELECT id FROM events WHERE type = 'balance.low'").await.len()
}

fn statuses(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

#[tokio::test]
async fn a_cap_is_obeyed_until_it_is_removed() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let made = cap_daily(&app, "CNY?customer_id=alice", "10.00").await.expect(201);
    assert_eq!(
        (&made["daily_cap"], &made["monthly_cap"], &made["spent_today"]),
        (&json!("10.00"), &Value::Null, &json!("0.00"))
    );
    assert_eq!(made["set_by"], "service:meter");

    spend(&app, "alice", "u1", "6.00").await.expect(201);
    let refused = spend(&app, "alice", "u2", "5.00").await.problem(402, "spend_cap_reached");
    let said = &refused["spend_cap"];
    assert_eq!(
        json!([said["period"], said["currency"], said["product"], said["cap"], said["spent"], said["required"]]),
        json!(["day", "CNY", null, "10.00", "6.00", "5.00"])
    );
    assert_eq!(said["resets_at"], made["day_ends_at"]);
    assert!(said["resets_at"].as_str().unwrap().ends_with("T00:00:00Z"), "{said}");
    spend(&app, "alice", "u2", "4.00").await.expect(201);

    // A hold counts as spent before it is captured, and what is captured beyond it is asked for again.
    cap_daily(&app, "CNY?customer_id=alice", "20.00").await.expect(200);
    let opened = hold(&app, "alice", "h1", "7.00", 600).await.expect(201);
    let refused = hold(&app, "alice", "h2", "4.00", 600).await.problem(402, "spend_cap_reached");
    assert_eq!(refused["spend_cap"]["spent"], "17.00");
    let capture = format!("/v1/holds/{}/capture", opened["hold_id"].as_str().unwrap());
    let refused = app.service().post(&capture, &json!({ "amount": "10.01" })).await.problem(402, "spend_cap_reached");
    assert_eq!((&refused["spend_cap"]["currency"], &refused["spend_cap"]["required"]), (&json!("CNY"), &json!("3.01")));
    app.service().post(&capture, &json!({ "amount": "2.00" })).await.expect(200);

    // What is given back makes room again.
    let back = json!({ "id": "r1", "customer_id": "alice", "usage_id": "u1" });
    app.service().post("/v1/usage/reversals", &back).await.expect(201);
    let listed = app.customer("alice").get("/v1/spend-guards").await.expect(200);
    let guard = &listed["data"][0];
    assert_eq!(
        (&guard["spent_today"], &guard["spent_this_month"], &guard["held"]),
        (&json!("6.00"), &json!("6.00"), &json!("0.00"))
    );

    let remove =
        async || app.operator().send(Method::DELETE, "/v1/spend-guards/CNY?customer_id=alice", None, None).await;
    remove().await.expect(204);
    remove().await.problem(404, "not_found");
    spend(&app, "alice", "u3", "60.00").await.expect(201);
    assert_eq!(app.customer("alice").get("/v1/spend-guards").await.expect(200)["data"], json!([]));
    app.finish().await;
}

#[tokio::test]
async fn fifty_usages_at_once_stop_at_the_cap() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "1000.00").await;
    cap_daily(&app, "CNY?customer_id=alice", "10.00").await.expect(201);
    let bodies: Vec<Value> = (0..50).map(|n| usage("alice", &format!("u{n}"), "1.00")).collect();
    let replies = all_at_once(&app, "/v1/usage", &bodies).await;
    assert_eq!((statuses(&replies, 201), statuses(&replies, 402)), (10, 40));
    for refused in replies.into_iter().filter(|reply| reply.status == 402) {
        assert_eq!(refused.problem(402, "spend_cap_reached")["spend_cap"]["spent"], "10.00");
    }
    assert_eq!(app.available("alice", "CNY", "").await, "990.00");

    // A batch books each item that still fits below the cap, in their order. The cap applies to holds as well.
    cap(&app.operator(), "CNY?customer_id=alice", &json!({ "monthly_cap": "15.00" })).await.expect(200);
    let items: Vec<Value> = ["3.00", "4.00", "2.00"].iter().map(|a| usage("alice", &format!("b{a}"), a)).collect();
    let done = app.service().post("/v1/usage/batch", &json!({ "items": items })).await.expect(200);
    let told: Vec<&Value> = done["results"].as_array().unwrap().iter().map(|result| &result["status"]).collect();
    assert_eq!(told, ["booked", "refused", "booked"]);
    let problem = &done["results"][1]["problem"];
    assert_eq!((&problem["code"], &problem["spend_cap"]["period"]), (&json!("spend_cap_reached"), &json!("month")));
    hold(&app, "alice", "h", "0.01", 60).await.problem(402, "spend_cap_reached");
    app.finish().await;
}

/// Meanwhile the fast path writes usage; each one is either counted before the cap, or refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cap_is_obeyed_from_its_commit_on() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "10000.00").await;
    let (booked, stop) = (AtomicU32::new(0), AtomicBool::new(false));
    let meter = async |worker: u32| {
        let mut n = 0;
        while !stop.load(Ordering::SeqCst) {
            let reply = spend(&app, "alice", &format!("u{worker}-{n}"), "1.00").await;
            assert!(matches!(reply.status, 201 | 402), "{}", reply.text);
            booked.fetch_add(u32::from(reply.status == 201), Ordering::SeqCst);
            n += 1;
        }
    };
    let guard = async {
        until("some usage", async || booked.load(Ordering::SeqCst) >= 20).await;
        let set = cap_daily(&app, "CNY?customer_id=alice", "1.00").await.expect(201);
        for n in 0..20 {
            spend(&app, "alice", &format!("after-{n}"), "1.00").await.problem(402, "spend_cap_reached");
        }
        stop.store(true, Ordering::SeqCst);
        set["spent_today"].as_str().unwrap().parse::<Decimal>().unwrap()
    };
    let (counted, ..) = tokio::join!(guard, meter(0), meter(1), meter(2), meter(3));
    let left: Decimal = app.available("alice", "CNY", "").await.parse().unwrap();
    assert_eq!(counted, Decimal::from(10_000) - left, "what was spent is what the cap knew of");
    app.finish().await;
}

#[tokio::test]
async fn what_was_consumed_before_the_cap_counts() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    grant(&app, "alice", "5.00", json!({})).await;
    spend(&app, "alice", "u1", "8.00").await.expect(201);
    spend(&app, "alice", "u2", "2.00").await.expect(201);
    let opened = hold(&app, "alice", "h", "4.00", 600).await.expect(201);
    let capture = format!("/v1/holds/{}/capture", opened["hold_id"].as_str().unwrap());
    app.service().post(&capture, &json!({ "amount": "3.00" })).await.expect(200);
    let back = json!({ "id": "r", "customer_id": "alice", "usage_id": "u2" });
    app.service().post("/v1/usage/reversals", &back).await.expect(201);
    // Money that moves is not consumed.
    transfer(&app, "alice", "whatsapp", "20.00").await;
    app.fund("alice", "CNY", "7.00").await;
    let set = cap_daily(&app, "CNY?customer_id=alice", "12.00").await.expect(201);
    assert_eq!((&set["spent_today"], &set["spent_this_month"]), (&json!("11.00"), &json!("11.00")));
    spend(&app, "alice", "u3", "1.01").await.problem(402, "spend_cap_reached");
    spend(&app, "alice", "u3", "1.00").await.expect(201);

    // Yesterday's and last month's are over.
    app.fund("bob", "CNY", "50.00").await;
    for n in 0..5 {
        spend(&app, "bob", &format!("u{n}"), "1.00").await.expect(201);
    }
    let age = "ALTER TABLE entries DISABLE TRIGGER entries_no_change;
         UPDATE entries SET created_at = created_at - CASE WHEN key IN ('u0', 'u1') THEN interval '70 days'
         ELSE interval '0' END
           WHERE customer_id = 'bob' AND seq <= 3;
         UPDATE entries SET created_at = created_at - interval '70 days' WHERE customer_id = 'bob' AND kind = 1;
         ALTER TABLE entries ENABLE TRIGGER entries_no_change";
    crate::support::execute(&app.database, age).await;
    let set = cap_daily(&app, "CNY?customer_id=bob", "9.00").await.expect(201);
    assert_eq!((&set["spent_today"], &set["spent_this_month"]), (&json!("3.00"), &json!("3.00")));
    app.finish().await;
}

#[tokio::test]
async fn a_products_cap_holds_whichever_wallet_pays() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    transfer(&app, "alice", "whatsapp", "2.00").await;
    cap_daily(&app, "CNY?customer_id=alice&product=whatsapp", "5.00").await.expect(201);
    let message = |id: &str, amount: &str| {
        with(with(usage("alice", id, amount), "product", "whatsapp"), "fallback", "main_wallet")
    };
    let paid = app.service().post("/v1/usage", &message("m1", "3.00")).await.expect(201);
    assert_eq!(paid["product"], Value::Null, "the main wallet paid");
    let paid = app.service().post("/v1/usage", &message("m2", "1.50")).await.expect(201);
    assert_eq!(paid["product"], "whatsapp");
    let refused = app.service().post("/v1/usage", &message("m3", "0.51")).await.problem(402, "spend_cap_reached");
    assert_eq!(
        (&refused["spend_cap"]["product"], &refused["spend_cap"]["spent"]),
        (&json!("whatsapp"), &json!("4.50"))
    );
    // The main wallet has no cap of its own.
    spend(&app, "alice", "u1", "50.00").await.expect(201);

    // What has happened is booked above any cap, and counts.
    let happened = with(message("m4", "3.00"), "on_insufficient", "book");
    app.service().post("/v1/usage", &happened).await.expect(201);
    let listed = app.customer("alice").get("/v1/spend-guards?product=whatsapp").await.expect(200);
    assert_eq!(listed["data"][0]["spent_today"], "7.50");
    assert_eq!(balance(&app, "alice", "whatsapp").await["debt"], "2.50");
    app.finish().await;
}

/// When the main wallet pays for a product, the guards of both wallets count it. They both subtract what is given back.
#[tokio::test]
async fn what_is_given_back_makes_room_wherever_it_was_counted() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let of_product = "CNY?customer_id=alice&product=whatsapp";
    cap_daily(&app, of_product, "5.00").await.expect(201);
    cap_daily(&app, "CNY?customer_id=alice", "50.00").await.expect(201);
    let message = |id: &str, amount: &str| {
        with(with(usage("alice", id, amount), "product", "whatsapp"), "fallback", "main_wallet")
    };
    let back = async |id: &str, usage: &str, amount: Option<&str>| {
        let body = json!({ "id": id, "customer_id": "alice", "usage_id": usage, "amount": amount });
        app.service().post("/v1/usage/reversals", &body).await.expect(201);
    };
    let spent = async || {
        let listed = app.customer("alice").get("/v1/spend-guards").await.expect(200);
        let of = |at: usize| listed["data"][at]["spent_today"].as_str().unwrap().to_owned();
        [of(0), of(1)]
    };
    let paid = app.service().post("/v1/usage", &message("m1", "4.00")).await.expect(201);
    assert_eq!(paid["product"], Value::Null, "the main wallet paid");
    spend(&app, "alice", "u1", "10.00").await.expect(201);
    assert_eq!(spent().await, ["14.00", "4.00"]);
    back("r1", "m1", Some("1.00")).await;
    assert_eq!(spent().await, ["13.00", "3.00"]);
    back("r2", "u1", None).await;
    assert_eq!(spent().await, ["3.00", "3.00"], "the product did not count what was the main wallet's own");
    app.service().post("/v1/usage", &message("m2", "2.01")).await.problem(402, "spend_cap_reached");
    app.service().post("/v1/usage", &message("m2", "2.00")).await.expect(201);
    back("r3", "m2", None).await;

    // A cap that is set later finds the same sums.
    app.operator().send(Method::DELETE, &format!("/v1/spend-guards/{of_product}"), None, None).await.expect(204);
    assert_eq!(cap_daily(&app, of_product, "5.00").await.expect(201)["spent_today"], "3.00");
    back("r4", "m1", None).await;
    assert_eq!(spent().await, ["0.00", "0.00"]);
    app.finish().await;
}

#[tokio::test]
async fn what_is_given_back_of_a_day_that_is_over_makes_no_room_today() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    cap_daily(&app, "CNY?customer_id=alice", "10.00").await.expect(201);
    spend(&app, "alice", "old", "5.00").await.expect(201);
    let age = "ALTER TABLE entries DISABLE TRIGGER entries_no_change;
         UPDATE entries SET created_at = created_at - interval '70 days';
         ALTER TABLE entries ENABLE TRIGGER entries_no_change;
         UPDATE wallets SET guard_day = guard_day - 70";
    crate::support::execute(&app.database, age).await;
    spend(&app, "alice", "new", "7.00").await.expect(201);
    let back = json!({ "id": "r", "customer_id": "alice", "usage_id": "old" });
    app.service().post("/v1/usage/reversals", &back).await.expect(201);
    let listed = app.customer("alice").get("/v1/spend-guards").await.expect(200);
    let guard = &listed["data"][0];
    assert_eq!((&guard["spent_today"], &guard["spent_this_month"]), (&json!("7.00"), &json!("7.00")));
    // A cap that is set afterwards also counts it.
    app.operator().send(Method::DELETE, "/v1/spend-guards/CNY?customer_id=alice", None, None).await.expect(204);
    let set = cap_daily(&app, "CNY?customer_id=alice", "10.00").await.expect(201);
    assert_eq!((&set["spent_today"], &set["spent_this_month"]), (&json!("7.00"), &json!("7.00")));
    app.finish().await;
}

#[tokio::test]
async fn staff_sets_caps_and_customers_read_their_own() {
    let app = TestApp::spawn().await;
    let body = json!({ "daily_cap": "1.00", "monthly_cap": "2.00" });
    cap(&app.customer("alice"), "CNY", &body).await.problem(403, "insufficient_scope");
    cap(&app.service(), "CNY", &body).await.names("?customer_id", "required");
    cap(&app.service(), "XXQ?customer_id=alice", &body).await.problem(404, "not_found");
    cap(&app.service(), "CNY?customer_id=alice&product=nothing", &body).await.names("?product", "unknown_product");
    let none = json!({ "daily_cap": null });
    cap(&app.service(), "CNY?customer_id=alice", &none).await.names("/daily_cap", "required");
    for bad in ["0", "-1", "1e2", "0.123456789"] {
        let reply = cap_daily(&app, "CNY?customer_id=alice", bad).await.problem(422, "validation_failed");
        assert_eq!(reply["errors"][0]["pointer"], "/daily_cap");
    }
    // A customer who has nothing yet can be capped.
    cap(&app.operator(), "CNY?customer_id=alice", &body).await.expect(201);
    assert_eq!(app.customer("alice").get("/v1/spend-guards").await.expect(200)["data"].as_array().unwrap().len(), 1);
    app.customer("bob").get("/v1/spend-guards?customer_id=alice").await.problem(404, "not_found");
    assert_eq!(app.customer("bob").get("/v1/spend-guards").await.expect(200)["data"], json!([]));
    let logged = ask(&app, "SELECT actor FROM audit_log WHERE action = 'spend_guard.saved'").await;
    assert_eq!(logged, ["operator:ops"]);
    app.finish().await;
}

#[tokio::test]
async fn case_50_a_low_balance_alerts_once_per_fall_and_again_after_recovery() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let alice = app.customer("alice");
    let set = alert(&alice, "CNY", "20.00").await.expect(201);
    assert_eq!((&set["armed"], &set["available"]), (&json!(true), &json!("100.00")));

    spend(&app, "alice", "u1", "80.00").await.expect(201);
    assert_eq!(alerts(&app).await, 0, "the threshold itself is not below it");
    spend(&app, "alice", "u2", "1.00").await.expect(201);
    assert_eq!(alerts(&app).await, 1);
    spend(&app, "alice", "u3", "9.00").await.expect(201);
    hold(&app, "alice", "h1", "2.00", 600).await.expect(201);
    assert_eq!(alerts(&app).await, 1, "once per fall");
    let listed = alice.get("/v1/low-balance-alerts").await.expect(200);
    assert_eq!((&listed["data"][0]["armed"], &listed["data"][0]["available"]), (&json!(false), &json!("8.00")));

    // A partial recovery does not count.
    app.fund("alice", "CNY", "5.00").await;
    spend(&app, "alice", "u4", "1.00").await.expect(201);
    assert_eq!(alerts(&app).await, 1);
    app.fund("alice", "CNY", "30.00").await;
    // A hold can cross the threshold, too.
    hold(&app, "alice", "h2", "30.00", 600).await.expect(201);
    assert_eq!(alerts(&app).await, 2);
    let told = ask(
        &app,
        "SELECT round(w.paid + w.granted - w.held - w.debt, 2) || ' of ' || round(w.low_balance_threshold, 2)
         FROM events CROSS JOIN jsonb_populate_record(NULL::wallets, data) w
         WHERE type = 'balance.low' ORDER BY seq",
    )
    .await;
    assert_eq!(told, ["19.00 of 20.00", "12.00 of 20.00"]);

    // If it is set again below the threshold, it waits for the recovery.
    assert_eq!(alert(&app.service(), "CNY?customer_id=alice", "15.00").await.expect(200)["armed"], false);
    spend(&app, "alice", "u5", "5.00").await.expect(201);
    assert_eq!(alerts(&app).await, 2);
    alice.send(Method::DELETE, "/v1/low-balance-alerts/CNY", None, None).await.expect(204);
    alice.send(Method::DELETE, "/v1/low-balance-alerts/CNY", None, None).await.problem(404, "not_found");
    app.fund("alice", "CNY", "100.00").await;
    spend(&app, "alice", "u6", "100.00").await.expect(201);
    assert_eq!(alerts(&app).await, 2);

    alert(&app.customer("bob"), "CNY?customer_id=alice", "1.00").await.problem(404, "not_found");
    alert(&alice, "CNY", "0").await.problem(422, "validation_failed");
    app.finish().await;
}

#[tokio::test]
async fn case_50_usages_at_once_cross_the_threshold_once() {
    let app = TestApp::spawn().await;
    alert(&app.customer("alice"), "CNY", "50.00").await.expect(201);
    for round in 1..=5 {
        app.fund("alice", "CNY", "100.00").await;
        let bodies: Vec<Value> = (0..40).map(|n| usage("alice", &format!("u{round}-{n}"), "2.50")).collect();
        let replies = all_at_once(&app, "/v1/usage", &bodies).await;
        assert_eq!(statuses(&replies, 201), 40);
        assert_eq!(alerts(&app).await, round, "one alert per fall");
    }
    assert_eq!(app.available("alice", "CNY", "").await, "0.00");
    app.finish().await;
}
