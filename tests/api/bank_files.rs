//! The files of our banks: which are accepted, and the command that uploads them.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::bank_statements::{
    ACCOUNT, above, bank_order, csv, lines, mapped, paid, reference, save_mapping, text, upload, upload_as, upload_to,
};
use crate::process::{Home, command};
use crate::stage::{approve, number, with_status};
use crate::support::{Reply, TestApp, execute};

#[tokio::test]
async fn nothing_of_a_file_counts_before_its_balances_agree() {
    let app = TestApp::spawn().await;
    let one = csv(1_000, &[("2026-11-20", "A-1", "Alice", "", 500), ("2026-11-21", "A-2", "Alice", "", 500)]);
    upload(&app, one.clone()).await.problem(422, "statement_unreadable");
    mapped(&app).await;
    let broken = one.replace("500", "501").replace("5.00", "5.10");
    let refused = upload(&app, broken).await.problem(422, "balances_disagree");
    assert!(text(&refused, "detail").contains("closes with 20.00 CNY"), "{}", refused.text);
    let plain = "Date,Id,Name,Text,Amount\n2026-11-20,A-1,Alice,,5.00\n";
    let mapping = json!({ "date_column": "Date", "date_format": "%Y-%m-%d", "amount_column": "Amount" });
    save_mapping(&app, &mapping).await.expect(200);
    upload(&app, plain).await.names("?opening_balance", "required");
    upload_as(&app, "ops", plain, "&opening_balance=1.00&closing_balance=7.00").await.problem(422, "balances_disagree");
    let future = plain.replace("2026", "2099");
    let query = "&opening_balance=1.00&closing_balance=6.00";
    upload_as(&app, "ops", future, query).await.problem(422, "statement_unreadable");
    for table in ["bank_statements", "bank_statement_lines", "bank_lines", "payments"] {
        assert_eq!(number(&app, &format!("count(*) FROM {table}")).await, 0, "{table}");
    }
    upload_as(&app, "ops", plain, query).await.expect(201);
    // The next file goes on where this one ended.
    let next = "Date,Amount\n2026-11-21,1.00\n";
    let gap = upload_as(&app, "ops", next, "&opening_balance=6.01&closing_balance=7.01").await;
    assert!(text(&gap.problem(422, "confirm_gap"), "detail").contains("closed with 6.00 CNY"));
    upload_as(&app, "ops", next, "&opening_balance=6.00&closing_balance=7.00").await.expect(201);
    // A file of another account is refused, and so is a bank account that does not exist.
    let camt = include_str!("../bank_statements/pinehill.camt053.xml");
    let other = camt.replace("6200000000000000001", "999");
    upload_as(&app, "ops", other, "&confirm_gap=true").await.problem(422, "other_account");
    let path = "/v1/admin/bank-statements?bank_account_id=bac_00000000000000000000000000000000";
    Reply::of(app.operator().request(Method::POST, path).body("x")).await.problem(404, "not_found");
    for (field, value) in [
        ("date_format", json!("%Q")),
        ("date_format", json!("%Y-%m")),
        ("delimiter", json!("é")),
        ("amount_column", json!(null)),
        ("credit_column", json!("In")),
    ] {
        let mut wrong = mapping.clone();
        wrong[field] = value;
        save_mapping(&app, &wrong).await.problem(422, "validation_failed");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_command_imports_what_the_bank_sends() {
    let app = TestApp::spawn().await;
    let mapping = json!({
        "encoding": "gbk", "date_column": "交易日期", "date_format": "%Y%m%d", "credit_column": "收入金额",
        "debit_column": "支出金额", "bank_id_column": "交易流水号", "remitter_column": "对方户名",
        "text_columns": ["摘要"], "balance_column": "账户余额"
    });
    let saved = save_mapping(&app, &mapping).await.expect(201);
    assert_eq!((&saved["mapping"]["delimiter"], &saved["mapping"]["encoding"]), (&json!(","), &json!("gbk")));
    let path = format!("/v1/admin/bank-accounts/{ACCOUNT}/statement-mapping");
    assert_eq!(app.operator().get(&path).await.expect(200)["mapping"], saved["mapping"]);
    let order = bank_order(&app, "alice", "100").await;
    let named = reference(&app, &order).await;
    let home = Home::new();
    let file = home.0.join("statement.csv");
    let bytes = include_bytes!("../bank_statements/huatong.csv");
    let place = bytes.windows(11).position(|window| window == b"{REFERENCE}").unwrap();
    let named_file = [&bytes[..place], named.as_bytes(), &bytes[place + 11..]].concat();
    std::fs::write(&file, &named_file).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let run = |account: &str| {
        let arguments = ["import-statement", &file, "--account", account, "--operator", "night-shift"];
        let done = command(&home.0, Some(&app.database), &arguments).output().unwrap();
        (done.status.success(), String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap())
    };
    let (done, said) = run(ACCOUNT);
    assert!(done && said.contains("4 lines: 1750.00 CNY arrived, 19.50 CNY left. 1 orders were credited"), "{said}");
    let (done, said) = run(ACCOUNT);
    assert!(done && said.contains("already recorded"), "{said}");
    let (done, said) = run("bac_00000000000000000000000000000000");
    assert!(!done && said.contains("no such bank account"), "{said}");
    assert_eq!(paid(&app, "alice").await, "100.00");
    let shown = app.operator().get("/v1/admin/bank-statements").await.expect(200);
    assert_eq!(shown["data"][0]["uploaded_by"], "operator:night-shift");
    // An erasure of a customer also erases the texts of files.
    let erased = command(&home.0, Some(&app.database), &["erase", "--customer", "alice"]).output().unwrap();
    assert!(erased.status.success(), "{}", String::from_utf8_lossy(&erased.stderr));
    assert_eq!(number(&app, "count(*) FROM bank_statement_lines WHERE remitter = '张三'").await, 0);
    assert_eq!(number(&app, "count(*) FROM bank_statement_lines WHERE remitter IS NOT NULL").await, 3);
    app.finish().await;
}

/// A file that is cut into parts needs a second operator as the whole does, even if the parts are of several accounts
/// and come at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_of_one_operator_add_up() {
    let app = TestApp::spawn_with(|config| above(config, "50000")).await;
    mapped(&app).await;
    let part = |n: i64, opening: i64| csv(opening, &[(&format!("2026-11-{n}"), &format!("P-{n}"), "A", "", 3_000_000)]);
    upload_as(&app, "anna", part(20, 0), "").await.expect(201);
    upload_as(&app, "anna", part(21, 3_000_000), "").await.expect(202);
    // What one operator uploads does not count for another operator. After a day it counts for nobody.
    upload_as(&app, "ben", part(22, 3_000_000), "").await.expect(201);
    execute(&app.database, "UPDATE bank_statements SET uploaded_at = uploaded_at - interval '24 hours 1 second'").await;
    upload_as(&app, "anna", part(23, 6_000_000), "").await.expect(201);

    let more = "INSERT INTO bank_accounts (id, currency, bank_name, account_name, account_number, active)
         SELECT ('01930000-0000-7000-8000-00000000010' || n)::uuid, 'CNY', 'Bank', 'Company', 'more ' || n, false
         FROM generate_series(1, 4) n";
    execute(&app.database, more).await;
    let read_alike = "INSERT INTO bank_statement_mappings (bank_account_id, mapping, updated_at, updated_by)
         SELECT a.id, m.mapping, m.updated_at, m.updated_by FROM bank_accounts a, bank_statement_mappings m
         WHERE a.account_number LIKE 'more %'";
    execute(&app.database, read_alike).await;
    let answers = join_all((1..=4).map(|n| {
        let (app, file) = (&app, part(20 + n, 0));
        async move { upload_to(app, "cleo", &format!("bac_0193000000007000800000000000010{n}"), file, "").await }
    }))
    .await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 202)), (1, 3), "{answers:#?}");
    app.finish().await;
}

/// While an operator has to choose between two lines, a third one does not take the payment from them.
#[tokio::test]
async fn a_later_file_takes_no_payment_about_which_an_operator_has_to_choose() {
    let app = TestApp::spawn().await;
    mapped(&app).await;
    let order = bank_order(&app, "alice", "100").await;
    approve(&app.operator(), &order, "100.00", "hand-1").await.expect(200);
    let line = |day, id| (day, id, "Alice", "", 10_000);
    upload(&app, csv(0, &[line("2026-11-21", "L-1"), line("2026-11-21", "L-2")])).await.expect(201);
    assert_eq!(lines(&app, "worklist=tied").await.len(), 2);
    upload(&app, csv(20_000, &[line("2026-11-22", "L-3")])).await.expect(201);
    let tied = lines(&app, "worklist=tied").await;
    assert_eq!(tied.len(), 3, "{tied:#?}");
    assert_eq!(number(&app, "count(*) FROM bank_lines WHERE payment_id IS NOT NULL").await, 0);
    assert_eq!(number(&app, "count(*) FROM payments").await, 1);
    // Once the payment is chosen, the other lines are payments of their own.
    let last = tied.iter().find(|line| line["bank_transaction_id"] == "L-3").unwrap();
    let choose = format!("/v1/admin/bank-lines/{}/choose", text(last, "id"));
    let body = json!({ "payment_id": last["tied_payments"][0], "reason": "the slip says so" });
    app.operator().post(&choose, &body).await.expect(200);
    assert!(lines(&app, "worklist=tied").await.is_empty());
    assert_eq!(number(&app, "count(*) FROM payments").await, 3);
    app.finish().await;
}

/// A CSV without ids, the bank's camt.053, and the CSV as another mapping reads it: the money is recorded once.
#[tokio::test]
async fn the_same_days_in_other_words_bring_no_money_again() {
    let app = TestApp::spawn().await;
    let mut mapping = json!({
        "date_column": "Date", "date_format": "%Y-%m-%d", "amount_column": "Amount", "remitter_column": "Name",
        "text_columns": ["Text"], "balance_column": "Balance"
    });
    save_mapping(&app, &mapping).await.expect(201);
    let mut rows = vec![
        ("2026-11-19", "", "Alice Example", "top up", 10_000),
        ("2026-11-20", "", "Carol & Sons", "invoice 17", 40_000),
        ("2026-11-21", "", "Bob Example", "thanks", 125_000),
        ("2026-11-21", "", "Example Hosting", "Rechnung 77", -1_950),
    ];
    let first = upload(&app, csv(1_000_000, &rows)).await.expect(201);
    assert_eq!(text(&first, "closing_balance"), "11730.50");
    let camt = include_str!("../bank_statements/pinehill.camt053.xml");
    upload(&app, camt).await.problem(422, "confirm_gap");
    let refused = upload_as(&app, "ops", camt, "&confirm_gap=true").await.problem(422, "lines_on_record");
    let said = text(&refused, "detail");
    assert!(said.contains("lines 1, 2)") && said.contains("line 1 of") && said.contains(text(&first, "id")), "{said}");
    // Now the ids are read as well.
    mapping["bank_id_column"] = json!("Id");
    save_mapping(&app, &mapping).await.expect(200);
    for (row, id) in rows.iter_mut().zip(["PH-1", "PH-2", "PH-3", "PH-4"]) {
        row.1 = id;
    }
    let with_ids = csv(1_000_000, &rows);
    upload_as(&app, "ops", with_ids, "&confirm_gap=true").await.problem(422, "lines_on_record");
    assert_eq!(number(&app, "sum(amount) FROM payments").await, 1_750);
    assert_eq!(number(&app, "count(*) FROM bank_statements").await, 1);
    // A file in the same format repeats the days exactly, so its additional line is new.
    for row in &mut rows {
        row.1 = "";
    }
    rows.push(("2026-11-21", "", "Dora Example", "top up", 12_500));
    upload_as(&app, "ops", csv(1_000_000, &rows), "&confirm_gap=true").await.expect(201);
    assert_eq!(number(&app, "sum(amount) FROM payments").await, 1_875);
    app.finish().await;
}
