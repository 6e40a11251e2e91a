//! `GET /v1/usage`: the usage of a customer.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::UsageRecord;
use crate::app::usage::UsageRecord as Found;
use crate::app::{App, usage_lists};
use crate::domain::account_flow::FlowFilter;
use crate::domain::page::Sort;
use crate::domain::product::Product;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::customer_of;
use crate::http::edge::times;
use crate::http::edge::wire::{CurrencyCode, CursorText, CustomerIdText, Limit, ProductFilter};

/// A page of usage.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsagePage {
    #[schema(max_items = 100)]
    data: Vec<UsageRecord>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UsageQuery {
    customer_id: Option<CustomerIdText>,
    /// Only usage that this product's wallet paid; empty for the main wallet.
    product: Option<ProductFilter>,
    currency: Option<CurrencyCode>,
    #[serde(default, deserialize_with = "times::moment")]
    created_from: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "times::moment")]
    created_to: Option<DateTime<Utc>>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List usage
///
/// The usage that was booked for the customer, and what holds captured, newest first.
#[utoipa::path(
    tag = "usage",
    operation_id = "listUsage",
    params(UsageQuery),
    responses((status = 200, description = "A page of usage", body = UsagePage)),
    security(("bearer" = []))
)]
#[get("/v1/usage")]
pub async fn list_usage(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<UsageQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = FlowFilter {
        currency: CurrencyCode::filter(query.currency.as_ref(), "?currency")?,
        product: ProductFilter::filter(query.product.as_ref(), "?product")?,
        created_from: query.created_from,
        created_to: query.created_to,
        ..FlowFilter::all_of(customer_of(&caller, query.customer_id.as_ref())?)
    };
    let filters = Filters::of(request.path())
        .with("customer_id", &filter.customer)
        .with_optional("currency", filter.currency)
        .with_optional("product", filter.product.as_ref().map(Product::as_column))
        .with_moment("created_from", filter.created_from)
        .with_moment("created_to", filter.created_to);
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, Limit::read(query.limit)?, &filters)?;
    let found = usage_lists::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, Found::position)?;
    Ok(HttpResponse::Ok().json(UsagePage {
        data: found.rows.iter().map(UsageRecord::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}
