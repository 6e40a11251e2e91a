//! Which order a line of a file may be for.
//!
//! | what agrees | score |
//! |---|---|
//! | the order's reference is in the line | 100 |
//! | amount and remitter | 60 |
//! | amount, and the order is at most 14 days older than the line | 30 |
//!
//! Scores add up. The order with the highest score is suggested; if two share it, none is suggested.

use chrono::{Duration, NaiveDate};
use uuid::Uuid;

use super::StatementLine;
use crate::domain::money::Money;
use crate::domain::remitter::Name;

const REFERENCE: u16 = 100;
const AMOUNT_AND_REMITTER: u16 = 60;
const AMOUNT_AND_DATE: u16 = 30;
/// How many days an order may be older than its line.
pub const OLDEST_DAYS: i64 = 14;

/// An order that waits for a bank transfer in the line's currency.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenOrder {
    pub id: Uuid,
    pub reference: String,
    /// What the payer pays.
    pub amount: Money,
    /// Who will pay, as the customer declares.
    pub remitter: Option<String>,
    pub created_on: NaiveDate,
}

/// What is suggested for a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suggestion {
    Nothing,
    /// This order, with its score.
    Order(Uuid, u16),
    /// Several orders share the highest score.
    Tie,
}

/// The score of an order for a line that brought money, and that has these references and this remitter.
fn score(line: &StatementLine, references: &[String], remitter: Option<&Name>, order: &OpenOrder) -> u16 {
    let has_reference = references.contains(&order.reference);
    let has_amount = line.amount == order.amount;
    // Comparing names takes long, and there are thousands of orders.
    let declared = order.remitter.as_deref().filter(|_| has_amount).map(Name::of);
    let has_remitter = remitter.zip(declared.as_ref()).is_some_and(|(one, other)| one.is_same(other));
    // A bank's day may be one behind ours.
    let age = line.booked_on - order.created_on;
    let is_near = age >= Duration::days(-1) && age <= Duration::days(OLDEST_DAYS);
    let points = |holds: bool, points: u16| if holds { points } else { 0 };
    points(has_reference, REFERENCE)
        + points(has_remitter, AMOUNT_AND_REMITTER)
        + points(has_amount && is_near, AMOUNT_AND_DATE)
}

/// The order that is suggested for a line.
#[must_use]
pub fn suggest(line: &StatementLine, orders: &[OpenOrder]) -> Suggestion {
    let (references, remitter) = (line.references(), line.remitter.as_deref().map(Name::of));
    let mut best = Suggestion::Nothing;
    let mut highest = 0;
    for order in orders {
        let score = score(line, &references, remitter.as_ref(), order);
        if score > highest {
            highest = score;
            best = Suggestion::Order(order.id, score);
        } else if score == highest && score > 0 {
            best = Suggestion::Tie;
        }
    }
    best
}
