//! What keeps a closing from giving money back twice, or for an operator who may not move it.

use serde_json::{Value, json};
use topup::config::DisputesTake;
use topup::domain::permission::{Permission, Permissions};

use crate::closings::{advance, close, closing, correct, made, payout, propose_payout, refunds, usage, waits};
use crate::stage::{approve, id, number, ordered, paid, play, profile, quiet, until};
use crate::support::{TestApp, execute, permitted_token};
use crate::unapplied::{decide, paid_twice, to_wallet};

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
    // A rejected proposal does not count as a refund: the payment still goes back.
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

#[tokio::test]
async fn who_may_not_move_money_closes_an_account_but_sends_no_refund() {
    let app = TestApp::spawn_with(|config| config.jwt.permissions_claim = Some("permissions".to_owned())).await;
    let order = ordered(&app, "alice", "card", "USD", "40.00").await;
    play(&app, "stripe", &order, "pay", json!({})).await;
    quiet(&app, "stripe").await;
    let adam = app.bearer(permitted_token("adam", Permission::Admin.into()));
    let started = close(&adam, "alice").await.expect(200);
    assert_eq!((&started["status"], waits(&started)), (&json!("refunding"), vec![("open_refunds".to_owned(), 1)]));
    let fay = app.bearer(permitted_token("fay", Permissions::ALL));
    let waiting = fay.get("/v1/admin/refunds?customer_id=alice&status=awaiting_second_approval").await.expect(200);
    let approve = format!("/v1/admin/refunds/{}/approve", waiting["data"][0]["id"].as_str().unwrap());
    adam.post(&approve, &json!({})).await.expect(403);
    fay.post(&approve, &json!({})).await.expect(200);
    quiet(&app, "stripe").await;
    until("the account is closed", async || {
        fay.post("/v1/admin/customers/alice/close/advance", &json!({})).await.expect(200)["status"] == "closed"
    })
    .await;
    app.finish().await;
}

/// An account whose bank transfer of 20 an operator has to send back.
async fn to_send_back(app: &TestApp, customer: &str, transaction: &str) -> String {
    let order = ordered(app, customer, "bank_transfer", "USD", "20").await;
    approve(&app.operator(), &order, "20.00", transaction).await.expect(200);
    close(&app.operator(), customer).await.expect(200);
    refund_path(app, customer, "pending", "mark-sent").await
}

#[tokio::test]
async fn what_comes_back_late_is_gathered_or_forfeited_and_nothing_is_paid_out_that_can_be_contested() {
    let app = TestApp::spawn().await;
    let (operator, service) = (app.operator(), app.service());
    profile(&app, "alice").await;
    correct(&app, "alice", "21.00501").await.expect(201);
    let grant = json!({ "customer_id": "alice", "currency": "USD", "amount": "7.00", "reason": "welcome" });
    operator.post("/v1/grants", &grant).await.expect(201);
    let moved = json!({ "currency": "USD", "amount": "1.00", "from_product": null, "to_product": "whatsapp" });
    app.customer("alice").post("/v1/transfers", &moved).await.expect(201);
    service.post("/v1/usage", &usage("u1", None, "5")).await.expect(201);
    service.post("/v1/usage", &usage("u2", Some("whatsapp"), "1")).await.expect(201);
    // Bob paid an order twice. The second payment is applied to alice's wallet, at first only a part of it.
    let (_, payment) = paid_twice(&app, "bob").await;
    decide(&app, "ops", &payment, "apply", to_wallet("alice", Some("3.00"))).await.expect(200);
    let started = close(&operator, "alice").await.expect(200);
    assert_eq!(waits(&started), [("unapplied_payments".to_owned(), 1)]);
    decide(&app, "ops", &payment, "apply", to_wallet("alice", None)).await.expect(200);
    assert_eq!(advance(&app, "alice").await["status"], "payout");

    let early = propose_payout(&app, "ann", "alice").await.problem(409, "payout_too_early");
    let from = closing(&app, "alice").await["payout_from"].as_str().unwrap()[..10].to_owned();
    assert!(early["detail"].as_str().unwrap().contains(&from), "{}", early.text);
    execute(&app.database, "UPDATE payments SET received_at = received_at - interval '15 days'").await;
    // Credit comes back, and money of a product.
    for (id, of, amount) in [("r1", "u1", "5"), ("r2", "u2", "1")] {
        let reversal = json!({ "id": id, "customer_id": "alice", "usage_id": of, "amount": amount });
        service.post("/v1/usage/reversals", &reversal).await.expect(201);
    }
    let uuid = payment.trim_start_matches("pay_");
    let dispute = &format!(
        "INSERT INTO disputes (id, payment_id, order_id, customer_id, provider, dispute_id, currency, amount,
             status, charged, created_at, updated_at)
         SELECT gen_random_uuid(), id, order_id, 'alice', 'stripe', 'dp_1', 'USD', 5, 'open', false, now(),
                now() FROM payments WHERE id = '{uuid}'"
    );
    execute(&app.database, dispute).await;
    propose_payout(&app, "ann", "alice").await.problem(409, "payout_too_early");
    execute(&app.database, "DELETE FROM disputes").await;
    let proposed = propose_payout(&app, "ann", "alice").await.expect(202);
    let sums = (&proposed["amount"], &proposed["debited_amount"]);
    assert_eq!(sums, (&json!("41.00"), &json!("41.00501")), "{}", proposed.text);
    execute(&app.database, dispute).await;
    payout(&app, "ben", &id(&proposed), "approve", json!({})).await.problem(409, "payout_too_early");
    execute(&app.database, "DELETE FROM disputes").await;
    payout(&app, "ben", &id(&proposed), "approve", json!({})).await.expect(200);

    // A bank transfer serves one refund or payout, however its id is written.
    let sent = |transfer: &str| -> Value { json!({ "bank_transaction_id": transfer }) };
    let (to_carl, to_dora) = (to_send_back(&app, "carl", "T-1").await, to_send_back(&app, "dora", "T-2").await);
    operator.post(&to_carl, &sent("OUT-7")).await.expect(200);
    operator.post(&to_dora, &sent("out 7")).await.problem(409, "bank_transaction_used");
    payout(&app, "ann", &id(&proposed), "mark-sent", sent("out 7")).await.problem(409, "bank_transaction_used");
    payout(&app, "ann", &id(&proposed), "mark-sent", sent("OUT-8")).await.expect(200);
    operator.post(&to_dora, &sent("out/8")).await.problem(409, "bank_transaction_used");
    operator.post(&to_dora, &sent("OUT-9")).await.expect(200);
    until("alice's account is closed", async || closing(&app, "alice").await["status"] == "closed").await;
    assert_eq!(number(&app, "count(*) FROM wallets WHERE customer_id = 'alice' AND granted + paid <> 0").await, 0);
    app.check().await;
    app.finish().await;
}
