//! Lists of top-up orders.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::approvals::awaiting_second;
use super::orders::OrderRow;
use super::page::{Counted, in_page};
use super::schema::top_up_orders as orders;
use crate::domain::order::{Awaited, Order, OrderFilter, OrderStatus, Worklist};
use crate::domain::page::{Page, Rows};
use crate::domain::payment::Channel;

/// A page of orders.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &OrderFilter,
    page: &Page,
) -> Result<Rows<Order>, StorageError> {
    let query = narrowed(conn, filter).await?.select(OrderRow::as_select()).limit(page.to_read());
    let query = in_page!(query, page, orders::created_at, orders::id);
    let rows: Vec<OrderRow> = query.load(conn).await?;
    page.cut(rows).try_map(Order::try_from)
}

/// How many orders there are, at most `most`.
///
/// # Errors
/// Database errors.
pub async fn count(conn: &mut AsyncPgConnection, filter: &OrderFilter, most: i64) -> Result<i64, StorageError> {
    let query = narrowed(conn, filter).await?.select(orders::id).limit(most);
    Ok(Counted(query).get_result(conn).await?)
}

async fn narrowed<'f>(
    conn: &mut AsyncPgConnection,
    filter: &'f OrderFilter,
) -> Result<orders::BoxedQuery<'f, Pg>, StorageError> {
    let mut query = orders::table.into_boxed();
    if let Some(customer) = &filter.customer {
        query = query.filter(orders::customer_id.eq(customer.as_str()));
    }
    if !filter.statuses.is_empty() {
        query = query.filter(orders::status.eq_any(filter.statuses.iter().map(|status| status.as_str())));
    }
    if !filter.channels.is_empty() {
        query = query.filter(orders::channel.eq_any(filter.channels.iter().map(|channel| channel.as_str())));
    }
    if let Some(product) = &filter.product {
        query = query.filter(orders::product.eq(product.as_column()));
    }
    if let Some(currency) = &filter.currency {
        query = query.filter(orders::currency.eq(currency.code()));
    }
    if let Some(from) = filter.created.from {
        query = query.filter(orders::created_at.ge(from));
    }
    if let Some(to) = filter.created.to {
        query = query.filter(orders::created_at.lt(to));
    }
    if let Some(from) = filter.completed.from {
        query = query.filter(orders::completed_at.ge(from));
    }
    if let Some(to) = filter.completed.to {
        query = query.filter(orders::completed_at.lt(to));
    }
    if let Some(from) = filter.updated.from {
        query = query.filter(orders::updated_at.ge(from));
    }
    if let Some(to) = filter.updated.to {
        query = query.filter(orders::updated_at.lt(to));
    }
    if let Some(least) = filter.amount.least {
        query = query.filter(orders::payable_amount.ge(least.amount()));
    }
    if let Some(most) = filter.amount.most {
        query = query.filter(orders::payable_amount.le(most.amount()));
    }
    if let Some(reference) = &filter.reference {
        query = query.filter(orders::reference.eq(reference));
    }
    if let Some(reference) = &filter.client_reference {
        query = query.filter(orders::client_reference.eq(reference));
    }
    let is_unverified =
        orders::status.eq(OrderStatus::Pending.as_str()).and(orders::channel.eq(Channel::BankTransfer.as_str()));
    Ok(match filter.worklist {
        None => query,
        Some(Worklist::AwaitingVerification) => query.filter(is_unverified),
        Some(Worklist::Overdue(before)) => query.filter(is_unverified.and(orders::created_at.lt(before))),
        Some(Worklist::AwaitingSecondOperator) => {
            let waiting: Vec<Uuid> = awaiting_second(conn).await?;
            query.filter(orders::id.eq_any(waiting))
        }
        Some(Worklist::ShortPayment) => query
            .filter(orders::status.eq(OrderStatus::Processing.as_str()))
            .filter(orders::awaiting.eq(Awaited::Rest.as_str())),
        Some(Worklist::StuckAtProvider(since)) => {
            let is_silent =
                orders::awaiting.eq(Awaited::Provider.as_str()).and(orders::updated_at.lt(since).nullable());
            query
                .filter(orders::status.eq(OrderStatus::Processing.as_str()))
                .filter(orders::held_for_review.nullable().or(is_silent))
        }
    })
}
