//! Translates Stripe's objects into domain types. A translation that fails returns the reason as a text.

use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::money;
use super::wire::{CheckoutSession, Expandable, PaymentIntent, StripeDispute, StripeMetadata, StripeRefund};
use super::{MERCHANT_ACCOUNT, META_ATTEMPT, META_DEPLOYMENT, META_FLOW, META_ORDER, META_REFUND};
use crate::domain::deployment::Deployment;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::payment::{
    AttemptLocator, CardFlow, DisputeFact, DisputeStatus, Observation, PaymentFact, RefundFact, RefundStatus,
};

/// The observation of a Checkout session. A session with the `payment_status` `paid` counts as paid whatever its
/// `status` is, so that no payment is overlooked.
pub(super) fn session(session: &CheckoutSession) -> Result<Observation, String> {
    match (session.payment_status.as_str(), session.status.as_deref()) {
        ("paid", _) => session_paid(session).map(Observation::Paid),
        ("unpaid", Some("expired")) => Ok(Observation::Expired),
        ("unpaid", Some("complete")) => Ok(delayed(session)),
        ("unpaid", Some("open") | None) => Ok(Observation::Pending { note: note(session) }),
        (payment, status) => Err(format!("session with payment_status {payment:?} and status {status:?}")),
    }
}

fn session_paid(session: &CheckoutSession) -> Result<PaymentFact, String> {
    let payment_id = session.payment_intent.as_ref().and_then(Expandable::id).ok_or("paid without a PaymentIntent")?;
    let (Some(units), Some(currency)) = (session.amount_total, session.currency.as_deref()) else {
        return Err("paid without an amount".to_owned());
    };
    let amount = money::from_wire(units, currency).map_err(|error| error.to_string())?;
    Ok(PaymentFact {
        payment_id: payment_id.to_owned(),
        amount,
        merchant_account: MERCHANT_ACCOUNT.to_owned(),
        live: session.livemode,
    })
}

/// The observation of a completed session that is not paid. It has a delayed payment method, and the expanded
/// PaymentIntent shows how it ended.
fn delayed(session: &CheckoutSession) -> Observation {
    let Some(Expandable::Object(intent)) = &session.payment_intent else {
        return Observation::InFlight { reason: "delayed payment method".to_owned() };
    };
    match intent.status.as_str() {
        // The payment page is closed, so the payer cannot try again.
        "requires_payment_method" | "canceled" => Observation::Failed { reason: last_error(intent) },
        status => Observation::InFlight { reason: status.to_owned() },
    }
}

fn note(session: &CheckoutSession) -> Option<String> {
    match &session.payment_intent {
        Some(Expandable::Object(intent)) => intent_note(intent),
        _ => None,
    }
}

/// The observation of a PaymentIntent (docs.stripe.com/payments/paymentintents/lifecycle).
pub(super) fn intent(intent: &PaymentIntent) -> Result<Observation, String> {
    match intent.status.as_str() {
        "requires_payment_method" | "requires_confirmation" | "requires_action" => {
            Ok(Observation::Pending { note: intent_note(intent) })
        }
        "processing" => Ok(Observation::InFlight { reason: "processing".to_owned() }),
        // We never request manual capture, so this PaymentIntent was changed outside of this service.
        "requires_capture" => Ok(Observation::Review { reason: "requires_capture".to_owned() }),
        "succeeded" => {
            let units = intent.amount_received.filter(|received| *received > 0).unwrap_or(intent.amount);
            let amount = money::from_wire(units, &intent.currency).map_err(|error| error.to_string())?;
            Ok(Observation::Paid(PaymentFact {
                payment_id: intent.id.clone(),
                amount,
                merchant_account: MERCHANT_ACCOUNT.to_owned(),
                live: intent.livemode,
            }))
        }
        "canceled" => Ok(Observation::Cancelled),
        other => Err(format!("PaymentIntent with status {other:?}")),
    }
}

fn intent_note(intent: &PaymentIntent) -> Option<String> {
    match intent.status.as_str() {
        "requires_action" | "requires_confirmation" | "processing" => Some(intent.status.clone()),
        _ => intent.last_payment_error.as_ref().map(|_| last_error(intent)),
    }
}

/// Stripe's codes of the last error, for example `card_declined (insufficient_funds)`.
fn last_error(intent: &PaymentIntent) -> String {
    let error = intent.last_payment_error.as_ref();
    let code = error.and_then(|error| error.code.clone()).unwrap_or_else(|| intent.status.clone());
    match error.and_then(|error| error.decline_code.as_deref()) {
        Some(decline) => format!("{code} ({decline})"),
        None => code,
    }
}

pub(super) fn refund(refund: &StripeRefund) -> Result<RefundFact, String> {
    let status = match refund.status.as_deref() {
        // An old refund without a status succeeded at once.
        Some("succeeded") | None => RefundStatus::Succeeded,
        Some("pending" | "requires_action") => RefundStatus::Pending,
        Some("failed" | "canceled") => RefundStatus::Failed,
        Some(other) => return Err(format!("refund with status {other:?}")),
    };
    Ok(RefundFact {
        refund_id: refund.id.clone(),
        payment_id: refund.payment_intent.as_ref().and_then(Expandable::id).map(str::to_owned),
        our_refund_id: our_refund(refund),
        amount: money::from_wire(refund.amount, &refund.currency).map_err(|error| error.to_string())?,
        status,
        reason: refund.failure_reason.clone().or_else(|| refund.pending_reason.clone()),
        reversal: false,
    })
}

/// Our id of a refund, from its metadata.
pub(super) fn our_refund(refund: &StripeRefund) -> Option<Uuid> {
    meta(refund.metadata.as_ref(), META_REFUND).and_then(|id| IdKind::Refund.parse(id))
}

/// The fact of a dispute. An inquiry (`warning_…`) is only a question of the payer's bank: no money has been withdrawn
/// and none may be taken, and a refund settles it (docs.stripe.com/disputes/how-disputes-work, inquiries).
pub(super) fn dispute(dispute: &StripeDispute) -> Result<DisputeFact, String> {
    let status = match dispute.status.as_str() {
        "won" | "warning_closed" | "prevented" => DisputeStatus::Won,
        "lost" => DisputeStatus::Lost,
        // Every other status, appeals included, means that the dispute is not decided yet.
        _ => DisputeStatus::Open,
    };
    Ok(DisputeFact {
        dispute_id: dispute.id.clone(),
        payment_id: dispute.payment_intent.as_ref().and_then(Expandable::id).map(str::to_owned),
        amount: money::from_wire(dispute.amount, &dispute.currency).map_err(|error| error.to_string())?,
        status,
        inquiry: matches!(dispute.status.as_str(), "warning_needs_response" | "warning_under_review"),
        reason: dispute.reason.clone(),
        evidence_due_at: dispute
            .evidence_details
            .as_ref()
            .and_then(|details| DateTime::from_timestamp(details.due_by?, 0)),
        // A status that we do not know is shown to an operator.
        awaits_evidence: !matches!(
            dispute.status.as_str(),
            "under_review" | "warning_under_review" | "won" | "lost" | "warning_closed" | "prevented"
        ),
        fee: dispute_fee(dispute),
    })
}

/// What Stripe charges for a dispute: the sum of the fees, less those that were given back after a win. `None` while
/// nothing was moved, and for an amount that cannot be read: the dispute itself matters more.
fn dispute_fee(dispute: &StripeDispute) -> Option<Money> {
    let first = dispute.balance_transactions.first()?;
    let units = dispute.balance_transactions.iter().filter(|moved| moved.currency == first.currency).map(|m| m.fee);
    money::from_wire(units.sum::<i64>().max(0), &first.currency).ok()
}

/// The marks of an attempt, which our server writes into the metadata of everything that it makes. Metadata is set by
/// the secret key or in the dashboard, never by a payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    pub order_id: Uuid,
    pub attempt: i32,
    pub flow: CardFlow,
}

/// Our marks; `None` unless all of them are there, and they are of this deployment.
pub(super) fn marks(metadata: Option<&StripeMetadata>, deployment: Deployment) -> Option<Marks> {
    meta(metadata, META_DEPLOYMENT)?.parse::<Deployment>().ok().filter(|of| *of == deployment)?;
    Some(Marks {
        order_id: order_of(metadata)?,
        attempt: meta(metadata, META_ATTEMPT)?.parse().ok().filter(|n| *n > 0)?,
        flow: CardFlow::parse(meta(metadata, META_FLOW)?)?,
    })
}

fn locator(reference: Option<&str>, marks: Option<Marks>) -> AttemptLocator {
    AttemptLocator {
        provider_reference: reference.map(str::to_owned),
        order_id: marks.map(|marks| marks.order_id),
        attempt: marks.map(|marks| marks.attempt),
        amount: None,
    }
}

/// The attempt of a session. `client_reference_id` is not read: on payment links the payer's URL sets it.
pub(super) fn session_locator(session: &CheckoutSession, deployment: Deployment) -> AttemptLocator {
    locator(Some(&session.id), marks(session.metadata.as_ref(), deployment))
}

/// The attempt of a PaymentIntent. The PaymentIntent of a Checkout session is not the reference that we stored with the
/// attempt, so only the order can be named.
pub(super) fn intent_locator(intent: &PaymentIntent, deployment: Deployment) -> AttemptLocator {
    let reference = (!belongs_to_checkout(intent, deployment)).then_some(intent.id.as_str());
    locator(reference, marks(intent.metadata.as_ref(), deployment))
}

/// The attempt of a session or a PaymentIntent that cannot be read completely.
pub(super) fn locator_of(object: &Value, deployment: Deployment) -> AttemptLocator {
    let metadata = object.get("metadata").and_then(|metadata| StripeMetadata::deserialize(metadata).ok());
    locator(object.get("id").and_then(Value::as_str), marks(metadata.as_ref(), deployment))
}

/// The payment of a refund or a dispute that cannot be read completely.
pub(super) fn payment_of(object: &Value) -> Option<String> {
    let payment = object.get("payment_intent")?;
    payment.as_str().or_else(|| payment.get("id")?.as_str()).map(str::to_owned)
}

pub(super) fn belongs_to_checkout(intent: &PaymentIntent, deployment: Deployment) -> bool {
    marks(intent.metadata.as_ref(), deployment).is_some_and(|marks| marks.flow == CardFlow::Checkout)
}

/// Whether a session states another order than the one that it was made for.
pub(super) fn session_contradicts(session: &CheckoutSession, order_id: Uuid) -> bool {
    let referenced = session.client_reference_id.as_deref().and_then(|id| IdKind::TopUpOrder.parse(id));
    let stated = referenced.or_else(|| order_of(session.metadata.as_ref()));
    stated.is_some_and(|stated| stated != order_id)
}

/// The order that metadata names, which proves nothing without the other marks.
pub(super) fn order_of(metadata: Option<&StripeMetadata>) -> Option<Uuid> {
    meta(metadata, META_ORDER).and_then(|id| IdKind::TopUpOrder.parse(id))
}

fn meta<'a>(metadata: Option<&'a StripeMetadata>, key: &str) -> Option<&'a str> {
    metadata.and_then(|entries| entries.get(key)).map(String::as_str)
}
