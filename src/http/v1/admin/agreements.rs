//! `/v1/admin/agreements`: versions of the agreement that customers accept.

use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::app::catalogue::agreements;
use crate::domain::catalogue;
use crate::http::edge::auth::{Allowed, AsOperator};
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::AgreementVersion;

/// All versions of the agreement.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgreementList {
    #[schema(max_items = 1000)]
    data: Vec<Agreement>,
}

/// A version of the agreement that customers accept with every order. An order keeps the version that it accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Agreement {
    version: AgreementVersion,
    #[schema(max_length = 500, example = "https://example.com/agreements/2026-11-01")]
    url: String,
    /// Whether new orders accept this version. One version is active.
    active: bool,
    created_at: DateTime<Utc>,
}

impl From<catalogue::Agreement> for Agreement {
    fn from(agreement: catalogue::Agreement) -> Self {
        let catalogue::Agreement { version, url, active, created_at } = agreement;
        Self { version: AgreementVersion::new(version), url, active, created_at }
    }
}

/// A new version of the agreement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"version": "2026-12-01", "url": "https://example.com/agreements/2026-12-01"}))]
pub struct AgreementRequest {
    version: AgreementVersion,
    /// The page where customers read it.
    #[schema(max_length = 500, example = "https://example.com/agreements/2026-12-01")]
    url: String,
}

/// List agreements
///
/// All versions of the agreement, newest first.
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
/// Publishes a new version, which is active at once. A version never changes: a name that exists is refused with 409
/// `agreement_exists`.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminPublishAgreement",
    request_body = AgreementRequest,
    responses((status = 201, description = "The version was published", body = Agreement)),
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

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct AgreementPath {
    /// The version.
    version: AgreementVersion,
}

/// Activate an agreement
///
/// Makes a published version the one that new orders accept. The same call again changes nothing.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminActivateAgreement",
    params(AgreementPath),
    responses((status = 200, description = "The version is active", body = Agreement)),
    security(("bearer" = []))
)]
#[post("/v1/admin/agreements/{version}/activate")]
pub async fn admin_activate_agreement(
    Allowed(caller): AsOperator,
    path: web::Path<AgreementPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let active = agreements::activate(&app, &caller, &path.version).await?;
    Ok(HttpResponse::Ok().json(Agreement::from(active)))
}
