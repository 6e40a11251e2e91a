//! Headers that tell browsers and caches what they may do with an answer.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;

/// What every answer may do, even our own pages: nothing. No other page may show it in a frame.
const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What Swagger UI needs in addition: its own scripts, styles and pictures, and calls to this service.
const SWAGGER_UI: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                          img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; \
                          form-action 'none'; frame-ancestors 'none'";

/// Middleware: adds the headers to every answer that does not have them.
///
/// # Errors
/// The inner service's error.
pub async fn secure<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let path = request.path().to_owned();
    let mut response = next.call(request).await?;
    add_to(response.headers_mut(), &path);
    Ok(response)
}

/// Adds the headers to the answer for a path.
pub(super) fn add_to(headers: &mut HeaderMap, path: &str) {
    let mut add = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    add(X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(REFERRER_POLICY, "no-referrer");
    add(CONTENT_SECURITY_POLICY, if path.starts_with("/docs/") { SWAGGER_UI } else { NOTHING });
    // No cache may keep an answer about money.
    if path.starts_with("/v1/") {
        add(CACHE_CONTROL, "no-store");
    }
}
