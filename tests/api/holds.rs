//! Usage and holds: ids, captures, expiry, crashes.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, execute};
use crate::tools::{all_at_once, ask, balance, flows, hold, spend, until, usage, with};

fn path(opened: &Reply, to: &str) -> String {
    format!("/v1/holds/{}{to}", opened["hold_id"].as_str().unwrap())
}

async fn capture(app: &TestApp, opened: &Reply, amount: &str) -> Reply {
    app.service().post(&path(opened, "/capture"), &json!({ "amount": amount })).await
}

async fn release(app: &TestApp, opened: &Reply) -> Reply {
    app.service().post(&path(opened, "/release"), &json!({})).await
}

async fn show(app: &TestApp, opened: &Reply) -> Value {
    app.service().get(&path(opened, "")).await.expect(200).body
}

#[tokio::test]
async fn case_30_an_id_is_booked_once_and_a_refusal_does_not_burn_it() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "10.00").await;
    let booked = spend(&app, "alice", "u1", "4.00").await.expect(201);
    let again = spend(&app, "alice", "u1", "4.00").await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, booked.body);
    spend(&app, "alice", "u1", "4.01").await.problem(422, "idempotency_key_reused");
    let mut earlier = json!({"id": "u1", "customer_id": "alice", "currency": "CNY", "amount": "4.00"});
    earlier["occurred_at"] = json!("2026-11-21T08:00:00Z");
    app.service().post("/v1/usage", &earlier).await.problem(422, "idempotency_key_reused");

    spend(&app, "alice", "u2", "7.00").await.problem(402, "insufficient_funds");
    app.fund("alice", "CNY", "5.00").await;
    spend(&app, "alice", "u2", "7.00").await.expect(201);

    // Ten at once, by the fast path and beside each other: one is new.
    let bodies = vec![usage("alice", "u3", "1.00"); 10];
    let replies = all_at_once(&app, "/v1/usage", &bodies).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 9);
    // Within one batch, too; and another customer has ids of its own.
    let items = [usage("alice", "u4", "0.50"), usage("alice", "u4", "0.50"), usage("alice", "u4", "0.60")];
    let done = app.service().post("/v1/usage/batch", &json!({ "items": items })).await.expect(200);
    let told: Vec<&Value> = done["results"].as_array().unwrap().iter().map(|result| &result["status"]).collect();
    assert_eq!(told, ["booked", "replayed", "refused"]);
    app.fund("bob", "CNY", "10.00").await;
    spend(&app, "bob", "u1", "4.01").await.expect(201);

    // Holds as well.
    let opened = hold(&app, "alice", "h1", "1.00", 600).await.expect(201);
    let again = hold(&app, "alice", "h1", "1.00", 600).await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), &again["hold_id"]), (Some("true"), &opened["hold_id"]));
    hold(&app, "alice", "h1", "2.00", 600).await.problem(422, "idempotency_key_reused");
    hold(&app, "alice", "h2", "9.00", 600).await.problem(402, "insufficient_funds");
    app.fund("alice", "CNY", "10.00").await;
    hold(&app, "alice", "h2", "9.00", 600).await.expect(201);
    app.finish().await;
}

#[tokio::test]
async fn case_31_holds_count_against_what_is_available() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "5000.00").await;
    let bodies: Vec<Value> = (0..12)
        .map(|n| {
            json!({ "id": format!("h{n}"), "customer_id": "alice", "currency": "CNY", "amount": "1000.00",
            "expires_in": 600 })
        })
        .collect();
    let replies = all_at_once(&app, "/v1/holds", &bodies).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 5);
    for refused in replies.into_iter().filter(|reply| reply.status != 201) {
        let refused = refused.problem(402, "insufficient_funds");
        assert_eq!(
            json!([refused["insufficient_funds"]["held"], refused["insufficient_funds"]["available"]]),
            json!(["5000.00", "0.00"])
        );
    }
    spend(&app, "alice", "u", "0.01").await.problem(402, "insufficient_funds");
    let transfer = json!({ "currency": "CNY", "amount": "1.00", "to_product": "sms" });
    app.customer("alice").post("/v1/transfers", &transfer).await.problem(402, "insufficient_funds");
    let shown = balance(&app, "alice", "").await;
    assert_eq!(
        (&shown["held"], &shown["available"], &shown["total"]),
        (&json!("5000.00"), &json!("0.00"), &json!("5000.00"))
    );
    app.finish().await;
}

#[tokio::test]
async fn case_32_a_capture_below_frees_and_above_takes_from_what_is_available() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let below = hold(&app, "alice", "below", "30.00", 600).await.expect(201);
    let done = capture(&app, &below, "12.34567891").await.expect(200);
    assert_eq!((&done["status"], &done["captured"]), (&json!("captured"), &json!("12.34567891")));
    assert_eq!(app.available("alice", "CNY", "").await, "87.65432109");

    let above = hold(&app, "alice", "above", "20.00", 600).await.expect(201);
    let rest = hold(&app, "alice", "rest", "60.00", 600).await.expect(201);
    // 7.65432109 are free beside the two holds.
    let refused = capture(&app, &above, "27.65432110").await.problem(402, "insufficient_funds");
    assert_eq!(refused["insufficient_funds"]["shortfall"], "0.00000001");
    assert_eq!(show(&app, &above).await["status"], "open", "a refused capture leaves the hold open");
    capture(&app, &above, "27.65432109").await.expect(200);
    assert_eq!(app.available("alice", "CNY", "").await, "0.00");

    // A capture of zero takes nothing, frees all, and writes no entry.
    capture(&app, &rest, "-1").await.names("/amount", "not_a_plain_decimal");
    let done = capture(&app, &rest, "0").await.expect(200);
    assert_eq!((&done["status"], &done["captured"]), (&json!("captured"), &json!("0.00")));
    assert_eq!(app.available("alice", "CNY", "").await, "60.00");
    assert_eq!(flows(&app, "alice", "consume").await.len(), 2);
    app.finish().await;
}

/// Whatever is done to a hold at the same instant, only one thing takes effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_33_one_hold_has_one_end() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "1000.00").await;
    let mut left = 1000_i64;
    for round in 0..25 {
        let opened = hold(&app, "alice", &format!("h{round}"), "10.00", 600).await.expect(201);
        let ends = [
            ("/capture", json!({ "amount": "6.00" })),
            ("/release", json!({})),
            ("/capture", json!({ "amount": "7.00" })),
            ("/capture", json!({ "amount": "6.00" })),
            ("/release", json!({})),
            ("/capture", json!({ "amount": "12.00" })),
        ];
        let service = app.service();
        let replies = futures_util::future::join_all((0..ends.len()).map(|n| {
            // Another one comes first in every round.
            let (to, body) = &ends[(n + round) % ends.len()];
            let (service, to) = (service.clone(), path(&opened, to));
            async move { service.post(&to, body).await }
        }))
        .await;
        let new = replies.iter().filter(|reply| reply.status == 200 && reply.header("idempotent-replayed").is_none());
        assert_eq!(new.count(), 1, "{replies:#?}");
        for reply in replies.into_iter().filter(|reply| reply.status != 200) {
            reply.problem(409, "hold_closed");
        }
        let ended = show(&app, &opened).await;
        left -= match (ended["status"].as_str().unwrap(), ended["captured"].as_str()) {
            ("released", None) => 0,
            ("captured", Some("6.00")) => 6,
            ("captured", Some("7.00")) => 7,
            ("captured", Some("12.00")) => 12,
            other => panic!("{other:?}"),
        };
        assert_eq!(app.available("alice", "CNY", "").await, format!("{left}.00"));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_33_captures_race_the_expiry() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let mut captured = 0_i64;
    for round in 0..3 {
        let opened = hold(&app, "alice", &format!("h{round}"), "10.00", 1).await.expect(201);
        // All captures begin at the same time, and no earlier than 15 ms before the hold expires.
        let soon = format!(
            "SELECT clock_timestamp() > expires_at - interval '15 milliseconds' FROM holds WHERE key = 'h{round}'"
        );
        until("the last milliseconds of the hold", async || ask(&app, &soon).await == ["true"]).await;
        let bodies = vec![json!({ "amount": "4.00" }); 8];
        let replies = all_at_once(&app, &path(&opened, "/capture"), &bodies).await;
        let new =
            replies.iter().filter(|reply| reply.status == 200 && reply.header("idempotent-replayed").is_none()).count();
        assert!(replies.iter().all(|reply| reply.status == 200 || reply["code"] == "hold_expired"), "{replies:#?}");
        until("its end", async || show(&app, &opened).await["status"] != "open").await;
        let status = show(&app, &opened).await["status"].clone();
        assert_eq!((new == 1, new == 0), (status == "captured", status == "expired"), "{replies:#?}");
        captured += 4 * i64::try_from(new).unwrap();
        assert_eq!(app.available("alice", "CNY", "").await, format!("{}.00", 100 - captured));
    }
    app.finish().await;
}

/// Without this limit, the reserved part of an expired grant could be kept for ever.
#[tokio::test]
async fn a_hold_lives_seven_days_at_most() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "50.00").await;
    let opened = hold(&app, "alice", "h", "30.00", 3600).await.expect(201);
    let extend = async || {
        let sent = app.service().post(&path(&opened, "/extend"), &json!({ "expires_in": 86400 })).await;
        let extended = sent.expect(200).body;
        let moment = |name: &str| extended[name].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
        (moment("expires_at") - moment("created_at")).num_hours()
    };
    assert!((24..=25).contains(&extend().await));
    let age = async |days: &str| {
        let older = format!(
            "UPDATE holds SET created_at = created_at - interval '{days} days',
             expires_at = now() + interval '1 minute'"
        );
        execute(&app.database, &older).await;
    };
    age("6.5").await;
    assert_eq!(extend().await, 7 * 24);
    age("1").await;
    assert!(extend().await > 7 * 24, "it never gets shorter");
    capture(&app, &opened, "30.00").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn case_34_a_crash_between_hold_and_capture_frees_the_money() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "50.00").await;
    let lost = hold(&app, "alice", "lost", "30.00", 1).await.expect(201);
    let kept = hold(&app, "alice", "kept", "15.00", 600).await.expect(201);
    let database = app.database.clone();
    app.stop().await;

    // Another process finds the holds as they were.
    let app = TestApp::try_spawn(&database, |_| ()).await.unwrap();
    until("the expiry", async || app.available("alice", "CNY", "").await == "35.00").await;
    assert_eq!(show(&app, &lost).await["status"], "expired");
    // The late capture, before and after the sweep has written the expiry down.
    for _ in 0..2 {
        capture(&app, &lost, "20.00").await.problem(409, "hold_expired");
        let extend = app.service().post(&path(&lost, "/extend"), &json!({ "expires_in": 60 })).await;
        extend.problem(409, "hold_expired");
        let swept = "SELECT status FROM holds WHERE key = 'lost'";
        until("the sweep", async || ask(&app, swept).await == ["expired"]).await;
    }
    release(&app, &lost).await.expect(200);
    assert_eq!(app.available("alice", "CNY", "").await, "35.00");
    spend(&app, "alice", "u", "35.00").await.expect(201);
    capture(&app, &kept, "15.00").await.expect(200);
    assert_eq!(flows(&app, "alice", "consume").await.len(), 2);
    app.finish().await;
}

#[tokio::test]
async fn case_35_usage_that_happened_is_booked_and_its_debt_repaid_first() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "10.00").await;
    let happened = |id: &str, amount: &str| with(usage("alice", id, amount), "on_insufficient", "book");
    let booked = app.service().post("/v1/usage", &happened("u1", "25.50")).await.expect(201);
    assert_eq!((&booked["debt"], &booked["balance_after"]), (&json!("15.50"), &json!("-15.50")));
    let again = app.service().post("/v1/usage", &happened("u1", "25.50")).await.expect(200);
    assert_eq!(again.body, booked.body);
    let shown = balance(&app, "alice", "").await;
    assert_eq!(json!([shown["total"], shown["debt"], shown["available"]]), json!(["0.00", "15.50", "-15.50"]));
    spend(&app, "alice", "u2", "0.01").await.problem(402, "insufficient_funds");

    // The next payment repays, and leaves what is left of it.
    app.fund("alice", "CNY", "5.50").await;
    assert_eq!(balance(&app, "alice", "").await["debt"], "10.00");
    app.fund("alice", "CNY", "40.00").await;
    let shown = balance(&app, "alice", "").await;
    assert_eq!((&shown["debt"], &shown["available"]), (&json!("0.00"), &json!("30.00")));

    // So does a transfer into a product.
    let message = with(happened("m1", "4.00"), "product", "whatsapp");
    app.service().post("/v1/usage", &message).await.expect(201);
    assert_eq!(balance(&app, "alice", "whatsapp").await["debt"], "4.00");
    crate::tools::transfer(&app, "alice", "whatsapp", "10.00").await;
    let shown = balance(&app, "alice", "whatsapp").await;
    assert_eq!((&shown["debt"], &shown["available"]), (&json!("0.00"), &json!("6.00")));

    // Fifty concurrent usages of an empty wallet: every one is booked.
    let bodies: Vec<Value> = (0..50)
        .map(|n| with(with(usage("bob", &format!("u{n}"), "0.10"), "on_insufficient", "book"), "description", "x"))
        .collect();
    let replies = all_at_once(&app, "/v1/usage", &bodies).await;
    assert!(replies.iter().all(|reply| reply.status == 201), "{replies:#?}");
    assert_eq!(balance(&app, "bob", "").await["debt"], "5.00");
    app.finish().await;
}

#[tokio::test]
async fn case_42_entry_and_balance_agree_to_the_last_digit() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "20.00").await;
    let booked = spend(&app, "alice", "u1", "14.28444999").await.expect(201);
    assert_eq!((&booked["amount"], &booked["balance_after"]), (&json!("14.28444999"), &json!("5.71555001")));
    let flow = &flows(&app, "alice", "consume").await[0];
    assert_eq!((&flow["amount"], &flow["balance_after"]), (&json!("-14.28444999"), &json!("5.71555001")));
    assert_eq!(app.available("alice", "CNY", "").await, "5.71555001");
    spend(&app, "alice", "u2", "0.000000001").await.names("/amount", "too_precise");
    spend(&app, "alice", "u3", "5.71555001").await.expect(201);
    assert_eq!(app.available("alice", "CNY", "").await, "0.00");
    app.finish().await;
}
