//! Lists of top-up orders: the query, and a page of them, for customers and operators alike.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{TopUpOrder, TopUpOrderStatus, order_bodies, order_bodies_for_operators};
use crate::app::{App, Error, Problems, orders};
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::language::Language;
use crate::domain::order::{AmountRange, OrderFilter, OrderStatus, TimeRange, Worklist};
use crate::domain::page::Sort;
use crate::domain::payment::Channel;
use crate::http::edge::page::{self, Filters, ListTotal, SortName};
use crate::http::edge::times;
use crate::http::edge::wire::{
    Amount, ClientReference, CurrencyCode, CursorText, CustomerIdText, Limit, PaymentChannel, ProductFilter,
    ReferenceFilter,
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
    /// Only orders with exactly this client reference.
    pub client_reference: Option<ClientReference>,
    /// `true`: only orders for which an approval or its reversal waits for a second operator.
    #[serde(default)]
    pub awaiting_second_approval: bool,
    #[serde(default, deserialize_with = "times::moment")]
    pub created_from: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "times::moment")]
    pub created_to: Option<DateTime<Utc>>,
    /// Only orders that were completed at this moment or later.
    #[serde(default, deserialize_with = "times::moment")]
    pub completed_from: Option<DateTime<Utc>>,
    /// Only orders that were completed before this moment.
    #[serde(default, deserialize_with = "times::moment")]
    pub completed_to: Option<DateTime<Utc>>,
    /// Only orders whose last change was at this moment or later.
    #[serde(default, deserialize_with = "times::moment")]
    pub updated_from: Option<DateTime<Utc>>,
    /// Only orders whose last change was before this moment.
    #[serde(default, deserialize_with = "times::moment")]
    pub updated_to: Option<DateTime<Utc>>,
    /// Only orders of which the payer pays this amount or more. It needs `currency`.
    pub amount_from: Option<Amount>,
    /// Only orders of which the payer pays this amount or less. It needs `currency`.
    pub amount_to: Option<Amount>,
    /// For operators: only orders with work of this kind.
    pub worklist: Option<OrderWorklist>,
    /// The order of the list: `newest` first, which is the default, or `oldest`.
    pub sort: Option<SortName>,
    /// `true`: the answer says how many orders the whole list has, up to 10,000.
    #[serde(default)]
    pub with_total: bool,
    pub cursor: Option<CursorText>,
    pub limit: Option<Limit>,
}

/// A page of orders.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderPage {
    #[schema(max_items = 100)]
    data: Vec<TopUpOrder>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
    /// How many orders the whole list has; null without `with_total`.
    total: Option<ListTotal>,
}

/// What operators have to work on.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderWorklist {
    /// Bank transfers that wait for their verification.
    AwaitingVerification,
    /// Bank transfers that have waited longer than customers are promised.
    Overdue,
    /// An operator's proposal waits for a second operator.
    AwaitingSecondOperator,
    /// Money arrived that does not complete the order.
    ShortPayment,
    /// The company reviews the money, or has not reported its state for an hour.
    StuckAtProvider,
}

impl OrderWorklist {
    fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingVerification => "awaiting_verification",
            Self::Overdue => "overdue",
            Self::AwaitingSecondOperator => "awaiting_second_operator",
            Self::ShortPayment => "short_payment",
            Self::StuckAtProvider => "stuck_at_provider",
        }
    }

    fn at(self, app: &App, now: DateTime<Utc>) -> Worklist {
        match self {
            Self::AwaitingVerification => Worklist::AwaitingVerification,
            Self::Overdue => Worklist::Overdue(app.settings.verification.overdue_before(now)),
            Self::AwaitingSecondOperator => Worklist::AwaitingSecondOperator,
            Self::ShortPayment => Worklist::ShortPayment,
            Self::StuckAtProvider => Worklist::StuckAtProvider(now - STUCK_AFTER),
        }
    }
}

/// A company that has not reported for this long should be asked.
const STUCK_AFTER: Duration = Duration::hours(1);

/// Whose orders a list shows, and to whom.
#[derive(Debug)]
pub enum OrdersOf {
    Customer(CustomerId),
    /// Of one customer or of all, for an operator.
    ForOperator(Option<CustomerId>),
}

/// A page of the orders that the query names, of one customer or of all.
///
/// # Errors
/// 422 for a filter, a cursor or a limit that breaks its rule.
pub async fn order_page(
    app: &App,
    path: &str,
    of: OrdersOf,
    query: &OrdersQuery,
    language: Language,
) -> Result<OrderPage, Error> {
    let (customer, is_for_operator) = match of {
        OrdersOf::Customer(customer) => (Some(customer), false),
        OrdersOf::ForOperator(customer) => (customer, true),
    };
    let now = orders::read::now(app).await?;
    let (filter, filters) = read(app, path, customer, is_for_operator, now, query)?;
    let sort = query.sort.map_or(Sort::Newest, Sort::from);
    let asked = page::read(query.cursor.as_ref(), sort, Limit::read(query.limit)?, &filters)?;
    let found = orders::read::list(app, &filter, &asked).await?;
    let total = match query.with_total {
        true => Some(ListTotal::of(orders::read::count(app, &filter, ListTotal::TO_COUNT).await?)),
        false => None,
    };
    let cursors = page::cursors(&found, &filters, |order| (order.created_at, order.id))?;
    let steps = orders::read::next_steps(app, &found.rows).await?;
    let data = match is_for_operator {
        true => order_bodies_for_operators(app, &found.rows, &steps, now),
        false => order_bodies(&found.rows, &steps),
    };
    let told = found.rows.iter().zip(data).map(|(order, body)| body.told_in(order, language));
    Ok(OrderPage {
        data: told.collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
        total,
    })
}

/// Reads the filters, and what a cursor is tied to.
fn read(
    app: &App,
    path: &str,
    customer: Option<CustomerId>,
    is_for_operator: bool,
    now: DateTime<Utc>,
    query: &OrdersQuery,
) -> Result<(OrderFilter, Filters), Error> {
    let statuses: Vec<OrderStatus> = query.status.iter().map(|status| (*status).into()).collect();
    let channels: Vec<Channel> = query.channel.iter().map(|channel| (*channel).into()).collect();
    let product = ProductFilter::filter(query.product.as_ref(), "?product")?;
    let currency = CurrencyCode::filter(query.currency.as_ref(), "?currency")?;
    let reference = ReferenceFilter::filter(query.reference.as_ref(), "?reference")?;
    let client_reference = ClientReference::filter(query.client_reference.as_ref(), "?client_reference")?;
    let second = query.awaiting_second_approval.then_some(OrderWorklist::AwaitingSecondOperator);
    let worklist = query.worklist.or(second);
    if query.worklist.is_some() && !is_for_operator {
        return Err(Error::field("?worklist", Code::InvalidValue, "is for operators, under /v1/admin/top-up-orders"));
    }
    let amount = |asked: Option<&Amount>, pointer: &str| {
        let Some(asked) = asked else { return Ok(None) };
        let needed = || Error::field("?currency", Code::Required, format!("is required with {pointer}"));
        let mut problems = Problems::new();
        let read = asked.positive_money(&mut problems, &format!("?{pointer}"), currency.ok_or_else(needed)?);
        problems.into_result(read).map(Some)
    };
    let amount = AmountRange {
        least: amount(query.amount_from.as_ref(), "amount_from")?,
        most: amount(query.amount_to.as_ref(), "amount_to")?,
    };
    let sort = query.sort.filter(|sort| matches!(sort, SortName::Oldest));
    let filters = Filters::of(path)
        .with_optional("customer_id", customer.as_ref())
        .with_each("status", statuses.iter().map(|status| status.as_str()))
        .with_each("channel", channels.iter().map(|channel| channel.as_str()))
        .with_optional("product", product.as_ref().map(|product| product.as_column()))
        .with_optional("currency", currency)
        .with_optional("reference", reference.as_ref())
        .with_optional("client_reference", client_reference.as_ref())
        .with_optional("awaiting_second_approval", query.awaiting_second_approval.then_some("true"))
        .with_moment("created_from", query.created_from)
        .with_moment("created_to", query.created_to)
        .with_moment("completed_from", query.completed_from)
        .with_moment("completed_to", query.completed_to)
        .with_moment("updated_from", query.updated_from)
        .with_moment("updated_to", query.updated_to)
        .with_optional("amount_from", amount.least)
        .with_optional("amount_to", amount.most)
        .with_optional("worklist", query.worklist.map(OrderWorklist::as_str))
        .with_optional("sort", sort.map(|_| "oldest"));
    let filter = OrderFilter {
        customer,
        statuses,
        channels,
        product,
        currency,
        created: TimeRange { from: query.created_from, to: query.created_to },
        completed: TimeRange { from: query.completed_from, to: query.completed_to },
        updated: TimeRange { from: query.updated_from, to: query.updated_to },
        amount,
        reference,
        client_reference,
        worklist: worklist.map(|worklist| worklist.at(app, now)),
    };
    Ok((filter, filters))
}
