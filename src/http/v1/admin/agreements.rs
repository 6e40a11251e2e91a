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
use crate::http::edge::wire::{Actor, AgreementVersion, LanguageTag};

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
    /// The languages in which its text is served under `/v1/agreements/{version}`.
    #[schema(max_items = 20)]
    languages: Vec<LanguageTag>,
    /// Whether new orders accept this version. One version is active.
    active: bool,
    created_at: DateTime<Utc>,
    /// Who published it, or activated it last.
    updated_by: Actor,
}

impl Agreement {
    fn of(agreement: catalogue::Agreement, languages: &[String]) -> Self {
        let catalogue::Agreement { version, url, active, created_at, updated_by } = agreement;
        let updated_by = Actor::new(updated_by);
        let languages = languages.iter().map(LanguageTag::new).collect();
        Self { version: AgreementVersion::new(version), url, languages, active, created_at, updated_by }
    }
}

/// A new version of the agreement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "version": "2026-12-01", "url": "https://example.com/agreements/2026-12-01",
    "texts": [{"language": "en", "text": "By topping up you agree …"}]
}))]
pub struct AgreementRequest {
    version: AgreementVersion,
    /// The page where customers read it.
    #[schema(max_length = 500, example = "https://example.com/agreements/2026-12-01")]
    url: String,
    /// The text in its languages, each once. Customers read it under `/v1/agreements/{version}`.
    #[serde(default)]
    #[schema(max_items = 20)]
    texts: Vec<AgreementTextRequest>,
}

/// The text of an agreement in one language.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementTextRequest {
    language: LanguageTag,
    #[schema(min_length = 1, max_length = 200000, example = "By topping up you agree …")]
    text: String,
}

/// The most bytes of a request with the texts of an agreement.
const MAX_AGREEMENT_BYTES: usize = 2 << 20;

impl AgreementRequest {
    /// The name of the version, its page, and its texts.
    fn read(self) -> Result<(String, String, Vec<catalogue::AgreementText>), Error> {
        let mut problems = Problems::new();
        let version = self.version.read(&mut problems, "/version");
        if self.texts.len() > 20 {
            problems.add("/texts", Code::TooMany, "must be 20 at most");
        }
        let mut texts: Vec<catalogue::AgreementText> = Vec::new();
        for (n, new) in self.texts.iter().take(20).enumerate() {
            let language = new.language.read(&mut problems, &format!("/texts/{n}/language"));
            // A text has lines, so only its length is limited.
            let text = new.text.trim();
            if text.is_empty() || text.chars().count() > 200_000 {
                problems.add(format!("/texts/{n}/text"), Code::Length, "must be 1 to 200000 characters");
            }
            if text.contains('\0') {
                problems.add(format!("/texts/{n}/text"), Code::ControlCharacters, "must not have a NUL character");
            }
            let Some(language) = language else { continue };
            if texts.iter().any(|before| before.language.eq_ignore_ascii_case(&language)) {
                problems.add(format!("/texts/{n}/language"), Code::Duplicate, "is there already");
            }
            texts.push(catalogue::AgreementText { language, text: text.to_owned() });
        }
        let page = Url::parse(&self.url).ok();
        let is_page = page.is_some_and(|page| matches!(page.scheme(), "https" | "http") && page.has_host());
        if !is_page || self.url.len() > 500 {
            problems.add("/url", Code::Malformed, "must be an absolute http(s) address of at most 500 characters");
        }
        Ok((problems.into_result(version)?, self.url, texts))
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
    let all = agreements::list(&app).await?.into_iter();
    let data = all.map(|(agreement, languages)| Agreement::of(agreement, &languages)).collect();
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
    body: JsonBody<AgreementRequest, MAX_AGREEMENT_BYTES>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let (version, url, texts) = body.value.read()?;
    let published = agreements::publish(&app, &caller, &version, &url, &texts).await?;
    let languages = agreements::languages(&app, &version).await?;
    Ok(HttpResponse::Created().json(Agreement::of(published, &languages)))
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
    // No version has such a name, and PostgreSQL cannot even search for a text with NUL.
    let version = path.version.named().ok_or(Error::NotFound("agreement"))?;
    let active = agreements::activate(&app, &caller, &version).await?;
    let languages = agreements::languages(&app, &version).await?;
    Ok(HttpResponse::Ok().json(Agreement::of(active, &languages)))
}
