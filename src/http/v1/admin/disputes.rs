//! `/v1/admin/disputes`: payments that a payer contests at the bank or the payment company.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, disputes};
use crate::domain::dispute::{self, DisputeFilter};
use crate::domain::page::Sort;
use crate::domain::payment::DisputeStatus;
use crate::http::edge::auth::AsOperator;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{
    Amount, CurrencyCode, CursorText, CustomerIdText, DisputeId, Limit, PaymentIdText, ProviderText, SignedAmount,
    TopUpOrderId,
};

/// A dispute. While it is open, and when it is lost, the money is taken from the customer's wallets; what they lack is
/// claimed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dispute {
    id: DisputeId,
    /// The order that the payment served; null if it served none.
    order_id: Option<TopUpOrderId>,
    payment_id: Option<PaymentIdText>,
    customer_id: Option<CustomerIdText>,
    provider: ProviderText,
    /// The dispute's id at the provider.
    #[schema(max_length = 200, example = "du_1MtJUT2eZvKYlo2CNaw2HvEv")]
    provider_dispute_id: String,
    status: DisputeStatusName,
    currency: CurrencyCode,
    amount: Amount,
    /// What the customer's wallets owe for it, less what they got back. It was taken, or is still claimed.
    taken_back: SignedAmount,
    /// The part of the order's bonus that goes back with it: revoked, or taken as money where it was spent.
    bonus_taken: SignedAmount,
    /// The reason that the provider gives.
    #[schema(max_length = 500, example = "fraudulent")]
    reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// The state of a dispute.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DisputeStatus)]
pub enum DisputeStatusName {
    Open,
    Won,
    Lost,
}

impl From<DisputeStatus> for DisputeStatusName {
    fn from(status: DisputeStatus) -> Self {
        match status {
            DisputeStatus::Open => Self::Open,
            DisputeStatus::Won => Self::Won,
            DisputeStatus::Lost => Self::Lost,
        }
    }
}

impl From<DisputeStatusName> for DisputeStatus {
    fn from(name: DisputeStatusName) -> Self {
        match name {
            DisputeStatusName::Open => Self::Open,
            DisputeStatusName::Won => Self::Won,
            DisputeStatusName::Lost => Self::Lost,
        }
    }
}

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

fn render(dispute: &dispute::Dispute) -> Dispute {
    Dispute {
        id: DisputeId::of(dispute.id),
        order_id: dispute.order_id.map(TopUpOrderId::of),
        payment_id: Some(PaymentIdText::of(dispute.payment_id)),
        customer_id: dispute.customer.as_ref().map(CustomerIdText::of),
        provider: ProviderText::of(dispute.provider),
        provider_dispute_id: dispute.dispute_id.clone(),
        status: dispute.status.into(),
        currency: CurrencyCode::of(dispute.amount.currency()),
        amount: Amount::from(dispute.amount),
        taken_back: SignedAmount::from(dispute.taken_back),
        bonus_taken: SignedAmount::from(dispute.bonus_taken),
        reason: dispute.reason.clone(),
        created_at: dispute.created_at,
        updated_at: dispute.updated_at,
    }
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
    operation_id = "listDisputes",
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
    let data = found.rows.iter().map(render).collect();
    Ok(HttpResponse::Ok().json(DisputePage {
        data,
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}
