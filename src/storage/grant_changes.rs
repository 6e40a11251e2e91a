//! Changes of the end of grants: revocations, and moved expiries.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{currency_from_column, customer_from_column};
use super::page::in_page;
use super::proposals::EndColumns;
use super::schema::grant_changes as changes;
use crate::domain::customer::CustomerId;
use crate::domain::grant::{GrantChange, NewEnd};
use crate::domain::money::Money;
use crate::domain::page::{Page, Rows};

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = changes)]
struct GrantChangeRow {
    id: Uuid,
    customer_id: String,
    grant_id: Uuid,
    currency: String,
    amount: Decimal,
    revokes: bool,
    expires_at: Option<DateTime<Utc>>,
    reason: String,
    second_needed: bool,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
    withdrawn_by: Option<String>,
    withdrawn_at: Option<DateTime<Utc>>,
}

impl From<&GrantChange> for GrantChangeRow {
    fn from(change: &GrantChange) -> Self {
        let end = EndColumns::from(change.end.as_ref());
        let (revokes, expires_at) = match change.new_end {
            NewEnd::Revoked => (true, None),
            NewEnd::Moved(at) => (false, at),
        };
        Self {
            id: change.id,
            customer_id: change.customer.as_str().to_owned(),
            grant_id: change.grant_id,
            currency: change.amount.currency().code().to_owned(),
            amount: change.amount.amount(),
            revokes,
            expires_at,
            reason: change.reason.clone(),
            second_needed: change.second_needed,
            proposed_by: change.proposed_by.clone(),
            proposed_at: change.proposed_at,
            approved_by: end.approved_by,
            approved_at: end.approved_at,
            withdrawn_by: end.withdrawn_by,
            withdrawn_at: end.withdrawn_at,
        }
    }
}

impl TryFrom<GrantChangeRow> for GrantChange {
    type Error = StorageError;

    fn try_from(row: GrantChangeRow) -> Result<Self, StorageError> {
        let end = EndColumns {
            approved_by: row.approved_by,
            approved_at: row.approved_at,
            withdrawn_by: row.withdrawn_by,
            withdrawn_at: row.withdrawn_at,
        };
        Ok(Self {
            id: row.id,
            customer: customer_from_column(&row.customer_id)?,
            grant_id: row.grant_id,
            amount: Money::from_ledger(row.amount, currency_from_column(&row.currency)?),
            new_end: if row.revokes { NewEnd::Revoked } else { NewEnd::Moved(row.expires_at) },
            reason: row.reason,
            second_needed: row.second_needed,
            proposed_by: row.proposed_by,
            proposed_at: row.proposed_at,
            end: end.read(),
        })
    }
}

/// Records a change.
///
/// # Errors
/// Database errors; a second waiting change of a grant violates `grant_changes_one_waiting`.
pub async fn insert(conn: &mut AsyncPgConnection, change: &GrantChange) -> Result<(), StorageError> {
    diesel::insert_into(changes::table).values(GrantChangeRow::from(change)).execute(conn).await?;
    Ok(())
}

/// Writes how a locked change ended. A CHECK refuses the proposer's approval.
///
/// # Errors
/// Database errors.
pub async fn end(conn: &mut AsyncPgConnection, change: &GrantChange) -> Result<(), StorageError> {
    let end = EndColumns::from(change.end.as_ref());
    diesel::update(changes::table.find(change.id))
        .set((
            changes::approved_by.eq(end.approved_by),
            changes::approved_at.eq(end.approved_at),
            changes::withdrawn_by.eq(end.withdrawn_by),
            changes::withdrawn_at.eq(end.withdrawn_at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<GrantChange>, StorageError> {
    let row: Option<GrantChangeRow> =
        changes::table.find(id).select(GrantChangeRow::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// Locks a change. Take it after the lock of the grant's wallet.
///
/// # Errors
/// Database errors.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<GrantChange>, StorageError> {
    let row: Option<GrantChangeRow> =
        changes::table.find(id).select(GrantChangeRow::as_select()).for_update().first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// The change of a grant that waits for a second operator.
///
/// # Errors
/// Database errors.
pub async fn waiting_of(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    grant_id: Uuid,
) -> Result<Option<GrantChange>, StorageError> {
    let row: Option<GrantChangeRow> = changes::table
        .filter(changes::customer_id.eq(customer.as_str()).and(changes::grant_id.eq(grant_id)))
        .filter(changes::second_needed)
        .filter(changes::approved_at.is_null().and(changes::withdrawn_at.is_null()))
        .select(GrantChangeRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(TryInto::try_into).transpose()
}

/// A page of the changes that wait for a second operator.
///
/// # Errors
/// Database errors.
pub async fn waiting(conn: &mut AsyncPgConnection, page: &Page) -> Result<Rows<GrantChange>, StorageError> {
    let query = changes::table
        .filter(changes::second_needed)
        .filter(changes::approved_at.is_null().and(changes::withdrawn_at.is_null()))
        .limit(page.to_read())
        .select(GrantChangeRow::as_select())
        .into_boxed();
    let query = in_page!(query, page, changes::proposed_at, changes::id);
    let rows: Vec<GrantChangeRow> = query.load(conn).await?;
    page.cut(rows).try_map(TryInto::try_into)
}
