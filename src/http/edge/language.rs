//! The header `Accept-Language`: in which language texts for customers are. An answer that depends on it says so to
//! caches (`Vary`).

use std::future::{Ready, ready};

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderValue, VARY};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::problem::Failure;
use crate::domain::language::Language;

/// The caller's preferred language among those of the service.
#[derive(Debug, Clone, Copy)]
pub struct Speaks(pub Language);

impl FromRequest for Speaks {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(Language::accepted(asked(request)))))
    }
}

/// Marks a request whose answer depends on the header.
#[derive(Debug, Clone, Copy)]
struct DependsOnLanguage;

/// The header of a request whose answer depends on it; empty where there is none.
pub fn asked(request: &HttpRequest) -> &str {
    request.extensions_mut().insert(DependsOnLanguage);
    request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Middleware: adds `Vary` to the answers for which the header was read.
///
/// # Errors
/// The inner service's error.
pub async fn vary<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let mut response = next.call(request).await?;
    let depends = response.request().extensions().contains::<DependsOnLanguage>();
    if depends {
        response.headers_mut().append(VARY, HeaderValue::from_static("Accept-Language"));
    }
    Ok(response)
}

/// An operation names the header; its description is the same everywhere.
impl IntoParams for Speaks {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The language of the texts for customers: `en`, `zh-CN` or `vi`; English where it names \
                           none of them. Codes are the same in all languages.";
        vec![header(description)]
    }
}

/// Names the header of an operation whose text may be in any language.
#[derive(Debug)]
pub struct ReadsLanguages;

impl IntoParams for ReadsLanguages {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header("The languages in which the caller reads, where `language` names none.")]
    }
}

fn header(description: &str) -> Parameter {
    ParameterBuilder::new()
        .name("Accept-Language")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}
