//! Another customer's things are not there, whatever is tried.

use reqwest::Method;
use serde_json::json;

use crate::stage::{id, order, ordered};
use crate::support::TestApp;

#[tokio::test]
async fn case_22_another_customers_things_are_not_there() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    app.fund("bob", "CNY", "100.00").await;
    let (alice, bob) = (app.customer("alice"), app.customer("bob"));
    let made = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    let transfer = json!({ "currency": "CNY", "amount": "1.00", "to_product": "gpu" });
    let transfer = id(&alice.post("/v1/transfers", &transfer).await.expect(201));
    let hold = json!({ "id": "h-1", "customer_id": "alice", "currency": "CNY", "amount": "10", "expires_in": 600 });
    let hold = app.service().post("/v1/holds", &hold).await.expect(201)["hold_id"].as_str().unwrap().to_owned();

    for path in [format!("/v1/top-up-orders/{made}"), format!("/v1/transfers/{transfer}")] {
        alice.get(&path).await.expect(200);
        bob.get(&path).await.problem(404, "not_found");
        bob.get(&format!("{path}?customer_id=alice")).await.problem(404, "not_found");
        bob.get(&format!("{path}?customer_id=bob")).await.problem(404, "not_found");
        app.service().get(&format!("{path}?customer_id=bob")).await.problem(404, "not_found");
    }
    for action in ["cancel", "verify"] {
        let path = format!("/v1/top-up-orders/{made}/{action}");
        bob.send(Method::POST, &path, None, None).await.problem(404, "not_found");
        bob.send(Method::POST, &format!("{path}?customer_id=alice"), None, None).await.problem(404, "not_found");
    }
    // Holds are the platform's; no customer reaches any, his own included.
    for caller in [&alice, &bob] {
        caller.get(&format!("/v1/holds/{hold}")).await.problem(403, "insufficient_scope");
        for (action, body) in
            [("capture", json!({ "amount": "1" })), ("release", json!({})), ("extend", json!({ "expires_in": 60 }))]
        {
            caller.post(&format!("/v1/holds/{hold}/{action}"), &body).await.problem(403, "insufficient_scope");
        }
    }
    // Lists are one's own, whatever is asked for.
    for (path, mine) in [("/v1/top-up-orders", 1), ("/v1/account-flows", 1), ("/v1/transfers", 0), ("/v1/grants", 0)] {
        let list = bob.get(path).await.expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), mine, "{path}: {}", list.text);
        bob.get(&format!("{path}?customer_id=alice")).await.problem(404, "not_found");
    }
    let flows = bob.get(&format!("/v1/account-flows?order={made}")).await.expect(200);
    assert_eq!(flows["data"], json!([]));
    let spending = json!({ "currency": "CNY", "amount": "1.00", "to_product": "gpu" });
    bob.post("/v1/transfers?customer_id=alice", &spending).await.problem(404, "not_found");
    bob.post("/v1/top-up-orders?customer_id=alice", &order("bank_transfer", "CNY", "100"))
        .await
        .problem(404, "not_found");
    // Ids of another kind, and ids that were never given out.
    for odd in
        [transfer.as_str(), "tuo_00000000000000000000000000000000", "tuo_x", "1", "tuo_%00", &made.to_uppercase()]
    {
        alice.get(&format!("/v1/top-up-orders/{odd}")).await.problem(404, "not_found");
    }
    assert_eq!(app.available("alice", "CNY", "").await, "89.00");
    app.finish().await;
}
