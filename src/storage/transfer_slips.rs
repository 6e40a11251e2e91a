//! Transfer slips of orders. Their content is read only when a slip is opened.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::columns::{corrupt, customer_from_column};
use super::schema::transfer_slips;
use crate::domain::customer::CustomerId;
use crate::domain::transfer_slip::{SlipKind, TransferSlip};

#[derive(Queryable, Selectable)]
#[diesel(table_name = transfer_slips, check_for_backend(diesel::pg::Pg))]
struct TransferSlipRow {
    id: Uuid,
    order_id: Uuid,
    customer_id: String,
    n: i16,
    kind: String,
    bytes: i32,
    sha256: Vec<u8>,
    uploaded_by: String,
    uploaded_at: DateTime<Utc>,
}

impl TryFrom<TransferSlipRow> for TransferSlip {
    type Error = StorageError;

    fn try_from(row: TransferSlipRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: row.id,
            order_id: row.order_id,
            customer: customer_from_column(&row.customer_id)?,
            n: row.n,
            kind: SlipKind::parse(&row.kind).ok_or_else(|| corrupt("kind of a slip", &row.kind))?,
            bytes: row.bytes,
            sha256: row.sha256,
            uploaded_by: row.uploaded_by,
            uploaded_at: row.uploaded_at,
        })
    }
}

/// # Errors
/// Database errors.
pub async fn insert(conn: &mut AsyncPgConnection, slip: &TransferSlip, content: &[u8]) -> Result<(), StorageError> {
    diesel::insert_into(transfer_slips::table)
        .values((
            transfer_slips::id.eq(slip.id),
            transfer_slips::order_id.eq(slip.order_id),
            transfer_slips::customer_id.eq(slip.customer.as_str()),
            transfer_slips::n.eq(slip.n),
            transfer_slips::kind.eq(slip.kind.as_str()),
            transfer_slips::bytes.eq(slip.bytes),
            transfer_slips::sha256.eq(&slip.sha256),
            transfer_slips::content.eq(content),
            transfer_slips::uploaded_by.eq(&slip.uploaded_by),
            transfer_slips::uploaded_at.eq(slip.uploaded_at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// The slips of an order, the oldest first.
///
/// # Errors
/// Database errors.
pub async fn of_order(conn: &mut AsyncPgConnection, order: Uuid) -> Result<Vec<TransferSlip>, StorageError> {
    let rows: Vec<TransferSlipRow> = transfer_slips::table
        .filter(transfer_slips::order_id.eq(order))
        .order(transfer_slips::n)
        .select(TransferSlipRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TransferSlip::try_from).collect()
}

/// The content of a slip of an order.
///
/// # Errors
/// Database errors.
pub async fn content(conn: &mut AsyncPgConnection, order: Uuid, id: Uuid) -> Result<Option<Vec<u8>>, StorageError> {
    Ok(transfer_slips::table
        .filter(transfer_slips::id.eq(id).and(transfer_slips::order_id.eq(order)))
        .select(transfer_slips::content)
        .first(conn)
        .await
        .optional()?)
}

/// Deletes the slips of a customer.
///
/// # Errors
/// Database errors.
pub async fn erase(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    diesel::delete(transfer_slips::table.filter(transfer_slips::customer_id.eq(customer.as_str())))
        .execute(conn)
        .await?;
    Ok(())
}
