//! Lines of the bank's statement: which are one and which are two, what must be confirmed, and what a mistake frees.

use chrono::{Duration, NaiveDate, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::stage::{
    approve, balance, number, order, ordered, profile, read, statement, timeline, unconfirmed, with_status,
};
use crate::support::{Reply, TestApp};

fn path(order: &str, action: &str) -> String {
    format!("/v1/admin/top-up-orders/{order}/{action}")
}

fn above(config: &mut topup::config::Config, amount: &str, currency: &str) {
    config.second_approval_above.push(format!("{currency}:{amount}").parse().unwrap());
}

/// A statement with other fields.
fn with(mut statement: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        statement[name] = value.clone();
    }
    statement
}

async fn state(app: &TestApp, operator: &str, order: &str, body: &Value) -> Reply {
    app.operator_named(operator).post(&path(order, "approve"), body).await
}

async fn bank_order(app: &TestApp, customer: &str, amount: &str) -> String {
    ordered(app, customer, "bank_transfer", "CNY", amount).await
}

async fn unapplied(app: &TestApp) -> Vec<Value> {
    let listed = app.operator().get("/v1/admin/unapplied-payments").await.expect(200);
    listed["data"].as_array().unwrap().clone()
}

fn says(problem: &Reply, parts: &[&str]) {
    let detail = problem["detail"].as_str().unwrap();
    assert!(parts.iter().all(|part| detail.contains(part)), "{detail} does not say {parts:?}");
}

#[tokio::test]
async fn case_56_a_mistyped_approval_that_is_reversed_frees_only_what_arrived() {
    let app = TestApp::spawn().await;
    let first = bank_order(&app, "alice", "90").await;
    state(&app, "ops", &first, &unconfirmed("900.00", "T-1")).await.problem(422, "confirm_difference");
    approve(&app.operator(), &first, "900.00", "T-1").await.expect(200);
    let reason = json!({ "reason": "90 arrived", "reach": "order_wallet" });
    app.operator().post(&path(&first, "reverse"), &reason).await.expect(200);
    assert_eq!(unapplied(&app).await.len(), 1);

    // The approval is reversed. The line has the amount that is stated from now on, not the mistyped one. Two operators
    // state it at the same time.
    let right = [bank_order(&app, "alice", "90").await, bank_order(&app, "alice", "90").await];
    let line = unconfirmed("90.00", "T-1");
    let answers = join_all([state(&app, "anna", &right[0], &line), state(&app, "ben", &right[1], &line)]).await;
    assert_eq!(with_status(&answers, 200), 1, "{answers:#?}");
    let (taken, late) = if answers[0].status == 200 { (&right[0], &right[1]) } else { (&right[1], &right[0]) };
    let other = bank_order(&app, "bob", "810").await;
    for (order, amount) in [(&other, "810.00"), (late, "90.00"), (late, "0.01")] {
        let refused = approve(&app.operator(), order, amount, "T-1").await.problem(409, "bank_transaction_used");
        says(&refused, &[taken, "serves", "0.00 of its 90.00 CNY is left"]);
    }
    assert_eq!(balance(&app, "alice", "CNY").await["paid"], "90.00");
    assert_eq!(unapplied(&app).await, Vec::<Value>::new());
    app.finish().await;
}

#[tokio::test]
async fn case_56_a_line_that_never_came_is_voided_and_one_that_came_after_all_is_stated_anew() {
    let app = TestApp::spawn().await;
    let (operator, reason) = (app.operator(), json!({ "reason": "another company's", "reach": "order_wallet" }));
    let one = bank_order(&app, "alice", "100").await;
    approve(&operator, &one, "100.00", "T-1").await.expect(200);
    operator.post(&path(&one, "reverse"), &reason).await.expect(200);
    let payment = unapplied(&app).await[0]["id"].as_str().unwrap().to_owned();
    let restate = format!("/v1/admin/bank-transactions/{payment}/restate");
    let to = |amount: &str| json!({ "amount": amount, "reason": "the bank's statement" });
    operator.post(&restate, &to("-1")).await.names("/amount", "not_a_plain_decimal");
    operator.post(&restate, &to("0.001")).await.names("/amount", "too_precise");
    let unknown = "/v1/admin/bank-transactions/pay_00000000000000000000000000000000/restate";
    operator.post(unknown, &to("1.00")).await.problem(404, "not_found");
    app.service().post(&restate, &to("0")).await.problem(403, "insufficient_scope");
    let voided = operator.post(&restate, &to("0")).await.expect(200);
    assert_eq!((&voided["amount"], &voided["unapplied_amount"]), (&json!("0.00"), &json!("0.00")));
    assert_eq!(unapplied(&app).await, Vec::<Value>::new());
    assert_eq!(number(&app, "count(*) FROM audit_log WHERE action = 'bank_transaction.restated'").await, 1);
    app.check().await;

    // The money came later, on another day and for two orders.
    let two = [bank_order(&app, "alice", "60").await, bank_order(&app, "bob", "50").await];
    let line = |amount: &str| with(unconfirmed(amount, "t1"), json!({ "received_on": "2026-11-24" }));
    let whole = with(line("60.00"), json!({ "transaction_amount": "110.00" }));
    state(&app, "ops", &two[0], &whole).await.expect(200);
    assert_eq!(unapplied(&app).await[0]["unapplied_amount"], "50.00");
    operator.post(&restate, &to("59.99")).await.names("/amount", "out_of_range");
    operator.post(&restate, &to("111.00")).await.expect(200);
    let wrong = with(line("50.00"), json!({ "transaction_amount": "110.00" }));
    state(&app, "ops", &two[1], &wrong).await.names("/transaction_amount", "out_of_range");
    state(&app, "ops", &two[1], &line("50.00")).await.expect(200);
    let list = unapplied(&app).await;
    assert_eq!((list.len(), &list[0]["unapplied_amount"]), (1, &json!("1.00")));
    app.finish().await;
}

#[tokio::test]
async fn case_57_one_bank_line_is_one_however_it_is_written() {
    let app = TestApp::spawn().await;
    let first = bank_order(&app, "alice", "500").await;
    approve(&app.operator(), &first, "500.00", "FT26325-ab12").await.expect(200);
    let next = bank_order(&app, "alice", "500").await;
    let full_width = "ＦＴ２６３２５－ＡＢ１２";
    for written in ["ft26325-AB12", "FT26325ab12", "FT 26325/AB 12", " ft.26325.ab.12 ", full_width] {
        let refused = approve(&app.operator(), &next, "500.00", written).await.problem(409, "bank_transaction_used");
        says(&refused, &["FT26325-ab12", &first, "0.00 of its 500.00 CNY is left"]);
    }
    // Five operators read one line, each in his own way, for five orders.
    let mut orders = Vec::new();
    for n in 0..5 {
        orders.push(bank_order(&app, &format!("customer-{n}"), "100").await);
    }
    let written = ["ab-1", "AB 1", "ab1", "Ab/1", "ＡＢ１"];
    let answers = join_all(orders.iter().zip(written).enumerate().map(async |(n, (order, written))| {
        state(&app, &format!("ops-{n}"), order, &statement("100.00", written)).await
    }))
    .await;
    assert_eq!(with_status(&answers, 200), 1, "{answers:#?}");
    for late in answers.into_iter().filter(|answer| answer.status != 200) {
        late.problem(409, "bank_transaction_used");
    }
    assert_eq!(number(&app, "sum(paid) FROM wallets").await, 600);
    // The database enforces this as well.
    let twice =
        "INSERT INTO bank_transactions SELECT gen_random_uuid(), bank_account_id, identity, n, stated_id, amount,
         received_on, remitter, payer, false, stated_by, stated_at FROM bank_transactions";
    let mut conn = topup::storage::pool::connect(&crate::support::url(&app.database)).await.unwrap();
    for (sql, constraint) in [
        (twice, "bank_transactions_once"),
        ("UPDATE bank_transactions SET identity = lower(identity)", "bank_transactions_normal_form"),
        ("UPDATE bank_transactions SET identity = identity || ' '", "bank_transactions_normal_form"),
        ("UPDATE bank_transactions SET received_on = '2099-01-01'", "bank_transactions_have_arrived"),
    ] {
        let refused = diesel_async::SimpleAsyncConnection::batch_execute(&mut conn, sql).await.unwrap_err().to_string();
        assert!(refused.contains(constraint), "{refused}");
    }
    app.finish().await;
}

#[tokio::test]
async fn case_57_a_placeholder_is_no_id_and_another_line_takes_two_operators() {
    let app = TestApp::spawn().await;
    let orders = [bank_order(&app, "alice", "100").await, bank_order(&app, "alice", "100").await];
    let from = |placeholder: &str, name: &str| with(statement("100.00", placeholder), json!({ "remitter_name": name }));
    for placeholder in ["NONREF", "not-provided", "---"] {
        state(&app, "anna", &orders[0], &statement("100.00", placeholder)).await.names("/remitter_name", "required");
    }
    state(&app, "anna", &orders[0], &from("NONREF", "Nguyen Van A")).await.expect(200);
    state(&app, "anna", &orders[1], &from("NOTPROVIDED", "NGUYEN, VAN A")).await.problem(409, "bank_transaction_used");
    state(&app, "anna", &orders[1], &from("NONREF", "Nguyen Van B")).await.expect(200);

    // A bank that uses an id twice: another day is a mistake or another line, and the operator says which.
    let known = bank_order(&app, "bob", "100").await;
    approve(&app.operator(), &known, "100.00", "REPEATED-1").await.expect(200);
    let second = bank_order(&app, "bob", "100").await;
    let later = with(statement("100.00", "repeated 1"), json!({ "received_on": "2026-11-23" }));
    let asked = state(&app, "anna", &second, &later).await.problem(422, "another_line");
    says(&asked, &["REPEATED-1", "2026-11-21", &known, "\"another_line\": true"]);
    let claimed = with(later, json!({ "another_line": true }));
    let unknown = with(claimed.clone(), json!({ "bank_transaction_id": "NEVER-SEEN" }));
    state(&app, "anna", &second, &unknown).await.names("/another_line", "unknown");
    // There is no threshold here, but one operator alone never makes two lines of one.
    state(&app, "anna", &second, &claimed).await.expect(202);
    state(&app, "anna", &second, &claimed).await.problem(409, "second_operator_needed");
    let answers = join_all(["ben", "cleo"].map(|name| state(&app, name, &second, &claimed))).await;
    assert_eq!(with_status(&answers, 200), 1, "{answers:#?}");
    assert_eq!(number(&app, "count(*) FROM payments WHERE payment_id IN ('REPEATED1', 'REPEATED1#2')").await, 2);
    let mut conn = topup::storage::pool::connect(&crate::support::url(&app.database)).await.unwrap();
    let alone = "UPDATE approvals SET second_needed = false WHERE another_line";
    let refused = diesel_async::SimpleAsyncConnection::batch_execute(&mut conn, alone).await.unwrap_err().to_string();
    assert!(refused.contains("approvals_another_line"), "{refused}");
    app.finish().await;
}

#[tokio::test]
async fn a_day_that_has_not_come_anywhere_is_refused() {
    let app = TestApp::spawn().await;
    let order = bank_order(&app, "alice", "100").await;
    let on = |day: NaiveDate| with(statement("100.00", "T"), json!({ "received_on": day.to_string() }));
    let utc = Utc::now();
    for day in ["2031-01-01".parse().unwrap(), (utc + Duration::hours(39)).date_naive()] {
        state(&app, "ops", &order, &on(day)).await.names("/received_on", "in_the_future");
    }
    assert_eq!(number(&app, "count(*) FROM approvals").await, 0);
    // On Kiritimati this day has begun.
    state(&app, "ops", &order, &on((utc + Duration::hours(14)).date_naive())).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn one_transfer_serves_two_orders_when_its_amount_is_stated() {
    let app = TestApp::spawn().await;
    let orders = [bank_order(&app, "alice", "100").await, bank_order(&app, "alice", "60").await];
    let whole = with(unconfirmed("100.00", "T"), json!({ "transaction_amount": "160.00" }));
    let short = with(whole.clone(), json!({ "transaction_amount": "99.00" }));
    state(&app, "ops", &orders[0], &short).await.names("/transaction_amount", "out_of_range");
    state(&app, "ops", &orders[0], &whole).await.expect(200);
    assert_eq!(unapplied(&app).await[0]["unapplied_amount"], "60.00");
    let more = bank_order(&app, "bob", "61").await;
    let refused = state(&app, "ops", &more, &unconfirmed("61.00", "T")).await.problem(409, "bank_transaction_used");
    says(&refused, &[&orders[0], "100.00 CNY", "60.00 of its 160.00 CNY is left"]);
    state(&app, "ops", &orders[1], &unconfirmed("60.00", "t")).await.expect(200);
    // The orders that it serves are found by its id, in any spelling.
    let found = app.operator().get("/v1/admin/bank-transactions?bank_transaction_id=-t-").await.expect(200);
    let line = &found["data"][0];
    let part = |order: &str, amount: &str| json!({ "order_id": order, "amount": amount });
    assert_eq!(line["orders"], json!([part(&orders[0], "100.00"), part(&orders[1], "60.00")]));
    assert_eq!(
        (&line["amount"], &line["applied_amount"], &line["unapplied_amount"]),
        (&json!("160.00"), &json!("160.00"), &json!("0.00"))
    );
    for none in ["other", "NONREF"] {
        let found = app.operator().get(&format!("/v1/admin/bank-transactions?bank_transaction_id={none}")).await;
        assert_eq!(found.expect(200)["data"], json!([]));
    }
    assert_eq!(balance(&app, "alice", "CNY").await["paid"], "160.00");
    assert_eq!(unapplied(&app).await, Vec::<Value>::new());
    app.finish().await;
}

/// The part of a line's rest that went back counts as used, like a part that serves an order.
#[tokio::test]
async fn what_went_back_of_a_line_serves_no_order() {
    let app = TestApp::spawn().await;
    let first = bank_order(&app, "alice", "100").await;
    let whole = with(unconfirmed("100.00", "T"), json!({ "transaction_amount": "160.00" }));
    state(&app, "ops", &first, &whole).await.expect(200);
    let payment = unapplied(&app).await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/admin/unapplied-payments/{payment}/return");
    let by_hand = json!({ "bank_transaction_id": "OUT-1", "amount": "40", "reason": "too much" });
    let proposed = app.operator_named("anna").post(&path, &by_hand).await.expect(202);
    let approve = format!("/v1/admin/unapplied-decisions/{}/approve", proposed["id"].as_str().unwrap());
    app.operator_named("ben").post(&approve, &json!({})).await.expect(200);

    let more = bank_order(&app, "alice", "60").await;
    let refused = state(&app, "ops", &more, &unconfirmed("60.00", "T")).await.problem(409, "bank_transaction_used");
    says(&refused, &["20.00 of its 160.00 CNY is left"]);
    let restate = format!("/v1/admin/bank-transactions/{payment}/restate");
    let to = |amount: &str| json!({ "amount": amount, "reason": "read again" });
    app.operator().post(&restate, &to("139.99")).await.names("/amount", "out_of_range");
    app.operator().post(&restate, &to("140")).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn an_amount_that_differs_much_is_confirmed() {
    let app = TestApp::spawn().await;
    for (received, asks) in [("94.99", true), ("105.01", true), ("95.00", false), ("105.00", false)] {
        let order = bank_order(&app, "alice", "100").await;
        let line = unconfirmed(received, received);
        if asks {
            let asked = state(&app, "ops", &order, &line).await.problem(422, "confirm_difference");
            says(&asked, &[received, "100.00", "\"confirm_difference\": true"]);
            assert_eq!(read(&app, &order).await["status"], "pending");
        }
        state(&app, "ops", &order, &with(line, json!({ "confirm_difference": asks }))).await.expect(200);
    }
    app.finish().await;
    let app = TestApp::spawn_with(|config| {
        *config = topup::config::Config {
            confirm_difference_above: topup::domain::percent::Percent::new("0.5".parse().unwrap()).unwrap(),
            ..config.clone()
        }
    })
    .await;
    let order = bank_order(&app, "alice", "100").await;
    state(&app, "ops", &order, &unconfirmed("99.49", "T")).await.problem(422, "confirm_difference");
    state(&app, "ops", &order, &unconfirmed("99.50", "T")).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_transfer_like_one_on_record_is_confirmed() {
    let app = TestApp::spawn().await;
    let first = bank_order(&app, "alice", "100").await;
    let done = state(&app, "ops", &first, &unconfirmed("100.00", "T-1")).await.expect(200);
    let payment = done["approval"]["payment_id"].as_str().unwrap();
    let next = bank_order(&app, "alice", "100").await;
    let asked = state(&app, "ops", &next, &unconfirmed("100.00", "T-2")).await.problem(422, "confirm_not_duplicate");
    says(&asked, &[payment, &first, "T-1", "\"confirm_not_duplicate\": true"]);
    // Three days before and after, even if the name is spelled differently.
    for (day, name, asks) in [
        ("2026-11-24", None, true),
        ("2026-11-18", Some("ALICE."), true),
        ("2026-11-25", None, false),
        ("2026-11-17", Some("Alice"), false),
        ("2026-11-21", Some("Alicia"), false),
    ] {
        let order = bank_order(&app, "alice", "100").await;
        let other = with(unconfirmed("100.00", &format!("T {day} {name:?}")), json!({ "received_on": day }));
        let other = with(other, name.map_or(json!({}), |name| json!({ "remitter_name": name })));
        let answer = state(&app, "ops", &order, &other).await;
        if asks {
            answer.problem(422, "confirm_not_duplicate");
        } else {
            answer.expect(200);
        }
    }
    // An unknown remitter may be anybody.
    crate::support::execute(&app.database, "UPDATE bank_transactions SET payer = '' WHERE stated_id = 'T-1'").await;
    profile(&app, "bob").await;
    let mut body = order("bank_transfer", "CNY", "100");
    body["bank_transfer"]["remitter_name"] = json!("Bob");
    let bobs = app.customer("bob").post("/v1/top-up-orders", &body).await.expect(201);
    let bobs = bobs["id"].as_str().unwrap();
    state(&app, "ops", bobs, &unconfirmed("100.00", "T-3")).await.problem(422, "confirm_not_duplicate");
    let confirmed = with(unconfirmed("100.00", "T-3"), json!({ "confirm_not_duplicate": true }));
    state(&app, "ops", bobs, &confirmed).await.expect(200);

    // Two operators read one transfer with two ids: the second one must confirm.
    let pair = [bank_order(&app, "alice", "70").await, bank_order(&app, "alice", "70").await];
    let answers = join_all([
        state(&app, "anna", &pair[0], &unconfirmed("70.00", "X-1")),
        state(&app, "ben", &pair[1], &unconfirmed("70.00", "X-2")),
    ])
    .await;
    assert_eq!(with_status(&answers, 200), 1, "{answers:#?}");
    let late = answers.into_iter().find(|answer| answer.status != 200).unwrap();
    late.problem(422, "confirm_not_duplicate");
    app.finish().await;
}

#[tokio::test]
async fn the_second_operator_sees_what_the_first_stated_and_the_first_may_change_it() {
    let app = TestApp::spawn_with(|config| above(config, "1000", "CNY")).await;
    let order = bank_order(&app, "alice", "5000").await;
    let line = with(statement("5000.00", "BANK-20"), json!({ "note": "statement of Friday", "remitter_name": "Ann" }));
    state(&app, "anna", &order, &line).await.expect(202);
    let waiting = "/v1/admin/top-up-orders?awaiting_second_approval=true";
    bank_order(&app, "bob", "5000").await;
    let listed = app.operator_named("ben").get(waiting).await.expect(200);
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["data"][0]["id"]), (1, &json!(order)));
    let seen = app.operator_named("ben").get(&format!("/v1/top-up-orders/{order}")).await.expect(200);
    let approval = &seen["approval"];
    for (field, value) in [
        ("received_amount", json!("5000.00")),
        ("bank_transaction_id", json!("BANK-20")),
        ("received_on", json!("2026-11-21")),
        ("remitter_name", json!("Ann")),
        ("note", json!("statement of Friday")),
        ("stated_by", json!("operator:anna")),
        ("approved_by", Value::Null),
    ] {
        assert_eq!(approval[field], value, "{field}");
    }
    let theirs = app.customer("alice").get(&format!("/v1/top-up-orders/{order}")).await.expect(200);
    assert_eq!(theirs["approval"], Value::Null, "{}", theirs.text);
    let differs = state(&app, "ben", &order, &statement("500.00", "BANK-20")).await.problem(409, "approval_mismatch");
    says(&differs, &["operator:anna stated", "5000.00", "BANK-20", "2026-11-21"]);

    // The first operator corrects the amount, and two operators are still needed, however small it is now.
    let less = statement("500.00", "bank 20");
    state(&app, "anna", &order, &less).await.expect(202);
    state(&app, "ben", &order, &line).await.problem(409, "approval_mismatch");
    assert_eq!(app.available("alice", "CNY", "").await, "0");
    let done = state(&app, "ben", &order, &statement("500.00", "BANK20")).await.expect(200);
    assert_eq!(
        (&done["approval"]["approved_by"], &done["credited_amount"]),
        (&json!("operator:ben"), &json!("500.00"))
    );

    // A withdrawn proposal leaves the order as it was: pending, to be cancelled or approved.
    let order = bank_order(&app, "alice", "5000").await;
    let withdraw = path(&order, "withdraw");
    let nothing = json!({});
    app.operator().post(&withdraw, &nothing).await.problem(409, "nothing_proposed");
    state(&app, "anna", &order, &statement("5000.00", "BANK-21")).await.expect(202);
    let back = app.operator_named("anna").post(&withdraw, &nothing).await.expect(200);
    assert_eq!((&back["status"], &back["approval"]), (&json!("pending"), &json!(null)));
    assert!(timeline(&app, &order).await.contains(&"approval_withdrawn".to_owned()));
    state(&app, "ben", &order, &statement("5000.00", "BANK-21")).await.expect(202);
    // The confirmation and the withdrawal at the same time: one of them takes effect.
    let (anna, ben) = (app.operator_named("anna"), app.operator_named("ben"));
    let (confirmed, withdrawn) =
        futures_util::join!(approve(&anna, &order, "5000.00", "BANK-21"), ben.post(&withdraw, &nothing));
    let credited = match (confirmed.status, withdrawn.status) {
        (200, 409) => true,
        // After the withdrawal, the confirmation counts as a first statement.
        (202, 200) => false,
        other => panic!("{other:?} {} {}", confirmed.text, withdrawn.text),
    };
    assert_eq!(app.available("alice", "CNY", "").await, if credited { "5500.00" } else { "500.00" });

    // So does a withdrawn reversal.
    let order = bank_order(&app, "bob", "5000").await;
    state(&app, "anna", &order, &statement("5000.00", "BANK-22")).await.expect(202);
    state(&app, "ben", &order, &statement("5000.00", "BANK-22")).await.expect(200);
    let reason = json!({ "reason": "another customer's", "reach": "order_wallet" });
    let proposed = anna.post(&path(&order, "reverse"), &reason).await.expect(202);
    let reversal = &proposed["reversal"];
    assert_eq!((&reversal["proposed_by"], &reversal["reach"]), (&json!("operator:anna"), &json!("order_wallet")));
    let listed = ben.get(waiting).await.expect(200);
    assert!(listed["data"].as_array().unwrap().iter().any(|listed| listed["id"] == json!(order)), "{}", listed.text);
    let kept = anna.post(&path(&order, "withdraw"), &nothing).await.expect(200);
    assert_eq!((&kept["status"], &kept["reversal"]), (&json!("completed"), &json!(null)));
    anna.post(&path(&order, "withdraw"), &nothing).await.problem(409, "nothing_proposed");
    ben.post(&path(&order, "reverse"), &reason).await.expect(202);
    anna.post(&path(&order, "reverse"), &reason).await.expect(200);
    assert_eq!(app.available("bob", "CNY", "").await, "0.00");
    app.finish().await;
}

#[tokio::test]
async fn nobody_decides_about_an_account_of_his_own() {
    let app = TestApp::spawn_with(|config| above(config, "1000", "CNY")).await;
    let order = bank_order(&app, "alice", "5000").await;
    let line = statement("5000.00", "BANK-1");
    state(&app, "alice", &order, &line).await.problem(403, "own_account");
    state(&app, "ben", &order, &line).await.expect(202);
    state(&app, "alice", &order, &line).await.problem(403, "own_account");
    state(&app, "cleo", &order, &line).await.expect(200);
    let reason = json!({ "reason": "a mistake", "reach": "order_wallet" });
    let reverse = path(&order, "reverse");
    app.operator_named("alice").post(&reverse, &reason).await.problem(403, "own_account");
    // An operator may not decide about a refund to the same person either. By saying that it never arrived, the
    // operator would get the money twice.
    let refund = json!({ "order_id": order, "amount": "10.00", "reason": "asked for" });
    let refund = app.operator_named("ben").post("/v1/admin/refunds", &refund).await.expect(201);
    let at = |what: &str| format!("/v1/admin/refunds/{}/{what}", refund["id"].as_str().unwrap());
    let alice = app.operator_named("alice");
    let sent = json!({ "bank_transaction_id": "OUT-1" });
    alice.post(&at("mark-sent"), &sent).await.problem(403, "own_account");
    app.operator_named("ben").post(&at("mark-sent"), &sent).await.expect(200);
    alice.post(&at("reject"), &json!({ "reason": "it never came" })).await.problem(403, "own_account");
    assert_eq!(app.available("alice", "CNY", "").await, "4990.00");
    app.finish().await;
}
