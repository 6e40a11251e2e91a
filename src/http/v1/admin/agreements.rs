//! `/v1/admin/agreements`: versions of the agreement that customers accept.

use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::{IntoParams, ToSchema};

use crate::app::catalogue::agreements;
use crate::app::{App, Error, Problems};
use crate::domain::catalogue;
use crate::domain::code::Code;
use crate::http::edge::auth::{ADMIN, Allowed, AsOperator};
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Actor, AgreementVersion};

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
    /// Who published it, or activated it last.
    updated_by: Actor,
}

impl From<catalogue::Agreement> for Agreement {
    fn from(agreement: catalogue::Agreement) -> Self {
        let catalogue::Agreement { version, url, active, created_at, updated_by } = agreement;
        let updated_by = Actor::new(updated_by);
        Self { version: AgreementVersion::new(version), url, active, created_at, updated_by }
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

impl AgreementRequest {
    /// The name of the version, and its page.
    fn read(self) -> Result<(String, String), Error> {
        let mut problems = Problems::new();
        let version = self.version.read(&mut problems, "/version");
        let page = Url::parse(&self.url).ok();
        let is_page = page.is_some_and(|page| matches!(page.scheme(), "https" | "http") && page.has_host());
        if !is_page || self.url.len() > 500 {
            problems.add("/url", Code::Malformed, "must be an absolute http(s) address of at most 500 characters");
        }
        Ok((problems.into_result(version)?, self.url))
    }
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
    responses(
        (status = 201, description = "The version was published", body = Agreement),
        (status = 409, description = "`agreement_exists`"),
    ),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/agreements")]
pub async fn admin_publish_agreement(
    Allowed(caller): AsOperator<ADMIN>,
    body: JsonBody<AgreementRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let (version, url) = body.value.read()?;
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
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/agreements/{version}/activate")]
pub async fn admin_activate_agreement(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<AgreementPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    // Nothing is published under another text, and PostgreSQL cannot even look for one with NUL.
    let version = path.version.named().ok_or(Error::NotFound("agreement"))?;
    let active = agreements::activate(&app, &caller, &version).await?;
    Ok(HttpResponse::Ok().json(Agreement::from(active)))
}
