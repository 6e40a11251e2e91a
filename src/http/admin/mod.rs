//! What operators call, under `/v1/admin`.

pub mod agreements;
pub mod bank_accounts;
pub mod channel_rules;
pub mod disputes;
pub mod products;
pub mod refunds;
pub mod top_up_options;
pub mod top_up_orders;
pub mod unapplied_payments;

use uuid::Uuid;

use crate::app::Error;
use crate::domain::id::IdKind;

/// Reads the `order` of a list's query.
fn order_filter(order: Option<&str>) -> Result<Option<Uuid>, Error> {
    let Some(order) = order else { return Ok(None) };
    let malformed = || Error::field("?order", "malformed", "must be the id of a top-up order");
    IdKind::TopUpOrder.parse(order).map(Some).ok_or_else(malformed)
}
