//! `/v1/admin/search`: find an order, a payment, a refund, a dispute or a customer.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, search as finder};
use crate::domain::search::{Found, FoundId, FoundKind};
use crate::http::edge::auth::AsOperator;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Amount, CurrencyCode, CustomerIdText, SearchMatch, SearchText};

/// What a search found.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchResults {
    /// Orders, then payments, refunds, disputes and customers; of each kind the newest first, and 20 at most.
    #[schema(max_items = 100)]
    data: Vec<SearchResult>,
    /// Whether more was found than is listed. If so, send a longer text.
    is_cut: bool,
}

/// One thing that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchResult {
    #[serde(rename = "type")]
    kind: SearchResultType,
    /// Its id: of an order `tuo_…`, a payment `pay_…`, a refund `rfd_…`, a dispute `dsp_…`, or the customer's id.
    #[schema(max_length = 128, example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    id: String,
    /// Its customer; null for money that names none of our orders.
    customer_id: Option<CustomerIdText>,
    matched: SearchMatch,
    /// Its status, one of those of its kind; null for payments and customers. This list may grow: a client must accept
    /// a value that it does not know.
    #[schema(max_length = 64, example = "completed")]
    status: Option<String>,
    currency: Option<CurrencyCode>,
    /// Null for customers.
    amount: Option<Amount>,
    created_at: Option<DateTime<Utc>>,
}

/// What a result is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchResultType {
    Order,
    Payment,
    Refund,
    Dispute,
    Customer,
}

impl From<&Found> for SearchResult {
    fn from(found: &Found) -> Self {
        Self {
            kind: match found.kind {
                FoundKind::Order => SearchResultType::Order,
                FoundKind::Payment => SearchResultType::Payment,
                FoundKind::Refund => SearchResultType::Refund,
                FoundKind::Dispute => SearchResultType::Dispute,
                FoundKind::Customer => SearchResultType::Customer,
            },
            id: match &found.id {
                FoundId::Ours(kind, id) => kind.show(*id),
                FoundId::Customer(customer) => customer.to_string(),
            },
            customer_id: found.customer.as_ref().map(CustomerIdText::of),
            matched: SearchMatch::new(&found.matched),
            status: found.status.clone(),
            currency: found.money.map(|money| CurrencyCode::of(money.currency())),
            amount: found.money.map(Amount::from),
            created_at: found.created_at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SearchQuery {
    /// The text to look for.
    q: SearchText,
}

/// Find by any name that money has
///
/// Looks for a text among orders, payments, refunds, disputes and customers. It matches as a whole or by its beginning:
/// our ids, the order's reference and the bank's id of a transfer in any spelling, the remitter's name, ids of the
/// payment companies (`cs_…`, `pi_…`, a capture, VNPay's TransactionNo), a customer's id, name or e-mail address.
/// An amount and a customer's id match as a whole.
#[utoipa::path(
    tag = "admin-search",
    operation_id = "adminSearch",
    params(SearchQuery),
    responses((status = 200, description = "What was found", body = SearchResults)),
    security(("bearer" = []))
)]
#[get("/v1/admin/search")]
pub async fn search(
    _: AsOperator,
    QueryParams(query): QueryParams<SearchQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let findings = finder::find(&app, &query.q).await?;
    let data = findings.found.iter().map(SearchResult::from).collect();
    Ok(HttpResponse::Ok().json(SearchResults { data, is_cut: findings.is_cut }))
}
