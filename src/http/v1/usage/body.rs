//! How a recorded usage looks on the wire.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::UsageStatus;
use crate::app::usage::UsageRecord as Found;
use crate::http::edge::wire::{
    Amount, CurrencyCode, CustomerIdText, DedupeId, Description, FlowIdText, Metadata, ProductCode, SignedAmount,
};

/// A booked usage, with everything that was stated about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageRecord {
    /// The platform's id of the usage; for a captured hold, its `hold_id`.
    id: DedupeId,
    customer_id: CustomerIdText,
    status: UsageStatus,
    currency: CurrencyCode,
    /// The amount that was deducted.
    amount: Amount,
    /// How much of it reversals have given back.
    reversed_amount: Amount,
    /// The product whose wallet paid; null for the main wallet.
    product: Option<ProductCode>,
    /// The balance of that wallet after the usage: paid + granted − debt.
    balance_after: SignedAmount,
    /// The part of the amount that became debt.
    debt: Amount,
    description: Option<Description>,
    /// The text as it was sent; null if none was sent, and after the customer's texts were erased.
    #[schema(value_type = Option<Metadata>)]
    metadata: Option<Value>,
    /// When the consumption happened, as the caller stated; null if nothing was stated.
    occurred_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    /// The account flow of the usage.
    account_flow_id: FlowIdText,
}

impl From<&Found> for UsageRecord {
    fn from(found: &Found) -> Self {
        let (entry, wallet) = (&found.entry, &found.wallet);
        Self {
            id: DedupeId::new(entry.label.reversed_as()),
            customer_id: CustomerIdText::of(&wallet.customer),
            status: UsageStatus::Booked,
            currency: CurrencyCode::of(wallet.currency),
            amount: Amount::from(-entry.amount),
            reversed_amount: found.reversed.into(),
            product: ProductCode::of_product(&wallet.product),
            balance_after: entry.balance_after.into(),
            debt: entry.debt.into(),
            description: entry.label.description().map(Description::new),
            metadata: entry.label.metadata().cloned(),
            occurred_at: entry.label.occurred_at(),
            created_at: entry.created_at,
            account_flow_id: FlowIdText::of(found.flow()),
        }
    }
}
