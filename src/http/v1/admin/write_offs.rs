//! `/v1/admin/write-offs`: two operators write off what a closed account owes.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Error, Made, Problems, write_offs};
use crate::domain::own_word::ProposalEnd;
use crate::domain::page::Sort;
use crate::domain::write_off::{self, WriteOffFilter};
use crate::http::edge::answers::{located, repeatable};
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Actor, Amount, CurrencyCode, CursorText, CustomerIdText, Limit, Reason, WriteOffId};

/// What is given up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"customer_id": "demo", "currency": "CNY", "reason": "a late dispute"}))]
pub struct CreateWriteOff {
    customer_id: CustomerIdText,
    /// All that the account owes in this currency is written off.
    currency: CurrencyCode,
    /// Why. The customer reads it in the account flows.
    reason: Reason,
}

/// The status of a write-off.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteOffStatus {
    AwaitingSecondApproval,
    Booked,
    Withdrawn,
}

/// What an account owed, and two operators wrote off.
#[derive(Debug, Serialize, ToSchema)]
pub struct WriteOff {
    id: WriteOffId,
    status: WriteOffStatus,
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    amount: Amount,
    /// The part that came later, for example because a dispute was won.
    recovered: Amount,
    reason: Reason,
    proposed_by: Actor,
    created_at: DateTime<Utc>,
    /// The second operator; null until one has approved.
    approved_by: Option<Actor>,
    /// When it was booked; null until then.
    booked_at: Option<DateTime<Utc>>,
    withdrawn_by: Option<Actor>,
}

impl From<&write_off::WriteOff> for WriteOff {
    fn from(write_off: &write_off::WriteOff) -> Self {
        let (status, approved, withdrawn_by) = match &write_off.end {
            None => (WriteOffStatus::AwaitingSecondApproval, None, None),
            Some(ProposalEnd::Approved { by, at }) => (WriteOffStatus::Booked, Some((by, *at)), None),
            Some(ProposalEnd::Withdrawn { by, .. }) => (WriteOffStatus::Withdrawn, None, Some(by)),
        };
        Self {
            id: WriteOffId::of(write_off.id),
            status,
            customer_id: CustomerIdText::of(&write_off.customer),
            currency: CurrencyCode::of(write_off.amount.currency()),
            amount: write_off.amount.into(),
            recovered: write_off.recovered.into(),
            reason: Reason::new(&write_off.reason),
            proposed_by: Actor::new(&write_off.proposed_by),
            created_at: write_off.proposed_at,
            approved_by: approved.map(|(by, _)| Actor::new(by)),
            booked_at: approved.map(|(_, at)| at),
            withdrawn_by: withdrawn_by.map(Actor::new),
        }
    }
}

/// A page of write-offs.
#[derive(Debug, Serialize, ToSchema)]
pub struct WriteOffPage {
    #[schema(max_items = 100)]
    data: Vec<WriteOff>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

fn answer(made: &Made<write_off::WriteOff>) -> HttpResponse {
    let status = if made.value.end.is_none() { StatusCode::ACCEPTED } else { StatusCode::OK };
    repeatable(&WriteOff::from(&made.value), made.replayed, status)
}

/// Propose a write-off
///
/// Proposes to write off all that an account that is being closed, or is closed, owes in one currency: the debt of its
/// wallets, and taken-back money, less what the account has. Its closing must no longer be `waiting`. Nothing is booked
/// until a second operator approves it.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminCreateWriteOff",
    params(IdempotencyHeader),
    request_body = CreateWriteOff,
    responses(
        (status = 202, description = "`awaiting_second_approval`: another operator must approve it", body = WriteOff),
        (status = 200, description = "The same request made it before, and it has ended", body = WriteOff),
        (status = 404, description = "The account is not being closed"),
        (status = 409, description = "`closing_moved_on` while the closing waits; `nothing_owed`: it owes nothing, or \
            a write-off waits already"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/write-offs")]
pub async fn create_write_off(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    body: JsonBody<CreateWriteOff>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "create_write_off", "", &body.bytes);
    let mut problems = Problems::new();
    let customer = body.value.customer_id.read(&mut problems, "/customer_id");
    let currency = body.value.currency.read(&mut problems, "/currency");
    let reason = body.value.reason.read(&mut problems, "/reason");
    let ((customer, currency), reason) = problems.into_result(customer.zip(currency).zip(reason))?;
    let made = write_offs::propose(&app, &caller, &customer, currency, &reason, &key).await?;
    let id = WriteOffId::of(made.value.id);
    Ok(located(answer(&made), "/v1/admin/write-offs", &id))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WriteOffsQuery {
    /// Only write-offs of this customer.
    customer_id: Option<CustomerIdText>,
    /// `true`: only proposals that wait for a second operator.
    #[serde(default)]
    awaiting_second_approval: bool,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List write-offs
///
/// The write-offs of all accounts, newest first.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminListWriteOffs",
    params(WriteOffsQuery),
    responses((status = 200, description = "A page of write-offs", body = WriteOffPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/write-offs")]
pub async fn list_write_offs(
    _: AsOperator,
    QueryParams(query): QueryParams<WriteOffsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = WriteOffFilter {
        customer: CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?,
        is_waiting: query.awaiting_second_approval,
    };
    let filters = Filters::of(request.path())
        .with_optional("customer_id", filter.customer.as_ref())
        .with_optional("awaiting_second_approval", filter.is_waiting.then_some("true"));
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, Limit::read(query.limit)?, &filters)?;
    let found = write_offs::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, |write_off| (write_off.proposed_at, write_off.id))?;
    Ok(HttpResponse::Ok().json(WriteOffPage {
        data: found.rows.iter().map(WriteOff::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct WriteOffPath {
    /// The write-off's id.
    write_off_id: WriteOffId,
}

/// Get a write-off
///
/// One write-off.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminGetWriteOff",
    params(WriteOffPath),
    responses((status = 200, description = "The write-off", body = WriteOff)),
    security(("bearer" = []))
)]
#[get("/v1/admin/write-offs/{write_off_id}")]
pub async fn get_write_off(
    _: AsOperator,
    path: web::Path<WriteOffPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let write_off = write_offs::get(&app, path.write_off_id.named()).await?;
    Ok(HttpResponse::Ok().json(WriteOff::from(&write_off)))
}

/// Approve a write-off
///
/// Books it. The operator who proposed it cannot approve it. If the account now owes another sum, it is refused.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminApproveWriteOff",
    params(WriteOffPath, IdempotencyHeader),
    responses(
        (status = 200, description = "It is booked", body = WriteOff),
        (status = 202, description = "The same request was repeated while it waits", body = WriteOff),
        (status = 409, description = "`nothing_proposed`, `second_operator_needed` or `nothing_owed`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/write-offs/{write_off_id}/approve")]
pub async fn approve_write_off(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    path: web::Path<WriteOffPath>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.write_off_id.named().ok_or(Error::NotFound("write-off"))?;
    let key = key.scoped(&caller, "approve_write_off", request.path(), b"");
    Ok(answer(&write_offs::approve(&app, &caller, id, &key).await?))
}

/// Withdraw a write-off
///
/// Ends a proposal; nothing is booked. Withdrawing it again changes nothing.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminWithdrawWriteOff",
    params(WriteOffPath),
    responses(
        (status = 200, description = "The withdrawn write-off", body = WriteOff),
        (status = 409, description = "`nothing_proposed`: it was booked"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/write-offs/{write_off_id}/withdraw")]
pub async fn withdraw_write_off(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<WriteOffPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.write_off_id.named().ok_or(Error::NotFound("write-off"))?;
    let withdrawn = write_offs::withdraw(&app, &caller, id).await?;
    Ok(HttpResponse::Ok().json(WriteOff::from(&withdrawn)))
}
