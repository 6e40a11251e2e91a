//! `X-Request-Id`: accepted when it is sane, made otherwise, echoed always.

use std::sync::Arc;

use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use uuid::Uuid;

use crate::identity::Principal;

static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: in the answer, in every log line, in every problem.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Middleware: gives every request an id.
///
/// # Errors
/// Of the inner service.
pub async fn assign<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let given = request.headers().get(&HEADER).and_then(|value| value.to_str().ok());
    let sane = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    let id = given.filter(sane).map_or_else(|| Uuid::now_v7().as_simple().to_string(), str::to_owned);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.call(request).await?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER.clone(), value);
    }
    Ok(response)
}

/// Builds the span of a request for `tracing-actix-web`: method, path, request id.
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
        // On the line and not on the span, which would be written out anew for each of them, mostly for nobody.
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), caller, "answered");
        } else {
            tracing::debug!(status = status.as_u16(), caller, "answered");
        }
    }
}

/// The id of a request, for answers that carry problems inside.
#[must_use]
pub fn of(request: &actix_web::HttpRequest) -> String {
    request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
}
