//! What paid for what: paid money leaves a wallet in the order in which it came, and the first debt is repaid first.
//!
//! Every entry knows how much paid money has ever come into its wallet and gone out of it. So what an entry brought
//! or took is a stretch of one line, counted from the wallet's first money, and what came paid for what went where
//! the stretches overlap. What became debt is followed in [`debts`].
//!
//! What an entry brought as a whole is a line of its own, counted from zero: first what repaid debt, then what came
//! into the balance. Money that only moved on (a transfer, a reversal of usage) has another line behind it, as long
//! as its own: what the transfer took in the other wallet, or what [`given_back`] says. So following money back is
//! always the same step, from a part of one line to the same part of the line behind it.

pub mod debts;
pub mod given_back;

use rust_decimal::Decimal;

use super::entry::Entry;

/// A part of a line of money, longer than nothing: more than `from`, up to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub from: Decimal,
    pub to: Decimal,
}

impl Stretch {
    #[must_use]
    pub fn new(from: Decimal, to: Decimal) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }

    /// The paid money that an entry brought; without what repaid debt.
    #[must_use]
    pub fn brought_by(entry: &Entry) -> Option<Self> {
        Self::new(entry.paid_in - entry.paid(), entry.paid_in)
    }

    /// The paid money that an entry took; without grants, and without what became debt.
    #[must_use]
    pub fn taken_by(entry: &Entry) -> Option<Self> {
        Self::new(entry.paid_out + entry.paid(), entry.paid_out)
    }

    #[must_use]
    pub fn length(&self) -> Decimal {
        self.to - self.from
    }

    #[must_use]
    pub fn overlap(&self, other: &Self) -> Option<Self> {
        Self::new(self.from.max(other.from), self.to.min(other.to))
    }

    /// The same part of a line that is counted from elsewhere: what is `here` on this line is `there` on the other.
    #[must_use]
    pub fn moved(&self, here: Decimal, there: Decimal) -> Self {
        Self { from: self.from - here + there, to: self.to - here + there }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn stretch(from: i64, to: i64) -> Stretch {
        Stretch { from: Decimal::from(from), to: Decimal::from(to) }
    }

    #[test]
    fn what_only_touches_does_not_overlap() {
        assert_eq!(stretch(0, 10).overlap(&stretch(10, 20)), None);
        assert_eq!(stretch(0, 10).overlap(&stretch(5, 20)), Some(stretch(5, 10)));
        assert_eq!(stretch(5, 6).overlap(&stretch(0, 20)), Some(stretch(5, 6)));
    }

    #[test]
    fn a_part_of_one_line_is_as_long_on_another() {
        assert_eq!(stretch(15, 20).moved(Decimal::TEN, Decimal::ONE_HUNDRED), stretch(105, 110));
    }
}
