//! Reversed approval: the credit of a bank transfer was wrong.

use uuid::Uuid;

use super::OfOrder;
use crate::domain::counterpart::Counterpart;
use crate::domain::take_back::{TakeBackId, TakeBackOrigin, TakenFrom};

/// The movements of a reversed approval: an operator approved a bank transfer that never came, or that another customer
/// sent. The counterpart is our bank account that it was booked on.
#[must_use]
pub fn of_reversed_approval(
    order: OfOrder<'_>,
    adjustment_id: Uuid,
    bank_account: &str,
    reason: &str,
) -> TakeBackOrigin {
    let (id, counterpart) = (TakeBackId::Adjustment(adjustment_id), Counterpart::Bank(bank_account.to_owned()));
    TakeBackOrigin { id, of: TakenFrom::Order(order.id), counterpart, description: Some(reason.to_owned()) }
}
