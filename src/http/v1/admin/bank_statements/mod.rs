//! `/v1/admin/bank-statements`: the files of our banks.

pub mod body;
pub mod mapping;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use self::body::{
    BankStatement, BankStatementFile, BankStatementLine, BankStatementLinePage, BankStatementPage, BankStatementStatus,
};
use crate::app::bank_statements::{self, Upload};
use crate::app::{App, Error, Problems};
use crate::domain::bank_statement::MAX_FILE_BYTES;
use crate::domain::code::Code;
use crate::domain::page::Sort;
use crate::http::edge::answers::{located, repeatable};
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::{FileBody, QueryParams};
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Amount, BankAccountId, BankStatementId, CursorText, Limit};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UploadQuery {
    /// The account of which the file is.
    bank_account_id: BankAccountId,
    /// The balance before the first line; needed if the file has none.
    opening_balance: Option<Amount>,
    /// The balance after the last line; needed if the file has none.
    closing_balance: Option<Amount>,
    /// `true`: the file does not begin with the last closing balance of the account, and that is right.
    #[serde(default)]
    confirm_gap: bool,
}

/// Upload a bank statement
///
/// A file of a bank: camt.053, MT940, or a CSV whose columns the account's mapping names. The content decides which.
/// The body is the file itself. Nothing of it counts unless its opening balance and its lines add up to its closing
/// balance, and it begins where the last statement of the account ended. If its credits, with those that you took over
/// alone in the last 24 hours, exceed the threshold, a second operator must approve the file (202). Uploading the same
/// file again returns the same statement.
///
/// Each line that brought money is one payment: one that an operator has stated, or a new one. A file that spells a
/// line of an earlier file differently, for example in another format, is refused (`lines_on_record`). A line that
/// names an order by its reference, with about the order's amount, completes the order. The lines show what is left to
/// do.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminUploadBankStatement",
    params(UploadQuery),
    request_body(content = BankStatementFile, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "The new statement, whose lines are taken over", body = BankStatement),
        (status = 202, description = "`awaiting_second_approval`: nothing of it counts yet", body = BankStatement),
        (status = 200, description = "The statement that this file was before", body = BankStatement),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/bank-statements")]
pub async fn upload_bank_statement(
    Allowed(caller): AsOperator<FINANCE>,
    QueryParams(query): QueryParams<UploadQuery>,
    file: FileBody<MAX_FILE_BYTES>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let account = query.bank_account_id.named();
    if account.is_none() {
        problems.add("?bank_account_id", Code::Unknown, "is not one of our bank accounts");
    }
    let balance = |problems: &mut Problems, pointer, said: &Option<Amount>| {
        said.as_ref().and_then(|said| said.decimal(problems, pointer))
    };
    let opening = balance(&mut problems, "?opening_balance", &query.opening_balance);
    let closing = balance(&mut problems, "?closing_balance", &query.closing_balance);
    let account = problems.into_result(account)?;
    let upload = Upload { account, opening, closing, confirm_gap: query.confirm_gap };
    let made = bank_statements::upload(&app, &caller, &upload, &file.bytes, &|_, _| {}).await?;
    let status = match (made.replayed, made.value.statement.waits()) {
        (true, _) => StatusCode::OK,
        (false, true) => StatusCode::ACCEPTED,
        (false, false) => StatusCode::CREATED,
    };
    let answer = repeatable(&BankStatement::from(&made.value), made.replayed, status);
    Ok(located(answer, "/v1/admin/bank-statements", &BankStatementId::of(made.value.statement.id)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BankStatementsQuery {
    /// Only statements of this account.
    bank_account_id: Option<BankAccountId>,
    /// Only statements in this state.
    #[param(inline)]
    status: Option<BankStatementStatus>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List bank statements
///
/// Newest first.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminListBankStatements",
    params(BankStatementsQuery),
    responses((status = 200, description = "A page of statements", body = BankStatementPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/bank-statements")]
pub async fn list_bank_statements(
    _: AsOperator,
    QueryParams(query): QueryParams<BankStatementsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let account = BankAccountId::filter(query.bank_account_id.as_ref(), "?bank_account_id")?;
    let limit = Limit::read(query.limit)?;
    let status = query.status.map(|status| match status {
        BankStatementStatus::AwaitingSecondApproval => "awaiting_second_approval",
        BankStatementStatus::Applied => "applied",
        BankStatementStatus::Withdrawn => "withdrawn",
    });
    let filters = Filters::of(request.path()).with_optional("bank_account_id", account).with_optional("status", status);
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let found = bank_statements::list(&app, account, query.status.map(Into::into), &asked).await?;
    let cursors = page::cursors(&found, &filters, |statement| (statement.uploaded_at, statement.id))?;
    Ok(HttpResponse::Ok().json(BankStatementPage {
        data: found.rows.iter().map(BankStatement::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct BankStatementPath {
    /// The statement's id.
    statement_id: BankStatementId,
}

impl BankStatementPath {
    fn id(&self) -> Result<Uuid, Error> {
        self.statement_id.named().ok_or(Error::NotFound("bank statement"))
    }
}

/// Read a bank statement
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminGetBankStatement",
    params(BankStatementPath),
    responses((status = 200, description = "The statement", body = BankStatement)),
    security(("bearer" = []))
)]
#[get("/v1/admin/bank-statements/{statement_id}")]
pub async fn get_bank_statement(
    _: AsOperator,
    path: web::Path<BankStatementPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let found = bank_statements::read(&app, path.statement_id.named()).await?;
    Ok(HttpResponse::Ok().json(BankStatement::from(&found)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LinesQuery {
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List the lines of a bank statement
///
/// The lines of the file in the order of days, for a second operator to check before the approval.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminListBankStatementLines",
    params(BankStatementPath, LinesQuery),
    responses((status = 200, description = "A page of lines", body = BankStatementLinePage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/bank-statements/{statement_id}/lines")]
pub async fn list_bank_statement_lines(
    _: AsOperator,
    path: web::Path<BankStatementPath>,
    QueryParams(query): QueryParams<LinesQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filters = Filters::of(request.path());
    let asked = page::read(query.cursor.as_ref(), Sort::Oldest, Limit::read(query.limit)?, &filters)?;
    let found = bank_statements::lines_of_file(&app, path.statement_id.named(), &asked).await?;
    let cursors = page::cursors(&found, &filters, |(n, _)| *n)?;
    Ok(HttpResponse::Ok().json(BankStatementLinePage {
        data: found.rows.iter().map(BankStatementLine::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

/// Approve a bank statement
///
/// Takes over the lines of a waiting file. The operator who uploaded it cannot approve it.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminApproveBankStatement",
    params(BankStatementPath),
    responses((status = 200, description = "The statement, whose lines are taken over", body = BankStatement)),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/bank-statements/{statement_id}/approve")]
pub async fn approve_bank_statement(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<BankStatementPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let imported = bank_statements::approve(&app, &caller, path.id()?).await?;
    Ok(HttpResponse::Ok().json(BankStatement::from(&imported)))
}

/// Withdraw a bank statement
///
/// Ends a waiting file; nothing of it counts.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminWithdrawBankStatement",
    params(BankStatementPath),
    responses((status = 200, description = "The withdrawn statement", body = BankStatement)),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/bank-statements/{statement_id}/withdraw")]
pub async fn withdraw_bank_statement(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<BankStatementPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let withdrawn = bank_statements::withdraw(&app, &caller, path.id()?).await?;
    Ok(HttpResponse::Ok().json(BankStatement::from(&withdrawn)))
}
