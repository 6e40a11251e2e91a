//! Notifications: what a company states without being asked, and their outcomes.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{DisputeFact, Observation, RefundFact};
use crate::domain::money::Money;

/// How a notification names its attempt. What a payer can write is not among it: neither Stripe's `client_reference_id`
/// nor PayPal's `custom_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptLocator {
    /// The provider's reference (`cs_…`, PayPal's order id, VNPay's TxnRef). It makes a payment ours if we stored it
    /// with an attempt.
    pub provider_reference: Option<String>,
    /// Our order id, from data that our server wrote and that only an operator of the account could change. Data of
    /// another deployment names none.
    pub order_id: Option<Uuid>,
    /// The number of the attempt, from the same data.
    pub attempt: Option<i32>,
    /// The attempt's amount, if the provider states it even when no money arrived (VNPay).
    pub amount: Option<Money>,
}

impl AttemptLocator {
    /// A name that only counts if we stored it.
    #[must_use]
    pub fn by_reference(provider_reference: Option<&str>) -> Self {
        let provider_reference = provider_reference.map(str::to_owned);
        Self { provider_reference, order_id: None, attempt: None, amount: None }
    }
}

/// One thing that a verified notification states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Attempt {
        locator: AttemptLocator,
        observation: Observation,
    },
    Refund(RefundFact),
    Dispute(DisputeFact),
    /// It is about another use of the same account, or about another account: a payment link, a subscription, a
    /// connected account.
    Foreign,
    /// A kind of event that needs nothing from us.
    Ignored,
}

/// A verified notification of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The provider's event id, or one that we compose if the provider has none (VNPay).
    pub event_id: String,
    pub event_type: String,
    pub created_at: Option<DateTime<Utc>>,
    pub fact: Fact,
}

/// The outcome of a notification. The provider's code turns it into the reply that its company expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationOutcome {
    /// Recorded now. The payment may have succeeded or failed.
    Recorded,
    /// Nothing is left to do, or the notification was recorded before.
    AlreadySettled,
    /// The signature is right and the marks are ours, but we do not know the order.
    UnknownOrder,
    /// The signature is right, but amount or currency differ from the order's. The money is kept for an operator.
    AmountMismatch,
    /// The signature is right, but the payment is not ours. It is kept for some days and moves nothing.
    Foreign,
    /// The signature is right, but the kind of event needs nothing from us. It is kept for some days.
    Ignored,
    /// The signature is wrong or missing, or the notification is for another merchant.
    BadSignature,
    /// We could not verify or process it: the company has to send it again.
    TryAgain,
}

impl NotificationOutcome {
    pub const ALL: [Self; 8] = [
        Self::Recorded,
        Self::AlreadySettled,
        Self::UnknownOrder,
        Self::AmountMismatch,
        Self::Foreign,
        Self::Ignored,
        Self::BadSignature,
        Self::TryAgain,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::AlreadySettled => "already_settled",
            Self::UnknownOrder => "unknown_order",
            Self::AmountMismatch => "amount_mismatch",
            Self::Foreign => "foreign",
            Self::Ignored => "ignored",
            Self::BadSignature => "bad_signature",
            Self::TryAgain => "try_again",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}
