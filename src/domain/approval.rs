//! Approvals: an operator states that a bank transfer arrived. Above a threshold a second operator confirms it.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Who confirmed an approval, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    pub by: String,
    pub at: DateTime<Utc>,
}

/// The statement that a bank transfer for an order arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    pub order_id: Uuid,
    /// In the order's currency.
    pub received_amount: Decimal,
    pub bank_transaction_id: String,
    pub bank_account_id: Uuid,
    pub received_on: NaiveDate,
    pub note: Option<String>,
    pub second_needed: bool,
    pub proposed_by: String,
    pub proposed_at: DateTime<Utc>,
    /// `None` while the approval is a proposal.
    pub confirmation: Option<Confirmation>,
}
