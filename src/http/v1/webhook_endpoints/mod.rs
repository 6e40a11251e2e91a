//! `/v1/webhook-endpoints`: the addresses of partners that get events.

pub mod body;
pub mod deliveries;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, put, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::{WebhookEndpoint, WebhookEndpointRequest};
use crate::app::{App, webhook_endpoints};
use crate::domain::page::Sort;
use crate::http::edge::answers::{created, located};
use crate::http::edge::auth::{ADMIN, Allowed, AsStaff};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{CursorText, Limit, WebhookEndpointId};

/// Which endpoint a call is about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct EndpointPath {
    /// The endpoint's id.
    endpoint_id: WebhookEndpointId,
}

/// A page of endpoints.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookEndpointPage {
    #[schema(max_items = 100)]
    data: Vec<WebhookEndpoint>,
    next_cursor: Option<CursorText>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    has_more: bool,
}

/// Create a webhook endpoint
///
/// From now on the service posts the events that you choose to this URL, as Standard Webhooks 1.0 says. The answer has
/// the secret with which you verify them; it is shown only once. The URL must begin with `https://` and lead to a
/// public address; redirects are not followed.
///
/// Answer with a status from 200 to 299 within 15 seconds. Anything else is tried again after 5 seconds, 5 minutes, 30
/// minutes, 2, 5, 10, 14, 20 and 24 hours. The first attempts of a customer's events come in order; later attempts may
/// not, so compare `sequence`. The same event may come twice, with the same `webhook-id`.
#[utoipa::path(
    tag = "webhook-endpoints",
    operation_id = "createWebhookEndpoint",
    request_body = WebhookEndpointRequest,
    responses(
        (status = 201, description = "The new endpoint, with its secret", body = WebhookEndpoint),
        (status = 409, description = "You have as many endpoints as are allowed"),
    ),
    security(("bearer" = ["service", "operator:admin"]))
)]
#[post("/v1/webhook-endpoints")]
pub async fn create_webhook_endpoint(
    Allowed(caller): AsStaff<ADMIN>,
    body: JsonBody<WebhookEndpointRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let made = webhook_endpoints::create(&app, &caller, &body.value.read()?).await?;
    let answer = created(&WebhookEndpoint::from(&made), false, StatusCode::CREATED);
    Ok(located(answer, "/v1/webhook-endpoints", &WebhookEndpointId::of(made.endpoint.id)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EndpointsQuery {
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List webhook endpoints
///
/// Your own endpoints, newest first. An operator sees those of all services.
#[utoipa::path(
    tag = "webhook-endpoints",
    operation_id = "listWebhookEndpoints",
    params(EndpointsQuery),
    responses((status = 200, description = "A page of endpoints", body = WebhookEndpointPage)),
    security(("bearer" = ["service", "operator"]))
)]
#[get("/v1/webhook-endpoints")]
pub async fn list_webhook_endpoints(
    Allowed(caller): AsStaff,
    QueryParams(query): QueryParams<EndpointsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let limit = Limit::read(query.limit)?;
    let filters = Filters::of(request.path());
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let found = webhook_endpoints::list(&app, &caller, &asked).await?;
    let cursors = page::cursors(&found, &filters, |endpoint| (endpoint.created_at, endpoint.id))?;
    let data = found.rows.iter().map(WebhookEndpoint::from).collect();
    Ok(HttpResponse::Ok().json(WebhookEndpointPage {
        data,
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

/// Get a webhook endpoint
///
/// One endpoint, without its secret.
#[utoipa::path(
    tag = "webhook-endpoints",
    operation_id = "getWebhookEndpoint",
    params(EndpointPath),
    responses((status = 200, description = "The endpoint", body = WebhookEndpoint)),
    security(("bearer" = ["service", "operator"]))
)]
#[get("/v1/webhook-endpoints/{endpoint_id}")]
pub async fn get_webhook_endpoint(
    Allowed(caller): AsStaff,
    path: web::Path<EndpointPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let endpoint = webhook_endpoints::get(&app, &caller, path.endpoint_id.named()).await?;
    Ok(HttpResponse::Ok().json(WebhookEndpoint::from(&endpoint)))
}

/// Change a webhook endpoint
///
/// Replaces URL, types and description. The secret stays. Deliveries that wait go to the new URL.
#[utoipa::path(
    tag = "webhook-endpoints",
    operation_id = "updateWebhookEndpoint",
    params(EndpointPath),
    request_body = WebhookEndpointRequest,
    responses((status = 200, description = "The endpoint", body = WebhookEndpoint)),
    security(("bearer" = ["service", "operator:admin"]))
)]
#[put("/v1/webhook-endpoints/{endpoint_id}")]
pub async fn update_webhook_endpoint(
    Allowed(caller): AsStaff<ADMIN>,
    path: web::Path<EndpointPath>,
    body: JsonBody<WebhookEndpointRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let new = body.value.read()?;
    let endpoint = webhook_endpoints::replace(&app, &caller, path.endpoint_id.named(), &new).await?;
    Ok(HttpResponse::Ok().json(WebhookEndpoint::from(&endpoint)))
}

/// Delete a webhook endpoint
///
/// Deletes the endpoint and its secret. Waiting events are not delivered.
#[utoipa::path(
    tag = "webhook-endpoints",
    operation_id = "deleteWebhookEndpoint",
    params(EndpointPath),
    responses((status = 204, description = "The endpoint is deleted")),
    security(("bearer" = ["service", "operator:admin"]))
)]
#[delete("/v1/webhook-endpoints/{endpoint_id}")]
pub async fn delete_webhook_endpoint(
    Allowed(caller): AsStaff<ADMIN>,
    path: web::Path<EndpointPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    webhook_endpoints::delete(&app, &caller, path.endpoint_id.named()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Pause a webhook endpoint
///
/// Events wait for the endpoint until it is enabled again, at most for as long as events are kept.
#[utoipa::path(
    tag = "webhook-endpoints",
    operation_id = "pauseWebhookEndpoint",
    params(EndpointPath),
    responses(
        (status = 200, description = "The endpoint", body = WebhookEndpoint),
        (status = 409, description = "The service has disabled the endpoint"),
    ),
    security(("bearer" = ["service", "operator:admin"]))
)]
#[post("/v1/webhook-endpoints/{endpoint_id}/pause")]
pub async fn pause_webhook_endpoint(
    Allowed(caller): AsStaff<ADMIN>,
    path: web::Path<EndpointPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let endpoint = webhook_endpoints::pause(&app, &caller, path.endpoint_id.named()).await?;
    Ok(HttpResponse::Ok().json(WebhookEndpoint::from(&endpoint)))
}

/// Enable a webhook endpoint
///
/// Ends a pause, or enables an endpoint that the service has disabled. Waiting events are delivered. Events that
/// happened while the endpoint was disabled are not: request them with `redeliver`.
#[utoipa::path(
    tag = "webhook-endpoints",
    operation_id = "enableWebhookEndpoint",
    params(EndpointPath),
    responses((status = 200, description = "The endpoint", body = WebhookEndpoint)),
    security(("bearer" = ["service", "operator:admin"]))
)]
#[post("/v1/webhook-endpoints/{endpoint_id}/enable")]
pub async fn enable_webhook_endpoint(
    Allowed(caller): AsStaff<ADMIN>,
    path: web::Path<EndpointPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let endpoint = webhook_endpoints::enable(&app, &caller, path.endpoint_id.named()).await?;
    Ok(HttpResponse::Ok().json(WebhookEndpoint::from(&endpoint)))
}

/// Replace the secret of a webhook endpoint
///
/// Makes a new secret, and shows it only in this answer. For 24 hours every message carries two signatures, by the old
/// and by the new secret. If an earlier replacement has not ended, its old secret ends now.
#[utoipa::path(
    tag = "webhook-endpoints",
    operation_id = "rotateWebhookEndpointSecret",
    params(EndpointPath),
    responses((status = 200, description = "The endpoint, with its new secret", body = WebhookEndpoint)),
    security(("bearer" = ["service", "operator:admin"]))
)]
#[post("/v1/webhook-endpoints/{endpoint_id}/rotate-secret")]
pub async fn rotate_webhook_endpoint_secret(
    Allowed(caller): AsStaff<ADMIN>,
    path: web::Path<EndpointPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let made = webhook_endpoints::rotate_secret(&app, &caller, path.endpoint_id.named()).await?;
    Ok(HttpResponse::Ok().json(WebhookEndpoint::from(&made)))
}
