//! The parts of PayPal's objects that a top-up needs.

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

/// The result that the capture of an approved order will have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Plan {
    #[default]
    Completes,
    /// The capture is PENDING with this reason.
    Pending(String),
    /// The capture has this status: DECLINED or FAILED.
    Status(&'static str),
    /// The capture is refused with this issue.
    Issue(&'static str),
}

/// The result that refunds will have from now on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum RefundMode {
    #[default]
    Completes,
    StaysPending,
    Fails,
}

/// How the transaction search shows a payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ReportMode {
    #[default]
    True,
    Omitted,
    /// By 0.01.
    Less,
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
    /// Whether the order was created with `payment_source.paypal`; its link is then `payer-action`.
    pub with_source: bool,
    pub brand: Option<String>,
    pub return_url: Option<String>,
    pub cancel_url: Option<String>,
    pub plan: Plan,
    pub refund_mode: RefundMode,
    pub report_mode: ReportMode,
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
    /// Whether the buyer's bank took the money back.
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
    /// The refunded part of the capture, this refund included.
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

/// The event of an action, not yet sent.
#[derive(Debug)]
pub(super) struct Draft {
    pub kind: &'static str,
    pub resource_type: &'static str,
    pub summary: String,
    pub resource: Value,
    pub payment: String,
    pub silent: bool,
}

/// All objects of the merchant at PayPal.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub orders: BTreeMap<String, Order>,
    pub captures: BTreeMap<String, Capture>,
    pub refunds: BTreeMap<String, Refund>,
    pub disputes: BTreeMap<String, Dispute>,
    pub tokens: BTreeMap<String, DateTime<Utc>>,
    /// The life of a new token in seconds.
    pub token_lifetime: Option<i64>,
    pub drafts: Vec<Draft>,
}

impl Books {
    pub fn order_of_capture(&self, capture: &str) -> Option<&Order> {
        self.orders.get(&self.captures.get(capture)?.order)
    }
}
