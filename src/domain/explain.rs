//! What paid for what: paid money leaves a wallet in the order in which it came.
//!
//! Every entry knows how much paid money has ever come into its wallet and gone out of it. So what an entry brought
//! or took is a stretch of one line, counted from the wallet's first money, and what came paid for what went where
//! the stretches overlap.

use rust_decimal::Decimal;

use super::entry::Entry;

/// A part of a wallet's paid money, longer than nothing: more than `from`, up to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub from: Decimal,
    pub to: Decimal,
}

impl Stretch {
    fn new(from: Decimal, to: Decimal) -> Option<Self> {
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

    /// The same money in the wallet that it was transferred from: `self` is a part of what the transfer brought
    /// here. What repaid debt here came first, so both are counted from the end.
    #[must_use]
    pub fn before_transfer(&self, brought: &Self, taken: &Self) -> Option<Self> {
        Self::new(taken.to - (brought.to - self.from), taken.to - (brought.to - self.to))
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
    fn a_transfer_that_repaid_debt_is_followed_from_its_end() {
        // 30 left as 100..130; 10 repaid debt, so 20 came in as 0..20.
        let (brought, taken) = (stretch(0, 20), stretch(100, 130));
        assert_eq!(stretch(0, 5).before_transfer(&brought, &taken), Some(stretch(110, 115)));
        assert_eq!(stretch(15, 20).before_transfer(&brought, &taken), Some(stretch(125, 130)));
    }
}
