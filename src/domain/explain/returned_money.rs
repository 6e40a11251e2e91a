//! Finds which money a reversal gave back: ranges of the money that had paid for the usage.
//!
//! A reversal gives back debt before paid money (`domain::reversal`). Credit that goes back to grants does not concern
//! this module. Debt that is still owed is cancelled, so no money comes back for it. Of repaid debt, the part that was
//! repaid first comes back first. Of paid money, the end of the usage's range comes back first.

use super::MoneyRange;
use super::debts::DebtEpisode;
use crate::domain::entry::Entry;
use crate::domain::money::Money;

/// The money that one reversal gave back, as the line "what the reversal brought": first the repaid debt, then the paid
/// money. Either part may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReturnedMoney {
    /// The number of the reversal.
    pub reversal: i64,
    /// Where the repaid debt ends on the line, and the paid money begins.
    border: Money,
    /// The repaid debt, as a range of the line of the repayments of the usage's debt.
    pub debt: Option<MoneyRange>,
    /// The paid money, as a range of the wallet's line.
    pub paid: Option<MoneyRange>,
}

impl ReturnedMoney {
    /// How much money the reversal brought, to the balance and to other debt.
    #[must_use]
    pub fn length(&self) -> Money {
        self.paid.map_or(self.border, |paid| self.border + paid.length())
    }

    /// The source of a part of what the reversal brought, as parts of `debt` and of `paid`.
    #[must_use]
    pub fn source_of(&self, part: &MoneyRange) -> (Option<MoneyRange>, Option<MoneyRange>) {
        let debt = self.debt.and_then(|debt| part.shift(debt.from).overlap(&debt));
        let paid = self.paid.and_then(|paid| part.shift(paid.from - self.border).overlap(&paid));
        (debt, paid)
    }

    /// Which part of what the reversal brought is a part of the usage's repaid debt; `None` when it was not given back.
    #[must_use]
    pub fn locate_debt(&self, repaid: &MoneyRange) -> Option<MoneyRange> {
        let debt = self.debt?;
        Some(repaid.overlap(&debt)?.shift(-debt.from))
    }

    /// Which part of what the reversal brought is a part of the wallet's paid money; `None` when it was not given back.
    #[must_use]
    pub fn locate_paid(&self, range: &MoneyRange) -> Option<MoneyRange> {
        let paid = self.paid?;
        Some(range.overlap(&paid)?.shift(self.border - paid.from))
    }
}

/// The parts that each reversal of a usage gave back. `reversals` are the usage's first reversals, oldest first;
/// `debts` is the usage's episode of debt, or an empty one when the usage made no debt.
///
/// The result ends before the first reversal that cannot be explained: one that gave back more than was left, or one
/// that the episode does not reach.
#[must_use]
pub fn returned_money(usage: &Entry, reversals: &[Entry], debts: &DebtEpisode) -> Vec<ReturnedMoney> {
    let zero = Money::zero(usage.currency());
    let (mut debt_left, mut debt_returned) = (usage.debt, zero);
    let mut paid_left = MoneyRange::debited_by(usage);
    let mut explained = Vec::new();
    for reversal in reversals {
        if usage.debt.is_positive() && reversal.debt.is_negative() && !debts.reaches(reversal.seq) {
            break;
        }
        let amount = reversal.amount - reversal.granted;
        let of_debt = amount.min(debt_left);
        let of_paid = amount - of_debt;
        let of_repaid_debt = of_debt - debts.cancelled_by(reversal.seq);
        if of_repaid_debt.is_negative() || of_paid > paid_left.map_or(zero, |left| left.length()) {
            break;
        }
        let debt = MoneyRange::new(debt_returned, debt_returned + of_repaid_debt);
        let paid = paid_left.and_then(|left| MoneyRange::new(left.to - of_paid, left.to));
        paid_left = paid_left.and_then(|left| MoneyRange::new(left.from, left.to - of_paid));
        debt_left -= of_debt;
        debt_returned += of_repaid_debt;
        explained.push(ReturnedMoney { reversal: reversal.seq, border: of_repaid_debt, debt, paid });
    }
    explained
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::domain::counterpart::Counterpart;
    use crate::domain::entry::EntryKind;
    use crate::domain::explain::debts::DebtChange;
    use crate::domain::label::Label;

    fn usd(amount: i64) -> Money {
        Money::from_ledger(amount.into(), "USD".parse().unwrap())
    }

    fn entry(seq: i64, kind: EntryKind, amount: i64, debt: i64) -> Entry {
        let label = Label {
            reference: Some("k1".to_owned()).filter(|_| kind == EntryKind::Reversal),
            ..Label::new(kind, format!("k{seq}"), 0, Counterpart::Usage(None))
        };
        Entry {
            wallet_id: Uuid::nil(),
            seq,
            label,
            amount: usd(amount),
            granted: usd(0),
            debt: usd(debt),
            balance_after: usd(0),
            paid_in: usd(100),
            paid_out: usd(100),
            created_at: DateTime::UNIX_EPOCH,
            grant_uses: Vec::new(),
        }
    }

    fn debt_change(entry: &Entry) -> DebtChange {
        let label = entry.label.clone();
        DebtChange { seq: entry.seq, kind: label.kind, key: label.key, reference: label.reference, debt: entry.debt }
    }

    fn range(from: i64, to: i64) -> Option<MoneyRange> {
        MoneyRange::new(usd(from), usd(to))
    }

    #[test]
    fn paid_money_comes_back_from_the_end_of_its_range() {
        let usage = entry(1, EntryKind::Usage, -10, 0);
        let reversals = [entry(2, EntryKind::Reversal, 4, 0), entry(3, EntryKind::Reversal, 6, -2)];
        let explained = returned_money(&usage, &reversals, &DebtEpisode::none(usage.currency()));
        assert_eq!(explained.iter().map(|part| part.paid).collect::<Vec<_>>(), [range(96, 100), range(90, 96)]);
        assert_eq!(explained[1].source_of(&range(1, 3).unwrap()), (None, range(91, 93)));
        assert_eq!(explained[1].locate_paid(&range(0, 92).unwrap()), range(0, 2));
        assert_eq!(explained[1].locate_paid(&range(96, 99).unwrap()), None);
    }

    #[test]
    fn repaid_debt_comes_back_before_paid_money() {
        // The usage took 4 of paid money and 6 became debt, of which 5 were repaid and 1 was cancelled.
        let usage = entry(1, EntryKind::Usage, -10, 6);
        let payment = entry(2, EntryKind::Recharge, 5, -5);
        let reversals = [entry(3, EntryKind::Reversal, 3, -1), entry(4, EntryKind::Reversal, 5, 0)];
        let changes = [debt_change(&usage), debt_change(&payment), debt_change(&reversals[0])];
        let debts = DebtEpisode::replay(usage.currency(), &changes, true);
        let explained = returned_money(&usage, &reversals, &debts);
        assert_eq!((explained[0].debt, explained[0].paid), (range(0, 2), None));
        assert_eq!((explained[1].debt, explained[1].paid), (range(2, 5), range(98, 100)));
        assert_eq!(explained[1].length(), usd(5));
        assert_eq!(explained[1].source_of(&range(2, 4).unwrap()), (range(4, 5), range(98, 99)));
        assert_eq!(explained[1].locate_debt(&range(1, 4).unwrap()), range(0, 2));
        assert_eq!(explained[1].locate_paid(&range(99, 100).unwrap()), range(4, 5));
    }

    #[test]
    fn a_reversal_of_more_than_was_taken_is_not_explained() {
        let usage = entry(1, EntryKind::Usage, -10, 0);
        let reversals = [entry(2, EntryKind::Reversal, 4, 0), entry(3, EntryKind::Reversal, 7, 0)];
        assert_eq!(returned_money(&usage, &reversals, &DebtEpisode::none(usage.currency())).len(), 1);
    }
}
