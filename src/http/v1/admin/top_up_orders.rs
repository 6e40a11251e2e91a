//! `/v1/admin/top-up-orders`: all customers' orders, and the approval of bank transfers.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::orders::approve::{self, Statement};
use crate::app::orders::reverse;
use crate::app::{App, Error, Problems};
use crate::domain::id::IdKind;
use crate::domain::money::parse_plain_decimal;
use crate::http::edge::auth::{Allowed, AsOperator};
use crate::http::edge::extract::{IdempotencyHeader, JsonBody, QueryParams};
use crate::http::edge::filters;
use crate::http::edge::problem::Failure;
use crate::http::v1::top_up_orders::body::{OrderPage, TopUpOrder, order_body};
use crate::http::v1::top_up_orders::{OrderPath, OrdersQuery, list_page};

/// List all customers' top-up orders
///
/// Newest first; `customer_id` narrows it to one customer.
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
    let filter = query.filter(filters::customer(query.customer_id.as_deref())?)?;
    list_page(&app, &query, &filter, request.path()).await
}

/// What arrived in the bank.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "received_amount": "100.00", "bank_transaction_id": "20261121-000123", "received_on": "2026-11-21"
}))]
pub struct ApproveTopUpOrder {
    /// What arrived, in the order's currency: this is credited, whatever was ordered.
    #[schema(value_type = crate::http::edge::amount::Amount)]
    received_amount: String,
    /// The bank's own id of the transfer: credited once.
    #[schema(min_length = 1, max_length = 100, example = "20261121-000123")]
    bank_transaction_id: String,
    /// Ours that it arrived on; the order's own when absent.
    #[schema(max_length = 64, pattern = "^bac_[0-9a-f]{32}$", example = "bac_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    bank_account_id: Option<String>,
    #[serde(deserialize_with = "filters::day")]
    received_on: NaiveDate,
    #[schema(max_length = 500, example = "statement of 21 November")]
    note: Option<String>,
    /// Credit it although the order was cancelled or rejected meanwhile. An expired one needs no such word.
    #[serde(default)]
    accept_late: bool,
}

/// Approve a bank transfer
///
/// Credits what arrived. Above the threshold this is a proposal (202, the order's reason says so) until a second operator states the same.
#[utoipa::path(
    tag = "admin-top-up-orders",
    operation_id = "approveTopUpOrder",
    params(OrderPath, ("Idempotency-Key" = String, Header, description = "Makes a repeat find the same approval. 1 to 255 visible ASCII characters.", max_length = 255, min_length = 1, example = "0e8e6a4d-4f0b-4d0a-9f2e-3d4c5b6a3f1c")),
    request_body = ApproveTopUpOrder,
    responses(
        (status = 200, description = "Credited", body = TopUpOrder),
        (status = 202, description = "`awaiting_second_approval`: nothing is credited yet", body = TopUpOrder),
        (status = 409, description = "`order_already_completed`, `order_not_open`, `second_operator_needed`, `approval_mismatch` or `bank_transaction_used`"),
    ),
    security(("bearer" = []))
)]
#[post("/v1/admin/top-up-orders/{order_id}/approve")]
pub async fn approve_top_up_order(
    Allowed(caller): AsOperator,
    key: IdempotencyHeader,
    path: web::Path<OrderPath>,
    body: JsonBody<ApproveTopUpOrder>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = IdKind::TopUpOrder.parse(&path.order_id).ok_or(Error::NotFound("order"))?;
    let key = key.scoped(&caller, "approve_top_up_order", request.path(), &body.bytes);
    let asked = body.value;
    let mut problems = Problems::new();
    let received_amount = problems.money("/received_amount", parse_plain_decimal(&asked.received_amount));
    let bank_transaction_id = problems.text("/bank_transaction_id", &asked.bank_transaction_id, 1, 100);
    let note = problems.optional_text("/note", asked.note.as_deref(), 500);
    let bank_account_id = asked.bank_account_id.as_deref().map(|id| IdKind::BankAccount.parse(id));
    if bank_account_id == Some(None) {
        problems.add("/bank_account_id", "unknown", "is not one of our bank accounts");
    }
    problems.finish()?;
    let (Some(received_amount), Some(bank_transaction_id)) = (received_amount, bank_transaction_id) else {
        return Err(Error::NotFound("order").into());
    };
    let statement = Statement {
        received_amount,
        bank_transaction_id,
        bank_account_id: bank_account_id.flatten(),
        received_on: asked.received_on,
        note,
        accept_late: asked.accept_late,
    };
    let made = approve::approve(&app, &caller, id, &statement, &key).await?;
    let status = if made.value.awaiting_second { StatusCode::ACCEPTED } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    if made.replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    Ok(response.json(order_body(&app, &made.value.order).await?))
}

/// Why a bank transfer is rejected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "no transfer with this reference arrived within 30 days"}))]
pub struct RejectTopUpOrder {
    /// The customer reads it.
    #[schema(min_length = 1, max_length = 500, example = "no transfer with this reference arrived within 30 days")]
    reason: String,
}

/// Reject a bank transfer
///
/// The order fails, with the reason.
#[utoipa::path(
    tag = "admin-top-up-orders",
    operation_id = "rejectTopUpOrder",
    params(OrderPath),
    request_body = RejectTopUpOrder,
    responses(
        (status = 200, description = "The failed order", body = TopUpOrder),
        (status = 409, description = "`order_not_open`"),
    ),
    security(("bearer" = []))
)]
#[post("/v1/admin/top-up-orders/{order_id}/reject")]
pub async fn reject_top_up_order(
    Allowed(caller): AsOperator,
    path: web::Path<OrderPath>,
    body: JsonBody<RejectTopUpOrder>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = IdKind::TopUpOrder.parse(&path.order_id).ok_or(Error::NotFound("order"))?;
    let mut problems = Problems::new();
    let reason = problems.text("/reason", &body.value.reason, 1, 500);
    problems.finish()?;
    let view = approve::reject(&app, &caller, id, &reason.unwrap_or_default()).await?;
    Ok(HttpResponse::Ok().json(order_body(&app, &view).await?))
}

/// Why an approval is reversed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the transfer was for another customer's order"}))]
pub struct ReverseTopUpOrder {
    /// The customer reads it.
    #[schema(min_length = 1, max_length = 500, example = "the transfer was for another customer's order")]
    reason: String,
}

/// Reverse a wrong approval
///
/// Takes back what was credited, into debt where it is spent, and frees the bank's transfer for the order that it belongs to. The order stays completed; its reason says what happened. Above the threshold this is a proposal (202) until a second operator asks for the same.
#[utoipa::path(
    tag = "admin-top-up-orders",
    operation_id = "reverseTopUpOrder",
    params(OrderPath, ("Idempotency-Key" = String, Header, description = "Makes a repeat find the same reversal. 1 to 255 visible ASCII characters.", max_length = 255, min_length = 1, example = "7b0e8e6a-4f0b-4d0a-9f2e-3d4c5b6a3f1c")),
    request_body = ReverseTopUpOrder,
    responses(
        (status = 200, description = "Reversed", body = TopUpOrder),
        (status = 202, description = "A second operator must confirm; nothing is taken back yet", body = TopUpOrder),
        (status = 409, description = "`not_a_bank_transfer`, `order_not_completed`, `order_refunded`, `approval_reversed` or `second_operator_needed`"),
    ),
    security(("bearer" = ["operator"]))
)]
#[post("/v1/admin/top-up-orders/{order_id}/reverse")]
pub async fn reverse_top_up_order(
    Allowed(caller): AsOperator,
    key: IdempotencyHeader,
    path: web::Path<OrderPath>,
    body: JsonBody<ReverseTopUpOrder>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = IdKind::TopUpOrder.parse(&path.order_id).ok_or(Error::NotFound("order"))?;
    let key = key.scoped(&caller, "reverse_top_up_order", request.path(), &body.bytes);
    let mut problems = Problems::new();
    let reason = problems.text("/reason", &body.value.reason, 1, 500);
    problems.finish()?;
    let made = reverse::reverse(&app, &caller, id, &reason.unwrap_or_default(), &key).await?;
    let status = if made.value.awaiting_second { StatusCode::ACCEPTED } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    if made.replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    Ok(response.json(order_body(&app, &made.value.order).await?))
}
