//! The parts of Stripe's JSON that we read. Unknown fields are ignored, because every version adds some.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

/// An id, or the object itself if the call expanded it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable<T> {
    Id(String),
    Object(Box<T>),
}

pub(super) type StripeMetadata = HashMap<String, String>;

#[derive(Debug, Deserialize)]
pub(super) struct CheckoutSession {
    pub id: String,
    pub mode: Option<String>,
    pub url: Option<String>,
    pub status: Option<String>,
    #[serde(default)]
    pub payment_status: String,
    pub payment_intent: Option<Expandable<PaymentIntent>>,
    pub amount_total: Option<i64>,
    pub currency: Option<String>,
    pub expires_at: Option<i64>,
    /// On a payment link, the payer can set it in the URL. So it can show that a session is not ours, but never whose
    /// order it is for.
    pub client_reference_id: Option<String>,
    /// Present when the session was made by a payment link, so not by us.
    pub payment_link: Option<Value>,
    pub metadata: Option<StripeMetadata>,
    #[serde(default)]
    pub livemode: bool,
}

// `Debug` is not derived, because the client secret must not reach a log.
#[derive(Deserialize)]
pub(super) struct PaymentIntent {
    pub id: String,
    pub status: String,
    pub amount: i64,
    pub amount_received: Option<i64>,
    pub currency: String,
    pub client_secret: Option<String>,
    pub last_payment_error: Option<PaymentError>,
    pub metadata: Option<StripeMetadata>,
    #[serde(default)]
    pub livemode: bool,
}

impl std::fmt::Debug for PaymentIntent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PaymentIntent").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct PaymentError {
    pub code: Option<String>,
    pub decline_code: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StripeRefund {
    pub id: String,
    pub status: Option<String>,
    pub amount: i64,
    pub currency: String,
    pub payment_intent: Option<Expandable<Value>>,
    pub failure_reason: Option<String>,
    pub pending_reason: Option<String>,
    pub metadata: Option<StripeMetadata>,
}

/// A page of a list, newest first.
#[derive(Debug, Deserialize)]
pub(super) struct StripePage<T> {
    pub data: Vec<T>,
    pub has_more: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct StripeDispute {
    pub id: String,
    pub status: String,
    pub amount: i64,
    pub currency: String,
    pub payment_intent: Option<Expandable<Value>>,
    pub reason: Option<String>,
    pub evidence_details: Option<EvidenceDetails>,
    #[serde(default)]
    pub balance_transactions: Vec<BalanceTransaction>,
}

#[derive(Debug, Deserialize)]
pub(super) struct EvidenceDetails {
    /// In seconds since the epoch.
    pub due_by: Option<i64>,
}

/// What a dispute moves on our balance at Stripe, in the currency of that balance.
#[derive(Debug, Deserialize)]
pub(super) struct BalanceTransaction {
    pub fee: i64,
    pub currency: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct StripeEvent {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub created: Option<i64>,
    /// The connected account that the event is about; absent for our own.
    pub account: Option<Value>,
    pub livemode: Option<bool>,
    pub data: StripeEventData,
}

/// Marks a thin event, which contains no object.
#[derive(Debug, Deserialize)]
pub(super) struct StripeEventKind {
    pub object: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct StripeEventData {
    pub object: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct StripeErrorBody {
    pub error: ApiError,
}

/// `message` is left out, because it quotes the request.
#[derive(Debug, Deserialize)]
pub(super) struct ApiError {
    #[serde(rename = "type")]
    pub kind: String,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    pub param: Option<String>,
}

impl<T: HasId> Expandable<T> {
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Id(id) => Some(id),
            Self::Object(object) => object.id(),
        }
    }
}

pub(super) trait HasId {
    fn id(&self) -> Option<&str>;
}

impl HasId for PaymentIntent {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }
}

impl HasId for Value {
    fn id(&self) -> Option<&str> {
        self.get("id").and_then(Value::as_str)
    }
}
