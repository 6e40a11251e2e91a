//! `/v1/webhook-endpoints/{endpoint_id}/…`: what was delivered, tests, and delivering again.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::WebhookDelivery;
use crate::app::{App, webhook_endpoints};
use crate::domain::page::Sort;
use crate::http::edge::auth::{ADMIN, Allowed, AsStaff};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::times;
use crate::http::edge::wire::{CursorText, EventId, Limit, WebhookDeliveryId, WebhookEndpointId};

/// Which endpoint a call is about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct EndpointPath {
    /// The endpoint's id.
    endpoint_id: WebhookEndpointId,
}

/// Which delivery a call is about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct DeliveryPath {
    /// The endpoint's id.
    endpoint_id: WebhookEndpointId,
    /// The delivery's id.
    delivery_id: WebhookDeliveryId,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeliveriesQuery {
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookDeliveryPage {
    #[schema(max_items = 100)]
    data: Vec<WebhookDelivery>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

/// List deliveries
///
/// The deliveries to an endpoint with all their attempts, the newest event first. They are kept for 30 days, if the
/// installation sets no other time.
#[utoipa::path(
    tag = "webhook-endpoints",
    operation_id = "listWebhookDeliveries",
    params(EndpointPath, DeliveriesQuery),
    responses((status = 200, description = "A page of deliveries", body = WebhookDeliveryPage)),
    security(("bearer" = ["service", "operator"]))
)]
#[get("/v1/webhook-endpoints/{endpoint_id}/deliveries")]
pub async fn list_webhook_deliveries(
    Allowed(caller): AsStaff,
    path: web::Path<EndpointPath>,
    QueryParams(query): QueryParams<DeliveriesQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filters = Filters::of(request.path());
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, Limit::read(query.limit)?, &filters)?;
    let found = webhook_endpoints::list_deliveries(&app, &caller, path.endpoint_id.named(), &asked).await?;
    let cursors = page::cursors(&found, &filters, |delivery| delivery.number)?;
    Ok(HttpResponse::Ok().json(WebhookDeliveryPage {
        data: found.rows.iter().map(WebhookDelivery::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

/// A test event that is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookTest {
    /// The event, of the type `webhook_endpoint.test`.
    event_id: EventId,
}

/// Send a test event
///
/// Sends an event of the type `webhook_endpoint.test` to this endpoint, whatever types it wants. It is delivered like
/// any other event, and you find it in the list of deliveries.
#[utoipa::path(
    tag = "webhook-endpoints",
    operation_id = "testWebhookEndpoint",
    params(EndpointPath),
    responses(
        (status = 202, description = "The event is on its way", body = WebhookTest),
        (status = 409, description = "The service has disabled the endpoint"),
    ),
    security(("bearer" = ["service", "operator:admin"]))
)]
#[post("/v1/webhook-endpoints/{endpoint_id}/test")]
pub async fn test_webhook_endpoint(
    Allowed(caller): AsStaff<ADMIN>,
    path: web::Path<EndpointPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let event = webhook_endpoints::test(&app, &caller, path.endpoint_id.named()).await?;
    Ok(HttpResponse::Accepted().json(WebhookTest { event_id: EventId::of(event) }))
}

/// Deliver an event again
///
/// Tries a finished delivery again now, with a new schedule of attempts. A delivery that waits for its next attempt is
/// left alone.
#[utoipa::path(
    tag = "webhook-endpoints",
    operation_id = "redeliverWebhookDelivery",
    params(DeliveryPath),
    responses(
        (status = 202, description = "The delivery", body = WebhookDelivery),
        (status = 409, description = "The service has disabled the endpoint"),
    ),
    security(("bearer" = ["service", "operator:admin"]))
)]
#[post("/v1/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/redeliver")]
pub async fn redeliver_webhook_delivery(
    Allowed(caller): AsStaff<ADMIN>,
    path: web::Path<DeliveryPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let (endpoint, delivery) = (path.endpoint_id.named(), path.delivery_id.named());
    let delivery = webhook_endpoints::redeliver(&app, &caller, endpoint, delivery).await?;
    Ok(HttpResponse::Accepted().json(WebhookDelivery::from(&delivery)))
}

/// Since when events are to be delivered again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"since": "2026-11-21T00:00:00Z"}))]
pub struct RedeliverRequest {
    /// The moment of the first event.
    #[serde(deserialize_with = "times::required_moment")]
    since: DateTime<Utc>,
}

/// How many events are delivered again.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookRedelivery {
    /// How many deliveries were created, or are tried again.
    #[schema(minimum = 0, example = 12)]
    deliveries: i64,
    /// The time to continue with: one call checks 10,000 events, including types that the endpoint does not want. Null
    /// if those were all.
    next_since: Option<DateTime<Utc>>,
}

/// Deliver events again
///
/// Delivers all events since a moment that the endpoint wants again, the oldest first, including those that happened
/// while it was disabled or before it was created. Deliveries that wait for their next attempt are left alone.
#[utoipa::path(
    tag = "webhook-endpoints",
    operation_id = "redeliverWebhooks",
    params(EndpointPath),
    request_body = RedeliverRequest,
    responses(
        (status = 202, description = "The events are on their way", body = WebhookRedelivery),
        (status = 409, description = "The service has disabled the endpoint"),
    ),
    security(("bearer" = ["service", "operator:admin"]))
)]
#[post("/v1/webhook-endpoints/{endpoint_id}/redeliver")]
pub async fn redeliver_webhooks(
    Allowed(caller): AsStaff<ADMIN>,
    path: web::Path<EndpointPath>,
    body: JsonBody<RedeliverRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.endpoint_id.named();
    let done = webhook_endpoints::redeliver_since(&app, &caller, id, body.value.since).await?;
    Ok(HttpResponse::Accepted().json(WebhookRedelivery { deliveries: done.deliveries, next_since: done.next_since }))
}
