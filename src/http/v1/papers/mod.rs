//! Papers: the receipt of an order, its credit notes, and a printable page of each.

pub mod body;
pub mod page;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::{HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::Paper;
use self::page::PaperLanguage;
use crate::app::{App, papers};
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CustomerQuery, OrderPath};
use crate::http::edge::wire::{CustomerIdText, PaperId};

/// The receipt of an order, and the credit notes since then.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderPapers {
    receipt: Paper,
    /// The receipts for money that was applied to the order after it was completed, the oldest first.
    #[schema(max_items = 100)]
    further_receipts: Vec<Paper>,
    /// Its credit notes and their cancellations, the oldest first.
    #[schema(max_items = 1000)]
    credit_notes: Vec<Paper>,
}

/// Get the receipt of an order
///
/// The receipts of a completed order, and credit notes for what went back of it. A receipt is issued some seconds after
/// the order is completed; until then this is 404. An order that was paid from the wallet has none.
#[utoipa::path(
    tag = "papers",
    operation_id = "getReceipt",
    params(OrderPath, CustomerQuery),
    responses((status = 200, description = "The papers of the order", body = OrderPapers)),
    security(("bearer" = []))
)]
#[get("/v1/top-up-orders/{order_id}/receipt")]
pub async fn get_receipt(
    Allowed(caller): AsCustomer,
    path: web::Path<OrderPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let found = papers::of_order(&app, &caller, query.named()?.as_ref(), path.order_id.named()).await?;
    Ok(HttpResponse::Ok().json(OrderPapers {
        receipt: Paper::from(&found.receipt),
        further_receipts: found.further_receipts.iter().map(Paper::from).collect(),
        credit_notes: found.credit_notes.iter().map(Paper::from).collect(),
    }))
}

/// Which paper a call is about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct PaperPath {
    /// The paper's id.
    paper_id: PaperId,
}

/// Get a paper
///
/// A receipt, a credit note or a cancellation.
#[utoipa::path(
    tag = "papers",
    operation_id = "getPaper",
    params(PaperPath, CustomerQuery),
    responses((status = 200, description = "The paper", body = Paper)),
    security(("bearer" = []))
)]
#[get("/v1/papers/{paper_id}")]
pub async fn get_paper(
    Allowed(caller): AsCustomer,
    path: web::Path<PaperPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let found = papers::get(&app, &caller, query.named()?.as_ref(), path.paper_id.named()).await?;
    Ok(HttpResponse::Ok().json(Paper::from(&found)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    customer_id: Option<CustomerIdText>,
    /// The language of the page; `en` when absent.
    lang: Option<PaperLanguage>,
}

/// Show a paper
///
/// The paper as a page that prints on one sheet of A4, in the requested language. It loads no resources and runs no
/// script.
#[utoipa::path(
    tag = "papers",
    operation_id = "getPaperPage",
    params(PaperPath, PageQuery),
    responses((status = 200, description = "The page", body = String, content_type = "text/html",
        example = json!("<!doctype html>\n<html lang=\"en\">…"))),
    security(("bearer" = []))
)]
#[get("/v1/papers/{paper_id}/page")]
pub async fn get_paper_page(
    Allowed(caller): AsCustomer,
    path: web::Path<PaperPath>,
    QueryParams(query): QueryParams<PageQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let found = papers::get(
        &app,
        &caller,
        CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?.as_ref(),
        path.paper_id.named(),
    )
    .await?;
    let page = page::render(&found, query.lang.unwrap_or_default())?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, page::policy()))
        .body(page))
}
