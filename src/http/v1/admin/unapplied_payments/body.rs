//! How unapplied payments, and decisions about them, look on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::money::Money;
use crate::domain::own_word::ProposalEnd;
use crate::domain::payment::Payment;
use crate::domain::unapplied::{self, Destination};
use crate::http::edge::wire::{
    Actor, Amount, BankTransactionId, CurrencyCode, CursorText, CustomerIdText, DecisionId, PaymentIdText, ProductCode,
    ProviderCode, Reason, RefundId, TopUpOrderId,
};

/// A verified payment that serves no order, or serves one only in part.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnappliedPayment {
    id: PaymentIdText,
    provider: ProviderCode,
    /// The platform's account at the provider, or the bank account on which the money arrived.
    #[schema(max_length = 200, example = "default")]
    merchant_account: String,
    /// The payment's id at the provider or the bank.
    #[schema(max_length = 200, example = "pi_3MtwBwLkdIwHu7ix28a3tqPa")]
    provider_payment_id: String,
    currency: CurrencyCode,
    /// The amount that arrived.
    amount: Amount,
    /// The part of the amount that serves nothing yet, and that was neither refunded nor disputed at the company.
    unapplied_amount: Amount,
    /// The order that the payment names; null if it names none of the platform's orders.
    order_id: Option<TopUpOrderId>,
    /// Why the payment was not applied; null once all of it is used.
    #[schema(max_length = 2000, example = "19.99 USD arrived for an order of 20")]
    reason: Option<String>,
    /// Whether the company says that this is real money. False for test money.
    live: bool,
    received_at: DateTime<Utc>,
}

impl From<&Payment> for UnappliedPayment {
    fn from(payment: &Payment) -> Self {
        Self {
            id: PaymentIdText::of(payment.id),
            provider: ProviderCode::new(payment.provider.as_str()),
            merchant_account: payment.merchant_account.clone(),
            provider_payment_id: payment.payment_id.clone(),
            currency: CurrencyCode::of(payment.currency()),
            amount: payment.amount.into(),
            unapplied_amount: payment.rest().into(),
            order_id: payment.order_id.map(TopUpOrderId::of),
            reason: payment.unapplied_reason.clone(),
            live: payment.live,
            received_at: payment.received_at,
        }
    }
}

/// The unapplied money of one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnappliedTotal {
    currency: CurrencyCode,
    /// The number of payments.
    #[schema(minimum = 0, example = 2)]
    count: i64,
    unapplied_amount: Amount,
}

impl From<(i64, Money)> for UnappliedTotal {
    fn from((count, rest): (i64, Money)) -> Self {
        Self { currency: CurrencyCode::of(rest.currency()), count, unapplied_amount: rest.into() }
    }
}

/// A page of unapplied payments.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnappliedPaymentPage {
    #[schema(max_items = 100)]
    pub data: Vec<UnappliedPayment>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    pub previous_cursor: Option<CursorText>,
    pub next_cursor: Option<CursorText>,
    pub has_more: bool,
    /// The sums of the whole list, one for each currency; null without `with_total`.
    #[schema(max_items = 200)]
    pub totals: Option<Vec<UnappliedTotal>>,
}

/// The destination of unapplied money: either an order, or a wallet of a customer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "customer_id": "demo", "reason": "paid twice, and wants to keep it" }))]
pub struct ApplyUnappliedPayment {
    /// The order that it completes. The order gets the applied amount, whatever the order's amount is.
    pub order_id: Option<TopUpOrderId>,
    /// The customer whose wallet it credits.
    pub customer_id: Option<CustomerIdText>,
    /// The product whose wallet it credits; null for the main wallet.
    pub product: Option<ProductCode>,
    /// The part that is applied; absent for all that is left.
    pub amount: Option<Amount>,
    pub reason: Reason,
}

/// How unapplied money goes back to its payer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "paid twice" }))]
pub struct ReturnUnappliedPayment {
    /// The bank's id of the transfer by which you sent the money back. Absent: the company that took the payment
    /// sends it back.
    pub bank_transaction_id: Option<BankTransactionId>,
    /// The part that goes back; absent for all that is left.
    pub amount: Option<Amount>,
    pub reason: Reason,
}

/// Why a payment is dismissed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "the payer cannot be found" }))]
pub struct DismissUnappliedPayment {
    pub reason: Reason,
}

/// The destination of the money.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionDestination {
    Order,
    Wallet,
    /// The company sends it back.
    Payer,
    /// An operator has sent it back by bank transfer.
    PayerByHand,
}

/// The status of a decision.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionStatus {
    AwaitingSecondApproval,
    Done,
    Withdrawn,
}

/// A decision about unapplied money.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnappliedDecision {
    id: DecisionId,
    payment_id: PaymentIdText,
    status: DecisionStatus,
    destination: DecisionDestination,
    currency: CurrencyCode,
    amount: Amount,
    /// The order that the money completes; null for another destination. This and the next three fields are null for
    /// other destinations.
    order_id: Option<TopUpOrderId>,
    customer_id: Option<CustomerIdText>,
    product: Option<ProductCode>,
    bank_transaction_id: Option<BankTransactionId>,
    /// The refund by which it goes back; null until then.
    refund_id: Option<RefundId>,
    reason: Reason,
    proposed_by: Actor,
    proposed_at: DateTime<Utc>,
    /// The second operator; null if none was needed, or none has approved.
    approved_by: Option<Actor>,
    withdrawn_by: Option<Actor>,
    /// When it was carried out; null until then.
    done_at: Option<DateTime<Utc>>,
}

/// A page of decisions.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnappliedDecisionPage {
    #[schema(max_items = 100)]
    pub data: Vec<UnappliedDecision>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    pub previous_cursor: Option<CursorText>,
    pub next_cursor: Option<CursorText>,
    pub has_more: bool,
}

impl From<&unapplied::Decision> for UnappliedDecision {
    fn from(decision: &unapplied::Decision) -> Self {
        let (destination, order_id, product, bank_transaction_id) = match &decision.destination {
            Destination::Order { id, .. } => (DecisionDestination::Order, Some(TopUpOrderId::of(*id)), None, None),
            Destination::Wallet { product, .. } => {
                (DecisionDestination::Wallet, None, ProductCode::of_product(product), None)
            }
            Destination::Payer { .. } => (DecisionDestination::Payer, None, None, None),
            Destination::PayerByHand { bank_transaction_id } => {
                let id = Some(BankTransactionId::new(bank_transaction_id));
                (DecisionDestination::PayerByHand, None, None, id)
            }
        };
        let (approved_by, withdrawn_by) = match &decision.end {
            Some(ProposalEnd::Approved { by, .. }) => (Some(Actor::new(by)), None),
            Some(ProposalEnd::Withdrawn { by, .. }) => (None, Some(Actor::new(by))),
            None => (None, None),
        };
        let status = match (decision.done_at, &withdrawn_by) {
            (Some(_), _) => DecisionStatus::Done,
            (None, Some(_)) => DecisionStatus::Withdrawn,
            (None, None) => DecisionStatus::AwaitingSecondApproval,
        };
        Self {
            id: DecisionId::of(decision.id),
            payment_id: PaymentIdText::of(decision.payment_id),
            status,
            destination,
            currency: CurrencyCode::of(decision.amount.currency()),
            amount: decision.amount.into(),
            order_id,
            customer_id: decision.destination.customer().map(CustomerIdText::of),
            product,
            bank_transaction_id,
            refund_id: decision.refund_id.map(RefundId::of),
            reason: Reason::new(&decision.reason),
            proposed_by: Actor::new(&decision.proposed_by),
            proposed_at: decision.proposed_at,
            approved_by,
            withdrawn_by,
            done_at: decision.done_at,
        }
    }
}
