//! What is broken behind the back of the rules about operators: bank transfers, bank accounts, moves by one operator
//! alone.

use uuid::Uuid;

use super::{Tampering, is, tampering};
use crate::fixture::{
    BANK, BANK_CHANGE, BANK_LINE, BANK_ORDER, BANK_PAYMENT, FAILED_REFUND, GRANT, LAPSED, ORDER, PAYMENT,
    PENDING_ORDER, REFUND, REFUND_REQUEST, REVERSED_ORDER, STATEMENT, shown,
};

/// A change of a grant that nobody asked for.
const CHANGE: Uuid = Uuid::from_u128(0x9999);

pub(super) fn bank_statements() -> Vec<Tampering> {
    let (statement, line) = (is(&shown("bst", STATEMENT)), is(&shown("bln", BANK_LINE)));
    let case = |rule, sql: &str, subject: &String| tampering(rule, sql.to_owned(), subject.clone());
    vec![
        case("statement_sums", "UPDATE bank_statements SET lines = 3", &statement),
        case("statement_sums", "UPDATE bank_statements SET credits = 31, closing = 36", &statement),
        case("statement_sums", "UPDATE bank_statements SET closing = 36", &statement),
        case("statement_sums", "UPDATE bank_statement_lines SET amount = 31 WHERE n = 1", &statement),
        case("statement_taken_over", "DELETE FROM bank_lines WHERE n = 2", &statement),
        case("statement_taken_over", "UPDATE bank_statements SET applied_at = NULL", &statement),
        case("bank_line_payment", "UPDATE bank_lines SET payment_id = NULL WHERE n = 1", &line),
        case("bank_line_payment", &format!("UPDATE bank_lines SET payment_id = '{PAYMENT}' WHERE n = 1"), &line),
        case("bank_line_payment", "UPDATE payments SET amount = 29 WHERE payment_id = 'Y'", &line),
        case("second_operator_of_statement", "UPDATE bank_statements SET approved_by = 'carol'", &statement),
        case("second_operator_of_statement", "UPDATE bank_statements SET approved_by = NULL", &statement),
    ]
}

pub(super) fn bank_transfers() -> Vec<Tampering> {
    let (line, order) = (is(&shown("pay", BANK_PAYMENT)), is(&shown("tuo", BANK_ORDER)));
    let (account, change) = (is(&shown("bac", BANK)), is(&shown("bch", BANK_CHANGE)));
    vec![
        tampering(
            "bank_transaction_payment",
            "UPDATE bank_transactions SET amount = 249 WHERE identity = 'X'".to_owned(),
            line.clone(),
        ),
        tampering(
            "bank_transaction_payment",
            "DELETE FROM bank_transactions WHERE identity = 'X'".to_owned(),
            line.clone(),
        ),
        tampering(
            "bank_transaction_payment",
            format!("UPDATE payments SET payment_id = 'Z' WHERE id = '{BANK_PAYMENT}'"),
            line.clone(),
        ),
        tampering(
            "bank_transaction_identity",
            "UPDATE bank_transactions SET stated_id = 'z' WHERE identity = 'X'".to_owned(),
            line.clone(),
        ),
        tampering(
            "bank_transaction_identity",
            "UPDATE bank_transactions SET stated_id = 'Not provided' WHERE identity = 'X'".to_owned(),
            line.clone(),
        ),
        tampering(
            "bank_transaction_line",
            format!(
                "UPDATE bank_transactions SET n = 2 WHERE identity = 'X';
                 UPDATE payments SET payment_id = 'X#2' WHERE id = '{BANK_PAYMENT}'"
            ),
            line,
        ),
        tampering("approval_payment", "UPDATE approvals SET received_amount = 199".to_owned(), order.clone()),
        tampering("approval_payment", format!("UPDATE approvals SET payment_id = '{PAYMENT}'"), order.clone()),
        tampering(
            "approval_payment",
            "UPDATE bank_transactions SET identity = 'Z' WHERE identity = 'X'".to_owned(),
            order.clone(),
        ),
        tampering("bank_account_version", "UPDATE bank_accounts SET account_number = '2'".to_owned(), account.clone()),
        tampering("bank_account_version", "UPDATE bank_account_versions SET branch = 'x'".to_owned(), account.clone()),
        tampering(
            "bank_account_version",
            "UPDATE bank_account_versions SET closed_at = now()".to_owned(),
            account.clone(),
        ),
        tampering("bank_account_version", "UPDATE bank_accounts SET version = 2".to_owned(), account),
        tampering(
            "order_bank_account",
            format!("UPDATE top_up_orders SET bank_account_version = 2 WHERE id = '{BANK_ORDER}'"),
            order.clone(),
        ),
        tampering(
            "order_bank_account",
            format!(
                "UPDATE bank_account_versions SET currency = 'EUR';
                 UPDATE top_up_orders SET currency = 'EUR' WHERE id = '{REVERSED_ORDER}'"
            ),
            order,
        ),
        tampering(
            "second_operator_of_account",
            "UPDATE bank_account_proposals SET approved_by = proposed_by".to_owned(),
            change.clone(),
        ),
        tampering(
            "second_operator_of_account",
            "UPDATE bank_account_versions SET account_number = '2'".to_owned(),
            change,
        ),
    ]
}

pub(super) fn refund_requests() -> Vec<Tampering> {
    let set = |set: &str| {
        tampering(
            "refund_request_refund",
            format!("UPDATE refund_requests SET {set}"),
            is(&shown("rrq", REFUND_REQUEST)),
        )
    };
    vec![
        set("amount = 6.99"),
        set(&format!("order_id = '{BANK_ORDER}'")),
        set(&format!("refund_id = '{FAILED_REFUND}', customer_id = 'bob'")),
        set("refund_id = NULL"),
        set("status = 'waiting', decided_by = NULL, decided_at = NULL"),
        set("status = 'refused', answer = 'no'"),
        tampering(
            "refund_request_refund",
            format!("DELETE FROM refunds WHERE id = '{REFUND}'"),
            is(&shown("rrq", REFUND_REQUEST)),
        ),
    ]
}

pub(super) fn bonuses() -> Vec<Tampering> {
    let twice = |rule, index: &str, set: &str| {
        let sql = format!(
            "DROP INDEX {index};
                 UPDATE top_up_orders SET bonus_once = true, {set}, customer_id = 'alice',
                        created_at = created_at + CASE id WHEN '{PENDING_ORDER}' THEN interval '1 day' ELSE '0' END
                 WHERE id IN ('{ORDER}', '{PENDING_ORDER}')"
        );
        tampering(rule, sql, is(&shown("tuo", PENDING_ORDER)))
    };
    vec![
        twice("order_bonus_once", "top_up_orders_bonus_once", &format!("bonus_tier_id = '{ORDER}'")),
        twice("order_bonus_first", "top_up_orders_bonus_first", "bonus_first = true, bonus_tier_id = id"),
    ]
}

pub(super) fn own_words() -> Vec<Tampering> {
    let (refund, grant) = (is(&shown("rfd", FAILED_REFUND)), is(&shown("grt", GRANT)));
    let moves = |set: &str| format!("UPDATE own_word_moves SET {set} WHERE kind = 'refund'");
    let changed = is(&shown("gch", CHANGE));
    let change = |until: &str, second: &str| {
        format!(
            "INSERT INTO grant_changes (id, customer_id, grant_id, currency, amount, revokes, expires_at, reason,
                                        proposed_by, proposed_at, second_needed, approved_by, approved_at)
             SELECT '{CHANGE}', customer_id, id, 'USD', 20, false, {until}, 'longer', 'carol', now(), {second}
             FROM grants WHERE id = '{GRANT}'"
        )
    };
    vec![
        tampering("own_word_recorded", change("expires_at", "false, NULL, NULL"), changed.clone()),
        tampering("grant_change_made", change("NULL", "true, 'dave', now()"), changed.clone()),
        tampering("second_operator", change("expires_at", "true, 'carol', now()"), changed),
        tampering("own_word_recorded", moves("amount = 5"), refund.clone()),
        tampering("own_word_recorded", moves("actor = 'dave'"), refund.clone()),
        tampering("own_word_recorded", "DELETE FROM own_word_moves WHERE kind = 'refund'".to_owned(), refund.clone()),
        tampering("own_word_recorded", format!("DELETE FROM refunds WHERE id = '{FAILED_REFUND}'"), refund),
        tampering("own_word_recorded", "DELETE FROM own_word_moves WHERE kind = 'service_grant'".to_owned(), grant),
        tampering(
            "own_word_recorded",
            format!("DELETE FROM grant_proposals WHERE id = '{LAPSED}'"),
            is(&shown("grt", LAPSED)),
        ),
        tampering("own_word_within", moves("allowed = 5.99"), is("carol USD")),
        tampering("own_word_within", moves("allowed_in_all = 5.99"), is("carol USD")),
        tampering(
            "own_word_within",
            "UPDATE own_word_moves SET allowed = 19 WHERE kind = 'service_grant'".to_owned(),
            is("service:meter USD"),
        ),
        tampering(
            "service_grant_sums",
            "UPDATE service_grant_sums SET amount = 6 WHERE backend = 2".to_owned(),
            is("USD"),
        ),
        tampering(
            "second_operator",
            "UPDATE grant_proposals SET approved_by = proposed_by".to_owned(),
            is(&shown("grt", LAPSED)),
        ),
        tampering(
            "second_operator",
            "UPDATE grant_proposals SET approved_by = NULL".to_owned(),
            is(&shown("grt", LAPSED)),
        ),
    ]
}
