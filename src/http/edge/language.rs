//! The header `Accept-Language`: in which language texts for customers are.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::ACCEPT_LANGUAGE;
use actix_web::{FromRequest, HttpRequest};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::problem::Failure;
use crate::domain::language::Language;

/// The language that the caller prefers of those that we speak.
#[derive(Debug, Clone, Copy)]
pub struct Speaks(pub Language);

impl FromRequest for Speaks {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        ready(Ok(Self(header.map(Language::accepted).unwrap_or_default())))
    }
}

/// An operation names the header; its description is the same everywhere.
impl IntoParams for Speaks {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let description = "The language of the texts for customers: `en`, `zh-CN` or `vi`; English where it names \
                           none of them. Codes are the same in all languages.";
        vec![
            ParameterBuilder::new()
                .name("Accept-Language")
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some(description))
                .schema(Some(text))
                .build(),
        ]
    }
}
