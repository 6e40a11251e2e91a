//! What keeps a closing from giving money back twice.

use serde_json::json;
use topup::config::DisputesTake;

use crate::closings::{advance, close, closing, made, refunds, waits};
use crate::stage::{paid, play, quiet};
use crate::support::TestApp;

async fn refund_path(app: &TestApp, customer: &str, status: &str, action: &str) -> String {
    let list = app.operator().get(&format!("/v1/admin/refunds?customer_id={customer}&status={status}")).await;
    format!("/v1/admin/refunds/{}/{action}", list.expect(200)["data"][0]["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_disputed_payment_stops_the_refunds_of_the_others() {
    let app = TestApp::spawn_with(|config| {
        config.disputes_take = DisputesTake::Lost;
        config.second_approval_above = vec!["USD:30".parse().unwrap()];
    })
    .await;
    let ben = app.operator_named("ben");
    paid(&app, "alice", "paypal", "USD", "50.00").await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    assert_eq!(close(&app.operator(), "alice").await.expect(200)["status"], "refunding");
    let waiting = ("stripe", "100.00", "awaiting_second_approval");
    assert_eq!(refunds(&app, "alice").await, made(&[waiting]));
    // A proposal that was rejected was no refund: the payment goes back all the same.
    let why = json!({ "reason": "a look at it first" });
    let reject = refund_path(&app, "alice", "awaiting_second_approval", "reject").await;
    ben.post(&reject, &why).await.expect(200);
    advance(&app, "alice").await;
    assert_eq!(refunds(&app, "alice").await, made(&[("stripe", "100.00", "failed"), waiting]));

    play(&app, "stripe", &order, "dispute-open", json!({})).await;
    quiet(&app, "stripe").await;
    let reject = refund_path(&app, "alice", "awaiting_second_approval", "reject").await;
    ben.post(&reject, &why).await.expect(200);
    let now = advance(&app, "alice").await;
    assert_eq!((&now["status"], waits(&now)), (&json!("refunding"), vec![("open_disputes".to_owned(), 1)]));
    let rejected = ("stripe", "100.00", "failed");
    assert_eq!(refunds(&app, "alice").await, made(&[rejected, rejected]), "the older payment waits");

    play(&app, "stripe", &order, "dispute-lose", json!({})).await;
    quiet(&app, "stripe").await;
    advance(&app, "alice").await;
    let approve = refund_path(&app, "alice", "awaiting_second_approval", "approve").await;
    ben.post(&approve, &json!({})).await.expect(200);
    quiet(&app, "paypal").await;
    advance(&app, "alice").await;
    assert_eq!(closing(&app, "alice").await["status"], "closed");
    assert_eq!(refunds(&app, "alice").await, made(&[rejected, rejected, ("paypal", "50.00", "succeeded")]));
    app.finish().await;
}
