//! A transfer moves paid money between two wallets of one customer: to a product, or back from it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::client_data::ClientData;
use super::customer::CustomerId;
use super::money::Money;
use super::product::Product;

/// A transfer that was booked. Its two entries name it as their reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub id: Uuid,
    pub customer: CustomerId,
    /// Greater than zero; fits the currency's minor unit.
    pub amount: Money,
    pub from: Product,
    pub to: Product,
    /// The order that this transfer paid, for orders of the channel `balance`.
    pub order_id: Option<Uuid>,
    pub client: ClientData,
    pub created_at: DateTime<Utc>,
}
