//! `/v1/account-flows`: every movement of a customer's money.

pub mod body;

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::{AccountFlow, AccountFlowType};
use crate::app::{App, account_flows};
use crate::domain::account_flow::{self, FlowFilter, FlowType};
use crate::domain::id::IdKind;
use crate::domain::product::Product;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::times;
use crate::http::edge::wire::{CurrencyCode, CursorText, CustomerIdText, Limit, ProductFilter, TopUpOrderId};

/// A page of flows.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountFlowPage {
    #[schema(max_items = 100)]
    data: Vec<AccountFlow>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FlowsQuery {
    customer_id: Option<CustomerIdText>,
    /// Only flows of this type. Repeat the parameter for several.
    #[serde(default, rename = "type")]
    #[param(max_items = 8)]
    kind: Vec<AccountFlowType>,
    product: Option<ProductFilter>,
    currency: Option<CurrencyCode>,
    /// Only flows that belong to this order.
    order: Option<TopUpOrderId>,
    #[serde(default, deserialize_with = "times::moment")]
    created_from: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "times::moment")]
    created_to: Option<DateTime<Utc>>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List account flows
///
/// Every movement of the customer's wallets, newest first: recharges, consumption, transfers, refunds, grants, expiries
/// and adjustments.
#[utoipa::path(
    tag = "account-flows",
    operation_id = "listAccountFlows",
    params(FlowsQuery),
    responses((status = 200, description = "A page of flows", body = AccountFlowPage)),
    security(("bearer" = []))
)]
#[get("/v1/account-flows")]
pub async fn list_account_flows(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<FlowsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let limit = Limit::read(query.limit)?;
    let types: Vec<FlowType> = query.kind.iter().map(|kind| (*kind).into()).collect();
    let currency = CurrencyCode::filter(query.currency.as_ref(), "?currency")?;
    let product = ProductFilter::filter(query.product.as_ref(), "?product")?;
    let order = TopUpOrderId::filter(query.order.as_ref(), "?order")?;
    let filters = Filters::of(request.path())
        .with("customer_id", &customer)
        .with_each("type", types.iter().map(|kind| kind.as_str()))
        .with_optional("currency", currency)
        .with_optional("product", product.as_ref().map(Product::as_column))
        .with_optional("order", order)
        .with_moment("created_from", query.created_from)
        .with_moment("created_to", query.created_to);
    let after = page::decode_cursor(query.cursor.as_ref(), &filters)?;
    let filter = FlowFilter {
        customer,
        kinds: types.iter().flat_map(|kind| kind.kinds()).collect(),
        currency,
        product,
        reference: order.map(|order| IdKind::TopUpOrder.show(order)),
        created_from: query.created_from,
        created_to: query.created_to,
    };
    let mut found = account_flows::list(&app, &filter, after, limit + 1).await?;
    let (rows, next_cursor) = page::cut(&mut found, limit, &filters, account_flow::AccountFlow::position)?;
    let causes = account_flows::causes(&app, &filter, rows).await?;
    let data = rows.iter().map(|flow| AccountFlow::of(flow, &causes)).collect();
    Ok(HttpResponse::Ok().json(AccountFlowPage { data, has_more: next_cursor.is_some(), next_cursor }))
}
