//! How refund requests look on the wire, and how much of an order can be refunded.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Reader;
use crate::domain::refund::refundable;
use crate::domain::refund_request::{self, RefundRequestState};
use crate::http::edge::wire::{
    Actor, Amount, CurrencyCode, CursorText, CustomerIdText, Reason, RefundId, RefundRequestId, TopUpOrderId,
};

/// What of an order its payer can get back now, as a sum: `left_of_payment` less `fee`, `disputed`, `bonus`, `spent`
/// and `held` is `amount`. A refund stays within one payment: where several serve the order, this is about the one that
/// was applied last and has something left. Once it has gone back, this is about the one before it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refundable {
    currency: CurrencyCode,
    /// The part of the order's payment that has not gone back.
    left_of_payment: Amount,
    /// The part that is a fee, which is not given back.
    fee: Amount,
    /// The part that the payer contests at the bank or the payment company.
    disputed: Amount,
    /// The part that pays for bonus of the order that was spent.
    bonus: Amount,
    /// The part for which the order's wallet lacks money, because it was spent or moved to another wallet.
    spent: Amount,
    /// The part for which open holds reserve the wallet's money.
    held: Amount,
    /// What can be refunded.
    amount: Amount,
}

impl From<&refundable::Refundable> for Refundable {
    fn from(parts: &refundable::Refundable) -> Self {
        Self {
            currency: CurrencyCode::of(parts.amount.currency()),
            left_of_payment: parts.left_of_payment.into(),
            fee: parts.fee.into(),
            disputed: parts.disputed.into(),
            bonus: parts.bonus.into(),
            spent: parts.spent.into(),
            held: parts.held.into(),
            amount: parts.amount.into(),
        }
    }
}

/// The state of a refund request.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RefundRequestStatus)]
pub enum RefundRequestStatusName {
    /// An operator has to decide.
    Waiting,
    /// Its refund has started; read the refund for its state.
    Approved,
    /// It was refused; `answer` says why.
    Refused,
    /// It was withdrawn.
    Withdrawn,
}

impl From<RefundRequestState> for RefundRequestStatusName {
    fn from(state: RefundRequestState) -> Self {
        match state {
            RefundRequestState::Waiting => Self::Waiting,
            RefundRequestState::Approved => Self::Approved,
            RefundRequestState::Refused => Self::Refused,
            RefundRequestState::Withdrawn => Self::Withdrawn,
        }
    }
}

impl From<RefundRequestStatusName> for RefundRequestState {
    fn from(name: RefundRequestStatusName) -> Self {
        match name {
            RefundRequestStatusName::Waiting => Self::Waiting,
            RefundRequestStatusName::Approved => Self::Approved,
            RefundRequestStatusName::Refused => Self::Refused,
            RefundRequestStatusName::Withdrawn => Self::Withdrawn,
        }
    }
}

/// A customer's request for a refund.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundRequest {
    id: RefundRequestId,
    order_id: TopUpOrderId,
    customer_id: CustomerIdText,
    status: RefundRequestStatusName,
    currency: CurrencyCode,
    /// What the customer wants back.
    amount: Amount,
    /// Why the customer wants it back.
    reason: Reason,
    asked_by: Actor,
    /// The refund that the request led to. Operators see it even while it waits for a second operator; others once it
    /// has started.
    refund_id: Option<RefundId>,
    /// Who decided, or withdrew the request; null while it waits. Only operators learn which operator it was.
    decided_by: Option<Actor>,
    decided_at: Option<DateTime<Utc>>,
    /// What the customer reads about a refusal.
    answer: Option<Reason>,
    created_at: DateTime<Utc>,
    /// How much of the order can be refunded now. Operators see it on a single request; null elsewhere.
    refundable: Option<Refundable>,
}

/// A page of refund requests.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundRequestPage {
    #[schema(max_items = 100)]
    pub data: Vec<RefundRequest>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    pub previous_cursor: Option<CursorText>,
    pub next_cursor: Option<CursorText>,
    pub has_more: bool,
}

impl From<&refund_request::RefundRequest> for RefundRequest {
    fn from(request: &refund_request::RefundRequest) -> Self {
        Self {
            id: RefundRequestId::of(request.id),
            order_id: TopUpOrderId::of(request.order_id),
            customer_id: CustomerIdText::of(&request.customer),
            status: request.state.into(),
            currency: CurrencyCode::of(request.amount.currency()),
            amount: request.amount.into(),
            reason: Reason::new(&request.reason),
            asked_by: Actor::new(&request.asked_by),
            refund_id: request.refund_id.map(RefundId::of),
            decided_by: request.decided.as_ref().map(|(by, _)| Actor::new(by)),
            decided_at: request.decided.as_ref().map(|(_, at)| *at),
            answer: request.answer.as_deref().map(Reason::new),
            created_at: request.created_at,
            refundable: None,
        }
    }
}

impl RefundRequest {
    /// The request as this reader may see it.
    #[must_use]
    pub fn told_to(self, reader: Reader) -> Self {
        if reader == Reader::Operator {
            return self;
        }
        let waits = matches!(self.status, RefundRequestStatusName::Waiting);
        Self {
            asked_by: Actor::new(reader.told(&self.asked_by)),
            decided_by: self.decided_by.map(|by| Actor::new(reader.told(&by))),
            refund_id: self.refund_id.filter(|_| !waits),
            ..self
        }
    }

    /// The request with the amount of its order that can be refunded now.
    #[must_use]
    pub fn with_parts(self, parts: Option<&refundable::Refundable>) -> Self {
        Self { refundable: parts.map(Refundable::from), ..self }
    }
}
