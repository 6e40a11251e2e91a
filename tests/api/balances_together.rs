//! Balances that many ask for at once are read together: each caller gets its own balance, and never an older one than
//! it got before.

use futures_util::future::join_all;

use crate::support::{TestApp, execute};
use crate::tools::{grant, spend};

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_what_he_has_just_spent() {
    let app = TestApp::spawn().await;
    let customers: Vec<String> = (0..24).map(|n| format!("c{n}")).collect();
    for customer in &customers {
        grant(&app, customer, "100", serde_json::json!({})).await;
    }
    let of_one = async |n: usize, customer: &String| {
        for round in 1..=8 {
            spend(&app, customer, &format!("u{round}"), &format!("0.{:02}", n + 1)).await.expect(201);
            let spent = (n + 1) * round;
            let left = format!("{}.{:02}", (10_000 - spent) / 100, (10_000 - spent) % 100);
            assert_eq!(app.available(customer, "CNY", "").await, left, "{customer}, round {round}");
        }
    };
    join_all(customers.iter().enumerate().map(|(n, customer)| of_one(n, customer))).await;
    app.finish().await;
}

/// The database has a value that no version of the service wrote.
#[tokio::test]
async fn a_customer_whose_rows_cannot_be_read_keeps_no_other_from_an_answer() {
    let app = TestApp::spawn().await;
    for customer in ["alice", "bob"] {
        grant(&app, customer, "5", serde_json::json!({})).await;
    }
    execute(&app.database, "UPDATE wallets SET currency = 'QQQ' WHERE customer_id = 'bob'").await;
    let (alice, bob) = (app.customer("alice"), app.customer("bob"));
    let asked = (0..40).map(|n| {
        let caller = if n % 2 == 0 { &alice } else { &bob };
        async move { caller.get("/v1/balances").await }
    });
    for (n, reply) in join_all(asked).await.into_iter().enumerate() {
        if n % 2 == 0 {
            assert_eq!(reply.expect(200)["balances"][0]["available"], "5.00");
        } else {
            reply.problem(500, "internal_error");
        }
    }
    execute(&app.database, "UPDATE wallets SET currency = 'CNY' WHERE customer_id = 'bob'").await;
    app.finish().await;
}
