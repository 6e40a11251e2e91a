//! Reversals of usage: back into the balance, into the parts that it was taken from, never more than it was.

use rust_decimal::Decimal;
use uuid::Uuid;

use super::entry::Entry;
use super::posting::{Refusal, ReversedParts};

/// What a deduction took, less what was given back before, as parts.
fn left(original: &Entry, reversed: &[Entry]) -> ReversedParts {
    let given: Decimal = reversed.iter().map(|entry| entry.amount).sum();
    let taken = -original.amount;
    let mut parts = ReversedParts {
        debt: original.debt,
        paid: taken + original.granted - original.debt,
        grants: original.grant_uses.iter().map(|(id, used)| (*id, -*used)).collect(),
        taken_at: original.created_at,
        paid_for: original.label.product_paid_for(),
    };
    // Earlier reversals gave back in the same order, so what they took off follows from their sum alone.
    let _taken_off = take(&mut parts, given);
    parts
}

/// Takes `amount` off the parts, in the order in which a reversal gives back: what was taken last comes first,
/// debt, then paid money, then grants from the last burnt.
fn take(parts: &mut ReversedParts, amount: Decimal) -> ReversedParts {
    let mut rest = amount;
    let mut slice = |part: &mut Decimal| {
        let taken = (*part).min(rest);
        *part -= taken;
        rest -= taken;
        taken
    };
    let debt = slice(&mut parts.debt);
    let paid = slice(&mut parts.paid);
    let mut grants: Vec<(Uuid, Decimal)> = Vec::new();
    for (id, part) in parts.grants.iter_mut().rev() {
        let taken = slice(part);
        if taken > Decimal::ZERO {
            grants.push((*id, taken));
        }
    }
    ReversedParts { debt, paid, grants, taken_at: parts.taken_at, paid_for: parts.paid_for.clone() }
}

/// The parts that a reversal of `amount` (all that is left when `None`) gives back.
///
/// # Errors
/// [`Refusal::MoreThanTaken`] when less is left.
pub fn parts_to_give_back(
    original: &Entry,
    reversed: &[Entry],
    amount: Option<Decimal>,
) -> Result<ReversedParts, Refusal> {
    let mut left = left(original, reversed);
    let total = left.debt + left.paid + left.grants.iter().map(|(_, part)| *part).sum::<Decimal>();
    let amount = amount.unwrap_or(total);
    if amount <= Decimal::ZERO || amount > total {
        return Err(Refusal::MoreThanTaken);
    }
    Ok(take(&mut left, amount))
}
