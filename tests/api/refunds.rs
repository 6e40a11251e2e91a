//! Refunds: asked for by operators, started at a company's dashboard, failing at once or days later.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{
    balance, control, deliveries, fault, id, mute, number, ordered, paid, play, quiet, read, timeline, until,
    with_status,
};
use crate::support::{Caller, Reply, TestApp, execute};

pub fn refund(order: &str, amount: &str) -> Value {
    json!({ "order_id": order, "amount": amount, "reason": "asked for" })
}

pub async fn ask(caller: &Caller<'_>, order: &str, amount: &str) -> Reply {
    caller.post("/v1/admin/refunds", &refund(order, amount)).await
}

async fn standing(app: &TestApp, refund: &str) -> Reply {
    app.operator().get(&format!("/v1/admin/refunds/{refund}")).await.expect(200)
}

/// Has every notification of the company sent once more.
pub async fn tell_all_again(app: &TestApp, company: &str) {
    for delivery in deliveries(app, company).await {
        let path = format!("{company}/deliveries/{}/resend", delivery["event"].as_str().unwrap());
        control(app, Method::POST, &path, None).await.expect(200);
    }
    quiet(app, company).await;
}

/// Makes the next question to the company about its refunds due.
async fn ask_now(app: &TestApp) {
    execute(&app.database, "UPDATE refunds SET ask_at = now() WHERE ask_at IS NOT NULL").await;
}

async fn calls(app: &TestApp, company: &str, operation: &str) -> usize {
    let requests = control(app, Method::GET, &format!("{company}/requests"), None).await.expect(200);
    requests.body.as_array().unwrap().iter().filter(|call| call["operation"] == operation).count()
}

#[tokio::test]
async fn case_43_a_refund_repeated_moves_money_once_and_a_409_never() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    let operator = app.operator();
    let body = refund(&order, "60.00");
    let answers = join_all((0..3).map(|_| operator.post_with_key("/v1/admin/refunds", &body, "once"))).await;
    assert_eq!(with_status(&answers, 201), 1);
    let first = id(answers.iter().find(|answer| answer.status == 201).unwrap());
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        match answer.status {
            200 => assert_eq!(id(&answer), first),
            _ => drop(answer.problem(409, "idempotency_in_flight")),
        }
    }
    for _ in 0..3 {
        let again = operator.post_with_key("/v1/admin/refunds", &body, "once").await.expect(200);
        assert_eq!((again.header("idempotent-replayed"), id(&again)), (Some("true"), first.clone()));
    }
    operator
        .post_with_key("/v1/admin/refunds", &refund(&order, "10.00"), "once")
        .await
        .problem(422, "idempotency_key_reused");
    quiet(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "40.00");

    let before = calls(&app, "stripe", "create_refund").await;
    ask(&operator, &order, "40.01").await.problem(409, "refund_exceeds_payment");
    let pending = ordered(&app, "alice", "card", "USD", "10.00").await;
    ask(&operator, &pending, "1.00").await.problem(409, "order_not_completed");
    for (amount, code) in [
        ("0", "not_positive"),
        ("-1", "not_a_plain_decimal"),
        ("1.001", "too_precise"),
        ("1e300", "not_a_plain_decimal"),
    ] {
        ask(&operator, &order, amount).await.names("/amount", code);
    }
    app.customer("alice").post("/v1/admin/refunds", &refund(&order, "1.00")).await.problem(403, "insufficient_scope");
    assert_eq!(calls(&app, "stripe", "create_refund").await, before);
    assert_eq!(number(&app, "count(*) FROM refunds").await, 1);
    assert_eq!(read(&app, &order).await["refunded_amount"], "60.00");
    assert_eq!(app.available("alice", "USD", "").await, "40.00");
    app.finish().await;
}

#[tokio::test]
async fn case_44_concurrent_partial_refunds_never_exceed_the_payment() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    // Another payment's money in the same wallet is not this order's.
    paid(&app, "alice", "card", "USD", "500.00").await;
    let (anna, ben) = (app.operator_named("anna"), app.operator_named("ben"));
    let answers = join_all((0..12).map(|n| ask(if n % 2 == 0 { &anna } else { &ben }, &order, "15.00"))).await;
    assert_eq!(with_status(&answers, 201), 6);
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "refund_exceeds_payment");
    }
    // Equal amounts under different keys are different refunds.
    for _ in 0..2 {
        ask(&anna, &order, "5.00").await.expect(201);
    }
    ask(&anna, &order, "0.01").await.problem(409, "refund_exceeds_payment");
    quiet(&app, "stripe").await;
    let stands = read(&app, &order).await;
    assert_eq!((&stands["refunded_amount"], &stands["status"]), (&json!("100.00"), &json!("completed")));
    assert_eq!(app.available("alice", "USD", "").await, "500.00");
    assert_eq!(number(&app, "count(*) FROM refunds WHERE status = 'succeeded'").await, 8);
    app.finish().await;
}

#[tokio::test]
async fn case_45_a_refund_is_capped_to_what_is_left_unless_overridden_on_record() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    let (service, operator) = (app.service(), app.operator());
    let body =
        |id: &str, amount: &str| json!({ "id": id, "customer_id": "alice", "currency": "USD", "amount": amount });
    service.post("/v1/usage", &body("u-1", "50")).await.expect(201);
    let mut hold = body("h-1", "20");
    hold["expires_in"] = json!(600);
    service.post("/v1/holds", &hold).await.expect(201);
    // 50 spent, 20 reserved.
    let short = ask(&operator, &order, "30.01").await.problem(402, "insufficient_funds");
    assert!(short.text.contains("30.00"), "it says what is left: {}", short.text);
    ask(&operator, &order, "30.00").await.expect(201);
    quiet(&app, "stripe").await;
    let mut forced = refund(&order, "70.00");
    forced["override_balance"] = json!(true);
    let forced = operator.post("/v1/admin/refunds", &forced).await.expect(201);
    assert_eq!((&forced["override_balance"], &forced["debited_amount"]), (&json!(true), &json!("70.00")));
    quiet(&app, "stripe").await;
    let owed = balance(&app, "alice", "USD").await;
    assert_eq!((&owed["paid"], &owed["held"], &owed["debt"]), (&json!("20.00"), &json!("20.00"), &json!("70.00")));
    let recorded = "count(*) FROM audit_log WHERE actor = 'operator:ops' AND (after->>'override_balance')::boolean";
    assert_eq!(number(&app, recorded).await, 1);
    // The next top-up repays the debt.
    paid(&app, "alice", "card", "USD", "100.00").await;
    assert_eq!(balance(&app, "alice", "USD").await["debt"], "0.00");
    assert_eq!(app.available("alice", "USD", "").await, "30.00");
    app.finish().await;
}

#[tokio::test]
async fn case_46_a_refund_takes_the_bonus_and_the_fee_pro_rata() {
    let app = TestApp::spawn().await;
    execute(&app.database, "UPDATE channel_rules SET fee_percent = 3, bonus_percent = 10 WHERE currency = 'USD'").await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    let parts = async || {
        let now = balance(&app, "alice", "USD").await;
        (now["paid"].as_str().unwrap().to_owned(), now["granted"].as_str().unwrap().to_owned())
    };
    let is = |paid: &str, granted: &str| (paid.to_owned(), granted.to_owned());
    assert_eq!(parts().await, is("97.00", "10.00"));
    // Thirds are not exact, but what they take still adds up to the whole.
    let operator = app.operator();
    let first = ask(&operator, &order, "33.33").await.expect(201);
    assert_eq!((&first["debited_amount"], &first["bonus_taken"]), (&json!("32.33"), &json!("3.33")));
    ask(&operator, &order, "33.33").await.expect(201);
    ask(&operator, &order, "33.34").await.expect(201);
    quiet(&app, "stripe").await;
    assert_eq!(parts().await, is("0.00", "0.00"));

    // What was spent of the bonus is deducted, and taken as money; a refund that fails gives back what was taken.
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    let usage = json!({ "id": "u-1", "customer_id": "alice", "currency": "USD", "amount": "8" });
    app.service().post("/v1/usage", &usage).await.expect(201);
    assert_eq!(parts().await, is("97.00", "2.00"));
    ask(&operator, &order, "92.01").await.problem(409, "refund_exceeds_payment");
    let whole = ask(&operator, &order, "92.00").await.expect(201);
    assert_eq!((&whole["debited_amount"], &whole["bonus_taken"]), (&json!("89.24"), &json!("9.20")));
    quiet(&app, "stripe").await;
    assert_eq!(parts().await, is("0.56", "0.00"));
    play(&app, "stripe", whole["provider_refund_id"].as_str().unwrap(), "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(parts().await, is("97.00", "2.00"));
    let back = standing(&app, &id(&whole)).await;
    assert_eq!((&back["debited_amount"], &back["bonus_taken"]), (&json!("0.00"), &json!("0.00")));
    app.finish().await;
}

#[tokio::test]
async fn case_47_a_dashboard_refund_is_adopted_once() {
    let app = TestApp::spawn().await;
    for (company, channel, part) in
        [("stripe", "card", json!({ "amount": 4000 })), ("paypal", "paypal", json!({ "amount": "40.00" }))]
    {
        let order = paid(&app, channel, channel, "USD", "100.00").await;
        play(&app, company, &order, "refund", part).await;
        quiet(&app, company).await;
        tell_all_again(&app, company).await;
        assert_eq!(app.available(channel, "USD", "").await, "60.00", "{company}");
        let stands = read(&app, &order).await;
        assert_eq!(stands["refunded_amount"], "40.00");
        assert_eq!(timeline(&app, &order).await.iter().filter(|event| *event == "refund_adopted").count(), 1);
        let list = app.operator().get(&format!("/v1/admin/refunds?order={order}")).await.expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), 1);
        assert_eq!((&list["data"][0]["adopted"], &list["data"][0]["status"]), (&json!(true), &json!("succeeded")));
        // Our refunds and the company's together never exceed the payment.
        ask(&app.operator(), &order, "60.01").await.problem(409, "refund_exceeds_payment");
        let usage = json!({ "id": "u-1", "customer_id": channel, "currency": "USD", "amount": "50" });
        app.service().post("/v1/usage", &usage).await.expect(201);
        // The money is gone, whatever the wallet says.
        play(&app, company, &order, "refund", json!({})).await;
        quiet(&app, company).await;
        tell_all_again(&app, company).await;
        let told = app.customer(channel).get("/v1/balances").await.expect(200);
        assert_eq!(told["taken_back_debt"], json!([{ "currency": "USD", "amount": "50.00" }]), "{company}");
        ask(&app.operator(), &order, "0.01").await.problem(409, "refund_exceeds_payment");
    }
    app.finish().await;
}

#[tokio::test]
async fn case_47_an_adopted_refund_that_fails_gives_the_money_back_once() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    play(&app, "stripe", &order, "refund", json!({ "amount": 4000 })).await;
    quiet(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "60.00");
    play(&app, "stripe", &order, "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    tell_all_again(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "100.00");
    assert_eq!(read(&app, &order).await["refunded_amount"], "0.00");
    ask(&app.operator(), &order, "100.00").await.expect(201);
    quiet(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "0.00");
    app.finish().await;
}

#[tokio::test]
async fn case_48_a_refund_that_fails_at_once_moves_nothing() {
    let app = TestApp::spawn().await;
    for (company, channel) in [("stripe", "card"), ("paypal", "paypal")] {
        let order = paid(&app, channel, channel, "USD", "100.00").await;
        play(&app, company, &order, "refunds-refused", json!({})).await;
        let failed = ask(&app.operator(), &order, "100.00").await.expect(201);
        quiet(&app, company).await;
        tell_all_again(&app, company).await;
        let stands = standing(&app, &id(&failed)).await;
        assert_eq!((&stands["status"], &stands["debited_amount"]), (&json!("failed"), &json!("0.00")), "{company}");
        assert!(stands["failure"].is_string(), "{company}: it says why: {}", stands.text);
        assert_eq!(app.available(channel, "USD", "").await, "100.00", "{company}");
        assert_eq!(read(&app, &order).await["refunded_amount"], "0.00");
    }
    app.finish().await;
}

#[tokio::test]
async fn case_48_a_refund_that_fails_days_later_gives_the_money_back_once() {
    let app = TestApp::spawn().await;
    // Stripe tells.
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    let made = ask(&app.operator(), &order, "70.00").await.expect(201);
    quiet(&app, "stripe").await;
    assert_eq!(standing(&app, &id(&made)).await["status"], "succeeded");
    assert_eq!(app.available("alice", "USD", "").await, "30.00");
    play(&app, "stripe", made["provider_refund_id"].as_str().unwrap(), "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    tell_all_again(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "100.00");
    // PayPal sends no notification of a failed refund, so it is asked.
    let order = paid(&app, "bob", "paypal", "USD", "100.00").await;
    let made = ask(&app.operator(), &order, "70.00").await.expect(201);
    quiet(&app, "paypal").await;
    assert_eq!(app.available("bob", "USD", "").await, "30.00");
    play(&app, "paypal", made["provider_refund_id"].as_str().unwrap(), "refund-fail", json!({})).await;
    ask_now(&app).await;
    let back = async || standing(&app, &id(&made)).await["status"] == "failed";
    until("PayPal was asked about the refund", back).await;
    ask_now(&app).await;
    tell_all_again(&app, "paypal").await;
    assert_eq!(app.available("bob", "USD", "").await, "100.00");
    // Money that came back can be refunded again.
    ask(&app.operator(), &order, "100.00").await.expect(201);
    quiet(&app, "paypal").await;
    assert_eq!(app.available("bob", "USD", "").await, "0.00");
    app.finish().await;
}

#[tokio::test]
async fn case_48_a_refund_that_stays_pending_is_concluded_when_the_company_says() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    play(&app, "stripe", &order, "refunds-pending", json!({})).await;
    let (one, two) = (ask(&app.operator(), &order, "60.00").await, ask(&app.operator(), &order, "40.00").await);
    let (one, two) = (one.expect(201), two.expect(201));
    quiet(&app, "stripe").await;
    assert_eq!((&one["status"], &two["status"]), (&json!("pending"), &json!("pending")));
    assert_eq!(app.available("alice", "USD", "").await, "0.00");
    play(&app, "stripe", one["provider_refund_id"].as_str().unwrap(), "refund-succeed", json!({})).await;
    play(&app, "stripe", two["provider_refund_id"].as_str().unwrap(), "refund-cancel", json!({})).await;
    quiet(&app, "stripe").await;
    tell_all_again(&app, "stripe").await;
    assert_eq!(standing(&app, &id(&one)).await["status"], "succeeded");
    assert_eq!(standing(&app, &id(&two)).await["status"], "failed");
    assert_eq!(app.available("alice", "USD", "").await, "40.00");
    app.finish().await;
}

/// The company took the refund, but its answer was lost, and its notifications do not come either.
#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again_and_moves_money_once() {
    let app = TestApp::spawn().await;
    for (company, channel, operation) in [("stripe", "card", "create_refund"), ("paypal", "paypal", "refund_capture")] {
        let order = paid(&app, channel, channel, "USD", "100.00").await;
        mute(&app, company, true).await;
        // As often as one call is repeated at once.
        let lost = json!({ "operation": operation, "kind": "half_json", "times": 10 });
        fault(&app, company, lost).await;
        let made = ask(&app.operator(), &order, "60.00").await.expect(201);
        assert_eq!(made["status"], "pending", "{company}: {}", made.text);
        assert_eq!(app.available(channel, "USD", "").await, "40.00");
        control(&app, Method::DELETE, &format!("{company}/faults"), None).await.expect(200);
        ask_now(&app).await;
        let done = async || standing(&app, &id(&made)).await["status"] == "succeeded";
        until("the refund was asked about again", done).await;
        let known = control(&app, Method::GET, &format!("{company}/payments"), None).await.expect(200);
        let known =
            known.text.matches(standing(&app, &id(&made)).await["provider_refund_id"].as_str().unwrap()).count();
        assert!(known >= 1, "{company}");
        mute(&app, company, false).await;
        tell_all_again(&app, company).await;
        assert_eq!(app.available(channel, "USD", "").await, "40.00");
        assert_eq!(read(&app, &order).await["refunded_amount"], "60.00");
    }
    assert_eq!(number(&app, "count(*) FROM refunds").await, 2);
    app.finish().await;
}

/// The company refuses, although it made the refund: its later or earlier report counts.
#[tokio::test]
async fn a_refusal_that_was_none_does_not_leave_the_money_with_both() {
    let app = TestApp::spawn().await;
    for told_before in [false, true] {
        let customer = format!("alice-{told_before}");
        let order = paid(&app, &customer, "card", "USD", "100.00").await;
        mute(&app, "stripe", !told_before).await;
        let refusal = json!({ "operation": "create_refund", "kind": "status", "status": 400, "processed": true });
        fault(&app, "stripe", refusal).await;
        let made = ask(&app.operator(), &order, "60.00").await.expect(201);
        mute(&app, "stripe", false).await;
        tell_all_again(&app, "stripe").await;
        tell_all_again(&app, "stripe").await;
        assert_eq!(app.available(&customer, "USD", "").await, "40.00", "{}", made.text);
        assert_eq!(read(&app, &order).await["refunded_amount"], "60.00");
        let events = timeline(&app, &order).await;
        assert!(
            events.iter().any(|event| matches!(event.as_str(), "refund_adopted" | "refund_succeeded")),
            "{events:?}"
        );
        ask(&app.operator(), &order, "40.01").await.problem(409, "refund_exceeds_payment");
    }
    app.finish().await;
}

#[tokio::test]
async fn case_28_a_refund_above_the_threshold_needs_a_second_operator() {
    let app = TestApp::spawn_with(|config| {
        config.second_approval_above = vec!["USD:50".parse().unwrap()];
    })
    .await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    let (anna, ben) = (app.operator_named("anna"), app.operator_named("ben"));
    let proposed = ask(&anna, &order, "50.01").await.expect(202);
    assert_eq!(proposed["status"], "awaiting_second_approval");
    assert_eq!(app.available("alice", "USD", "").await, "100.00");
    assert_eq!(calls(&app, "stripe", "create_refund").await, 0);
    let path = format!("/v1/admin/refunds/{}/approve", id(&proposed));
    let nothing = json!({});
    anna.post(&path, &nothing).await.problem(409, "second_operator_needed");
    // A proposal reserves nothing: less may be left when it is approved.
    let small = ask(&anna, &order, "50.00").await.expect(201);
    quiet(&app, "stripe").await;
    ben.post(&path, &nothing).await.problem(409, "refund_exceeds_payment");
    play(&app, "stripe", small["provider_refund_id"].as_str().unwrap(), "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    let answers = join_all([ben.post(&path, &nothing), app.operator_named("cleo").post(&path, &nothing)]).await;
    assert_eq!(with_status(&answers, 200), 1);
    for late in answers.into_iter().filter(|answer| answer.status != 200) {
        late.problem(409, "refund_not_awaiting_approval");
    }
    quiet(&app, "stripe").await;
    assert_eq!(app.available("alice", "USD", "").await, "49.99");
    // The database refuses one pair of eyes, too.
    let mut conn = topup::storage::pool::connect(&crate::support::url(&app.database)).await.unwrap();
    let sql = "UPDATE refunds SET approved_by = proposed_by WHERE second_needed";
    let refused = diesel_async::SimpleAsyncConnection::batch_execute(&mut conn, sql).await.unwrap_err();
    assert!(refused.to_string().contains("refunds_second_pair_of_eyes"), "{refused}");
    app.finish().await;
}

#[tokio::test]
async fn a_bank_transfer_is_refunded_by_people() {
    let app = TestApp::spawn().await;
    let (one, two) = (app.fund("alice", "CNY", "100.00").await, app.fund("alice", "CNY", "100.00").await);
    let operator = app.operator();
    let (one, two) = (ask(&operator, &one, "80.00").await.expect(201), ask(&operator, &two, "80.00").await.expect(201));
    assert_eq!((&one["status"], &two["status"]), (&json!("pending"), &json!("pending")));
    assert_eq!(app.available("alice", "CNY", "").await, "40.00");
    let sent = |refund: &Reply| format!("/v1/admin/refunds/{}/mark-sent", id(refund));
    let line = json!({ "bank_transaction_id": "out-1" });
    let answers = join_all((0..3).map(async |_| operator.post(&sent(&one), &line).await)).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 409)), "{answers:?}");
    assert_eq!(operator.post(&sent(&one), &line).await.expect(200)["status"], "succeeded");
    operator.post(&sent(&two), &line).await.problem(409, "bank_transaction_used");
    let rejection = json!({ "reason": "the account was closed" });
    let reject = format!("/v1/admin/refunds/{}/reject", id(&two));
    for _ in 0..2 {
        assert_eq!(operator.post(&reject, &rejection).await.expect(200)["status"], "failed");
    }
    operator.post(&sent(&two), &json!({ "bank_transaction_id": "out-2" })).await.problem(409, "refund_moved_on");
    assert_eq!(app.available("alice", "CNY", "").await, "120.00");
    // Only the company ends a refund by card.
    let card = paid(&app, "bob", "card", "USD", "10.00").await;
    let card = ask(&operator, &card, "10.00").await.expect(201);
    operator.post(&sent(&card), &line).await.problem(409, "refund_not_by_hand");
    let reject = format!("/v1/admin/refunds/{}/reject", id(&card));
    operator.post(&reject, &rejection).await.problem(409, "refund_not_rejectable");
    app.finish().await;
}
