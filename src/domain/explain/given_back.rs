//! What a reversal gave back: which part of what had paid for the usage.
//!
//! A reversal gives back debt before paid money (`domain::reversal`); what of grants comes between does not matter
//! here. Of the debt that was still owed nothing comes back, it is struck out. Of the debt that was repaid, what was
//! repaid first comes back first; of the paid money, the last part of the usage's stretch that has not come back yet.

use rust_decimal::Decimal;

use super::Stretch;
use super::debts::Debts;
use crate::domain::entry::Entry;

/// The line behind what a reversal brought: first the repaid debt, then the paid money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenBack {
    /// The reversal's number.
    pub by: i64,
    /// On the line of what was repaid of the usage's debt.
    pub debt: Option<Stretch>,
    /// On the line of the wallet's paid money that went out.
    pub paid: Option<Stretch>,
}

impl GivenBack {
    fn debt_length(&self) -> Decimal {
        self.debt.map_or(Decimal::ZERO, |debt| debt.length())
    }

    /// How long the line is: what the reversal brought to others and to the balance.
    #[must_use]
    pub fn length(&self) -> Decimal {
        self.debt_length() + self.paid.map_or(Decimal::ZERO, |paid| paid.length())
    }

    /// The part of the line that is behind `part` of what the reversal brought.
    #[must_use]
    pub fn behind(&self, part: &Stretch) -> Self {
        let border = self.debt_length();
        let debt = self.debt.and_then(|debt| part.moved(Decimal::ZERO, debt.from).overlap(&debt));
        let paid = self.paid.and_then(|paid| part.moved(border, paid.from).overlap(&paid));
        Self { by: self.by, debt, paid }
    }

    /// Where on the line a part of the usage's repaid debt is.
    #[must_use]
    pub fn of_debt(&self, repaid: &Stretch) -> Option<Stretch> {
        let debt = self.debt?;
        Some(repaid.overlap(&debt)?.moved(debt.from, Decimal::ZERO))
    }

    /// Where on the line a part of the wallet's paid money is.
    #[must_use]
    pub fn of_paid(&self, stretch: &Stretch) -> Option<Stretch> {
        let paid = self.paid?;
        Some(stretch.overlap(&paid)?.moved(paid.from, self.debt_length()))
    }
}

/// What the reversals of a usage gave back. `reversals` are the first ones, in their order; `debts` is the usage's
/// episode of debt, if it made any.
///
/// It ends before a reversal that cannot be explained: one that was not decided by `domain::reversal`, or that lies
/// where `debts` does not reach.
#[must_use]
pub fn given_back(usage: &Entry, reversals: &[Entry], debts: &Debts) -> Vec<GivenBack> {
    let (mut owed, mut repaid) = (usage.debt, Decimal::ZERO);
    let mut left = Stretch::taken_by(usage);
    let mut told = Vec::new();
    for reversal in reversals {
        if usage.debt > Decimal::ZERO && reversal.debt < Decimal::ZERO && !debts.reaches(reversal.seq) {
            break;
        }
        let amount = reversal.amount - reversal.granted;
        let of_debt = amount.min(owed);
        let of_paid = amount - of_debt;
        let back = of_debt - debts.struck_by(reversal.seq);
        let there = left.map_or(Decimal::ZERO, |left| left.length());
        if back < Decimal::ZERO || of_paid > there {
            break;
        }
        let (debt, mut paid) = (Stretch::new(repaid, repaid + back), None);
        if let Some(taken) = left {
            paid = Stretch::new(taken.to - of_paid, taken.to);
            left = Stretch::new(taken.from, taken.to - of_paid);
        }
        owed -= of_debt;
        repaid += back;
        told.push(GivenBack { by: reversal.seq, debt, paid });
    }
    told
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::domain::entry::{EntryKind, Label};
    use crate::domain::explain::debts::DebtMove;

    fn entry(seq: i64, kind: EntryKind, amount: i64, debt: i64) -> Entry {
        let label = Label {
            kind,
            key: format!("k{seq}"),
            fingerprint: 0,
            counterpart: "usage".to_owned(),
            reference: Some("k1".to_owned()).filter(|_| kind == EntryKind::Reversal),
            description: None,
            metadata: None,
            occurred_at: None,
        };
        Entry {
            wallet_id: Uuid::nil(),
            seq,
            label,
            amount: Decimal::from(amount),
            granted: Decimal::ZERO,
            debt: Decimal::from(debt),
            balance_after: Decimal::ZERO,
            paid_in: Decimal::ONE_HUNDRED,
            paid_out: Decimal::ONE_HUNDRED,
            created_at: DateTime::UNIX_EPOCH,
            grant_uses: Vec::new(),
        }
    }

    fn moved(entry: &Entry) -> DebtMove {
        let label = entry.label.clone();
        DebtMove { seq: entry.seq, kind: label.kind, key: label.key, reference: label.reference, debt: entry.debt }
    }

    fn stretch(from: i64, to: i64) -> Option<Stretch> {
        Stretch::new(Decimal::from(from), Decimal::from(to))
    }

    #[test]
    fn paid_money_comes_back_from_its_end() {
        let usage = entry(1, EntryKind::Usage, -10, 0);
        let reversals = [entry(2, EntryKind::Reversal, 4, 0), entry(3, EntryKind::Reversal, 6, -2)];
        let told = given_back(&usage, &reversals, &Debts::default());
        assert_eq!(told.iter().map(|part| part.paid).collect::<Vec<_>>(), [stretch(96, 100), stretch(90, 96)]);
        assert_eq!(told[1].behind(&stretch(1, 3).unwrap()).paid, stretch(91, 93));
        assert_eq!(told[1].of_paid(&stretch(0, 92).unwrap()), stretch(0, 2));
        assert_eq!(told[1].of_paid(&stretch(96, 99).unwrap()), None);
    }

    #[test]
    fn debt_comes_back_as_what_repaid_it_and_then_paid_money() {
        // 4 paid and 6 owed; 5 of them repaid, 1 struck out.
        let usage = entry(1, EntryKind::Usage, -10, 6);
        let payment = entry(2, EntryKind::Recharge, 5, -5);
        let reversals = [entry(3, EntryKind::Reversal, 3, -1), entry(4, EntryKind::Reversal, 5, 0)];
        let debts = Debts::settle(&[moved(&usage), moved(&payment), moved(&reversals[0])], true);
        let told = given_back(&usage, &reversals, &debts);
        assert_eq!((told[0].debt, told[0].paid), (stretch(0, 2), None));
        assert_eq!((told[1].debt, told[1].paid), (stretch(2, 5), stretch(98, 100)));
        assert_eq!(told[1].length(), Decimal::from(5));
        let behind = told[1].behind(&stretch(2, 4).unwrap());
        assert_eq!((behind.debt, behind.paid), (stretch(4, 5), stretch(98, 99)));
        assert_eq!(told[1].of_debt(&stretch(1, 4).unwrap()), stretch(0, 2));
        assert_eq!(told[1].of_paid(&stretch(99, 100).unwrap()), stretch(4, 5));
    }

    #[test]
    fn what_does_not_fit_is_not_explained() {
        let usage = entry(1, EntryKind::Usage, -10, 0);
        let reversals = [entry(2, EntryKind::Reversal, 4, 0), entry(3, EntryKind::Reversal, 7, 0)];
        assert_eq!(given_back(&usage, &reversals, &Debts::default()).len(), 1);
    }
}
