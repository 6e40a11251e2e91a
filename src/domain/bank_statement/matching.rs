//! Finds the payment that a line of a file is, among those that operators have stated.
//!
//! First the bank's id decides, then the order's reference in the line, then account, amount, day and remitter. A line
//! that names other orders than the payment serves is another payment, whatever its figures are. Where one line and one
//! payment fit each other alone, they are bound. In any other case an operator chooses: of two lines that fit one
//! payment, one is another payment.

use std::collections::HashSet;

use chrono::NaiveDate;
use uuid::Uuid;

use super::StatementLine;
use crate::domain::bank_transaction::{ALIKE_WITHIN_DAYS, Identity};
use crate::domain::money::Money;
use crate::domain::remitter;

/// A payment that an operator stated, and that no line stands for yet. It is on the account of the lines.
#[derive(Debug, Clone, PartialEq)]
pub struct StatedPayment {
    pub id: Uuid,
    pub identity: Identity,
    pub amount: Money,
    /// What serves orders, or went back.
    pub used: Money,
    /// Its approval was reversed: what arrived is known by the line.
    pub amount_is_open: bool,
    pub received_on: NaiveDate,
    /// Who paid, as stated and as the orders declare that it serves. Empty: unknown.
    pub payers: Vec<String>,
    /// The references of the orders that it serves or names.
    pub references: Vec<String>,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It is this payment.
    Bound(Uuid),
    /// It may be one of these, and an operator has to choose.
    Tie(Vec<Uuid>),
    /// Nobody has stated it: it is a new payment.
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

type Rule = fn(&StatementLine, &StatedPayment) -> Fit;

fn by_id(line: &StatementLine, payment: &StatedPayment) -> Fit {
    let identity = line.identity();
    if !identity.is_by_id() || identity != payment.identity {
        return Fit::No;
    }
    let is_restated = payment.amount_is_open && payment.used <= line.amount;
    if is_restated || payment.amount == line.amount { Fit::Yes } else { Fit::Doubtful }
}

fn by_reference(line: &StatementLine, payment: &StatedPayment) -> Fit {
    let references = line.references();
    match payment.references.iter().any(|reference| references.contains(reference)) {
        true if payment.amount == line.amount => Fit::Yes,
        true => Fit::Doubtful,
        false => Fit::No,
    }
}

fn by_figures(line: &StatementLine, payment: &StatedPayment) -> Fit {
    let days = (line.booked_on - payment.received_on).num_days().abs();
    let is_payer = |remitter: &String| {
        payment.payers.is_empty() || payment.payers.iter().any(|payer| remitter::is_same(payer, remitter))
    };
    let references = line.references();
    let is_for_others = !references.is_empty()
        && !payment.references.is_empty()
        && !payment.references.iter().any(|reference| references.contains(reference));
    let fits = payment.amount == line.amount
        && days <= ALIKE_WITHIN_DAYS
        && !is_for_others
        && line.remitter.as_ref().is_none_or(is_payer);
    if fits { Fit::Yes } else { Fit::No }
}

/// Decides for each line on which money arrived which payment it is.
#[must_use]
pub fn match_lines(lines: &[StatementLine], stated: &[StatedPayment]) -> Vec<Match> {
    let mut found: Vec<Match> = vec![Match::Free; lines.len()];
    let mut taken: HashSet<Uuid> = HashSet::new();
    let rules: [Rule; 3] = [by_id, by_reference, by_figures];
    for rule in rules {
        let open: Vec<&StatedPayment> = stated.iter().filter(|payment| !taken.contains(&payment.id)).collect();
        let fitting: Vec<Vec<(Uuid, Fit)>> = lines
            .iter()
            .zip(&found)
            .map(|(line, found)| match found {
                Match::Free => {
                    let fits = open.iter().map(|payment| (payment.id, rule(line, payment)));
                    fits.filter(|(_, fit)| *fit != Fit::No).collect()
                }
                _ => Vec::new(),
            })
            .collect();
        let wanted = |id: Uuid| fitting.iter().filter(|fits| fits.iter().any(|(other, _)| *other == id)).count();
        for (place, fits) in found.iter_mut().zip(&fitting) {
            match fits.as_slice() {
                [] => continue,
                [(id, Fit::Yes)] if wanted(*id) == 1 => *place = Match::Bound(*id),
                several => *place = Match::Tie(several.iter().map(|(id, _)| *id).collect()),
            }
            taken.extend(fits.iter().map(|(id, _)| *id));
        }
    }
    found
}
