//! The states of an order, and how it may move between them.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::domain::money::Money;

/// The state of an order: the six words of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    Pending,
    Processing,
    Completed,
    Cancelled,
    Failed,
    Expired,
}

impl OrderStatus {
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Processing, Self::Completed, Self::Cancelled, Self::Failed, Self::Expired];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether money is still expected.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }

    /// The table of moves. Completed is final. Every other status may become completed, because verified money always
    /// wins.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Completed, _) => false,
            (_, Self::Completed) => true,
            (Self::Pending, Self::Processing | Self::Failed | Self::Cancelled | Self::Expired) => true,
            (Self::Processing, Self::Failed) => true,
            _ => false,
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whom a processing order waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// The money is on its way, is being captured, or is under review at the provider.
    Provider,
    /// The last capture was declined and no money is on its way: the payer can try again at the provider.
    Payer,
    /// A second operator must approve the bank transfer.
    SecondOperator,
    /// Money arrived that does not complete the order. It is ended by a further payment of the full amount, by an
    /// operator who applies the money, or by the return of the money; never by the clock or the customer.
    Rest,
}

impl Awaited {
    pub const ALL: [Self; 4] = [Self::Provider, Self::Payer, Self::SecondOperator, Self::Rest];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Payer => "payer",
            Self::SecondOperator => "second_operator",
            Self::Rest => "rest",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|awaited| awaited.as_str() == text)
    }
}

/// Who made an order fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailedBy {
    /// The provider refused the payment for good.
    Provider,
    /// The customer gave the order up after a declined payment.
    Customer,
    /// An operator rejected the bank transfer, or money that was held for review.
    Operator,
    /// The time ran out after a declined payment.
    Clock,
    /// The money that did not complete it went back.
    Return,
}

impl FailedBy {
    pub const ALL: [Self; 5] = [Self::Provider, Self::Customer, Self::Operator, Self::Clock, Self::Return];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::Clock => "clock",
            Self::Return => "return",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == text)
    }
}

/// What a completed order has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Completion {
    pub at: DateTime<Utc>,
    /// The amount that was proven to have arrived.
    pub received: Money,
}

/// The status of an order with what belongs to that status.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OrderState {
    Pending,
    Processing(Awaited),
    Completed(Completion),
    Cancelled,
    Failed(FailedBy),
    Expired,
}

impl OrderState {
    #[must_use]
    pub fn status(self) -> OrderStatus {
        match self {
            Self::Pending => OrderStatus::Pending,
            Self::Processing(_) => OrderStatus::Processing,
            Self::Completed(_) => OrderStatus::Completed,
            Self::Cancelled => OrderStatus::Cancelled,
            Self::Failed(_) => OrderStatus::Failed,
            Self::Expired => OrderStatus::Expired,
        }
    }

    /// Whether an order may move like this. In addition to the table of statuses there is one way back: if a proposal
    /// is withdrawn, an order that waited for a second operator waits for its money again.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        let (from, to) = (self.status(), next.status());
        let is_withdrawn = self == Self::Processing(Awaited::SecondOperator) && next == Self::Pending;
        from == to || from.may_become(to) || is_withdrawn
    }
}
