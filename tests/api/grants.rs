//! Promotional credit: burn order, expiry.

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use topup::workers::sweep_wallets;

use crate::support::TestApp;
use crate::tools::{ask, balance, flows, grant, hold, spend, until};

#[tokio::test]
async fn case_37_grants_burn_in_order_and_one_usage_splits_over_several() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "10.00").await;
    let at = |days: i64| json!(Utc::now() + Duration::days(days));
    let last = grant(&app, "alice", "4.00", json!({ "priority": 50 })).await;
    let fourth = grant(&app, "alice", "3.33", json!({ "priority": 10 })).await;
    let second = grant(&app, "alice", "0.11", json!({ "priority": 10, "expires_at": at(2) })).await;
    let third = grant(&app, "alice", "2.00", json!({ "priority": 10, "expires_at": at(3) })).await;
    let first = grant(&app, "alice", "1.00000001", json!({ "priority": 0 })).await;

    let booked = spend(&app, "alice", "u1", "5.44000001").await.expect(201);
    assert_eq!(booked["balance_after"], "15.00");
    let flow = flows(&app, "alice", "consume").await[0]["id"].as_str().unwrap().to_owned();
    let explained = app.customer("alice").get(&format!("/v1/account-flows/{flow}/paid-by")).await.expect(200);
    let mut parts: Vec<(&str, &str)> = explained["grants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["grant_id"].as_str().unwrap(), part["amount"].as_str().unwrap()))
        .collect();
    let mut expected = vec![(&*first, "1.00000001"), (&*second, "0.11"), (&*third, "2.00"), (&*fourth, "2.33")];
    parts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(parts, expected);
    assert_eq!((&explained["granted"], &explained["paid"]), (&json!("5.44000001"), &json!("0.00")));

    // Paid money is used last, and only for what grants do not cover.
    spend(&app, "alice", "u2", "6.00").await.expect(201);
    let shown = balance(&app, "alice", "").await;
    assert_eq!(json!([shown["granted"], shown["paid"]]), json!(["0.00", "9.00"]));
    let left = app.customer("alice").get("/v1/grants").await.expect(200);
    for grant in left["data"].as_array().unwrap() {
        assert_eq!(grant["remaining"], "0.00", "{grant}");
    }
    assert!(left["data"].as_array().unwrap().iter().any(|grant| grant["id"] == last));
    app.finish().await;
}

#[tokio::test]
async fn case_38_expired_credit_is_unspendable_at_its_second() {
    let app = TestApp::spawn().await;
    // The credit lasts longer than the steps that follow take, even on a slow machine.
    let expires_at = Utc::now() + Duration::seconds(8);
    grant(&app, "alice", "10.00", json!({ "expires_at": expires_at })).await;
    spend(&app, "alice", "u1", "2.00").await.expect(201);
    let opened = hold(&app, "alice", "h", "3.00", 600).await.expect(201);
    assert_eq!(balance(&app, "alice", "").await["granted"], "8.00");

    // The database's clock decides, whether or not the sweep has run.
    let over = format!("SELECT clock_timestamp() >= '{}'", expires_at.to_rfc3339());
    until("its second", async || ask(&app, &over).await == ["true"]).await;
    spend(&app, "alice", "u2", "0.01").await.problem(402, "insufficient_funds");
    let shown = balance(&app, "alice", "").await;
    assert_eq!(json!([shown["granted"], shown["held"], shown["available"]]), json!(["3.00", "3.00", "0.00"]));

    // What a hold reserved stays capturable; what it does not take expires with it.
    let capture = format!("/v1/holds/{}/capture", opened["hold_id"].as_str().unwrap());
    app.service().post(&capture, &json!({ "amount": "1.00" })).await.expect(200);
    assert_eq!(balance(&app, "alice", "").await["total"], "0.00");
    let amounts: Vec<Value> = flows(&app, "alice", "expire").await.iter().map(|flow| flow["amount"].clone()).collect();
    assert_eq!(amounts, ["-2.00", "-5.00"]);
    app.finish().await;
}

/// Usage can spend credit until its last moment. The expiry never takes paid money.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_38_expiry_races_deductions_and_takes_no_paid_money() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "1000.00").await;
    let expires_at = Utc::now() + Duration::milliseconds(1500);
    grant(&app, "alice", "5000.00", json!({ "expires_at": expires_at })).await;
    let meter = async |worker: u32| {
        for n in 0.. {
            let booked = spend(&app, "alice", &format!("u{worker}-{n}"), "0.70").await.expect(201);
            let at: DateTime<Utc> = booked["created_at"].as_str().unwrap().parse().unwrap();
            if at > expires_at + Duration::milliseconds(300) {
                break;
            }
        }
    };
    let sweep = async {
        let swept = "SELECT count(*) FROM entries WHERE kind = 10";
        until("the expiry", async || {
            sweep_wallets(&app.server.app).await.unwrap();
            ask(&app, swept).await != ["0"]
        })
        .await;
    };
    tokio::join!(sweep, meter(0), meter(1), meter(2), meter(3));

    // The sweep runs again, several times at once.
    let jobs = (0..4).map(|_| sweep_wallets(&app.server.app));
    assert!(futures_util::future::join_all(jobs).await.iter().all(Result::is_ok));
    assert_eq!(ask(&app, "SELECT count(*) FROM entries WHERE kind = 10 AND amount = granted").await, ["1"]);
    assert_eq!(ask(&app, "SELECT count(*) FROM entries WHERE kind = 10").await, ["1"]);
    let split = "SELECT count(*) FROM entries WHERE kind = 2 AND ";
    let moment = expires_at.to_rfc3339();
    assert_eq!(
        ask(&app, &format!("{split} created_at < '{moment}' AND granted IS DISTINCT FROM amount")).await,
        ["0"],
        "before its second all usage is paid by credit"
    );
    assert_eq!(
        ask(&app, &format!("{split} created_at >= '{moment}' AND granted IS NOT NULL")).await,
        ["0"],
        "from its second on none is"
    );
    assert_ne!(ask(&app, &format!("{split} created_at < '{moment}'")).await, ["0"]);
    assert_ne!(ask(&app, &format!("{split} created_at >= '{moment}'")).await, ["0"]);
    let after: Vec<String> =
        ask(&app, &format!("SELECT coalesce(sum(amount), 0) FROM entries WHERE kind = 2 AND created_at >= '{moment}'"))
            .await;
    let paid: Decimal = balance(&app, "alice", "").await["paid"].as_str().unwrap().parse().unwrap();
    assert_eq!(paid, Decimal::from(1000) + after[0].parse::<Decimal>().unwrap());
    app.finish().await;
}

#[tokio::test]
async fn one_grant_is_its_customers() {
    let app = TestApp::spawn().await;
    let id = grant(&app, "alice", "4.00", json!({})).await;
    let path = format!("/v1/grants/{id}");
    let shown = app.customer("alice").get(&path).await.expect(200);
    assert_eq!((&shown["id"], &shown["remaining"]), (&json!(id), &json!("4.00")));
    app.operator().get(&format!("{path}?customer_id=alice")).await.expect(200);
    app.customer("bob").get(&path).await.problem(404, "not_found");
    app.operator().get(&format!("{path}?customer_id=bob")).await.problem(404, "not_found");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_is_revoked_once_and_its_expiry_moves() {
    let app = TestApp::spawn().await;
    let at = |days: i64| Utc::now() + Duration::days(days);
    let late = grant(&app, "alice", "4.00", json!({ "expires_at": at(9) })).await;
    let soon = grant(&app, "bob", "2.00", json!({ "expires_at": at(3) })).await;
    grant(&app, "bob", "1.00", json!({})).await;
    let operator = app.operator();
    let expiring = async |query: &str| -> Vec<String> {
        let found = operator.get(&format!("/v1/admin/grants{query}")).await.expect(200);
        found["data"].as_array().unwrap().iter().map(|grant| grant["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(expiring("").await, [soon.clone(), late.clone()], "those that never expire are not listed");
    let bound = at(5).format("%Y-%m-%dT%H:%M:%SZ");
    assert_eq!(expiring(&format!("?expires_to={bound}")).await, [soon.as_str()]);
    app.customer("alice").get("/v1/admin/grants").await.problem(403, "insufficient_scope");

    // An operator moves the expiry, and then removes it.
    let path = format!("/v1/admin/grants/{late}/expiry?customer_id=alice");
    let moved = |expires_at: Value| json!({ "expires_at": expires_at, "reason": "the campaign goes on" });
    operator.post(&path, &moved(json!(at(1)))).await.expect(200);
    assert_eq!(expiring("").await, [late.clone(), soon.clone()]);
    operator.post(&path, &moved(json!(at(-1)))).await.names("/expires_at", "not_in_the_future");
    operator.post(&path, &json!({ "reason": "no moment at all" })).await.names("/expires_at", "required");
    assert_eq!(operator.post(&path, &moved(Value::Null)).await.expect(200)["expires_at"], Value::Null);
    let wrong = format!("/v1/admin/grants/{late}/expiry?customer_id=bob");
    operator.post(&wrong, &moved(Value::Null)).await.problem(404, "not_found");

    // Many revoke it at once, while a hold reserves a part.
    let opened = hold(&app, "alice", "h", "1.50", 600).await.expect(201);
    let path = format!("/v1/admin/grants/{late}/revoke?customer_id=alice");
    let body = json!({ "reason": "given to the wrong customer" });
    let revokes = (0..8).map(|_| operator.post(&path, &body));
    for revoked in futures_util::future::join_all(revokes).await {
        assert_eq!(revoked.expect(200)["remaining"], "1.50");
    }
    assert_eq!(flows(&app, "alice", "expire").await.len(), 1);
    assert_eq!(ask(&app, "SELECT count(*) FROM audit_log WHERE action = 'grant.revoked'").await, ["1"]);
    let path = format!("/v1/admin/grants/{late}/expiry?customer_id=alice");
    operator.post(&path, &moved(Value::Null)).await.problem(409, "grant_ended");
    let capture = format!("/v1/holds/{}/capture", opened["hold_id"].as_str().unwrap());
    app.service().post(&capture, &json!({ "amount": "1.50" })).await.expect(200);
    assert_eq!(balance(&app, "alice", "").await["total"], "0.00");
    app.finish().await;
}
