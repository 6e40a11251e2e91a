//! `/v1/admin/disputes`: payments that a payer contests at the bank or the payment company.

pub mod body;
pub mod work;

use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::{Dispute, DisputeStatusName, dispute_body};
use crate::app::{App, disputes};
use crate::domain::dispute::DisputeFilter;
use crate::domain::page::Sort;
use crate::domain::payment::DisputeStatus;
use crate::http::edge::auth::AsOperator;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{CursorText, CustomerIdText, Limit, TopUpOrderId};

/// A page of disputes.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisputePage {
    #[schema(max_items = 100)]
    data: Vec<Dispute>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DisputesQuery {
    /// Only disputes with this status. Repeat the parameter for several.
    #[serde(default)]
    #[param(max_items = 3)]
    status: Vec<DisputeStatusName>,
    /// Only disputes about this order.
    order: Option<TopUpOrderId>,
    /// Only disputes of this customer.
    customer_id: Option<CustomerIdText>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List disputes
///
/// All disputes, newest first. The payment company opens and decides disputes; its notifications change the wallet.
#[utoipa::path(
    tag = "admin-disputes",
    operation_id = "adminListDisputes",
    params(DisputesQuery),
    responses((status = 200, description = "A page of disputes", body = DisputePage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/disputes")]
pub async fn list_disputes(
    _: AsOperator,
    QueryParams(query): QueryParams<DisputesQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let statuses: Vec<DisputeStatus> = query.status.iter().map(|name| (*name).into()).collect();
    let order_id = TopUpOrderId::filter(query.order.as_ref(), "?order")?;
    let customer = CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?;
    let limit = Limit::read(query.limit)?;
    let filters = Filters::of(request.path())
        .with_each("status", statuses.iter().map(|status| status.as_str()))
        .with_optional("order", order_id)
        .with_optional("customer_id", customer.as_ref());
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let filter = DisputeFilter { statuses, order_id, customer };
    let found = disputes::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, |dispute| (dispute.created_at, dispute.id))?;
    let data = found.rows.iter().map(dispute_body).collect();
    Ok(HttpResponse::Ok().json(DisputePage {
        data,
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}
