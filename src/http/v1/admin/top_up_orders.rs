//! `/v1/admin/top-up-orders`: the orders of all customers, and the approval of bank transfers.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::orders::approve;
use crate::app::orders::line::StatedTransfer;
use crate::app::orders::reverse::{self, WantedReversal};
use crate::app::orders::{read, reject};
use crate::app::{App, Error, Problems};
use crate::domain::adjustment::ReversalReach;
use crate::domain::approval::Confirmed;
use crate::domain::code::Code;
use crate::domain::language::Language;
use crate::http::edge::answers::repeatable;
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::OrderPath;
use crate::http::edge::times;
use crate::http::edge::wire::{Amount, BankAccountId, BankTransactionId, CustomerIdText, Note, Reason, RemitterName};
use crate::http::v1::top_up_orders::body::list::{OrderPage, OrdersOf, OrdersQuery, order_page};
use crate::http::v1::top_up_orders::body::statement::ReversalReachName;
use crate::http::v1::top_up_orders::body::{TopUpOrder, order_body_for_operator};

/// List all customers' top-up orders
///
/// All orders. `worklist` names what operators have to work on. With `sort=oldest`, the oldest orders come first.
#[utoipa::path(
    tag = "admin-top-up-orders",
    operation_id = "adminListTopUpOrders",
    params(OrdersQuery),
    responses((status = 200, description = "A page of orders", body = OrderPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/top-up-orders")]
pub async fn admin_list_top_up_orders(
    _: AsOperator,
    QueryParams(query): QueryParams<OrdersQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?;
    let of = OrdersOf::ForOperator(customer);
    Ok(HttpResponse::Ok().json(order_page(&app, request.path(), of, &query, Language::English).await?))
}

/// Show an order to an operator
///
/// One order of any customer, with its payments, the operators' statements about it, and the whole timeline.
#[utoipa::path(
    tag = "admin-top-up-orders",
    operation_id = "adminGetTopUpOrder",
    params(OrderPath),
    responses((status = 200, description = "The order", body = TopUpOrder)),
    security(("bearer" = []))
)]
#[get("/v1/admin/top-up-orders/{order_id}")]
pub async fn admin_get_top_up_order(
    Allowed(caller): AsOperator,
    path: web::Path<OrderPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let view = read::get(&app, &caller, None, path.order_id.named()).await?;
    Ok(HttpResponse::Ok().json(order_body_for_operator(&app, &view).await?))
}

/// A bank transfer that arrived.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "received_amount": "100.00", "bank_transaction_id": "20261121-000123", "received_on": "2026-11-21"
}))]
pub struct ApproveTopUpOrder {
    /// The amount that arrived for this order, in the order's currency. This amount is credited, even if the order's
    /// amount is different.
    received_amount: Amount,
    /// The whole amount of the transfer; absent if it equals `received_amount`. The rest can serve other orders.
    transaction_amount: Option<Amount>,
    /// The bank's own id of the transfer. A transfer is credited once, however its id is written: case, spaces and
    /// punctuation make no difference. If the bank gives none (`NONREF`, `NOTPROVIDED`), send `remitter_name`, too.
    bank_transaction_id: BankTransactionId,
    /// The bank account on which the money arrived; absent for the one that the order names.
    bank_account_id: Option<BankAccountId>,
    /// The day on which the money arrived, according to the bank: at the latest today in UTC+14.
    #[serde(deserialize_with = "times::day")]
    received_on: NaiveDate,
    /// Who sent the transfer, according to the bank. Absent: the remitter that the order names.
    remitter_name: Option<RemitterName>,
    /// The bank shows a second line with a recorded id, and this is that line. A second operator must confirm it.
    #[serde(default)]
    another_line: bool,
    /// The amount differs from the order's by more than the configured share (5 percent by default), and it did arrive.
    #[serde(default)]
    confirm_difference: bool,
    /// A payment of the same amount and payer is recorded within 3 days, and this is another payment.
    #[serde(default)]
    confirm_not_duplicate: bool,
    /// A note for other operators.
    note: Option<Note>,
    /// Credit the money even if the order was cancelled or rejected meanwhile. An expired order does not need this.
    #[serde(default)]
    accept_late: bool,
}

/// Approve a bank transfer
///
/// Credits the amount that arrived. If a second operator is needed, the statement is only proposed (202, and the
/// order's `reason` says so) until another operator sends the same. The order's `approval` shows it; the proposer may
/// replace it by another call, or withdraw it.
///
/// Unusual figures must be confirmed: a refusal with the code `confirm_difference`, `confirm_not_duplicate` or
/// `another_line` (422) names the field to send as `true`.
#[utoipa::path(
    tag = "admin-top-up-orders",
    operation_id = "adminApproveTopUpOrder",
    params(OrderPath, IdempotencyHeader),
    request_body = ApproveTopUpOrder,
    responses(
        (status = 200, description = "The order, credited", body = TopUpOrder),
        (status = 202, description = "`awaiting_second_approval`: nothing is credited yet", body = TopUpOrder),
        (status = 409, description = "`order_already_completed`, `order_not_open`, `second_operator_needed`, \
            `approval_mismatch` or `bank_transaction_used`, which names the orders that the transfer serves"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/top-up-orders/{order_id}/approve")]
pub async fn approve_top_up_order(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    path: web::Path<OrderPath>,
    body: JsonBody<ApproveTopUpOrder>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.order_id.named().ok_or(Error::NotFound("order"))?;
    let key = key.scoped(&caller, "approve_top_up_order", request.path(), &body.bytes);
    let mut problems = Problems::new();
    let statement = read(&body.value, &mut problems);
    let made = approve::approve(&app, &caller, id, &problems.into_result(statement)?, &key).await?;
    let body = order_body_for_operator(&app, &made.value.order).await?;
    Ok(repeatable(&body, made.replayed, decided(made.value.awaiting_second)))
}

fn read(asked: &ApproveTopUpOrder, problems: &mut Problems) -> Option<StatedTransfer> {
    let received_amount = asked.received_amount.decimal(problems, "/received_amount");
    let bank_transaction_id = asked.bank_transaction_id.read(problems, "/bank_transaction_id");
    let transaction_amount =
        asked.transaction_amount.as_ref().and_then(|amount| amount.decimal(problems, "/transaction_amount"));
    let remitter_name = RemitterName::read_optional(asked.remitter_name.as_ref(), problems, "/remitter_name");
    let note = Note::read_optional(asked.note.as_ref(), problems, "/note");
    let bank_account_id = asked.bank_account_id.as_ref().and_then(|id| {
        let id = id.named();
        if id.is_none() {
            problems.add("/bank_account_id", Code::Unknown, "is not one of our bank accounts");
        }
        id
    });
    Some(StatedTransfer {
        received_amount: received_amount?,
        transaction_amount,
        bank_transaction_id: bank_transaction_id?,
        identity: None,
        bank_account_id,
        received_on: asked.received_on,
        remitter_name,
        another_line: asked.another_line,
        confirmed: Confirmed { difference: asked.confirm_difference, not_duplicate: asked.confirm_not_duplicate },
        note,
        accept_late: asked.accept_late,
    })
}

/// 202 while a second operator has to confirm, otherwise 200.
fn decided(awaiting_second: bool) -> StatusCode {
    if awaiting_second { StatusCode::ACCEPTED } else { StatusCode::OK }
}

/// Why an order is rejected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "no transfer with this reference arrived within 30 days"}))]
pub struct RejectTopUpOrder {
    /// The reason, which the customer reads.
    reason: Reason,
}

/// Reject a bank transfer, or money that is held
///
/// Makes an order by bank transfer fail, with the given reason. Does the same to an order whose payment VNPay holds for
/// review, because VNPay tells you, and not the service, how a review ended. If the money is released after all,
/// `verify` still credits it.
#[utoipa::path(
    tag = "admin-top-up-orders",
    operation_id = "adminRejectTopUpOrder",
    params(OrderPath),
    request_body = RejectTopUpOrder,
    responses(
        (status = 200, description = "The failed order", body = TopUpOrder),
        (status = 409, description = "`order_not_open` or `not_a_bank_transfer`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/top-up-orders/{order_id}/reject")]
pub async fn reject_top_up_order(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<OrderPath>,
    body: JsonBody<RejectTopUpOrder>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.order_id.named().ok_or(Error::NotFound("order"))?;
    let mut problems = Problems::new();
    let reason = body.value.reason.read(&mut problems, "/reason");
    let view = reject::reject(&app, &caller, id, &problems.into_result(reason)?).await?;
    Ok(HttpResponse::Ok().json(order_body_for_operator(&app, &view).await?))
}

/// Withdraw a proposal
///
/// Withdraws a proposal that waits for a second operator: the statement that a transfer arrived, or the reversal of an
/// approval. An order that waited for the second operator waits for its money again. To withdraw the proposal and end
/// the order, reject it instead.
#[utoipa::path(
    tag = "admin-top-up-orders",
    operation_id = "adminWithdrawTopUpOrderProposal",
    params(OrderPath),
    responses(
        (status = 200, description = "The order without the proposal", body = TopUpOrder),
        (status = 409, description = "`nothing_proposed` or `not_a_bank_transfer`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/top-up-orders/{order_id}/withdraw")]
pub async fn withdraw_top_up_order_proposal(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<OrderPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.order_id.named().ok_or(Error::NotFound("order"))?;
    let view = reject::withdraw(&app, &caller, id).await?;
    Ok(HttpResponse::Ok().json(order_body_for_operator(&app, &view).await?))
}

/// Why an approval is reversed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the transfer was for another customer's order", "reach": "all_wallets"}))]
pub struct ReverseTopUpOrder {
    /// The reason, which the customer reads.
    reason: Reason,
    /// Which wallets give the money. A second operator must name the same as the first one.
    reach: ReversalReachName,
    /// The `version` of the order that you have read. It is required where several transfers have served the order.
    #[schema(minimum = 1, example = 3)]
    version: Option<i64>,
}

/// Reverse a wrong approval
///
/// Takes back what was credited, from the wallets that `reach` names. The bank transfer is then free for the order that
/// it belongs to, and whoever states it next states its amount anew. The order stays completed, and its `reason` says
/// what happened. An amount above the threshold is only proposed (202) until a second operator asks for the same.
///
/// Where several transfers serve the order, it takes back the one that was applied last, and the amounts of the order
/// are those of the others. The bonus goes with the first transfer.
#[utoipa::path(
    tag = "admin-top-up-orders",
    operation_id = "adminReverseTopUpOrder",
    params(OrderPath, IdempotencyHeader),
    request_body = ReverseTopUpOrder,
    responses(
        (status = 200, description = "The order, reversed", body = TopUpOrder),
        (status = 202, description = "A second operator must confirm: nothing is taken back yet", body = TopUpOrder),
        (status = 409, description = "`not_a_bank_transfer`, `order_not_completed`, `order_refunded`, \
            `approval_reversed`, `second_operator_needed`, `approval_mismatch`, or `order_moved_on` when the order has \
            another version by now"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/top-up-orders/{order_id}/reverse")]
pub async fn reverse_top_up_order(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    path: web::Path<OrderPath>,
    body: JsonBody<ReverseTopUpOrder>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.order_id.named().ok_or(Error::NotFound("order"))?;
    let key = key.scoped(&caller, "reverse_top_up_order", request.path(), &body.bytes);
    let mut problems = Problems::new();
    let reason = body.value.reason.read(&mut problems, "/reason");
    let (reach, version) = (ReversalReach::from(body.value.reach), body.value.version);
    let new = reason.map(|reason| WantedReversal { reason, reach, version });
    let made = reverse::reverse(&app, &caller, id, &problems.into_result(new)?, &key).await?;
    let body = order_body_for_operator(&app, &made.value.order).await?;
    Ok(repeatable(&body, made.replayed, decided(made.value.awaiting_second)))
}
