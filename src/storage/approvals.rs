//! Approvals: statements of operators that a bank transfer arrived.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::schema::approvals;
use crate::domain::approval::{Approval, Confirmation};

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = approvals)]
struct ApprovalRow {
    order_id: Uuid,
    received_amount: Decimal,
    bank_transaction_id: String,
    bank_account_id: Uuid,
    received_on: NaiveDate,
    note: Option<String>,
    second_needed: bool,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
}

impl From<&Approval> for ApprovalRow {
    fn from(approval: &Approval) -> Self {
        let confirmation = approval.confirmation.as_ref();
        Self {
            order_id: approval.order_id,
            received_amount: approval.received_amount,
            bank_transaction_id: approval.bank_transaction_id.clone(),
            bank_account_id: approval.bank_account_id,
            received_on: approval.received_on,
            note: approval.note.clone(),
            second_needed: approval.second_needed,
            proposed_by: approval.proposed_by.clone(),
            proposed_at: approval.proposed_at,
            approved_by: confirmation.map(|confirmation| confirmation.by.clone()),
            approved_at: confirmation.map(|confirmation| confirmation.at),
        }
    }
}

impl From<ApprovalRow> for Approval {
    fn from(row: ApprovalRow) -> Self {
        Self {
            order_id: row.order_id,
            received_amount: row.received_amount,
            bank_transaction_id: row.bank_transaction_id,
            bank_account_id: row.bank_account_id,
            received_on: row.received_on,
            note: row.note,
            second_needed: row.second_needed,
            proposed_by: row.proposed_by,
            proposed_at: row.proposed_at,
            confirmation: row.approved_by.zip(row.approved_at).map(|(by, at)| Confirmation { by, at }),
        }
    }
}

/// # Errors
/// Database errors.
pub async fn insert(conn: &mut AsyncPgConnection, approval: &Approval) -> Result<(), StorageError> {
    diesel::insert_into(approvals::table).values(ApprovalRow::from(approval)).execute(conn).await?;
    Ok(())
}

/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Option<Approval>, StorageError> {
    let row: Option<ApprovalRow> =
        approvals::table.find(order_id).select(ApprovalRow::as_select()).first(conn).await.optional()?;
    Ok(row.map(Approval::from))
}

/// Writes who confirmed a proposal. A CHECK refuses the proposer where a second operator is needed.
///
/// # Errors
/// Database errors.
pub async fn confirm(
    conn: &mut AsyncPgConnection,
    order_id: Uuid,
    confirmation: &Confirmation,
) -> Result<(), StorageError> {
    diesel::update(approvals::table.find(order_id))
        .set((approvals::approved_by.eq(&confirmation.by), approvals::approved_at.eq(confirmation.at)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Deletes the proposal of an order that was rejected. Returns false when there is none that still waits.
///
/// # Errors
/// Database errors.
pub async fn withdraw(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<bool, StorageError> {
    let proposed = approvals::table.find(order_id).filter(approvals::approved_by.is_null());
    Ok(diesel::delete(proposed).execute(conn).await? > 0)
}
