//! Statements of our banks: what a line is compared with, what it credits, and who must agree.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::audit::both_ways;
use crate::stage::{approve, balance, number, ordered, read, statement, with_status};
use crate::support::{Reply, TestApp};

pub const ACCOUNT: &str = "bac_01930000000070008000000000000001";

/// Saves a mapping that reads what [`csv`] writes.
pub async fn mapped(app: &TestApp) {
    let mapping = json!({
        "date_column": "Date", "date_format": "%Y-%m-%d", "amount_column": "Amount", "bank_id_column": "Id",
        "remitter_column": "Name", "text_columns": ["Text"], "balance_column": "Balance"
    });
    save_mapping(app, &mapping).await.expect(201);
}

pub async fn save_mapping(app: &TestApp, mapping: &Value) -> Reply {
    let path = format!("/v1/admin/bank-accounts/{ACCOUNT}/statement-mapping");
    app.operator().send(Method::PUT, &path, Some(mapping), None).await
}

/// A file of lines: day, id, name, text, amount in cents.
pub fn csv(opening: i64, lines: &[(&str, &str, &str, &str, i64)]) -> String {
    let mut file = "Date,Id,Name,Text,Amount,Balance\n".to_owned();
    let mut balance = opening;
    let shown =
        |cents: i64| format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100);
    for (day, id, name, text, cents) in lines {
        balance += cents;
        file.push_str(&format!("{day},{id},{name},{text},{},{}\n", shown(*cents), shown(balance)));
    }
    file
}

pub async fn upload_as(app: &TestApp, operator: &str, file: impl Into<Vec<u8>>, query: &str) -> Reply {
    upload_to(app, operator, ACCOUNT, file, query).await
}

pub async fn upload_to(app: &TestApp, operator: &str, account: &str, file: impl Into<Vec<u8>>, query: &str) -> Reply {
    let path = format!("/v1/admin/bank-statements?bank_account_id={account}{query}");
    let caller = app.operator_named(operator);
    let request = caller.request(Method::POST, &path).header("content-type", "application/octet-stream");
    Reply::of(request.body(file.into())).await
}

pub async fn upload(app: &TestApp, file: impl Into<Vec<u8>>) -> Reply {
    upload_as(app, "ops", file, "").await
}

pub async fn lines(app: &TestApp, query: &str) -> Vec<Value> {
    let listed = app.operator().get(&format!("/v1/admin/bank-lines?limit=100&{query}")).await.expect(200);
    listed["data"].as_array().unwrap().clone()
}

pub async fn reference(app: &TestApp, order: &str) -> String {
    let order = read(app, order).await;
    order["next_action"]["bank_transfer"]["reference"].as_str().unwrap().to_owned()
}

pub async fn bank_order(app: &TestApp, customer: &str, amount: &str) -> String {
    ordered(app, customer, "bank_transfer", "CNY", amount).await
}

pub async fn paid(app: &TestApp, customer: &str) -> String {
    balance(app, customer, "CNY").await["paid"].as_str().unwrap().to_owned()
}

pub fn text<'v>(value: &'v impl std::ops::Index<&'static str, Output = Value>, field: &'static str) -> &'v str {
    value[field].as_str().unwrap()
}

pub fn above(config: &mut topup::config::Config, amount: &str) {
    config.second_approval_above.push(format!("CNY:{amount}").parse().unwrap());
}

#[tokio::test]
async fn case_26_what_was_approved_by_hand_is_imported_without_a_second_credit() {
    let app = TestApp::spawn().await;
    mapped(&app).await;
    let mut orders = Vec::new();
    for customer in ["alice", "bob", "carol"] {
        orders.push(bank_order(&app, customer, "100").await);
    }
    let named = reference(&app, &orders[1]).await;
    // The first line is found by its id. The second has a mistyped id, and is found by the reference of its order. The
    // third has a mistyped id, and is found by its figures.
    for (order, id, name) in [(&orders[0], "A-1", "Alice"), (&orders[1], "B-l", "Bob"), (&orders[2], "C-l", "Carol")] {
        let mut line = statement("100.00", id);
        line["remitter_name"] = json!(name);
        app.operator().post(&format!("/v1/admin/top-up-orders/{order}/approve"), &line).await.expect(200);
    }
    let text_of = format!("payment {}", named.to_lowercase());
    let file = csv(
        0,
        &[
            ("2026-11-21", "a/1", "ALICE", "", 10_000),
            ("2026-11-25", "B-1", "Somebody", &text_of, 10_000),
            ("2026-11-22", "C-1", "CAROL", "", 10_000),
            ("2026-11-22", "D-1", "Dora", "", 10_000),
            ("2026-11-22", "X-1", "Bank", "fee", -150),
        ],
    );
    let imported = upload(&app, file.clone()).await.expect(201);
    assert_eq!((&imported["status"], &imported["credited_orders"]), (&json!("applied"), &json!(0)));
    assert_eq!((text(&imported, "credits"), text(&imported, "debits")), ("400.00", "1.50"));
    for customer in ["alice", "bob", "carol"] {
        assert_eq!(paid(&app, customer).await, "100.00");
    }
    assert_eq!(number(&app, "count(*) FROM payments").await, 4, "only Dora's money is new");
    let open = lines(&app, "worklist=unapplied").await;
    assert_eq!(
        (open.len(), text(&open[0], "remitter_name"), text(&open[0], "unapplied_amount")),
        (1, "Dora", "100.00")
    );
    // The right id of a line counts, although its payment was stated under a mistyped one.
    let next = bank_order(&app, "erin", "100").await;
    for id in ["B-1", "c 1"] {
        let mut line = statement("100.00", id);
        line["received_on"] = json!("2026-11-21");
        let refused = app.operator().post(&format!("/v1/admin/top-up-orders/{next}/approve"), &line).await;
        refused.problem(409, "bank_transaction_used");
    }
    // The same file again, even from another operator, changes nothing.
    for operator in ["ops", "anna"] {
        let again = upload_as(&app, operator, file.clone(), "").await.expect(200);
        assert_eq!((again["id"].clone(), again.header("idempotent-replayed")), (imported["id"].clone(), Some("true")));
    }
    assert_eq!(number(&app, "count(*) FROM bank_lines").await, 5);
    // A wrong approval is reversed; the line still shows how much arrived.
    let reason = json!({ "reason": "not hers", "reach": "order_wallet" });
    app.operator().post(&format!("/v1/admin/top-up-orders/{}/reverse", orders[2]), &reason).await.expect(200);
    let payment = lines(&app, "worklist=unapplied").await;
    let payment = payment.iter().find(|line| line["remitter_name"] == "CAROL").unwrap();
    let restate = format!("/v1/admin/bank-transactions/{}/restate", text(payment, "payment_id"));
    let other = json!({ "amount": "90.00", "reason": "guessed" });
    app.operator().post(&restate, &other).await.names("/amount", "out_of_range");
    let line = format!("/v1/admin/bank-lines/{}/apply", text(payment, "id"));
    app.operator().post(&line, &json!({ "order_id": next })).await.expect(200);
    assert_eq!(paid(&app, "erin").await, "100.00");
    app.finish().await;
}

#[tokio::test]
async fn case_78_two_equal_lines_are_two_and_the_same_file_twice_is_one() {
    let app = TestApp::spawn().await;
    mapped(&app).await;
    let twin = ("2026-11-20", "", "Alice", "coffee", 500);
    let monday = csv(0, &[twin, twin, ("2026-11-20", "Z-1", "Bob", "", 700)]);
    // Five uploads of one file at once, by two operators.
    let answers = join_all((0..5).map(|n| {
        let (app, monday) = (&app, monday.clone());
        async move { upload_as(app, ["anna", "ben"][n % 2], monday, "").await }
    }))
    .await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 200)), (1, 4), "{answers:#?}");
    assert_eq!(number(&app, "count(*) FROM payments").await, 3);
    // The file of the week also contains the lines of the day. It has one identical line more than the day, which is
    // new, and later lines, which are new too.
    let week = csv(
        0,
        &[
            twin,
            twin,
            twin,
            ("2026-11-20", "z 1", "Bob again", "other words", 700),
            ("2026-11-21", "Y-1", "Carl", "", 100),
        ],
    );
    upload(&app, week.clone()).await.problem(422, "confirm_gap");
    let imported = upload_as(&app, "ops", week, "&confirm_gap=true").await.expect(201);
    assert_eq!((&imported["lines"], &imported["confirmed_gap"]), (&json!(5), &json!(true)));
    assert_eq!(number(&app, "count(*) FROM payments").await, 5);
    assert_eq!(number(&app, "sum(amount) FROM payments").await, 23);
    // It begins where the last one ended, so one of them cannot be the same line, unless the operator says so.
    let tuesday = csv(2_300, &[("2026-11-20", "", "Alice", "coffee", 500), ("2026-11-22", "W-1", "Dora", "", 100)]);
    upload(&app, tuesday.clone()).await.problem(422, "confirm_gap");
    assert_eq!(number(&app, "count(*) FROM payments").await, 5);
    upload_as(&app, "ops", tuesday, "&confirm_gap=true").await.expect(201);
    assert_eq!(number(&app, "count(*) FROM payments").await, 6);
    assert_eq!(number(&app, "count(*) FROM bank_transactions WHERE n > 1").await, 2);
    // A line with a bank id that another line had before waits for a second operator, and no rule credits it.
    let order = bank_order(&app, "alice", "400").await;
    let named = reference(&app, &order).await;
    let again = csv(2_900, &[("2026-11-23", "Z-1", "Bob", &named, 40_000)]);
    let waiting = upload_as(&app, "anna", again, "").await.expect(202);
    let approve = format!("/v1/admin/bank-statements/{}/approve", text(&waiting, "id"));
    app.operator_named("ben").post(&approve, &json!({})).await.expect(200);
    assert_eq!(number(&app, "count(*) FROM payments").await, 7);
    assert_eq!(read(&app, &order).await["status"], "pending");
    app.finish().await;
}

#[tokio::test]
async fn above_the_threshold_a_second_operator_approves_the_file() {
    let app = TestApp::spawn_with(|config| above(config, "1000")).await;
    mapped(&app).await;
    let (small, large) = (bank_order(&app, "alice", "400").await, bank_order(&app, "bob", "900").await);
    let (one, two) = (reference(&app, &small).await, reference(&app, &large).await);
    let file = csv(0, &[("2026-11-20", "A-1", "Alice", &one, 40_000), ("2026-11-20", "B-1", "Bob", &two, 90_000)]);
    let waiting = upload_as(&app, "anna", file.clone(), "").await.expect(202);
    assert_eq!(waiting["status"], "awaiting_second_approval");
    assert_eq!(number(&app, "count(*) FROM bank_lines").await, 0);
    let path = format!("/v1/admin/bank-statements/{}", text(&waiting, "id"));
    // The second operator sees its sums and its lines.
    let listed = app.operator_named("ben").get(&format!("{path}/lines?limit=1")).await.expect(200);
    assert_eq!((text(&listed["data"][0], "amount"), &listed["has_more"]), ("400.00", &json!(true)));
    let lines = both_ways(&app.operator(), &format!("{path}/lines"), 1).await.concat();
    assert_eq!((lines.len(), &lines[1]["number"]), (2, &json!(2)));
    let list = "/v1/admin/bank-statements?status=awaiting_second_approval";
    assert_eq!(app.operator().get(list).await.expect(200)["data"][0]["id"], waiting["id"]);
    app.operator_named("anna")
        .post(&format!("{path}/approve"), &json!({}))
        .await
        .problem(409, "second_operator_needed");
    // What was withdrawn can be uploaded again.
    app.operator_named("anna").post(&format!("{path}/withdraw"), &json!({})).await.expect(200);
    app.operator_named("ben").post(&format!("{path}/approve"), &json!({})).await.problem(409, "nothing_proposed");
    let again = upload_as(&app, "anna", file, "").await.expect(202);
    let approve = format!("/v1/admin/bank-statements/{}/approve", text(&again, "id"));
    let answers = join_all(["ben", "cleo", "dave"].map(|name| {
        let (app, approve) = (&app, approve.clone());
        async move { app.operator_named(name).post(&approve, &json!({})).await }
    }))
    .await;
    assert_eq!(with_status(&answers, 200), 1, "{answers:#?}");
    assert_eq!((paid(&app, "alice").await, paid(&app, "bob").await), ("400.00".to_owned(), "900.00".to_owned()));
    let by_two =
        "count(*) FROM approvals WHERE second_needed AND proposed_by = 'operator:anna' AND approved_by <> proposed_by";
    assert_eq!(number(&app, by_two).await, 2);
    // Files below the threshold count as the uploader's moves, together with all that this operator gives the customer.
    let goodwill = json!({ "customer_id": "carl", "currency": "CNY", "amount": "500.00", "reason": "goodwill" });
    app.operator_named("erin").post("/v1/grants", &goodwill).await.expect(201);
    let orders = [bank_order(&app, "carl", "600").await, bank_order(&app, "carl", "700").await];
    for (n, (order, cents)) in orders.iter().zip([60_000, 70_000]).enumerate() {
        let named = reference(&app, order).await;
        let opening = 130_000 + 60_000 * i64::try_from(n).unwrap();
        let file = csv(opening, &[("2026-11-21", &format!("C-{n}"), "Carl", &named, cents)]);
        upload_as(&app, ["anna", "erin"][n], file, "").await.expect(201);
    }
    assert_eq!(paid(&app, "carl").await, "600.00");
    assert_eq!(read(&app, &orders[1]).await["status"], "processing");
    let mut conn = topup::storage::pool::connect(&crate::support::url(&app.database)).await.unwrap();
    let alone = "UPDATE bank_statements SET approved_by = uploaded_by WHERE applied_at IS NOT NULL AND second_needed";
    let refused = diesel_async::SimpleAsyncConnection::batch_execute(&mut conn, alone).await.unwrap_err().to_string();
    assert!(refused.contains("bank_statements_second_pair_of_eyes"), "{refused}");
    app.finish().await;
}

#[tokio::test]
async fn a_line_that_names_an_order_completes_it_and_others_are_suggested() {
    let app = TestApp::spawn().await;
    mapped(&app).await;
    let mut orders = Vec::new();
    for (customer, amount) in [("alice", "100"), ("bob", "200"), ("carol", "300"), ("dora", "60"), ("dora", "50")] {
        orders.push(bank_order(&app, customer, amount).await);
    }
    let names = join_all(orders.iter().map(|order| reference(&app, order))).await;
    let today = chrono::Utc::now().date_naive().to_string();
    let file = csv(
        0,
        &[
            (&today, "A-1", "Alice", &format!("top up {}", names[0]), 10_000),
            // Half of the amount: no rule credits that.
            (&today, "B-1", "Bob", &names[1], 10_000),
            (&today, "C-1", "Alice", "no reference", 30_000),
            (&today, "D-1", "Dora", "two at once", 11_000),
            (&today, "E-1", "Erin", "", 5_500),
            (&today, "F-1", "Fred", "", 2_000),
        ],
    );
    let imported = upload(&app, file).await.expect(201);
    assert_eq!(imported["credited_orders"], 1);
    assert_eq!(
        (read(&app, &orders[0]).await["status"].clone(), paid(&app, "alice").await),
        (json!("completed"), "100.00".into())
    );
    let open = lines(&app, "worklist=unapplied").await;
    let of = |name: &str, field: &str| {
        open.iter().find(|line| line["bank_transaction_id"] == name).map(|line| line[field].clone()).unwrap()
    };
    assert_eq!((of("B-1", "suggested_order_id"), of("B-1", "suggestion_score")), (json!(orders[1]), json!(100)));
    assert_eq!((of("C-1", "suggested_order_id"), of("C-1", "suggestion_score")), (json!(orders[2]), json!(90)));
    assert_eq!(of("E-1", "suggested_order_id"), json!(null));
    let apply = |line: &str| format!("/v1/admin/bank-lines/{}/apply", of(line, "id").as_str().unwrap());
    let operator = app.operator();
    let half = json!({ "order_id": orders[1] });
    operator.post(&apply("B-1"), &half).await.problem(422, "confirm_difference");
    operator.post(&apply("B-1"), &json!({ "order_id": orders[1], "confirm_difference": true })).await.expect(200);
    assert_eq!(paid(&app, "bob").await, "100.00");
    // One line for two orders, by several operators at once: never more than the line's amount.
    let part = |n: usize, amount: &str| json!({ "order_id": orders[n], "amount": amount });
    operator.post(&apply("D-1"), &part(3, "60.00")).await.expect(200);
    let answers = join_all(["anna", "ben", "cleo"].map(|name| {
        let (app, path, body) = (&app, apply("D-1"), part(4, "50.00"));
        async move { app.operator_named(name).post(&path, &body).await }
    }))
    .await;
    assert_eq!(with_status(&answers, 200), 1, "{answers:#?}");
    let more = bank_order(&app, "dora", "50").await;
    let refused = json!({ "order_id": more, "amount": "1.00" });
    operator.post(&apply("D-1"), &refused).await.problem(409, "bank_transaction_used");
    assert_eq!(paid(&app, "dora").await, "110.00");
    // A line without an order is credited to a wallet, or goes back by two operators.
    let payment = |line: &str| of(line, "payment_id").as_str().unwrap().to_owned();
    let wallet = json!({ "customer_id": "erin", "reason": "paid without an order" });
    operator.post(&format!("/v1/admin/unapplied-payments/{}/apply", payment("E-1")), &wallet).await.expect(200);
    assert_eq!(paid(&app, "erin").await, "55.00");
    let back = json!({ "bank_transaction_id": "OUT-1", "reason": "not a customer" });
    let path = format!("/v1/admin/unapplied-payments/{}/return", payment("F-1"));
    let decision = operator.post(&path, &back).await.expect(202);
    let approve = format!("/v1/admin/unapplied-decisions/{}/approve", text(&decision, "id"));
    app.operator_named("ben").post(&approve, &json!({})).await.expect(200);
    let open = lines(&app, "worklist=unapplied").await;
    assert_eq!(open.iter().map(|line| text(line, "bank_transaction_id")).collect::<Vec<_>>(), ["C-1"]);
    let line = operator.get(&format!("/v1/admin/bank-lines/{}", text(&open[0], "id"))).await.expect(200);
    assert_eq!(line["suggested_order_id"], json!(orders[2]));
    app.finish().await;
}

#[tokio::test]
async fn nothing_is_credited_by_rule_while_several_payments_fit() {
    let app = TestApp::spawn().await;
    mapped(&app).await;
    // Two stated payments that cannot be distinguished, and a waiting order that one line names.
    let orders = [
        bank_order(&app, "alice", "100").await,
        bank_order(&app, "alice", "100").await,
        bank_order(&app, "alice", "100").await,
    ];
    for (order, id) in [(&orders[0], "hand-1"), (&orders[1], "hand-2")] {
        approve(&app.operator(), order, "100.00", id).await.expect(200);
    }
    let named = reference(&app, &orders[2]).await;
    let file = csv(
        0,
        &[
            ("2026-11-21", "A-1", "Alice", "", 10_000),
            ("2026-11-21", "A-2", "Alice", "", 10_000),
            ("2026-11-22", "A-3", "Alice", "", 10_000),
            ("2026-11-22", "A-4", "Alice", &named, 10_000),
        ],
    );
    let imported = upload(&app, file).await.expect(201);
    assert_eq!(imported["credited_orders"], 1, "{}", imported.text);
    assert_eq!(read(&app, &orders[2]).await["status"], "completed");
    assert_eq!(paid(&app, "alice").await, "300.00");
    let tied = lines(&app, "worklist=tied").await;
    assert_eq!(tied.len(), 3);
    assert!(
        tied.iter().all(|line| line["tied_payments"].as_array().unwrap().len() == 2 && line["payment_id"].is_null())
    );
    let of = |id: &str| tied.iter().find(|line| line["bank_transaction_id"] == id).unwrap().clone();
    let choose = |id: &str| format!("/v1/admin/bank-lines/{}/choose", text(&of(id), "id"));
    // No operator can state or apply such a line until its payment is chosen.
    let other = bank_order(&app, "bob", "100").await;
    approve(&app.operator(), &other, "100.00", "a3").await.problem(409, "bank_line_tied");
    let apply = format!("/v1/admin/bank-lines/{}/apply", text(&of("A-3"), "id"));
    let next = bank_order(&app, "alice", "100").await;
    app.operator().post(&apply, &json!({ "order_id": next })).await.problem(409, "bank_line_tied");
    let strange = json!({ "payment_id": "pay_00000000000000000000000000000000", "reason": "a guess" });
    app.operator().post(&choose("A-1"), &strange).await.names("/payment_id", "invalid_value");
    let first = of("A-1")["tied_payments"][0].clone();
    let body = json!({ "payment_id": first, "reason": "the slip says so" });
    let answers = join_all(["anna", "ben", "cleo"].map(|name| {
        let (app, path, body) = (&app, choose("A-1"), body.clone());
        async move { app.operator_named(name).post(&path, &body).await }
    }))
    .await;
    assert_eq!(with_status(&answers, 200), 1, "{answers:#?}");
    // Two lines are left for one payment. The third is a payment of its own, so the second one is the stated payment.
    assert_eq!(lines(&app, "worklist=tied").await.len(), 2);
    let own = json!({ "payment_id": null, "reason": "it is another transfer" });
    app.operator().post(&choose("A-3"), &own).await.expect(200);
    assert_eq!(lines(&app, "worklist=tied").await, Vec::<Value>::new());
    app.operator().post(&choose("A-2"), &own).await.problem(409, "bank_line_chosen");
    assert_eq!(number(&app, "count(*) FROM payments").await, 4);
    app.operator().post(&apply, &json!({ "order_id": next })).await.expect(200);
    assert_eq!(paid(&app, "alice").await, "400.00");
    app.finish().await;
}

#[tokio::test]
async fn an_approval_by_hand_and_an_import_at_once_credit_a_line_once() {
    let app = TestApp::spawn().await;
    mapped(&app).await;
    let mut files = Vec::new();
    let mut orders = Vec::new();
    for n in 0..6 {
        let order = bank_order(&app, &format!("customer-{n}"), "50").await;
        let named = reference(&app, &order).await;
        files.push(csv(n * 5_000, &[("2026-11-21", &format!("L-{n}"), "Alice", &named, 5_000)]));
        orders.push(order);
    }
    for (n, (file, order)) in files.into_iter().zip(&orders).enumerate() {
        let operator = app.operator_named("hand");
        let id = format!("l{n}");
        let (by_hand, by_file) = tokio::join!(approve(&operator, order, "50.00", &id), upload(&app, file));
        by_file.expect(201);
        assert!([200, 409].contains(&by_hand.status), "{}", by_hand.text);
        assert_eq!(read(&app, order).await["status"], "completed");
    }
    assert_eq!(number(&app, "sum(paid) FROM wallets").await, 300);
    assert_eq!(number(&app, "count(*) FROM payments WHERE applied = 50").await, 6);
    app.finish().await;
}
