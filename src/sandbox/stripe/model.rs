//! The parts of Stripe's objects that a top-up needs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::sandbox::tools::{random_id, unix_now};

pub(super) type Metadata = BTreeMap<String, String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SessionStatus {
    Open,
    Complete,
    Expired,
}

#[derive(Debug, Clone)]
pub(super) struct Session {
    pub id: String,
    pub created: i64,
    pub expires_at: i64,
    pub status: SessionStatus,
    pub paid: bool,
    pub amount: i64,
    pub currency: String,
    pub product: String,
    pub success_url: String,
    pub cancel_url: Option<String>,
    pub client_reference_id: Option<String>,
    pub customer_email: Option<String>,
    pub locale: Option<String>,
    pub adaptive_pricing: bool,
    pub methods: Vec<String>,
    pub metadata: Metadata,
    /// The PaymentIntent. As at Stripe, it is created at the buyer's first attempt, and null before.
    pub intent: Option<String>,
    pub intent_metadata: Metadata,
    pub intent_description: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IntentStatus {
    RequiresPaymentMethod,
    RequiresAction,
    Processing,
    Succeeded,
    Canceled,
}

/// The result that refunds of a payment will have from now on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundMode {
    #[default]
    Succeeds,
    StaysPending,
    FailsAtOnce,
}

/// How the balance transactions show a payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ReportMode {
    #[default]
    True,
    Omitted,
    /// It differs by one of the smallest unit.
    Less,
    /// Unchanged, except that a refund that fails does so after [`LATE`].
    RefundsFailLater,
}

/// Later than any list of a day reaches.
pub(super) const LATE: i64 = 10 * 24 * 3600;

#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub id: String,
    pub client_secret: String,
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub status: IntentStatus,
    pub metadata: Metadata,
    pub description: Option<String>,
    pub receipt_email: Option<String>,
    pub methods: Vec<String>,
    pub last_payment_error: Option<Value>,
    /// The page to which the bank sends the buyer after 3-D Secure.
    pub return_url: Option<String>,
    pub latest_charge: Option<String>,
    pub canceled_at: Option<i64>,
    pub cancellation_reason: Option<String>,
    pub session: Option<String>,
    pub refund_mode: RefundMode,
    pub report_mode: ReportMode,
    /// Whether the notifications of this payment are made, but not sent.
    pub silent: bool,
}

impl Intent {
    pub fn new(amount: i64, currency: &str) -> Self {
        let id = random_id("pi_3", 23);
        Self {
            client_secret: random_id(&format!("{id}_secret_"), 24),
            id,
            created: unix_now(),
            amount,
            currency: currency.to_owned(),
            status: IntentStatus::RequiresPaymentMethod,
            metadata: Metadata::new(),
            description: None,
            receipt_email: None,
            methods: vec!["card".to_owned()],
            last_payment_error: None,
            return_url: None,
            latest_charge: None,
            canceled_at: None,
            cancellation_reason: None,
            session: None,
            refund_mode: RefundMode::default(),
            report_mode: ReportMode::default(),
            silent: false,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Charge {
    pub id: String,
    pub created: i64,
    pub intent: String,
    pub amount: i64,
    pub amount_refunded: i64,
    pub currency: String,
    pub disputed: bool,
    pub metadata: Metadata,
    /// The `(code, message, decline_code)` of a failed charge.
    pub failure: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundStatus {
    Pending,
    Succeeded,
    Failed,
    Canceled,
}

#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub id: String,
    pub created: i64,
    pub charge: String,
    pub intent: String,
    pub amount: i64,
    pub currency: String,
    pub status: RefundStatus,
    pub reason: Option<String>,
    pub failure_reason: Option<&'static str>,
    pub metadata: Metadata,
}

#[derive(Debug, Clone)]
pub(super) struct Dispute {
    pub id: String,
    pub created: i64,
    pub charge: String,
    pub intent: String,
    pub amount: i64,
    pub currency: String,
    pub status: &'static str,
    pub metadata: Metadata,
    /// What was submitted, once.
    pub evidence: Metadata,
}

/// An event, as `GET /v1/events` shows it.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub id: String,
    pub kind: String,
    pub body: Value,
}

/// The event of an action, not yet sent.
#[derive(Debug)]
pub(super) struct Draft {
    pub kind: &'static str,
    pub object: Value,
    pub previous: Option<Value>,
    pub payment: String,
    pub silent: bool,
}

/// All objects of the merchant at Stripe.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub sessions: BTreeMap<String, Session>,
    pub intents: BTreeMap<String, Intent>,
    pub charges: BTreeMap<String, Charge>,
    pub refunds: BTreeMap<String, Refund>,
    pub disputes: BTreeMap<String, Dispute>,
    /// Oldest first.
    pub events: Vec<Event>,
    pub drafts: Vec<Draft>,
    /// The version of the last API call. The `api_version` of the webhook endpoint is assumed to be the same.
    pub api_version: Option<String>,
}

/// The objects with the newest first, as in all lists of Stripe.
pub(super) fn newest_first<T>(things: &BTreeMap<String, T>, created: impl Fn(&T) -> i64) -> Vec<&T> {
    let mut list: Vec<&T> = things.values().collect();
    list.sort_by_key(|thing| std::cmp::Reverse(created(thing)));
    list
}
