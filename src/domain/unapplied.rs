//! What operators decide about money that serves no order: it is applied, it goes back, or it is dismissed.
//!
//! A decision concerns a part of the payment's unapplied rest, which it takes once: the rest of a
//! [`crate::domain::payment::Payment`] never becomes negative. If one operator may not decide alone, the decision waits
//! for another one, and moves nothing until then; if the rest has become smaller meanwhile, it is refused.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::customer::CustomerId;
use super::money::{Currency, Money};
use super::order::TimeRange;
use super::own_word::ProposalEnd;
use super::payment::ProviderName;
use super::product::Product;

/// The destination of the money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// An order that it completes, whatever the order's amount is.
    Order { id: Uuid, customer: CustomerId },
    /// A wallet of a customer.
    Wallet { customer: CustomerId, product: Product },
    /// Back to the payer, by the company that took it. `customer` is the one of the order that the payment names.
    Payer { customer: Option<CustomerId> },
    /// Back to the payer, by a bank transfer that an operator has made, with this bank id.
    PayerByHand { bank_transaction_id: String },
}

impl Destination {
    /// The customer whose money it becomes, or whose payment went back.
    #[must_use]
    pub fn customer(&self) -> Option<&CustomerId> {
        match self {
            Self::Order { customer, .. } | Self::Wallet { customer, .. } => Some(customer),
            Self::Payer { customer } => customer.as_ref(),
            Self::PayerByHand { .. } => None,
        }
    }

    /// The name in the database and in the API.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Order { .. } => "order",
            Self::Wallet { .. } => "wallet",
            Self::Payer { .. } => "payer",
            Self::PayerByHand { .. } => "payer_by_hand",
        }
    }
}

/// A decision about unapplied money.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub id: Uuid,
    pub payment_id: Uuid,
    pub destination: Destination,
    /// In the payment's currency.
    pub amount: Money,
    pub reason: String,
    pub second_needed: bool,
    pub proposed_by: String,
    pub proposed_at: DateTime<Utc>,
    /// `None` while it waits for a second operator, and if none was needed.
    pub end: Option<ProposalEnd>,
    /// When it was carried out.
    pub done_at: Option<DateTime<Utc>>,
    /// The refund by which the money goes back.
    pub refund_id: Option<Uuid>,
}

impl Decision {
    /// Whether it waits for a second operator.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.done_at.is_none() && self.end.is_none()
    }
}

/// Which unapplied payments a list shows.
#[derive(Debug, Clone, Default)]
pub struct UnappliedFilter {
    pub provider: Option<ProviderName>,
    pub currency: Option<Currency>,
    /// The order that the payment names.
    pub order: Option<Uuid>,
    /// The customer of that order.
    pub customer: Option<CustomerId>,
    pub received: TimeRange,
    /// Dismissed payments, instead of those that wait for an operator.
    pub is_dismissed: bool,
}
