//! Bank transfers: what operators state, who may state it, and how a wrong approval is reversed.

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::stage::{approve, balance, number, ordered, read, statement, timeline, with_status};
use crate::support::{TestApp, execute, url};

fn approval(order: &str) -> String {
    format!("/v1/admin/top-up-orders/{order}/approve")
}

fn above(config: &mut topup::config::Config, amount: &str, currency: &str) {
    config.second_approval_above.push(format!("{currency}:{amount}").parse().unwrap());
}

#[tokio::test]
async fn case_24_what_arrived_is_credited_and_the_difference_is_on_record() {
    let app = TestApp::spawn().await;
    execute(
        &app.database,
        "UPDATE channel_rules SET fee_percent = 1, bonus_percent = 5 WHERE channel = 'bank_transfer'",
    )
    .await;
    let mut total = (0, 0);
    for (received, credited, fee, bonus) in
        [("80.00", "79.20", "0.80", "4.00"), ("100.00", "99.00", "1.00", "5.00"), ("120.00", "118.80", "1.20", "5.00")]
    {
        let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
        let done = approve(&app.operator(), &order, received, &format!("line {received}")).await.expect(200);
        assert_eq!((&done["status"], &done["amount"]), (&json!("completed"), &json!("100.00")));
        assert_eq!((&done["received_amount"], &done["credited_amount"]), (&json!(received), &json!(credited)));
        assert!(timeline(&app, &order).await.contains(&"approved".to_owned()));
        let flows =
            app.customer("alice").get(&format!("/v1/account-flows?order={order}&type=recharge")).await.expect(200);
        assert_eq!((flows["data"].as_array().unwrap().len(), &flows["data"][0]["amount"]), (1, &json!(credited)));
        let kept = format!("count(*) FROM payment_applications WHERE amount = {received} AND fee = {fee}");
        assert_eq!(number(&app, &kept).await, 1);
        let cents = |amount: &str| amount.replace('.', "").parse::<i64>().unwrap();
        total = (total.0 + cents(credited), total.1 + cents(bonus));
    }
    let now = balance(&app, "alice", "CNY").await;
    assert_eq!((&now["paid"], &now["granted"]), (&json!("297.00"), &json!("14.00")));
    assert_eq!(total, (29700, 1400), "the bonus is never more than the order's");
    app.finish().await;
}

#[tokio::test]
async fn case_25_one_bank_line_is_credited_once_whatever_it_is_stated_for() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let one = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    let two = ordered(&app, "bob", "bank_transfer", "CNY", "100").await;
    approve(&operator, &one, "100.00", "line-1").await.expect(200);
    approve(&operator, &two, "100.00", "line-1").await.problem(409, "bank_transaction_used");
    approve(&operator, &two, "50.00", "line-1").await.problem(409, "bank_transaction_used");
    // An id with spaces around it is the same line.
    approve(&operator, &two, "100.00", " line-1 ").await.problem(409, "bank_transaction_used");
    assert_eq!(read(&app, &two).await["status"], "pending");
    assert_eq!(number(&app, "count(*) FROM approvals").await, 1);

    // One line for five orders at once, by five operators.
    let mut orders = Vec::new();
    for n in 0..5 {
        orders.push(ordered(&app, &format!("customer-{n}"), "bank_transfer", "CNY", "100").await);
    }
    let approvals = orders
        .iter()
        .enumerate()
        .map(async |(n, order)| approve(&app.operator_named(&format!("ops-{n}")), order, "100.00", "line-2").await);
    let answers = join_all(approvals).await;
    assert_eq!(with_status(&answers, 200), 1);
    for late in answers.into_iter().filter(|answer| answer.status != 200) {
        late.problem(409, "bank_transaction_used");
    }
    assert_eq!(number(&app, "sum(paid) FROM wallets").await, 200);
    approve(&operator, &two, "100.00", "line-3").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn what_cannot_be_stated_is_named_and_writes_nothing() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    for (amount, code) in [
        ("0", "not_positive"),
        ("-100", "not_a_plain_decimal"),
        ("100.001", "too_precise"),
        ("1e300", "not_a_plain_decimal"),
        ("NaN", "not_a_plain_decimal"),
        ("1000000000001", "too_large"),
    ] {
        approve(&operator, &order, amount, "line-1").await.names("/received_amount", code);
    }
    approve(&operator, &order, "100.00", " ").await.names("/bank_transaction_id", "required");
    let with = |field: &str, value: Value| {
        let mut body = statement("100.00", "line-1");
        body[field] = value;
        body
    };
    let accounts = operator.get("/v1/admin/bank-accounts").await.expect(200);
    let mut accounts = accounts["data"].as_array().unwrap().iter();
    let dollars = accounts.find(|account| account["currency"] == "USD").unwrap()["id"].clone();
    for (account, code) in [
        (json!("bac_00000000000000000000000000000000"), "unknown"),
        (json!("nonsense"), "unknown"),
        (dollars, "currency_mismatch"),
    ] {
        let body = with("bank_account_id", account);
        operator.post(&approval(&order), &body).await.names("/bank_account_id", code);
    }
    operator
        .post(&approval(&order), &with("received_on", json!("yesterday")))
        .await
        .names("/received_on", "invalid_value");
    operator.post(&approval(&order), &with("credited", json!("1"))).await.names("/credited", "unknown_field");
    let card = ordered(&app, "alice", "card", "USD", "10").await;
    approve(&operator, &card, "10.00", "line-1").await.problem(409, "not_a_bank_transfer");
    app.customer("alice")
        .post(&approval(&order), &statement("100.00", "line-1"))
        .await
        .problem(403, "insufficient_scope");
    app.service().post(&approval(&order), &statement("100.00", "line-1")).await.problem(403, "insufficient_scope");
    for table in ["approvals", "payments", "entries", "wallets"] {
        assert_eq!(number(&app, &format!("count(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(read(&app, &order).await["status"], "pending");
    app.finish().await;
}

#[tokio::test]
async fn money_that_arrives_after_all_is_accepted_by_name() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let late = |transaction: &str| {
        let mut body = statement("100.00", transaction);
        body["accept_late"] = json!(true);
        body
    };
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    let reason = json!({ "reason": "nothing arrived" });
    operator.post(&format!("/v1/admin/top-up-orders/{order}/reject"), &reason).await.expect(200);
    approve(&operator, &order, "100.00", "line-1").await.problem(409, "order_not_open");
    assert_eq!(operator.post(&approval(&order), &late("line-1")).await.expect(200)["status"], "completed");
    operator.post(&approval(&order), &late("line-2")).await.problem(409, "order_already_completed");
    assert_eq!(app.available("alice", "CNY", "").await, "100.00");
    app.finish().await;
}

#[tokio::test]
async fn case_27_a_wrong_approval_is_reversed_even_when_the_money_is_spent() {
    let app = TestApp::spawn().await;
    execute(
        &app.database,
        "UPDATE channel_rules SET fee_percent = 1, bonus_percent = 5 WHERE channel = 'bank_transfer'",
    )
    .await;
    let operator = app.operator();
    let alices = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    let bobs = ordered(&app, "bob", "bank_transfer", "CNY", "100").await;
    // The transfer was bob's.
    approve(&operator, &alices, "100.00", "line-1").await.expect(200);
    let usage = json!({ "id": "u-1", "customer_id": "alice", "currency": "CNY", "amount": "64" });
    app.service().post("/v1/usage", &usage).await.expect(201);

    let path = format!("/v1/admin/top-up-orders/{alices}/reverse");
    let reason = json!({ "reason": "the transfer was another customer's", "reach": "order_wallet" });
    let nothing = json!({ "reason": " ", "reach": "order_wallet" });
    operator.post(&path, &nothing).await.names("/reason", "required");
    // The operator must decide whose money is taken: there is no default.
    operator.post(&path, &json!({ "reason": "a mistake" })).await.names("/reach", "required");
    let answers = join_all(
        (0..4).map(|n| app.operator_named(&format!("ops-{n}"))).map(async |one| one.post(&path, &reason).await),
    )
    .await;
    assert_eq!(with_status(&answers, 200), 1);
    for late in answers.into_iter().filter(|answer| answer.status != 200) {
        late.problem(409, "approval_reversed");
    }
    // 99 arrived with a bonus of 5, and 64 were spent, the bonus first. The reversal takes back all of it, so 64 are
    // owed.
    let owed = balance(&app, "alice", "CNY").await;
    assert_eq!((&owed["paid"], &owed["granted"], &owed["debt"]), (&json!("0.00"), &json!("0.00"), &json!("64.00")));
    let order = read(&app, &alices).await;
    assert_eq!(order["status"], "completed");
    assert!(order["reason"].as_str().unwrap().contains("the approval was reversed"));
    assert_eq!(order["reason_code"], "approval_reversed");
    let flows = app.customer("alice").get("/v1/account-flows?type=adjust").await.expect(200);
    assert_eq!((flows["data"].as_array().unwrap().len(), &flows["data"][0]["amount"]), (1, &json!("-99.00")));
    assert_eq!(number(&app, "count(*) FROM audit_log WHERE action = 'top_up_order.approval_reversed'").await, 1);
    app.check().await;

    // The line is free for the order that it belongs to, and only up to its amount.
    approve(&operator, &bobs, "100.00", "line-1").await.expect(200);
    assert_eq!(balance(&app, "bob", "CNY").await["paid"], "99.00");
    let more = ordered(&app, "bob", "bank_transfer", "CNY", "100").await;
    approve(&operator, &more, "50.00", "line-1").await.problem(409, "bank_transaction_used");
    // Nothing of the reversed order can go back, and the next money repays the debt.
    let refund = json!({ "order_id": alices, "amount": "1.00", "reason": "asked for" });
    operator.post("/v1/admin/refunds", &refund).await.problem(409, "approval_reversed");
    approve(&operator, &alices, "100.00", "line-2").await.problem(409, "order_already_completed");
    let next = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    approve(&operator, &next, "100.00", "line-3").await.expect(200);
    let repaid = balance(&app, "alice", "CNY").await;
    assert_eq!((&repaid["paid"], &repaid["debt"]), (&json!("35.00"), &json!("0.00")));
    app.finish().await;
}

#[tokio::test]
async fn case_27_what_cannot_be_reversed_says_why() {
    let app = TestApp::spawn_with(|config| above(config, "1000", "CNY")).await;
    let (anna, ben) = (app.operator_named("anna"), app.operator_named("ben"));
    let path = |order: &str| format!("/v1/admin/top-up-orders/{order}/reverse");
    let reason = json!({ "reason": "a typing mistake", "reach": "order_wallet" });
    let pending = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    anna.post(&path(&pending), &reason).await.problem(409, "order_not_completed");
    let card = crate::stage::paid(&app, "alice", "card", "USD", "10.00").await;
    anna.post(&path(&card), &reason).await.problem(409, "not_a_bank_transfer");
    // Money that is on its way back cannot also be taken back.
    approve(&anna, &pending, "100.00", "line-1").await.expect(200);
    let refund = json!({ "order_id": pending, "amount": "40.00", "reason": "asked for" });
    let refund = anna.post("/v1/admin/refunds", &refund).await.expect(201);
    anna.post(&path(&pending), &reason).await.problem(409, "order_refunded");
    let reject = format!("/v1/admin/refunds/{}/reject", refund["id"].as_str().unwrap());
    ben.post(&reject, &json!({ "reason": "a typing mistake" })).await.expect(200);
    let once = anna.post_with_key(&path(&pending), &reason, "once").await.expect(200);
    let again = anna.post_with_key(&path(&pending), &reason, "once").await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), &again["version"]), (Some("true"), &once["version"]));
    assert_eq!(app.available("alice", "CNY", "").await, "0.00");

    // Above the threshold two operators are needed, whoever approved.
    let large = ordered(&app, "bob", "bank_transfer", "CNY", "5000").await;
    approve(&anna, &large, "5000.00", "line-2").await.expect(202);
    approve(&ben, &large, "5000.00", "line-2").await.expect(200);
    anna.post(&path(&large), &reason).await.expect(202);
    anna.post(&path(&large), &reason).await.problem(409, "second_operator_needed");
    assert_eq!(app.available("bob", "CNY", "").await, "5000.00");
    let mut conn = topup::storage::pool::connect(&url(&app.database)).await.unwrap();
    let alone = "UPDATE adjustments SET booked_at = now() WHERE second_needed";
    let refused = conn.batch_execute(alone).await.unwrap_err();
    assert!(refused.to_string().contains("adjustments_booked_by_two"), "{refused}");
    ben.post(&path(&large), &reason).await.expect(200);
    assert_eq!(app.available("bob", "CNY", "").await, "0.00");
    app.customer("bob").post(&path(&large), &reason).await.problem(403, "insufficient_scope");
    app.finish().await;
}

#[tokio::test]
async fn case_28_above_the_threshold_another_operator_confirms() {
    let app = TestApp::spawn_with(|config| above(config, "1000", "CNY")).await;
    let (anna, ben) = (app.operator_named("anna"), app.operator_named("ben"));
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "5000").await;
    // The stated amount decides, and not the ordered one.
    let small = ordered(&app, "alice", "bank_transfer", "CNY", "5000").await;
    approve(&anna, &small, "1000.00", "line-0").await.expect(200);

    let proposed = approve(&anna, &order, "1000.01", "line-1").await.expect(202);
    assert_eq!(
        (&proposed["status"], &proposed["reason"]),
        (&json!("processing"), &json!("we are confirming your transfer"))
    );
    assert_eq!(app.available("alice", "CNY", "").await, "1000.00");
    approve(&anna, &order, "1000.01", "line-1").await.problem(409, "second_operator_needed");
    // The same person with another figure below the threshold only replaces the proposal.
    approve(&anna, &order, "999.00", "line-1").await.expect(202);
    approve(&anna, &order, "1000.01", "line-1").await.expect(202);
    approve(&ben, &order, "1000.02", "line-1").await.problem(409, "approval_mismatch");
    approve(&ben, &order, "1000.01", "line-2").await.problem(409, "approval_mismatch");
    let cancel = format!("/v1/top-up-orders/{order}/cancel");
    app.customer("alice").send(reqwest::Method::POST, &cancel, None, None).await.problem(409, "order_not_cancellable");
    assert_eq!(app.available("alice", "CNY", "").await, "1000.00");

    let cleo = app.operator_named("cleo");
    let answers =
        join_all([approve(&ben, &order, "1000.01", "line-1"), approve(&cleo, &order, "1000.01", "line-1")]).await;
    assert_eq!(with_status(&answers, 200), 1);
    for late in answers.into_iter().filter(|answer| answer.status != 200) {
        late.problem(409, "order_already_completed");
    }
    assert_eq!(app.available("alice", "CNY", "").await, "2000.01");
    let actors = read(&app, &order).await.text;
    assert!(actors.contains("operator:anna") && (actors.contains("operator:ben") || actors.contains("operator:cleo")));

    // A withdrawn proposal can be made again, by any operator.
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "5000").await;
    approve(&anna, &order, "5000.00", "line-3").await.expect(202);
    let reason = json!({ "reason": "a typing mistake" });
    ben.post(&format!("/v1/admin/top-up-orders/{order}/reject"), &reason).await.expect(200);
    let mut anew = statement("4000.00", "line-3");
    anew["accept_late"] = json!(true);
    ben.post(&approval(&order), &anew).await.expect(202);
    ben.post(&approval(&order), &anew).await.problem(409, "second_operator_needed");
    anna.post(&approval(&order), &anew).await.expect(200);
    assert_eq!(app.available("alice", "CNY", "").await, "6000.01");

    // So can a proposal for a closed order; the order keeps its state.
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "5000").await;
    let cancel = format!("/v1/top-up-orders/{order}/cancel");
    app.customer("alice").send(reqwest::Method::POST, &cancel, None, None).await.expect(200);
    let reject = format!("/v1/admin/top-up-orders/{order}/reject");
    anna.post(&reject, &reason).await.problem(409, "order_not_open");
    let late = |amount: &str| {
        let mut body = statement(amount, "line-4");
        body["accept_late"] = json!(true);
        body
    };
    anna.post(&approval(&order), &late("50000.00")).await.expect(202);
    ben.post(&approval(&order), &late("5000.00")).await.problem(409, "approval_mismatch");
    assert_eq!(ben.post(&reject, &reason).await.expect(200)["status"], "cancelled");
    assert!(timeline(&app, &order).await.contains(&"approval_withdrawn".to_owned()));
    ben.post(&approval(&order), &late("5000.00")).await.expect(202);
    anna.post(&approval(&order), &late("5000.00")).await.expect(200);
    assert_eq!(app.available("alice", "CNY", "").await, "11000.01");
    app.finish().await;
}

#[tokio::test]
async fn case_28_the_database_refuses_one_pair_of_eyes_too() {
    let app = TestApp::spawn_with(|config| above(config, "1000", "CNY")).await;
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "5000").await;
    approve(&app.operator_named("anna"), &order, "5000.00", "line-1").await.expect(202);
    let mut conn = topup::storage::pool::connect(&url(&app.database)).await.unwrap();
    let alone = "UPDATE approvals SET approved_by = 'operator:anna', approved_at = now()";
    let refused = conn.batch_execute(alone).await.unwrap_err();
    assert!(refused.to_string().contains("approvals_second_pair_of_eyes"), "{refused}");
    app.finish().await;
}
