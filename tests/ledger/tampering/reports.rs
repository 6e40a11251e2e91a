//! What is broken behind the back of what finance reports: folded days, and papers.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel_async::SimpleAsyncConnection;
use topup::domain::calendar::Span;
use topup::domain::usage_sum::UsageKeys;
use topup::storage::clock;
use topup::storage::reports::{NextDay, fold, next_day};

use super::{found_after, unguarded};
use crate::fixture::{BALANCE_ORDER, CLAIMING_DISPUTE, ORDER, ORDER_TRANSFER, PAYMENT, REFUND, TRANSFER, shown};
use crate::support::answers;

pub(super) const RULES: [&str; 12] = [
    "report_sums",
    "report_days",
    "usage_sums",
    "transfer_of_order",
    "paper_numbers",
    "paper_of_each",
    "paper_issued",
    "paper_amount",
    "paper_receipt",
    "paper_credited",
    "paper_parts",
    "paper_returned",
];

const RECHARGES: &str = "kind = 1 AND counterpart = 'provider:stripe' AND currency = 'USD'";

#[tokio::test]
async fn whatever_is_tampered_with_after_a_day_was_folded_is_named() {
    let (_pool, mut conn) = unguarded(false).await;
    conn.batch_execute(&issued()).await.unwrap();
    let NextDay { day, .. } = next_day(&mut conn).await.unwrap();
    let span = Span { from: DateTime::<Utc>::UNIX_EPOCH, to: clock::now(&mut conn).await.unwrap() };
    let folded = fold(&mut conn, NextDay { day, span }, &UsageKeys::default()).await.unwrap();
    assert_eq!(answers(&mut conn, "SELECT count(*) FROM entries").await, [folded.to_string()]);
    assert_eq!(
        answers(&mut conn, "SELECT sum(fee) || ' ' || sum(tax) FROM report_sums").await,
        ["1.86000000 0.93000000"]
    );
    let untouched = found_after(&mut conn, "").await;
    assert!(untouched.is_clean(), "{:#?}", untouched.disagreements);

    let sums = |sql: String| ("report_sums", sql);
    let cases = [
        sums(format!("UPDATE report_sums SET amount = amount + 0.00000001 WHERE {RECHARGES}")),
        sums(format!("UPDATE report_sums SET entries = entries + 1 WHERE {RECHARGES}")),
        sums(format!("UPDATE report_sums SET fee = 3 WHERE {RECHARGES}")),
        sums(format!("UPDATE report_sums SET tax = 0 WHERE {RECHARGES}")),
        sums(format!("UPDATE report_sums SET tax_included = 1 WHERE {RECHARGES}")),
        sums("UPDATE report_sums SET granted = granted + 1 WHERE kind = 9 AND currency = 'USD'".to_owned()),
        sums("UPDATE report_sums SET debt = debt + 1 WHERE kind = 9 AND currency = 'USD'".to_owned()),
        sums("DELETE FROM report_sums WHERE kind = 15".to_owned()),
        sums(
            "INSERT INTO report_sums SELECT day, 'EUR', '', 1, 'provider:stripe', 1, 1, 0, 0, 0, 0, 0
             FROM report_days"
                .to_owned(),
        ),
        sums("UPDATE report_sums SET day = day - 1 WHERE kind = 15".to_owned()),
        sums("UPDATE report_sums SET tax = 0 WHERE kind = 5 AND tax < 0".to_owned()),
        sums("UPDATE papers SET fee = fee + 1 WHERE kind = 'receipt'".to_owned()),
        sums("UPDATE papers SET tax = 0 WHERE kind = 'credit_note'".to_owned()),
        sums("UPDATE papers SET kind = 'cancellation' WHERE kind = 'credit_note'".to_owned()),
        sums("DELETE FROM papers WHERE kind = 'credit_note'".to_owned()),
        sums("UPDATE report_sums SET tax = -1 WHERE kind = 11 AND counterpart LIKE 'bank:%'".to_owned()),
        sums("UPDATE entries SET amount = amount + 1 WHERE kind = 5".to_owned()),
        sums("UPDATE entries SET counterpart = 'refund:paypal' WHERE kind = 5".to_owned()),
        (
            "report_days",
            "INSERT INTO report_days (day, starts_at, ends_at) SELECT day + 2, ends_at, ends_at + interval '1 second'
             FROM report_days"
                .to_owned(),
        ),
        (
            "report_days",
            "INSERT INTO report_days (day, starts_at, ends_at) SELECT day + 1, ends_at + interval '1 second',
             ends_at + interval '2 seconds' FROM report_days"
                .to_owned(),
        ),
    ];
    for (rule, sql) in cases {
        let report = found_after(&mut conn, &sql).await;
        let found: BTreeSet<&str> = report.disagreements.iter().map(|one| one.rule.as_str()).collect();
        assert!(found.contains(rule), "{sql}: {:#?}", report.disagreements);
        let is_alone = sql.contains("report_") && !sql.contains("entries SET");
        assert!(!is_alone || found.len() == 1, "{sql}: {found:?}");
        let subjects = report.disagreements.iter().filter(|one| one.rule == rule);
        let day = day.to_string();
        assert!(subjects.clone().all(|one| one.subject.starts_with(&day[..8])), "{:#?}", report.disagreements);
    }
}

#[tokio::test]
async fn whatever_is_tampered_with_in_the_sums_of_usage_is_named() {
    let (_pool, mut conn) = unguarded(false).await;
    // Labels may be personal, so no report names them.
    let label = "UPDATE entries SET metadata = '{\"model\": \"zoe\"}' WHERE key = 'u1' AND kind = 2";
    conn.batch_execute(label).await.unwrap();
    let NextDay { day, .. } = next_day(&mut conn).await.unwrap();
    let span = Span { from: DateTime::<Utc>::UNIX_EPOCH, to: clock::now(&mut conn).await.unwrap() };
    fold(&mut conn, NextDay { day, span }, &"region,model".parse().unwrap()).await.unwrap();
    let labelled = "SELECT count(*) FROM usage_sums WHERE labels = '{\"model\": \"zoe\"}' AND uses = 1";
    assert_eq!(answers(&mut conn, labelled).await, ["1"]);
    let untouched = found_after(&mut conn, "").await;
    assert!(untouched.is_clean(), "{:#?}", untouched.disagreements);
    for sql in [
        "UPDATE usage_sums SET uses = uses + 1 WHERE labels <> '{}'",
        "UPDATE usage_sums SET amount = amount + 0.00000001 WHERE labels <> '{}'",
        "UPDATE usage_sums SET labels = '{\"model\": \"b\"}' WHERE labels <> '{}'",
        "UPDATE usage_sums SET customer_id = 'nobody' WHERE labels <> '{}'",
        "UPDATE usage_sums SET day = day - 1 WHERE labels <> '{}'",
        "UPDATE usage_sums SET reversed = reversed + 1 WHERE reversals > 0",
        "UPDATE usage_sums SET reversals = reversals + 1 WHERE reversals > 0",
        "DELETE FROM usage_sums WHERE labels <> '{}'",
        "INSERT INTO usage_sums SELECT 'nobody', day, 'EUR', '', '{}', 1, 1, 0, 0 FROM report_days",
        "UPDATE report_days SET usage_keys = '{}'",
        "UPDATE entries SET metadata = '{\"model\": \"b\"}' WHERE key = 'u1' AND kind = 2",
    ] {
        let report = found_after(&mut conn, sql).await;
        let found: BTreeSet<&str> = report.disagreements.iter().map(|one| one.rule.as_str()).collect();
        assert!(found.contains("usage_sums"), "{sql}: {:#?}", report.disagreements);
        assert!(sql.contains("entries") || found.len() == 1, "{sql}: {found:?}");
        assert!(report.disagreements.iter().all(|one| !one.subject.contains("zoe")), "{:#?}", report.disagreements);
    }
}

#[tokio::test]
async fn an_order_and_the_transfer_that_paid_it_name_each_other() {
    let (_pool, mut conn) = unguarded(false).await;
    let (order, transfer) = (shown("tuo", BALANCE_ORDER), shown("trf", ORDER_TRANSFER));
    for (rule, subject, sql) in [
        (
            "transfer_of_order",
            &order,
            format!("UPDATE top_up_orders SET transfer_id = NULL WHERE id = '{BALANCE_ORDER}'"),
        ),
        (
            "transfer_of_order",
            &order,
            format!("UPDATE top_up_orders SET transfer_id = '{TRANSFER}' WHERE id = '{BALANCE_ORDER}'"),
        ),
        ("transfer_of_order", &order, format!("UPDATE transfers SET order_id = NULL WHERE id = '{ORDER_TRANSFER}'")),
        (
            "transfer_entries",
            &transfer,
            format!("UPDATE entries SET reference = '{transfer}' WHERE reference = '{order}' AND kind = 7"),
        ),
    ] {
        let report = found_after(&mut conn, &sql).await;
        let named = report.disagreements.iter().any(|one| one.rule == rule && one.subject == *subject);
        assert!(named, "{sql}: {:#?}", report.disagreements);
    }
}

/// Papers for an order of 100 and a refund of 7 of it.
fn issued() -> String {
    let (receipt, note) = (shown("tuo", ORDER), shown("rfd", REFUND));
    let paper = |kind: &str, series: &str, source: &str, (application, receipt): (&str, &str), parts: &str| {
        format!(
            "INSERT INTO papers (id, kind, series, year, number, source, order_id, payment_id, application_n,
                                 receipt_id, customer_id, currency, amount, fee, tax, credited, tax_included,
                                 happened_at, seller)
             VALUES (gen_random_uuid(), '{kind}', '{series}', 2026, 1, '{source}', '{ORDER}', '{PAYMENT}',
                     {application}, {receipt}, 'alice', 'USD', {parts}, 0, now(), '{{\"name\": \"x\"}}');
             INSERT INTO paper_numbers (series, year, last) VALUES ('{series}', 2026, 1);
             DELETE FROM papers_due WHERE source = '{source}';"
        )
    };
    paper("receipt", "R", &receipt, ("1", "NULL"), "100, 2, 1, 97")
        + &paper("credit_note", "C", &note, ("NULL", "(SELECT id FROM papers)"), "7, 0.14, 0.07, 6.79")
}

#[tokio::test]
async fn whatever_is_tampered_with_in_papers_is_named() {
    let (_pool, mut conn) = unguarded(false).await;
    let issued = issued();
    let untouched = found_after(&mut conn, &issued).await;
    assert!(untouched.is_clean(), "{:#?}", untouched.disagreements);
    let (receipt, note, dispute) = (shown("tuo", ORDER), shown("rfd", REFUND), shown("dsp", CLAIMING_DISPUTE));
    for (rule, subject, sql) in [
        ("paper_numbers", "R-2026", "UPDATE papers SET number = 2 WHERE kind = 'receipt'"),
        ("paper_numbers", "R-2026", "UPDATE paper_numbers SET last = 2 WHERE series = 'R'"),
        ("paper_numbers", "C-2026", "DELETE FROM papers WHERE kind = 'credit_note'"),
        ("paper_numbers", "C-2026", "DELETE FROM paper_numbers WHERE series = 'C'"),
        ("paper_of_each", note.as_str(), "DELETE FROM papers WHERE kind = 'credit_note'"),
        ("paper_of_each", &receipt, "UPDATE papers SET source = 'tuo_x' WHERE kind = 'receipt'"),
        ("paper_of_each", "tuo_00000000000070008000000000000002", "DELETE FROM papers_due"),
        ("paper_of_each", &dispute, "DELETE FROM papers_due WHERE source LIKE 'dsp%'"),
        (
            "paper_issued",
            "tuo_00000000000070008000000000000002",
            "UPDATE papers_due SET failure = 'refused', try_at = now()",
        ),
        ("paper_amount", &receipt, "UPDATE papers SET amount = 101, fee = 3 WHERE kind = 'receipt'"),
        ("paper_amount", &note, "UPDATE papers SET amount = 8 WHERE kind = 'credit_note'"),
        (
            "paper_amount",
            &note,
            "UPDATE papers SET payment_id = (SELECT payment_id FROM approvals) WHERE kind = 'credit_note'",
        ),
        ("paper_receipt", &receipt, "UPDATE papers SET application_n = 2 WHERE kind = 'receipt'"),
        ("paper_receipt", &receipt, "UPDATE papers SET fee = 3, credited = 96 WHERE kind = 'receipt'"),
        ("paper_receipt", &receipt, "UPDATE papers SET tax_included = 1 WHERE kind = 'receipt'"),
        ("paper_receipt", &receipt, "UPDATE payment_applications SET tax = 2 WHERE fee = 2"),
        ("paper_credited", &receipt, "UPDATE papers SET amount = 100.01 WHERE kind = 'credit_note'"),
        ("paper_credited", &receipt, "UPDATE papers SET kind = 'cancellation' WHERE kind = 'credit_note'"),
        ("paper_parts", &receipt, "UPDATE papers SET tax = 1.01, credited = 5.85 WHERE kind = 'credit_note'"),
        ("paper_parts", &receipt, "UPDATE papers SET fee = 2.01, credited = 4.92 WHERE kind = 'credit_note'"),
        ("paper_parts", &receipt, "UPDATE papers SET tax_included = 0.01 WHERE kind = 'credit_note'"),
        ("paper_parts", &receipt, "UPDATE papers SET tax = 95, credited = 3 WHERE kind = 'receipt'"),
        ("paper_returned", &receipt, "UPDATE refunds SET status = 'failed' WHERE provider_refund_id = 're_1'"),
        ("paper_returned", &receipt, "UPDATE disputes SET status = 'lost' WHERE dispute_id = 'du_1'"),
    ] {
        let report = found_after(&mut conn, &format!("{issued} {sql}")).await;
        let named = report.disagreements.iter().any(|one| one.rule == rule && one.subject == subject);
        assert!(named, "{sql}: {:#?}", report.disagreements);
    }
}
