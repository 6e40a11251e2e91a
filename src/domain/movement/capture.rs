//! Capture: a hold ends with the actual amount of the call.

use rust_decimal::Decimal;
use uuid::Uuid;

use super::hold::of_hold;
use crate::domain::posting::{Change, Posting};

/// Takes `amount`, zero or more. The hold says in which currency; the caller does not know it. If it is less than was
/// held, the rest is freed; if it is more, the difference is taken from what is available. Repeating it with the same
/// amount changes nothing.
#[must_use]
pub fn capture(hold_id: Uuid, amount: Decimal) -> Posting {
    of_hold(hold_id, Change::Capture { amount }, &amount.normalize().to_string())
}
