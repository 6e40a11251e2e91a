//! `/v1/disputes`: a customer follows the disputes of the customer's payments.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, disputes};
use crate::domain::dispute::{Dispute, DisputeFilter};
use crate::domain::page::Sort;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::customer_of;
use crate::http::edge::wire::{
    Amount, CurrencyCode, CursorText, CustomerIdText, DisputeId, Limit, SignedAmount, TopUpOrderId,
};
use crate::http::v1::admin::disputes::body::DisputeStatusName;

/// A dispute, as its customer sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerDispute {
    id: DisputeId,
    /// The order that the payment served; null if it served none.
    order_id: Option<TopUpOrderId>,
    status: DisputeStatusName,
    currency: CurrencyCode,
    amount: Amount,
    /// What the wallets owe for it, less what they got back. It was taken, or is still claimed.
    taken_back: SignedAmount,
    /// The part of the order's bonus that goes back with it.
    bonus_taken: SignedAmount,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A page of disputes.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerDisputePage {
    #[schema(max_items = 100)]
    data: Vec<CustomerDispute>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

impl From<&Dispute> for CustomerDispute {
    fn from(dispute: &Dispute) -> Self {
        Self {
            id: DisputeId::of(dispute.id),
            order_id: dispute.order_id.map(TopUpOrderId::of),
            status: dispute.status.into(),
            currency: CurrencyCode::of(dispute.amount.currency()),
            amount: dispute.amount.into(),
            taken_back: dispute.money_taken().into(),
            bonus_taken: dispute.bonus_taken.into(),
            created_at: dispute.created_at,
            updated_at: dispute.updated_at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CustomerDisputesQuery {
    customer_id: Option<CustomerIdText>,
    /// Only disputes about this order.
    order: Option<TopUpOrderId>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List the customer's disputes
///
/// The disputes about the customer's orders, newest first.
#[utoipa::path(
    tag = "refund-requests",
    operation_id = "listCustomerDisputes",
    params(CustomerDisputesQuery),
    responses((status = 200, description = "A page of disputes", body = CustomerDisputePage)),
    security(("bearer" = []))
)]
#[get("/v1/disputes")]
pub async fn list_customer_disputes(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<CustomerDisputesQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = customer_of(&caller, query.customer_id.as_ref())?;
    let order_id = TopUpOrderId::filter(query.order.as_ref(), "?order")?;
    let filters = Filters::of(request.path()).with("customer_id", &customer).with_optional("order", order_id);
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, Limit::read(query.limit)?, &filters)?;
    let filter = DisputeFilter { statuses: Vec::new(), order_id, customer: Some(customer) };
    let found = disputes::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, |dispute| (dispute.created_at, dispute.id))?;
    Ok(HttpResponse::Ok().json(CustomerDisputePage {
        data: found.rows.iter().map(CustomerDispute::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}
