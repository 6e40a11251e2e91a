//! `/v1/refunds`: a customer follows the customer's refunds.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, refunds};
use crate::domain::page::Sort;
use crate::domain::refund::{Refund, RefundFilter};
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::customer_of;
use crate::http::edge::wire::{
    Amount, CurrencyCode, CursorText, CustomerIdText, Limit, RefundId, SignedAmount, TopUpOrderId,
};
use crate::http::v1::admin::refunds::body::RefundStatusName;

/// A refund, as its customer sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerRefund {
    id: RefundId,
    /// The order whose money goes back; null for a payment that served no order.
    order_id: Option<TopUpOrderId>,
    status: RefundStatusName,
    currency: CurrencyCode,
    /// The amount that the payer gets.
    amount: Amount,
    /// What the wallets owe for it, less what they got back.
    debited_amount: SignedAmount,
    /// The part of the order's bonus that goes back with it.
    bonus_taken: SignedAmount,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A page of refunds.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerRefundPage {
    #[schema(max_items = 100)]
    data: Vec<CustomerRefund>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

impl From<&Refund> for CustomerRefund {
    fn from(refund: &Refund) -> Self {
        Self {
            id: RefundId::of(refund.id),
            order_id: refund.order_id.map(TopUpOrderId::of),
            status: refund.state.into(),
            currency: CurrencyCode::of(refund.amount.currency()),
            amount: refund.amount.into(),
            debited_amount: refund.money_taken().into(),
            bonus_taken: refund.bonus_taken.into(),
            created_at: refund.created_at,
            updated_at: refund.updated_at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CustomerRefundsQuery {
    customer_id: Option<CustomerIdText>,
    /// Only refunds of this order.
    order: Option<TopUpOrderId>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List the customer's refunds
///
/// The refunds of the customer's orders that have started, newest first.
#[utoipa::path(
    tag = "refund-requests",
    operation_id = "listCustomerRefunds",
    params(CustomerRefundsQuery),
    responses((status = 200, description = "A page of refunds", body = CustomerRefundPage)),
    security(("bearer" = []))
)]
#[get("/v1/refunds")]
pub async fn list_customer_refunds(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<CustomerRefundsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = customer_of(&caller, query.customer_id.as_ref())?;
    let order_id = TopUpOrderId::filter(query.order.as_ref(), "?order")?;
    let filters = Filters::of(request.path()).with("customer_id", &customer).with_optional("order", order_id);
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, Limit::read(query.limit)?, &filters)?;
    let filter = RefundFilter { order_id, customer: Some(customer), started: true, ..RefundFilter::default() };
    let found = refunds::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, |refund| (refund.created_at, refund.id))?;
    Ok(HttpResponse::Ok().json(CustomerRefundPage {
        data: found.rows.iter().map(CustomerRefund::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}
