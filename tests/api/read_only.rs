//! A server that has become read-only, as a managed database is after a switch-over.

use serde_json::json;

use crate::stage::{order, profile, until};
use crate::support::{TestApp, execute};

/// Makes new sessions of the test's database read-only or not, and ends the ones that there are.
async fn switch(app: &TestApp, read_only: bool) {
    let database = &app.database;
    // The setting of a database is written in another one, which stays as it is.
    execute("postgres", &format!("ALTER DATABASE {database} SET default_transaction_read_only = {read_only}")).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ";
    execute("postgres", &format!("{end}'{database}'")).await;
}

#[tokio::test]
async fn case_70_a_server_that_only_reads_is_503_everywhere_and_never_refused_in_a_batch() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    profile(&app, "alice").await;
    let ready = async || app.anonymous().get("/readyz").await.status;
    assert_eq!(ready().await, 200);

    switch(&app, true).await;
    let usage = |id: &str| json!({ "id": id, "customer_id": "alice", "currency": "CNY", "amount": "1" });
    let batch = json!({ "items": [usage("a"), usage("b")] });
    let hold = json!({ "id": "h", "customer_id": "alice", "currency": "CNY", "amount": "1", "expires_in": 600 });
    let transfer = json!({ "currency": "CNY", "amount": "1", "to_product": "sms" });
    let (alice, service) = (app.customer("alice"), app.service());
    for _ in 0..3 {
        for reply in [
            service.post("/v1/usage", &usage("single")).await,
            service.post("/v1/usage/batch", &batch).await,
            service.post("/v1/holds", &hold).await,
            alice.post("/v1/transfers", &transfer).await,
            alice.post("/v1/top-up-orders", &order("bank_transfer", "CNY", "50")).await,
        ] {
            let reply = reply.problem(503, "database_unavailable");
            assert!(reply.header("retry-after").is_some());
        }
    }
    until("the process is not ready", async || ready().await == 503).await;
    app.anonymous().get("/readyz").await.problem(503, "not_ready");
    assert_eq!(alice.get("/v1/balances").await.status, 200, "what only reads goes on");

    switch(&app, false).await;
    until("the process is ready again", async || ready().await == 200).await;
    // Nothing was booked meanwhile, so nothing is a replay.
    let booked = service.post("/v1/usage/batch", &batch).await.expect(200);
    assert!(booked["results"].as_array().unwrap().iter().all(|result| result["status"] == "booked"), "{}", booked.text);
    alice.post("/v1/transfers", &transfer).await.expect(201);
    app.finish().await;
}
