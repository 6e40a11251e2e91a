//! The OpenAPI document: made from the routes that are registered, then finished.
//!
//! A handler states what is its own: summary, parameters, body, success, scopes as
//! `security(("bearer" = ["customer", "operator"]))` (any one of them is enough; none named: all three, and for `/v1/admin/` the operator alone), and only such
//! failures as do not follow from the request's shape (402, 409, 412, 502, …). What every operation has in common is
//! added by `finish`: shared failures, request id, the text of `Idempotency-Key`.

mod finish;
mod shared;

use std::sync::LazyLock;

use serde_json::Value;
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;

use super::routes;
use crate::http::edge::problem::{InsufficientFunds, Problem, ProblemField, SpendCap};

#[derive(OpenApi)]
#[openapi(components(schemas(Problem, ProblemField, InsufficientFunds, SpendCap)))]
struct Base;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let registered = actix_web::App::new().into_utoipa_app().openapi(Base::openapi()).configure(routes::configure);
    let (_, document) = registered.split_for_parts();
    finish::finish(serde_json::to_value(document).unwrap_or_default())
});

/// The document, the same for every process of this version.
#[must_use]
pub fn document() -> &'static Value {
    &DOCUMENT
}

static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));

/// The document as it is served, printed and committed.
#[must_use]
pub fn text() -> &'static str {
    &TEXT
}

/// The methods that the document has for a path template, in upper case; what `Allow` says.
#[must_use]
pub fn methods(path: &str) -> Vec<String> {
    let operations = document().get("paths").and_then(|paths| paths.get(path)).and_then(Value::as_object);
    operations.map(|operations| operations.keys().map(|method| method.to_uppercase()).collect()).unwrap_or_default()
}
