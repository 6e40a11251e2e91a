//! How refunds look on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Reader;
use crate::domain::refund::{self, RefundState};
use crate::http::edge::wire::{
    Actor, Amount, CurrencyCode, CustomerIdText, PaymentIdText, ProviderCode, Reason, RefundId, SignedAmount,
    TopUpOrderId,
};

/// A refund.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refund {
    id: RefundId,
    /// The order whose money goes back; null for a payment that served no order.
    order_id: Option<TopUpOrderId>,
    payment_id: PaymentIdText,
    customer_id: Option<CustomerIdText>,
    provider: ProviderCode,
    /// The refund's id at the provider, or the bank's id of the transfer.
    #[schema(max_length = 200, example = "re_3MmlLrLkdIwHu7ix0uke3Ezy")]
    provider_refund_id: Option<String>,
    status: RefundStatusName,
    currency: CurrencyCode,
    /// The amount that the payer gets.
    amount: Amount,
    /// What the customer's wallets owe for the refund, less what they got back: the share of the credited amount that
    /// belongs to `amount`. It was taken, or is still claimed.
    debited_amount: SignedAmount,
    /// The part of the order's bonus that goes back with it: revoked or, if it was spent, taken as money.
    bonus_taken: SignedAmount,
    reason: Reason,
    /// Why the refund failed, or what it waits for.
    #[schema(max_length = 2000, example = "expired_or_canceled_card")]
    failure: Option<String>,
    /// Whether the refund was started in the provider's dashboard. The service then found and recorded it.
    adopted: bool,
    /// Whether the wallet was allowed to go into debt for the refund.
    override_balance: bool,
    /// Whether the amount that the order's wallet lacked was to be taken from other wallets of the customer.
    from_products: bool,
    /// Who asked for the refund.
    proposed_by: Actor,
    /// The operator who approved the refund.
    approved_by: Option<Actor>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// The state of a refund.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RefundStatus)]
pub enum RefundStatusName {
    /// Nothing has moved yet.
    AwaitingSecondApproval,
    /// The wallet has been debited, and the money is on its way.
    Pending,
    /// The payer has the money.
    Succeeded,
    /// The refund did not happen, and the wallet has its money back.
    Failed,
}

impl From<RefundState> for RefundStatusName {
    fn from(state: RefundState) -> Self {
        match state {
            RefundState::AwaitingSecondApproval => Self::AwaitingSecondApproval,
            RefundState::Pending => Self::Pending,
            RefundState::Succeeded => Self::Succeeded,
            RefundState::Failed => Self::Failed,
        }
    }
}

impl From<RefundStatusName> for RefundState {
    fn from(name: RefundStatusName) -> Self {
        match name {
            RefundStatusName::AwaitingSecondApproval => Self::AwaitingSecondApproval,
            RefundStatusName::Pending => Self::Pending,
            RefundStatusName::Succeeded => Self::Succeeded,
            RefundStatusName::Failed => Self::Failed,
        }
    }
}

impl Refund {
    /// The refund as this reader may see it.
    #[must_use]
    pub fn told_to(self, reader: Reader) -> Self {
        Self {
            proposed_by: Actor::new(reader.told(&self.proposed_by)),
            approved_by: self.approved_by.map(|by| Actor::new(reader.told(&by))),
            ..self
        }
    }
}

pub fn refund_body(refund: &refund::Refund) -> Refund {
    Refund {
        id: RefundId::of(refund.id),
        order_id: refund.order_id.map(TopUpOrderId::of),
        payment_id: PaymentIdText::of(refund.payment_id),
        customer_id: refund.customer.as_ref().map(CustomerIdText::of),
        provider: ProviderCode::new(refund.provider.as_str()),
        provider_refund_id: refund.provider_refund_id.clone(),
        status: refund.state.into(),
        currency: CurrencyCode::of(refund.amount.currency()),
        amount: Amount::from(refund.amount),
        debited_amount: SignedAmount::from(refund.money_taken()),
        bonus_taken: SignedAmount::from(refund.bonus_taken),
        reason: Reason::new(&refund.reason),
        failure: refund.failure.clone(),
        adopted: !refund.ours,
        override_balance: refund.override_balance,
        from_products: refund.from_products,
        proposed_by: Actor::new(&refund.proposed_by),
        approved_by: refund.approved_by.as_deref().map(Actor::new),
        created_at: refund.created_at,
        updated_at: refund.updated_at,
    }
}
