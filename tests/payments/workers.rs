//! Several orders and several processes: a broken answer about one order delays no other, and no work is done twice.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use topup::config::{Config, SandboxMode};
use topup::workers;

use crate::stage::{Placed, Stage, Way, known_keys};
use crate::support::TestApp;

#[tokio::test]
async fn one_orders_broken_answer_never_blocks_the_others() {
    let stage = Stage::new().await;
    for way in Way::ALL {
        for fault in [
            json!({"kind": "status", "status": 500, "times": if way == Way::Vnpay { 1 } else { 3 }}),
            json!({"kind": "html"}),
            json!({"kind": "half_json"}),
            json!({"kind": "other_order"}),
        ] {
            let mut placed = Vec::new();
            for _ in 0..4 {
                let one = stage.place(way).await;
                stage.play(&one, way.pays_silently(), json!({})).await;
                placed.push(one);
            }
            let mut fault = fault;
            fault["operation"] = json!(way.question());
            stage.fault(way.company(), &fault).await;
            stage.worker_asks().await;
            let done = crate::stage::until("all but one are settled", async || {
                let mut done = Vec::new();
                for one in &placed {
                    done.push(stage.order(one).await["status"] == "completed");
                }
                (done.iter().filter(|done| **done).count() >= 3).then_some(done)
            })
            .await;
            stage.forget_faults(way.company()).await;
            // The order with the broken answer is unchanged, and the worker asks about it again.
            for (one, done) in placed.iter().zip(done) {
                if !done {
                    stage.is_not_credited(one, "pending").await;
                }
            }
            stage.worker_asks().await;
            for one in &placed {
                stage.until(one, "completed").await;
                stage.is_credited(one).await;
            }
        }
    }
    stage.finish().await;
}

/// A second process on the same database, with the sandbox of the first.
async fn beside(stage: &Stage) -> TestApp {
    let sandbox = stage.app.server.sandbox_url().unwrap().to_owned();
    let url = |path: &str| Some(format!("{sandbox}{path}").parse().unwrap());
    let change = |config: &mut Config| {
        known_keys(config);
        config.sandbox = SandboxMode::Off;
        config.stripe.base_url = url("/stripe");
        config.paypal.base_url = url("/paypal");
        config.vnpay.pay_url = url("/vnpay/paymentv2/vpcpay.html");
        config.vnpay.api_url = url("/vnpay/merchant_webapi/api/transaction");
    };
    TestApp::try_spawn(&stage.app.database, change).await.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn two_servers_on_one_database_share_the_work() {
    let stage = Stage::new().await;
    let other = beside(&stage).await;
    let mut placed: Vec<Placed> = Vec::new();
    for n in 0..40 {
        let way = Way::ALL[n % 4];
        let one = stage.place(way).await;
        stage.play(&one, way.pays_silently(), json!({})).await;
        placed.push(one);
    }
    // The answers are slow, so that neither process is done before the other one begins.
    for (company, operation) in
        [("stripe", "get_session"), ("stripe", "get_payment_intent"), ("paypal", "get_order"), ("vnpay", "querydr")]
    {
        stage.fault(company, &json!({"operation": operation, "kind": "slow", "delay_ms": 300, "times": 40})).await;
    }
    stage.execute("UPDATE top_up_orders SET ask_at = now()").await;
    let (one, two) = (&stage.app.server.app, &other.server.app);
    let asked = join_all((0..4).map(|n| workers::ask_about_orders(if n % 2 == 0 { one } else { two }))).await;
    asked.into_iter().for_each(|asked| assert!(asked.unwrap() <= 50));
    for one in &placed {
        stage.until(one, "completed").await;
        stage.is_credited(one).await;
    }
    // One of the processes asked about each order, once.
    assert_eq!(stage.ask("SELECT DISTINCT asked FROM top_up_orders").await, ["1"]);
    for way in Way::ALL {
        let mut about = BTreeSet::new();
        for call in stage.calls(way.company(), way.question()).await {
            let said = format!("{} {}", call["path"].as_str().unwrap(), call["body"].as_str().unwrap());
            let named = placed.iter().find(|one| said.contains(&one.at)).unwrap();
            assert!(about.insert(named.at.clone()), "{way:?}: asked twice: {said}");
        }
        assert_eq!(about.len(), 10, "{way:?}");
    }
    other.finish().await;
    stage.finish().await;
}

/// At the same instant one process gets the notification and the other one asks.
#[tokio::test]
async fn two_servers_credit_once() {
    let stage = Stage::new().await;
    let other = beside(&stage).await;
    for way in Way::ALL {
        stage.mute(way.company(), true).await;
        let placed = stage.place(way).await;
        stage.play(&placed, way.pays(), json!({})).await;
        let withheld = stage.deliveries(&placed).await;
        stage.mute(way.company(), false).await;
        let path = format!("/v1/top-up-orders/{}/verify", placed.id);
        let customer = other.customer("demo");
        let verified = join_all((0..4).map(|_| customer.send(Method::POST, &path, None, None)));
        let told = join_all(withheld.iter().map(|one| stage.resend(&placed, one["event"].as_str().unwrap())));
        let (verified, _) = tokio::join!(verified, told);
        for reply in verified {
            reply.expect(200);
        }
        stage.until(&placed, "completed").await;
        stage.delivered(&placed, 1).await;
        stage.is_credited(&placed).await;
    }
    other.finish().await;
    stage.finish().await;
}
