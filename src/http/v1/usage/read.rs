//! `GET /v1/usage/{usage_id}`: one usage.

use actix_web::{HttpResponse, get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::UsageRecord;
use crate::app::{App, usage};
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::CustomerQuery;
use crate::http::edge::wire::DedupeId;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct UsagePath {
    /// The id under which the usage was booked, percent-encoded, or the `hold_id` of a captured hold.
    usage_id: DedupeId,
}

/// Get usage
///
/// One usage by the platform's id: whether it was booked, what paid, and how much was given back since then. Usage of
/// zero is not stored, so it is not found. A usage with the id `summary` is found only in lists.
#[utoipa::path(
    tag = "usage",
    operation_id = "getUsage",
    params(UsagePath, CustomerQuery),
    responses((status = 200, description = "The usage", body = UsageRecord)),
    security(("bearer" = []))
)]
#[get("/v1/usage/{usage_id}")]
pub async fn get_usage(
    Allowed(caller): AsCustomer,
    path: web::Path<UsagePath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let found = usage::find(&app, &customer, path.usage_id.named().as_deref()).await?;
    Ok(HttpResponse::Ok().json(UsageRecord::from(&found)))
}
