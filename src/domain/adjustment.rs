//! Adjustments: corrections of a wallet by operators. Above a threshold a second operator confirms them.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::customer::CustomerId;
use super::money::Currency;
use super::product::Product;

/// A correction. One that names an order reverses the approval of that order.
#[derive(Debug, Clone, PartialEq)]
pub struct Adjustment {
    pub id: Uuid,
    pub customer: CustomerId,
    pub currency: Currency,
    pub product: Product,
    /// In `currency`; negative when money is taken from the wallet.
    pub amount: Decimal,
    pub reason: String,
    pub second_needed: bool,
    pub proposed_by: String,
    pub approved_by: Option<String>,
    pub created_at: DateTime<Utc>,
    /// `None` while it is a proposal.
    pub booked_at: Option<DateTime<Utc>>,
    pub order_id: Option<Uuid>,
}
