//! Holds: an amount reserved for a running call.

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::money::Money;
use super::wallet_key::WalletKey;

/// The longest lifetime that one request may ask for, from now: 24 hours.
pub const MAX_HOLD_SECONDS: i64 = 24 * 60 * 60;

/// The longest life of a hold from its opening, however often it is extended. The reserved part of a grant stays
/// capturable until the hold ends, past the grant's own expiry.
pub const MAX_HOLD_LIFE: Duration = Duration::days(7);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldStatus {
    Open,
    Captured,
    Released,
    Expired,
}

impl HoldStatus {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Captured => "captured",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Captured, Self::Released, Self::Expired].into_iter().find(|status| status.as_str() == text)
    }
}

/// An amount that a wallet reserves, in the wallet's currency. The parts that it reserves are fixed at its opening.
#[derive(Debug, Clone, PartialEq)]
pub struct Hold {
    pub id: Uuid,
    pub wallet: WalletKey,
    pub wallet_id: Uuid,
    pub key: String,
    pub fingerprint: i64,
    pub amount: Money,
    /// Reserved parts of grants, in burn order; the rest of the amount is paid money.
    pub grant_parts: Vec<(Uuid, Money)>,
    pub description: Option<String>,
    pub metadata: Option<serde_json::Value>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub status: HoldStatus,
    /// The captured amount, including what went beyond the hold's amount.
    pub captured: Option<Money>,
    pub closed_at: Option<DateTime<Utc>>,
}

impl Hold {
    /// The part that grants give.
    #[must_use]
    pub fn granted(&self) -> Money {
        Money::sum(self.wallet.currency, self.grant_parts.iter().map(|(_, amount)| *amount))
    }

    /// The grant, if the hold reserves credit of exactly one.
    #[must_use]
    pub fn only_grant(&self) -> Option<Uuid> {
        match self.grant_parts.as_slice() {
            [(id, _)] => Some(*id),
            _ => None,
        }
    }

    /// Whether its time is over, so that it reserves nothing any more.
    #[must_use]
    pub fn is_lapsed(&self, now: DateTime<Utc>) -> bool {
        self.status == HoldStatus::Open && self.expires_at <= now
    }
}
