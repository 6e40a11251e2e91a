//! Changes of our bank accounts that wait for a second operator, and the versions that accounts had.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::catalogue::{AccountVersion, BankAccount, BankAccountChange};
use crate::storage::StorageError;
use crate::storage::columns::currency_from_column;
use crate::storage::proposals::EndColumns;
use crate::storage::schema::{bank_account_proposals as proposals, bank_account_versions as versions};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = proposals, check_for_backend(diesel::pg::Pg))]
struct ChangeRow {
    id: Uuid,
    bank_account_id: Uuid,
    base_version: i64,
    currency: String,
    bank_name: String,
    account_name: String,
    account_number: String,
    branch: Option<String>,
    cnaps_code: Option<String>,
    napas_bin: Option<String>,
    swift_bic: Option<String>,
    bank_address: Option<String>,
    active: bool,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
    withdrawn_by: Option<String>,
    withdrawn_at: Option<DateTime<Utc>>,
}

impl From<&BankAccountChange> for ChangeRow {
    fn from(change: &BankAccountChange) -> Self {
        let account = change.account.clone();
        let end = EndColumns::from(change.end.as_ref());
        Self {
            id: change.id,
            bank_account_id: account.id,
            base_version: account.version,
            currency: account.currency.code().to_owned(),
            bank_name: account.bank_name,
            account_name: account.account_name,
            account_number: account.account_number,
            branch: account.branch,
            cnaps_code: account.cnaps_code,
            napas_bin: account.napas_bin,
            swift_bic: account.swift_bic,
            bank_address: account.bank_address,
            active: account.active,
            proposed_by: change.proposed_by.clone(),
            proposed_at: change.proposed_at,
            approved_by: end.approved_by,
            approved_at: end.approved_at,
            withdrawn_by: end.withdrawn_by,
            withdrawn_at: end.withdrawn_at,
        }
    }
}

impl TryFrom<ChangeRow> for BankAccountChange {
    type Error = StorageError;

    fn try_from(row: ChangeRow) -> Result<Self, StorageError> {
        let end = EndColumns {
            approved_by: row.approved_by,
            approved_at: row.approved_at,
            withdrawn_by: row.withdrawn_by,
            withdrawn_at: row.withdrawn_at,
        };
        Ok(Self {
            id: row.id,
            account: BankAccount {
                id: row.bank_account_id,
                currency: currency_from_column(&row.currency)?,
                bank_name: row.bank_name,
                account_name: row.account_name,
                account_number: row.account_number,
                branch: row.branch,
                cnaps_code: row.cnaps_code,
                napas_bin: row.napas_bin,
                swift_bic: row.swift_bic,
                bank_address: row.bank_address,
                active: row.active,
                version: row.base_version,
                updated_at: row.proposed_at,
                updated_by: row.proposed_by.clone(),
            },
            proposed_by: row.proposed_by,
            proposed_at: row.proposed_at,
            end: end.read(),
        })
    }
}

/// # Errors
/// [`StorageError`]; a second proposal for an account violates `bank_account_proposals_one_waiting`.
pub async fn insert(conn: &mut AsyncPgConnection, change: &BankAccountChange) -> Result<(), StorageError> {
    diesel::insert_into(proposals::table).values(ChangeRow::from(change)).execute(conn).await?;
    Ok(())
}

/// Writes how a locked proposal ended. A CHECK refuses the proposer's approval.
///
/// # Errors
/// [`StorageError`].
pub async fn end(conn: &mut AsyncPgConnection, change: &BankAccountChange) -> Result<(), StorageError> {
    let end = EndColumns::from(change.end.as_ref());
    diesel::update(proposals::table.find(change.id))
        .set((
            proposals::approved_by.eq(end.approved_by),
            proposals::approved_at.eq(end.approved_at),
            proposals::withdrawn_by.eq(end.withdrawn_by),
            proposals::withdrawn_at.eq(end.withdrawn_at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// # Errors
/// [`StorageError`].
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<BankAccountChange>, StorageError> {
    let row: Option<ChangeRow> =
        proposals::table.find(id).for_update().select(ChangeRow::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// The changes that wait, newest first. There are few: at most one for each account, and the new ones.
///
/// # Errors
/// [`StorageError`].
pub async fn waiting(conn: &mut AsyncPgConnection, limit: i64) -> Result<Vec<BankAccountChange>, StorageError> {
    let rows: Vec<ChangeRow> = proposals::table
        .filter(proposals::approved_at.is_null().and(proposals::withdrawn_at.is_null()))
        .order((proposals::proposed_at.desc(), proposals::id.desc()))
        .limit(limit)
        .select(ChangeRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = versions, check_for_backend(diesel::pg::Pg))]
struct VersionRow {
    bank_account_id: Uuid,
    version: i64,
    currency: String,
    bank_name: String,
    account_name: String,
    account_number: String,
    branch: Option<String>,
    cnaps_code: Option<String>,
    napas_bin: Option<String>,
    swift_bic: Option<String>,
    bank_address: Option<String>,
    active: bool,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    updated_by: String,
}

impl TryFrom<VersionRow> for AccountVersion {
    type Error = StorageError;

    fn try_from(row: VersionRow) -> Result<Self, StorageError> {
        Ok(Self {
            account: BankAccount {
                id: row.bank_account_id,
                currency: currency_from_column(&row.currency)?,
                bank_name: row.bank_name,
                account_name: row.account_name,
                account_number: row.account_number,
                branch: row.branch,
                cnaps_code: row.cnaps_code,
                napas_bin: row.napas_bin,
                swift_bic: row.swift_bic,
                bank_address: row.bank_address,
                active: row.active,
                version: row.version,
                updated_at: row.opened_at,
                updated_by: row.updated_by,
            },
            closed_at: row.closed_at,
        })
    }
}

/// Reads one version of an account, as it was shown to payers.
///
/// # Errors
/// [`StorageError`].
pub async fn version(
    conn: &mut AsyncPgConnection,
    account: Uuid,
    version: i64,
) -> Result<Option<AccountVersion>, StorageError> {
    let row: Option<VersionRow> =
        versions::table.find((account, version)).select(VersionRow::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}
