//! Reads PayPal's notifications as facts (developer.paypal.com/api/rest/webhooks/event-names). Their signature has been
//! verified before.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::mapping::{self, PaypalAccount};
use super::wire::{ApprovalReversed, PaypalCapture, PaypalDispute, PaypalEvent, PaypalOrder, PaypalRefund};
use crate::domain::payment::{AttemptLocator, Fact, Notification, Observation, RefundStatus};
use crate::providers::{NotificationError, NotificationSubject, UnreadableNotification};

/// The resource that a kind of event carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carries {
    Approved,
    ApprovalReversed,
    Capture,
    Refund,
    /// A refund by PayPal itself: the money is gone, whatever status the resource has.
    Reversal,
    Dispute,
}

/// The kinds of events that we read, which the webhook at PayPal has to subscribe to. PayPal's documents use both
/// `DENIED` and `DECLINED`; `PAYMENT.REFUND.…` is seen in use, and not in every list.
const HANDLED: [(&str, Carries); 13] = [
    ("CHECKOUT.ORDER.APPROVED", Carries::Approved),
    ("CHECKOUT.PAYMENT-APPROVAL.REVERSED", Carries::ApprovalReversed),
    ("PAYMENT.CAPTURE.COMPLETED", Carries::Capture),
    ("PAYMENT.CAPTURE.PENDING", Carries::Capture),
    ("PAYMENT.CAPTURE.DENIED", Carries::Capture),
    ("PAYMENT.CAPTURE.DECLINED", Carries::Capture),
    ("PAYMENT.CAPTURE.REFUNDED", Carries::Refund),
    ("PAYMENT.REFUND.PENDING", Carries::Refund),
    ("PAYMENT.REFUND.FAILED", Carries::Refund),
    ("PAYMENT.CAPTURE.REVERSED", Carries::Reversal),
    ("CUSTOMER.DISPUTE.CREATED", Carries::Dispute),
    ("CUSTOMER.DISPUTE.UPDATED", Carries::Dispute),
    ("CUSTOMER.DISPUTE.RESOLVED", Carries::Dispute),
];

/// The names of the events to subscribe to.
pub(in crate::providers) fn handled() -> Vec<&'static str> {
    HANDLED.iter().map(|(name, _)| *name).collect()
}

/// Reads an event.
///
/// # Errors
/// [`NotificationError::Malformed`] when an event of a kind that we need cannot be read.
pub(super) fn parse(body: &[u8], account: &PaypalAccount) -> Result<Notification, NotificationError> {
    // Only the place, because serde's own text quotes the event.
    let event: PaypalEvent = serde_json::from_slice(body).map_err(|error| {
        NotificationError::Malformed(format!("no event at line {} column {}", error.line(), error.column()).into())
    })?;
    let created_at = event.create_time.as_deref().and_then(|time| DateTime::parse_from_rfc3339(time).ok());
    let carries = HANDLED.iter().find(|(name, _)| *name == event.event_type).map(|(_, carries)| *carries);
    let fact = match carries {
        None => Fact::Ignored,
        Some(carries) => fact(carries, &event.resource, account).map_err(|reason| {
            let unread = UnreadableNotification::of(&event.id, &event.event_type, reason);
            NotificationError::Malformed(unread.about(subject(carries, &event.resource)))
        })?,
    };
    Ok(Notification {
        event_id: event.id,
        event_type: event.event_type,
        created_at: created_at.map(|time| time.with_timezone(&Utc)),
        fact,
    })
}

fn fact(carries: Carries, resource: &Value, account: &PaypalAccount) -> Result<Fact, String> {
    match carries {
        Carries::Approved => {
            let order: PaypalOrder = read(resource)?;
            let locator = AttemptLocator::by_reference(Some(&order.id));
            Ok(Fact::Attempt { locator, observation: Observation::ReadyToCapture })
        }
        Carries::ApprovalReversed => {
            let reversed: ApprovalReversed = read(resource)?;
            let locator = AttemptLocator::by_reference(Some(&reversed.order_id));
            Ok(Fact::Attempt { locator, observation: Observation::Expired })
        }
        Carries::Capture => {
            let capture: PaypalCapture = read(resource)?;
            let locator = mapping::capture_locator(&capture);
            Ok(Fact::Attempt { locator, observation: mapping::capture(&capture, account)? })
        }
        Carries::Refund => mapping::refund(&read::<PaypalRefund>(resource)?).map(Fact::Refund),
        Carries::Reversal => {
            let mut fact = mapping::refund(&read::<PaypalRefund>(resource)?)?;
            fact.status = RefundStatus::Succeeded;
            fact.reversal = true;
            fact.reason = fact.reason.or_else(|| Some("reversed by PayPal".to_owned()));
            Ok(Fact::Refund(fact))
        }
        Carries::Dispute => mapping::dispute(&read::<PaypalDispute>(resource)?).map(Fact::Dispute),
    }
}

/// The subject of a resource that cannot be read completely.
fn subject(carries: Carries, resource: &Value) -> Option<NotificationSubject> {
    match carries {
        Carries::Approved | Carries::ApprovalReversed | Carries::Capture => {
            Some(NotificationSubject::Attempt(mapping::locator_of(resource)))
        }
        Carries::Refund | Carries::Reversal | Carries::Dispute => {
            mapping::payment_of(resource).map(NotificationSubject::Payment)
        }
    }
}

fn read<'a, T: Deserialize<'a>>(resource: &'a Value) -> Result<T, String> {
    T::deserialize(resource).map_err(|_| "the resource has another shape".to_owned())
}
