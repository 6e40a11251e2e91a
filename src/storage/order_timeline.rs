//! The timelines of orders: everything that happened to each.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::columns::corrupt;
use super::schema::order_events;
use crate::domain::order::{Order, OrderStatus, TimelineEntry};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = order_events)]
struct TimelineRow {
    at: DateTime<Utc>,
    event: String,
    status: String,
    actor: String,
    detail: Option<String>,
}

impl TryFrom<TimelineRow> for TimelineEntry {
    type Error = StorageError;

    fn try_from(row: TimelineRow) -> Result<Self, StorageError> {
        let status = OrderStatus::parse(&row.status).ok_or_else(|| corrupt("status", &row.status))?;
        Ok(Self { at: row.at, event: row.event, status, actor: row.actor, detail: row.detail })
    }
}

/// Adds a line to an order's timeline.
///
/// # Errors
/// Database errors.
pub async fn add_to_timeline(
    conn: &mut AsyncPgConnection,
    order: &Order,
    event: &str,
    actor: &str,
    detail: Option<&str>,
) -> Result<(), StorageError> {
    diesel::insert_into(order_events::table)
        .values((
            order_events::order_id.eq(order.id),
            order_events::event.eq(event),
            order_events::status.eq(order.status().as_str()),
            order_events::actor.eq(actor),
            order_events::detail.eq(detail),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// An order's timeline, oldest first.
///
/// # Errors
/// Database errors.
pub async fn timeline(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Vec<TimelineEntry>, StorageError> {
    let rows: Vec<TimelineRow> = order_events::table
        .filter(order_events::order_id.eq(id))
        .order(order_events::seq)
        .select(TimelineRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TimelineEntry::try_from).collect()
}
