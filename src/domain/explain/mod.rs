//! Explains which money paid for which deduction. No table stores these links. They follow from two running totals that
//! every entry of a wallet carries.
//!
//! # The idea
//!
//! Paid money leaves a wallet in the order in which it came: first in, first out. So picture all paid money that ever
//! came into a wallet as one long line. The first cent lies at the beginning of the line, and the newest cent at its
//! end.
//!
//! * A **credit** is an entry that brings money. It adds a piece, a range, to the end of the line.
//! * A **debit** is an entry that takes money. It takes the next range of the line, from where the last debit stopped.
//!
//! A credit paid for a debit exactly where their ranges overlap.
//!
//! The two running totals say where the ranges end. After each entry, `paid_in` is all paid money that has come in so
//! far, and `paid_out` is all that has gone out. For example, the first entry of a wallet is a top-up of 10. It has
//! `paid_in` = 10, and its range is 0–10. The second entry is a usage of 4. It has `paid_out` = 4, and its range is
//! 0–4. The two overlap in 0–4, so the top-up paid for the whole usage.
//!
//! # A worked example
//!
//! A customer tops up 10 and moves 4 of it to a product. Then the customer uses 9, although only 6 are left; tops up 5;
//! gets 4 of the usage back; and uses 6 more. (`tests/api/explain.rs` runs this example.)
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
//! Read the drawing from top to bottom. Above each debit stands the money that paid for it:
//!
//! * The transfer took 0–4, so A paid for it. The product's wallet has a line of its own, on which this transfer is a
//!   credit of 4. If the product spends it, the money is followed back to A.
//! * u1 took 4–10, so A paid for it. B repaid its debt of 3.
//! * u2 took 10–16: 2 from B, and 4 from the reversal. The reversal made no new money: it gave back money that had paid
//!   for u1. So those 4 are followed one step further, as the section on reversals shows.
//!
//! # Debt
//!
//! A credit repays debt before anything else, the oldest debt first. Only the rest comes into the balance, and only the
//! rest is on the wallet's line. Therefore each credit has a second line for all that it brought. It begins at zero:
//! first comes what repaid debt, then what came into the balance.
//!
//! ```text
//!                              0                       3               5
//! what top-up B brought        |-- repaid u1's debt ---|--- balance ---|
//!                               (u1's debt, 0–3)        (main line, 10–12)
//! ```
//!
//! A debit that made debt has such a line too, for the repayments of its debt. Here the line of u1's debt is 0–3, and B
//! repaid all of it. [`debts`] finds the repayments.
//!
//! # Reversals
//!
//! A reversal gives back what a usage took last (`domain::reversal`). The debt is what it took last, so the debt comes
//! back first: debt that is still owed is cancelled, which brings no money, and debt that was repaid comes back as the
//! money that repaid it. Then the usage's paid money comes back, from the end of its range.
//!
//! The reversal of 4 therefore gives back the 3 with which B repaid u1's debt, and 1 of the 6 that A paid: the range
//! 9–10 of the wallet's line.
//!
//! ```text
//!                              0                          3        4
//! what the reversal brought    |- u1's repaid debt, 0–3 --|- 9–10 -|
//!                               (money of B)               (of A)
//! ```
//!
//! So the 6 of u2 came from B (2 directly, and 3 through the reversal) and from A (1). [`returned_money`] finds these
//! ranges.
//!
//! # Following money back
//!
//! A transfer in and a reversal only move money on. Behind each lies a source of exactly the same length. A step back
//! always works in the same way: shift a range of the credit's line to the source's line, and find the credits that
//! cover it there.
//!
//! The questions "what paid for this?" and "what did this pay for?" read the same lines, so their answers cannot
//! disagree. `app::explain` does the look-ups and sets the limits. An answer that hits a limit says `complete: false`.

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
