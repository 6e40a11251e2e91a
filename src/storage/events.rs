//! Events. Triggers of the tables write most of them, in the transaction of the change that they report. The ledger
//! writes those of balances, holds and expired grants. See the table `events`.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::dsl::{AsSelect, SqlTypeOf};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::columns::{corrupt, customer_from_column};
use super::kept;
use super::schema::{events, events_pruned};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::customer::CustomerId;
use crate::domain::event::{Event, EventKind};

struct OrderShownAnew(Uuid);

impl Statement for OrderShownAnew {
    const TEXT: &'static str = include_str!("sql/order_shown_anew.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<SqlUuid, _>(&self.0)
    }
}

/// Writes an event for an order whose row stays the same, although what the API shows of it has changed.
///
/// # Errors
/// [`StorageError`].
pub async fn order_shown_anew(conn: &mut AsyncPgConnection, order: Uuid) -> Result<(), StorageError> {
    Cached(OrderShownAnew(order)).execute(conn).await?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events, check_for_backend(Pg))]
pub(super) struct EventRow {
    customer_id: Option<String>,
    position: Option<i64>,
    sequence: Option<i64>,
    number: Option<i64>,
    id: Uuid,
    kind: String,
    noun: String,
    data: serde_json::Value,
    created_at: DateTime<Utc>,
}

/// The columns of [`EventRow`].
pub(super) type EventSql = SqlTypeOf<AsSelect<EventRow, Pg>>;

/// Adds the subjects of the events, with one statement for each noun.
pub(super) async fn complete(
    conn: &mut AsyncPgConnection,
    mut rows: Vec<EventRow>,
) -> Result<Vec<Event>, StorageError> {
    let mut of_noun: HashMap<String, (Vec<usize>, Vec<serde_json::Value>)> = HashMap::new();
    for (at, row) in rows.iter_mut().enumerate() {
        let (places, data) = of_noun.entry(row.noun.clone()).or_default();
        places.push(at);
        data.push(row.data.take());
    }
    let mut subjects: HashMap<usize, _> = HashMap::new();
    for (noun, (places, data)) in of_noun {
        subjects.extend(places.into_iter().zip(kept::read(conn, &noun, data).await?));
    }
    rows.into_iter()
        .enumerate()
        .map(|(at, row)| {
            let missing = |what| StorageError::Corrupt(format!("event {}: no {what}", row.id));
            Ok(Event {
                kind: EventKind::parse(&row.kind).ok_or_else(|| corrupt("event type", &row.kind))?,
                customer: row.customer_id.as_deref().map(customer_from_column).transpose()?,
                sequence: row.sequence.ok_or_else(|| missing("sequence"))?,
                position: row.position.ok_or_else(|| missing("position"))?,
                subject: subjects.remove(&at).ok_or_else(|| missing("subject"))?,
                id: row.id,
                number: row.number,
                created_at: row.created_at,
            })
        })
        .collect()
}

struct After {
    customers: Vec<String>,
    positions: Vec<i64>,
    limit: i64,
}

impl Statement for After {
    const TEXT: &'static str = include_str!("sql/events_after.sql");
    type Row = EventSql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<BigInt>, _>(&self.positions)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

/// The events of orders and balances of customers after the given positions, oldest first, at most `limit` per
/// customer.
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
    complete(conn, rows).await
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

/// The highest position of an event that was deleted because of its age; 0 if none was.
///
/// # Errors
/// [`StorageError`].
pub async fn pruned_up_to(conn: &mut AsyncPgConnection) -> Result<i64, StorageError> {
    let up_to: Option<i64> = events_pruned::table.select(events_pruned::up_to).first(conn).await.optional()?;
    Ok(up_to.unwrap_or(0))
}
