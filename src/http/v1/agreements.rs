//! `/v1/agreements/{version}`: the text that customers accept, in their language.

use actix_web::http::header::CONTENT_LANGUAGE;
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::catalogue::agreements;
use crate::app::{App, Error};
use crate::http::edge::auth::AsCustomer;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::language::{self, ReadsLanguages};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{AgreementVersion, LanguageTag};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct AgreementPath {
    /// The version, as the top-up options and orders name it.
    version: AgreementVersion,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AgreementQuery {
    /// The language to read; absent for the one that `Accept-Language` prefers.
    language: Option<LanguageTag>,
}

/// The text of an agreement in one language.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgreementText {
    version: AgreementVersion,
    language: LanguageTag,
    /// Every language in which the text is available.
    #[schema(max_items = 20)]
    languages: Vec<LanguageTag>,
    #[schema(max_length = 200000, example = "By topping up you agree …")]
    text: String,
}

/// Read an agreement
///
/// The text that a customer accepts with an order, in the language that the caller prefers, or else in English, or else
/// in the first one. A version never changes.
#[utoipa::path(
    tag = "top-up-options",
    operation_id = "getAgreement",
    params(AgreementPath, AgreementQuery, ReadsLanguages),
    responses((status = 200, description = "The text", body = AgreementText)),
    security(("bearer" = []))
)]
#[get("/v1/agreements/{version}")]
pub async fn get_agreement(
    _: AsCustomer,
    path: web::Path<AgreementPath>,
    QueryParams(query): QueryParams<AgreementQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let missing = || Error::NotFound("agreement");
    let version = path.version.named().ok_or_else(missing)?;
    let accepted = preferred(&request);
    let named = LanguageTag::filter(query.language.as_ref(), "?language")?;
    let wanted = named.map_or(accepted, |language| vec![language]);
    let found = agreements::read(&app, &version, &wanted).await?;
    let body = AgreementText {
        version: AgreementVersion::new(version),
        language: LanguageTag::new(&found.language),
        languages: found.languages.iter().map(LanguageTag::new).collect(),
        text: found.text,
    };
    Ok(HttpResponse::Ok().insert_header((CONTENT_LANGUAGE, found.language)).json(body))
}

/// The languages of `Accept-Language`, the preferred one first. Those with the same weight keep their order.
fn preferred(request: &HttpRequest) -> Vec<String> {
    let mut weighted: Vec<(u16, &str)> = language::asked(request).split(',').take(20).map(weight).collect();
    weighted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    weighted.into_iter().filter(|(weight, _)| *weight > 0).map(|(_, language)| language.to_owned()).collect()
}

/// Reads `vi;q=0.8` as 800 and `vi`.
fn weight(item: &str) -> (u16, &str) {
    let (language, weight) = item.split_once(';').unwrap_or((item, ""));
    let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()).unwrap_or(1.0);
    let thousandths = [1000_u16, 900, 800, 700, 600, 500, 400, 300, 200, 100, 1];
    let rounded = thousandths.into_iter().find(|step| f32::from(*step) / 1000.0 <= weight).unwrap_or(0);
    (rounded, language.trim())
}
