//! Our accounts that customers transfer to.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::catalogue::BankAccount;
use crate::domain::money::Currency;
use crate::storage::schema::bank_accounts as accounts;
use crate::storage::{StorageError, currency_from_column};

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: Uuid,
    currency: String,
    bank_name: String,
    account_name: String,
    account_number: String,
    branch: Option<String>,
    cnaps_code: Option<String>,
    swift_bic: Option<String>,
    bank_address: Option<String>,
    active: bool,
    version: i64,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for BankAccount {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: row.id,
            currency: currency_from_column(&row.currency)?,
            bank_name: row.bank_name,
            account_name: row.account_name,
            account_number: row.account_number,
            branch: row.branch,
            cnaps_code: row.cnaps_code,
            swift_bic: row.swift_bic,
            bank_address: row.bank_address,
            active: row.active,
            version: row.version,
            updated_at: row.updated_at,
        })
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = accounts, treat_none_as_null = true)]
struct Columns<'a> {
    id: Uuid,
    currency: &'a str,
    bank_name: &'a str,
    account_name: &'a str,
    account_number: &'a str,
    branch: Option<&'a str>,
    cnaps_code: Option<&'a str>,
    swift_bic: Option<&'a str>,
    bank_address: Option<&'a str>,
    active: bool,
}

impl<'a> From<&'a BankAccount> for Columns<'a> {
    fn from(account: &'a BankAccount) -> Self {
        Self {
            id: account.id,
            currency: account.currency.code(),
            bank_name: &account.bank_name,
            account_name: &account.account_name,
            account_number: &account.account_number,
            branch: account.branch.as_deref(),
            cnaps_code: account.cnaps_code.as_deref(),
            swift_bic: account.swift_bic.as_deref(),
            bank_address: account.bank_address.as_deref(),
            active: account.active,
        }
    }
}

/// All accounts, by currency, oldest first.
///
/// # Errors
/// Of the database.
pub async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<BankAccount>, StorageError> {
    let rows: Vec<Row> = accounts::table
        .order((accounts::currency, accounts::created_at, accounts::id))
        .select(Row::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// One account, active or not.
///
/// # Errors
/// Of the database.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<BankAccount>, StorageError> {
    let row: Option<Row> = accounts::table.find(id).select(Row::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// The active accounts, oldest first: the first of a currency is the one that new orders name.
///
/// # Errors
/// Of the database.
pub async fn active(conn: &mut AsyncPgConnection) -> Result<Vec<BankAccount>, StorageError> {
    let rows: Vec<Row> = accounts::table
        .filter(accounts::active)
        .order((accounts::created_at, accounts::id))
        .select(Row::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Whether a currency has an account, active or not.
///
/// # Errors
/// Of the database.
pub async fn exists_for(conn: &mut AsyncPgConnection, currency: Currency) -> Result<bool, StorageError> {
    let any = diesel::dsl::exists(accounts::table.filter(accounts::currency.eq(currency.code())));
    Ok(diesel::select(any).get_result(conn).await?)
}

/// # Errors
/// Of the database.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<BankAccount>, StorageError> {
    let row: Option<Row> =
        accounts::table.find(id).for_update().select(Row::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// # Errors
/// Of the database; `bank_accounts_number_once` is violated by a number that is there already.
pub async fn insert(conn: &mut AsyncPgConnection, new: &BankAccount) -> Result<BankAccount, StorageError> {
    let row: Row = diesel::insert_into(accounts::table)
        .values(Columns::from(new))
        .returning(Row::as_returning())
        .get_result(conn)
        .await?;
    row.try_into()
}

/// # Errors
/// As [`insert`].
pub async fn update(conn: &mut AsyncPgConnection, new: &BankAccount) -> Result<BankAccount, StorageError> {
    let row: Row = diesel::update(accounts::table.find(new.id))
        .set((Columns::from(new), accounts::version.eq(accounts::version + 1), accounts::updated_at.eq(now)))
        .returning(Row::as_returning())
        .get_result(conn)
        .await?;
    row.try_into()
}
