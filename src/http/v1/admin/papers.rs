//! `/v1/admin/papers`: all receipts and credit notes, and the state's invoices.

use actix_web::{HttpRequest, HttpResponse, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Problems, papers};
use crate::domain::page::Sort;
use crate::domain::paper::{EInvoice, PaperFilter};
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::times;
use crate::http::edge::wire::{CursorText, CustomerIdText, EInvoiceNumber, EInvoiceUrl, Limit, PaperId};
use crate::http::v1::papers::body::{Paper, PaperKind};

/// A page of papers.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaperPage {
    #[schema(max_items = 100)]
    data: Vec<Paper>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PapersQuery {
    /// Only papers of this kind.
    kind: Option<PaperKind>,
    /// Only papers of this customer.
    customer_id: Option<CustomerIdText>,
    /// Only papers that were issued at this moment or later.
    #[serde(default, deserialize_with = "times::moment")]
    issued_from: Option<DateTime<Utc>>,
    /// Only papers that were issued before this moment.
    #[serde(default, deserialize_with = "times::moment")]
    issued_to: Option<DateTime<Utc>>,
    /// Only papers for what happened at this moment or later. By this the reports count them.
    #[serde(default, deserialize_with = "times::moment")]
    happened_from: Option<DateTime<Utc>>,
    /// Only papers for what happened before this moment.
    #[serde(default, deserialize_with = "times::moment")]
    happened_to: Option<DateTime<Utc>>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List papers
///
/// The receipts, credit notes and cancellations of all customers, newest first.
#[utoipa::path(
    tag = "admin-papers",
    operation_id = "adminListPapers",
    params(PapersQuery),
    responses((status = 200, description = "A page of papers", body = PaperPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/papers")]
pub async fn list_papers(
    _: AsOperator,
    QueryParams(query): QueryParams<PapersQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = PaperFilter {
        kind: query.kind.map(Into::into),
        customer: CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?,
        issued_from: query.issued_from,
        issued_to: query.issued_to,
        happened_from: query.happened_from,
        happened_to: query.happened_to,
    };
    let limit = Limit::read(query.limit)?;
    let filters = Filters::of(request.path())
        .with_optional("kind", filter.kind.map(crate::domain::paper::PaperKind::as_str))
        .with_optional("customer_id", filter.customer.as_ref())
        .with_moment("issued_from", filter.issued_from)
        .with_moment("issued_to", filter.issued_to)
        .with_moment("happened_from", filter.happened_from)
        .with_moment("happened_to", filter.happened_to);
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let found = papers::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, |paper| (paper.issued_at, paper.id))?;
    Ok(HttpResponse::Ok().json(PaperPage {
        data: found.rows.iter().map(Paper::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct PaperPath {
    /// The paper's id.
    paper_id: PaperId,
}

/// The state's invoice for a paper.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "number": "1C26TAA-00000042", "url": "https://invoices.example.com/1C26TAA-00000042.pdf"
}))]
pub struct NoteEInvoice {
    number: EInvoiceNumber,
    url: Option<EInvoiceUrl>,
}

/// Note the state's invoice
///
/// Records the number and the file's address of the invoice that the state's system made for this paper. Sending it
/// again corrects it.
#[utoipa::path(
    tag = "admin-papers",
    operation_id = "adminNoteEInvoice",
    params(PaperPath),
    request_body = NoteEInvoice,
    responses((status = 200, description = "The paper", body = Paper)),
    security(("bearer" = ["operator:finance"]))
)]
#[put("/v1/admin/papers/{paper_id}/e-invoice")]
pub async fn note_e_invoice(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<PaperPath>,
    body: JsonBody<NoteEInvoice>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::default();
    let number = body.value.number.read(&mut problems, "/number");
    let url = EInvoiceUrl::read_optional(body.value.url.as_ref(), &mut problems, "/url");
    let invoice = problems.into_result(number.map(|number| EInvoice { number, url }))?;
    let noted = papers::note_e_invoice(&app, &caller, path.paper_id.named(), invoice).await?;
    Ok(HttpResponse::Ok().json(Paper::from(&noted)))
}
