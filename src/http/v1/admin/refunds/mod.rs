//! `/v1/admin/refunds`: money of completed orders that goes back to the payer.

pub mod body;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::{Refund, RefundStatusName, refund_body};
use crate::app::refunds::{self, NewRefund};
use crate::app::{App, Error, Problems};
use crate::domain::page::Sort;
use crate::domain::refund::{self, RefundFilter, RefundState};
use crate::http::edge::answers::{located, repeatable};
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{
    Amount, BankTransactionId, CursorText, CustomerIdText, Limit, ProviderText, Reason, RefundId, TopUpOrderId,
};

/// A page of refunds.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundPage {
    #[schema(max_items = 100)]
    data: Vec<Refund>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

/// The amount to give back, and the reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "order_id": "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b", "amount": "25.00", "reason": "the customer asked for it"
}))]
pub struct CreateRefund {
    order_id: TopUpOrderId,
    /// The amount that the payer gets, in the order's currency.
    amount: Amount,
    reason: Reason,
    /// Refund even if the customer has already spent the money. The wallet then goes into debt.
    #[serde(default)]
    override_balance: bool,
    /// Take what the order's wallet lacks from the customer's main wallet, and from products whose money may go back.
    #[serde(default)]
    from_products: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct RefundPath {
    /// The refund's id.
    refund_id: RefundId,
}

impl RefundPath {
    fn id(&self) -> Result<uuid::Uuid, Error> {
        self.refund_id.named().ok_or(Error::NotFound("refund"))
    }
}

/// The answer to a request that may be a repeat: 202 while the refund waits for a second operator, otherwise `fresh`
/// for a new request and 200 for a repeat.
fn answer(refund: &refund::Refund, replayed: bool, fresh: StatusCode) -> HttpResponse {
    let waiting = refund.state == RefundState::AwaitingSecondApproval;
    let status = match (waiting, replayed) {
        (true, _) => StatusCode::ACCEPTED,
        (false, true) => StatusCode::OK,
        (false, false) => fresh,
    };
    repeatable(&refund_body(refund), replayed, status)
}

/// Refund a completed order
///
/// Debits the wallet by the same share of what the order credited, takes that share of the bonus back, and sends the
/// money back through the order's channel. A refund is `pending` until the provider confirms it. If the provider
/// refuses it, it is `failed` and the wallet gets its money back. A refund by bank transfer is `pending` until an
/// operator marks it as sent. Where several payments serve the order, a refund takes the one that was applied last and
/// has something left, and no more than that; refund again for the one before it.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "adminCreateRefund",
    params(IdempotencyHeader),
    request_body = CreateRefund,
    responses(
        (status = 201, description = "The new refund", body = Refund),
        (status = 200, description = "The refund that the same request made before", body = Refund),
        (status = 202, description = "`awaiting_second_approval`: another operator must approve it", body = Refund),
        (status = 402, description = "The wallet has too little paid money that no hold reserves, or \
            `taken_back_debt`"),
        (status = 404, description = "There is no such order"),
        (status = 409, description = "`order_not_completed`, `not_refundable`, `refund_exceeds_payment`, or the same \
            request is still being processed"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/refunds")]
pub async fn create_refund(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    request: HttpRequest,
    body: JsonBody<CreateRefund>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "create_refund", request.path(), &body.bytes);
    let asked = body.value;
    let mut problems = Problems::new();
    let amount = asked.amount.decimal(&mut problems, "/amount");
    let reason = asked.reason.read(&mut problems, "/reason");
    let (amount, reason) = problems.into_result(amount.zip(reason))?;
    let order_id = asked.order_id.named().ok_or(Error::NotFound("order"))?;
    let new = NewRefund {
        order_id,
        amount,
        reason,
        override_balance: asked.override_balance,
        from_products: asked.from_products,
    };
    let made = refunds::request(&app, &caller, &new, &key).await?;
    let answer = answer(&made.value, made.replayed, StatusCode::CREATED);
    Ok(located(answer, "/v1/admin/refunds", &RefundId::of(made.value.id)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RefundsQuery {
    /// Only refunds with this status. Repeat the parameter for several.
    #[serde(default)]
    #[param(max_items = 4)]
    status: Vec<RefundStatusName>,
    /// Only refunds of this order.
    order: Option<TopUpOrderId>,
    /// Only refunds of this customer.
    customer_id: Option<CustomerIdText>,
    /// Only refunds through this provider.
    provider: Option<ProviderText>,
    /// With `true`, only refunds that wait for an operator: proposals, bank transfers that are to be sent, and refunds
    /// that the payment company has not made after 20 hours, which can be rejected.
    needs_operator: Option<bool>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List refunds
///
/// All refunds, newest first. `needs_operator=true` lists those that wait for an operator.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "adminListRefunds",
    params(RefundsQuery),
    responses((status = 200, description = "A page of refunds", body = RefundPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/refunds")]
pub async fn list_refunds(
    _: AsOperator,
    QueryParams(query): QueryParams<RefundsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let states: Vec<RefundState> = query.status.iter().map(|name| (*name).into()).collect();
    let order_id = TopUpOrderId::filter(query.order.as_ref(), "?order")?;
    let customer = CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?;
    let provider = ProviderText::filter(query.provider.as_ref(), "?provider")?;
    let limit = Limit::read(query.limit)?;
    let filters = Filters::of(request.path())
        .with_each("status", states.iter().map(|state| state.as_str()))
        .with_optional("order", order_id)
        .with_optional("customer_id", customer.as_ref())
        .with_optional("provider", provider)
        .with_optional("needs_operator", query.needs_operator);
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let needs_operator = query.needs_operator == Some(true);
    let filter = RefundFilter { states, order_id, customer, provider, needs_operator, started: false };
    let found = refunds::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, |refund| (refund.created_at, refund.id))?;
    let data = found.rows.iter().map(refund_body).collect();
    Ok(HttpResponse::Ok().json(RefundPage {
        data,
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

/// Get a refund
///
/// The refund as it is now.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "adminGetRefund",
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
    Ok(HttpResponse::Ok().json(refund_body(&refund)))
}

/// Approve a refund
///
/// Approves a proposed refund. The operator who proposed it cannot approve it. The service checks everything again,
/// because the wallet may have less money now.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "adminApproveRefund",
    params(RefundPath, IdempotencyHeader),
    responses(
        (status = 200, description = "The approved refund", body = Refund),
        (status = 402, description = "The wallet has too little paid money that no hold reserves, or \
            `taken_back_debt`"),
        (status = 409, description = "`second_operator_needed`, `refund_not_awaiting_approval` or \
            `refund_exceeds_payment`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/refunds/{refund_id}/approve")]
pub async fn approve_refund(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    path: web::Path<RefundPath>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "approve_refund", request.path(), b"");
    let made = refunds::approve(&app, &caller, path.id()?, &key).await?;
    Ok(answer(&made.value, made.replayed, StatusCode::OK))
}

/// The bank transfer that gave the money back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"bank_transaction_id": "20261122-000045"}))]
pub struct MarkRefundSent {
    /// The bank's own id of the outgoing transfer. It can serve only one refund.
    bank_transaction_id: BankTransactionId,
}

/// Mark a bank refund as sent
///
/// For refunds by bank transfer, which operators send. The same call again changes nothing.
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "adminMarkRefundSent",
    params(RefundPath),
    request_body = MarkRefundSent,
    responses(
        (status = 200, description = "The succeeded refund", body = Refund),
        (status = 409, description = "`refund_not_by_hand`, `refund_moved_on`, `bank_transaction_used`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/refunds/{refund_id}/mark-sent")]
pub async fn mark_refund_sent(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<RefundPath>,
    body: JsonBody<MarkRefundSent>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let transaction = body.value.bank_transaction_id.read(&mut problems, "/bank_transaction_id");
    let transaction = problems.into_result(transaction)?;
    let refund = refunds::mark_sent(&app, &caller, path.id()?, &transaction).await?;
    Ok(HttpResponse::Ok().json(refund_body(&refund)))
}

/// Why a refund is rejected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the account was closed; the transfer came back"}))]
pub struct RejectRefund {
    reason: Reason,
}

/// Reject a refund
///
/// Rejects a proposed refund, or a refund by bank transfer that did not arrive, or ends a refund that the payment
/// company still refuses after 20 hours. Before such a refund is ended, the company is asked for all refunds of the
/// payment, and if it has made one, that one is recorded instead. The wallet gets back what it gave. The same call
/// again changes nothing. If a threshold for a second operator is set, an operator who proposed, approved or sent a
/// refund by bank transfer cannot say that it did not arrive (`second_operator_needed`).
#[utoipa::path(
    tag = "admin-refunds",
    operation_id = "adminRejectRefund",
    params(RefundPath),
    request_body = RejectRefund,
    responses(
        (status = 200, description = "The failed refund", body = Refund),
        (
            status = 409,
            description = "`refund_not_rejectable`: the provider still decides about this refund. `refund_moved_on`: \
                the provider has made it"
        ),
        (status = 502, description = "The payment company did not answer"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/refunds/{refund_id}/reject")]
pub async fn reject_refund(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<RefundPath>,
    body: JsonBody<RejectRefund>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let reason = body.value.reason.read(&mut problems, "/reason");
    let reason = problems.into_result(reason)?;
    let refund = refunds::reject(&app, &caller, path.id()?, &reason).await?;
    Ok(HttpResponse::Ok().json(refund_body(&refund)))
}
