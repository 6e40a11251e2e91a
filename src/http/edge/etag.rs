//! The headers `If-Match` and `If-None-Match`. The first names the version that a change replaces, as the ETag shows it
//! (`"3"`). The second names the answer that a reader has already.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::problem::Failure;
use crate::app::{Error, Expected};

/// The version that a change expects. A weak tag (`W/"3"`) counts, too, because proxies that compress answers make our
/// tags weak.
#[derive(Debug)]
pub struct IfMatch(pub Expected);

impl FromRequest for IfMatch {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let values = request.headers().get_all(IF_MATCH).map(|value| value.to_str().unwrap_or_default());
        ready(Ok(Self(read(values))))
    }
}

fn read<'a>(values: impl Iterator<Item = &'a str>) -> Expected {
    let tags: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    if tags.is_empty() {
        return Expected::Unsaid;
    }
    if tags.contains(&"*") {
        return Expected::Any;
    }
    let version = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    Expected::Versions(tags.into_iter().filter_map(version).collect())
}

/// An operation only names the header; its description is shared.
impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let described = header("If-Match", "The ETag of the version to replace, or `*` for any version.");
        vec![described.example(Some(serde_json::json!("*"))).build()]
    }
}

fn header(name: &str, description: &str) -> ParameterBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(text))
}

/// The tags of the answers that the caller already has, as they were sent.
#[derive(Debug)]
pub struct IfNoneMatch(Vec<String>);

impl IfNoneMatch {
    /// The answer, with its tag; or 304 without a body if the caller already has it. Weak tags compare like strong
    /// ones, because proxies that compress answers make our tags weak.
    ///
    /// # Errors
    /// When the answer cannot be written.
    pub fn answer<T: Serialize>(&self, body: &T) -> Result<HttpResponse, Failure> {
        let bytes = serde_json::to_vec(body).map_err(|_| Error::Internal("an answer that can be written as JSON"))?;
        let digest = Sha256::digest(&bytes);
        let tag = format!("\"{}\"", digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>());
        let is_known = self.0.iter().any(|known| known == "*" || known.trim_start_matches("W/") == tag);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header((ETAG, tag));
        Ok(if is_known { response.finish() } else { response.content_type("application/json").body(bytes) })
    }
}

impl FromRequest for IfNoneMatch {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(tags(request, IF_NONE_MATCH))))
    }
}

/// The tags that a header lists, in all of its lines.
fn tags(request: &HttpRequest, name: HeaderName) -> Vec<String> {
    let values = request.headers().get_all(name).map(|value| value.to_str().unwrap_or_default());
    values.flat_map(|value| value.split(',')).map(|tag| tag.trim().to_owned()).collect()
}

/// An operation only names the header; its description is shared.
impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The ETag of the answer that you have: if it has not changed, the service answers 304.";
        vec![header("If-None-Match", description).build()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_quoted_numbers() {
        let read = |text: &'static str| super::read([text].into_iter());
        assert_eq!(read("\"3\""), Expected::Versions(vec![3]));
        assert_eq!(read("W/\"3\", \"12\""), Expected::Versions(vec![3, 12]));
        assert_eq!(read("*"), Expected::Any);
        for other in ["", "3", "\"\"", "\"x\"", "W/3"] {
            assert_eq!(read(other), Expected::Versions(Vec::new()), "{other}");
        }
        assert_eq!(super::read(std::iter::empty()), Expected::Unsaid);
    }
}
