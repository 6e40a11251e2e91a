//! Everything at once: of many requests that want the same thing, exactly as many win as may.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use crate::stage::{
    approve, control, id, mute, number, order, ordered, play, profile, quiet, read, statement, timeline, try_play,
    with_status,
};
use crate::support::{Caller, Reply, TestApp};

#[tokio::test]
async fn case_29_fifty_usages_of_100_on_1000_of_which_ten_win() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "1000.00").await;
    let service = app.service();
    let usages: Vec<Value> = (0..50)
        .map(|n| json!({ "id": format!("u-{n}"), "customer_id": "alice", "currency": "CNY", "amount": "100" }))
        .collect();
    let answers = join_all(usages.iter().map(|usage| service.post("/v1/usage", usage))).await;
    assert_eq!(with_status(&answers, 201), 10);
    for refused in answers.into_iter().filter(|answer| answer.status != 201) {
        refused.problem(402, "insufficient_funds");
    }
    assert_eq!(app.available("alice", "CNY", "").await, "0.00");
    assert_eq!(number(&app, "count(*) FROM entries WHERE kind = 2").await, 10);
    app.finish().await;
}

#[tokio::test]
async fn case_29_twenty_five_transfers_of_100_on_1000_of_which_ten_win() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "1000.00").await;
    let alice = app.customer("alice");
    let transfer = json!({ "currency": "CNY", "amount": "100.00", "to_product": "sms" });
    let answers = join_all((0..25).map(|_| alice.post("/v1/transfers", &transfer))).await;
    assert_eq!(with_status(&answers, 201), 10);
    for refused in answers.into_iter().filter(|answer| answer.status != 201) {
        refused.problem(402, "insufficient_funds");
    }
    assert_eq!(app.available("alice", "CNY", "").await, "0.00");
    assert_eq!(app.available("alice", "CNY", "sms").await, "1000.00");
    app.finish().await;
}

/// Usage, holds and transfers want the same 1000 at once; whoever wins, never more than 1000 is spent or reserved.
#[tokio::test]
async fn case_29_usages_holds_and_transfers_share_one_balance() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "1000.00").await;
    let (service, alice) = (app.service(), app.customer("alice"));
    let body = |kind: &str, n| {
        let id = format!("{kind}-{n}");
        json!({ "id": id, "customer_id": "alice", "currency": "CNY", "amount": "100" })
    };
    let usages = (0..12).map(async |n| service.post("/v1/usage", &body("u", n)).await);
    let holds = (0..12).map(async |n| {
        let mut hold = body("h", n);
        hold["expires_in"] = json!(600);
        service.post("/v1/holds", &hold).await
    });
    let transfer = json!({ "currency": "CNY", "amount": "100.00", "to_product": "sms" });
    let transfers = (0..12).map(async |_| alice.post("/v1/transfers", &transfer).await);
    let (usages, holds, transfers) = futures_util::join!(join_all(usages), join_all(holds), join_all(transfers));
    let won = [usages, holds, transfers].map(|answers| with_status(&answers, 201));
    assert_eq!(won.iter().sum::<usize>(), 10, "{won:?}");
    assert_eq!(app.available("alice", "CNY", "").await, "0.00");
    app.finish().await;
}

/// The customer cancels while the card is charged. When both requests have been answered, an order that was paid is
/// completed, and an order that is cancelled was never paid. The notification of the company may arrive or not.
#[tokio::test]
async fn case_14_cancel_races_settle() {
    const ROUNDS: u64 = 24;
    let app = TestApp::spawn().await;
    let alice = app.customer("alice");
    let mut credited = 0;
    for round in 0..ROUNDS {
        // In every third round only the cancellation itself can find that the money came.
        let silent = round % 3 == 0;
        mute(&app, "stripe", silent).await;
        let order = ordered(&app, "alice", "card", "USD", "10.00").await;
        let cancel = async || {
            tokio::time::sleep(Duration::from_millis(round % 4)).await;
            alice.send(Method::POST, &format!("/v1/top-up-orders/{order}/cancel"), None, None).await
        };
        let pay = async || {
            tokio::time::sleep(Duration::from_millis(3 * (round % 8))).await;
            try_play(&app, "stripe", &order, "pay", json!({})).await
        };
        let (cancelled, paid) = futures_util::join!(cancel(), pay());
        if !silent {
            quiet(&app, "stripe").await;
        }
        let stands = read(&app, &order).await;
        match (cancelled.status, paid.status) {
            // The payment came before the session was ended, whatever status the order had then.
            (200 | 409, 200) => {
                credited += 1;
                assert_eq!(stands["status"], "completed", "round {round}: {}", stands.text);
                assert!(timeline(&app, &order).await.contains(&"credited".to_owned()));
                if silent {
                    cancelled.problem(409, "order_not_cancellable");
                }
            }
            (200, 409) => assert_eq!(stands["status"], "cancelled", "round {round}: {}", stands.text),
            other => panic!("round {round}: {other:?} {} {}", cancelled.text, paid.text),
        }
    }
    assert_eq!(app.available("alice", "USD", "").await, format!("{}.00", 10 * credited));
    app.finish().await;
}

#[tokio::test]
async fn case_23_approve_races_cancel() {
    let app = TestApp::spawn().await;
    let (alice, operator) = (app.customer("alice"), app.operator());
    let mut credited = 0;
    for round in 0..20 {
        let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
        let cancel = format!("/v1/top-up-orders/{order}/cancel");
        let transaction = format!("line-{round}");
        let approval = approve(&operator, &order, "100.00", &transaction);
        let cancellation = alice.send(Method::POST, &cancel, None, None);
        // Whoever is polled first has a small lead.
        let (approved, cancelled) = if round % 2 == 0 {
            futures_util::join!(approval, cancellation)
        } else {
            let (cancelled, approved) = futures_util::join!(cancellation, approval);
            (approved, cancelled)
        };
        let status = read(&app, &order).await["status"].clone();
        match (approved.status, cancelled.status) {
            (200, 409) => {
                cancelled.problem(409, "order_not_cancellable");
                assert_eq!(status, "completed");
                credited += 100;
            }
            (409, 200) => {
                approved.problem(409, "order_not_open");
                assert_eq!(status, "cancelled");
            }
            other => panic!("round {round}: {other:?}: {} {}", approved.text, cancelled.text),
        }
    }
    assert_eq!(
        app.available("alice", "CNY", "").await,
        if credited == 0 { "0".to_owned() } else { format!("{credited}.00") }
    );
    app.finish().await;
}

#[tokio::test]
async fn case_23_two_operators_approve_at_once() {
    let app = TestApp::spawn().await;
    for round in 0..10 {
        let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
        // Each operator reads the statement separately: the same line, or different ones.
        let lines =
            [format!("line-{round}"), if round % 2 == 0 { format!("line-{round}") } else { format!("other-{round}") }];
        let (anna, ben) = (app.operator_named("anna"), app.operator_named("ben"));
        let answers =
            join_all([approve(&anna, &order, "100.00", &lines[0]), approve(&ben, &order, "100.00", &lines[1])]).await;
        assert_eq!(with_status(&answers, 200), 1);
        let late = answers.into_iter().find(|answer| answer.status != 200).unwrap();
        late.problem(409, "order_already_completed");
        assert_eq!(read(&app, &order).await["received_amount"], "100.00");
    }
    assert_eq!(app.available("alice", "CNY", "").await, "1000.00");
    assert_eq!(number(&app, "count(*) FROM entries WHERE kind = 1").await, 10);
    app.finish().await;
}

#[tokio::test]
async fn case_23_one_operator_approves_twice() {
    let app = TestApp::spawn().await;
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    let (operator, path) = (app.operator(), format!("/v1/admin/top-up-orders/{order}/approve"));
    let line = statement("100.00", "line-1");
    let answers = join_all((0..5).map(|_| operator.post_with_key(&path, &line, "once"))).await;
    let fresh = |answer: &&Reply| answer.status == 200 && answer.header("idempotent-replayed").is_none();
    assert_eq!(answers.iter().filter(fresh).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.problem(409, "idempotency_in_flight");
    }
    let again = operator.post_with_key(&path, &line, "once").await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), &again["status"]), (Some("true"), &json!("completed")));
    operator.post_with_key(&path, &statement("200.00", "line-1"), "once").await.problem(422, "idempotency_key_reused");
    operator.post_with_key(&path, &line, "twice").await.problem(409, "order_already_completed");
    assert_eq!(app.available("alice", "CNY", "").await, "100.00");
    app.finish().await;
}

/// The bytes and the signature of the company, ten times at once; then the other event about the same payment, and
/// the customer who asks at the same instant.
#[tokio::test]
async fn case_01_one_signed_notification_ten_times_in_parallel() {
    const KEY: &str = "sk_test_races";
    const SECRET: &str = "whsec_races";
    let app = TestApp::spawn_with(|config| {
        config.stripe.secret_key = Some(SecretString::from(KEY));
        config.stripe.webhook_secret = Some(SecretString::from(SECRET));
    })
    .await;
    mute(&app, "stripe", true).await;
    let order = ordered(&app, "alice", "card", "USD", "10.00").await;
    play(&app, "stripe", &order, "pay", json!({})).await;

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let events = http.get(format!("{}/stripe/v1/events", app.server.sandbox_url().unwrap())).bearer_auth(KEY);
    let events = events.header("stripe-version", topup::providers::settings::STRIPE_API_VERSION);
    let events = Reply::of(events).await.expect(200);
    let body = |kind: &str| {
        let mut events = events["data"].as_array().unwrap().iter();
        events.find(|event| event["type"] == kind).unwrap_or_else(|| panic!("no {kind}")).to_string()
    };
    let (first, second) = (body("checkout.session.completed"), body("payment_intent.succeeded"));
    let notify = async |body: &str| {
        let at = chrono::Utc::now().timestamp();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{at}.{body}").as_bytes());
        let signature = format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()));
        let request = app.anonymous().request(Method::POST, "/v1/providers/stripe/notifications");
        Reply::of(request.header("stripe-signature", signature).body(body.to_owned())).await
    };
    let alice = app.customer("alice");
    let verify = format!("/v1/top-up-orders/{order}/verify");
    let (told, asked) = futures_util::join!(
        join_all((0..10).map(|_| notify(&first))),
        join_all((0..3).map(|_| alice.send(Method::POST, &verify, None, None)))
    );
    let more = join_all((0..10).map(|n| notify(if n % 2 == 0 { &second } else { &first }))).await;
    for answer in told.into_iter().chain(more).chain(asked) {
        answer.expect(200);
    }
    assert_eq!(app.available("alice", "USD", "").await, "10.00");
    assert_eq!(number(&app, "count(*) FROM payments").await, 1);
    assert_eq!(number(&app, "count(*) FROM provider_events").await, 2);
    assert_eq!(timeline(&app, &order).await.iter().filter(|event| *event == "credited").count(), 1);
    app.finish().await;
}

/// Sends a request. On a slow machine with two hundred requests at once, others may lock the wallets for too long; then
/// it sends the request again, under the same key.
async fn when_free(caller: &Caller<'_>, path: &str, body: &Value) -> Reply {
    let key = Uuid::now_v7().to_string();
    loop {
        let reply = caller.post_with_key(path, body, &key).await;
        if reply.status != 503 {
            return reply;
        }
        let reply = reply.problem(503, "database_unavailable");
        assert!(reply.header("retry-after").is_some());
    }
}

#[tokio::test]
async fn case_39_there_and_back_in_parallel_a_hundred_times() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "200.00").await;
    let alice = app.customer("alice");
    let there = json!({ "currency": "CNY", "amount": "1.00", "to_product": "gpu" });
    let back = json!({ "currency": "CNY", "amount": "1.00", "from_product": "gpu" });
    let half = json!({ "currency": "CNY", "amount": "100.00", "to_product": "gpu" });
    alice.post("/v1/transfers", &half).await.expect(201);
    // Neither wallet can run dry, so nobody may be refused; least of all for a deadlock.
    let moves = (0..100).flat_map(|_| [&there, &back]).map(|transfer| when_free(&alice, "/v1/transfers", transfer));
    for answer in join_all(moves).await {
        answer.expect(201);
    }
    assert_eq!(app.available("alice", "CNY", "").await, "100.00");
    assert_eq!(app.available("alice", "CNY", "gpu").await, "100.00");
    // Consumption that may fall back from one wallet to the other locks both, too.
    let service = app.service();
    let usages = (0..60).map(async |n| {
        let usage = json!({
            "id": format!("u-{n}"), "customer_id": "alice", "currency": "CNY", "amount": "3",
            "product": "gpu", "fallback": "main_wallet",
        });
        service.post("/v1/usage", &usage).await
    });
    let moves = (0..30).flat_map(|_| [&there, &back]).map(|transfer| when_free(&alice, "/v1/transfers", transfer));
    let (usages, moves) = futures_util::join!(join_all(usages), join_all(moves));
    for answer in usages.iter().chain(&moves) {
        assert!(matches!(answer.status, 201 | 402), "{}", answer.text);
    }
    let used = 3 * i64::try_from(with_status(&usages, 201)).unwrap();
    let left = number(&app, "sum(paid) FROM wallets WHERE customer_id = 'alice'").await;
    assert_eq!(left, 200 - used);
    app.finish().await;
}

#[tokio::test]
async fn case_17_two_tabs_with_one_key_make_one_order() {
    let app = TestApp::spawn().await;
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    for channel in ["card", "bank_transfer"] {
        let body = order(channel, "USD", "10.00");
        let tabs = join_all((0..8).map(|_| alice.post_with_key("/v1/top-up-orders", &body, channel))).await;
        // The tab that made the order gets 409 if another one has begun to call the company for it.
        assert!(with_status(&tabs, 201) <= 1, "{channel}");
        assert!(tabs.iter().any(|tab| matches!(tab.status, 200 | 201)), "{channel}");
        let mut made = BTreeSet::new();
        for tab in tabs {
            match tab.status {
                200 | 201 => {
                    made.insert(id(&tab));
                }
                _ => {
                    tab.problem(409, "idempotency_in_flight");
                }
            }
        }
        assert_eq!(made.len(), 1, "{made:?}");
        let again = alice.post_with_key("/v1/top-up-orders", &body, channel).await.expect(200);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert!(made.contains(&id(&again)));
        assert_eq!(again["next_action"]["type"], if channel == "card" { "redirect" } else { "bank_transfer" });
        let other = order(channel, "USD", "11.00");
        alice.post_with_key("/v1/top-up-orders", &other, channel).await.problem(422, "idempotency_key_reused");
    }
    assert_eq!(number(&app, "count(*) FROM top_up_orders").await, 2);
    // One session at the company, whichever tab got through.
    let sessions = control(&app, Method::GET, "stripe/requests", None).await.expect(200);
    let created = sessions.body.as_array().unwrap().iter().filter(|call| call["operation"] == "create_session");
    assert_eq!(created.count(), 1, "{}", sessions.text);
    // The same key of another customer is another key.
    profile(&app, "bob").await;
    app.customer("bob").post_with_key("/v1/top-up-orders", &order("card", "USD", "10.00"), "card").await.expect(201);
    app.finish().await;
}

#[tokio::test]
async fn case_17_the_limit_of_open_orders_holds_under_twenty_creates() {
    let app = TestApp::spawn_with(|config| config.open_orders_per_customer = 5).await;
    profile(&app, "alice").await;
    let alice = app.customer("alice");
    let body = order("bank_transfer", "CNY", "100");
    let create = async || alice.post_with_key("/v1/top-up-orders", &body, &Uuid::now_v7().to_string()).await;
    let answers = join_all((0..20).map(|_| create())).await;
    assert_eq!(with_status(&answers, 201), 5);
    let first = id(answers.iter().find(|answer| answer.status == 201).unwrap());
    for refused in answers.into_iter().filter(|answer| answer.status != 201) {
        refused.problem(409, "too_many_open_orders");
    }
    // Other customers are not affected, and a closed order makes room for a new one.
    app.fund("bob", "CNY", "100.00").await;
    alice.send(Method::POST, &format!("/v1/top-up-orders/{first}/cancel"), None, None).await.expect(200);
    let answers = join_all((0..4).map(|_| create())).await;
    assert_eq!(with_status(&answers, 201), 1);
    app.finish().await;
}
