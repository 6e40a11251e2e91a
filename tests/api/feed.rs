//! The feed of events: each once, none missing, in the order of each customer, with the state at the event.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use serde_json::{Value, json};
use topup::storage::feed::LOCK;
use topup::storage::pool::connect;
use topup::workers;

use crate::stage::{number, ordered, paid, play, quiet, until};
use crate::support::{Caller, TestApp, execute, url};
use crate::tools::{grant, hold, spend, transfer};

/// A short event of a customer, which needs no other row.
pub fn event(customer: &str) -> String {
    format!(
        "INSERT INTO events (customer_id, type, noun, data)
         VALUES ('{customer}', 'customer.unfrozen', 'customer', '{{\"customer_id\": \"{customer}\"}}');"
    )
}

/// A reader of the feed.
pub struct Reader<'a> {
    caller: Caller<'a>,
    after: Option<String>,
}

impl<'a> Reader<'a> {
    pub fn of(app: &'a TestApp) -> Self {
        Self { caller: app.service(), after: None }
    }

    /// The next page.
    async fn page(&mut self, limit: u32) -> (Vec<Value>, bool) {
        let after = self.after.as_ref().map(|after| format!("&after={after}")).unwrap_or_default();
        let page = self.caller.get(&format!("/v1/events?limit={limit}{after}")).await.expect(200);
        self.after = Some(page["next_cursor"].as_str().unwrap().to_owned());
        (page["data"].as_array().unwrap().clone(), page["has_more"].as_bool().unwrap())
    }

    /// Reads until this many events have come.
    pub async fn take(&mut self, wanted: usize, limit: u32) -> Vec<Value> {
        let mut events = Vec::new();
        let start = std::time::Instant::now();
        while events.len() < wanted {
            let (page, more) = self.page(limit).await;
            events.extend(page);
            if !more && events.len() < wanted {
                assert!(start.elapsed().as_secs() < 120, "{} of {wanted} came", events.len());
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
        assert_eq!(events.len(), wanted);
        events
    }
}

pub fn of_whom(events: &[Value]) -> Vec<(&str, i64)> {
    events.iter().map(|e| (e["customer_id"].as_str().unwrap(), e["sequence"].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn a_transaction_that_is_held_open_delays_its_own_events_only() {
    let app = TestApp::spawn().await;
    let mut reader = Reader::of(&app);
    let mut held = connect(&url(&app.database)).await.unwrap();
    held.batch_execute(&format!("BEGIN; {}", event("alice"))).await.unwrap();
    for customer in ["bob", "carol", "bob"] {
        execute(&app.database, &event(customer)).await;
    }
    let first = reader.take(3, 2).await;
    assert_eq!(of_whom(&first), [("bob", 1), ("carol", 1), ("bob", 2)]);
    held.batch_execute("COMMIT").await.unwrap();
    execute(&app.database, &event("bob")).await;
    let rest = reader.take(2, 2).await;
    assert_eq!(of_whom(&rest).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([("alice", 1), ("bob", 3)]));
    let again = Reader::of(&app).take(5, 100).await;
    assert_eq!(again, [first, rest].concat(), "whoever reads later reads the same");
    app.finish().await;
}

/// Both wait for each other's customer in the end, but one has written first and the other commits first.
#[tokio::test]
async fn events_of_one_customer_are_told_in_the_order_of_their_commits() {
    let app = TestApp::spawn().await;
    let insert = |id: u32| {
        event("alice")
            .replace("(customer_id", "(id, customer_id")
            .replace("VALUES (", &format!("VALUES ('00000000-0000-4000-8000-00000000000{id}', "))
    };
    let mut early = connect(&url(&app.database)).await.unwrap();
    let mut late = connect(&url(&app.database)).await.unwrap();
    early.batch_execute(&format!("BEGIN; {}", insert(1))).await.unwrap();
    late.batch_execute(&format!("BEGIN; {} {} COMMIT", insert(2), insert(3))).await.unwrap();
    early.batch_execute(&format!("{} COMMIT", insert(4))).await.unwrap();
    let told = Reader::of(&app).take(4, 100).await;
    let ids: Vec<&str> = told.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [2, 3, 1, 4].map(|id| format!("evt_0000000000004000800000000000000{id}")));
    assert_eq!(of_whom(&told), [("alice", 1), ("alice", 2), ("alice", 3), ("alice", 4)]);
    app.finish().await;
}

fn cursor(number: i64, event: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{number}.{}", event.trim_start_matches("evt_")))
}

#[tokio::test]
async fn a_cursor_is_good_as_long_as_the_feed_goes_on_from_it() {
    let app = TestApp::spawn().await;
    let mut reader = Reader::of(&app);
    let service = app.service();
    let at = |cursor: &str| format!("/v1/events?after={cursor}");
    // A reader may also start before the first event.
    assert_eq!(reader.page(1).await, (Vec::new(), false));
    let start = reader.after.clone().unwrap();
    for _ in 0..4 {
        execute(&app.database, &event("alice")).await;
    }
    let told = reader.take(4, 100).await;
    let id = |n: usize| told[n - 1]["id"].as_str().unwrap();
    let from_start = service.get(&at(&start)).await.expect(200);
    assert_eq!(from_start["data"].as_array().unwrap(), &told);
    let last = reader.after.clone().unwrap();
    assert_eq!(last, cursor(4, id(4)));

    for nonsense in ["nonsense", &URL_SAFE_NO_PAD.encode("4"), &URL_SAFE_NO_PAD.encode("-4.x")] {
        service.get(&at(nonsense)).await.names("?after", "invalid_cursor");
    }
    service.get(&at(&cursor(5, id(4)))).await.problem(410, "cursor_expired");
    service.get(&at(&cursor(3, id(4)))).await.problem(410, "cursor_expired");

    // A backup from the time of the second event is restored, and then new events happen.
    execute(&app.database, "DELETE FROM events WHERE number > 2; UPDATE event_feed SET last = 2").await;
    service.get(&at(&last)).await.problem(410, "cursor_expired");
    for _ in 0..3 {
        execute(&app.database, &event("bob")).await;
    }
    let mut known = Reader { caller: app.service(), after: Some(cursor(2, id(2))) };
    let after_restore = known.take(3, 100).await;
    service.get(&at(&last)).await.problem(410, "cursor_expired");
    service.get(&at(&cursor(3, id(3)))).await.problem(410, "cursor_expired");

    // Old events are pruned, except the last one: a reader who has read everything has missed nothing.
    execute(&app.database, "UPDATE events SET created_at = created_at - interval '31 days'").await;
    while workers::prune(&app.server.app).await.unwrap() > 0 {}
    assert_eq!(number(&app, "count(*) FROM events").await, 1);
    service.get(&at(&cursor(2, id(2)))).await.problem(410, "cursor_expired");
    assert_eq!(known.page(10).await, (Vec::new(), false));
    assert_eq!(Reader::of(&app).take(1, 10).await[0]["id"], after_restore[2]["id"]);
    app.finish().await;
}

/// An event that is not numbered yet was sent to nobody.
#[tokio::test]
async fn only_numbered_events_are_pruned() {
    let app = TestApp::spawn().await;
    let mut held = connect(&url(&app.database)).await.unwrap();
    held.batch_execute(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})")).await.unwrap();
    for _ in 0..3 {
        execute(&app.database, &event("alice")).await;
    }
    execute(&app.database, "UPDATE events SET created_at = created_at - interval '31 days'").await;
    workers::prune(&app.server.app).await.unwrap();
    assert_eq!(number(&app, "count(*) FROM events WHERE number IS NULL").await, 3);
    held.batch_execute("COMMIT").await.unwrap();
    assert_eq!(Reader::of(&app).take(3, 10).await.len(), 3);
    app.finish().await;
}

#[tokio::test]
async fn filters_leave_out_and_the_cursor_moves_on_over_what_they_leave_out() {
    let app = TestApp::spawn().await;
    for n in 0..60 {
        execute(&app.database, &event(if n % 20 == 0 { "rare" } else { "common" })).await;
    }
    until("all have a number", async || number(&app, "count(*) FROM events WHERE number IS NOT NULL").await == 60)
        .await;
    let service = app.service();
    let page = service.get("/v1/events?customer_id=rare&limit=2").await.expect(200);
    assert_eq!(of_whom(page["data"].as_array().unwrap()), [("rare", 1), ("rare", 2)]);
    assert_eq!(page["has_more"], true);
    let next = page["next_cursor"].as_str().unwrap();
    let page = service.get(&format!("/v1/events?customer_id=rare&limit=2&after={next}")).await.expect(200);
    assert_eq!(of_whom(page["data"].as_array().unwrap()), [("rare", 3)]);
    assert_eq!(page["has_more"], false);
    let end = page["next_cursor"].as_str().unwrap();
    let page = service.get(&format!("/v1/events?type=order.completed&type=order.failed&after={end}")).await.expect(200);
    assert_eq!((&page["data"], &page["next_cursor"]), (&json!([]), &json!(end)));
    let none = service.get("/v1/events?type=order.completed").await.expect(200);
    assert_eq!((&none["data"], &none["next_cursor"], &none["has_more"]), (&json!([]), &json!(end), &json!(false)));
    service.get("/v1/events?type=order.paid").await.names("?type", "malformed");
    app.customer("rare").get("/v1/events").await.problem(403, "insufficient_scope");
    app.finish().await;
}

/// The events of a customer in the feed, once no more come.
async fn all_of(app: &TestApp, customer: &str) -> Vec<Value> {
    until("every event has a number", async || number(app, "count(*) FROM events WHERE number IS NULL").await == 0)
        .await;
    let page = app.operator().get(&format!("/v1/events?limit=100&customer_id={customer}")).await.expect(200);
    assert_eq!(page["has_more"], false);
    page["data"].as_array().unwrap().clone()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

fn last<'e>(events: &'e [Value], kind: &str) -> &'e Value {
    events.iter().rev().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("no {kind}: {:?}", types(events)))
}

/// An order as lists show it.
async fn listed(app: &TestApp, customer: &str, order: &str) -> Value {
    let list = app.customer(customer).get("/v1/top-up-orders?limit=100").await.expect(200);
    list["data"].as_array().unwrap().iter().find(|shown| shown["id"] == order).unwrap().clone()
}

#[tokio::test]
async fn orders_and_money_that_moves_are_told_as_the_api_shows_them() {
    let app = TestApp::spawn().await;
    let order = app.fund("alice", "CNY", "100.00").await;
    let completed = listed(&app, "alice", &order).await;
    let moved = transfer(&app, "alice", "sms", "10.00").await;
    let given = grant(&app, "alice", "5.00", json!({ "expires_at": "2099-01-01T00:00:00Z" })).await;
    let cancelled = ordered(&app, "alice", "bank_transfer", "CNY", "70").await;
    app.customer("alice").post(&format!("/v1/top-up-orders/{cancelled}/cancel"), &json!({})).await.expect(200);
    let body = json!({ "reason": "a test" });
    app.operator().post("/v1/admin/customers/alice/freeze", &body).await.expect(200);
    app.operator().post("/v1/admin/customers/alice/unfreeze", &body).await.expect(200);

    let events = all_of(&app, "alice").await;
    assert_eq!(
        types(&events),
        [
            "order.pending",
            "order.completed",
            "transfer.created",
            "grant.given",
            "order.pending",
            "order.cancelled",
            "customer.frozen",
            "customer.unfrozen"
        ]
    );
    assert_eq!(of_whom(&events), (1..=8).map(|n| ("alice", n)).collect::<Vec<_>>());
    // The state at the event, not the state of today.
    assert_eq!(events[0]["data"]["order"]["status"], "pending");
    assert_eq!(events[0]["data"]["order"]["version"], 1);
    assert_eq!(events[1]["data"], json!({ "order": completed }));
    let shown = app.customer("alice").get(&format!("/v1/transfers/{moved}")).await.expect(200);
    assert_eq!(events[2]["data"]["transfer"], serde_json::from_str::<Value>(&shown.text).unwrap());
    let shown = app.customer("alice").get("/v1/grants").await.expect(200);
    assert_eq!(events[3]["data"]["grant"], shown["data"][0]);
    assert_eq!(events[3]["data"]["grant"]["id"], given);
    assert_eq!(events[5]["data"]["order"], listed(&app, "alice", &cancelled).await);
    let frozen = &events[6]["data"]["customer"];
    assert_eq!((&frozen["frozen"], &frozen["reason"]), (&json!(true), &json!("a test")));
    assert_eq!(events[7]["data"]["customer"]["frozen"], false);
    app.finish().await;
}

#[tokio::test]
async fn balances_holds_and_expiries_are_told() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let alert = json!({ "threshold": "50.00" });
    let alice = app.customer("alice");
    alice.send(Method::PUT, "/v1/low-balance-alerts/CNY", Some(&alert), None).await.expect(201);
    spend(&app, "alice", "u1", "60.00").await.expect(201);
    spend(&app, "alice", "u2", "1.00").await.expect(201);
    app.fund("alice", "CNY", "20.00").await;
    let held = hold(&app, "alice", "h", "1.00", 1).await.expect(201)["hold_id"].clone();
    grant(&app, "alice", "5.00", json!({ "expires_at": soon() })).await;
    until("what lapsed is told", async || {
        workers::sweep_wallets(&app.server.app).await.unwrap();
        number(&app, "count(*) FROM events WHERE type IN ('hold.expired', 'grant.expired')").await == 2
    })
    .await;
    let events = all_of(&app, "alice").await;
    let low = last(&events, "balance.low");
    assert_eq!(low["data"]["balance"]["available"], "40.00");
    assert_eq!(low["data"]["low_balance_alert"]["threshold"], "50.00");
    assert_eq!(low["data"]["low_balance_alert"]["armed"], false);
    let recovered = last(&events, "balance.recovered");
    assert_eq!(recovered["data"]["balance"]["available"], "59.00");
    assert_eq!(recovered["data"]["low_balance_alert"]["armed"], true);
    let expired = &last(&events, "hold.expired")["data"]["hold"];
    assert_eq!(
        (&expired["hold_id"], &expired["status"], &expired["amount"]),
        (&held, &json!("expired"), &json!("1.00"))
    );
    let expired = &last(&events, "grant.expired")["data"]["grant"];
    assert_eq!((&expired["amount"], &expired["remaining"]), (&json!("5.00"), &json!("0.00")));
    assert_eq!(
        types(&events).iter().filter(|kind| kind.starts_with("balance.")).count(),
        2,
        "usage tells nothing else"
    );
    app.finish().await;
}

fn soon() -> String {
    (chrono::Utc::now() + chrono::TimeDelta::seconds(2)).to_rfc3339()
}

#[tokio::test]
async fn credit_that_expires_soon_is_told_once() {
    let app = TestApp::spawn().await;
    let later = |days: i64| (chrono::Utc::now() + chrono::TimeDelta::days(days)).to_rfc3339();
    app.fund("alice", "CNY", "1.00").await;
    let near = grant(&app, "alice", "5.00", json!({ "expires_at": later(6) })).await;
    grant(&app, "alice", "5.00", json!({ "expires_at": later(8) })).await;
    let rounds = async || {
        for _ in 0..2 {
            execute(&app.database, "UPDATE worker_marks SET reached = '2020-01-01' WHERE worker LIKE 'expiring_%'")
                .await;
            workers::tell_expiring_grants(&app.server.app).await.unwrap();
        }
    };
    rounds().await;
    let told = async || number(&app, "count(*) FROM events WHERE type = 'grant.expiring'").await;
    assert_eq!(told().await, 1);
    let events = all_of(&app, "alice").await;
    assert_eq!(last(&events, "grant.expiring")["data"]["grant"]["id"], near);
    let sooner = "UPDATE grants SET expires_at = expires_at - interval '2 days';
        UPDATE wallets SET grants_until = grants_until - interval '2 days'";
    execute(&app.database, sooner).await;
    rounds().await;
    assert_eq!(told().await, 2);
    app.finish().await;
}

#[tokio::test]
async fn refunds_disputes_and_unapplied_payments_are_told() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "20").await;
    let refund = json!({ "order_id": order, "amount": "5", "reason": "a test of events" });
    app.operator().post("/v1/admin/refunds", &refund).await.expect(201);
    until("the refund has succeeded", async || {
        number(&app, "count(*) FROM refunds WHERE status = 'succeeded'").await == 1
    })
    .await;
    play(&app, "stripe", &order, "dispute-open", json!({})).await;
    quiet(&app, "stripe").await;
    let twice = ordered(&app, "alice", "card", "USD", "20").await;
    play(&app, "stripe", &twice, "pay-twice", json!({})).await;
    quiet(&app, "stripe").await;

    let events = all_of(&app, "alice").await;
    let told = types(&events);
    let of = |noun: &str| told.iter().copied().filter(|kind| kind.starts_with(noun)).collect::<Vec<_>>();
    assert_eq!(of("refund."), ["refund.pending", "refund.succeeded"]);
    assert_eq!(of("dispute."), ["dispute.open"]);
    assert_eq!(of("unapplied_payment."), ["unapplied_payment.opened"]);
    let refunds = app.operator().get("/v1/admin/refunds").await.expect(200);
    assert_eq!(last(&events, "refund.succeeded")["data"]["refund"]["id"], refunds["data"][0]["id"]);
    let disputes = app.operator().get("/v1/admin/disputes").await.expect(200);
    assert_eq!(last(&events, "dispute.open")["data"]["dispute"]["id"], disputes["data"][0]["id"]);
    let unapplied = app.operator().get("/v1/admin/unapplied-payments").await.expect(200);
    assert_eq!(last(&events, "unapplied_payment.opened")["data"]["unapplied_payment"], unapplied["data"][0]);
    assert_eq!(last(&events, "order.updated")["data"]["order"]["refunded_amount"], "5.00");
    app.finish().await;
}
