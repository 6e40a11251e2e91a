//! `/v1/admin/closings` and `/v1/admin/customers/…/close`: an operator closes an account, and follows its closing.

pub mod body;

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::{Closing, ClosingDetails, ClosingStatusName};
use crate::app::{App, Error, Problems, closings};
use crate::domain::closing::ClosingFilter;
use crate::domain::page::Sort;
use crate::http::edge::auth::{ADMIN, Allowed, AsOperator};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CustomerPath, CustomerQuery};
use crate::http::edge::wire::{CursorText, Limit, Reason};

/// Why an account is closed, or why its closing is withdrawn.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the customer asked for it"}))]
pub struct ClosingReason {
    /// The customer does not read it.
    reason: Reason,
}

impl ClosingReason {
    fn read(&self) -> Result<String, Error> {
        let mut problems = Problems::new();
        let reason = self.reason.read(&mut problems, "/reason");
        problems.into_result(reason)
    }
}

/// Close an account
///
/// From now on no money goes out of the wallets (409 `account_closed`), pending orders are cancelled, refund requests
/// are refused, and new orders and refund requests are refused. When no order, hold, refund or unapplied payment is
/// open any more, granted credit is forfeited, and payments are refunded to their sources, newest first. If you lack
/// the permission `finance`, each refund waits for another operator. No money goes out while a payment is disputed. The
/// rest is paid out by bank transfer. A worker takes each step as soon as it can be taken. If the account is being
/// closed already, nothing changes, and the first reason stays.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminCloseCustomer",
    params(CustomerPath, CustomerQuery),
    request_body = ClosingReason,
    responses((status = 200, description = "The closing, after its first steps", body = ClosingDetails)),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/customers/{customer_id}/close")]
pub async fn close_customer(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<CustomerPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    body: JsonBody<ClosingReason>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = path.customer(&query)?;
    let view = closings::start(&app, &caller, &customer, &body.value.read()?).await?;
    Ok(HttpResponse::Ok().json(ClosingDetails::from(&view)))
}

/// Ask for the next step
///
/// Takes the next steps of a closing now, as far as they can be taken. A worker does so by itself; this saves the wait.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminAdvanceClosing",
    params(CustomerPath, CustomerQuery),
    responses((status = 200, description = "The closing as it is now", body = ClosingDetails)),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/customers/{customer_id}/close/advance")]
pub async fn advance_closing(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<CustomerPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let view = closings::ask_for_next_step(&app, &caller, &path.customer(&query)?).await?;
    Ok(HttpResponse::Ok().json(ClosingDetails::from(&view)))
}

/// Withdraw a closing
///
/// Ends a closing that is `waiting`: the account is as before, except that orders were cancelled and refund requests
/// refused. Later it cannot be withdrawn, because money may have gone back. Once it is withdrawn, there is no closing
/// to withdraw: 404.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminWithdrawClosing",
    params(CustomerPath, CustomerQuery),
    request_body = ClosingReason,
    responses(
        (status = 200, description = "The withdrawn closing", body = Closing),
        (status = 409, description = "`closing_moved_on`: it no longer waits"),
    ),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/customers/{customer_id}/close/withdraw")]
pub async fn withdraw_closing(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<CustomerPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    body: JsonBody<ClosingReason>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = path.customer(&query)?;
    let withdrawn = closings::withdraw(&app, &caller, &customer, &body.value.read()?).await?;
    Ok(HttpResponse::Ok().json(Closing::from(&withdrawn)))
}

/// Show a closing
///
/// How far the closing of an account has come, what it waits for, what is left and owed, and the payouts. Its refunds
/// are listed with the refunds of the customer.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminGetClosing",
    params(CustomerPath, CustomerQuery),
    responses((status = 200, description = "The closing", body = ClosingDetails)),
    security(("bearer" = []))
)]
#[get("/v1/admin/customers/{customer_id}/closing")]
pub async fn get_closing(
    _: AsOperator,
    path: web::Path<CustomerPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let view = closings::get(&app, &path.customer(&query)?).await?;
    Ok(HttpResponse::Ok().json(ClosingDetails::from(&view)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ClosingsQuery {
    /// Only closings with this status. Repeat the parameter for several.
    #[serde(default)]
    #[param(max_items = 6)]
    status: Vec<ClosingStatusName>,
    /// `true`: only accounts that owe something, such as money of a dispute that came after the closing.
    #[serde(default)]
    owing: bool,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// A page of closings.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClosingPage {
    #[schema(max_items = 100)]
    data: Vec<Closing>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

/// List closings
///
/// The accounts that are being closed, or are closed, newest first.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminListClosings",
    params(ClosingsQuery),
    responses((status = 200, description = "A page of closings", body = ClosingPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/closings")]
pub async fn list_closings(
    _: AsOperator,
    QueryParams(query): QueryParams<ClosingsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = ClosingFilter { states: query.status.iter().map(|name| (*name).into()).collect(), owing: query.owing };
    let filters = Filters::of(request.path())
        .with_each("status", filter.states.iter().map(|state| state.as_str()))
        .with_optional("owing", filter.owing.then_some("true"));
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, Limit::read(query.limit)?, &filters)?;
    let found = closings::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, |closing| (closing.started_at, closing.id))?;
    Ok(HttpResponse::Ok().json(ClosingPage {
        data: found.rows.iter().map(Closing::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}
