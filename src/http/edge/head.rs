//! HEAD: it is answered like GET.

use actix_web::body::{self, BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;

/// Middleware: answers HEAD by the route of GET, without the body.
///
/// # Errors
/// The inner service's error.
pub async fn head_as_get<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if request.method() != Method::HEAD {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    request.head_mut().method = Method::GET;
    let response = next.call(request).await?.map_into_boxed_body();
    // The server sends no body for HEAD, but it would wait for the end of a stream.
    Ok(response
        .map_body(|_, body| if body.size() == BodySize::Stream { BoxBody::new(body::None::new()) } else { body }))
}
