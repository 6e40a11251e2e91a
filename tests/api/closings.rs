//! Closing an account: what is left goes back, in steps that can be seen.

use serde_json::{Value, json};

use crate::refunds::tell_all_again;
use crate::stage::{approve, balance, id, number, ordered, paid, play, profile, quiet, read, until};
use crate::support::{Caller, Reply, TestApp};

pub fn usage(id: &str, product: Option<&str>, amount: &str) -> Value {
    json!({ "id": id, "customer_id": "alice", "currency": "USD", "product": product, "amount": amount })
}

pub async fn close(caller: &Caller<'_>, customer: &str) -> Reply {
    let path = format!("/v1/admin/customers/{customer}/close");
    caller.post(&path, &json!({ "reason": "the customer asked for it" })).await
}

pub async fn advance(app: &TestApp, customer: &str) -> Reply {
    app.operator().post(&format!("/v1/admin/customers/{customer}/close/advance"), &json!({})).await.expect(200)
}

pub async fn closing(app: &TestApp, customer: &str) -> Reply {
    app.operator().get(&format!("/v1/admin/customers/{customer}/closing")).await.expect(200)
}

pub fn waits(closing: &Reply) -> Vec<(String, i64)> {
    let waits = closing["waits_for"].as_array().unwrap().iter();
    waits.map(|wait| (wait["what"].as_str().unwrap().to_owned(), wait["count"].as_i64().unwrap())).collect()
}

/// The refunds of a customer, oldest first: the company, the amount and the status of each.
pub async fn refunds(app: &TestApp, customer: &str) -> Vec<(String, String, String)> {
    let list = app.operator().get(&format!("/v1/admin/refunds?customer_id={customer}")).await.expect(200);
    let text = |refund: &Value, name: &str| refund[name].as_str().unwrap().to_owned();
    let all = list["data"].as_array().unwrap().iter().rev();
    all.map(|refund| (text(refund, "provider"), text(refund, "amount"), text(refund, "status"))).collect()
}

pub fn made(all: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    all.iter().map(|(by, amount, status)| ((*by).into(), (*amount).into(), (*status).into())).collect()
}

pub async fn correct(app: &TestApp, customer: &str, amount: &str) -> Reply {
    let up = json!({
        "customer_id": customer, "currency": "USD", "direction": "up", "amount": amount, "reason": "billed twice"
    });
    app.operator().post("/v1/admin/adjustments", &up).await
}

async fn our_account(app: &TestApp) -> String {
    let list = app.operator().get("/v1/admin/bank-accounts").await.expect(200);
    let ours = list["data"].as_array().unwrap().iter().find(|account| account["currency"] == "USD").unwrap();
    ours["id"].as_str().unwrap().to_owned()
}

pub async fn propose_payout(app: &TestApp, operator: &str, customer: &str) -> Reply {
    let body = json!({
        "customer_id": customer, "currency": "USD", "bank_account_id": our_account(app).await, "account": "622848"
    });
    app.operator_named(operator).post("/v1/admin/payouts", &body).await
}

pub async fn payout(app: &TestApp, operator: &str, id: &str, action: &str, body: Value) -> Reply {
    app.operator_named(operator).post(&format!("/v1/admin/payouts/{id}/{action}"), &body).await
}

#[tokio::test]
async fn an_account_is_closed_in_steps_that_can_be_seen() {
    let app = TestApp::spawn().await;
    let (alice, service, operator) = (app.customer("alice"), app.service(), app.operator());
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    paid(&app, "alice", "paypal", "USD", "50.00").await;
    let grant = json!({ "customer_id": "alice", "currency": "USD", "amount": "7.00", "reason": "welcome" });
    operator.post("/v1/grants", &grant).await.expect(201);
    // 30 are moved to a product whose money otherwise does not come back, and 10 of them are used there.
    let moved = json!({ "currency": "USD", "amount": "30.00", "from_product": null, "to_product": "whatsapp" });
    alice.post("/v1/transfers", &moved).await.expect(201);
    service.post("/v1/usage", &usage("u1", Some("whatsapp"), "10")).await.expect(201);
    let mut held = usage("h1", None, "5");
    held["expires_in"] = json!(600);
    let held = service.post("/v1/holds", &held).await.expect(201);
    // As soon as no hold is open, a worker takes the next step. So this hold stays open until everything here has been
    // checked.
    let mut last = usage("h0", Some("whatsapp"), "1");
    last["expires_in"] = json!(600);
    let last = service.post("/v1/holds", &last).await.expect(201);
    let pending = ordered(&app, "alice", "card", "USD", "20.00").await;
    alice.get("/v1/account-closing").await.problem(404, "not_found");

    let started = close(&operator, "alice").await.expect(200);
    assert_eq!((&started["status"], waits(&started)), (&json!("waiting"), vec![("open_holds".to_owned(), 2)]));
    assert_eq!(read(&app, &pending).await["status"], "cancelled");
    let again = app
        .operator_named("ben")
        .post("/v1/admin/customers/~/close?customer_id=alice", &json!({ "reason": "once more" }))
        .await
        .expect(200);
    assert_eq!((&again["id"], &again["started_by"]), (&started["id"], &json!("operator:ops")));
    // Nothing new goes out, and no order is made.
    for product in [None, Some("whatsapp")] {
        service.post("/v1/usage", &usage("u2", product, "1")).await.problem(409, "account_closed");
    }
    let mut second = usage("h2", None, "1");
    second["expires_in"] = json!(600);
    service.post("/v1/holds", &second).await.problem(409, "account_closed");
    alice.post("/v1/transfers", &moved).await.problem(409, "account_closed");
    let another = crate::stage::order("card", "USD", "5.00");
    alice.post("/v1/top-up-orders", &another).await.problem(409, "account_closed");
    let path = format!("/v1/holds/{}/capture", held["hold_id"].as_str().unwrap());
    service.post(&path, &json!({ "amount": "5.01" })).await.problem(409, "account_closed");
    // What has happened is booked: the hold is captured for less, and usage of before arrives late.
    service.post(&path, &json!({ "amount": "4" })).await.expect(200);
    let mut late = usage("u3", None, "3");
    late["on_insufficient"] = json!("book");
    service.post("/v1/usage", &late).await.expect(201);
    let path = format!("/v1/holds/{}/release", last["hold_id"].as_str().unwrap());
    service.post(&path, &json!({})).await.expect(200);

    advance(&app, "alice").await;
    for company in ["stripe", "paypal"] {
        quiet(&app, company).await;
    }
    until("the account is closed", async || closing(&app, "alice").await["status"] == "closed").await;
    // The grant paid for the capture and the usage of 7; the newest payment went back first, and whole.
    let back = made(&[("paypal", "50.00", "succeeded"), ("stripe", "90.00", "succeeded")]);
    assert_eq!(refunds(&app, "alice").await, back);
    let told = alice.get("/v1/account-closing").await.expect(200);
    assert_eq!((&told["status"], &told["waits_for"], &told["payouts"]), (&json!("closed"), &json!([]), &json!([])));
    assert!(told["closed_at"].is_string());
    for product in ["", "whatsapp"] {
        let of = format!("/v1/balances?currency=USD&product={product}");
        assert_eq!(alice.get(&of).await.expect(200)["balances"][0]["total"], "0.00");
    }
    app.check().await;

    // Nothing comes in: corrections, credit, and payments, which are kept.
    correct(&app, "alice", "1.00").await.problem(409, "account_closed");
    operator.post("/v1/grants", &grant).await.problem(409, "account_closed");
    let asked = json!({ "order_id": order, "reason": "not needed" });
    alice.post("/v1/refund-requests", &asked).await.problem(409, "account_closed");
    play(&app, "stripe", &pending, "pay-late", json!({})).await;
    quiet(&app, "stripe").await;
    let kept = operator.get("/v1/admin/unapplied-payments?customer_id=alice").await.expect(200);
    assert_eq!(
        (&kept["data"][0]["reason"], &kept["data"][0]["unapplied_amount"]),
        (&json!("account_closed"), &json!("20.00"))
    );
    let apply = format!("/v1/admin/unapplied-payments/{}/apply", kept["data"][0]["id"].as_str().unwrap());
    let to = json!({ "customer_id": "alice", "reason": "r" });
    operator.post(&apply, &to).await.problem(409, "account_closed");
    // Usage that is given back reopens the account, and what came back follows.
    let reversal = json!({ "id": "r1", "customer_id": "alice", "usage_id": "u1", "amount": "6" });
    service.post("/v1/usage/reversals", &reversal).await.expect(201);
    assert_eq!(closing(&app, "alice").await["status"], "reopened");
    let waiting = advance(&app, "alice").await;
    assert_eq!(waits(&waiting), [("unapplied_payments".to_owned(), 1)]);
    let dismiss = apply.replace("/apply", "/dismiss");
    operator.post(&dismiss, &json!({ "reason": "returned at the dashboard" })).await.expect(200);
    advance(&app, "alice").await;
    quiet(&app, "stripe").await;
    until("the account is closed again", async || closing(&app, "alice").await["status"] == "closed").await;
    assert_eq!(refunds(&app, "alice").await.last(), made(&[("stripe", "6.00", "succeeded")]).first());
    for action in ["started", "refunding", "closed"] {
        let lines = format!("count(*) FROM audit_log WHERE action = 'closing.{action}' AND customer_id = 'alice'");
        assert!(number(&app, &lines).await > 0, "{action}");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_rest_is_paid_out_by_two_operators_after_some_days_and_what_comes_back_reopens_it() {
    let app = TestApp::spawn().await;
    paid(&app, "alice", "card", "USD", "10.00").await;
    correct(&app, "alice", "25.00501").await.expect(201);
    let early = propose_payout(&app, "ann", "alice").await;
    early.problem(404, "not_found");
    close(&app.operator(), "alice").await.expect(200);
    quiet(&app, "stripe").await;
    advance(&app, "alice").await;
    until("the rest can be paid out", async || closing(&app, "alice").await["status"] == "payout").await;
    let now = closing(&app, "alice").await;
    assert_eq!(now["left"], json!([{ "currency": "USD", "amount": "25.00501" }]));
    // Its payment went back whole, so nobody can contest it.
    assert_eq!(now["payout_from"], Value::Null);

    let body = json!({
        "customer_id": "alice", "currency": "USD", "bank_account_id": our_account(&app).await
    });
    app.operator().post("/v1/admin/payouts", &body).await.names("/account", "required");
    let proposed = propose_payout(&app, "ann", "alice").await.expect(202);
    let first = id(&proposed);
    assert_eq!(
        (&proposed["amount"], &proposed["debited_amount"], &proposed["beneficiary"]["name"]),
        (&json!("25.00"), &json!("25.00501"), &json!("alice"))
    );
    propose_payout(&app, "ben", "alice").await.problem(409, "payout_moved_on");
    assert_eq!(waits(&closing(&app, "alice").await), [("open_payouts".to_owned(), 1)]);
    payout(&app, "ann", &first, "approve", json!({})).await.problem(409, "second_operator_needed");
    payout(&app, "ann", &first, "mark-sent", json!({ "bank_transaction_id": "OUT-1" }))
        .await
        .problem(409, "payout_moved_on");
    payout(&app, "ben", &first, "approve", json!({})).await.expect(200);
    assert_eq!(balance(&app, "alice", "USD").await["paid"], "0.00");
    payout(&app, "ben", &first, "approve", json!({})).await.problem(409, "payout_moved_on");
    for _ in 0..2 {
        payout(&app, "ann", &first, "mark-sent", json!({ "bank_transaction_id": "out 1" })).await.expect(200);
    }
    assert_eq!(closing(&app, "alice").await["status"], "closed");
    app.check().await;

    // The bank sends it back. The operator who approved it cannot record that.
    let back = json!({ "reason": "no such account" });
    payout(&app, "ben", &first, "reject", back.clone()).await.problem(409, "second_operator_needed");
    for _ in 0..2 {
        payout(&app, "ann", &first, "reject", back.clone()).await.expect(200);
    }
    assert_eq!(balance(&app, "alice", "USD").await["paid"], "25.00501");
    assert_eq!(closing(&app, "alice").await["status"], "payout");
    // A proposal that is rejected moves nothing; another transfer has an id of its own.
    let second = id(&propose_payout(&app, "ann", "alice").await.expect(202));
    payout(&app, "ann", &second, "reject", json!({ "reason": "a typing error" })).await.expect(200);
    let third = id(&propose_payout(&app, "ann", "alice").await.expect(202));
    payout(&app, "cleo", &third, "approve", json!({})).await.expect(200);
    payout(&app, "ann", &third, "mark-sent", json!({ "bank_transaction_id": "OUT1" }))
        .await
        .problem(409, "bank_transaction_used");
    payout(&app, "ann", &third, "mark-sent", json!({ "bank_transaction_id": "OUT2" })).await.expect(200);
    assert_eq!(closing(&app, "alice").await["status"], "closed");
    let told = app.customer("alice").get("/v1/account-closing").await.expect(200);
    let payouts: Vec<&Value> = told["payouts"].as_array().unwrap().iter().map(|payout| &payout["status"]).collect();
    assert_eq!(payouts, ["succeeded", "failed", "failed"]);
    let list = app.operator().get("/v1/admin/payouts?customer_id=alice&status=failed").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    app.finish().await;
}

#[tokio::test]
async fn a_refund_that_comes_back_reopens_it_and_is_part_of_the_rest() {
    let app = TestApp::spawn().await;
    paid(&app, "alice", "card", "USD", "40.00").await;
    close(&app.operator(), "alice").await.expect(200);
    quiet(&app, "stripe").await;
    advance(&app, "alice").await;
    assert_eq!(closing(&app, "alice").await["status"], "closed");
    let list = app.operator().get("/v1/admin/refunds?customer_id=alice").await.expect(200);
    let refund = list["data"][0]["provider_refund_id"].as_str().unwrap();
    play(&app, "stripe", refund, "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    tell_all_again(&app, "stripe").await;
    // It is not tried again: the company refuses it.
    until("the rest can be paid out", async || advance(&app, "alice").await["status"] == "payout").await;
    assert_eq!(refunds(&app, "alice").await, made(&[("stripe", "40.00", "failed")]));
    assert_eq!(closing(&app, "alice").await["left"], json!([{ "currency": "USD", "amount": "40.00" }]));
    app.finish().await;
}

#[tokio::test]
async fn a_dispute_after_the_closing_is_debt_that_two_operators_write_off() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "40.00").await;
    app.service().post("/v1/usage", &usage("u1", None, "15")).await.expect(201);
    let operator = app.operator();
    let owes = json!({ "customer_id": "alice", "currency": "USD", "reason": "gone" });
    operator.post("/v1/admin/write-offs", &owes).await.problem(404, "not_found");
    close(&operator, "alice").await.expect(200);
    quiet(&app, "stripe").await;
    advance(&app, "alice").await;
    assert_eq!(closing(&app, "alice").await["status"], "closed");
    operator.post("/v1/admin/write-offs", &owes).await.problem(409, "nothing_owed");
    assert_eq!(operator.get("/v1/admin/closings?owing=true").await.expect(200)["data"], json!([]));

    play(&app, "stripe", &order, "dispute-open", json!({})).await;
    let mut late = usage("u2", Some("whatsapp"), "2");
    late["on_insufficient"] = json!("book");
    app.service().post("/v1/usage", &late).await.expect(201);
    quiet(&app, "stripe").await;
    let now = closing(&app, "alice").await;
    assert_eq!(
        (&now["status"], &now["owed"]),
        (&json!("closed"), &json!([{ "currency": "USD", "amount": "17.00" }])),
        "{}",
        now.text
    );
    let listed = operator.get("/v1/admin/closings?owing=true&status=closed").await.expect(200);
    assert_eq!(listed["data"][0]["customer_id"], "alice");

    let proposed = operator.post("/v1/admin/write-offs", &owes).await.expect(202);
    assert_eq!(proposed["amount"], "17.00");
    operator.post("/v1/admin/write-offs", &owes).await.problem(409, "nothing_owed");
    let path = format!("/v1/admin/write-offs/{}", id(&proposed));
    let approve = format!("{path}/approve");
    operator.post(&approve, &json!({})).await.problem(409, "second_operator_needed");
    // Another sum is another write-off.
    late["id"] = json!("u3");
    app.service().post("/v1/usage", &late).await.expect(201);
    let ben = app.operator_named("ben");
    ben.post(&approve, &json!({})).await.problem(409, "nothing_owed");
    for _ in 0..2 {
        operator.post(&format!("{path}/withdraw"), &json!({})).await.expect(200);
    }
    ben.post(&approve, &json!({})).await.problem(409, "nothing_proposed");
    let proposed = operator.post("/v1/admin/write-offs", &owes).await.expect(202);
    assert_eq!(proposed["amount"], "19.00");
    let path = format!("/v1/admin/write-offs/{}", id(&proposed));
    let booked = ben.post_with_key(&format!("{path}/approve"), &json!({}), "once").await.expect(200);
    assert_eq!((&booked["status"], &booked["approved_by"]), (&json!("booked"), &json!("operator:ben")));
    ben.post_with_key(&format!("{path}/approve"), &json!({}), "once").await.expect(200);
    let now = closing(&app, "alice").await;
    assert_eq!((&now["status"], &now["owed"], &now["left"]), (&json!("closed"), &json!([]), &json!([])));
    let flows = app.customer("alice").get("/v1/account-flows?type=adjust").await.expect(200);
    let mut amounts: Vec<&str> =
        flows["data"].as_array().unwrap().iter().map(|flow| flow["amount"].as_str().unwrap()).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, ["15.00", "4.00"]);
    app.check().await;
    // The dispute is won later: what comes back is ours, because it was written off before.
    play(&app, "stripe", &order, "dispute-win", json!({})).await;
    quiet(&app, "stripe").await;
    advance(&app, "alice").await;
    until("it is closed again", async || closing(&app, "alice").await["status"] == "closed").await;
    assert_eq!(operator.get(&path).await.expect(200)["recovered"], "15.00");
    assert_eq!(refunds(&app, "alice").await, made(&[("stripe", "25.00", "succeeded")]));
    app.finish().await;
}

#[tokio::test]
async fn a_closing_waits_for_operators_and_can_be_withdrawn_while_it_waits() {
    let app = TestApp::spawn_with(|config| config.second_approval_above = vec!["USD:30".parse().unwrap()]).await;
    let (operator, ben) = (app.operator(), app.operator_named("ben"));
    close(&operator, "nobody").await.problem(404, "not_found");
    close(&app.operator_named("alice"), "alice").await.problem(403, "own_account");
    // A bank transfer whose money was sent by hand, and a card payment above the threshold.
    let by_bank = ordered(&app, "alice", "bank_transfer", "USD", "20").await;
    approve(&operator, &by_bank, "20.00", "T-1").await.expect(200);
    paid(&app, "alice", "card", "USD", "31.00").await;
    let freeze = json!({ "reason": "looks wrong" });
    operator.post("/v1/admin/customers/alice/freeze", &freeze).await.expect(200);
    let started = close(&operator, "alice").await.expect(200);
    assert_eq!(waits(&started), [("freezes".to_owned(), 1)]);
    // What it owes may still be paid, because the closing can be withdrawn.
    let owes = json!({ "customer_id": "alice", "currency": "USD", "reason": "gone" });
    operator.post("/v1/admin/write-offs", &owes).await.problem(409, "closing_moved_on");
    let withdraw = "/v1/admin/customers/alice/close/withdraw";
    operator.post(withdraw, &freeze).await.expect(200);
    operator.post(withdraw, &freeze).await.problem(404, "not_found");
    operator.post("/v1/admin/customers/alice/unfreeze", &freeze).await.expect(200);
    app.service().post("/v1/usage", &usage("u1", None, "1")).await.expect(201);

    // The newest payment is refunded first, and its refund waits for another operator.
    let started = close(&operator, "alice").await.expect(200);
    assert_eq!((&started["status"], waits(&started)), (&json!("refunding"), vec![("open_refunds".to_owned(), 1)]));
    operator.post(withdraw, &freeze).await.problem(409, "closing_moved_on");
    assert_eq!(refunds(&app, "alice").await, made(&[("stripe", "31.00", "awaiting_second_approval")]));
    advance(&app, "alice").await;
    let list = operator.get("/v1/admin/refunds?customer_id=alice").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "a proposal is not made twice");
    let path = format!("/v1/admin/refunds/{}", list["data"][0]["id"].as_str().unwrap());
    operator.post(&format!("{path}/approve"), &json!({})).await.problem(409, "second_operator_needed");
    ben.post(&format!("{path}/approve"), &json!({})).await.expect(200);
    quiet(&app, "stripe").await;
    advance(&app, "alice").await;
    // The bank's money is sent by an operator, and 20 that this operator approved count towards what the operator moves
    // alone.
    let list = operator.get("/v1/admin/refunds?customer_id=alice&status=awaiting_second_approval").await.expect(200);
    let path = format!("/v1/admin/refunds/{}/approve", list["data"][0]["id"].as_str().unwrap());
    ben.post(&path, &json!({})).await.expect(200);
    assert_eq!(refunds(&app, "alice").await, made(&[("stripe", "31.00", "succeeded"), ("bank", "19.00", "pending")]));
    assert_eq!(waits(&closing(&app, "alice").await), [("open_refunds".to_owned(), 1)]);
    let list = operator.get("/v1/admin/refunds?customer_id=alice&status=pending").await.expect(200);
    let path = format!("/v1/admin/refunds/{}/mark-sent", list["data"][0]["id"].as_str().unwrap());
    operator.post(&path, &json!({ "bank_transaction_id": "OUT-7" })).await.expect(200);
    advance(&app, "alice").await;
    assert_eq!(closing(&app, "alice").await["status"], "closed");
    // An account with only a profile and less than a cent is closed at once.
    profile(&app, "bob").await;
    correct(&app, "bob", "0.006").await.expect(201);
    assert_eq!(close(&operator, "bob").await.expect(200)["status"], "closed");
    app.finish().await;
}
