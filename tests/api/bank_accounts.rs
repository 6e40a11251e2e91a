//! Our bank accounts: who may change them, and what an order shows when its account is closed.

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{approve, id, number, ordered, read, timeline, with_status};
use crate::support::{Caller, Reply, TestApp, execute, url};

fn account(number: &str, active: bool) -> Value {
    json!({
        "currency": "CNY", "bank_name": "Bank", "account_name": "Company", "account_number": number, "active": active
    })
}

async fn put(caller: &Caller<'_>, account_id: &str, body: &Value, version: i64) -> Reply {
    let request = caller.request(Method::PUT, &format!("/v1/admin/bank-accounts/{account_id}"));
    Reply::of(request.header("if-match", format!("\"{version}\"")).json(body)).await
}

async fn demo_account(app: &TestApp) -> Value {
    let list = app.operator().get("/v1/admin/bank-accounts").await.expect(200);
    list["data"].as_array().unwrap().iter().find(|account| account["currency"] == "CNY").unwrap().clone()
}

async fn decide(caller: &Caller<'_>, change: &str, action: &str) -> Reply {
    caller.post(&format!("/v1/admin/bank-account-changes/{change}/{action}"), &json!({})).await
}

async fn renew(app: &TestApp, order: &str) -> Reply {
    let path = format!("/v1/top-up-orders/{order}/bank-account");
    app.customer("alice").send(Method::POST, &path, None, None).await
}

async fn shown(app: &TestApp, order: &str) -> Value {
    app.customer("alice").get(&format!("/v1/top-up-orders/{order}")).await.expect(200)["next_action"].clone()
}

/// The app of a bank in Vietnam fills in the whole transfer.
#[tokio::test]
async fn a_transfer_in_vnd_has_a_vietqr() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let body = json!({
        "currency": "VND", "bank_name": "Bank", "account_name": "Company", "account_number": "2576 78859",
        "napas_bin": "970416", "active": true
    });
    let saved = operator.post("/v1/admin/bank-accounts", &body).await.expect(201);
    assert_eq!(saved["napas_bin"], "970416");
    let rule = json!({ "enabled": true, "processing_time": "1 day", "rank": 30 });
    let path = "/v1/admin/channel-rules/bank_transfer/VND";
    Reply::of(operator.request(Method::PUT, path).json(&rule)).await.expect(201);
    let order = ordered(&app, "alice", "bank_transfer", "VND", "150000").await;
    let action = shown(&app, &order).await;
    let text = |field: &str| action["bank_transfer"][field].as_str().unwrap().to_owned();
    let (code, reference) = (text("viet_qr"), text("remittance_text"));
    let start = "00020101021238530010A0000007270123000697041601092576788590208QRIBFTTA530370454061500005802VN62";
    let purpose = format!("08{:02}{reference}", reference.len());
    let checked = format!("{start}{:02}{purpose}6304", purpose.len());
    assert_eq!(code.strip_prefix(&checked).map(str::len), Some(4), "{code}");

    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    assert_eq!(shown(&app, &order).await["bank_transfer"]["viet_qr"], Value::Null);
    app.finish().await;
}

#[tokio::test]
async fn an_order_keeps_the_account_that_its_payer_was_shown() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let before = demo_account(&app).await;
    let bank = before["id"].as_str().unwrap();
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    let untouched = renew(&app, &order).await.expect(200);
    assert_eq!(untouched["version"], read(&app, &order).await["version"]);

    // Without thresholds one operator is enough.
    let told = "count(*) FROM events WHERE type = 'order.updated'";
    let before_it = number(&app, told).await;
    put(&operator, bank, &account("9999 NEW", true), 1).await.expect(200);
    assert_eq!(number(&app, told).await, before_it + 1);
    let closed = shown(&app, &order).await;
    assert_eq!(closed["type"], "bank_account_closed");
    assert_eq!(closed["bank_account_closed"]["account_number"], before["account_number"]);
    assert_eq!(closed["bank_transfer"], Value::Null, "{closed}");
    // A stranger cannot request it.
    let path = format!("/v1/top-up-orders/{order}/bank-account");
    app.customer("bob").send(Method::POST, &path, None, None).await.problem(404, "not_found");
    let renewed = renew(&app, &order).await.expect(200);
    assert_eq!(renewed["next_action"]["bank_transfer"]["account_number"], "9999 NEW");
    assert_eq!(timeline(&app, &order).await.iter().filter(|event| *event == "bank_account_changed").count(), 1);
    renew(&app, &order).await.expect(200);
    assert_eq!(timeline(&app, &order).await.iter().filter(|event| *event == "bank_account_changed").count(), 1);

    // Closed for good: nothing is offered until another account takes transfers.
    put(&operator, bank, &account("9999 NEW", false), 2).await.expect(200);
    assert_eq!(shown(&app, &order).await["type"], "bank_account_closed");
    renew(&app, &order).await.problem(409, "bank_account_closed");
    operator.post("/v1/admin/bank-accounts", &account("1234", true)).await.expect(201);
    let renewed = renew(&app, &order).await.expect(200);
    assert_eq!(renewed["next_action"]["bank_transfer"]["account_number"], "1234");

    // A transfer to an old account is credited when it arrives there.
    let mut line = crate::stage::statement("100.00", "T-1");
    line["bank_account_id"] = json!(bank);
    operator.post(&format!("/v1/admin/top-up-orders/{order}/approve"), &line).await.expect(200);
    renew(&app, &order).await.problem(409, "order_not_open");
    let card = ordered(&app, "alice", "card", "USD", "10").await;
    renew(&app, &card).await.problem(409, "not_a_bank_transfer");
    let figures = "count(*) FROM bank_account_versions WHERE closed_at IS NOT NULL";
    assert_eq!(number(&app, figures).await, 2);
    app.finish().await;
}

/// An order that is made while its account is changed shows one version as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_race_changes_of_their_account() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let bank = demo_account(&app).await["id"].as_str().unwrap().to_owned();
    crate::stage::profile(&app, "alice").await;
    let body = crate::stage::order("bank_transfer", "CNY", "100");
    let change = async {
        for version in 1..=6 {
            put(&operator, &bank, &account(&format!("N{}", version + 1), true), version).await.expect(200);
        }
    };
    let alice = app.customer("alice");
    let make = join_all((0..12).map(|_| alice.post("/v1/top-up-orders", &body)));
    let ((), made) = futures_util::join!(change, make);
    for made in made {
        let order = id(&made.expect(201));
        let now = shown(&app, &order).await;
        let version = number(
            &app,
            &format!("bank_account_version FROM top_up_orders WHERE 'tuo_' || replace(id::text, '-', '') = '{order}'"),
        )
        .await;
        assert_eq!(now["type"] == "bank_transfer", version == 7, "version {version}: {now}");
        let renewed = renew(&app, &order).await.expect(200);
        assert_eq!(renewed["next_action"]["bank_transfer"]["account_number"], "N7");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_change_of_an_account_takes_two_operators_where_a_threshold_is_set() {
    let app = TestApp::spawn_with(|config| config.second_approval_above = vec!["USD:50000".parse().unwrap()]).await;
    let (anna, ben, cleo) = (app.operator_named("anna"), app.operator_named("ben"), app.operator_named("cleo"));
    let before = demo_account(&app).await;
    let bank = before["id"].as_str().unwrap();
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    put(&anna, bank, &account("9999 MALLORY", true), 2).await.problem(412, "precondition_failed");
    let proposed = put(&anna, bank, &account("9999 MALLORY", true), 1).await.expect(202);
    assert_eq!(
        (&proposed["status"], &proposed["account"]["account_number"]),
        (&json!("awaiting_second_approval"), &json!("9999 MALLORY"))
    );
    assert_eq!(shown(&app, &order).await["bank_transfer"]["account_number"], before["account_number"]);
    assert_eq!(demo_account(&app).await["version"], 1);
    put(&ben, bank, &account("8888", true), 1).await.problem(409, "change_proposed");
    let listed = ben.get("/v1/admin/bank-account-changes").await.expect(200);
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["data"][0]["id"]), (1, &proposed["id"]));
    decide(&anna, &id(&proposed), "approve").await.problem(409, "second_operator_needed");
    decide(&app.service(), &id(&proposed), "approve").await.problem(403, "insufficient_scope");
    assert_eq!(decide(&ben, &id(&proposed), "withdraw").await.expect(200)["status"], "withdrawn");
    decide(&ben, &id(&proposed), "approve").await.problem(409, "nothing_proposed");

    // Two approve one change at once; the account moves by one version.
    let proposed = id(&put(&anna, bank, &account("7777", true), 1).await.expect(202));
    let answers = join_all([decide(&ben, &proposed, "approve"), decide(&cleo, &proposed, "approve")]).await;
    assert_eq!(with_status(&answers, 200), 1, "{answers:#?}");
    for late in answers.into_iter().filter(|answer| answer.status != 200) {
        late.problem(409, "nothing_proposed");
    }
    assert_eq!(demo_account(&app).await["version"], 2);
    assert_eq!(shown(&app, &order).await["type"], "bank_account_closed");

    // A new account takes two as well, and its number may be taken meanwhile.
    anna.post("/v1/admin/bank-accounts", &account("7777", true)).await.problem(409, "bank_account_exists");
    let pair = [
        id(&anna.post("/v1/admin/bank-accounts", &account("1234", true)).await.expect(202)),
        id(&anna.post("/v1/admin/bank-accounts", &account("1234", true)).await.expect(202)),
    ];
    assert_eq!(number(&app, "count(*) FROM bank_accounts").await, 2);
    decide(&ben, &pair[0], "approve").await.expect(200);
    decide(&ben, &pair[1], "approve").await.problem(409, "bank_account_exists");
    assert_eq!(number(&app, "count(*) FROM bank_accounts").await, 3);

    // A change of an account that has changed meanwhile is not carried out.
    let stale = id(&put(&anna, bank, &account("6666", true), 2).await.expect(202));
    execute(&app.database, "UPDATE bank_accounts SET branch = 'x', version = version + 1 WHERE currency = 'CNY'").await;
    decide(&ben, &stale, "approve").await.problem(412, "precondition_failed");
    decide(&ben, "bch_00000000000000000000000000000000", "approve").await.problem(404, "not_found");
    assert_eq!(number(&app, "count(*) FROM audit_log WHERE action LIKE 'bank_account.%'").await, 10);

    let mut conn = topup::storage::pool::connect(&url(&app.database)).await.unwrap();
    for (sql, refusal) in [
        (
            "UPDATE bank_account_proposals SET approved_by = proposed_by, approved_at = now()
             WHERE withdrawn_by IS NULL",
            "bank_account_proposals_second_pair_of_eyes",
        ),
        ("UPDATE bank_accounts SET account_number = account_number || '0'", "is its next version"),
        ("UPDATE top_up_orders SET bank_account_version = 99", "top_up_orders_account_shown"),
        ("UPDATE top_up_orders SET bank_account_version = NULL", "top_up_orders_"),
    ] {
        let refused = conn.batch_execute(sql).await.unwrap_err().to_string();
        assert!(refused.contains(refusal), "{sql}: {refused}");
    }
    approve(&ben, &order, "1.00", "T").await.expect(202);
    app.finish().await;
}
