//! Refund requests: a customer asks for money of a completed order; an operator approves or refuses.
//!
//! An order has at most one request that waits. While a second operator has to approve the refund that a request led
//! to, the request waits and names that refund; it is approved when the money leaves.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::customer::CustomerId;
use super::money::Money;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundRequestState {
    Waiting,
    /// Its refund has started.
    Approved,
    Refused,
    /// The customer withdrew it.
    Withdrawn,
}

impl RefundRequestState {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Approved, Self::Refused, Self::Withdrawn];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct RefundRequest {
    pub id: Uuid,
    pub order_id: Uuid,
    pub customer: CustomerId,
    /// What the customer wants back, in the order's currency.
    pub amount: Money,
    /// Why, in the customer's words.
    pub reason: String,
    pub state: RefundRequestState,
    pub asked_by: String,
    pub created_at: DateTime<Utc>,
    /// The refund that it led to. While the request waits, that refund waits for a second operator.
    pub refund_id: Option<Uuid>,
    /// Who decided, and when; `None` while it waits.
    pub decided: Option<(String, DateTime<Utc>)>,
    /// What the customer reads about a refusal.
    pub answer: Option<String>,
}

impl RefundRequest {
    #[must_use]
    pub fn waits(&self) -> bool {
        self.state == RefundRequestState::Waiting
    }

    /// Ends the request.
    #[must_use]
    pub fn decide(self, state: RefundRequestState, by: &str, at: DateTime<Utc>, answer: Option<&str>) -> Self {
        Self { state, decided: Some((by.to_owned(), at)), answer: answer.map(str::to_owned), ..self }
    }
}

/// The conditions that a list of refund requests has to meet. An empty list of states allows all of them.
#[derive(Debug, Default, Clone)]
pub struct RefundRequestFilter {
    pub states: Vec<RefundRequestState>,
    pub order_id: Option<Uuid>,
    pub customer: Option<CustomerId>,
}
