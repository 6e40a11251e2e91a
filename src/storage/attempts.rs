//! Attempts to have an order paid: one is alive at a time.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::orders::seconds;
use super::schema::{attempts, order_events};
use crate::domain::order::{DECLINED, OrderStatus};

/// A try to have an order paid.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = attempts)]
pub struct Attempt {
    pub order_id: Uuid,
    pub n: i32,
    pub provider: String,
    /// Order and attempt, and how often taking the money was declined, where it was: a call with a key whose answer
    /// is final may be answered from memory for ever, so what comes after a decline has a key of its own. An answer
    /// that leaves the outcome open changes nothing.
    pub request_key: String,
    /// As it was when the order was made.
    pub customer_email: Option<String>,
    pub provider_reference: Option<String>,
    pub next_action: Option<serde_json::Value>,
    /// `open`, `dead` or `paid`.
    pub status: String,
    pub created_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
    pub leased_until: Option<DateTime<Utc>>,
}

/// # Errors
/// Of the database; a second open attempt violates `attempts_one_alive`.
pub async fn insert_attempt(conn: &mut AsyncPgConnection, attempt: &Attempt) -> Result<(), StorageError> {
    diesel::insert_into(attempts::table).values(attempt).execute(conn).await?;
    Ok(())
}

/// The newest attempt of an order.
///
/// # Errors
/// Of the database.
pub async fn last_attempt(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Option<Attempt>, StorageError> {
    let found = attempts::table
        .filter(attempts::order_id.eq(order_id))
        .order(attempts::n.desc())
        .select(Attempt::as_select())
        .first(conn)
        .await
        .optional()?;
    let Some(mut attempt) = found else { return Ok(None) };
    // Nothing can be declined before the provider knows of it: creating keeps its key.
    if attempt.provider_reference.is_some() {
        let declined: i64 = order_events::table
            .filter(order_events::order_id.eq(order_id).and(order_events::event.eq(OrderStatus::Processing.as_str())))
            .filter(order_events::detail.like(format!("{DECLINED}%")))
            .count()
            .get_result(conn)
            .await?;
        if declined > 0 {
            attempt.request_key = format!("{}-{declined}", attempt.request_key);
        }
    }
    Ok(Some(attempt))
}

/// The attempt that was paid, as far as we know; the newest one of an order that was paid late.
///
/// # Errors
/// Of the database.
pub async fn paid_attempt(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Option<Attempt>, StorageError> {
    Ok(attempts::table
        .filter(attempts::order_id.eq(order_id))
        .order((attempts::status.eq("paid").desc(), attempts::n.desc()))
        .select(Attempt::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// The attempt that a provider knows by this reference.
///
/// # Errors
/// Of the database.
pub async fn attempt_by_reference(
    conn: &mut AsyncPgConnection,
    provider: &str,
    reference: &str,
) -> Result<Option<Attempt>, StorageError> {
    Ok(attempts::table
        .filter(attempts::provider.eq(provider).and(attempts::provider_reference.eq(reference)))
        .select(Attempt::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// Takes the right to call the provider for an attempt that has no reference yet; false while somebody
/// else has it.
///
/// # Errors
/// Of the database.
pub async fn lease_attempt(
    conn: &mut AsyncPgConnection,
    order_id: Uuid,
    n: i32,
    lease_seconds: i32,
) -> Result<bool, StorageError> {
    let free = attempts::leased_until.is_null().or(attempts::leased_until.le(now.into_sql::<Timestamptz>().nullable()));
    let taken = diesel::update(
        attempts::table
            .find((order_id, n))
            .filter(attempts::status.eq("open").and(attempts::provider_reference.is_null()))
            .filter(free),
    )
    .set((
        attempts::leased_until.eq((now.into_sql::<Timestamptz>() + seconds(lease_seconds)).nullable()),
        attempts::sent_at.eq(now.into_sql::<Timestamptz>().nullable()),
    ))
    .execute(conn)
    .await?;
    Ok(taken == 1)
}

/// Gives the right back after a call that failed.
///
/// # Errors
/// Of the database.
pub async fn release_attempt(conn: &mut AsyncPgConnection, order_id: Uuid, n: i32) -> Result<(), StorageError> {
    diesel::update(attempts::table.find((order_id, n)))
        .set(attempts::leased_until.eq(None::<DateTime<Utc>>))
        .execute(conn)
        .await?;
    Ok(())
}

/// Remembers what the provider made of an attempt.
///
/// # Errors
/// Of the database.
pub async fn save_attempt(
    conn: &mut AsyncPgConnection,
    order_id: Uuid,
    n: i32,
    reference: &str,
    next_action: &serde_json::Value,
) -> Result<(), StorageError> {
    diesel::update(attempts::table.find((order_id, n)))
        .set((
            attempts::provider_reference.eq(reference),
            attempts::next_action.eq(next_action),
            attempts::leased_until.eq(None::<DateTime<Utc>>),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends the open attempt of an order.
///
/// # Errors
/// Of the database.
pub async fn close_attempt(conn: &mut AsyncPgConnection, order_id: Uuid, paid: bool) -> Result<(), StorageError> {
    diesel::update(attempts::table.filter(attempts::order_id.eq(order_id).and(attempts::status.eq("open"))))
        .set(attempts::status.eq(if paid { "paid" } else { "dead" }))
        .execute(conn)
        .await?;
    Ok(())
}
