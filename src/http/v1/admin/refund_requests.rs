//! `/v1/admin/refund-requests`: operators decide about refund requests of customers.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::app::refund_requests::{self, ApprovalTerms};
use crate::app::{App, Error, Problems};
use crate::domain::page::Sort;
use crate::domain::refund_request::RefundRequestFilter;
use crate::http::edge::answers::repeatable;
use crate::http::edge::auth::{Allowed, AsOperator, SUPPORT};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::page::{self, Filters, SortName};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Amount, CursorText, CustomerIdText, Limit, Reason, RefundRequestId, TopUpOrderId};
use crate::http::v1::refund_requests::body::{RefundRequest, RefundRequestPage, RefundRequestStatusName};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AdminRefundRequestsQuery {
    /// Only requests with this status. Repeat the parameter for several.
    #[serde(default)]
    #[param(max_items = 4)]
    status: Vec<RefundRequestStatusName>,
    /// Only requests of this customer.
    customer_id: Option<CustomerIdText>,
    /// Only requests about this order.
    order: Option<TopUpOrderId>,
    /// The order of the list: `newest` first, which is the default, or `oldest`.
    sort: Option<SortName>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List refund requests of all customers
///
/// The worklist is `status=waiting&sort=oldest`.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "adminListRefundRequests",
    params(AdminRefundRequestsQuery),
    responses((status = 200, description = "A page of requests", body = RefundRequestPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/refund-requests")]
pub async fn admin_list_refund_requests(
    _: AsOperator,
    QueryParams(query): QueryParams<AdminRefundRequestsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = RefundRequestFilter {
        states: query.status.iter().map(|name| (*name).into()).collect(),
        order_id: TopUpOrderId::filter(query.order.as_ref(), "?order")?,
        customer: CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?,
    };
    let sort = query.sort.map_or(Sort::Newest, Sort::from);
    let filters = Filters::of(request.path())
        .with_each("status", filter.states.iter().map(|state| state.as_str()))
        .with_optional("customer_id", filter.customer.as_ref())
        .with_optional("order", filter.order_id)
        .with_optional("sort", (sort == Sort::Oldest).then_some("oldest"));
    let asked = page::read(query.cursor.as_ref(), sort, Limit::read(query.limit)?, &filters)?;
    let found = refund_requests::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, |row| (row.created_at, row.id))?;
    Ok(HttpResponse::Ok().json(RefundRequestPage {
        data: found.rows.iter().map(RefundRequest::from).collect(),
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

impl RefundRequestPath {
    fn id(&self) -> Result<uuid::Uuid, Error> {
        self.refund_request_id.named().ok_or(Error::NotFound("refund request"))
    }
}

/// Get a refund request of any customer
///
/// The request, with the amount of its order that can be refunded now.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "adminGetRefundRequest",
    params(RefundRequestPath),
    responses((status = 200, description = "The request", body = RefundRequest)),
    security(("bearer" = []))
)]
#[get("/v1/admin/refund-requests/{refund_request_id}")]
pub async fn admin_get_refund_request(
    _: AsOperator,
    path: web::Path<RefundRequestPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let (found, parts) = refund_requests::get_with_parts(&app, Some(path.id()?)).await?;
    Ok(HttpResponse::Ok().json(RefundRequest::from(&found).with_parts(parts.as_ref())))
}

/// The terms of an approval. An empty object approves the requested amount.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "40.00"}))]
pub struct ApproveRefundRequest {
    /// Less than the requested amount. Absent: all of it.
    #[schema(nullable = false)]
    amount: Option<Amount>,
    /// Allow the wallet to go into debt when its paid money is spent.
    #[serde(default)]
    override_balance: bool,
    /// Take what the order's wallet lacks from the main wallet and from products whose money may go back.
    #[serde(default)]
    from_products: bool,
}

/// Approve a refund request
///
/// Makes the refund. Up to the threshold an operator with `finance` starts it alone. Above it, and for an operator with
/// only `support`, the refund is proposed (202): the request waits until another operator approves the refund, and
/// waits for a new decision if that operator rejects it.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "adminApproveRefundRequest",
    params(RefundRequestPath, IdempotencyHeader),
    request_body = ApproveRefundRequest,
    responses(
        (status = 200, description = "The approved request", body = RefundRequest),
        (status = 202, description = "Its refund waits for a second operator", body = RefundRequest),
        (status = 402, description = "The wallet has too little paid money that no hold reserves, or \
            `taken_back_debt`"),
        (status = 409, description = "`refund_request_decided`, `refund_proposed`, `refund_exceeds_payment`, or the \
            same request is still being processed"),
    ),
    security(("bearer" = ["operator:support"]))
)]
#[post("/v1/admin/refund-requests/{refund_request_id}/approve")]
pub async fn approve_refund_request(
    Allowed(caller): AsOperator<SUPPORT>,
    key: IdempotencyHeader,
    path: web::Path<RefundRequestPath>,
    request: HttpRequest,
    body: JsonBody<ApproveRefundRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "approve_refund_request", request.path(), &body.bytes);
    let asked = body.value;
    let mut problems = Problems::new();
    let amount = match &asked.amount {
        None => Some(None),
        Some(amount) => amount.decimal(&mut problems, "/amount").map(Some),
    };
    let amount = problems.into_result(amount)?;
    let terms = ApprovalTerms { amount, override_balance: asked.override_balance, from_products: asked.from_products };
    let made = refund_requests::approve(&app, &caller, path.id()?, &terms, &key).await?;
    let status = if made.value.waits() { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(repeatable(&RefundRequest::from(&made.value), made.replayed, status))
}

/// Why a request is refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "The credit has been used."}))]
pub struct RefuseRefundRequest {
    /// The customer reads it.
    reason: Reason,
}

/// Refuse a refund request
///
/// The customer reads the reason. The same call again changes nothing.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "adminRefuseRefundRequest",
    params(RefundRequestPath),
    request_body = RefuseRefundRequest,
    responses(
        (status = 200, description = "The refused request", body = RefundRequest),
        (status = 409, description = "`refund_request_decided` or `refund_proposed`"),
    ),
    security(("bearer" = ["operator:support"]))
)]
#[post("/v1/admin/refund-requests/{refund_request_id}/refuse")]
pub async fn refuse_refund_request(
    Allowed(caller): AsOperator<SUPPORT>,
    path: web::Path<RefundRequestPath>,
    body: JsonBody<RefuseRefundRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let reason = body.value.reason.read(&mut problems, "/reason");
    let reason = problems.into_result(reason)?;
    let refused = refund_requests::refuse(&app, &caller, path.id()?, &reason).await?;
    Ok(HttpResponse::Ok().json(RefundRequest::from(&refused)))
}
