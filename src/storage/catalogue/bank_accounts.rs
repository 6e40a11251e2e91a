//! Bank accounts: our own accounts, which customers transfer money to.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::catalogue::BankAccount;
use crate::domain::money::Currency;
use crate::storage::StorageError;
use crate::storage::clock::ledger_now;
use crate::storage::columns::currency_from_column;
use crate::storage::schema::bank_accounts as accounts;

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts, check_for_backend(diesel::pg::Pg))]
struct BankAccountRow {
    id: Uuid,
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
    version: i64,
    updated_at: DateTime<Utc>,
    updated_by: String,
}

impl TryFrom<BankAccountRow> for BankAccount {
    type Error = StorageError;

    fn try_from(row: BankAccountRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: row.id,
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
            updated_at: row.updated_at,
            updated_by: row.updated_by,
        })
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = accounts, treat_none_as_null = true)]
struct BankAccountColumns<'a> {
    id: Uuid,
    currency: &'a str,
    bank_name: &'a str,
    account_name: &'a str,
    account_number: &'a str,
    branch: Option<&'a str>,
    cnaps_code: Option<&'a str>,
    napas_bin: Option<&'a str>,
    swift_bic: Option<&'a str>,
    bank_address: Option<&'a str>,
    active: bool,
    updated_by: &'a str,
}

impl<'a> From<&'a BankAccount> for BankAccountColumns<'a> {
    fn from(account: &'a BankAccount) -> Self {
        Self {
            id: account.id,
            currency: account.currency.code(),
            bank_name: &account.bank_name,
            account_name: &account.account_name,
            account_number: &account.account_number,
            branch: account.branch.as_deref(),
            cnaps_code: account.cnaps_code.as_deref(),
            napas_bin: account.napas_bin.as_deref(),
            swift_bic: account.swift_bic.as_deref(),
            bank_address: account.bank_address.as_deref(),
            active: account.active,
            updated_by: &account.updated_by,
        }
    }
}

/// All accounts, sorted by currency, then the oldest first.
///
/// # Errors
/// [`StorageError`].
pub async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<BankAccount>, StorageError> {
    let rows: Vec<BankAccountRow> = accounts::table
        .order((accounts::currency, accounts::created_at, accounts::id))
        .select(BankAccountRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Reads an account, active or not.
///
/// # Errors
/// [`StorageError`].
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<BankAccount>, StorageError> {
    let row: Option<BankAccountRow> =
        accounts::table.find(id).select(BankAccountRow::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// The active accounts, oldest first. New orders name the first account of their currency.
///
/// # Errors
/// [`StorageError`].
pub async fn active(conn: &mut AsyncPgConnection) -> Result<Vec<BankAccount>, StorageError> {
    let rows: Vec<BankAccountRow> = accounts::table
        .filter(accounts::active)
        .order((accounts::created_at, accounts::id))
        .select(BankAccountRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Whether a currency has an account, active or not.
///
/// # Errors
/// [`StorageError`].
pub async fn exists_for(conn: &mut AsyncPgConnection, currency: Currency) -> Result<bool, StorageError> {
    let any = diesel::dsl::exists(accounts::table.filter(accounts::currency.eq(currency.code())));
    Ok(diesel::select(any).get_result(conn).await?)
}

/// # Errors
/// [`StorageError`].
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<BankAccount>, StorageError> {
    let row: Option<BankAccountRow> =
        accounts::table.find(id).for_update().select(BankAccountRow::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// # Errors
/// [`StorageError`]; a number that exists already violates the constraint `bank_accounts_number_once`.
pub async fn insert(conn: &mut AsyncPgConnection, new: &BankAccount) -> Result<BankAccount, StorageError> {
    let row: BankAccountRow = diesel::insert_into(accounts::table)
        .values(BankAccountColumns::from(new))
        .returning(BankAccountRow::as_returning())
        .get_result(conn)
        .await?;
    row.try_into()
}

/// # Errors
/// As [`insert`].
pub async fn update(conn: &mut AsyncPgConnection, new: &BankAccount) -> Result<BankAccount, StorageError> {
    let row: BankAccountRow = diesel::update(accounts::table.find(new.id))
        .set((
            BankAccountColumns::from(new),
            accounts::version.eq(accounts::version + 1),
            accounts::updated_at.eq(ledger_now()),
        ))
        .returning(BankAccountRow::as_returning())
        .get_result(conn)
        .await?;
    row.try_into()
}
