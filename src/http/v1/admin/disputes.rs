//! `/v1/admin/disputes`: payers who ask their bank or payment company for the money back.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, disputes};
use crate::domain::dispute::{self, DisputeFilter};
use crate::domain::id::IdKind;
use crate::domain::payment::DisputeStatus;
use crate::http::edge::amount::{Amount, SignedAmount};
use crate::http::edge::auth::AsOperator;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::filters;
use crate::http::edge::page;
use crate::http::edge::problem::Failure;

/// A dispute. While it is open or lost, the wallet has given the money back.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dispute {
    #[schema(max_length = 64, pattern = "^dsp_[0-9a-f]{32}$", example = "dsp_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    id: String,
    /// Null for a payment that served no order.
    #[schema(max_length = 64, pattern = "^tuo_[0-9a-f]{32}$", example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    order_id: Option<String>,
    #[schema(max_length = 64, pattern = "^pay_[0-9a-f]{32}$", example = "pay_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    payment_id: Option<String>,
    #[schema(max_length = 64, example = "demo")]
    customer_id: Option<String>,
    #[schema(max_length = 32, example = "stripe")]
    provider: String,
    /// What the provider calls it.
    #[schema(max_length = 200, example = "du_1MtJUT2eZvKYlo2CNaw2HvEv")]
    provider_dispute_id: String,
    status: DisputeStatusName,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "USD")]
    currency: String,
    amount: Amount,
    /// What the wallet gave for it, less what it got back.
    taken_back: SignedAmount,
    /// What was taken back of the order's bonus.
    bonus_taken: SignedAmount,
    #[schema(max_length = 500, example = "fraudulent")]
    reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Where a dispute stands.
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
    #[schema(max_length = 512, example = "WyI5ZjM1IiwiLi4uIl0")]
    next_cursor: Option<String>,
    has_more: bool,
}

fn render(dispute: &dispute::Dispute) -> Dispute {
    let currency = dispute.currency;
    Dispute {
        id: IdKind::Dispute.show(dispute.id),
        order_id: dispute.order_id.map(|id| IdKind::TopUpOrder.show(id)),
        payment_id: Some(IdKind::Payment.show(dispute.payment_id)),
        customer_id: dispute.customer.as_ref().map(ToString::to_string),
        provider: dispute.provider.to_string(),
        provider_dispute_id: dispute.dispute_id.clone(),
        status: dispute.status.into(),
        currency: currency.code().to_owned(),
        amount: Amount::of(dispute.amount, currency),
        taken_back: SignedAmount::of(dispute.taken_back, currency),
        bonus_taken: SignedAmount::of(dispute.bonus_taken, currency),
        reason: dispute.reason.clone(),
        created_at: dispute.created_at,
        updated_at: dispute.updated_at,
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DisputesQuery {
    /// Only these; repeat it for several.
    #[serde(default)]
    #[param(max_items = 3)]
    status: Vec<DisputeStatusName>,
    /// Only of this order.
    #[param(max_length = 64, pattern = "^tuo_[0-9a-f]{32}$")]
    order: Option<String>,
    /// Only of this customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: Option<String>,
    /// As `next_cursor` said; with the same filters.
    #[param(max_length = 512)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, example = 20)]
    limit: Option<i64>,
}

/// List disputes
///
/// Newest first. They are opened and decided at the payment company; its notifications move the wallet.
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
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = DisputeFilter {
        statuses: query.status.iter().map(|name| DisputeStatus::from(*name)).collect(),
        order_id: filters::order(query.order.as_deref())?,
        customer: filters::customer(query.customer_id.as_deref())?,
    };
    let limit = page::limit(query.limit)?;
    let tag = format!("disputes {filter:?}");
    let after = page::decode_cursor(query.cursor.as_deref(), &tag)?;
    let mut found = disputes::list(&app, &filter, after, limit + 1).await?;
    let (rows, next_cursor) = page::cut(&mut found, limit, &tag, |dispute| (dispute.created_at, dispute.id));
    let data = rows.iter().map(render).collect();
    Ok(HttpResponse::Ok().json(DisputePage { data, has_more: next_cursor.is_some(), next_cursor }))
}
