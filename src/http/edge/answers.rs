//! Answers that several endpoints give: something new, a repeat, a saved version.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue, LOCATION};
use serde::Serialize;

/// The answer for a new object (201). For a repeated request it has the status `again` and a header that marks it as a
/// repeat.
pub fn created<T: Serialize>(body: &T, replayed: bool, again: StatusCode) -> HttpResponse {
    repeatable(body, replayed, if replayed { again } else { StatusCode::CREATED })
}

/// Names the path of a new object in the answer that shows it. An answer with another status stays as it is.
#[must_use]
pub fn located(mut response: HttpResponse, list: &str, id: &str) -> HttpResponse {
    if response.status() == StatusCode::CREATED
        && let Ok(path) = HeaderValue::from_str(&format!("{list}/{id}"))
    {
        response.headers_mut().insert(LOCATION, path);
    }
    response
}

/// An answer that has `Idempotent-Replayed: true` when the request is a repeat.
pub fn repeatable<T: Serialize>(body: &T, replayed: bool, status: StatusCode) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    response.json(body)
}

/// An answer that carries the version of what it shows.
pub fn tagged<T: Serialize>(status: StatusCode, version: i64, body: &T) -> HttpResponse {
    HttpResponse::build(status).insert_header((ETAG, format!("\"{version}\""))).json(body)
}

/// The answer after an object was saved, with its version: 201 for a new object, 200 for a changed one.
pub fn saved<T: Serialize>(created: bool, version: i64, body: &T) -> HttpResponse {
    tagged(put_status(created), version, body)
}

/// The answer after an object without versions was saved: 201 for a new object, 200 for a changed one.
pub fn replaced<T: Serialize>(created: bool, body: &T) -> HttpResponse {
    HttpResponse::build(put_status(created)).json(body)
}

fn put_status(created: bool) -> StatusCode {
    if created { StatusCode::CREATED } else { StatusCode::OK }
}
