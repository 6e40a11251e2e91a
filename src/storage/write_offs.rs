//! Write-offs of what closed accounts owe.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{currency_from_column, customer_from_column};
use super::page::in_page;
use super::proposals::EndColumns;
use super::schema::write_offs;
use crate::domain::customer::CustomerId;
use crate::domain::money::Money;
use crate::domain::page::{Page, Rows};
use crate::domain::write_off::{WriteOff, WriteOffFilter};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = write_offs, treat_none_as_null = true)]
struct WriteOffRow {
    id: Uuid,
    customer_id: String,
    currency: String,
    amount: Decimal,
    recovered: Decimal,
    reason: String,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
    withdrawn_by: Option<String>,
    withdrawn_at: Option<DateTime<Utc>>,
}

impl From<&WriteOff> for WriteOffRow {
    fn from(write_off: &WriteOff) -> Self {
        let end = EndColumns::from(write_off.end.as_ref());
        Self {
            id: write_off.id,
            customer_id: write_off.customer.as_str().to_owned(),
            currency: write_off.amount.currency().code().to_owned(),
            amount: write_off.amount.amount(),
            recovered: write_off.recovered.amount(),
            reason: write_off.reason.clone(),
            proposed_by: write_off.proposed_by.clone(),
            proposed_at: write_off.proposed_at,
            approved_by: end.approved_by,
            approved_at: end.approved_at,
            withdrawn_by: end.withdrawn_by,
            withdrawn_at: end.withdrawn_at,
        }
    }
}

impl TryFrom<WriteOffRow> for WriteOff {
    type Error = StorageError;

    fn try_from(row: WriteOffRow) -> Result<Self, StorageError> {
        let end = EndColumns {
            approved_by: row.approved_by,
            approved_at: row.approved_at,
            withdrawn_by: row.withdrawn_by,
            withdrawn_at: row.withdrawn_at,
        };
        Ok(Self {
            id: row.id,
            customer: customer_from_column(&row.customer_id)?,
            amount: Money::from_ledger(row.amount, currency_from_column(&row.currency)?),
            recovered: Money::from_ledger(row.recovered, currency_from_column(&row.currency)?),
            reason: row.reason,
            proposed_by: row.proposed_by,
            proposed_at: row.proposed_at,
            end: end.read(),
        })
    }
}

/// Writes a new write-off.
///
/// # Errors
/// Database errors; a second waiting one in a currency violates `write_offs_one_waiting`.
pub async fn insert(conn: &mut AsyncPgConnection, write_off: &WriteOff) -> Result<(), StorageError> {
    diesel::insert_into(write_offs::table).values(WriteOffRow::from(write_off)).execute(conn).await?;
    Ok(())
}

/// Writes how a locked write-off ended. A CHECK refuses the proposer's approval.
///
/// # Errors
/// Database errors.
pub async fn update(conn: &mut AsyncPgConnection, write_off: &WriteOff) -> Result<(), StorageError> {
    diesel::update(write_offs::table.find(write_off.id)).set(WriteOffRow::from(write_off)).execute(conn).await?;
    Ok(())
}

/// Reads a write-off.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<WriteOff>, StorageError> {
    let row: Option<WriteOffRow> =
        write_offs::table.find(id).select(WriteOffRow::as_select()).first(conn).await.optional()?;
    row.map(WriteOff::try_from).transpose()
}

/// As [`find`], and locks the row. The caller holds the locks of the customer's wallets.
///
/// # Errors
/// Database errors.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<WriteOff>, StorageError> {
    let row: Option<WriteOffRow> =
        write_offs::table.find(id).select(WriteOffRow::as_select()).for_update().first(conn).await.optional()?;
    row.map(WriteOff::try_from).transpose()
}

/// Locks the written-off debts of a customer that have not been recovered, the oldest first. The caller holds the
/// locks of the customer's wallets.
///
/// # Errors
/// Database errors.
pub async fn lock_to_recover(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
) -> Result<Vec<WriteOff>, StorageError> {
    let rows: Vec<WriteOffRow> = write_offs::table
        .filter(write_offs::customer_id.eq(customer.as_str()).and(write_offs::approved_by.is_not_null()))
        .filter(write_offs::recovered.lt(write_offs::amount))
        .order((write_offs::proposed_at, write_offs::id))
        .select(WriteOffRow::as_select())
        .for_update()
        .load(conn)
        .await?;
    rows.into_iter().map(WriteOff::try_from).collect()
}

/// A page of write-offs.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &WriteOffFilter,
    page: &Page,
) -> Result<Rows<WriteOff>, StorageError> {
    let mut query = write_offs::table.select(WriteOffRow::as_select()).limit(page.to_read()).into_boxed();
    if let Some(customer) = &filter.customer {
        query = query.filter(write_offs::customer_id.eq(customer.as_str()));
    }
    if filter.is_waiting {
        query = query.filter(write_offs::approved_by.is_null().and(write_offs::withdrawn_by.is_null()));
    }
    let query = in_page!(query, page, write_offs::proposed_at, write_offs::id);
    let rows: Vec<WriteOffRow> = query.load(conn).await?;
    page.cut(rows).try_map(WriteOff::try_from)
}

/// Erases the operator's reason why a customer's debt was written off.
///
/// # Errors
/// Database errors.
pub async fn erase(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    diesel::update(write_offs::table.filter(write_offs::customer_id.eq(customer.as_str())))
        .set(write_offs::reason.eq("erased"))
        .execute(conn)
        .await?;
    Ok(())
}
