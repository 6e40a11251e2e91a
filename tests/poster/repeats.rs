//! Usage and holds that are sent again.

use diesel_async::SimpleAsyncConnection;
use serde_json::json;
use topup::storage::pool::connect;

use crate::support::{TestApp, database, execute, server_log, url};
use crate::together::usage;

const CUSTOMER: &str = "whom-the-log-must-not-name";

/// The server logs all errors, as a server that we do not configure does. If a retry caused an error, the log would
/// contain the key and the whole statement.
#[tokio::test]
async fn a_retry_leaves_no_trace_in_the_log_of_the_server() {
    let database = database().await;
    for setting in ["log_min_messages", "log_min_error_statement"] {
        execute("postgres", &format!("ALTER DATABASE {database} SET {setting} = 'error'")).await;
    }
    for mode in [topup::config::PosterMode::On, topup::config::PosterMode::Off] {
        let app = TestApp::try_spawn(&database, |config| config.poster.mode = mode).await.unwrap();
        app.fund(CUSTOMER, "CNY", "100.00").await;
        let id = |what: &str| format!("{what}-{mode:?}");
        let one = usage(&id("one"), CUSTOMER, "0.1");
        let hold = json!({
            "id": id("hold"), "customer_id": CUSTOMER, "currency": "CNY", "amount": "2", "expires_in": 600
        });
        app.service().post("/v1/usage", &one).await.expect(201);
        app.service().post("/v1/holds", &hold).await.expect(201);
        for n in 0..3 {
            app.service().post("/v1/usage", &one).await.expect(200);
            app.service().post("/v1/holds", &hold).await.expect(200);
            let new = usage(&id(&format!("new-{n}")), CUSTOMER, "0.1");
            let results = app.service().post("/v1/usage/batch", &json!({ "items": [one, new] })).await.expect(200);
            assert_eq!(
                (&results["results"][0]["status"], &results["results"][1]["status"]),
                (&json!("replayed"), &json!("booked"))
            );
        }
        app.finish().await;
    }
    let mut conn = connect(&url(&database)).await.unwrap();
    conn.batch_execute("SELECT 1 / 0 AS the_log_works").await.unwrap_err();
    let log = server_log();
    assert!(log.contains("the_log_works"));
    let told: Vec<&str> = log.lines().filter(|line| line.contains(CUSTOMER)).collect();
    assert!(told.is_empty(), "{told:#?}");
}
