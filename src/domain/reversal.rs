//! Reversals of usage: money comes back into the parts that it was taken from, and never more than was taken.
//!
//! What was taken last is given back first, so the wallet is left as a smaller usage would have left it.

use rust_decimal::Decimal;
use uuid::Uuid;

use super::entry::Entry;
use super::hold::Hold;
use super::posting::{Refusal, ReversedParts};

/// The part of a balance that a slice of a deduction was taken from.
#[derive(Clone, Copy)]
enum Part {
    Grant(Uuid),
    Paid,
    Debt,
}

/// The slices of a deduction in the order in which they were taken: what its hold had reserved, then grants in burn
/// order (as the entry has them), then paid money, then debt.
fn taken(original: &Entry, hold: Option<&Hold>) -> Vec<(Part, Decimal)> {
    let mut grants: Vec<(Uuid, Decimal)> = original.grant_uses.iter().map(|(id, used)| (*id, -*used)).collect();
    let mut paid = -original.paid();
    let mut slices = Vec::new();
    if let Some(hold) = hold {
        let mut within = hold.amount.min(-original.amount);
        for (id, reserved) in &hold.grant_parts {
            if let Some((_, used)) = grants.iter_mut().find(|(used, _)| used == id) {
                let slice = (*reserved).min(*used).min(within);
                *used -= slice;
                within -= slice;
                slices.push((Part::Grant(*id), slice));
            }
        }
        let slice = within.min(paid);
        paid -= slice;
        slices.push((Part::Paid, slice));
    }
    slices.extend(grants.into_iter().map(|(id, used)| (Part::Grant(id), used)));
    slices.extend([(Part::Paid, paid), (Part::Debt, original.debt)]);
    slices
}

/// Takes `amount` off the end of the slices.
fn take(slices: &mut [(Part, Decimal)], amount: Decimal) -> Vec<(Part, Decimal)> {
    let mut rest = amount;
    let mut taken = Vec::new();
    for (part, left) in slices.iter_mut().rev() {
        let slice = (*left).min(rest);
        if slice > Decimal::ZERO {
            *left -= slice;
            rest -= slice;
            taken.push((*part, slice));
        }
    }
    taken
}

/// The parts that a reversal of `amount` (all that is left when `None`) gives back. `original` has its grants in burn
/// order; `hold` is the one that it captured, needed only where grants were used.
///
/// # Errors
/// [`Refusal::MoreThanTaken`] when less is left.
pub(in crate::domain) fn parts_to_give_back(
    original: &Entry,
    hold: Option<&Hold>,
    reversed: &[Entry],
    amount: Option<Decimal>,
) -> Result<ReversedParts, Refusal> {
    let mut left = taken(original, hold);
    // Earlier reversals gave back in the same order, so what they took off follows from their sum alone.
    let _given = take(&mut left, reversed.iter().map(|entry| entry.amount).sum());
    let total = left.iter().map(|(_, slice)| *slice).sum();
    let amount = amount.unwrap_or(total);
    if amount <= Decimal::ZERO || amount > total {
        return Err(Refusal::MoreThanTaken);
    }
    let mut parts = ReversedParts {
        taken_at: original.created_at,
        paid_for: original.label.product_paid_for().cloned(),
        ..ReversedParts::default()
    };
    for (part, slice) in take(&mut left, amount) {
        match part {
            Part::Debt => parts.debt += slice,
            Part::Paid => parts.paid += slice,
            Part::Grant(id) => match parts.grants.iter_mut().find(|(known, _)| *known == id) {
                Some((_, sum)) => *sum += slice,
                None => parts.grants.push((id, slice)),
            },
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests;
