//! Disputes: a payer asks the bank or the payment company for the money back.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::customer::CustomerId;
use super::money::Currency;
use super::payment::{DisputeStatus, ProviderName};

/// A recorded dispute. While it is open or lost, the order's wallet has given the disputed money. All amounts are in
/// `currency`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispute {
    pub id: Uuid,
    pub payment_id: Uuid,
    /// The order that the payment completed; `None` for a payment that served no order.
    pub order_id: Option<Uuid>,
    /// The order's customer.
    pub customer: Option<CustomerId>,
    pub provider: ProviderName,
    /// The provider's id of the dispute.
    pub dispute_id: String,
    /// Whether the provider took the money back before it reported a dispute. If so, `dispute_id` is `reversal:<refund
    /// id>` until a dispute of the same payment brings its own id.
    pub awaits_id: bool,
    pub currency: Currency,
    pub amount: Decimal,
    pub status: DisputeStatus,
    pub reason: Option<String>,
    /// What the wallet gave for it in paid money or debt, less what it got back.
    pub taken_back: Decimal,
    /// What was taken of the order's bonus, less what was restored.
    pub bonus_taken: Decimal,
    pub restored: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The conditions that a list of disputes has to meet. An empty list of statuses allows all of them.
#[derive(Debug, Default, Clone)]
pub struct DisputeFilter {
    pub statuses: Vec<DisputeStatus>,
    pub order_id: Option<Uuid>,
    pub customer: Option<CustomerId>,
}
