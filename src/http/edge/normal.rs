//! Brings a request into the form that the routes expect: HEAD becomes GET, and NUL is refused.

use actix_web::ResponseError;
use actix_web::body::{self, BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;

use super::problem::Failure;
use crate::domain::code::Code;

/// Middleware: answers HEAD like GET, without the body, and refuses a path or query with an encoded NUL. No text of this
/// service has one, and PostgreSQL stores none.
///
/// # Errors
/// The inner service's error.
pub async fn normalize<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if [request.head().uri.path(), request.query_string()].iter().any(|text| text.contains("%00")) {
        let detail = "the path and the query must not contain %00";
        let failure = Failure::new(StatusCode::BAD_REQUEST, Code::BadRequest, detail);
        return Ok(request.into_response(failure.error_response()));
    }
    if request.method() != Method::HEAD {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    request.head_mut().method = Method::GET;
    let response = next.call(request).await?.map_into_boxed_body();
    // The server sends no body for HEAD, but it would wait for the end of a stream.
    Ok(response
        .map_body(|_, body| if body.size() == BodySize::Stream { BoxBody::new(body::None::new()) } else { body }))
}
