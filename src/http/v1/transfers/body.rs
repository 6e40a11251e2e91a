//! How transfers look on the wire.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::transfer;
use crate::http::edge::wire::{
    Amount, ClientReference, CurrencyCode, CustomerIdText, Metadata, ProductCode, TopUpOrderId, TransferId,
};

/// A transfer that was booked.
#[derive(Debug, Serialize, ToSchema)]
pub struct Transfer {
    id: TransferId,
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    amount: Amount,
    /// The product that gave the money; null for the main wallet.
    from_product: Option<ProductCode>,
    /// The product that got the money; null for the main wallet.
    to_product: Option<ProductCode>,
    /// The order that the transfer paid, if it was paid through the channel `balance`.
    order_id: Option<TopUpOrderId>,
    /// The reference that the caller gave the transfer.
    client_reference: Option<ClientReference>,
    /// What the caller attached to the transfer.
    #[schema(value_type = Option<Metadata>)]
    metadata: Option<Value>,
    created_at: DateTime<Utc>,
}

impl From<&transfer::Transfer> for Transfer {
    fn from(transfer: &transfer::Transfer) -> Self {
        Self {
            id: TransferId::of(transfer.id),
            customer_id: CustomerIdText::of(&transfer.customer),
            currency: CurrencyCode::of(transfer.amount.currency()),
            amount: transfer.amount.into(),
            from_product: ProductCode::of_product(&transfer.from),
            to_product: ProductCode::of_product(&transfer.to),
            order_id: transfer.order_id.map(TopUpOrderId::of),
            client_reference: transfer.client.reference.as_deref().map(ClientReference::new),
            metadata: transfer.client.metadata.clone(),
            created_at: transfer.created_at,
        }
    }
}
