//! The `If-Match` header: it names the version that a change replaces, as the ETag shows it (`"3"`).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::IF_MATCH;
use actix_web::{FromRequest, HttpRequest};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::problem::Failure;
use crate::app::Expected;

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

/// An operation names the header; its description is the same everywhere.
impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(200));
        vec![
            ParameterBuilder::new()
                .name("If-Match")
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some("The ETag of the version to replace, or `*` for any version."))
                .schema(Some(text))
                .example(Some(serde_json::json!("*")))
                .build(),
        ]
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
