//! Lists of top-up orders: the query, and a page of them, for customers and operators alike.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{TopUpOrder, TopUpOrderStatus, order_bodies};
use crate::app::{App, Error, orders};
use crate::domain::customer::CustomerId;
use crate::domain::order::{OrderFilter, OrderStatus};
use crate::domain::payment::Channel;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::times;
use crate::http::edge::wire::{
    CurrencyCode, CursorText, CustomerIdText, Limit, PaymentChannel, ProductFilter, ReferenceFilter,
};

/// Which orders a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrdersQuery {
    pub customer_id: Option<CustomerIdText>,
    /// Only orders with this status. Repeat the parameter for several.
    #[serde(default)]
    #[param(max_items = 6)]
    pub status: Vec<TopUpOrderStatus>,
    /// Only orders that are paid through this channel. Repeat the parameter for several.
    #[serde(default)]
    #[param(max_items = 5)]
    pub channel: Vec<PaymentChannel>,
    pub product: Option<ProductFilter>,
    pub currency: Option<CurrencyCode>,
    /// Only the order with this reference code, as it came through a bank. Case, spaces and punctuation do not matter.
    pub reference: Option<ReferenceFilter>,
    /// `true`: only orders about which a statement or a reversal waits for a second operator.
    #[serde(default)]
    pub awaiting_second_approval: bool,
    #[serde(default, deserialize_with = "times::moment")]
    pub created_from: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "times::moment")]
    pub created_to: Option<DateTime<Utc>>,
    pub cursor: Option<CursorText>,
    pub limit: Option<Limit>,
}

/// A page of orders.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderPage {
    #[schema(max_items = 100)]
    data: Vec<TopUpOrder>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

/// A page of the orders that the query names, of one customer or of all.
///
/// # Errors
/// 422 for a filter, a cursor or a limit that breaks its rule.
pub async fn order_page(
    app: &App,
    path: &str,
    customer: Option<CustomerId>,
    query: &OrdersQuery,
) -> Result<OrderPage, Error> {
    let statuses: Vec<OrderStatus> = query.status.iter().map(|status| (*status).into()).collect();
    let channels: Vec<Channel> = query.channel.iter().map(|channel| (*channel).into()).collect();
    let product = ProductFilter::filter(query.product.as_ref(), "?product")?;
    let currency = CurrencyCode::filter(query.currency.as_ref(), "?currency")?;
    let reference = ReferenceFilter::filter(query.reference.as_ref(), "?reference")?;
    let limit = Limit::read(query.limit)?;
    let filters = Filters::of(path)
        .with_optional("customer_id", customer.as_ref())
        .with_each("status", statuses.iter().map(|status| status.as_str()))
        .with_each("channel", channels.iter().map(|channel| channel.as_str()))
        .with_optional("product", product.as_ref().map(|product| product.as_column()))
        .with_optional("currency", currency)
        .with_optional("reference", reference.as_ref())
        .with_optional("awaiting_second_approval", query.awaiting_second_approval.then_some("true"))
        .with_moment("created_from", query.created_from)
        .with_moment("created_to", query.created_to);
    let after = page::decode_cursor(query.cursor.as_ref(), &filters)?;
    let filter = OrderFilter {
        customer,
        statuses,
        channels,
        product,
        currency,
        created_from: query.created_from,
        created_to: query.created_to,
        reference,
        awaits_second: query.awaiting_second_approval,
    };
    let mut found = orders::read::list(app, &filter, after, limit + 1).await?;
    let (rows, next_cursor) = page::cut(&mut found, limit, &filters, |order| (order.created_at, order.id))?;
    Ok(OrderPage { data: order_bodies(rows), has_more: next_cursor.is_some(), next_cursor })
}
