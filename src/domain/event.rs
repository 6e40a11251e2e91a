//! Events: what happened to a customer's orders and wallets, as the balance stream sends it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::customer::CustomerId;

/// What an event reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A top-up order changed its state or its amounts.
    OrderUpdated,
    /// The available amount of a wallet fell below the threshold of its low-balance alert.
    BalanceLow,
}

impl EventKind {
    pub const ALL: [Self; 2] = [Self::OrderUpdated, Self::BalanceLow];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderUpdated => "order.updated",
            Self::BalanceLow => "balance.low",
        }
    }

    /// Reads what [`EventKind::as_str`] returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An event. It is written in the transaction of the change that it reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub customer: CustomerId,
    /// Grows in the order in which the customer's events became visible to readers.
    pub position: i64,
    pub id: Uuid,
    pub kind: EventKind,
    /// The state at that moment, as the API shows it.
    pub data: serde_json::Value,
    pub created_at: DateTime<Utc>,
}
