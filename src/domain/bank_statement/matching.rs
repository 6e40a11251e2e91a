//! Finds the payment that a line of a file is, among those that operators have stated.
//!
//! First the bank's id decides, then the order's reference in the line, then account, amount, day and remitter. If a
//! line names other orders than the payment serves, it is another payment, whatever its figures are. If one line and
//! one payment fit only each other, they are bound. In any other case an operator chooses. For example, of two lines
//! that fit one payment, one is another payment.

use std::collections::{HashMap, HashSet};

use chrono::{Duration, NaiveDate};
use uuid::Uuid;

use super::StatementLine;
use crate::domain::bank_transaction::{ALIKE_WITHIN_DAYS, Identity};
use crate::domain::money::Money;
use crate::domain::remitter::Name;

/// A payment that an operator stated, and that has no line yet. It is on the account of the lines.
#[derive(Debug, Clone, PartialEq)]
pub struct StatedPayment {
    pub id: Uuid,
    pub identity: Identity,
    pub amount: Money,
    /// What serves orders, or went back.
    pub used: Money,
    /// Its approval was reversed: the line tells how much arrived.
    pub amount_is_open: bool,
    pub received_on: NaiveDate,
    /// Who paid: the names that were stated, and those that its orders declare. Empty: unknown.
    pub payers: Vec<String>,
    /// The references of the orders that it serves or names.
    pub references: Vec<String>,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It is this payment.
    Bound(Uuid),
    /// The line may be one of these payments, and an operator has to choose.
    Tie(Vec<Uuid>),
    /// No operator has stated the line: it is a new payment.
    Free,
}

/// How well a line and a payment fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    No,
    /// They name the same thing, and their amounts contradict each other.
    Doubtful,
    Yes,
}

/// In the order in which they decide.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Id,
    Reference,
    Figures,
}

/// A line with the values that are compared. Reading them from the texts takes long, so they are read once.
struct ReadLine<'l> {
    line: &'l StatementLine,
    identity: Identity,
    references: Vec<String>,
    remitter: Option<Name>,
}

impl<'l> ReadLine<'l> {
    fn of(line: &'l StatementLine) -> Self {
        Self {
            line,
            identity: line.identity(),
            references: line.references(),
            remitter: line.remitter.as_deref().map(Name::of),
        }
    }
}

/// A payment with its place among all of them, and with the values that are compared.
struct Known<'p> {
    n: usize,
    payment: &'p StatedPayment,
    payers: Vec<Name>,
}

impl Known<'_> {
    /// How well it fits a line for which a rule found it.
    fn fit(&self, rule: Rule, line: &ReadLine<'_>) -> Fit {
        let is_equal = self.payment.amount == line.line.amount;
        let holds = match rule {
            Rule::Id => is_equal || self.payment.amount_is_open && self.payment.used <= line.line.amount,
            Rule::Reference => is_equal,
            Rule::Figures if self.has_figures_of(line) => true,
            Rule::Figures => return Fit::No,
        };
        if holds { Fit::Yes } else { Fit::Doubtful }
    }

    /// Whether a payment of the line's amount and days may be the line's.
    fn has_figures_of(&self, line: &ReadLine<'_>) -> bool {
        let references = &self.payment.references;
        let is_for_others = !line.references.is_empty()
            && !references.is_empty()
            && !references.iter().any(|reference| line.references.contains(reference));
        let is_payer =
            |remitter: &Name| self.payers.is_empty() || self.payers.iter().any(|payer| payer.is_same(remitter));
        !is_for_others && line.remitter.as_ref().is_none_or(is_payer)
    }
}

/// Where payments are found: a file has thousands of lines, and an account thousands of payments.
#[derive(Default)]
struct Index<'k> {
    by_id: HashMap<&'k str, Vec<&'k Known<'k>>>,
    by_reference: HashMap<&'k str, Vec<&'k Known<'k>>>,
    by_figures: HashMap<(Money, NaiveDate), Vec<&'k Known<'k>>>,
}

impl<'k> Index<'k> {
    fn of(all: &'k [Known<'k>]) -> Self {
        let mut index = Self::default();
        for known in all {
            let payment = known.payment;
            index.by_id.entry(payment.identity.as_str()).or_default().push(known);
            for reference in &payment.references {
                index.by_reference.entry(reference.as_str()).or_default().push(known);
            }
            index.by_figures.entry((payment.amount, payment.received_on)).or_default().push(known);
        }
        index
    }

    /// The payments that fit a line by a rule, in their order.
    fn fitting(&self, rule: Rule, line: &ReadLine<'_>) -> Vec<(&'k Known<'k>, Fit)> {
        let mut found: Vec<&'k Known<'k>> = match rule {
            Rule::Id if line.identity.is_by_id() => {
                self.by_id.get(line.identity.as_str()).into_iter().flatten().copied().collect()
            }
            Rule::Id => Vec::new(),
            Rule::Reference => {
                let named = line.references.iter().filter_map(|reference| self.by_reference.get(reference.as_str()));
                named.flatten().copied().collect()
            }
            Rule::Figures => {
                let near = (-ALIKE_WITHIN_DAYS..=ALIKE_WITHIN_DAYS).map(Duration::days);
                let days = near.filter_map(|days| line.line.booked_on.checked_add_signed(days));
                let alike = days.filter_map(|day| self.by_figures.get(&(line.line.amount, day)));
                alike.flatten().copied().collect()
            }
        };
        found.sort_by_key(|known| known.n);
        found.dedup_by_key(|known| known.n);
        found.into_iter().map(|known| (known, known.fit(rule, line))).filter(|(_, fit)| *fit != Fit::No).collect()
    }
}

/// Days on which a payment of an amount may be a line's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DaysOfAmount {
    pub amount: Money,
    pub first_day: NaiveDate,
    pub last_day: NaiveDate,
}

/// Where payments with the figures of these lines are: for each amount the days near its lines, as ranges that do not
/// overlap. An old line adds only the days near it, and not all days since.
#[must_use]
pub fn stretches(lines: &[StatementLine]) -> Vec<DaysOfAmount> {
    let near = Duration::days(ALIKE_WITHIN_DAYS);
    let mut figures: Vec<(Money, NaiveDate)> = lines.iter().map(|line| (line.amount, line.booked_on)).collect();
    figures.sort_by_key(|(amount, day)| (amount.amount(), *day));
    let mut found: Vec<DaysOfAmount> = Vec::new();
    for (amount, day) in figures {
        let (first_day, last_day) = (day - near, day + near);
        match found.last_mut() {
            Some(last) if last.amount == amount && first_day <= last.last_day => last.last_day = last_day,
            _ => found.push(DaysOfAmount { amount, first_day, last_day }),
        }
    }
    found
}

/// Decides for each line on which money arrived which payment it is.
#[must_use]
pub fn match_lines(lines: &[StatementLine], stated: &[StatedPayment]) -> Vec<Match> {
    let lines: Vec<ReadLine<'_>> = lines.iter().map(ReadLine::of).collect();
    let name_all =
        |payment: &StatedPayment| -> Vec<Name> { payment.payers.iter().map(|payer| Name::of(payer)).collect() };
    let all: Vec<Known<'_>> =
        stated.iter().enumerate().map(|(n, payment)| Known { n, payment, payers: name_all(payment) }).collect();
    let index = Index::of(&all);
    let mut found: Vec<Match> = vec![Match::Free; lines.len()];
    let mut taken: HashSet<usize> = HashSet::new();
    for rule in [Rule::Id, Rule::Reference, Rule::Figures] {
        let fitting: Vec<Vec<(&Known<'_>, Fit)>> = lines
            .iter()
            .zip(&found)
            .map(|(line, found)| match found {
                Match::Free => {
                    let fits = index.fitting(rule, line).into_iter();
                    fits.filter(|(known, _)| !taken.contains(&known.n)).collect()
                }
                _ => Vec::new(),
            })
            .collect();
        // How many lines each payment fits.
        let mut wanted: HashMap<usize, usize> = HashMap::new();
        for (known, _) in fitting.iter().flatten() {
            *wanted.entry(known.n).or_default() += 1;
        }
        for (place, fits) in found.iter_mut().zip(&fitting) {
            match fits.as_slice() {
                [] => continue,
                [(known, Fit::Yes)] if wanted.get(&known.n) == Some(&1) => *place = Match::Bound(known.payment.id),
                several => *place = Match::Tie(several.iter().map(|(known, _)| known.payment.id).collect()),
            }
            taken.extend(fits.iter().map(|(known, _)| known.n));
        }
    }
    found
}
