//! What is broken behind the back of the rules about taken-back money.

use super::{Tampering, is, tampering};
use crate::fixture::{
    CLAIMED_ORDER, CLAIMING_DISPUTE, DISPUTE, DISPUTE_OF_GINA, FAILED_REFUND, ORDER, REFUND, REFUND_OF_GINA, REVERSAL,
    TO_GINA, shown,
};

pub(super) fn refunds() -> Vec<Tampering> {
    let (refund, dispute) = (is(&shown("rfd", REFUND)), is(&shown("dsp", DISPUTE)));
    let entry = |kind: i32, key: &str| {
        format!(
            "SELECT 'wal_' || replace(wallet_id::text, '-', '') || ':' || seq FROM entries WHERE kind = {kind}
             AND key = '{key}'"
        )
    };
    let rekey = |kind: i32, key: &str| format!("UPDATE entries SET key = 'x' WHERE kind = {kind} AND key = '{key}'");
    // The refund took its bonus first, then the money; so did the dispute.
    let (rfd, dsp) = (format!("{}:2", shown("rfd", REFUND)), format!("{}:2", shown("dsp", DISPUTE)));
    let (failed, claiming) = (shown("rfd", FAILED_REFUND), shown("dsp", CLAIMING_DISPUTE));
    let movement =
        |source: &str, n: i32, set: &str| format!("UPDATE take_backs SET {set} WHERE source = '{source}' AND n = {n}");
    vec![
        tampering("refund_debited", format!("UPDATE refunds SET debited = 7 WHERE id = '{REFUND}'"), refund.clone()),
        tampering("refund_debited", movement(&shown("rfd", REFUND), 2, "taken = taken + 1"), refund.clone()),
        tampering("refund_bonus", format!("UPDATE refunds SET bonus_taken = 0 WHERE id = '{REFUND}'"), refund.clone()),
        tampering("refund_bonus", movement(&shown("rfd", REFUND), 1, "given_back = 0.1, returns = 1"), refund),
        tampering(
            "dispute_taken_back",
            format!("UPDATE disputes SET taken_back = 3 WHERE id = '{DISPUTE}'"),
            dispute.clone(),
        ),
        tampering("dispute_bonus", movement(&shown("dsp", DISPUTE), 1, "given_back = 0.1, returns = 1"), dispute),
        tampering("dispute_bonus", "UPDATE taken_back_debts SET amount = amount - 1".to_owned(), is(&claiming)),
        tampering("dispute_bonus", "DELETE FROM taken_back_debts".to_owned(), is(&claiming)),
        tampering("dispute_taken_back", "UPDATE taken_back_debts SET part = 'money'".to_owned(), is(&claiming)),
        tampering(
            "reversal_taken_back",
            format!("UPDATE adjustments SET amount = -29 WHERE id = '{REVERSAL}'"),
            is(&shown("adj", REVERSAL)),
        ),
        tampering(
            "refund_wallet_taken",
            format!("UPDATE refunds SET wallet_taken = 199 WHERE id = '{REFUND_OF_GINA}'"),
            is(&shown("rfd", REFUND_OF_GINA)),
        ),
        tampering(
            "dispute_wallet_taken",
            movement(&shown("dsp", DISPUTE_OF_GINA), 1, "taken = taken + 1"),
            is(&shown("dsp", DISPUTE_OF_GINA)),
        ),
        // Both are in force, and one of them takes nothing.
        tampering(
            "given_back_of_wallet",
            format!("UPDATE disputes SET status = 'won' WHERE id = '{DISPUTE_OF_GINA}'"),
            is(&shown("pay", TO_GINA)),
        ),
        // A refund that reached the payer took nothing from the wallet.
        tampering(
            "given_back",
            format!("UPDATE refunds SET status = 'succeeded' WHERE id = '{FAILED_REFUND}'"),
            is(&shown("tuo", ORDER)),
        ),
        tampering(
            "given_back",
            format!("UPDATE disputes SET status = 'won' WHERE id = '{CLAIMING_DISPUTE}'"),
            is(&shown("tuo", CLAIMED_ORDER)),
        ),
        tampering(
            "bonus_share",
            format!("UPDATE top_up_orders SET bonus = 10 WHERE id = '{ORDER}'"),
            is(&shown("tuo", ORDER)),
        ),
        tampering("take_back_entry", rekey(5, &rfd), is(&rfd)),
        tampering("take_back_entry", movement(&claiming, 3, "part = 'money'"), is(&format!("{claiming}:3"))),
        tampering("take_back_returned", movement(&failed, 1, "given_back = 5"), is(&format!("{failed}:1"))),
        tampering("take_back_returned", rekey(6, &format!("{failed}:1:1")), is(&format!("{failed}:1"))),
        tampering(
            "take_back_without_source",
            format!("DELETE FROM disputes WHERE id = '{DISPUTE}'"),
            is(&shown("dsp", DISPUTE)),
        ),
        tampering("refund_entry_without_refund", rekey(5, &rfd), entry(5, &rfd)),
        tampering("refund_entry_without_refund", rekey(15, &dsp), entry(15, &dsp)),
        tampering(
            "order_refunded",
            format!("UPDATE top_up_orders SET refunded_amount = 6 WHERE id = '{ORDER}'"),
            is(&shown("tuo", ORDER)),
        ),
    ]
}
