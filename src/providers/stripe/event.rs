//! Reads Stripe's events as facts (docs.stripe.com/api/events/types). Their signature has been verified before.

use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;

use super::mapping;
use super::wire::{CheckoutSession, PaymentIntent, StripeDispute, StripeEvent, StripeEventKind, StripeRefund};
use crate::domain::deployment::Deployment;
use crate::domain::payment::{Fact, Notification, Observation};
use crate::providers::{NotificationError, NotificationSubject, UnreadableNotification};

/// The object that a kind of event carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carries {
    Session,
    Intent,
    Refund,
    Dispute,
}

/// The kinds of events that we read, which an endpoint at Stripe has to subscribe to. `charge.refunded` is not among
/// them: it is cumulative, and the events of each refund give the same information with its id.
const HANDLED: [(&str, Carries); 18] = [
    ("checkout.session.completed", Carries::Session),
    ("checkout.session.async_payment_succeeded", Carries::Session),
    ("checkout.session.async_payment_failed", Carries::Session),
    ("checkout.session.expired", Carries::Session),
    ("payment_intent.succeeded", Carries::Intent),
    ("payment_intent.payment_failed", Carries::Intent),
    ("payment_intent.requires_action", Carries::Intent),
    ("payment_intent.processing", Carries::Intent),
    ("payment_intent.canceled", Carries::Intent),
    ("refund.created", Carries::Refund),
    ("refund.updated", Carries::Refund),
    ("refund.failed", Carries::Refund),
    ("charge.refund.updated", Carries::Refund),
    ("charge.dispute.created", Carries::Dispute),
    ("charge.dispute.updated", Carries::Dispute),
    ("charge.dispute.closed", Carries::Dispute),
    ("charge.dispute.funds_withdrawn", Carries::Dispute),
    ("charge.dispute.funds_reinstated", Carries::Dispute),
];

/// The names of the events to subscribe to.
pub(in crate::providers) fn handled() -> Vec<&'static str> {
    HANDLED.iter().map(|(name, _)| *name).collect()
}

/// The answer to a thin event, which Stripe shows to the operator.
const THIN: &str = "This endpoint at Stripe sends thin events, which carry no object. Choose snapshot payloads for it \
    in Stripe's dashboard; `topup providers` lists the events.";

/// Reads an event. `live` is the mode of our key, and `deployment` is ours.
///
/// # Errors
/// [`NotificationError::Malformed`] when an event of a kind that we need cannot be read.
/// [`NotificationError::WrongForm`] for a thin event.
pub(super) fn parse(body: &[u8], live: bool, deployment: Deployment) -> Result<Notification, NotificationError> {
    let is_thin = || serde_json::from_slice(body).is_ok_and(|kind: StripeEventKind| kind.object == "v2.core.event");
    // Only the place, because serde's own text quotes the event.
    let event: StripeEvent = serde_json::from_slice(body).map_err(|error| match is_thin() {
        true => NotificationError::WrongForm(THIN),
        false => {
            NotificationError::Malformed(format!("no event at line {} column {}", error.line(), error.column()).into())
        }
    })?;
    let created_at = event.created.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let carries = HANDLED.iter().find(|(name, _)| *name == event.kind).map(|(_, carries)| *carries);
    let fact = match carries {
        None => Fact::Ignored,
        // The money is on a connected account and is not ours.
        Some(_) if event.account.is_some() => Fact::Foreign,
        Some(carries) => fact(&event.kind, carries, &event.data.object, deployment).map_err(|reason| {
            let unread = UnreadableNotification::of(&event.id, &event.kind, reason);
            NotificationError::Malformed(unread.about(subject(carries, &event.data.object, deployment)))
        })?,
    };
    // Our orders are all of one mode. Only money of the other mode that carries our marks needs an operator.
    let is_of_other_mode = event.livemode.is_some_and(|mode| mode != live);
    let is_money = matches!(fact, Fact::Attempt { observation: Observation::Paid(_), .. } | Fact::Ignored);
    let fact = if is_of_other_mode && !is_money { Fact::Foreign } else { fact };
    Ok(Notification { event_id: event.id, event_type: event.kind, created_at, fact })
}

fn fact(kind: &str, carries: Carries, object: &Value, deployment: Deployment) -> Result<Fact, String> {
    match carries {
        Carries::Session => session(kind, &read(object)?, deployment),
        Carries::Intent => intent(kind, &read(object)?, deployment),
        Carries::Refund | Carries::Dispute if mapping::payment_of(object).is_none() => Ok(Fact::Foreign),
        Carries::Refund => mapping::refund(&read::<StripeRefund>(object)?).map(Fact::Refund),
        Carries::Dispute => mapping::dispute(&read::<StripeDispute>(object)?).map(Fact::Dispute),
    }
}

/// The subject of an object that cannot be read completely.
fn subject(carries: Carries, object: &Value, deployment: Deployment) -> Option<NotificationSubject> {
    match carries {
        Carries::Session | Carries::Intent => {
            Some(NotificationSubject::Attempt(mapping::locator_of(object, deployment)))
        }
        Carries::Refund | Carries::Dispute => mapping::payment_of(object).map(NotificationSubject::Payment),
    }
}

fn session(kind: &str, session: &CheckoutSession, deployment: Deployment) -> Result<Fact, String> {
    // Subscriptions and card set-ups of the same account are not ours, nor are sessions of payment links. Nor is a
    // session with nothing to pay, because our orders have a positive amount.
    let other_mode = session.mode.as_deref().is_some_and(|mode| mode != "payment");
    let of_a_link = session.payment_link.as_ref().is_some_and(|link| !link.is_null());
    if other_mode || of_a_link || session.payment_status == "no_payment_required" {
        return Ok(Fact::Foreign);
    }
    let observation = match kind {
        "checkout.session.async_payment_failed" if session.payment_status != "paid" => {
            Observation::Failed { reason: "the delayed payment failed".to_owned() }
        }
        "checkout.session.expired" if session.payment_status != "paid" => Observation::Expired,
        _ => mapping::session(session)?,
    };
    Ok(Fact::Attempt { locator: mapping::session_locator(session, deployment), observation })
}

fn intent(kind: &str, intent: &PaymentIntent, deployment: Deployment) -> Result<Fact, String> {
    // A session that expires cancels its PaymentIntent. This event names the order only, so we use
    // `checkout.session.expired`, which names the attempt.
    if kind == "payment_intent.canceled" && mapping::belongs_to_checkout(intent, deployment) {
        return Ok(Fact::Ignored);
    }
    let locator = mapping::intent_locator(intent, deployment);
    Ok(Fact::Attempt { locator, observation: mapping::intent(intent)? })
}

fn read<'a, T: Deserialize<'a>>(object: &'a Value) -> Result<T, String> {
    T::deserialize(object).map_err(|_| "the object has another shape".to_owned())
}
