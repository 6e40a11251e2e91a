//! Attempts: each try to have an order paid at its provider. One attempt of an order is open at a time.

use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::order::Order;
use super::payment::ProviderName;

/// The status of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptStatus {
    /// It can still be paid.
    Open,
    /// It can never be paid.
    Dead,
    Paid,
}

impl AttemptStatus {
    pub const ALL: [Self; 3] = [Self::Open, Self::Dead, Self::Paid];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Dead => "dead",
            Self::Paid => "paid",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What the payer has to do next.
#[derive(Clone, PartialEq, Eq)]
pub enum NextAction {
    Redirect {
        url: String,
    },
    /// For the company's script in the browser. The value is a bearer secret for one payment: it is never logged.
    ClientSecret {
        value: String,
        publishable_key: String,
    },
    /// A transfer to our bank account. Its details are those of the order's account.
    BankTransfer,
}

impl fmt::Debug for NextAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redirect { url } => f.debug_struct("Redirect").field("url", url).finish(),
            Self::ClientSecret { .. } => f.write_str("ClientSecret([REDACTED])"),
            Self::BankTransfer => f.write_str("BankTransfer"),
        }
    }
}

/// One try to have an order paid.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub order_id: Uuid,
    /// The number of the attempt among those of its order, from 1.
    pub n: i32,
    pub provider: ProviderName,
    /// The idempotency key of the call that creates the attempt at the provider: `<order>-<n>`.
    pub request_key: String,
    /// The customer's address when the order was created. A repeated call sends the same bytes.
    pub customer_email: Option<String>,
    /// The provider's name for the attempt; `None` until the provider has answered.
    pub provider_reference: Option<String>,
    pub next_action: Option<NextAction>,
    pub status: AttemptStatus,
    pub created_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
    /// The end of the lease: until then one process calls the provider.
    pub leased_until: Option<DateTime<Utc>>,
}

impl Attempt {
    /// The first attempt of an order that was just created.
    #[must_use]
    pub fn first(order: &Order, customer_email: Option<String>) -> Self {
        Self {
            order_id: order.id,
            n: 1,
            provider: order.provider,
            request_key: format!("{}-1", order.id.as_simple()),
            customer_email,
            provider_reference: None,
            next_action: None,
            status: AttemptStatus::Open,
            created_at: order.created_at,
            sent_at: None,
            leased_until: None,
        }
    }

    /// The attempt that follows one that can never be paid. It has a key of its own.
    #[must_use]
    pub fn next(&self, created_at: DateTime<Utc>) -> Self {
        let n = self.n + 1;
        Self {
            n,
            request_key: format!("{}-{n}", self.order_id.as_simple()),
            provider_reference: None,
            next_action: None,
            status: AttemptStatus::Open,
            created_at,
            sent_at: None,
            leased_until: None,
            ..self.clone()
        }
    }

    /// The idempotency key of a capture: `<order>-<n>`, plus the number of declines so far. Providers repeat the final
    /// answer to a used key for ever, so a capture after a decline needs a new key. A capture with an unknown outcome
    /// keeps its key.
    #[must_use]
    pub fn capture_key(&self, order: &Order) -> String {
        if order.declines == 0 { self.request_key.clone() } else { format!("{}-{}", self.request_key, order.declines) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_column_is_read_back_as_what_was_written() {
        assert!(AttemptStatus::ALL.into_iter().all(|status| AttemptStatus::parse(status.as_str()) == Some(status)));
        assert_eq!(AttemptStatus::parse("closed"), None);
    }
}
