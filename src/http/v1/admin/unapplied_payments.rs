//! `/v1/admin/unapplied-payments`: money that arrived and serves no order.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, unapplied_payments};
use crate::domain::id::IdKind;
use crate::domain::payment::Payment;
use crate::http::edge::amount::Amount;
use crate::http::edge::auth::AsOperator;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page;
use crate::http::edge::problem::Failure;

/// A verified payment that serves no order, or not with all of its money.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnappliedPayment {
    #[schema(max_length = 64, pattern = "^pay_[0-9a-f]{32}$", example = "pay_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    id: String,
    #[schema(max_length = 32, example = "stripe")]
    provider: String,
    /// Our account at the provider, or the bank account that it arrived on.
    #[schema(max_length = 200, example = "default")]
    merchant_account: String,
    /// What the provider, or the bank, calls it.
    #[schema(max_length = 200, example = "pi_3MtwBwLkdIwHu7ix28a3tqPa")]
    provider_payment_id: String,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "USD")]
    currency: String,
    /// What arrived.
    amount: Amount,
    /// What of it serves nothing yet.
    unapplied_amount: Amount,
    /// The order that it names; null for one that names none of ours.
    #[schema(max_length = 64, pattern = "^tuo_[0-9a-f]{32}$", example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    order_id: Option<String>,
    /// Why it was not applied.
    #[schema(max_length = 2000, example = "19.99 USD arrived for an order over 20")]
    reason: String,
    received_at: DateTime<Utc>,
}

/// A page of unapplied payments.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnappliedPaymentPage {
    #[schema(max_items = 100)]
    data: Vec<UnappliedPayment>,
    #[schema(max_length = 512, example = "WyI5ZjM1IiwiLi4uIl0")]
    next_cursor: Option<String>,
    has_more: bool,
}

fn render(payment: &Payment) -> UnappliedPayment {
    let currency = payment.currency;
    UnappliedPayment {
        id: IdKind::Payment.show(payment.id),
        provider: payment.provider.to_string(),
        merchant_account: payment.merchant_account.clone(),
        provider_payment_id: payment.payment_id.clone(),
        currency: currency.code().to_owned(),
        amount: Amount::of(payment.amount, currency),
        unapplied_amount: Amount::of(payment.rest(), currency),
        order_id: payment.order_id.map(|id| IdKind::TopUpOrder.show(id)),
        reason: payment.unapplied_reason.clone().unwrap_or_default(),
        received_at: payment.received_at,
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UnappliedPaymentsQuery {
    /// As `next_cursor` said.
    #[param(max_length = 512)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, example = 20)]
    limit: Option<i64>,
}

/// List unapplied payments
///
/// Newest first: money that arrived short, over, in another currency, twice, or for an order that we do not know.
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
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let limit = page::limit(query.limit)?;
    let tag = "unapplied payments";
    let after = page::decode_cursor(query.cursor.as_deref(), tag)?;
    let mut found = unapplied_payments::list(&app, after, limit + 1).await?;
    let (rows, next_cursor) = page::cut(&mut found, limit, tag, |payment| (payment.received_at, payment.id));
    let data = rows.iter().map(render).collect();
    Ok(HttpResponse::Ok().json(UnappliedPaymentPage { data, has_more: next_cursor.is_some(), next_cursor }))
}
