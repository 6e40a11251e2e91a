//! Answers of use cases that may be a repeat.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;

/// 201 for something new; for a repeat `again`, with `Idempotent-Replayed: true`.
pub fn created<T: Serialize>(body: &T, replayed: bool, again: StatusCode) -> HttpResponse {
    if replayed {
        HttpResponse::build(again).insert_header(("Idempotent-Replayed", "true")).json(body)
    } else {
        HttpResponse::Created().json(body)
    }
}
