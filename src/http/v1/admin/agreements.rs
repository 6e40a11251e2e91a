//! `/v1/admin/agreements`.

use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::app::catalogue::agreements;
use crate::domain::catalogue;
use crate::http::edge::auth::{Allowed, AsOperator};
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;

/// All versions.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgreementList {
    #[schema(max_items = 1000)]
    data: Vec<Agreement>,
}

/// What customers accept with every order. Orders keep the version that they accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Agreement {
    #[schema(max_length = 32, example = "2026-11-01")]
    version: String,
    #[schema(max_length = 500, example = "https://example.com/agreements/2026-11-01")]
    url: String,
    /// One version is.
    active: bool,
    created_at: DateTime<Utc>,
}

impl From<catalogue::Agreement> for Agreement {
    fn from(agreement: catalogue::Agreement) -> Self {
        let catalogue::Agreement { version, url, active, created_at } = agreement;
        Self { version, url, active, created_at }
    }
}

/// A new version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"version": "2026-12-01", "url": "https://example.com/agreements/2026-12-01"}))]
pub struct AgreementRequest {
    #[schema(max_length = 32, pattern = "^[A-Za-z0-9._-]{1,32}$", example = "2026-12-01")]
    version: String,
    /// Where customers read it.
    #[schema(max_length = 500, example = "https://example.com/agreements/2026-12-01")]
    url: String,
}

/// List agreements
///
/// All versions, newest first.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminListAgreements",
    responses((status = 200, description = "The versions", body = AgreementList)),
    security(("bearer" = []))
)]
#[get("/v1/admin/agreements")]
pub async fn admin_list_agreements(_: AsOperator, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let data = agreements::list(&app).await?.into_iter().map(Agreement::from).collect();
    Ok(HttpResponse::Ok().json(AgreementList { data }))
}

/// Publish an agreement
///
/// A new version, active at once. A version never changes: 409 `agreement_exists` when it is there already.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminPublishAgreement",
    request_body = AgreementRequest,
    responses((status = 201, description = "Published", body = Agreement)),
    security(("bearer" = []))
)]
#[post("/v1/admin/agreements")]
pub async fn admin_publish_agreement(
    Allowed(caller): AsOperator,
    body: JsonBody<AgreementRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let AgreementRequest { version, url } = body.value;
    let published = agreements::publish(&app, &caller, &version, &url).await?;
    Ok(HttpResponse::Created().json(Agreement::from(published)))
}

/// Activate an agreement
///
/// Makes a published version the one that new orders accept; the same again changes nothing.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminActivateAgreement",
    params(("version" = String, Path, description = "The version", max_length = 32,
        pattern = "^[A-Za-z0-9._-]{1,32}$", example = "2026-11-01")),
    responses((status = 200, description = "Active", body = Agreement)),
    security(("bearer" = []))
)]
#[post("/v1/admin/agreements/{version}/activate")]
pub async fn admin_activate_agreement(
    Allowed(caller): AsOperator,
    version: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let active = agreements::activate(&app, &caller, &version).await?;
    Ok(HttpResponse::Ok().json(Agreement::from(active)))
}
