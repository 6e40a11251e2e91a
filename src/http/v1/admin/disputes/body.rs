//! How disputes look on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::dispute_cases::DisputeView;
use crate::domain::dispute;
use crate::domain::payment::DisputeStatus;
use crate::http::edge::wire::{
    Amount, CurrencyCode, CustomerIdText, DisputeId, PaymentIdText, ProviderCode, SignedAmount, TopUpOrderId,
};

/// A dispute. While it is open, and when it is lost, the money is taken from the customer's wallets; what they lack is
/// claimed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dispute {
    id: DisputeId,
    /// The order that the payment served; null if it served none.
    order_id: Option<TopUpOrderId>,
    payment_id: Option<PaymentIdText>,
    customer_id: Option<CustomerIdText>,
    provider: ProviderCode,
    /// The dispute's id at the provider.
    #[schema(max_length = 200, example = "du_1MtJUT2eZvKYlo2CNaw2HvEv")]
    provider_dispute_id: String,
    status: DisputeStatusName,
    currency: CurrencyCode,
    amount: Amount,
    /// What the customer's wallets owe for it, less what they got back. It was taken, or is still claimed.
    taken_back: SignedAmount,
    /// The part of the order's bonus that goes back with it: revoked or, if it was spent, taken as money.
    bonus_taken: SignedAmount,
    /// The reason that the provider gives.
    #[schema(max_length = 500, example = "fraudulent")]
    reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// Operators see it in lists; null elsewhere.
    evidence: Option<DisputeEvidenceState>,
}

/// The state of the evidence about a dispute.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisputeEvidenceState {
    /// Until when the company takes evidence; null if it does not say.
    due_at: Option<DateTime<Utc>>,
    /// Whether the company waits for evidence. It no longer waits once it has evidence, even if that was sent on its
    /// own pages.
    awaited: bool,
    /// When evidence was sent; null until then.
    sent_at: Option<DateTime<Utc>>,
}

/// The state of a dispute.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DisputeStatus)]
pub enum DisputeStatusName {
    Open,
    Won,
    Lost,
}

impl From<DisputeStatus> for DisputeStatusName {
    fn from(status: DisputeStatus) -> Self {
        match status {
            DisputeStatus::Open => Self::Open,
            DisputeStatus::Won => Self::Won,
            DisputeStatus::Lost => Self::Lost,
        }
    }
}

impl From<DisputeStatusName> for DisputeStatus {
    fn from(name: DisputeStatusName) -> Self {
        match name {
            DisputeStatusName::Open => Self::Open,
            DisputeStatusName::Won => Self::Won,
            DisputeStatusName::Lost => Self::Lost,
        }
    }
}

pub fn dispute_body(dispute: &dispute::Dispute) -> Dispute {
    Dispute {
        id: DisputeId::of(dispute.id),
        order_id: dispute.order_id.map(TopUpOrderId::of),
        payment_id: Some(PaymentIdText::of(dispute.payment_id)),
        customer_id: dispute.customer.as_ref().map(CustomerIdText::of),
        provider: ProviderCode::new(dispute.provider.as_str()),
        provider_dispute_id: dispute.dispute_id.clone(),
        status: dispute.status.into(),
        currency: CurrencyCode::of(dispute.amount.currency()),
        amount: Amount::from(dispute.amount),
        taken_back: SignedAmount::from(dispute.money_taken()),
        bonus_taken: SignedAmount::from(dispute.bonus_taken),
        reason: dispute.reason.clone(),
        created_at: dispute.created_at,
        updated_at: dispute.updated_at,
        evidence: None,
    }
}

/// A dispute of a list for operators.
pub fn listed_dispute_body(view: &DisputeView) -> Dispute {
    let sent_at = view.case.sent.as_ref().map(|sent| sent.at);
    let (due_at, awaited) = (view.case.evidence_due_at, view.case.awaits_evidence);
    let evidence = DisputeEvidenceState { due_at, awaited, sent_at };
    Dispute { evidence: Some(evidence), ..dispute_body(&view.dispute) }
}
