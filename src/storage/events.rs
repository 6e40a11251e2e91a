//! Events of the balance stream. Each is written in the transaction of the change that it reports.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Jsonb, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use uuid::Uuid;

use super::StorageError;
use super::columns::{corrupt, customer_from_column};
use super::schema::{events, events_pruned};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::customer::CustomerId;
use crate::domain::event::{Event, EventKind};
use crate::domain::id::IdKind;
use crate::domain::money::format_amount;
use crate::domain::order::Order;

/// Writes the event that an order changed. It carries the order's state at this moment.
///
/// # Errors
/// [`StorageError`].
pub async fn order_updated(conn: &mut AsyncPgConnection, order: &Order) -> Result<(), StorageError> {
    diesel::insert_into(events::table)
        .values((
            events::id.eq(Uuid::now_v7()),
            events::customer_id.eq(order.customer.as_str()),
            events::kind.eq(EventKind::OrderUpdated.as_str()),
            events::data.eq(json!({
                "order_id": IdKind::TopUpOrder.show(order.id),
                "status": order.status().as_str(),
                "channel": order.channel.as_str(),
                "currency": order.currency().code(),
                "amount": format_amount(order.amount),
                "credited_amount": format_amount(order.credited_amount),
                "refunded_amount": format_amount(order.refunded_amount),
                "product": order.product.code(),
                "version": order.version,
            })),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

#[derive(Queryable)]
struct EventRow {
    customer_id: String,
    position: i64,
    id: Uuid,
    kind: String,
    data: serde_json::Value,
    created_at: DateTime<Utc>,
}

impl TryFrom<EventRow> for Event {
    type Error = StorageError;

    fn try_from(row: EventRow) -> Result<Self, StorageError> {
        Ok(Self {
            customer: customer_from_column(&row.customer_id)?,
            position: row.position,
            id: row.id,
            kind: EventKind::parse(&row.kind).ok_or_else(|| corrupt("event type", &row.kind))?,
            data: row.data,
            created_at: row.created_at,
        })
    }
}

struct After {
    customers: Vec<String>,
    positions: Vec<i64>,
    limit: i64,
}

impl Statement for After {
    const TEXT: &'static str = include_str!("sql/events_after.sql");
    type Row = (Text, BigInt, SqlUuid, Text, Jsonb, Timestamptz);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<BigInt>, _>(&self.positions)?;
        parameters.add::<BigInt, _>(&self.limit)?;
        Ok(())
    }
}

/// The events of customers after the given positions, oldest first, at most `limit` per customer.
///
/// # Errors
/// [`StorageError`].
pub async fn after(
    conn: &mut AsyncPgConnection,
    positions: impl IntoIterator<Item = (CustomerId, i64)>,
    limit: i64,
) -> Result<Vec<Event>, StorageError> {
    let (customers, positions) =
        positions.into_iter().map(|(customer, position)| (customer.as_str().to_owned(), position)).unzip();
    let rows: Vec<EventRow> = Cached(After { customers, positions, limit }).load(conn).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The position of a customer's last event; 0 when the customer has none.
///
/// # Errors
/// [`StorageError`].
pub async fn last_position(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<i64, StorageError> {
    let last: Option<Option<i64>> = events::table
        .filter(events::customer_id.eq(customer.as_str()))
        .select(diesel::dsl::max(events::position))
        .first(conn)
        .await
        .optional()?;
    Ok(last.flatten().unwrap_or(0))
}

/// The highest position of an event that was deleted for its age; 0 when none was.
///
/// # Errors
/// [`StorageError`].
pub async fn pruned_up_to(conn: &mut AsyncPgConnection) -> Result<i64, StorageError> {
    let up_to: Option<i64> = events_pruned::table.select(events_pruned::up_to).first(conn).await.optional()?;
    Ok(up_to.unwrap_or(0))
}
