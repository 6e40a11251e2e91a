//! PayPal's objects, as far as a top-up meets them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value;

use super::money::Money;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderStatus {
    Created,
    PayerActionRequired,
    Approved,
    Voided,
    Completed,
}

impl OrderStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::PayerActionRequired => "PAYER_ACTION_REQUIRED",
            Self::Approved => "APPROVED",
            Self::Voided => "VOIDED",
            Self::Completed => "COMPLETED",
        }
    }
}

/// What the capture of an approved order will come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Plan {
    #[default]
    Completes,
    /// PENDING with this reason.
    Pending(String),
    /// A capture of this status: DECLINED, FAILED.
    Status(&'static str),
    /// Refused with this issue.
    Issue(&'static str),
}

/// What becomes of refunds that are asked for from now on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum RefundMode {
    #[default]
    Completes,
    StaysPending,
    Fails,
}

#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub reference_id: String,
    pub custom_id: Option<String>,
    pub invoice_id: Option<String>,
    pub description: Option<String>,
    pub soft_descriptor: Option<String>,
    pub amount: Money,
    pub capture: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Order {
    pub id: String,
    pub created: DateTime<Utc>,
    pub updated: DateTime<Utc>,
    pub status: OrderStatus,
    pub units: Vec<Unit>,
    /// Created with `payment_source.paypal`: then the link is `payer-action`.
    pub with_source: bool,
    pub brand: Option<String>,
    pub return_url: Option<String>,
    pub cancel_url: Option<String>,
    pub plan: Plan,
    pub refund_mode: RefundMode,
    pub silent: bool,
}

impl Order {
    pub fn total(&self) -> Option<Money> {
        let first = self.units.first()?;
        Some(first.amount.of(self.units.iter().map(|unit| unit.amount.value).sum()))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Capture {
    pub id: String,
    pub order: String,
    pub created: DateTime<Utc>,
    pub updated: DateTime<Utc>,
    pub status: &'static str,
    pub reason: Option<String>,
    pub amount: Money,
    pub refunded: Decimal,
    pub custom_id: Option<String>,
    pub invoice_id: Option<String>,
    /// Taken back by the buyer's bank.
    pub charged_back: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub id: String,
    pub capture: String,
    pub created: DateTime<Utc>,
    pub updated: DateTime<Utc>,
    pub status: &'static str,
    pub amount: Money,
    pub custom_id: Option<String>,
    pub invoice_id: Option<String>,
    pub note: Option<String>,
    /// Everything refunded of the capture so far, this one included.
    pub total: Decimal,
}

#[derive(Debug, Clone)]
pub(super) struct Dispute {
    pub id: String,
    pub capture: String,
    pub created: DateTime<Utc>,
    pub updated: DateTime<Utc>,
    pub status: &'static str,
    pub outcome: Option<&'static str>,
    pub amount: Money,
}

/// An event that an action brought about, not yet sent.
#[derive(Debug)]
pub(super) struct Draft {
    pub kind: &'static str,
    pub resource_type: &'static str,
    pub summary: String,
    pub resource: Value,
    pub payment: String,
    pub silent: bool,
}

/// All that PayPal knows of this merchant.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub orders: BTreeMap<String, Order>,
    pub captures: BTreeMap<String, Capture>,
    pub refunds: BTreeMap<String, Refund>,
    pub disputes: BTreeMap<String, Dispute>,
    pub tokens: BTreeMap<String, DateTime<Utc>>,
    /// Seconds that a new token lives.
    pub token_lifetime: Option<i64>,
    pub drafts: Vec<Draft>,
}

impl Books {
    pub fn order_of_capture(&self, capture: &str) -> Option<&Order> {
        self.orders.get(&self.captures.get(capture)?.order)
    }
}
