//! The balance stream, over real connections.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use serde_json::json;
use topup::identity::{Holder, Scope, mint};
use topup::storage::pool::connect;

use crate::stage::ordered;
use crate::streaming::{PATIENCE, Stream};
use crate::support::{Reply, SECRET, TestApp, url};
use crate::tools::{balance, hold, spend, until};

#[tokio::test]
async fn the_state_comes_first_and_then_what_changes() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    crate::tools::transfer(&app, "alice", "sms", "10.00").await;
    let mut stream = Stream::of(&app.customer("alice")).await;
    let mut state = [stream.next().await, stream.next().await];
    state.sort_by_key(|message| message.data["product"].to_string());
    assert_eq!(state.clone().map(|message| message.event), ["balance.updated", "balance.updated"]);
    assert_eq!(state[0].data, balance(&app, "alice", "sms").await);
    assert_eq!(state[1].data, balance(&app, "alice", "").await);

    spend(&app, "alice", "u1", "0.5").await.expect(201);
    let told = stream.next().await;
    assert_eq!((told.event.as_str(), &told.data["available"]), ("balance.updated", &json!("89.50")));
    assert_eq!(told.data, balance(&app, "alice", "").await);
    hold(&app, "alice", "h1", "9.50", 600).await.expect(201);
    assert_eq!(stream.next().await.data["held"], "9.50");

    // An order, from its payment to the balance.
    let order = app.fund("alice", "CNY", "20.00").await;
    let moved = stream.until(|message| message.event == "order.updated" && message.data["status"] == "completed").await;
    assert_eq!((&moved.data["order_id"], &moved.data["currency"]), (&json!(order), &json!("CNY")));
    assert!(moved.data["event_id"].as_str().unwrap().starts_with("evt_"));
    stream.available("100.00").await;
    assert!(stream.raw.contains("retry: 2000\n"), "{}", stream.raw);
    assert!(stream.raw.contains(": keep-alive\n"), "{}", stream.raw);
    app.finish().await;
}

#[tokio::test]
async fn nobody_hears_of_others() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    app.fund("bob", "CNY", "50.00").await;
    let mut alice = Stream::of(&app.customer("alice")).await;
    alice.available("100.00").await;
    let mut watched = Stream::open(&app.service(), "/v1/balances/stream?customer_id=bob", None).await;
    watched.available("50.00").await;
    spend(&app, "bob", "u", "1.00").await.expect(201);
    app.fund("bob", "CNY", "1.00").await;
    watched.until(|message| message.event == "order.updated").await;
    spend(&app, "alice", "u", "1.00").await.expect(201);
    let told = alice.next().await;
    assert_eq!(
        (told.event.as_str(), &told.data["available"]),
        ("balance.updated", &json!("99.00")),
        "nothing of bob's"
    );

    app.customer("bob").get("/v1/balances/stream?customer_id=alice").await.problem(404, "not_found");
    app.service().get("/v1/balances/stream").await.names("?customer_id", "required");
    app.anonymous().get("/v1/balances/stream").await.problem(401, "unauthorized");
    app.finish().await;
}

#[tokio::test]
async fn a_broken_stream_goes_on_where_it_ended() {
    let app = TestApp::spawn().await;
    let alice = app.customer("alice");
    app.fund("alice", "CNY", "100.00").await;
    let mut stream = Stream::of(&alice).await;
    let last = stream.available("100.00").await.id;
    drop(stream);

    // Nothing has happened: no message comes until something does.
    let mut stream = Stream::open(&alice, "/v1/balances/stream", Some(&last)).await;
    spend(&app, "alice", "u1", "1.00").await.expect(201);
    let told = stream.next().await;
    assert_eq!(told.data["available"], "99.00");
    drop(stream);

    // Missed events are sent once, and in order.
    let order = app.fund("alice", "CNY", "5.00").await;
    let mut stream = Stream::open(&alice, "/v1/balances/stream", Some(&told.id)).await;
    let mut missed = Vec::new();
    let last = loop {
        let message = stream.next().await;
        if message.event == "balance.updated" {
            assert_eq!(message.data["available"], "104.00");
            break message.id;
        }
        assert_eq!(message.data["order_id"], order);
        missed.push(message);
    };
    assert_eq!(missed.last().unwrap().data["status"], "completed");
    drop(stream);

    // After each of them, what follows it.
    for (n, message) in missed.iter().enumerate() {
        let mut stream = Stream::open(&alice, "/v1/balances/stream", Some(&message.id)).await;
        for later in &missed[n + 1..] {
            assert_eq!(stream.next().await.data, later.data);
        }
        assert_eq!(stream.next().await.id, last);
    }
    // An id that is not ours is ignored: the reader gets the state, and no history.
    for id in ["nonsense", "99999999-0", &last.replace('-', "--")] {
        let mut stream = Stream::open(&alice, "/v1/balances/stream", Some(id)).await;
        let first = stream.next().await;
        assert_eq!((first.event.as_str(), &first.data["available"]), ("balance.updated", &json!("104.00")));
    }
    app.finish().await;
}

#[tokio::test]
async fn case_50_an_alert_is_told_once_per_fall() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let body = json!({ "threshold": "50.00" });
    let alice = app.customer("alice");
    alice.send(Method::PUT, "/v1/low-balance-alerts/CNY", Some(&body), None).await.expect(201);
    let mut stream = Stream::of(&alice).await;
    stream.available("100.00").await;
    spend(&app, "alice", "u1", "60.00").await.expect(201);
    let low = stream.next().await;
    assert_eq!(low.event, "balance.low");
    assert_eq!(
        json!([low.data["available"], low.data["threshold"], low.data["product"]]),
        json!(["40.00", "50.00", null])
    );
    stream.available("40.00").await;
    spend(&app, "alice", "u2", "1.00").await.expect(201);
    assert_eq!(stream.next().await.event, "balance.updated", "once per fall");
    app.finish().await;
}

/// Events are numbered when they are inserted, and seen when they are committed: in another order.
#[tokio::test]
async fn an_event_that_commits_late_is_not_missed() {
    let app = TestApp::spawn().await;
    ordered(&app, "alice", "bank_transfer", "CNY", "70").await;
    let insert = |n: u32| {
        format!(
            "INSERT INTO events (customer_id, type, noun, data)
             SELECT customer_id, 'order.updated', 'order', to_jsonb(o) || '{{\"version\": {n}}}' FROM top_up_orders o"
        )
    };
    let mut stream = Stream::of(&app.customer("alice")).await;
    let mut late = connect(&url(&app.database)).await.unwrap();
    late.batch_execute(&format!("BEGIN; {}", insert(11))).await.unwrap();
    app.server.app.pool.get().await.unwrap().batch_execute(&insert(22)).await.unwrap();
    let told = stream.next().await;
    assert_eq!(told.data["version"], 22);
    late.batch_execute("COMMIT").await.unwrap();
    assert_eq!(stream.next().await.data["version"], 11);
    drop(stream);
    let mut stream = Stream::open(&app.customer("alice"), "/v1/balances/stream", Some(&told.id)).await;
    assert_eq!(stream.next().await.data["version"], 11);
    app.finish().await;
}

#[tokio::test]
async fn streams_are_bounded_and_make_room_when_they_end() {
    let app = TestApp::spawn_with(|config| {
        config.streams = 3;
        config.streams_per_customer = 2;
    })
    .await;
    app.fund("alice", "CNY", "1.00").await;
    let alice = app.customer("alice");
    let (mut one, mut two) = (Stream::of(&alice).await, Stream::of(&alice).await);
    one.available("1.00").await;
    two.available("1.00").await;
    let bob = Stream::of(&app.customer("bob")).await;
    let refused = app.customer("carol").get("/v1/balances/stream").await.problem(503, "streams_full");
    assert!(refused.header("retry-after").is_some());
    // A customer with as many streams as allowed gives up the oldest for a new one, even if all streams of the service
    // are open.
    let mut three = Stream::of(&alice).await;
    one.ends("replaced").await;
    drop(bob);
    until("room for another", async || {
        let request = app.customer("carol").request(Method::GET, "/v1/balances/stream");
        request.send().await.unwrap().status() == 200
    })
    .await;
    spend(&app, "alice", "u", "0.50").await.expect(201);
    two.available("0.50").await;
    three.available("0.50").await;
    app.finish().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "1.00").await;
    let token =
        mint(&SECRET.into(), Holder::new("alice", Scope::Customer), Duration::from_secs(2), None, None).unwrap();
    let caller = app.bearer(token);
    let mut stream = Stream::of(&caller).await;
    stream.available("1.00").await;
    stream.ends("token_expired").await;
    Reply::of(caller.request(Method::GET, "/v1/balances/stream")).await.problem(401, "unauthorized");
    app.finish().await;
}

#[tokio::test]
async fn a_stream_ends_when_the_service_stops() {
    let app = TestApp::spawn_with(|config| config.shutdown_seconds = 60).await;
    app.fund("alice", "CNY", "1.00").await;
    let mut stream = Stream::of(&app.customer("alice")).await;
    stream.available("1.00").await;
    let ended = stream.ends("shutting_down");
    let ((), stopped) = tokio::join!(ended, tokio::time::timeout(PATIENCE, app.finish()));
    stopped.expect("a stream does not hold up the stop");
}

/// A cursor from the future, or one whose events are pruned, cannot be continued from: the listener gets everything.
#[tokio::test]
async fn case_74_a_cursor_that_cannot_be_continued_from_gets_the_full_state() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let alice = app.customer("alice");
    let first = Stream::of(&alice).await.next().await;
    let [position, versions, own] = first.id.split('-').collect::<Vec<_>>()[..] else { panic!("{}", first.id) };
    let position: i64 = position.parse().unwrap();

    let others = Stream::of(&app.customer("bob")).await.read().await.unwrap().id;
    let others = others.rsplit('-').next().unwrap();
    assert_ne!(own, others);
    for cursor in [
        format!("{}-{versions}-{own}", position + 1_000),
        format!("{position}-999999-{own}"),
        format!("{position}-{versions}-{others}"),
        format!("{position}-{versions}"),
    ] {
        let mut stream = Stream::open(&alice, "/v1/balances/stream", Some(&cursor)).await;
        assert_eq!(stream.next().await.data, balance(&app, "alice", "").await, "{cursor}");
    }

    // A reader who has everything gets nothing, so the next change is the first message.
    let mut up_to_date = Stream::open(&alice, "/v1/balances/stream", Some(&first.id)).await;
    let mut conn = connect(&url(&app.database)).await.unwrap();
    conn.batch_execute("UPDATE events SET created_at = created_at - interval '31 days'").await.unwrap();
    assert!(topup::workers::prune(&app.server.app).await.unwrap() > 0);
    // The last event is always kept.
    let behind = format!("{}-{versions}-{own}", position - 2);
    let mut stream = Stream::open(&alice, "/v1/balances/stream", Some(&behind)).await;
    assert_eq!(stream.next().await.data, balance(&app, "alice", "").await);
    let mut not_behind = Stream::open(&alice, "/v1/balances/stream", Some(&first.id)).await;

    spend(&app, "alice", "u1", "0.5").await.expect(201);
    for stream in [&mut up_to_date, &mut not_behind] {
        assert_eq!(stream.next().await.data["available"], "99.50");
    }
    app.finish().await;
}
