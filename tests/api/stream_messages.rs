//! What the balance stream tells besides balances: its mark, its end, its claims; how many streams stay; and tickets.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;

use crate::stage::{number, paid, play};
use crate::streaming::Stream;
use crate::support::documented::misfits;
use crate::support::{Caller, Reply, TestApp, execute};
use crate::tools::spend;

/// A page that is loaded again and again opens a stream each time, and leaves those of before open without a word.
#[tokio::test]
async fn case_75_sixteen_reloads_open_sixteen_streams_and_three_stay() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "1.00").await;
    let alice = app.customer("alice");
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(Stream::of(&alice).await);
    }
    let alive = streams.split_off(13);
    for mut replaced in streams {
        replaced.ends("replaced").await;
    }
    spend(&app, "alice", "u", "0.50").await.expect(201);
    for mut stream in alive {
        stream.available("0.50").await;
    }
    app.finish().await;
}

#[tokio::test]
async fn a_mark_ends_the_snapshot_also_where_there_is_no_wallet() {
    let app = TestApp::spawn().await;
    let mut nobody = Stream::of(&app.customer("newbie")).await;
    let live = nobody.read().await.unwrap();
    assert_eq!((live.event.as_str(), &live.data), ("stream.live", &json!({ "taken_back_debt": [] })));
    app.fund("alice", "CNY", "1.00").await;
    let mut stream = Stream::of(&app.customer("alice")).await;
    let first = stream.read().await.unwrap();
    let live = stream.read().await.unwrap();
    assert_eq!([first.event.as_str(), live.event.as_str()], ["balance.updated", "stream.live"]);
    // A reader who goes on from there learns that nothing was missed.
    let mut again = Stream::open(&app.customer("alice"), "/v1/balances/stream", Some(&live.id)).await;
    assert_eq!(again.read().await.unwrap().event, "stream.live");
    app.finish().await;
}

/// The message shows what is claimed from a customer as `GET /v1/balances` does.
#[tokio::test]
async fn claims_are_told_when_they_come_and_when_they_go() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    let alice = app.customer("alice");
    let mut stream = Stream::of(&alice).await;
    let usage = json!({ "id": "u", "customer_id": "alice", "currency": "USD", "amount": "60" });
    app.service().post("/v1/usage", &usage).await.expect(201);
    play(&app, "stripe", &order, "dispute-open", json!({})).await;
    let told = stream.until(|message| message.event == "taken_back_debt.updated").await;
    let claimed = json!([{ "currency": "USD", "amount": "60.00" }]);
    assert_eq!(told.data["taken_back_debt"], claimed);
    assert_eq!(alice.get("/v1/balances").await.expect(200)["taken_back_debt"], claimed);
    let mut again = Stream::of(&alice).await;
    let live = again.until_live().await;
    assert_eq!(live.data["taken_back_debt"], claimed);
    play(&app, "stripe", &order, "dispute-win", json!({})).await;
    for mut stream in [stream, again] {
        let nothing = json!([]);
        stream.until(|message| message.data["taken_back_debt"] == nothing).await;
    }
    app.finish().await;
}

/// Every message has the schema that the document names for it.
#[tokio::test]
async fn messages_have_the_schemas_of_the_document() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let alice = app.customer("alice");
    let body = json!({ "threshold": "50.00" });
    alice.send(Method::PUT, "/v1/low-balance-alerts/CNY", Some(&body), None).await.expect(201);
    let mut stream = Stream::of(&alice).await;
    let mut seen = BTreeMap::new();
    let first = stream.read().await.unwrap();
    seen.insert(first.event.clone(), first.data);
    spend(&app, "alice", "u1", "60.00").await.expect(201);
    stream.available("40.00").await;
    app.fund("alice", "CNY", "20.00").await;
    while !(seen.contains_key("balance.recovered") && seen.contains_key("order.updated")) {
        let message = stream.read().await.unwrap();
        seen.insert(message.event, message.data);
    }
    let mut again = Stream::of(&alice).await;
    while !seen.contains_key("stream.live") {
        let message = again.read().await.unwrap();
        seen.insert(message.event, message.data);
    }
    let document = topup::http::openapi::document();
    let stream = &document["paths"]["/v1/balances/stream"]["get"]["responses"]["200"]["x-messages"];
    for (event, data) in seen {
        let mut found = Vec::new();
        misfits(document, &stream[&event], &data, "", &mut found);
        assert!(found.is_empty(), "{event}: {found:#?}");
    }
    app.finish().await;
}

/// A browser cannot send a token with a stream. The ticket is valid once, from the page that made it.
#[tokio::test]
async fn a_ticket_opens_one_stream_for_its_customer_from_its_site() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "1.00").await;
    app.fund("bob", "CNY", "2.00").await;
    let (alice, anyone, service) = (app.customer("alice"), app.anonymous(), app.service());
    let made = async |caller: &Caller<'_>, query: &str, origin: Option<&str>| {
        let path = format!("/v1/balances/stream-tickets{query}");
        let request = caller.request(Method::POST, &path);
        let request = origin.map_or(request.try_clone().unwrap(), |origin| request.header("origin", origin));
        let made = Reply::of(request).await.expect(201);
        format!("/v1/balances/stream-by-ticket?ticket={}", made["ticket"].as_str().unwrap())
    };
    let opens = async |path: &str, origin: Option<&str>| {
        let request = anyone.request(Method::GET, path);
        let request = origin.map_or(request.try_clone().unwrap(), |origin| request.header("origin", origin));
        request.send().await.unwrap().status().as_u16()
    };
    let shop = Some("https://shop.example.com");
    let path = made(&alice, "", shop).await;
    assert_eq!(opens(&path, shop).await, 200);
    assert_eq!(opens(&path, shop).await, 401, "once");
    for other in [None, Some("https://evil.example.com")] {
        let path = made(&alice, "", shop).await;
        assert_eq!(opens(&path, other).await, 401);
        assert_eq!(opens(&path, shop).await, 401, "it is gone after a wrong try");
    }
    // A page of our own sends its origin only when it writes.
    let own = app.server.base_url.clone();
    assert_eq!(opens(&made(&alice, "", Some(&own)).await, None).await, 200);
    // It opens its customer's stream, whatever else is asked for.
    let path = made(&service, "?customer_id=bob", None).await;
    let mut stream = Stream::open(&anyone, &path, None).await;
    stream.available("2.00").await;
    anyone
        .get(&format!("{}&customer_id=alice", made(&alice, "", None).await))
        .await
        .names("?customer_id", "unknown_parameter");
    anyone.get("/v1/balances/stream-by-ticket?ticket=nothing").await.problem(401, "unauthorized");
    alice.send(Method::POST, "/v1/balances/stream-tickets?customer_id=bob", None, None).await.problem(404, "not_found");
    // Its time is half a minute, and what nobody used is deleted.
    let path = made(&alice, "", None).await;
    execute(&app.database, "UPDATE stream_tickets SET expires_at = ledger_now()").await;
    assert_eq!(opens(&path, None).await, 401);
    topup::workers::prune(&app.server.app).await.unwrap();
    assert_eq!(number(&app, "count(*) FROM stream_tickets").await, 0);
    app.finish().await;
}
