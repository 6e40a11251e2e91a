//! Reads PayPal's notifications as facts (developer.paypal.com/api/rest/webhooks/event-names). Their signature has been
//! verified before.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::mapping::{self, PaypalAccount};
use super::wire::{ApprovalReversed, PaypalCapture, PaypalDispute, PaypalEvent, PaypalOrder, PaypalRefund};
use crate::domain::payment::{Fact, Notification, Observation, RefundStatus};
use crate::providers::{NotificationError, UnreadableNotification};

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
    let fact = fact(&event.event_type, event.resource, account).map_err(|reason| {
        NotificationError::Malformed(UnreadableNotification::of(&event.id, &event.event_type, reason))
    })?;
    Ok(Notification {
        event_id: event.id,
        event_type: event.event_type,
        created_at: created_at.map(|time| time.with_timezone(&Utc)),
        fact,
    })
}

fn fact(kind: &str, resource: Value, account: &PaypalAccount) -> Result<Fact, String> {
    match kind {
        "CHECKOUT.ORDER.APPROVED" => {
            let order: PaypalOrder = read(resource)?;
            let locator = mapping::locator(Some(&order.id), custom_id(&order.purchase_units));
            Ok(Fact::Attempt { locator, observation: Observation::ReadyToCapture })
        }
        "CHECKOUT.PAYMENT-APPROVAL.REVERSED" => {
            let reversed: ApprovalReversed = read(resource)?;
            let locator = mapping::locator(Some(&reversed.order_id), custom_id(&reversed.purchase_units));
            Ok(Fact::Attempt { locator, observation: Observation::Expired })
        }
        "PAYMENT.CAPTURE.COMPLETED"
        | "PAYMENT.CAPTURE.PENDING"
        | "PAYMENT.CAPTURE.DENIED"
        | "PAYMENT.CAPTURE.DECLINED" => {
            let capture: PaypalCapture = read(resource)?;
            let order = mapping::related_order(capture.supplementary_data.as_ref());
            let locator = mapping::locator(order, capture.custom_id.as_deref());
            Ok(Fact::Attempt { locator, observation: mapping::capture(&capture, account)? })
        }
        "PAYMENT.CAPTURE.REFUNDED" => mapping::refund(&read::<PaypalRefund>(resource)?).map(Fact::Refund),
        "PAYMENT.CAPTURE.REVERSED" => {
            let mut fact = mapping::refund(&read::<PaypalRefund>(resource)?)?;
            // With this event the money is gone, whatever status the resource has.
            fact.status = RefundStatus::Succeeded;
            fact.reversal = true;
            fact.reason = fact.reason.or_else(|| Some("reversed by PayPal".to_owned()));
            Ok(Fact::Refund(fact))
        }
        "CUSTOMER.DISPUTE.CREATED" | "CUSTOMER.DISPUTE.UPDATED" | "CUSTOMER.DISPUTE.RESOLVED" => {
            mapping::dispute(&read::<PaypalDispute>(resource)?).map(Fact::Dispute)
        }
        _ => Ok(Fact::Ignored),
    }
}

fn custom_id(units: &[super::wire::PurchaseUnit]) -> Option<&str> {
    units.first().and_then(|unit| unit.custom_id.as_deref())
}

fn read<T: DeserializeOwned>(resource: Value) -> Result<T, String> {
    serde_json::from_value(resource).map_err(|_| "the resource has another shape".to_owned())
}
