//! How events look on the wire: in the feed and in webhooks alike.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{Error, Reader};
use crate::domain::event::{self, Subject};
use crate::http::edge::wire::{CustomerIdText, EventId, EventType};
use crate::http::v1::admin::closings::body::Closing;
use crate::http::v1::admin::disputes::body::{Dispute, dispute_body};
use crate::http::v1::admin::freezes::body::Freeze;
use crate::http::v1::admin::refunds::body::{Refund, refund_body};
use crate::http::v1::admin::unapplied_payments::body::UnappliedPayment;
use crate::http::v1::balances::body::Balance;
use crate::http::v1::grants::body::Grant;
use crate::http::v1::holds::body::{Hold, hold_body};
use crate::http::v1::low_balance_alerts::body::{LowBalanceAlert, alert_body};
use crate::http::v1::refund_requests::body::RefundRequest;
use crate::http::v1::top_up_orders::body::{TopUpOrder, listed_order_body};
use crate::http::v1::transfers::body::Transfer;
use crate::http::v1::webhook_endpoints::body::WebhookEndpoint;

/// Something that happened, and its subject in the state that it had then. The same event can reach you more than once:
/// by the feed and by webhooks, and again if an answer is lost. Its `id` stays the same.
#[derive(Debug, Serialize, ToSchema)]
pub struct Event {
    id: EventId,
    #[serde(rename = "type")]
    kind: EventType,
    /// When it happened.
    timestamp: DateTime<Utc>,
    /// The customer whom it is about; null for an event about no customer.
    customer_id: Option<CustomerIdText>,
    /// The number among the events of the customer: from 1, without a gap, in the order in which they happened. Events
    /// about no customer have a sequence of their own.
    #[schema(minimum = 1, example = 7)]
    sequence: i64,
    data: EventData,
}

/// What an event is about. The field is named like the first word of the type: `order` for `order.completed`. An event
/// about a balance has its alert as well.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct EventData {
    /// The order as lists show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    order: Option<TopUpOrder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    unapplied_payment: Option<UnappliedPayment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refund: Option<Refund>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refund_request: Option<RefundRequest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    dispute: Option<Dispute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    transfer: Option<Transfer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    balance: Option<Balance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    low_balance_alert: Option<LowBalanceAlert>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    grant: Option<Grant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hold: Option<Hold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    customer: Option<Freeze>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    closing: Option<Closing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    webhook_endpoint: Option<WebhookEndpoint>,
}

/// An event as a webhook carries it to a reader.
///
/// # Errors
/// [`Error::Internal`] for an event that JSON cannot hold.
pub fn text(event: &event::Event, reader: Reader) -> Result<String, Error> {
    serde_json::to_string(&Event::of(event, reader)).map_err(|_| Error::Internal("an event that JSON can hold"))
}

impl Event {
    /// The event as this reader may see it.
    pub fn of(event: &event::Event, reader: Reader) -> Self {
        Self {
            id: EventId::of(event.id),
            kind: EventType::of(event.kind),
            timestamp: event.created_at,
            customer_id: event.customer.as_ref().map(CustomerIdText::of),
            sequence: event.sequence,
            data: EventData::of(&event.subject, reader),
        }
    }
}

impl EventData {
    fn of(subject: &Subject, reader: Reader) -> Self {
        let nothing = Self::default();
        match subject {
            Subject::Order(order) => Self { order: Some(listed_order_body(order)), ..nothing },
            Subject::UnappliedPayment(payment) => Self { unapplied_payment: Some((&**payment).into()), ..nothing },
            Subject::Refund(refund) => Self { refund: Some(refund_body(refund).told_to(reader)), ..nothing },
            Subject::RefundRequest(request) => {
                Self { refund_request: Some(RefundRequest::from(&**request).told_to(reader)), ..nothing }
            }
            Subject::Dispute(dispute) => Self { dispute: Some(dispute_body(dispute)), ..nothing },
            Subject::Transfer(transfer) => Self { transfer: Some((&**transfer).into()), ..nothing },
            Subject::Balance(wallet) => {
                Self { balance: Some((&**wallet).into()), low_balance_alert: alert_body(wallet), ..nothing }
            }
            Subject::Grant(grant) => Self { grant: Some(Grant::from(&**grant).told_to(reader)), ..nothing },
            Subject::Hold(hold) => Self { hold: Some(hold_body(hold, None)), ..nothing },
            Subject::WebhookEndpoint(endpoint) => Self { webhook_endpoint: Some((&**endpoint).into()), ..nothing },
            Subject::Closing(closing) => Self { closing: Some(Closing::from(&**closing).told_to(reader)), ..nothing },
            Subject::Customer(customer, freeze) => {
                let ended = || Freeze::ended(customer, None);
                let freeze = freeze.as_ref().map_or_else(ended, |freeze| Freeze::from((**freeze).clone()));
                Self { customer: Some(freeze.told_to(reader)), ..nothing }
            }
        }
    }
}
