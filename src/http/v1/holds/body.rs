//! How holds look on the wire.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::holds::HoldDone;
use crate::domain::hold::{Hold as Held, HoldStatus as Status};
use crate::http::edge::wire::{Amount, CurrencyCode, CustomerIdText, DedupeId, HoldIdText, ProductCode, SignedAmount};

/// The state of a hold.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldStatus {
    Open,
    Captured,
    Released,
    Expired,
}

impl From<Status> for HoldStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Open => Self::Open,
            Status::Captured => Self::Captured,
            Status::Released => Self::Released,
            Status::Expired => Self::Expired,
        }
    }
}

/// A reserved amount.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hold {
    /// The service's id of the hold, which paths contain.
    hold_id: HoldIdText,
    /// Your own id of the hold.
    id: DedupeId,
    customer_id: CustomerIdText,
    status: HoldStatus,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    /// The amount that the hold reserves, or reserved.
    amount: Amount,
    /// The captured amount, which may be more than the hold; null until then.
    captured: Option<Amount>,
    /// The balance of the wallet after the capture; only in the answer to a capture that took money.
    balance_after: Option<SignedAmount>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
}

pub fn hold_body(hold: &Held, done: Option<&HoldDone>) -> Hold {
    let balance_after = done.and_then(|done| done.balance_after);
    Hold {
        hold_id: HoldIdText::of(hold.id),
        id: DedupeId::new(&hold.key),
        customer_id: CustomerIdText::of(&hold.wallet.customer),
        status: hold.status.into(),
        currency: CurrencyCode::of(hold.wallet.currency),
        product: ProductCode::of_product(&hold.wallet.product),
        amount: Amount::from(hold.amount),
        captured: hold.captured.map(Amount::from),
        balance_after: balance_after.map(SignedAmount::from),
        created_at: hold.created_at,
        expires_at: hold.expires_at,
        closed_at: hold.closed_at,
    }
}
