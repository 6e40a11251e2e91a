//! How endpoints of webhooks and their deliveries look on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::webhook_endpoints::{EndpointSettings, WithSecret};
use crate::app::{Error, Problems};
use crate::domain::webhook::{self, Delivery, EndpointStatus};
use crate::http::edge::wire::{
    Actor, DisabledReason, EndpointDescription, EventId, EventType, WebhookDeliveryId, WebhookEndpointId, WebhookUrl,
};

/// The URL of an endpoint, and the events that it wants.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "url": "https://shop.example.com/topup-events", "types": ["order.completed", "order.failed"],
    "description": "the shop"
}))]
pub struct WebhookEndpointRequest {
    url: WebhookUrl,
    /// The types of events that you want. Absent or empty: all of them, including types that are added later.
    #[serde(default)]
    #[schema(max_items = 50)]
    types: Vec<EventType>,
    description: Option<EndpointDescription>,
}

impl WebhookEndpointRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// 422 with every broken rule.
    pub fn read(&self) -> Result<EndpointSettings, Error> {
        let mut problems = Problems::new();
        let url = self.url.read(&mut problems, "/url");
        let kinds = self
            .types
            .iter()
            .enumerate()
            .filter_map(|(n, kind)| kind.read(&mut problems, &format!("/types/{n}")))
            .collect();
        let description = EndpointDescription::read_optional(self.description.as_ref(), &mut problems, "/description");
        problems.into_result(url.map(|url| EndpointSettings { url, description, kinds }))
    }
}

/// Whether an endpoint gets events.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookEndpointStatus {
    /// It gets events.
    Enabled,
    /// Events wait for it.
    Paused,
    /// The service sends it no more events, and `disabled_because` says why.
    Disabled,
}

/// An address that gets events.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookEndpoint {
    id: WebhookEndpointId,
    /// Who made it.
    owner: Actor,
    url: WebhookUrl,
    /// The types of events that it gets; empty for all.
    #[schema(max_items = 50)]
    types: Vec<EventType>,
    description: Option<EndpointDescription>,
    status: WebhookEndpointStatus,
    /// Why the service has disabled it: `gone` (it answered 410) or `failing` (every attempt failed for five days);
    /// null otherwise.
    disabled_because: Option<DisabledReason>,
    /// Since when every attempt has failed; null if the last one succeeded.
    failing_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// The secret that signs, `whsec_…`. It is shown only when the endpoint is created, and when the secret is
    /// replaced.
    #[schema(max_length = 100, example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
}

impl From<&webhook::WebhookEndpoint> for WebhookEndpoint {
    fn from(endpoint: &webhook::WebhookEndpoint) -> Self {
        let (status, because) = match endpoint.status {
            EndpointStatus::Enabled => (WebhookEndpointStatus::Enabled, None),
            EndpointStatus::Paused => (WebhookEndpointStatus::Paused, None),
            EndpointStatus::Disabled(because) => {
                (WebhookEndpointStatus::Disabled, Some(DisabledReason::new(because.as_str())))
            }
        };
        Self {
            id: WebhookEndpointId::of(endpoint.id),
            owner: Actor::new(&endpoint.owner),
            url: WebhookUrl::new(&endpoint.url),
            types: endpoint.kinds.iter().map(EventType::of).collect(),
            description: endpoint.description.as_deref().map(EndpointDescription::new),
            status,
            disabled_because: because,
            failing_since: endpoint.failing_since,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
            secret: None,
        }
    }
}

impl From<&WithSecret> for WebhookEndpoint {
    fn from(made: &WithSecret) -> Self {
        Self { secret: Some(made.secret.expose().to_owned()), ..Self::from(&made.endpoint) }
    }
}

/// The status of a delivery.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookDeliveryStatus {
    /// The delivery waits for its next attempt.
    Pending,
    /// The endpoint answered 2xx.
    Delivered,
    /// The last attempt failed.
    Failed,
}

/// The delivery of one event to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookDelivery {
    id: WebhookDeliveryId,
    /// The event, whose id is the `webhook-id` of every attempt.
    event_id: EventId,
    #[serde(rename = "type")]
    kind: EventType,
    status: WebhookDeliveryStatus,
    /// When it is tried next; null when it is not tried again.
    next_attempt_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    /// The attempts, oldest first.
    #[schema(max_items = 1000)]
    attempts: Vec<WebhookAttempt>,
}

/// One attempt to deliver.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookAttempt {
    at: DateTime<Utc>,
    #[schema(minimum = 0, example = 120)]
    milliseconds: i32,
    /// The status that the endpoint answered; null without an answer.
    #[schema(minimum = 100, maximum = 999, example = 204)]
    status: Option<i32>,
    /// Why the attempt failed; null if it succeeded.
    #[schema(max_length = 2000, example = "no answer came in time")]
    error: Option<String>,
    /// The first KiB of the answer's body.
    #[schema(max_length = 4096, example = "ok")]
    body: Option<String>,
}

impl From<&Delivery> for WebhookDelivery {
    fn from(delivery: &Delivery) -> Self {
        Self {
            id: WebhookDeliveryId::of(delivery.id),
            event_id: EventId::of(delivery.event),
            kind: EventType::of(delivery.kind),
            status: match delivery.status {
                webhook::DeliveryStatus::Pending => WebhookDeliveryStatus::Pending,
                webhook::DeliveryStatus::Delivered => WebhookDeliveryStatus::Delivered,
                webhook::DeliveryStatus::Failed => WebhookDeliveryStatus::Failed,
            },
            next_attempt_at: delivery.due_at,
            created_at: delivery.created_at,
            attempts: delivery
                .attempts
                .iter()
                .map(|attempt| WebhookAttempt {
                    at: attempt.at,
                    milliseconds: attempt.milliseconds,
                    status: attempt.status,
                    error: attempt.error.clone(),
                    body: attempt.body.clone(),
                })
                .collect(),
        }
    }
}
