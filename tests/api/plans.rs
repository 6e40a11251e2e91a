//! No statement reads a large table whole: neither those that workers run by the second, nor those of notifications,
//! customers and operators.
//!
//! A database with 30,000 orders and what belongs to them logs the plan of every statement that the whole service
//! runs on it (`auto_explain`), and the test reads that log.

use std::fs;
use std::path::Path;

use chrono::{Duration, Utc};
use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use serde_json::json;
use topup::app::{Sealing, papers, seals};
use topup::domain::environment::Environment;
use topup::embedded::Cluster;
use topup::storage::pool::{Pool, connect};
use topup::storage::{environment, migrations, roles};
use topup::workers;

use crate::bank_statements::ACCOUNT;
use crate::stage::{approve, control, order, ordered, paid, play, quiet};
use crate::support::TestApp;

/// Tables that grow with the business. A sequential scan of one of them takes longer every day.
const GROWING: [&str; 39] = [
    "adjustments",
    "approvals",
    "attempts",
    "audit_log",
    "bank_lines",
    "bank_statement_lines",
    "bank_statements",
    "bank_transactions",
    "billing_profiles",
    "closings",
    "customer_secrets",
    "dispute_cases",
    "disputes",
    "entries",
    "event_sequences",
    "events",
    "grant_changes",
    "grant_proposals",
    "grants",
    "grant_uses",
    "holds",
    "idempotency_keys",
    "order_events",
    "own_word_moves",
    "papers",
    "papers_due",
    "payment_applications",
    "payments",
    "payouts",
    "refund_requests",
    "refunds",
    "seals",
    "service_grant_sums",
    "top_up_orders",
    "transfer_slips",
    "usage_sums",
    "webhook_attempts",
    "webhook_deliveries",
    "write_offs",
];

/// 30,000 orders of 3,000 customers. They need not add up: nothing checks these books.
const SEED: &str = include_str!("plans.sql");

/// The statements that the log shows with their plans, from a place in the log on.
fn logged(log: &Path, from: usize) -> Vec<String> {
    let text = fs::read(log).unwrap();
    let text = String::from_utf8_lossy(text.get(from..).unwrap()).into_owned();
    text.split("Query Text: ").skip(1).map(str::to_owned).collect()
}

fn reads_a_growing_table_whole(plan: &str) -> bool {
    let scanned = plan.split("Seq Scan on ").skip(1).filter_map(|rest| rest.split_whitespace().next());
    scanned.into_iter().any(|table| GROWING.contains(&table))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_reads_a_growing_table_whole() {
    let settings = [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_nested_statements", "on"),
    ];
    let cluster = Cluster::throwaway_with(false, &settings).await.unwrap();
    let (url, log) = (cluster.url("topup"), cluster.data_dir().join("postgres.log"));
    migrations::run(&url.clone().into()).await.unwrap();
    {
        let mut conn = connect(&url.clone().into()).await.unwrap();
        environment::stamp(&mut conn, Environment::Test).await.unwrap();
        roles::make(&mut conn, None, None).await.unwrap();
        topup::app::seed::demo(&Pool::new(&url.clone().into(), 1).unwrap()).await.unwrap();
        conn.batch_execute("SET auto_explain.log_min_duration = -1").await.unwrap();
        conn.batch_execute(SEED).await.unwrap();
    }
    let from = usize::try_from(fs::metadata(&log).unwrap().len()).unwrap();
    let app = TestApp::try_spawn("topup", |config| {
        config.database_url = Some(url.clone().into());
        config.second_approval_above = vec!["USD:1000".parse().unwrap()];
        config.second_approval_above_in_all = vec!["USD:1000".parse().unwrap()];
        config.service_grants_above_in_all = vec!["USD:1000".parse().unwrap()];
    })
    .await
    .unwrap();

    // Notifications of a payment, a refund and a dispute; the workers run beside all of this.
    let first = paid(&app, "alice", "card", "USD", "20").await;
    let operator = app.operator();
    let refund = json!({ "order_id": first, "amount": "5", "reason": "a test of plans" });
    operator.post("/v1/admin/refunds", &refund).await.expect(201);
    play(&app, "stripe", &first, "dispute-open", json!({})).await;
    let second = paid(&app, "alice", "paypal", "USD", "20").await;
    quiet(&app, "stripe").await;
    control(&app, Method::GET, "stripe/deliveries", None).await.expect(200);
    let transfer = ordered(&app, "alice", "bank_transfer", "USD", "20").await;
    approve(&operator, &transfer, "20.00", "a line").await.expect(200);
    let app_state = &app.server.app;
    workers::expire_orders(app_state).await.unwrap();
    workers::ask_about_orders(app_state).await.unwrap();
    workers::sweep_wallets(app_state).await.unwrap();
    workers::prune(app_state).await.unwrap();
    workers::fold_reports(app_state).await.unwrap();
    papers::issue_due(app_state, Duration::zero(), 50).await.unwrap();
    // Slices in the middle of the wallets, with something to seal and with texts.
    let sealing = app_state.settings.sealing.as_ref().unwrap();
    let sealing = Sealing { pause: Duration::zero(), wallets: 100, ..sealing.clone() };
    for _ in 0..5 {
        seals::seal_slice(&app_state.pool, &sealing).await.unwrap();
    }

    // Lists of operators, with each filter, and a second page.
    for path in [
        "/v1/admin/top-up-orders?limit=5",
        "/v1/admin/top-up-orders?limit=5&status=failed",
        "/v1/admin/top-up-orders?limit=5&status=pending&status=processing",
        "/v1/admin/top-up-orders?limit=5&customer_id=customer-17",
        "/v1/admin/top-up-orders?limit=5&channel=bank_transfer",
        "/v1/admin/top-up-orders?limit=5&created_from=2026-01-05T00:00:00Z&created_to=2026-01-06T00:00:00Z",
        "/v1/admin/top-up-orders?limit=5&client_reference=cart-17",
        "/v1/admin/refunds?limit=5",
        "/v1/admin/refunds?limit=5&status=pending",
        "/v1/admin/refunds?limit=5&customer_id=customer-17",
        "/v1/admin/refund-requests?limit=5",
        "/v1/admin/refund-requests?limit=5&status=waiting&sort=oldest",
        "/v1/admin/refund-requests?limit=5&customer_id=customer-17",
        "/v1/admin/disputes?limit=5",
        "/v1/admin/disputes?limit=5&status=open",
        "/v1/admin/disputes?limit=5&worklist=evidence_due",
        "/v1/admin/disputes?limit=5&evidence_due_before=2026-06-01T00:00:00Z&sort=newest",
        "/v1/admin/dispute-outcomes?from=2025-12&to=2025-12",
        "/v1/admin/disputes?limit=5&customer_id=customer-17",
        "/v1/admin/unapplied-payments?limit=5",
        "/v1/admin/top-up-orders?limit=5&awaiting_second_approval=true",
        "/v1/admin/grant-proposals?limit=5",
        "/v1/admin/grant-changes?limit=5",
        "/v1/admin/grants?limit=5",
        "/v1/admin/grants?limit=5&expires_from=2027-01-01T00:00:00Z",
        "/v1/admin/bank-transactions?bank_transaction_id=t7",
        "/v1/admin/bank-statements?limit=5",
        "/v1/admin/bank-statements?limit=5&status=awaiting_second_approval",
        "/v1/admin/bank-lines?limit=5",
        "/v1/admin/bank-lines?limit=5&worklist=tied",
        "/v1/admin/bank-lines?limit=5&worklist=unapplied",
        "/v1/admin/top-up-orders?limit=5&sort=oldest&worklist=awaiting_verification",
        "/v1/admin/top-up-orders?limit=5&sort=oldest&worklist=overdue",
        "/v1/admin/top-up-orders?limit=5&worklist=awaiting_second_operator",
        "/v1/admin/top-up-orders?limit=5&worklist=stuck_at_provider",
        "/v1/admin/top-up-orders?limit=5&currency=USD&amount_from=1&amount_to=2",
        "/v1/admin/top-up-orders?limit=5&completed_from=2026-01-02T00:00:00Z&completed_to=2026-01-02T00:00:01Z",
        "/v1/admin/top-up-orders?limit=5&updated_from=2026-06-01T00:00:00Z",
        "/v1/admin/audit-log?limit=5",
        "/v1/admin/audit-log?limit=5&actor=operator:7",
        "/v1/admin/audit-log?limit=5&action=refund.started",
        "/v1/admin/audit-log?limit=5&target=refund:7",
        "/v1/admin/audit-log?limit=5&customer_id=customer-17",
        "/v1/admin/customers?limit=5",
        "/v1/admin/papers?limit=5",
        "/v1/admin/papers?limit=5&customer_id=customer-17",
    ] {
        let page = operator.get(path).await.expect(200);
        if let Some(cursor) = page["next_cursor"].as_str() {
            operator.get(&format!("{path}&cursor={cursor}")).await.expect(200);
        }
    }
    operator.get(&format!("/v1/admin/bank-lines?limit=5&bank_account_id={ACCOUNT}")).await.expect(200);
    let day = Utc::now().date_naive().pred_opt().unwrap();
    for report in ["roll-forward?", "activity?limit=5&", "entries?limit=5&line=used&", "entries?limit=5&line=refunded&"]
    {
        let path = format!("/v1/admin/reports/{report}from={day}&to={day}");
        let mut page = operator.get(&path).await.expect(200);
        for beside in ["next_cursor", "previous_cursor"] {
            let Some(cursor) = page[beside].as_str() else { break };
            page = operator.get(&format!("{path}&cursor={cursor}")).await.expect(200);
        }
    }
    for text in ["tuo_0193a5a2", "REF17", "customer-17", "cs_17", "pi_17", "T17", "re_17", "dp_10017", "n@example.com"]
    {
        operator.get(&format!("/v1/admin/search?q={text}")).await.expect(200);
    }
    operator.get("/v1/admin/search?q=1.00").await.expect(200);
    operator.get("/v1/admin/customers/customer-17").await.expect(200);
    let any = operator.get("/v1/admin/top-up-orders?limit=1").await.expect(200)["data"][0]["id"].clone();
    operator.get(&format!("/v1/admin/top-up-orders/{}", any.as_str().unwrap())).await.expect(200);
    // What customers and services ask for.
    let customer = app.customer("customer-17");
    for path in [
        "/v1/top-up-orders?limit=2",
        "/v1/transfers?limit=2",
        "/v1/refunds?limit=2",
        "/v1/refund-requests?limit=2",
        "/v1/account-flows?limit=2",
        "/v1/account-flows?limit=2&type=recharge",
    ] {
        let page = customer.get(path).await.expect(200);
        let cursor = page["next_cursor"].as_str().unwrap();
        let next = customer.get(&format!("{path}&cursor={cursor}")).await.expect(200);
        let cursor = next["previous_cursor"].as_str().unwrap();
        customer.get(&format!("{path}&cursor={cursor}")).await.expect(200);
    }
    app.operator().get("/v1/grants?customer_id=customer-17&limit=2").await.expect(200);
    for path in ["/v1/top-up-orders", "/v1/transfers", "/v1/grants"] {
        let page = customer.get(&format!("{path}?client_reference=cart-16")).await.expect(200);
        assert_eq!(page["data"].as_array().unwrap().len(), 1, "{path}");
    }
    customer.get("/v1/account-flows/export").await.expect(200);
    customer.get(&format!("/v1/usage/summary?from={day}&to={day}")).await.expect(200);
    customer.get("/v1/statements/2026-01").await.expect(200);
    customer.get("/v1/past-balances?at=2026-01-02T00:00:00Z").await.expect(200);
    app.customer("alice").get(&format!("/v1/top-up-orders/{first}/receipt")).await.expect(200);
    app.customer("alice").get(&format!("/v1/top-up-orders/{second}")).await.expect(200);
    app.customer("alice").get(&format!("/v1/top-up-orders/{second}/refundable")).await.expect(200);
    app.customer("alice").get(&format!("/v1/top-up-orders/{transfer}/transfer-slips")).await.expect(200);
    let request = json!({ "order_id": second, "amount": "1", "reason": "a test of plans" });
    let request = app.customer("alice").post("/v1/refund-requests", &request).await.expect(201);
    let approve = format!("/v1/admin/refund-requests/{}/approve", request["id"].as_str().unwrap());
    operator.post(&approve, &json!({})).await.expect(200);
    app.customer("alice").get(&format!("/v1/top-up-orders/{second}/paid-for")).await.expect(200);
    let transfer = json!({ "currency": "USD", "amount": "1", "to_product": "sms" });
    app.customer("alice").post("/v1/transfers", &transfer).await.expect(201);
    app.customer("alice").post("/v1/top-up-orders", &order("bank_transfer", "USD", "7")).await.expect(201);
    let usage = json!({ "id": "u", "customer_id": "alice", "currency": "USD", "amount": "0.5" });
    app.service().post("/v1/usage", &usage).await.expect(201);
    for path in ["/v1/usage", "/v1/usage/u"] {
        app.customer("alice").get(path).await.expect(200);
    }
    let grant = json!({ "customer_id": "alice", "currency": "USD", "amount": "1", "reason": "a test of plans" });
    let grant = app.service().post("/v1/grants", &grant).await.expect(201);
    let revoke = format!("/v1/admin/grants/{}/revoke?customer_id=alice", grant["id"].as_str().unwrap());
    operator.post(&revoke, &json!({ "reason": "a test of plans" })).await.expect(200);
    for path in ["/v1/events?limit=100", "/v1/events?customer_id=customer-17", "/v1/events?type=order.completed"] {
        let page = app.service().get(path).await.expect(200);
        let cursor = page["next_cursor"].as_str().unwrap();
        app.service().get(&format!("/v1/events?after={cursor}")).await.expect(200);
    }
    workers::number_events(app_state).await.unwrap();
    workers::tell_expiring_grants(app_state).await.unwrap();
    app.stop().await;

    let statements = logged(&log, from);
    assert!(statements.len() > 200, "the plans are in the log: {}", statements.len());
    assert!(statements.iter().any(|plan| plan.contains("INSERT INTO seals")), "something was sealed");
    let by_reference = |plan: &&String| plan.starts_with("SELECT") && plan.contains("\"client_reference\" = $");
    let mut by_reference = statements.iter().filter(by_reference).peekable();
    assert!(by_reference.peek().is_some(), "lists were filtered by client reference");
    for plan in by_reference {
        assert!(plan.contains("_by_client_reference"), "{plan}");
    }
    let of_account = |plan: &&String| {
        plan.starts_with("SELECT")
            && plan.contains("\"bank_lines\".\"bank_account_id\" = $")
            && plan.contains("ORDER BY")
    };
    let mut of_account = statements.iter().filter(of_account).peekable();
    assert!(of_account.peek().is_some(), "lines were listed by account");
    for plan in of_account {
        assert!(plan.contains("bank_lines_by_account"), "{plan}");
    }
    let whole: Vec<&String> = statements.iter().filter(|plan| reads_a_growing_table_whole(plan)).collect();
    assert!(whole.is_empty(), "{} statements: {whole:#?}", whole.len());
    cluster.stop().await.unwrap();
}
