//! The OpenAPI document: it is generated from the registered routes and then completed.
//!
//! A handler documents its own part: summary, description, parameters, body, success, and the scopes that may call
//! it as `security(("bearer" = ["customer", "operator"]))`. Any one of the named scopes is enough. Without a name all
//! three scopes may call, and under `/v1/admin/` only the operator. `operator:finance` names the permission that an
//! operator needs; without one it is `read`. The table in
//! `codes` has the error codes of each operation. `finish` adds what all operations have in common: the failures with
//! their codes, the request id, the descriptions of usual parameters. `examples` composes an example for each answer,
//! `inline` writes out the schemas of wire texts, `nullable` knows the references that may be null, and `open_lists`
//! names the values of lists that may grow. `older` writes the document in the format 3.0, and `compare` finds what a
//! change would break.

mod about;
mod codes;
mod compare;
pub mod error_codes;
mod examples;
mod finish;
mod inline;
mod nullable;
mod older;
mod open_lists;
mod shared;
mod webhooks;

use std::sync::LazyLock;

use serde_json::Value;
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;

use super::routes;
use crate::http::edge::page::SortName;
use crate::http::edge::problem::{InsufficientFunds, Problem, ProblemField, SpendCap, SpendCapPeriod};
use crate::http::v1::admin::disputes::DisputeWorklist;
use crate::http::v1::admin::reports::body::{ReportPeriod, ReportSplit};
use crate::http::v1::balances::body::messages::{
    StreamedBalanceAlert, StreamedEnd, StreamedEndReason, StreamedOrder, StreamedTakenBackDebt,
};
use crate::http::v1::papers::page::PaperLanguage;
use crate::http::v1::top_up_orders::body::list::OrderWorklist;

/// The schemas of failures, of the messages of the stream, and of types that only parameters name.
#[derive(OpenApi)]
#[openapi(components(schemas(
    Problem,
    ProblemField,
    InsufficientFunds,
    SpendCap,
    SpendCapPeriod,
    SortName,
    OrderWorklist,
    DisputeWorklist,
    StreamedOrder,
    StreamedBalanceAlert,
    StreamedTakenBackDebt,
    StreamedEnd,
    StreamedEndReason,
    ReportPeriod,
    ReportSplit,
    PaperLanguage
)))]
struct Base;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let registered = actix_web::App::new()
        .into_utoipa_app()
        .openapi(Base::openapi())
        .configure(routes::configure)
        .configure(routes::metrics);
    let (_, document) = registered.split_for_parts();
    finish::finish(serde_json::to_value(document).unwrap_or_default())
});

/// The document. It is the same for every process of one version.
#[must_use]
pub fn document() -> &'static Value {
    &DOCUMENT
}

static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));

/// The document as the service serves it, `topup openapi` prints it, and the repository keeps it.
#[must_use]
pub fn text() -> &'static str {
    &TEXT
}

/// The document in the format 3.0, for tools that do not read 3.1.
#[must_use]
pub fn older_text() -> String {
    format!("{:#}\n", older::older(document()))
}

/// The changes from a released document to this one for which clients would have to be changed, one a line.
#[must_use]
pub fn breaking_changes(released: &Value) -> Vec<String> {
    compare::breaking(released, document())
}

/// The methods of a path template in upper case, for the `Allow` header.
#[must_use]
pub fn methods(path: &str) -> Vec<String> {
    let operations = document().get("paths").and_then(|paths| paths.get(path)).and_then(Value::as_object);
    operations.map(|operations| operations.keys().map(|method| method.to_uppercase()).collect()).unwrap_or_default()
}
