//! `/v1/account-flows`: every movement of a customer's money.

pub mod body;

use std::future::ready;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::{AccountFlow, AccountFlowType};
use crate::app::{App, Caller, Error, account_flows};
use crate::domain::account_flow::{self, FlowFilter};
use crate::domain::flow_type::FlowType;
use crate::domain::id::IdKind;
use crate::domain::page::Sort;
use crate::domain::product::Product;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::csv::{self, Cell, Sheet};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::customer_of;
use crate::http::edge::times;
use crate::http::edge::wire::{CurrencyCode, CursorText, CustomerIdText, Limit, ProductFilter, TopUpOrderId};

/// A page of flows.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountFlowPage {
    #[schema(max_items = 100)]
    data: Vec<AccountFlow>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
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

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
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
}

/// List account flows
///
/// Every movement of the customer's wallets, newest first: recharges, consumption, transfers, refunds, grants, expiries
/// and adjustments. An order that the main wallet paid is a `recharge` of its product, and a `transfer_out` of the main
/// wallet.
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
    let limit = Limit::read(query.limit)?;
    let types: Vec<FlowType> = query.kind.iter().map(|kind| (*kind).into()).collect();
    let (cursor, order) = (query.cursor.clone(), query.order.clone());
    let filter = filter(&caller, query.into())?;
    let filters = Filters::of(request.path())
        .with("customer_id", &filter.customer)
        .with_each("type", types.iter().map(|kind| kind.as_str()))
        .with_optional("currency", filter.currency)
        .with_optional("product", filter.product.as_ref().map(Product::as_column))
        .with_optional("order", TopUpOrderId::filter(order.as_ref(), "?order")?)
        .with_moment("created_from", filter.created_from)
        .with_moment("created_to", filter.created_to);
    let asked = page::read(cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let found = account_flows::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, account_flow::AccountFlow::position)?;
    let causes = account_flows::causes(&app, &filter, &found.rows).await?;
    Ok(HttpResponse::Ok().json(AccountFlowPage {
        data: found.rows.iter().map(|flow| AccountFlow::of(flow, &causes)).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

impl From<FlowsQuery> for ExportQuery {
    fn from(query: FlowsQuery) -> Self {
        let FlowsQuery { customer_id, kind, product, currency, order, created_from, created_to, .. } = query;
        Self { customer_id, kind, product, currency, order, created_from, created_to }
    }
}

fn filter(caller: &Caller, query: ExportQuery) -> Result<FlowFilter, Error> {
    let types: Vec<FlowType> = query.kind.into_iter().map(FlowType::from).collect();
    let (kinds, transfers_in) = account_flow::kinds_of(&types);
    let order = TopUpOrderId::filter(query.order.as_ref(), "?order")?;
    Ok(FlowFilter {
        customer: customer_of(caller, query.customer_id.as_ref())?,
        kinds,
        transfers_in,
        currency: CurrencyCode::filter(query.currency.as_ref(), "?currency")?,
        product: ProductFilter::filter(query.product.as_ref(), "?product")?,
        reference: order.map(|order| IdKind::TopUpOrder.show(order)),
        created_from: query.created_from,
        created_to: query.created_to,
    })
}

/// Export account flows
///
/// All flows of `GET /v1/account-flows` as CSV, newest first. The export ends at the moment up
/// to which all flows are known; it contains each earlier flow once. If the service fails in the middle, the answer
/// breaks off without the end of its last chunk, so that clients see an error. A description that looks like a formula
/// gets an apostrophe in front.
#[utoipa::path(
    tag = "account-flows",
    operation_id = "exportAccountFlows",
    params(ExportQuery),
    responses((status = 200, description = "The flows", body = String, content_type = "text/csv",
        example = json!("id,created_at,type,amount,currency,product,balance_after,reference,description\r\n\
            flw_019336f2b0a87c0e8f6f5a2f4c1d9e3b_2,2026-11-21T08:00:00.000001Z,consume,-12.50,CNY,,87.50,msg-0001,\
            128 messages\r\n"))),
    security(("bearer" = []))
)]
#[get("/v1/account-flows/export")]
pub async fn export_account_flows(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<ExportQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = filter(&caller, query)?;
    let pages = account_flows::export(App::clone(&app), filter).await?;
    let head = Sheet::with_head(&COLUMNS)?.finish()?;
    let rows = pages.map(|page| page.and_then(|flows| rows(&flows)));
    Ok(csv::answer("account-flows.csv").streaming(stream::once(ready(Ok(head))).chain(rows)))
}

const COLUMNS: [&str; 9] =
    ["id", "created_at", "type", "amount", "currency", "product", "balance_after", "reference", "description"];

fn rows(flows: &[account_flow::AccountFlow]) -> Result<Bytes, Error> {
    let mut sheet = Sheet::part();
    for flow in flows {
        sheet.row::<{ COLUMNS.len() }>([
            Cell::word(flow.id.to_string()),
            Cell::time(flow.created_at),
            Cell::word(flow.flow_type().as_str()),
            Cell::money(flow.amount),
            Cell::word(flow.amount.currency().code()),
            Cell::text(flow.product.as_column()),
            Cell::money(flow.balance_after),
            Cell::text(flow.reference.as_deref().unwrap_or_default()),
            Cell::text(flow.description.as_deref().unwrap_or_default()),
        ])?;
    }
    sheet.finish()
}
