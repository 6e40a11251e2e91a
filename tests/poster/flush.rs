//! Requests of different callers in one flush, and across flushes.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::join_all;
use serde_json::json;
use topup::storage::pool::connect;

use crate::support::{Reply, TestApp, execute, url};
use crate::together::{HeldUp, one_at_a_time, send, usage, waiting};

fn statuses(replies: &[Reply]) -> Vec<u16> {
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    statuses
}

#[tokio::test]
async fn one_key_in_many_requests_of_one_flush_is_booked_once() {
    let app = one_at_a_time(1000).await;
    app.fund("alice", "CNY", "10.00").await;
    let held = HeldUp::begin(&app).await;
    let same: Vec<_> = (0..20).map(|_| send(&app, "/v1/usage", &usage("one", "alice", "1"))).collect();
    waiting(&app, 20).await;
    let other = send(&app, "/v1/usage", &usage("one", "alice", "2"));
    let next = send(&app, "/v1/usage", &usage("two", "alice", "3"));
    waiting(&app, 22).await;
    held.end().await;
    let replies: Vec<Reply> = join_all(same).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(statuses(&replies), [vec![200; 19], vec![201]].concat());
    for reply in &replies {
        let replayed = reply.header("idempotent-replayed") == Some("true");
        assert_eq!(replayed, reply.status == 200);
        assert_eq!(reply["balance_after"], "9.00", "all are told of the one booking");
    }
    other.await.unwrap().problem(422, "idempotency_key_reused");
    next.await.unwrap().expect(201);
    assert_eq!(app.available("alice", "CNY", "").await, "6.00");
    app.finish().await;
}

#[tokio::test]
async fn one_key_in_many_requests_of_many_flushes_is_booked_once() {
    let app = TestApp::spawn_with(|config| config.poster.lanes = 3.try_into().unwrap()).await;
    app.fund("alice", "CNY", "100.00").await;
    for round in 0..20 {
        let id = format!("race-{round}");
        let same: Vec<_> = (0..12).map(|_| send(&app, "/v1/usage", &usage(&id, "alice", "1"))).collect();
        let replies: Vec<Reply> = join_all(same).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(statuses(&replies), [vec![200; 11], vec![201]].concat());
    }
    assert_eq!(app.available("alice", "CNY", "").await, "80.00");
    app.finish().await;
}

/// The key of the first item was also sent by another request of the flush, which is refused. So the first item is
/// booked, and gets the money before the second item.
#[tokio::test]
async fn an_item_whose_key_another_request_of_the_flush_brought_keeps_its_place() {
    let app = one_at_a_time(1000).await;
    app.fund("alice", "CNY", "10.00").await;
    let held = HeldUp::begin(&app).await;
    let of_a_product =
        json!({ "id": "one", "customer_id": "alice", "currency": "CNY", "amount": "8", "product": "sms" });
    let refused = send(&app, "/v1/usage", &of_a_product);
    waiting(&app, 1).await;
    let items = [usage("one", "alice", "8"), usage("two", "alice", "5"), usage("three", "alice", "2")];
    let batch = send(&app, "/v1/usage/batch", &json!({ "items": items }));
    waiting(&app, 4).await;
    held.end().await;
    refused.await.unwrap().problem(402, "insufficient_funds");
    let results = batch.await.unwrap().expect(200);
    let statuses: Vec<_> = (0..3).map(|n| results["results"][n]["status"].clone()).collect();
    assert_eq!(statuses, ["booked", "refused", "booked"]);
    app.finish().await;
}

#[tokio::test]
async fn an_unknown_error_of_one_request_fails_none_of_its_flush() {
    let app = one_at_a_time(1000).await;
    for customer in ["alice", "mallory", "bob"] {
        app.fund(customer, "CNY", "10.00").await;
    }
    execute(
        &app.database,
        "CREATE FUNCTION curse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'cursed'; END $$;
         CREATE TRIGGER curse BEFORE INSERT ON entries FOR EACH ROW WHEN (NEW.customer_id = 'mallory')
         EXECUTE FUNCTION curse();
         CREATE TRIGGER curse BEFORE INSERT ON holds FOR EACH ROW WHEN (NEW.customer_id = 'mallory')
         EXECUTE FUNCTION curse()",
    )
    .await;
    let held = HeldUp::begin(&app).await;
    let hold = |id: &str, customer: &str| {
        json!({ "id": id, "customer_id": customer, "currency": "CNY", "amount": "1",
        "expires_in": 60 })
    };
    let mut requests = Vec::new();
    for n in 0..5 {
        for customer in ["alice", "mallory", "bob"] {
            requests.push((customer, send(&app, "/v1/usage", &usage(&format!("u{n}"), customer, "0.5"))));
            requests.push((customer, send(&app, "/v1/holds", &hold(&format!("h{n}"), customer))));
        }
    }
    waiting(&app, requests.len()).await;
    held.end().await;
    for (customer, request) in requests {
        let reply = request.await.unwrap();
        match customer {
            "mallory" => drop(reply.problem(500, "internal_error")),
            _ => drop(reply.expect(201)),
        }
    }
    assert_eq!(app.available("alice", "CNY", "").await, "2.50");
    assert_eq!(app.available("mallory", "CNY", "").await, "10.00");
    execute(&app.database, "DROP TRIGGER curse ON entries; DROP TRIGGER curse ON holds").await;
    app.service().post("/v1/usage", &usage("u0", "mallory", "0.5")).await.expect(201);
    app.service().post("/v1/holds", &hold("h0", "mallory")).await.expect(201);
    app.finish().await;
}

/// Opened and captured by many at once: one hold, one entry.
#[tokio::test]
async fn holds_are_opened_and_captured_once_however_often_that_is_asked() {
    let app = TestApp::spawn_with(|config| config.poster.lanes = 2.try_into().unwrap()).await;
    app.fund("alice", "CNY", "10.00").await;
    let hold = json!({ "id": "call", "customer_id": "alice", "currency": "CNY", "amount": "4", "expires_in": 60 });
    let opened = join_all((0..8).map(|_| send(&app, "/v1/holds", &hold))).await;
    let opened: Vec<Reply> = opened.into_iter().map(Result::unwrap).collect();
    assert_eq!(statuses(&opened), [200, 200, 200, 200, 200, 200, 200, 201]);
    let path = format!("/v1/holds/{}/capture", opened[0]["hold_id"].as_str().unwrap());
    assert!(opened.iter().all(|reply| reply["hold_id"] == opened[0]["hold_id"]));
    let captured = join_all((0..8).map(|_| send(&app, &path, &json!({ "amount": "3" })))).await;
    let captured: Vec<Reply> = captured.into_iter().map(|reply| reply.unwrap().expect(200)).collect();
    let replayed = captured.iter().filter(|reply| reply.header("idempotent-replayed") == Some("true")).count();
    assert_eq!(replayed, 7);
    app.service().post(&path, &json!({ "amount": "2" })).await.problem(409, "hold_closed");
    assert_eq!(app.available("alice", "CNY", "").await, "7.00");
    app.finish().await;
}

/// With the poster off every request is written alone; the answers are the same.
#[tokio::test]
async fn without_the_poster_the_answers_are_the_same() {
    let app = TestApp::spawn_with(|config| config.poster.mode = topup::config::PosterMode::Off).await;
    app.fund("alice", "CNY", "10.00").await;
    let same = join_all((0..6).map(|_| send(&app, "/v1/usage", &usage("one", "alice", "6")))).await;
    let same: Vec<Reply> = same.into_iter().map(Result::unwrap).collect();
    assert_eq!(statuses(&same), [200, 200, 200, 200, 200, 201]);
    app.service().post("/v1/usage", &usage("two", "alice", "6")).await.problem(402, "insufficient_funds");
    let batch = json!({ "items": [usage("three", "alice", "3"), usage("four", "alice", "3")] });
    let results = app.service().post("/v1/usage/batch", &batch).await.expect(200);
    assert_eq!(results["results"][0]["status"], "booked");
    assert_eq!(results["results"][1]["status"], "refused");
    app.finish().await;
}

/// Keeps a customer's wallets locked until it is dropped or commits.
async fn lock(app: &TestApp, customer: &str) -> AsyncPgConnection {
    let mut locker = connect(&url(&app.database)).await.unwrap();
    let lock = format!("BEGIN; SELECT FROM wallets WHERE customer_id = '{customer}' FOR UPDATE");
    locker.batch_execute(&lock).await.unwrap();
    locker
}

/// Ends the session that waits for a lock, if one does at this moment. Returns whether one did.
async fn end_one_that_waits(watcher: &mut AsyncPgConnection) -> bool {
    let end = "SELECT 1 / count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
               WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'";
    watcher.batch_execute(end).await.is_ok()
}

/// PostgreSQL ends the session of the poster, and later the session that decides what the flush has left. Each time the
/// request goes on in a new session.
#[tokio::test]
async fn a_session_that_postgresql_ends_costs_no_request() {
    let app = one_at_a_time(1000).await;
    app.fund("alice", "CNY", "1.00").await;
    let mut locker = lock(&app, "alice").await;
    let mut watcher = connect(&url(&app.database)).await.unwrap();
    let sent = send(&app, "/v1/usage", &usage("held-up", "alice", "1"));
    for _ in 0..2 {
        while !end_one_that_waits(&mut watcher).await {
            tokio::task::yield_now().await;
        }
    }
    locker.batch_execute("COMMIT").await.unwrap();
    sent.await.unwrap().expect(201);
    app.finish().await;
}

/// One item of a batch is booked at once. The other waits for its wallet until its last session is ended. Nobody knows
/// whether it was booked, so the batch gets no answer. When it is sent again, it reports both.
#[tokio::test]
async fn a_batch_that_loses_the_database_half_way_is_told_of_no_refusal() {
    let app = one_at_a_time(1000).await;
    app.fund("alice", "CNY", "10.00").await;
    app.fund("mallory", "CNY", "10.00").await;
    // Less credit than the usage takes: it splits, so the full path decides it.
    let credit = json!({ "customer_id": "mallory", "currency": "CNY", "amount": "0.50", "reason": "a test" });
    app.service().post("/v1/grants", &credit).await.expect(201);
    let mut locker = lock(&app, "mallory").await;
    let mut watcher = connect(&url(&app.database)).await.unwrap();
    let batch = json!({ "items": [usage("one", "alice", "1"), usage("two", "mallory", "1")] });
    let sent = send(&app, "/v1/usage/batch", &batch);
    while !sent.is_finished() {
        end_one_that_waits(&mut watcher).await;
    }
    sent.await.unwrap().problem(503, "database_unavailable");
    assert_eq!(app.available("alice", "CNY", "").await, "9.00", "it was booked all the same");
    locker.batch_execute("COMMIT").await.unwrap();
    let again = app.service().post("/v1/usage/batch", &batch).await.expect(200);
    assert_eq!(again["results"][0]["status"], "replayed");
    assert_eq!(again["results"][1]["status"], "booked");
    app.finish().await;
}
