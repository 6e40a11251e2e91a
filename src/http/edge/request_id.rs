//! `X-Request-Id`: the service takes the caller's id if it is well formed, and otherwise makes one. It always sends the
//! id back.

use std::sync::Arc;

use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use uuid::Uuid;

use crate::identity::Principal;

static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request. The answer, every log line and every problem contain it.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Middleware: gives every request an id.
///
/// # Errors
/// The inner service's error.
pub async fn assign<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let given = request.headers().get(&HEADER).and_then(|value| value.to_str().ok());
    let well_formed = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    let id = given.filter(well_formed).map_or_else(|| Uuid::now_v7().as_simple().to_string(), str::to_owned);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.call(request).await?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER.clone(), value);
    }
    Ok(response)
}

/// Builds the tracing span of a request, with method, path and request id.
#[derive(Debug)]
pub struct RequestSpan;

impl tracing_actix_web::RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> tracing::Span {
        let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        tracing::info_span!(
            "request",
            method = %request.method(),
            path = %request.path(),
            request_id = %id,
        )
    }

    fn on_request_end<B: MessageBody>(span: tracing::Span, outcome: &Result<ServiceResponse<B>, actix_web::Error>) {
        let status = match outcome {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        let principal = outcome.as_ref().ok().and_then(|response| response.request().extensions().get().cloned());
        let caller = principal.as_ref().map(|principal: &Arc<Principal>| principal.subject.as_str());
        let _entered = span.enter();
        // Recording these on the span would format the span again for every request, and most requests log nothing.
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), caller, "The request failed with a server error");
        } else {
            tracing::debug!(status = status.as_u16(), caller, "The request was answered");
        }
    }
}

/// The id of a request, for answers that contain problems.
#[must_use]
pub fn of(request: &actix_web::HttpRequest) -> String {
    request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
}
