//! Money corrections by operators.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::schema::adjustments;

/// An adjustment as the table has it; one of an order reverses its approval.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = adjustments, treat_none_as_null = true)]
pub struct Adjustment {
    pub id: Uuid,
    pub customer_id: String,
    pub currency: String,
    pub product: String,
    pub amount: Decimal,
    pub reason: String,
    pub second_needed: bool,
    pub proposed_by: String,
    pub approved_by: Option<String>,
    pub created_at: DateTime<Utc>,
    /// None while it is a proposal.
    pub booked_at: Option<DateTime<Utc>>,
    pub order_id: Option<Uuid>,
}

/// Writes a new adjustment, or what became of a known one.
///
/// # Errors
/// Of the database, which refuses the proposer where a second operator is needed.
pub async fn save(conn: &mut AsyncPgConnection, adjustment: &Adjustment) -> Result<(), StorageError> {
    diesel::insert_into(adjustments::table)
        .values(adjustment)
        .on_conflict(adjustments::id)
        .do_update()
        .set(adjustment)
        .execute(conn)
        .await?;
    Ok(())
}

/// The reversal of an order's approval. The caller holds the order's lock.
///
/// # Errors
/// Of the database.
pub async fn of_order(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Option<Adjustment>, StorageError> {
    Ok(adjustments::table
        .filter(adjustments::order_id.eq(order_id))
        .select(Adjustment::as_select())
        .first(conn)
        .await
        .optional()?)
}
