//! Who repaid which debt: the first debt first.
//!
//! A reversal of usage is the exception: it first strikes out what is still owed of that very usage, for nobody has
//! to pay what was given back; only the rest of it repays other debt. So debt ends in one of two ways, and whatever
//! a reversal gives to others had been paid for before it.
//!
//! The debt of a wallet comes in episodes, from none to none: an entry that brings paid money leaves no debt behind,
//! because it repays first. Within an episode `paid_in` therefore stands still, and that is how one is looked up.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::Stretch;
use crate::domain::entry::{Entry, EntryKind};

/// A movement of a wallet's debt.
#[derive(Debug, Clone, PartialEq)]
pub struct DebtMove {
    pub seq: i64,
    pub kind: EntryKind,
    pub key: String,
    pub reference: Option<String>,
    /// Signed, as in the entry: more than zero is new debt.
    pub debt: Decimal,
}

/// Debt of one entry that another one repaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repayment {
    pub debtor: i64,
    /// On the line of what was repaid of the debtor's debt, the first repaid first.
    pub repaid: Stretch,
    pub by: i64,
    /// On the line of what the repaying entry brought.
    pub money: Stretch,
}

/// An episode of debt, settled as far as it has come.
#[derive(Debug, Clone, Default)]
pub struct Debts {
    /// In the order in which it happened. As the first debt is repaid first, both the debtors and the repayers are
    /// in the order of their numbers, and what belongs to one of them lies together.
    repayments: Vec<Repayment>,
    /// What reversals struck out, by the debtors and by the reversals.
    struck_of: HashMap<i64, Decimal>,
    struck_by: HashMap<i64, Decimal>,
    open: HashMap<i64, Decimal>,
    /// The last movement that was looked at; `None`: all were.
    until: Option<i64>,
}

struct Debtor {
    seq: i64,
    open: Decimal,
    repaid: Decimal,
}

/// How much paid money had come in before an entry; the same for all movements of an episode.
#[must_use]
pub fn episode(entry: &Entry) -> Decimal {
    entry.paid_in - entry.paid().max(Decimal::ZERO)
}

impl Debts {
    /// Settles an episode from its first movements, in their order. `whole`: they are all of it.
    #[must_use]
    pub fn settle(moves: &[DebtMove], whole: bool) -> Self {
        let mut settled = Self { until: moves.last().filter(|_| !whole).map(|last| last.seq), ..Self::default() };
        if moves.is_empty() && !whole {
            settled.until = Some(0);
        }
        let mut debtors: Vec<Debtor> = Vec::new();
        let mut usages: HashMap<&str, usize> = HashMap::new();
        let mut first_open = 0;
        for step in moves {
            if step.debt > Decimal::ZERO {
                // Captures make no debt, for what they take was held or is there.
                if step.kind == EntryKind::Usage {
                    usages.insert(&step.key, debtors.len());
                }
                debtors.push(Debtor { seq: step.seq, open: step.debt, repaid: Decimal::ZERO });
                continue;
            }
            let mut rest = -step.debt;
            let reversed = step.reference.as_deref().filter(|_| step.kind == EntryKind::Reversal);
            let own = reversed.and_then(|usage| usages.get(usage)).and_then(|at| debtors.get_mut(*at));
            if let Some(own) = own {
                let struck = own.open.min(rest);
                if struck > Decimal::ZERO {
                    own.open -= struck;
                    rest -= struck;
                    *settled.struck_of.entry(own.seq).or_default() += struck;
                    *settled.struck_by.entry(step.seq).or_default() += struck;
                }
            }
            let mut given = Decimal::ZERO;
            while let Some(debtor) = debtors.get_mut(first_open).filter(|_| given < rest) {
                let part = debtor.open.min(rest - given);
                let repaid = Stretch::new(debtor.repaid, debtor.repaid + part);
                if let (Some(repaid), Some(money)) = (repaid, Stretch::new(given, given + part)) {
                    settled.repayments.push(Repayment { debtor: debtor.seq, repaid, by: step.seq, money });
                }
                debtor.open -= part;
                debtor.repaid += part;
                given += part;
                if debtor.open.is_zero() {
                    first_open += 1;
                }
            }
        }
        settled.open = debtors.iter().map(|debtor| (debtor.seq, debtor.open)).collect();
        settled
    }

    /// What was repaid of a debtor's debt, the first first.
    #[must_use]
    pub fn of(&self, debtor: i64) -> &[Repayment] {
        self.run(debtor, |part| part.debtor)
    }

    /// What an entry repaid, the oldest debt first.
    #[must_use]
    pub fn by(&self, repayer: i64) -> &[Repayment] {
        self.run(repayer, |part| part.by)
    }

    fn run(&self, number: i64, of: impl Fn(&Repayment) -> i64) -> &[Repayment] {
        let from = self.repayments.partition_point(|part| of(part) < number);
        let to = self.repayments.partition_point(|part| of(part) <= number);
        self.repayments.get(from..to).unwrap_or_default()
    }

    /// How much of a debtor's debt was repaid.
    #[must_use]
    pub fn repaid_of(&self, debtor: i64) -> Decimal {
        self.of(debtor).last().map_or(Decimal::ZERO, |last| last.repaid.to)
    }

    /// How much debt an entry repaid.
    #[must_use]
    pub fn repaid_by(&self, repayer: i64) -> Decimal {
        self.by(repayer).last().map_or(Decimal::ZERO, |last| last.money.to)
    }

    /// What a reversal struck out of its own usage's debt.
    #[must_use]
    pub fn struck_by(&self, reversal: i64) -> Decimal {
        self.struck_by.get(&reversal).copied().unwrap_or_default()
    }

    /// What was struck out of a debtor's debt.
    #[must_use]
    pub fn struck_of(&self, debtor: i64) -> Decimal {
        self.struck_of.get(&debtor).copied().unwrap_or_default()
    }

    /// Whether it is known what became of the movement, up to now.
    #[must_use]
    pub fn knows(&self, seq: i64) -> bool {
        self.until.is_none_or(|until| seq <= until && self.open.get(&seq).is_none_or(Decimal::is_zero))
    }

    /// Whether the movement was looked at, if it is one of the episode.
    #[must_use]
    pub fn reaches(&self, seq: i64) -> bool {
        self.until.is_none_or(|until| seq <= until)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn booked(seq: i64, debt: i64) -> DebtMove {
        DebtMove { seq, kind: EntryKind::Usage, key: format!("u{seq}"), reference: None, debt: Decimal::from(debt) }
    }

    fn paid(seq: i64, amount: i64) -> DebtMove {
        DebtMove { kind: EntryKind::Recharge, key: format!("p{seq}"), debt: Decimal::from(-amount), ..booked(seq, 0) }
    }

    fn reversed(seq: i64, usage: &str, amount: i64) -> DebtMove {
        DebtMove { kind: EntryKind::Reversal, reference: Some(usage.to_owned()), ..paid(seq, amount) }
    }

    /// (debtor, by, from of the repaid, from of the money, how much)
    fn told(debts: &Debts) -> Vec<(i64, i64, i64, i64, i64)> {
        let whole = |amount: Decimal| i64::try_from(amount).unwrap();
        let tell = |part: &Repayment| {
            assert_eq!(part.repaid.length(), part.money.length());
            (part.debtor, part.by, whole(part.repaid.from), whole(part.money.from), whole(part.money.length()))
        };
        debts.repayments.iter().map(tell).collect()
    }

    #[test]
    fn the_first_debt_is_repaid_first() {
        let debts = Debts::settle(&[booked(1, 5), booked(2, 3), paid(3, 4), booked(4, 2), paid(5, 6)], true);
        assert_eq!(told(&debts), [(1, 3, 0, 0, 4), (1, 5, 4, 0, 1), (2, 5, 0, 1, 3), (4, 5, 0, 4, 2)]);
        assert_eq!((debts.of(1), debts.by(5)), (&debts.repayments[..2], &debts.repayments[1..]));
        assert_eq!((debts.repaid_of(1), debts.repaid_by(5)), (Decimal::from(5), Decimal::from(6)));
        assert_eq!((debts.of(3), debts.repaid_of(3), debts.repaid_by(6)), (&[][..], Decimal::ZERO, Decimal::ZERO));
    }

    #[test]
    fn a_reversal_strikes_out_its_own_debt_and_repays_others_with_the_rest() {
        // Of 2's 5 payment 4 repaid 1; so 6 gives back 4 that nobody owes any more and 1 that 3 gets.
        let moves = [booked(1, 5), booked(2, 5), booked(3, 5), paid(4, 6), reversed(6, "u2", 5)];
        let debts = Debts::settle(&moves, true);
        assert_eq!(told(&debts), [(1, 4, 0, 0, 5), (2, 4, 0, 5, 1), (3, 6, 0, 0, 1)]);
        assert_eq!((debts.struck_by(6), debts.struck_of(2)), (Decimal::from(4), Decimal::from(4)));
        assert_eq!(debts.struck_of(3), Decimal::ZERO);
    }

    #[test]
    fn a_debt_that_was_struck_out_is_passed_over() {
        let moves = [booked(1, 5), booked(2, 5), booked(3, 5), reversed(4, "u2", 5), paid(5, 8)];
        let debts = Debts::settle(&moves, true);
        assert_eq!(told(&debts), [(1, 5, 0, 0, 5), (3, 5, 0, 5, 3)]);
    }

    #[test]
    fn a_prefix_says_what_it_knows() {
        let moves = [booked(1, 5), booked(2, 5), paid(3, 5)];
        let (part, whole) = (Debts::settle(&moves, false), Debts::settle(&moves, true));
        assert!(part.knows(1) && part.knows(3) && !part.knows(2) && !part.knows(4));
        assert!(part.reaches(2) && !part.reaches(4));
        assert!(whole.knows(2) && whole.knows(4));
        assert!(!Debts::settle(&[], false).knows(1));
    }
}
