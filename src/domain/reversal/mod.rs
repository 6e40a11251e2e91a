//! Reversals of usage: money comes back into the parts that it was taken from, and never more than was taken.
//!
//! What was taken last is given back first, so the wallet is left as a smaller usage would have left it.

use uuid::Uuid;

use super::entry::Entry;
use super::hold::Hold;
use super::money::Money;
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
fn taken(original: &Entry, hold: Option<&Hold>) -> Vec<(Part, Money)> {
    let mut grants: Vec<(Uuid, Money)> = original.grant_uses.iter().map(|(id, used)| (*id, -*used)).collect();
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
fn take(slices: &mut [(Part, Money)], amount: Money) -> Vec<(Part, Money)> {
    let mut rest = amount;
    let mut taken = Vec::new();
    for (part, left) in slices.iter_mut().rev() {
        let slice = (*left).min(rest);
        if slice.is_positive() {
            *left -= slice;
            rest -= slice;
            taken.push((*part, slice));
        }
    }
    taken
}

/// The parts that a reversal of `amount` gives back; `None` is all that is left. `original` has its grants in burn
/// order; `hold` is the one that it captured, needed only where grants were used.
///
/// # Errors
/// [`Refusal::MoreThanTaken`] when less is left.
pub(in crate::domain) fn parts_to_give_back(
    original: &Entry,
    hold: Option<&Hold>,
    reversed: &[Entry],
    amount: Option<Money>,
) -> Result<ReversedParts, Refusal> {
    let currency = original.currency();
    let mut left = taken(original, hold);
    let given = reversed.iter().filter(|entry| entry.wallet_id == original.wallet_id);
    // Earlier reversals gave back in the same order, so what they took off follows from their sum alone.
    let _given = take(&mut left, Money::sum(currency, given.map(|entry| entry.amount)));
    let total = Money::sum(currency, left.iter().map(|(_, slice)| *slice));
    let amount = amount.unwrap_or(total);
    if !amount.is_positive() || amount > total {
        return Err(Refusal::MoreThanTaken);
    }
    let mut parts = ReversedParts {
        debt: Money::zero(currency),
        paid: Money::zero(currency),
        grants: Vec::new(),
        taken_at: original.created_at,
        paid_for: original.label.product_paid_for().cloned(),
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
