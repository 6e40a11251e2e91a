//! What is broken behind the back of the rules about accounts that operators stop: frozen ones, and closed ones.

use super::{MAIN_ID, Tampering, is, tampering, the_wallet};
use crate::fixture::{CLOSING, PAYOUT, REFUND, WRITE_OFF, shown};

pub(super) fn closings() -> Vec<Tampering> {
    let (closing, payout, write_off) =
        (is(&shown("cls", CLOSING)), is(&shown("pot", PAYOUT)), is(&shown("wof", WRITE_OFF)));
    let case = |rule, sql: &str, subject: &String| tampering(rule, sql.to_owned(), subject.clone());
    let wallet = the_wallet("(SELECT id FROM wallets WHERE customer_id = 'hugo')");
    vec![
        tampering(
            "wallet_frozen",
            format!(
                "INSERT INTO frozen_wallets (customer_id, wallet_id, reason, frozen_by, frozen_at)
                 VALUES ('alice', {MAIN_ID}, 'r', 'o', now())"
            ),
            the_wallet(MAIN_ID),
        ),
        case("wallet_closing", "UPDATE wallets SET closed = false WHERE customer_id = 'hugo'", &wallet),
        case("closing_empty", "UPDATE wallets SET paid = 0.02 WHERE customer_id = 'hugo'", &closing),
        case("closing_empty", "UPDATE wallets SET granted = 1 WHERE customer_id = 'hugo'", &closing),
        case("closing_empty", "UPDATE payouts SET status = 'pending'", &closing),
        case(
            "closing_refund",
            &format!("UPDATE refunds SET closing_id = '{CLOSING}' WHERE id = '{REFUND}'"),
            &is(&shown("rfd", REFUND)),
        ),
        case("payout_entry", "DELETE FROM entries WHERE kind = 19", &payout),
        case("payout_entry", "UPDATE entries SET amount = amount - 1 WHERE kind = 19", &payout),
        case("payout_entry", "UPDATE payouts SET status = 'failed'", &payout),
        case("payout_entry", "UPDATE payouts SET debited = 40.5", &payout),
        case("payout_entry", "UPDATE payouts SET currency = 'CNY'", &payout),
        case("payout_entry_without_payout", "DELETE FROM payouts", &payout),
        case("payout_of_closing", "UPDATE closings SET customer_id = 'ella'", &payout),
        case("second_operator_of_payout", "UPDATE payouts SET approved_by = 'carol'", &payout),
        case("second_operator_of_payout", "UPDATE payouts SET approved_by = NULL", &payout),
        case("second_operator_of_payout", "UPDATE write_offs SET approved_by = 'carol'", &write_off),
        case("write_off_entry", "UPDATE write_offs SET amount = 4", &write_off),
        case("write_off_entry", "UPDATE write_offs SET recovered = 1", &write_off),
        case("write_off_entry", "DELETE FROM write_offs", &write_off),
        case("write_off_entry", "UPDATE entries SET amount = 4 WHERE kind = 21", &write_off),
    ]
}
