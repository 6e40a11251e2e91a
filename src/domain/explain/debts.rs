//! Finds which credit repaid which debt.
//!
//! A credit repays the oldest debt first. A reversal of usage makes one exception: it first cancels what is still owed
//! of that very usage, because usage that was given back needs no payment. Only the rest of the reversal repays
//! other debt. So debt ends in one of two ways: a credit repays it, or a reversal cancels it.
//!
//! The debt of a wallet comes in **episodes**: an episode begins when the first debit goes beyond the balance, and ends
//! when nothing is owed any more. A credit comes into the balance only after all debt is repaid, so `paid_in` is
//! constant within an episode. That value identifies the episode and lets storage find its entries.

use std::collections::HashMap;

use super::MoneyRange;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::money::{Currency, Money};

/// What one entry changed of its wallet's debt.
#[derive(Debug, Clone, PartialEq)]
pub struct DebtChange {
    pub seq: i64,
    pub kind: EntryKind,
    pub key: String,
    pub reference: Option<String>,
    /// As in the entry: new debt is greater than zero, repaid or cancelled debt is less than zero.
    pub debt: Money,
}

/// Debt of one debit that one credit repaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repayment {
    /// The number of the debit that had become debt.
    pub debit: i64,
    /// Which part of the debit's debt this is, as a range of the line of that debt's repayments.
    pub of_debt: MoneyRange,
    /// The number of the credit that repaid it.
    pub credit: i64,
    /// Which part of what the credit brought this is, as a range of the line of all that it brought. It is as long as
    /// `of_debt`.
    pub of_credit: MoneyRange,
}

/// An episode of debt, replayed from its entries.
#[derive(Debug, Clone)]
pub struct DebtEpisode {
    currency: Currency,
    /// By the numbers of the debits.
    debts: Vec<Debt>,
    /// In the order in which they happened. The oldest debt is repaid first, so both the numbers of the debits and the
    /// numbers of the credits ascend.
    repayments: Vec<Repayment>,
    /// The cancelled debt of each reversal, by the reversal's number.
    cancelled_by: HashMap<i64, Money>,
    /// The last entry that was replayed; `None` when all of them were.
    replayed_to: Option<i64>,
}

/// What became of the debt of one debit.
#[derive(Debug, Clone)]
struct Debt {
    debit: i64,
    owed: Money,
    repaid: Money,
    cancelled: Money,
}

/// How much paid money had come into the wallet before this entry. All entries of an episode share this value.
#[must_use]
pub fn episode(entry: &Entry) -> Money {
    entry.paid_in - entry.paid().or_zero()
}

impl DebtEpisode {
    /// What is known of an entry that made no debt.
    #[must_use]
    pub fn none(currency: Currency) -> Self {
        let (debts, repayments, cancelled_by) = (Vec::new(), Vec::new(), HashMap::new());
        Self { currency, debts, repayments, cancelled_by, replayed_to: None }
    }

    /// Replays an episode from its first changes, in their order. `whole` says that these are all its changes.
    #[must_use]
    pub fn replay(currency: Currency, changes: &[DebtChange], whole: bool) -> Self {
        let zero = Money::zero(currency);
        let last = changes.last().map_or(0, |last| last.seq);
        let mut episode = Self { replayed_to: (!whole).then_some(last), ..Self::none(currency) };
        let mut usages: HashMap<&str, usize> = HashMap::new();
        let mut oldest_owed = 0;
        for change in changes {
            if change.debt.is_positive() {
                // A reversal looks up only usage here: a capture never makes debt, because its money is held.
                if change.kind == EntryKind::Usage {
                    usages.insert(&change.key, episode.debts.len());
                }
                episode.debts.push(Debt { debit: change.seq, owed: change.debt, repaid: zero, cancelled: zero });
                continue;
            }
            let mut rest = -change.debt;
            let reversed_usage = change.reference.as_deref().filter(|_| change.kind == EntryKind::Reversal);
            let own_debt = reversed_usage.and_then(|usage| usages.get(usage));
            if let Some(own_debt) = own_debt.and_then(|at| episode.debts.get_mut(*at)) {
                let cancelled = own_debt.owed.min(rest);
                if cancelled.is_positive() {
                    own_debt.owed -= cancelled;
                    own_debt.cancelled += cancelled;
                    rest -= cancelled;
                    *episode.cancelled_by.entry(change.seq).or_insert(zero) += cancelled;
                }
            }
            let mut spent = zero;
            while let Some(debt) = episode.debts.get_mut(oldest_owed).filter(|_| spent < rest) {
                let part = debt.owed.min(rest - spent);
                let of_debt = MoneyRange::new(debt.repaid, debt.repaid + part);
                if let (Some(of_debt), Some(of_credit)) = (of_debt, MoneyRange::new(spent, spent + part)) {
                    let repayment = Repayment { debit: debt.debit, of_debt, credit: change.seq, of_credit };
                    episode.repayments.push(repayment);
                }
                debt.owed -= part;
                debt.repaid += part;
                spent += part;
                if debt.owed.is_zero() {
                    oldest_owed += 1;
                }
            }
        }
        episode
    }

    /// The repayments of a debit's debt, oldest first.
    #[must_use]
    pub fn repayments_of(&self, debit: i64) -> &[Repayment] {
        self.with_number(debit, |repayment| repayment.debit)
    }

    /// The repayments that a credit made, the oldest debt first.
    #[must_use]
    pub fn repayments_by(&self, credit: i64) -> &[Repayment] {
        self.with_number(credit, |repayment| repayment.credit)
    }

    fn with_number(&self, number: i64, number_of: impl Fn(&Repayment) -> i64) -> &[Repayment] {
        let from = self.repayments.partition_point(|repayment| number_of(repayment) < number);
        let to = self.repayments.partition_point(|repayment| number_of(repayment) <= number);
        self.repayments.get(from..to).unwrap_or_default()
    }

    fn debt(&self, debit: i64) -> Option<&Debt> {
        let at = self.debts.binary_search_by_key(&debit, |debt| debt.debit).ok()?;
        self.debts.get(at)
    }

    /// How much of a debit's debt was repaid.
    #[must_use]
    pub fn repaid_of(&self, debit: i64) -> Money {
        self.debt(debit).map_or(Money::zero(self.currency), |debt| debt.repaid)
    }

    /// How much debt a credit repaid.
    #[must_use]
    pub fn repaid_by(&self, credit: i64) -> Money {
        self.repayments_by(credit).last().map_or(Money::zero(self.currency), |last| last.of_credit.to)
    }

    /// How much of its own usage's debt a reversal cancelled.
    #[must_use]
    pub fn cancelled_by(&self, reversal: i64) -> Money {
        self.cancelled_by.get(&reversal).copied().unwrap_or(Money::zero(self.currency))
    }

    /// How much of a debit's debt reversals cancelled.
    #[must_use]
    pub fn cancelled_of(&self, debit: i64) -> Money {
        self.debt(debit).map_or(Money::zero(self.currency), |debt| debt.cancelled)
    }

    /// Whether this episode contains everything that happened to a debit's debt so far.
    #[must_use]
    pub fn knows_all_of(&self, debit: i64) -> bool {
        self.replayed_to.is_none_or(|last| debit <= last && self.debt(debit).is_none_or(|debt| debt.owed.is_zero()))
    }

    /// Whether the replay reached this entry.
    #[must_use]
    pub fn reaches(&self, seq: i64) -> bool {
        self.replayed_to.is_none_or(|last| seq <= last)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn usd(amount: i64) -> Money {
        Money::from_ledger(amount.into(), "USD".parse().unwrap())
    }

    fn usage(seq: i64, debt: i64) -> DebtChange {
        DebtChange { seq, kind: EntryKind::Usage, key: format!("u{seq}"), reference: None, debt: usd(debt) }
    }

    fn payment(seq: i64, amount: i64) -> DebtChange {
        DebtChange { kind: EntryKind::Recharge, key: format!("p{seq}"), debt: usd(-amount), ..usage(seq, 0) }
    }

    fn reversal(seq: i64, usage: &str, amount: i64) -> DebtChange {
        DebtChange { kind: EntryKind::Reversal, reference: Some(usage.to_owned()), ..payment(seq, amount) }
    }

    fn replay(changes: &[DebtChange], whole: bool) -> DebtEpisode {
        DebtEpisode::replay(usd(0).currency(), changes, whole)
    }

    /// (debit, credit, where the part of the debt begins, where the part of the credit begins, length)
    fn repayments(episode: &DebtEpisode) -> Vec<(i64, i64, i64, i64, i64)> {
        let whole = |money: Money| i64::try_from(money.amount()).unwrap();
        let numbers = |part: &Repayment| {
            assert_eq!(part.of_debt.length(), part.of_credit.length());
            (
                part.debit,
                part.credit,
                whole(part.of_debt.from),
                whole(part.of_credit.from),
                whole(part.of_debt.length()),
            )
        };
        episode.repayments.iter().map(numbers).collect()
    }

    #[test]
    fn the_oldest_debt_is_repaid_first() {
        let changes = [usage(1, 5), usage(2, 3), payment(3, 4), usage(4, 2), payment(5, 6)];
        let episode = replay(&changes, true);
        assert_eq!(repayments(&episode), [(1, 3, 0, 0, 4), (1, 5, 4, 0, 1), (2, 5, 0, 1, 3), (4, 5, 0, 4, 2)]);
        assert_eq!(episode.repayments_of(1), &episode.repayments[..2]);
        assert_eq!(episode.repayments_by(5), &episode.repayments[1..]);
        assert_eq!((episode.repaid_of(1), episode.repaid_by(5)), (usd(5), usd(6)));
        assert_eq!(episode.repayments_of(3), []);
        assert_eq!((episode.repaid_of(3), episode.repaid_by(6)), (usd(0), usd(0)));
    }

    #[test]
    fn a_reversal_cancels_its_own_debt_and_repays_others_with_the_rest() {
        // Payment 4 had repaid 1 of the 5 that usage 2 owed. So reversal 6 cancels 4, and repays 1 of usage 3.
        let changes = [usage(1, 5), usage(2, 5), usage(3, 5), payment(4, 6), reversal(6, "u2", 5)];
        let episode = replay(&changes, true);
        assert_eq!(repayments(&episode), [(1, 4, 0, 0, 5), (2, 4, 0, 5, 1), (3, 6, 0, 0, 1)]);
        assert_eq!((episode.cancelled_by(6), episode.cancelled_of(2)), (usd(4), usd(4)));
        assert_eq!(episode.cancelled_of(3), usd(0));
    }

    #[test]
    fn cancelled_debt_is_not_repaid() {
        let changes = [usage(1, 5), usage(2, 5), usage(3, 5), reversal(4, "u2", 5), payment(5, 8)];
        let episode = replay(&changes, true);
        assert_eq!(repayments(&episode), [(1, 5, 0, 0, 5), (3, 5, 0, 5, 3)]);
    }

    #[test]
    fn a_part_of_an_episode_says_how_far_it_goes() {
        let changes = [usage(1, 5), usage(2, 5), payment(3, 5)];
        let (part, whole) = (replay(&changes, false), replay(&changes, true));
        assert!(part.knows_all_of(1) && part.knows_all_of(3) && !part.knows_all_of(2) && !part.knows_all_of(4));
        assert!(part.reaches(2) && !part.reaches(4));
        assert!(whole.knows_all_of(2) && whole.knows_all_of(4));
        assert!(!replay(&[], false).knows_all_of(1));
    }
}
