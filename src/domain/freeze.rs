//! Freezes: an operator stops all wallets of a customer, or one wallet, for a reason.
//!
//! A frozen wallet spends nothing: usage that may be refused, new holds, captures beyond their hold, transfers and
//! refunds on request are refused. Money still comes in, and usage that has happened is still booked. Wallets that a
//! frozen customer gets later are frozen, too. The two freezes are independent: one wallet can have both.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::customer::CustomerId;

/// What an operator freezes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frozen {
    /// All wallets, also those that are made later.
    Customer(CustomerId),
    Wallet {
        customer: CustomerId,
        id: Uuid,
    },
}

impl Frozen {
    #[must_use]
    pub fn customer(&self) -> &CustomerId {
        match self {
            Self::Customer(customer) | Self::Wallet { customer, .. } => customer,
        }
    }

    /// The wallet, if only one is frozen.
    #[must_use]
    pub fn wallet(&self) -> Option<Uuid> {
        match self {
            Self::Customer(_) => None,
            Self::Wallet { id, .. } => Some(*id),
        }
    }
}

/// A freeze that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    pub frozen: Frozen,
    pub reason: String,
    pub frozen_by: String,
    pub frozen_at: DateTime<Utc>,
}
