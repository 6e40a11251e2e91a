//! `/v1/admin/unapplied-payments`: payments that serve no order.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, unapplied_payments};
use crate::domain::page::Sort;
use crate::domain::payment::Payment;
use crate::http::edge::auth::AsOperator;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Amount, CurrencyCode, CursorText, Limit, PaymentIdText, ProviderText, TopUpOrderId};

/// A verified payment that serves no order, or only in part.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnappliedPayment {
    id: PaymentIdText,
    provider: ProviderText,
    /// The platform's account at the provider, or the bank account on which the money arrived.
    #[schema(max_length = 200, example = "default")]
    merchant_account: String,
    /// The payment's id at the provider or the bank.
    #[schema(max_length = 200, example = "pi_3MtwBwLkdIwHu7ix28a3tqPa")]
    provider_payment_id: String,
    currency: CurrencyCode,
    /// The amount that arrived.
    amount: Amount,
    /// The part of the amount that serves nothing yet, and that was neither refunded nor disputed at the company.
    unapplied_amount: Amount,
    /// The order that the payment names; null if it names none of the platform's orders.
    order_id: Option<TopUpOrderId>,
    /// Why the payment was not applied.
    #[schema(max_length = 2000, example = "19.99 USD arrived for an order over 20")]
    reason: String,
    /// Whether the company says that this is real money. False for test money.
    live: bool,
    received_at: DateTime<Utc>,
}

/// A page of unapplied payments.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnappliedPaymentPage {
    #[schema(max_items = 100)]
    data: Vec<UnappliedPayment>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

fn render(payment: &Payment) -> UnappliedPayment {
    UnappliedPayment {
        id: PaymentIdText::of(payment.id),
        provider: ProviderText::of(payment.provider),
        merchant_account: payment.merchant_account.clone(),
        provider_payment_id: payment.payment_id.clone(),
        currency: CurrencyCode::of(payment.currency()),
        amount: Amount::from(payment.amount),
        unapplied_amount: Amount::from(payment.rest()),
        order_id: payment.order_id.map(TopUpOrderId::of),
        reason: payment.unapplied_reason.clone().unwrap_or_default(),
        live: payment.live,
        received_at: payment.received_at,
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UnappliedPaymentsQuery {
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List unapplied payments
///
/// All unapplied payments, newest first: money that was too little or too much, came in another currency or twice, or
/// names an order that the platform does not know. Other sales of the same merchant account are not listed, and neither
/// is money that the company has given back.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "listUnappliedPayments",
    params(UnappliedPaymentsQuery),
    responses((status = 200, description = "A page of payments", body = UnappliedPaymentPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/unapplied-payments")]
pub async fn list_unapplied_payments(
    _: AsOperator,
    QueryParams(query): QueryParams<UnappliedPaymentsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let limit = Limit::read(query.limit)?;
    let filters = Filters::of(request.path());
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let found = unapplied_payments::list(&app, &asked).await?;
    let cursors = page::cursors(&found, &filters, |payment| (payment.received_at, payment.id))?;
    let data = found.rows.iter().map(render).collect();
    Ok(HttpResponse::Ok().json(UnappliedPaymentPage {
        data,
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}
