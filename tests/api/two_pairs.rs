//! Two pairs of eyes: what one operator may move alone, and what services may grant.

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use serde_json::{Value, json};
use topup::config::Config;

use crate::stage::{approve, id, number, ordered, paid, read, with_status};
use crate::support::{Reply, TestApp, execute, url};

fn limits(text: &str) -> Vec<topup::domain::own_word::CurrencyLimit> {
    text.split(',').map(|limit| limit.parse().unwrap()).collect()
}

fn above(config: &mut Config, text: &str) {
    config.second_approval_above = limits(text);
}

async fn refund(app: &TestApp, operator: &str, order: &str, amount: &str) -> Reply {
    let body = json!({ "order_id": order, "amount": amount, "reason": "asked for" });
    app.operator_named(operator).post("/v1/admin/refunds", &body).await
}

fn a_grant(customer: &str, currency: &str, amount: &str) -> Value {
    json!({ "customer_id": customer, "currency": currency, "amount": amount, "reason": "welcome" })
}

async fn grant(app: &TestApp, operator: &str, customer: &str, currency: &str, amount: &str) -> Reply {
    app.operator_named(operator).post("/v1/grants", &a_grant(customer, currency, amount)).await
}

async fn served(app: &TestApp, customer: &str, currency: &str, amount: &str, product: Option<&str>) -> Reply {
    let mut body = a_grant(customer, currency, amount);
    body["product"] = json!(product);
    app.service().post("/v1/grants", &body).await
}

#[tokio::test]
async fn case_58_refunds_below_the_threshold_add_up() {
    let app = TestApp::spawn_with(|config| above(config, "USD:1000")).await;
    let order = paid(&app, "alice", "card", "USD", "3000.00").await;
    refund(&app, "anna", &order, "1000.00").await.expect(201);
    for amount in ["1000.00", "0.01"] {
        let proposed = refund(&app, "anna", &order, amount).await.expect(202);
        assert_eq!(proposed["status"], "awaiting_second_approval");
        // A proposal counts nothing, neither here nor for whoever approves it.
        let path = format!("/v1/admin/refunds/{}/approve", id(&proposed));
        app.operator_named("ben").post(&path, &json!({})).await.expect(200);
    }
    refund(&app, "ben", &order, "999.99").await.expect(201);
    assert_eq!(number(&app, "sum(amount) FROM refunds WHERE NOT second_needed").await, 2000);
    // A day later it no longer counts.
    execute(&app.database, "UPDATE own_word_moves SET moved_at = moved_at - interval '24 hours 1 second'").await;
    let other = paid(&app, "alice", "card", "USD", "1000.00").await;
    refund(&app, "anna", &other, "1000.00").await.expect(201);
    app.finish().await;
}

/// Of one operator's refunds at once, only as many succeed without a second operator as the threshold covers, for one
/// order and for several orders of a customer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_58_refunds_of_one_operator_at_once_add_up_as_well() {
    let app = TestApp::spawn_with(|config| above(config, "USD:1000")).await;
    for (customer, orders) in [("alice", 1), ("bob", 3)] {
        let mut of = Vec::new();
        for _ in 0..orders {
            of.push(paid(&app, customer, "card", "USD", "3000.00").await);
        }
        let asked = (0..6).map(|n| refund(&app, "anna", &of[n % orders], "400.00"));
        let answers = join_all(asked).await;
        assert_eq!((with_status(&answers, 201), with_status(&answers, 202)), (2, 4), "{answers:#?}");
    }
    assert_eq!(number(&app, "sum(amount) FROM own_word_moves").await, 1600);
    app.finish().await;
}

#[tokio::test]
async fn case_58_every_kind_of_move_counts_and_so_do_all_customers_together() {
    let app = TestApp::spawn_with(|config| {
        above(config, "CNY:1000");
        config.second_approval_above_in_all = limits("CNY:1500");
    })
    .await;
    let anna = app.operator_named("anna");
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "400").await;
    approve(&anna, &order, "400.00", "T-1").await.expect(200);
    grant(&app, "anna", "alice", "CNY", "100.00").await.expect(201);
    refund(&app, "anna", &order, "100.00").await.expect(201);
    // 600 so far: taking back what was credited counts like giving it.
    let second = ordered(&app, "alice", "bank_transfer", "CNY", "200").await;
    approve(&anna, &second, "200.00", "T-2").await.expect(200);
    let reverse = format!("/v1/admin/top-up-orders/{second}/reverse");
    anna.post(&reverse, &json!({ "reason": "a mistake", "reach": "order_wallet" })).await.expect(200);
    grant(&app, "anna", "alice", "CNY", "0.01").await.expect(202);
    // Another operator has a separate sum, and so has another customer, until all customers together are too much.
    grant(&app, "ben", "alice", "CNY", "1000.00").await.expect(201);
    grant(&app, "anna", "bob", "CNY", "500.00").await.expect(201);
    grant(&app, "anna", "cleo", "CNY", "0.01").await.expect(202);
    assert_eq!(number(&app, "sum(amount) FROM own_word_moves WHERE actor = 'operator:anna'").await, 1500);
    app.finish().await;
}

#[tokio::test]
async fn a_currency_without_a_threshold_needs_two_unless_it_is_switched_off_by_name() {
    let app = TestApp::spawn_with(|config| above(config, "CNY:1000,VND:none")).await;
    grant(&app, "anna", "alice", "USD", "0.01").await.expect(202);
    grant(&app, "anna", "alice", "VND", "900000000").await.expect(201);
    let order = paid(&app, "alice", "card", "USD", "10.00").await;
    refund(&app, "anna", &order, "0.01").await.expect(202);
    // Services have no second person: nothing in such a currency, unless it has a limit of its own.
    served(&app, "alice", "USD", "0.01", None).await.problem(403, "grant_above_limit");
    served(&app, "alice", "VND", "900000000", None).await.expect(201);
    app.finish().await;
}

#[tokio::test]
async fn a_grant_above_the_threshold_is_given_by_a_second_operator() {
    let app = TestApp::spawn_with(|config| above(config, "CNY:1000")).await;
    let (anna, ben, cleo) = (app.operator_named("anna"), app.operator_named("ben"), app.operator_named("cleo"));
    let nothing = json!({});
    let asked = a_grant("alice", "CNY", "1000.01");
    let proposed = anna.post_with_key("/v1/grants", &asked, "once").await.expect(202);
    assert_eq!((&proposed["status"], &proposed["remaining"]), (&json!("awaiting_second_approval"), &json!("0.00")));
    let again = anna.post_with_key("/v1/grants", &asked, "once").await.expect(202);
    assert_eq!((again.header("idempotent-replayed"), &again["id"]), (Some("true"), &proposed["id"]));
    assert_eq!(app.available("alice", "CNY", "").await, "0");
    let listed = ben.get("/v1/admin/grant-proposals").await.expect(200);
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["data"][0]["id"]), (1, &proposed["id"]));
    app.service().get("/v1/admin/grant-proposals").await.problem(403, "insufficient_scope");

    let path = |id: &str, action: &str| format!("/v1/admin/grant-proposals/{id}/{action}");
    let first = id(&proposed);
    anna.post(&path(&first, "approve"), &nothing).await.problem(409, "second_operator_needed");
    app.operator_named("alice").post(&path(&first, "approve"), &nothing).await.problem(403, "own_account");
    let approval = path(&first, "approve");
    let answers = join_all([ben.post(&approval, &nothing), cleo.post(&approval, &nothing)]).await;
    assert_eq!(with_status(&answers, 201), 1, "{answers:#?}");
    for late in answers.into_iter().filter(|answer| answer.status != 201) {
        late.problem(409, "nothing_proposed");
    }
    assert_eq!(app.available("alice", "CNY", "").await, "1000.01");
    anna.post(&path(&first, "withdraw"), &nothing).await.problem(409, "nothing_proposed");
    let given = anna.post_with_key("/v1/grants", &asked, "once").await.expect(200);
    assert_eq!((&given["status"], &given["created_by"]), (&json!("given"), &json!("operator:anna")));

    // The approval and the withdrawal at the same time: one of them takes effect.
    for _ in 0..5 {
        let proposal = id(&grant(&app, "anna", "bob", "CNY", "2000.00").await.expect(202));
        let (approval, withdrawal) = (path(&proposal, "approve"), path(&proposal, "withdraw"));
        let (approved, withdrawn) =
            futures_util::join!(ben.post(&approval, &nothing), anna.post(&withdrawal, &nothing));
        match (approved.status, withdrawn.status) {
            (201, 409) => {}
            (409, 200) => assert_eq!(withdrawn["status"], "withdrawn"),
            other => panic!("{other:?} {} {}", approved.text, withdrawn.text),
        }
    }
    let given =
        number(&app, "count(*) FROM grant_proposals WHERE customer_id = 'bob' AND approved_by IS NOT NULL").await;
    assert_eq!(number(&app, "coalesce(sum(granted), 0) FROM wallets WHERE customer_id = 'bob'").await, given * 2000);
    // Nobody grants to himself, and the database refuses one pair of eyes, too.
    grant(&app, "alice", "alice", "CNY", "1.00").await.problem(403, "own_account");
    let mut conn = topup::storage::pool::connect(&url(&app.database)).await.unwrap();
    let alone = "UPDATE grant_proposals SET approved_by = proposed_by, approved_at = now(), withdrawn_by = NULL,
         withdrawn_at = NULL";
    let refused = conn.batch_execute(alone).await.unwrap_err().to_string();
    assert!(refused.contains("grant_proposals_second_pair_of_eyes"), "{refused}");
    app.finish().await;
}

async fn revoke(app: &TestApp, operator: &str, customer: &str, grant: &str) -> Reply {
    let path = format!("/v1/admin/grants/{grant}/revoke?customer_id={customer}");
    app.operator_named(operator).post(&path, &json!({ "reason": "a mistake" })).await
}

async fn decide(app: &TestApp, operator: &str, change: &str, action: &str) -> Reply {
    app.operator_named(operator).post(&format!("/v1/admin/grant-changes/{change}/{action}"), &json!({})).await
}

#[tokio::test]
async fn case_58_what_is_changed_about_the_end_of_a_grant_counts_for_all_that_is_left() {
    let app = TestApp::spawn_with(|config| above(config, "CNY:1000")).await;
    let given = id(&grant(&app, "ben", "alice", "CNY", "600.00").await.expect(201));
    let own = id(&grant(&app, "anna", "alice", "CNY", "500.00").await.expect(201));
    let small = id(&grant(&app, "ben", "alice", "CNY", "0.01").await.expect(201));
    let until = async |grant: &str, at: &str| {
        let path = format!("/v1/admin/grants/{grant}/expiry?customer_id=alice");
        let body = json!({ "expires_at": at, "reason": "the campaign" });
        app.operator_named("anna").post(&path, &body).await
    };
    // She gave 500, and moves the expiry of 500. Moving it to its present time does not count.
    for _ in 0..2 {
        until(&own, "2999-01-01T00:00:00.123456789Z").await.expect(200);
    }
    let moved = "sum(amount) FROM own_word_moves WHERE actor = 'operator:anna'";
    assert_eq!(number(&app, moved).await, 1000);
    let sooner = until(&small, "2998-01-01T00:00:00.123456789Z").await.expect(202);
    assert_eq!((&sooner["status"], &sooner["kind"]), (&json!("awaiting_second_approval"), &json!("expiry")));
    assert_eq!((&sooner["amount"], &sooner["grant_id"]), (&json!("0.01"), &json!(small)));
    assert_eq!(id(&until(&small, "2998-01-01T00:00:00.123456789Z").await.expect(202)), id(&sooner));
    let proposed = revoke(&app, "anna", "alice", &given).await.expect(202);
    assert_eq!((&proposed["kind"], &proposed["expires_at"]), (&json!("revocation"), &Value::Null));
    // A repetition finds the proposal, nothing else is changed meanwhile, and the grant is as it was.
    assert_eq!(id(&revoke(&app, "anna", "alice", &given).await.expect(202)), id(&proposed));
    until(&given, "2998-01-01T00:00:00Z").await.problem(409, "change_proposed");
    revoke(&app, "ben", "alice", &given).await.problem(409, "change_proposed");
    assert_eq!(app.available("alice", "CNY", "").await, "1100.01");
    let listed = app.operator().get("/v1/admin/grant-changes").await.expect(200);
    let ids: Vec<&str> = listed["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [id(&proposed), id(&sooner)]);

    let first = id(&proposed);
    decide(&app, "anna", &first, "approve").await.problem(409, "second_operator_needed");
    decide(&app, "alice", &first, "approve").await.problem(403, "own_account");
    // Of two at once, one approves, and may repeat it.
    for _ in 0..2 {
        let approvals = ["ben", "cleo"].map(|name| decide(&app, name, &first, "approve"));
        let answers = join_all(approvals).await;
        assert_eq!((with_status(&answers, 200), with_status(&answers, 409)), (1, 1), "{answers:#?}");
        assert!(answers.iter().any(|answer| answer["status"] == "made"), "{answers:#?}");
    }
    decide(&app, "anna", &first, "withdraw").await.problem(409, "nothing_proposed");
    assert_eq!(app.available("alice", "CNY", "").await, "500.01");
    for _ in 0..2 {
        let withdrawn = decide(&app, "anna", &id(&sooner), "withdraw").await.expect(200);
        assert_eq!(withdrawn["status"], "withdrawn");
    }
    decide(&app, "ben", &id(&sooner), "approve").await.problem(409, "nothing_proposed");

    // What two operators moved counts for neither, and a day later nothing counts any more.
    assert_eq!(number(&app, moved).await, 1000);
    execute(&app.database, "UPDATE own_word_moves SET moved_at = moved_at - interval '24 hours 1 second'").await;
    revoke(&app, "anna", "alice", &own).await.expect(200);
    assert_eq!(app.available("alice", "CNY", "").await, "0.01");

    // What was spent meanwhile is not revoked.
    let spent = id(&grant(&app, "anna", "alice", "USD", "5.00").await.expect(202));
    let approve = format!("/v1/admin/grant-proposals/{spent}/approve");
    app.operator_named("ben").post(&approve, &json!({})).await.expect(201);
    let late = id(&revoke(&app, "anna", "alice", &spent).await.expect(202));
    let usage = json!({ "id": "u", "customer_id": "alice", "currency": "USD", "amount": "5.00" });
    app.service().post("/v1/usage", &usage).await.expect(201);
    decide(&app, "ben", &late, "approve").await.problem(409, "grant_ended");

    let mut conn = topup::storage::pool::connect(&url(&app.database)).await.unwrap();
    let alone = "UPDATE grant_changes SET approved_by = proposed_by, approved_at = now() WHERE withdrawn_by IS NULL
         AND approved_by IS NULL AND second_needed";
    let refused = conn.batch_execute(alone).await.unwrap_err().to_string();
    assert!(refused.contains("grant_changes_second_pair_of_eyes"), "{refused}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_58_revocations_of_one_operator_at_once_add_up_as_well() {
    let app = TestApp::spawn_with(|config| above(config, "CNY:1000")).await;
    for customer in ["alice", "bob", "cleo"] {
        let first = id(&grant(&app, "ben", customer, "CNY", "600.00").await.expect(201));
        let second = id(&grant(&app, "dora", customer, "CNY", "600.00").await.expect(201));
        let revoked = [&first, &second].map(|given| revoke(&app, "anna", customer, given));
        let answers = join_all(revoked).await;
        assert_eq!((with_status(&answers, 200), with_status(&answers, 202)), (1, 1), "{answers:#?}");
        assert_eq!(app.available(customer, "CNY", "").await, "600.00");
    }
    assert_eq!(number(&app, "sum(amount) FROM own_word_moves WHERE actor = 'operator:anna'").await, 1800);
    app.finish().await;
}

#[tokio::test]
async fn a_grant_whose_time_is_over_is_not_approved() {
    let app = TestApp::spawn_with(|config| above(config, "CNY:1")).await;
    let mut asked = a_grant("alice", "CNY", "5.00");
    asked["expires_at"] = json!("2999-01-01T00:00:00Z");
    let proposed = app.operator_named("anna").post("/v1/grants", &asked).await.expect(202);
    execute(&app.database, "UPDATE grant_proposals SET expires_at = proposed_at").await;
    let path = format!("/v1/admin/grant-proposals/{}/approve", id(&proposed));
    app.operator_named("ben").post(&path, &json!({})).await.names("/expires_at", "not_in_the_future");
    assert_eq!(number(&app, "count(*) FROM grants").await, 0);
    app.finish().await;
}

/// Whatever wallets of a customer it grants to, and however many at once, a service stays within the limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_of_services_have_a_limit_for_each_customer() {
    let app = TestApp::spawn_with(|config| above(config, "CNY:1000")).await;
    let products = [None, Some("whatsapp"), Some("gpu")];
    let asked = (0..9).map(|n| served(&app, "alice", "CNY", "300.00", products[n % 3]));
    let answers = join_all(asked).await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 403)), (3, 6), "{answers:#?}");
    for refused in answers.into_iter().filter(|answer| answer.status == 403) {
        refused.problem(403, "grant_above_limit");
    }
    served(&app, "alice", "CNY", "100.01", None).await.problem(403, "grant_above_limit");
    served(&app, "alice", "CNY", "100.00", None).await.expect(201);
    served(&app, "bob", "CNY", "1000.00", None).await.expect(201);
    // What operators grant counts for them.
    grant(&app, "anna", "alice", "CNY", "1000.00").await.expect(201);
    execute(&app.database, "UPDATE own_word_moves SET moved_at = moved_at - interval '24 hours 2 minutes'").await;
    execute(&app.database, "UPDATE service_grant_sums SET minute = minute - interval '24 hours 2 minutes'").await;
    served(&app, "alice", "CNY", "1000.00", None).await.expect(201);
    app.finish().await;
}

#[tokio::test]
async fn grants_of_services_have_limits_of_their_own() {
    let app = TestApp::spawn_with(|config| {
        above(config, "CNY:1000");
        config.service_grants_above = limits("CNY:5000,USD:10");
        config.service_grants_above_in_all = limits("USD:25");
    })
    .await;
    served(&app, "alice", "CNY", "5000.00", None).await.expect(201);
    served(&app, "alice", "CNY", "0.00000001", None).await.problem(403, "grant_above_limit");
    served(&app, "alice", "USD", "10.00", None).await.expect(201);
    served(&app, "bob", "USD", "10.00", None).await.expect(201);
    served(&app, "cleo", "USD", "5.01", None).await.problem(403, "grant_above_limit");
    served(&app, "cleo", "USD", "5.00", None).await.expect(201);
    served(&app, "dan", "USD", "0.01", None).await.problem(403, "grant_above_limit");
    assert_eq!(number(&app, "sum(amount) FROM service_grant_sums WHERE currency = 'USD'").await, 25);
    // A refused grant burns neither its key nor a part of the limit.
    assert_eq!(number(&app, "count(*) FROM own_word_moves").await, 4);
    app.finish().await;
}

#[tokio::test]
async fn without_thresholds_one_operator_is_enough_and_services_are_free() {
    let app = TestApp::spawn().await;
    grant(&app, "anna", "alice", "CNY", "1000000000.00").await.expect(201);
    served(&app, "alice", "CNY", "1000000000.00", None).await.expect(201);
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100000").await;
    approve(&app.operator(), &order, "100000.00", "T").await.expect(200);
    assert_eq!(read(&app, &order).await["status"], "completed");
    app.finish().await;
}

/// A rejection that was decided before the approval is void: otherwise payer and wallet would both get the money.
#[tokio::test]
async fn a_refund_is_approved_or_rejected_and_never_both() {
    let app = TestApp::spawn_with(|config| above(config, "USD:10")).await;
    for round in 0..6 {
        let order = paid(&app, "alice", "card", "USD", "100.00").await;
        let proposed = id(&refund(&app, "anna", &order, "50.00").await.expect(202));
        let (ben, dora) = (app.operator_named("ben"), app.operator_named("dora"));
        let (approve, reject) =
            (format!("/v1/admin/refunds/{proposed}/approve"), format!("/v1/admin/refunds/{proposed}/reject"));
        let (nothing, reason) = (json!({}), json!({ "reason": "changed our minds" }));
        let (approved, rejected) = tokio::join!(ben.post(&approve, &nothing), dora.post(&reject, &reason));
        let statuses = (approved.status, rejected.status);
        assert!(matches!(statuses, (200, 409) | (409, 200)), "{round}: {} {}", approved.text, rejected.text);
        let ended = app.operator().get(&format!("/v1/admin/refunds/{proposed}")).await.expect(200);
        assert_eq!(ended["status"] == "failed", rejected.status == 200, "{}", ended.text);
    }
    app.finish().await;
}

/// The operator who records that a refund was sent cannot alone record that it came back: the customer would have the
/// money twice.
#[tokio::test]
async fn a_refund_that_was_sent_is_undone_by_another_operator() {
    let app = TestApp::spawn_with(|config| above(config, "CNY:1000")).await;
    let order = app.fund("alice", "CNY", "100.00").await;
    let operator = app.operator();
    let refund = refund(&app, "ops", &order, "80.00").await.expect(201);
    let line = json!({ "bank_transaction_id": "out-1" });
    operator.post(&format!("/v1/admin/refunds/{}/mark-sent", id(&refund)), &line).await.expect(200);
    let (reject, why) = (format!("/v1/admin/refunds/{}/reject", id(&refund)), json!({ "reason": "it came back" }));
    operator.post(&reject, &why).await.problem(409, "second_operator_needed");
    assert_eq!(app.available("alice", "CNY", "").await, "20.00");
    assert_eq!(app.operator_named("ben").post(&reject, &why).await.expect(200)["status"], "failed");
    assert_eq!(app.available("alice", "CNY", "").await, "100.00");
    app.finish().await;
}

/// The operator who approved it could send the money, and also return it to the wallet.
#[tokio::test]
async fn a_refund_that_waits_to_be_sent_is_undone_by_another_operator_than_who_approved_it() {
    let app = TestApp::spawn_with(|config| above(config, "CNY:1000")).await;
    let [anna, ben, cleo] = ["anna", "ben", "cleo"].map(|name| app.operator_named(name));
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "5000").await;
    approve(&anna, &order, "5000.00", "in-1").await.expect(202);
    approve(&ben, &order, "5000.00", "in-1").await.expect(200);
    let nothing = json!({});
    let refunded = async || {
        let proposed = id(&refund(&app, "anna", &order, "2000.00").await.expect(202));
        let path = format!("/v1/admin/refunds/{proposed}");
        ben.post(&format!("{path}/approve"), &nothing).await.expect(200);
        assert_eq!(app.available("alice", "CNY", "").await, "3000.00");
        path
    };
    let why = json!({ "reason": "the account was closed" });
    let reject = |path: &str| format!("{path}/reject");

    let waiting = refunded().await;
    ben.post(&reject(&waiting), &why).await.problem(409, "second_operator_needed");
    assert_eq!(app.available("alice", "CNY", "").await, "3000.00");
    assert_eq!(anna.post(&reject(&waiting), &why).await.expect(200)["status"], "failed");
    assert_eq!(app.available("alice", "CNY", "").await, "5000.00");

    let sent = refunded().await;
    cleo.post(&format!("{sent}/mark-sent"), &json!({ "bank_transaction_id": "out-1" })).await.expect(200);
    ben.post(&reject(&sent), &why).await.problem(409, "second_operator_needed");
    assert_eq!(anna.post(&reject(&sent), &why).await.expect(200)["status"], "failed");
    assert_eq!(app.available("alice", "CNY", "").await, "5000.00");

    // A proposal moves no money, so its proposer may withdraw it.
    let proposed = id(&refund(&app, "anna", &order, "2000.00").await.expect(202));
    anna.post(&reject(&format!("/v1/admin/refunds/{proposed}")), &why).await.expect(200);
    app.finish().await;
}
