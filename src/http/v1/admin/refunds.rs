//! `/v1/admin/refunds`: money of completed orders that goes back.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::refunds::{self, NewRefund};
use crate::app::{App, Error, Problems};
use crate::domain::id::IdKind;
use crate::domain::money::parse_plain_decimal;
use crate::domain::refund::{self, RefundFilter, RefundState};
use crate::http::edge::amount::{Amount, SignedAmount};
use crate::http::edge::auth::{Allowed, AsOperator};
use crate::http::edge::extract::{IdempotencyHeader, JsonBody, QueryParams};
use crate::http::edge::filters;
use crate::http::edge::page;
use crate::http::edge::problem::Failure;

/// A refund.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refund {
    #[schema(max_length = 64, pattern = "^rfd_[0-9a-f]{32}$", example = "rfd_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    id: String,
    /// Null for a payment that served no order.
    #[schema(max_length = 64, pattern = "^tuo_[0-9a-f]{32}$", example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    order_id: Option<String>,
    #[schema(max_length = 64, pattern = "^pay_[0-9a-f]{32}$", example = "pay_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    payment_id: String,
    #[schema(max_length = 64, example = "demo")]
    customer_id: Option<String>,
    #[schema(max_length = 32, example = "stripe")]
    provider: String,
    /// What the provider, or the bank, calls it.
    #[schema(max_length = 200, example = "re_3MmlLrLkdIwHu7ix0uke3Ezy")]
    provider_refund_id: Option<String>,
    status: RefundStatusName,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "USD")]
    currency: String,
    /// What the payer gets.
    amount: Amount,
    /// What the wallet gave for it, less what it got back: the share of what was credited of that amount.
    debited_amount: SignedAmount,
    /// What was taken back of the order's bonus.
    bonus_taken: SignedAmount,
    #[schema(max_length = 500, example = "the customer asked for it")]
    reason: String,
    /// Why it failed, or what it waits for.
    #[schema(max_length = 2000, example = "expired_or_canceled_card")]
    failure: Option<String>,
    /// True when it was started at the provider's dashboard and adopted.
    adopted: bool,
    /// The wallet was allowed to go into debt for it.
    override_balance: bool,
    #[schema(max_length = 100, example = "operator:alice")]
    proposed_by: String,
    #[schema(max_length = 100, example = "operator:bob")]
    approved_by: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RefundStatus)]
pub enum RefundStatusName {
    /// Nothing has moved yet.
    AwaitingSecondApproval,
    /// The wallet is debited; the money is on its way.
    Pending,
    Succeeded,
    /// The wallet has its money back.
    Failed,
}

impl From<RefundState> for RefundStatusName {
    fn from(state: RefundState) -> Self {
        match state {
            RefundState::AwaitingSecondApproval => Self::AwaitingSecondApproval,
            RefundState::Pending => Self::Pending,
            RefundState::Succeeded => Self::Succeeded,
            RefundState::Failed => Self::Failed,
        }
    }
}

impl From<RefundStatusName> for RefundState {
    fn from(name: RefundStatusName) -> Self {
        match name {
            RefundStatusName::AwaitingSecondApproval => Self::AwaitingSecondApproval,
            RefundStatusName::Pending => Self::Pending,
            RefundStatusName::Succeeded => Self::Succeeded,
            RefundStatusName::Failed => Self::Failed,
        }
    }
}

/// A page of refunds.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundPage {
    #[schema(max_items = 100)]
    data: Vec<Refund>,
    #[schema(max_length = 512, example = "WyI5ZjM1IiwiLi4uIl0")]
    next_cursor: Option<String>,
    has_more: bool,
}

fn render(refund: &refund::Refund) -> Refund {
    let currency = refund.currency;
    Refund {
        id: IdKind::Refund.show(refund.id),
        order_id: refund.order_id.map(|id| IdKind::TopUpOrder.show(id)),
        payment_id: IdKind::Payment.show(refund.payment_id),
        customer_id: refund.customer.as_ref().map(ToString::to_string),
        provider: refund.provider.to_string(),
        provider_refund_id: refund.provider_refund_id.clone(),
        status: refund.state.into(),
        currency: currency.code().to_owned(),
        amount: Amount::of(refund.amount, currency),
        debited_amount: SignedAmount::of(refund.debited, currency),
        bonus_taken: SignedAmount::of(refund.bonus_taken, currency),
        reason: refund.reason.clone(),
        failure: refund.failure.clone(),
        adopted: !refund.ours,
        override_balance: refund.override_balance,
        proposed_by: refund.proposed_by.clone(),
        approved_by: refund.approved_by.clone(),
        created_at: refund.created_at,
        updated_at: refund.updated_at,
    }
}

/// What is given back, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "order_id": "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b", "amount": "25.00", "reason": "the customer asked for it"
}))]
pub struct CreateRefund {
    #[schema(max_length = 64, pattern = "^tuo_[0-9a-f]{32}$", example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    order_id: String,
    /// What the payer gets, in the order's currency.
    #[schema(value_type = Amount)]
    amount: String,
    #[schema(min_length = 1, max_length = 500, example = "the customer asked for it")]
    reason: String,
    /// Refund although the credit is spent: the wallet goes into debt.
    #[serde(default)]
    override_balance: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RefundPath {
    /// The refund's id.
    #[param(max_length = 64, pattern = "^rfd_[0-9a-f]{32}$", example = "rfd_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    refund_id: String,
}

impl RefundPath {
    fn id(&self) -> Result<uuid::Uuid, Error> {
        IdKind::Refund.parse(&self.refund_id).ok_or(Error::NotFound("refund"))
    }
}

fn answer(refund: &refund::Refund, replayed: bool, fresh: StatusCode) -> Result<HttpResponse, Failure> {
    let waiting = refund.state == RefundState::AwaitingSecondApproval;
    let status = if waiting { StatusCode::ACCEPTED } else { fresh };
    let mut response = HttpResponse::build(if replayed && !waiting { StatusCode::OK } else { status });
    if replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    Ok(response.json(render(refund)))
}

/// Refund a completed order
///
/// Debits the wallet by the share of what was credited, takes the same share of the bonus back, and sends the money through the order's channel. A refund that the provider has not confirmed is `pending`; one that it refuses is `failed`, and the wallet has its money back. A bank transfer is `pending` until an operator marks it sent.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "createRefund",
    params(("Idempotency-Key" = String, Header, description = "Makes a repeat find the same refund. 1 to 255 visible ASCII characters.", max_length = 255, min_length = 1, example = "3f1c0e8e-6a4d-4f0b-9d0a-1f2e3d4c5b6a")),
    request_body = CreateRefund,
    responses(
        (status = 201, description = "The refund", body = Refund),
        (status = 200, description = "The same refund again (`Idempotent-Replayed: true`)", body = Refund),
        (status = 202, description = "`awaiting_second_approval`: another operator must approve", body = Refund),
        (status = 402, description = "Less unheld paid money is left than the refund takes"),
        (status = 409, description = "`order_not_completed`, `not_refundable`, `refund_exceeds_payment`, or the same key in flight"),
    ),
    security(("bearer" = []))
)]
#[post("/v1/admin/refunds")]
pub async fn create_refund(
    Allowed(caller): AsOperator,
    key: IdempotencyHeader,
    request: HttpRequest,
    body: JsonBody<CreateRefund>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "create_refund", request.path(), &body.bytes);
    let asked = body.value;
    let mut problems = Problems::new();
    let amount = problems.money("/amount", parse_plain_decimal(&asked.amount));
    let reason = problems.text("/reason", &asked.reason, 1, 500);
    let (Some(amount), Some(reason)) = (amount, reason) else { return Err(problems.into_error().into()) };
    let order_id = IdKind::TopUpOrder.parse(&asked.order_id).ok_or(Error::NotFound("order"))?;
    let new = NewRefund { order_id, amount, reason, override_balance: asked.override_balance };
    let made = refunds::request(&app, &caller, &new, &key).await?;
    answer(&made.value, made.replayed, StatusCode::CREATED)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RefundsQuery {
    /// Only these; repeat it for several.
    #[serde(default)]
    #[param(max_items = 4)]
    status: Vec<RefundStatusName>,
    /// Only of this order.
    #[param(max_length = 64, pattern = "^tuo_[0-9a-f]{32}$")]
    order: Option<String>,
    /// Only of this customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$")]
    customer_id: Option<String>,
    /// Only through this provider.
    #[param(max_length = 32, pattern = "^[a-z]{1,32}$")]
    provider: Option<String>,
    /// As `next_cursor` said; with the same filters.
    #[param(max_length = 512)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, example = 20)]
    limit: Option<i64>,
}

/// List refunds
///
/// Newest first; `status=awaiting_second_approval` lists what waits for an operator.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "listRefunds",
    params(RefundsQuery),
    responses((status = 200, description = "A page of refunds", body = RefundPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/refunds")]
pub async fn list_refunds(
    _: AsOperator,
    QueryParams(query): QueryParams<RefundsQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = RefundFilter {
        states: query.status.iter().map(|name| RefundState::from(*name)).collect(),
        order_id: filters::order(query.order.as_deref())?,
        customer: filters::customer(query.customer_id.as_deref())?,
        provider: filters::provider(query.provider.as_deref())?,
    };
    let limit = page::limit(query.limit)?;
    let tag = format!("refunds {filter:?}");
    let after = page::decode_cursor(query.cursor.as_deref(), &tag)?;
    let mut found = refunds::list(&app, &filter, after, limit + 1).await?;
    let (rows, next_cursor) = page::cut(&mut found, limit, &tag, |refund| (refund.created_at, refund.id));
    let data = rows.iter().map(render).collect();
    Ok(HttpResponse::Ok().json(RefundPage { data, has_more: next_cursor.is_some(), next_cursor }))
}

/// Get a refund
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "getRefund",
    params(RefundPath),
    responses((status = 200, description = "The refund", body = Refund)),
    security(("bearer" = []))
)]
#[get("/v1/admin/refunds/{refund_id}")]
pub async fn get_refund(
    _: AsOperator,
    path: web::Path<RefundPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let refund = refunds::get(&app, Some(path.id()?)).await?;
    Ok(HttpResponse::Ok().json(render(&refund)))
}

/// Approve a refund
///
/// By another operator than the one who proposed it. Everything is checked again: what is left may have become less.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "approveRefund",
    params(RefundPath, ("Idempotency-Key" = String, Header, description = "Makes a repeat find the same approval. 1 to 255 visible ASCII characters.", max_length = 255, min_length = 1, example = "3f1c0e8e-6a4d-4f0b-9d0a-1f2e3d4c5b6a")),
    responses(
        (status = 200, description = "The refund, set out", body = Refund),
        (status = 402, description = "Less unheld paid money is left than the refund takes"),
        (status = 409, description = "`second_operator_needed`, `refund_not_awaiting_approval`, `refund_exceeds_payment`"),
    ),
    security(("bearer" = []))
)]
#[post("/v1/admin/refunds/{refund_id}/approve")]
pub async fn approve_refund(
    Allowed(caller): AsOperator,
    key: IdempotencyHeader,
    path: web::Path<RefundPath>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "approve_refund", request.path(), b"");
    let made = refunds::approve(&app, &caller, path.id()?, &key).await?;
    answer(&made.value, made.replayed, StatusCode::OK)
}

/// The transfer that gave the money back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"bank_transaction_id": "20261122-000045"}))]
pub struct MarkRefundSent {
    /// The bank's own id of the outgoing transfer: one refund each.
    #[schema(min_length = 1, max_length = 100, example = "20261122-000045")]
    bank_transaction_id: String,
}

/// Mark a bank refund as sent
///
/// For refunds of bank transfers, which people send. Repeating it changes nothing.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "markRefundSent",
    params(RefundPath),
    request_body = MarkRefundSent,
    responses(
        (status = 200, description = "The succeeded refund", body = Refund),
        (status = 409, description = "`refund_not_by_hand`, `refund_moved_on`, `bank_transaction_used`"),
    ),
    security(("bearer" = []))
)]
#[post("/v1/admin/refunds/{refund_id}/mark-sent")]
pub async fn mark_refund_sent(
    Allowed(caller): AsOperator,
    path: web::Path<RefundPath>,
    body: JsonBody<MarkRefundSent>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let transaction = problems.text("/bank_transaction_id", &body.value.bank_transaction_id, 1, 100);
    let Some(transaction) = transaction else { return Err(problems.into_error().into()) };
    let refund = refunds::mark_sent(&app, &caller, path.id()?, &transaction).await?;
    Ok(HttpResponse::Ok().json(render(&refund)))
}

/// Why a refund is not made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the account was closed; the transfer came back"}))]
pub struct RejectRefund {
    #[schema(min_length = 1, max_length = 500, example = "the account was closed; the transfer came back")]
    reason: String,
}

/// Reject a refund
///
/// A proposal, or a refund by bank transfer that did not arrive: the wallet gets back what it gave. Repeating it changes nothing.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "rejectRefund",
    params(RefundPath),
    request_body = RejectRefund,
    responses(
        (status = 200, description = "The failed refund", body = Refund),
        (status = 409, description = "`refund_not_rejectable`: its provider decides"),
    ),
    security(("bearer" = []))
)]
#[post("/v1/admin/refunds/{refund_id}/reject")]
pub async fn reject_refund(
    Allowed(caller): AsOperator,
    path: web::Path<RefundPath>,
    body: JsonBody<RejectRefund>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let reason = problems.text("/reason", &body.value.reason, 1, 500);
    let Some(reason) = reason else { return Err(problems.into_error().into()) };
    let refund = refunds::reject(&app, &caller, path.id()?, &reason).await?;
    Ok(HttpResponse::Ok().json(render(&refund)))
}
