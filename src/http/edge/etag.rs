//! `ETag` and `If-Match`: the version of a resource, as a quoted number.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde::Serialize;

use super::problem::Failure;
use crate::app::Expected;

/// Which version a change expects. A tag is taken in its weak form too (`W/"3"`), into which proxies that
/// compress turn ours.
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

/// An answer that carries the version of what it shows.
pub fn tagged<T: Serialize>(status: StatusCode, version: i64, body: &T) -> HttpResponse {
    HttpResponse::build(status).insert_header((ETAG, format!("\"{version}\""))).json(body)
}

/// 201 for something new, 200 for a change; with its version.
pub fn saved<T: Serialize>(created: bool, version: i64, body: &T) -> HttpResponse {
    tagged(if created { StatusCode::CREATED } else { StatusCode::OK }, version, body)
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
