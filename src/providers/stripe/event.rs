//! Reads Stripe's events as facts (docs.stripe.com/api/events/types). Their signature has been verified before.

use chrono::DateTime;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::mapping;
use super::wire::{CheckoutSession, PaymentIntent, StripeDispute, StripeEvent, StripeRefund};
use crate::domain::payment::{Fact, Notification, Observation};
use crate::providers::{NotificationError, UnreadableNotification};

/// Reads an event.
///
/// # Errors
/// [`NotificationError::Malformed`] when an event of a kind that we need cannot be read.
pub(super) fn parse(body: &[u8]) -> Result<Notification, NotificationError> {
    // Only the place, because serde's own text quotes the event.
    let event: StripeEvent = serde_json::from_slice(body).map_err(|error| {
        NotificationError::Malformed(format!("no event at line {} column {}", error.line(), error.column()).into())
    })?;
    let created_at = event.created.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let fact = fact(&event.kind, event.data.object)
        .map_err(|reason| NotificationError::Malformed(UnreadableNotification::of(&event.id, &event.kind, reason)))?;
    Ok(Notification { event_id: event.id, event_type: event.kind, created_at, fact })
}

fn fact(kind: &str, object: Value) -> Result<Fact, String> {
    match kind {
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed"
        | "checkout.session.expired" => session(kind, &read(object)?),
        "payment_intent.succeeded"
        | "payment_intent.payment_failed"
        | "payment_intent.requires_action"
        | "payment_intent.processing"
        | "payment_intent.canceled" => intent(kind, &read(object)?),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            mapping::refund(&read::<StripeRefund>(object)?).map(Fact::Refund)
        }
        "charge.dispute.created"
        | "charge.dispute.updated"
        | "charge.dispute.closed"
        | "charge.dispute.funds_withdrawn"
        | "charge.dispute.funds_reinstated" => mapping::dispute(&read::<StripeDispute>(object)?).map(Fact::Dispute),
        // This includes `charge.refunded`: it is cumulative, and the events of each refund say the same with its id.
        _ => Ok(Fact::Ignored),
    }
}

fn session(kind: &str, session: &CheckoutSession) -> Result<Fact, String> {
    // Subscriptions and card set-ups of the same account are not ours. Nor is a session with nothing to pay, because
    // our orders have a positive amount.
    let other_mode = session.mode.as_deref().is_some_and(|mode| mode != "payment");
    if other_mode || session.payment_status == "no_payment_required" {
        return Ok(Fact::Ignored);
    }
    let observation = match kind {
        "checkout.session.async_payment_failed" if session.payment_status != "paid" => {
            Observation::Failed { reason: "the delayed payment failed".to_owned() }
        }
        "checkout.session.expired" if session.payment_status != "paid" => Observation::Expired,
        _ => mapping::session(session)?,
    };
    Ok(Fact::Attempt { locator: mapping::session_locator(session), observation })
}

fn intent(kind: &str, intent: &PaymentIntent) -> Result<Fact, String> {
    // A session that expires cancels its PaymentIntent. This event names the order only, so we use
    // `checkout.session.expired`, which names the attempt.
    if kind == "payment_intent.canceled" && mapping::belongs_to_checkout(intent) {
        return Ok(Fact::Ignored);
    }
    Ok(Fact::Attempt { locator: mapping::intent_locator(intent), observation: mapping::intent(intent)? })
}

fn read<T: DeserializeOwned>(object: Value) -> Result<T, String> {
    serde_json::from_value(object).map_err(|_| "the object has another shape".to_owned())
}
