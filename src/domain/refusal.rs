//! Why a posting was not booked.

use std::fmt;

use chrono::{DateTime, Utc};

use super::money::Money;
use super::wallet_key::WalletKey;

/// What a short wallet had available.
#[derive(Debug, Clone, PartialEq)]
pub struct Shortfall {
    pub wallet: WalletKey,
    pub required: Money,
    pub available: Money,
    pub held: Money,
}

/// The period of a spending cap, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapPeriod {
    Day,
    Month,
}

impl fmt::Display for CapPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "day",
            Self::Month => "month",
        })
    }
}

/// The spending cap that a posting would exceed.
#[derive(Debug, Clone, PartialEq)]
pub struct CapReached {
    /// The wallet that the cap belongs to.
    pub wallet: WalletKey,
    pub period: CapPeriod,
    pub cap: Money,
    /// Spent in this period so far, with what open holds reserve.
    pub spent: Money,
    pub required: Money,
    /// When the period ends.
    pub resets_at: DateTime<Utc>,
}

/// Why a posting was not booked. A refusal changes nothing, and its key can be used again.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("the balance is too low")]
    Insufficient(Shortfall),
    #[error("this key was used before with other content")]
    KeyReused,
    #[error("the wallet is frozen")]
    Frozen,
    #[error("the customer is frozen")]
    CustomerFrozen,
    #[error("the account is being closed, or is closed")]
    AccountClosed,
    #[error("the account is not being closed")]
    NotClosing,
    /// The sum that must be paid first.
    #[error("{0} of taken-back money is owed")]
    TakenBackDebt(Money),
    #[error("the spending cap of this {} is reached", .0.period)]
    CapReached(Box<CapReached>),
    #[error("the wallet would exceed what the ledger can hold")]
    TooLarge,
    #[error("there is no such hold")]
    HoldNotFound,
    #[error("the hold has expired")]
    HoldExpired,
    #[error("the hold is already {status}")]
    HoldClosed { status: &'static str },
    #[error("more than was taken cannot be given back")]
    MoreThanTaken,
}
