//! Explains which money paid for which deduction. Nothing is stored for it: the answer follows from the running totals
//! that every entry carries.
//!
//! # The idea
//!
//! Paid money leaves a wallet in the order in which it came (first in, first out). Picture all paid money that ever
//! came into a wallet as one line, counted from zero. A **credit** (an entry that brings money) covers a range of that
//! line, and so does a **debit** (an entry that takes money). Every entry stores where its range ends: `paid_in` is all
//! paid money that had come in after it, `paid_out` is all that had gone out. A credit paid for a debit exactly where
//! their ranges overlap.
//!
//! # A worked example
//!
//! A customer tops up 10, moves 4 to a product, uses 9 although only 6 are left, tops up 5, gets 4 of the usage back,
//! and uses 6 again. (`tests/api/explain.rs` runs this example.)
//!
//! | # | entry | effect |
//! |---|---|---|
//! | 1 | top-up A, +10 | credit of 10 |
//! | 2 | transfer to the product, −4 | debit of 4 |
//! | 3 | usage u1, −9 | debit of 6; the missing 3 become **debt** |
//! | 4 | top-up B, +5 | repays the debt of 3; credit of 2 |
//! | 5 | reversal of u1, +4 | credit of 4 |
//! | 6 | usage u2, −6 | debit of 6 |
//!
//! ```text
//! the main wallet's line of paid money
//!
//!          0               4                   9   10      12              16
//!  credits |-------------- top-up A ---------------|-- B --|-- reversal ---|
//!  debits  |-- transfer ---|------ usage u1 -------|------ usage u2 -------|
//! ```
//!
//! * The transfer took 0–4: money of A. The product's wallet has a line of its own, on which the transfer in is a
//!   credit of 4. What the product spends of it is followed back to A.
//! * u1 took 4–10: money of A. Its debt of 3 was repaid by B.
//! * u2 took 10–16: 2 of B, and 4 of the reversal. The reversal created no money; it returned what had paid for u1. So
//!   those 4 are followed one step further back.
//!
//! # Debt
//!
//! A credit repays debt first, the oldest debt first. Only the rest comes into the balance. What a credit brought as a
//! whole is therefore a second line, counted from zero: first what repaid debt, then what came into the balance.
//!
//! ```text
//!                              0                       3               5
//! what top-up B brought        |-- repaid u1's debt ---|--- balance ---|
//!                               (u1's debt, 0–3)        (main line, 10–12)
//! ```
//!
//! What was repaid of one debit's debt is a line too: u1's debt is 0–3, and B repaid all of it. [`debts`] finds the
//! repayments.
//!
//! # Reversals
//!
//! A reversal gives back the part of a usage that was taken last (`domain::reversal`): first its debt, then its paid
//! money from the end. Debt that is still owed is cancelled and brings no money. Debt that was repaid comes back
//! as the money that had repaid it.
//!
//! ```text
//!                              0                          3        4
//! what the reversal brought    |- u1's repaid debt, 0–3 --|- 9–10 -|
//!                               (money of B)               (of A)
//! ```
//!
//! So u2 was paid by B with 2 + 3 and by A with 1. [`returned_money`] finds these ranges.
//!
//! # Following money back
//!
//! Money that only moved on (a transfer in, a reversal) has a source of exactly the same length behind it. One step
//! back is always the same: shift a range of the credit's line to the source's line, and find the credits that cover
//! it. Both directions, "what paid for this" and "what did this pay for", read the same lines, so they cannot
//! disagree.
//!
//! `app::explain` does the look-ups and sets the limits. An answer that hits a limit says `complete: false`.

pub mod debts;
pub mod returned_money;

use super::entry::Entry;
use super::money::Money;

/// A range of a line of money: the units after `from`, up to and including `to`. It is never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneyRange {
    pub from: Money,
    pub to: Money,
}

impl MoneyRange {
    /// `None` when the range would be empty.
    #[must_use]
    pub fn new(from: Money, to: Money) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }

    /// The range of its wallet's line that a credit brought into the balance. What repaid debt is not part of it.
    #[must_use]
    pub fn credited_by(entry: &Entry) -> Option<Self> {
        Self::new(entry.paid_in - entry.paid(), entry.paid_in)
    }

    /// The range of its wallet's line that a debit took. Granted credit and debt are not part of it.
    #[must_use]
    pub fn debited_by(entry: &Entry) -> Option<Self> {
        Self::new(entry.paid_out + entry.paid(), entry.paid_out)
    }

    #[must_use]
    pub fn length(&self) -> Money {
        self.to - self.from
    }

    #[must_use]
    pub fn overlap(&self, other: &Self) -> Option<Self> {
        Self::new(self.from.max(other.from), self.to.min(other.to))
    }

    /// The range on another line, on which every position is greater by `by`.
    #[must_use]
    pub fn shift(&self, by: Money) -> Self {
        Self { from: self.from + by, to: self.to + by }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn usd(amount: i64) -> Money {
        Money::from_ledger(amount.into(), "USD".parse().unwrap())
    }

    fn range(from: i64, to: i64) -> MoneyRange {
        MoneyRange { from: usd(from), to: usd(to) }
    }

    #[test]
    fn ranges_that_only_touch_do_not_overlap() {
        assert_eq!(range(0, 10).overlap(&range(10, 20)), None);
        assert_eq!(range(0, 10).overlap(&range(5, 20)), Some(range(5, 10)));
        assert_eq!(range(5, 6).overlap(&range(0, 20)), Some(range(5, 6)));
    }

    #[test]
    fn a_range_keeps_its_length_on_another_line() {
        assert_eq!(range(15, 20).shift(usd(90)), range(105, 110));
        assert_eq!(range(15, 20).shift(-usd(15)).length(), range(15, 20).length());
    }
}
