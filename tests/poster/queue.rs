//! A bounded queue, callers who go away, and a stop that answers everybody first.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use topup::app::check;
use topup::identity::Scope;
use topup::storage::pool::Pool;

use crate::support::{Reply, TestApp, token, url};
use crate::together::{HeldUp, one_at_a_time, send, usage, waiting};

#[tokio::test]
async fn a_full_queue_sends_callers_away_until_there_is_room() {
    let app = one_at_a_time(10).await;
    app.fund("alice", "CNY", "100.00").await;
    let held = HeldUp::begin(&app).await;
    let taken: Vec<_> = (0..10).map(|n| send(&app, "/v1/usage", &usage(&n.to_string(), "alice", "1"))).collect();
    waiting(&app, 10).await;
    let many = join_all((0..200).map(|n| send(&app, "/v1/usage", &usage(&format!("x{n}"), "alice", "1")))).await;
    for reply in many {
        let reply = reply.unwrap().problem(503, "overloaded");
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    let hold = json!({ "id": "h", "customer_id": "alice", "currency": "CNY", "amount": "1", "expires_in": 60 });
    app.service().post("/v1/holds", &hold).await.problem(503, "overloaded");
    assert_eq!(app.server.app.poster.waiting(), 10, "what is refused takes no room");
    let metrics = app.anonymous().get("/metrics").await.expect(200);
    assert!(metrics.text.contains("topup_poster_waiting_postings 10"), "{}", metrics.text);
    held.end().await;
    for reply in join_all(taken).await {
        reply.unwrap().expect(201);
    }
    // The refused ids are not burnt.
    app.service().post("/v1/usage", &usage("x0", "alice", "1")).await.expect(201);
    // A batch larger than the queue is let in when nobody else waits: it would never fit otherwise.
    let items: Vec<_> = (0..50).map(|n| usage(&format!("b{n}"), "alice", "1")).collect();
    let batch = app.service().post("/v1/usage/batch", &json!({ "items": items })).await.expect(200);
    assert!(batch["results"].as_array().unwrap().iter().all(|result| result["status"] == "booked"));
    assert_eq!(app.available("alice", "CNY", "").await, "39.00");
    app.finish().await;
}

#[tokio::test]
async fn postings_that_take_much_memory_fill_the_queue_sooner() {
    let app = one_at_a_time(20_000).await;
    app.fund("alice", "CNY", "1000.00").await;
    let held = HeldUp::begin(&app).await;
    // 2 KB of the smallest pairs are twenty times as much in memory.
    let metadata: serde_json::Map<_, _> = (0..200).map(|n| (format!("{n:03}"), json!(""))).collect();
    let items = (0..1000).map(|n| {
        let mut item = usage(&format!("b{n}"), "alice", "0.5");
        item["metadata"] = json!(metadata);
        item
    });
    let batch = json!({ "items": items.collect::<Vec<_>>() });
    let mut second = batch.clone();
    second["items"].as_array_mut().unwrap().truncate(400);
    let first = send(&app, "/v1/usage/batch", &batch);
    waiting(&app, 1000).await;
    send(&app, "/v1/usage/batch", &second).await.unwrap().problem(503, "overloaded");
    let small = send(&app, "/v1/usage", &usage("small", "alice", "1"));
    waiting(&app, 1001).await;
    held.end().await;
    first.await.unwrap().expect(200);
    small.await.unwrap().expect(201);
    assert_eq!(app.available("alice", "CNY", "").await, "499.00");
    app.finish().await;
}

/// The bodies of batches have 16 MiB together, each at most 4.
#[tokio::test]
async fn large_bodies_wait_for_room_unread() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "10.00").await;
    let address = app.server.base_url.strip_prefix("http://").unwrap();
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /v1/usage/batch HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nExpect: 100-continue\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            token("svc", Scope::Service),
            4 << 20
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        // The server says so when it reads the body, which is when there is room for it.
        let mut told = [0; 25];
        socket.read_exact(&mut told).await.unwrap();
        assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
        slow.push(socket);
    }
    let waits = send(&app, "/v1/usage/batch", &json!({ "items": [usage("a", "alice", "1")] }));
    for n in 0..5 {
        app.service().post("/v1/usage", &usage(&n.to_string(), "alice", "0.2")).await.expect(201);
    }
    assert!(!waits.is_finished());
    drop(slow);
    waits.await.unwrap().expect(200);
    assert_eq!(app.available("alice", "CNY", "").await, "8.00");
    let large = json!({ "items": [], "more": " ".repeat(4 << 20) });
    app.service().post("/v1/usage/batch", &large).await.problem(413, "body_too_large");
    app.finish().await;
}

#[tokio::test]
async fn a_caller_who_goes_away_changes_nothing() {
    let app = one_at_a_time(1000).await;
    app.fund("alice", "CNY", "10.00").await;
    let held = HeldUp::begin(&app).await;
    let gone: Vec<_> = (0..5).map(|n| send(&app, "/v1/usage", &usage(&n.to_string(), "alice", "1"))).collect();
    let stays = send(&app, "/v1/usage", &usage("stays", "alice", "1"));
    waiting(&app, 6).await;
    for request in gone {
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
    }
    held.end().await;
    stays.await.unwrap().expect(201);
    // What was taken is booked, once; a repetition is answered so.
    for n in 0..5 {
        app.service().post("/v1/usage", &usage(&n.to_string(), "alice", "1")).await.expect(200);
    }
    assert_eq!(app.available("alice", "CNY", "").await, "4.00");

    // A caller who disconnects in the middle of the request has requested nothing.
    let body = usage("half", "alice", "1").to_string();
    let head = format!(
        "POST /v1/usage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        token("meter", Scope::Service),
        body.len()
    );
    let mut half = tokio::net::TcpStream::connect(app.url().strip_prefix("http://").unwrap()).await.unwrap();
    half.write_all(format!("{head}{}", &body[..body.len() - 1]).as_bytes()).await.unwrap();
    half.shutdown().await.unwrap();
    drop(half);
    app.service().post("/v1/usage", &usage("half", "alice", "1")).await.expect(201);
    app.finish().await;
}

#[tokio::test]
async fn a_stop_answers_all_that_was_taken() {
    let app = one_at_a_time(1000).await;
    app.fund("alice", "CNY", "100.00").await;
    let (database, base) = (app.database.clone(), app.url().to_owned());
    let held = HeldUp::begin(&app).await;
    let mut taken: Vec<_> = (0..40).map(|n| send(&app, "/v1/usage", &usage(&n.to_string(), "alice", "1"))).collect();
    let items: Vec<_> = (0..50).map(|n| usage(&format!("b{n}"), "alice", "1")).collect();
    taken.push(send(&app, "/v1/usage/batch", &json!({ "items": items })));
    waiting(&app, 90).await;
    let stopping = tokio::spawn(app.stop());
    // New connections are refused from then on.
    while reqwest::Client::builder().no_proxy().build().unwrap().get(&base).send().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!stopping.is_finished(), "it waits for what was taken");
    held.end().await;
    let replies: Vec<Reply> = join_all(taken).await.into_iter().map(Result::unwrap).collect();
    let (batch, singles) = replies.split_last().unwrap();
    assert!(singles.iter().all(|reply| reply.status == 201));
    assert_eq!(batch.status, 200);
    assert!(batch["results"].as_array().unwrap().iter().all(|result| result["status"] == "booked"));
    stopping.await.unwrap();
    let report = check::run(&Pool::new(&url(&database), 1).unwrap(), &mut |_| {}).await.unwrap();
    assert!(report.is_clean(), "{}", check::render(&report));
    let again = TestApp::try_spawn(&database, |_| ()).await.unwrap();
    assert_eq!(again.available("alice", "CNY", "").await, "10.00");
    again.finish().await;
}
