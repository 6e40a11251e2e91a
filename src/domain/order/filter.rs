//! Which orders a list shows.

use chrono::{DateTime, Utc};

use super::OrderStatus;
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::payment::Channel;
use crate::domain::product::Product;

/// From a moment on, and before another one.
#[derive(Debug, Default, Clone, Copy)]
pub struct TimeRange {
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}

/// Amounts of one currency, both ends included.
#[derive(Debug, Default, Clone, Copy)]
pub struct AmountRange {
    pub least: Option<Money>,
    pub most: Option<Money>,
}

/// What operators have to work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worklist {
    /// Bank transfers whose orders wait for their verification.
    AwaitingVerification,
    /// Bank transfers that have waited for longer than promised: their orders were created before this moment.
    Overdue(DateTime<Utc>),
    /// An operator's proposal waits for a second operator.
    AwaitingSecondOperator,
    /// Money arrived that does not complete the order.
    ShortPayment,
    /// A company reviews the money, or has not reported its state since this moment.
    StuckAtProvider(DateTime<Utc>),
}

/// The conditions that a list of orders has to meet. An empty list of statuses or channels allows all of them.
#[derive(Debug, Default, Clone)]
pub struct OrderFilter {
    pub customer: Option<CustomerId>,
    pub statuses: Vec<OrderStatus>,
    pub channels: Vec<Channel>,
    pub product: Option<Product>,
    pub currency: Option<Currency>,
    pub created: TimeRange,
    pub completed: TimeRange,
    pub updated: TimeRange,
    pub amount: AmountRange,
    pub reference: Option<String>,
    pub client_reference: Option<String>,
    pub worklist: Option<Worklist>,
}
