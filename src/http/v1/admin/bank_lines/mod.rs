//! `/v1/admin/bank-lines`: the lines of our banks' statements as a worklist.

pub mod body;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Deserialize;
use utoipa::IntoParams;

use self::body::{ApplyBankLine, BankLine, BankLinePage, BankLineWorklist, ChooseBankLinePayment};
use crate::app::bank_statements::lines::{self, LineForOrder};
use crate::app::{App, Problems};
use crate::domain::bank_statement::LineList;
use crate::domain::page::Sort;
use crate::http::edge::answers::repeatable;
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{BankAccountId, BankLineId, CursorText, Limit, Note};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BankLinesQuery {
    /// Only lines that need work.
    #[param(inline)]
    worklist: Option<BankLineWorklist>,
    /// Only lines of this account.
    bank_account_id: Option<BankAccountId>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List bank lines
///
/// The lines of our banks' statements, each once, the newest first. For money that serves nothing yet, a line names the
/// order that it is probably for.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminListBankLines",
    params(BankLinesQuery),
    responses((status = 200, description = "A page of lines", body = BankLinePage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/bank-lines")]
pub async fn list_bank_lines(
    _: AsOperator,
    QueryParams(query): QueryParams<BankLinesQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let account = BankAccountId::filter(query.bank_account_id.as_ref(), "?bank_account_id")?;
    let limit = Limit::read(query.limit)?;
    let filters = Filters::of(request.path())
        .with_optional("worklist", query.worklist.map(BankLineWorklist::as_str))
        .with_optional("bank_account_id", account);
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let which = query.worklist.map_or(LineList::All, LineList::from);
    let found = lines::list(&app, which, account, &asked).await?;
    let cursors = page::cursors(&found, &filters, |view| (view.line.created_at, view.line.id))?;
    Ok(HttpResponse::Ok().json(BankLinePage {
        data: found.rows.iter().map(BankLine::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct BankLinePath {
    /// The line's id.
    line_id: BankLineId,
}

/// Read a bank line
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminGetBankLine",
    params(BankLinePath),
    responses((status = 200, description = "The line", body = BankLine)),
    security(("bearer" = []))
)]
#[get("/v1/admin/bank-lines/{line_id}")]
pub async fn get_bank_line(
    _: AsOperator,
    path: web::Path<BankLinePath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let view = lines::read(&app, path.line_id.named()).await?;
    Ok(HttpResponse::Ok().json(BankLine::from(&view)))
}

/// Choose the payment of a bank line
///
/// Chooses the payment of a tied line: one that an operator has stated before, or a new one. From then on the bank's
/// amount counts.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminChooseBankLinePayment",
    params(BankLinePath),
    request_body = ChooseBankLinePayment,
    responses((status = 200, description = "The line as it is now", body = BankLine)),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/bank-lines/{line_id}/choose")]
pub async fn choose_bank_line_payment(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<BankLinePath>,
    body: JsonBody<ChooseBankLinePayment>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let asked = body.value;
    let mut problems = Problems::new();
    let payment = asked.payment_id.map(|id| id.read(&mut problems, "/payment_id"));
    let reason = asked.reason.read(&mut problems, "/reason");
    let reason = problems.into_result(reason)?;
    let view = lines::choose(&app, &caller, path.line_id.named(), payment.flatten(), &reason).await?;
    Ok(HttpResponse::Ok().json(BankLine::from(&view)))
}

/// Apply a bank line to an order
///
/// Approves the order with the data of the bank's line. A line can serve several orders: send the part of each. Above
/// the threshold it is only proposed (202) until a second operator applies the same.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminApplyBankLine",
    params(BankLinePath, IdempotencyHeader),
    request_body = ApplyBankLine,
    responses(
        (status = 200, description = "The line; the order is credited", body = BankLine),
        (status = 202, description = "The line; a second operator must confirm the order", body = BankLine),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/bank-lines/{line_id}/apply")]
pub async fn apply_bank_line(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<BankLinePath>,
    key: IdempotencyHeader,
    request: HttpRequest,
    body: JsonBody<ApplyBankLine>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "bank_line.apply", request.path(), &body.bytes);
    let asked = body.value;
    let mut problems = Problems::new();
    let order = asked.order_id.read(&mut problems, "/order_id");
    let amount = asked.amount.and_then(|amount| amount.decimal(&mut problems, "/amount"));
    let note = Note::read_optional(asked.note.as_ref(), &mut problems, "/note");
    let order = problems.into_result(order)?;
    let asked = LineForOrder {
        order,
        amount,
        confirm_difference: asked.confirm_difference,
        accept_late: asked.accept_late,
        note,
    };
    let made = lines::apply(&app, &caller, path.line_id.named(), &asked, &key).await?;
    let status = if made.value.awaiting_second { StatusCode::ACCEPTED } else { StatusCode::OK };
    let view = lines::read(&app, path.line_id.named()).await?;
    Ok(repeatable(&BankLine::from(&view), made.replayed, status))
}
