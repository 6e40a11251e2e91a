//! `/v1/refund-requests`: a customer asks for money of an order, and follows the request.

pub mod body;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use self::body::{RefundRequest, RefundRequestPage, RefundRequestStatusName, Refundable};
use crate::app::refund_requests::{self, NewRefundRequest};
use crate::app::{App, Error, Problems};
use crate::domain::page::Sort;
use crate::domain::refund_request::RefundRequestFilter;
use crate::http::edge::answers::{created, located};
use crate::http::edge::auth::{Allowed, AsCustomer, SUPPORT};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CustomerQuery, OrderPath, customer_of};
use crate::http::edge::wire::{Amount, CursorText, CustomerIdText, Limit, Reason, RefundRequestId, TopUpOrderId};

/// Show what can be refunded
///
/// How much of a completed order its payer can get back now, as a sum of parts.
#[utoipa::path(
    tag = "refund-requests",
    operation_id = "getTopUpOrderRefundable",
    params(OrderPath, CustomerQuery),
    responses(
        (status = 200, description = "The parts and their sum", body = Refundable),
        (status = 409, description = "`order_not_completed` or `not_refundable`"),
    ),
    security(("bearer" = []))
)]
#[get("/v1/top-up-orders/{order_id}/refundable")]
pub async fn get_top_up_order_refundable(
    Allowed(caller): AsCustomer,
    path: web::Path<OrderPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.named()?;
    let parts = refund_requests::refundable(&app, &caller, customer.as_ref(), path.order_id.named()).await?;
    Ok(HttpResponse::Ok().json(Refundable::from(&parts)))
}

/// A customer's request for a refund.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "order_id": "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b", "amount": "40.00", "reason": "I topped up the wrong account"
}))]
pub struct CreateRefundRequest {
    order_id: TopUpOrderId,
    /// What goes back to the payer, in the order's currency. Absent: all that can be refunded now.
    #[schema(nullable = false)]
    amount: Option<Amount>,
    /// Why. Operators read it.
    reason: Reason,
}

/// Ask for a refund
///
/// Asks for money of a completed order. Nothing moves until an operator approves the request. An order has at most one
/// waiting request.
#[utoipa::path(
    tag = "refund-requests",
    operation_id = "createRefundRequest",
    params(CustomerQuery, IdempotencyHeader),
    request_body = CreateRefundRequest,
    responses(
        (status = 201, description = "The new request", body = RefundRequest),
        (status = 200, description = "The request that was made with this key before", body = RefundRequest),
        (status = 409, description = "`account_closed`, `refund_request_waiting`, `refund_exceeds_payment`, \
            `order_not_completed`, `not_refundable`, or the same request is still being processed"),
    ),
    security(("bearer" = ["customer", "service", "operator:support"]))
)]
#[post("/v1/refund-requests")]
pub async fn create_refund_request(
    Allowed(caller): AsCustomer<SUPPORT>,
    key: IdempotencyHeader,
    QueryParams(query): QueryParams<CustomerQuery>,
    body: JsonBody<CreateRefundRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let key = key.scoped(&caller, "create_refund_request", customer.as_str(), &body.bytes);
    let asked = body.value;
    let mut problems = Problems::new();
    let amount = asked.amount.as_ref().map(|amount| amount.decimal(&mut problems, "/amount"));
    let reason = asked.reason.read(&mut problems, "/reason");
    let reason = problems.into_result(reason)?;
    let order_id = asked.order_id.named().ok_or(Error::NotFound("order"))?;
    let new = NewRefundRequest { order_id, amount: amount.flatten(), reason };
    let made = refund_requests::create(&app, &caller, &customer, &new, &key).await?;
    let answer = created(&RefundRequest::from(&made.value).told_to(caller.reader()), made.replayed, StatusCode::OK);
    Ok(located(answer, "/v1/refund-requests", &RefundRequestId::of(made.value.id)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RefundRequestsQuery {
    customer_id: Option<CustomerIdText>,
    /// Only requests with this status. Repeat the parameter for several.
    #[serde(default)]
    #[param(max_items = 4)]
    status: Vec<RefundRequestStatusName>,
    /// Only requests about this order.
    order: Option<TopUpOrderId>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List refund requests
///
/// The customer's requests, newest first.
#[utoipa::path(
    tag = "refund-requests",
    operation_id = "listRefundRequests",
    params(RefundRequestsQuery),
    responses((status = 200, description = "A page of requests", body = RefundRequestPage)),
    security(("bearer" = []))
)]
#[get("/v1/refund-requests")]
pub async fn list_refund_requests(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<RefundRequestsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = customer_of(&caller, query.customer_id.as_ref())?;
    let filter = RefundRequestFilter {
        states: query.status.iter().map(|name| (*name).into()).collect(),
        order_id: TopUpOrderId::filter(query.order.as_ref(), "?order")?,
        customer: Some(customer.clone()),
    };
    let filters = Filters::of(request.path())
        .with("customer_id", &customer)
        .with_each("status", filter.states.iter().map(|state| state.as_str()))
        .with_optional("order", filter.order_id);
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, Limit::read(query.limit)?, &filters)?;
    let found = refund_requests::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, |row| (row.created_at, row.id))?;
    Ok(HttpResponse::Ok().json(RefundRequestPage {
        data: found.rows.iter().map(|row| RefundRequest::from(row).told_to(caller.reader())).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct RefundRequestPath {
    /// The request's id.
    refund_request_id: RefundRequestId,
}

/// Get a refund request
///
/// One request of the customer.
#[utoipa::path(
    tag = "refund-requests",
    operation_id = "getRefundRequest",
    params(RefundRequestPath, CustomerQuery),
    responses((status = 200, description = "The request", body = RefundRequest)),
    security(("bearer" = []))
)]
#[get("/v1/refund-requests/{refund_request_id}")]
pub async fn get_refund_request(
    Allowed(caller): AsCustomer,
    path: web::Path<RefundRequestPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let found = refund_requests::get(&app, Some(&customer), path.refund_request_id.named()).await?;
    Ok(HttpResponse::Ok().json(RefundRequest::from(&found).told_to(caller.reader())))
}

/// Withdraw a refund request
///
/// Only a waiting request can be withdrawn. Withdrawing it again changes nothing.
#[utoipa::path(
    tag = "refund-requests",
    operation_id = "withdrawRefundRequest",
    params(RefundRequestPath, CustomerQuery),
    responses(
        (status = 200, description = "The withdrawn request", body = RefundRequest),
        (status = 409, description = "`refund_request_decided` or `refund_proposed`"),
    ),
    security(("bearer" = ["customer", "service", "operator:support"]))
)]
#[post("/v1/refund-requests/{refund_request_id}/withdraw")]
pub async fn withdraw_refund_request(
    Allowed(caller): AsCustomer<SUPPORT>,
    path: web::Path<RefundRequestPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let withdrawn = refund_requests::withdraw(&app, &caller, &customer, path.refund_request_id.named()).await?;
    Ok(HttpResponse::Ok().json(RefundRequest::from(&withdrawn).told_to(caller.reader())))
}
