//! Operators' statements that a bank transfer arrived.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::schema::approvals;

/// An approval as the table has it.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = approvals)]
pub struct Approval {
    pub order_id: Uuid,
    pub received_amount: Decimal,
    pub bank_transaction_id: String,
    pub bank_account_id: Uuid,
    pub received_on: NaiveDate,
    pub note: Option<String>,
    pub second_needed: bool,
    pub proposed_by: String,
    pub proposed_at: DateTime<Utc>,
    pub approved_by: Option<String>,
    pub approved_at: Option<DateTime<Utc>>,
}

/// # Errors
/// Of the database.
pub async fn insert(conn: &mut AsyncPgConnection, approval: &Approval) -> Result<(), StorageError> {
    diesel::insert_into(approvals::table).values(approval).execute(conn).await?;
    Ok(())
}

/// # Errors
/// Of the database.
pub async fn find(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Option<Approval>, StorageError> {
    Ok(approvals::table.find(order_id).select(Approval::as_select()).first(conn).await.optional()?)
}

/// Writes who approved. The database refuses the proposer where a second operator is needed.
///
/// # Errors
/// Of the database.
pub async fn approve(
    conn: &mut AsyncPgConnection,
    order_id: Uuid,
    by: &str,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    diesel::update(approvals::table.find(order_id))
        .set((approvals::approved_by.eq(by), approvals::approved_at.eq(at)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes a proposal back (the order was rejected). False when there is none that still waits.
///
/// # Errors
/// Of the database.
pub async fn withdraw(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<bool, StorageError> {
    let proposed = approvals::table.find(order_id).filter(approvals::approved_by.is_null());
    Ok(diesel::delete(proposed).execute(conn).await? > 0)
}
