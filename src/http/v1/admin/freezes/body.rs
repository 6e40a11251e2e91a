//! How freezes look on the wire.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Reader;
use crate::domain::customer::CustomerId;
use crate::domain::freeze;
use crate::http::edge::wire::{Actor, CustomerIdText, Reason, WalletId};

/// Whether a customer or a wallet is frozen.
#[derive(Debug, Serialize, ToSchema)]
pub struct Freeze {
    customer_id: Option<CustomerIdText>,
    /// The wallet; null for all wallets of the customer.
    wallet_id: Option<WalletId>,
    frozen: bool,
    /// Why it is frozen. This field and the next two are null if it is not frozen. Only operators learn the reason.
    reason: Option<Reason>,
    frozen_by: Option<Actor>,
    frozen_at: Option<DateTime<Utc>>,
}

impl From<freeze::Freeze> for Freeze {
    fn from(freeze: freeze::Freeze) -> Self {
        Self {
            customer_id: Some(CustomerIdText::of(freeze.frozen.customer())),
            wallet_id: freeze.frozen.wallet().map(WalletId::of),
            frozen: true,
            reason: Some(Reason::new(freeze.reason)),
            frozen_by: Some(Actor::new(freeze.frozen_by)),
            frozen_at: Some(freeze.frozen_at),
        }
    }
}

impl Freeze {
    /// The freeze as this reader may see it.
    #[must_use]
    pub fn told_to(self, reader: Reader) -> Self {
        Self {
            reason: self.reason.filter(|_| reader == Reader::Operator),
            frozen_by: self.frozen_by.map(|by| Actor::new(reader.told(&by))),
            ..self
        }
    }

    pub fn ended(customer: &CustomerId, wallet_id: Option<WalletId>) -> Self {
        let customer_id = Some(CustomerIdText::of(customer));
        Self { customer_id, wallet_id, frozen: false, reason: None, frozen_by: None, frozen_at: None }
    }
}
