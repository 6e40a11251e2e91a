//! Finds which credits funded which debits, without tables of its own. The rules are in [`crate::domain::explain`].
//!
//! Credits are found through an index on `paid_in`. Debits are found by binary search over `seq`, because `paid_out`
//! never decreases within a wallet.

mod debts;

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Numeric, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::customer::CustomerId;
use crate::domain::entry::Entry;
use crate::domain::explain::MoneyRange;
use crate::domain::money::Money;
use crate::domain::wallet_key::WalletKey;
use crate::storage::StorageError;
use crate::storage::ledger::entry_rows::{EntryRow, EntrySql, entries_of_wallets};
use crate::storage::ledger::key_from_columns;
use crate::storage::schema::{entries, grants, wallets};
use crate::storage::statement::{Cached, Parameters, Statement};

pub use debts::{debt_changes, entries_by_seq, reversals_of};

/// An entry of a customer's wallet by its number, with the grants that it used.
///
/// # Errors
/// [`StorageError`].
pub async fn entry(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    wallet: Uuid,
    seq: i64,
) -> Result<Option<Entry>, StorageError> {
    let row = entries_of_wallets()
        .filter(entries::customer_id.eq(customer.as_str()).and(entries::wallet_id.eq(wallet)))
        .filter(entries::seq.eq(seq))
        .select(EntryRow::as_select())
        .first(conn)
        .await
        .optional()?;
    let Some(mut entry) = row.map(EntryRow::into_entry).transpose()? else { return Ok(None) };
    if !entry.granted.is_zero() {
        entry.grant_uses = crate::storage::ledger::find::uses(conn, customer, &entry).await?;
    }
    Ok(Some(entry))
}

struct CreditsWithin {
    customer: String,
    wallet: Uuid,
    from: Decimal,
    to: Decimal,
    limit: i64,
}

impl Statement for CreditsWithin {
    const TEXT: &'static str = include_str!("../sql/explain_credits_within.sql");
    type Row = EntrySql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<SqlUuid, _>(&self.wallet)?;
        parameters.add::<Numeric, _>(&self.from)?;
        parameters.add::<Numeric, _>(&self.to)?;
        parameters.add::<BigInt, _>(&self.limit)?;
        Ok(())
    }
}

/// The credits that brought a range of a wallet's paid money, oldest first.
///
/// # Errors
/// [`StorageError`].
pub async fn credits_within(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    wallet: Uuid,
    range: MoneyRange,
    limit: i64,
) -> Result<Vec<Entry>, StorageError> {
    let customer = customer.as_str().to_owned();
    let statement = CreditsWithin { customer, wallet, from: range.from.amount(), to: range.to.amount(), limit };
    let rows: Vec<EntryRow> = Cached(statement).load(conn).await?;
    rows.into_iter().map(EntryRow::into_entry).collect()
}

struct FirstDebitPast {
    customer: String,
    wallet: Uuid,
    amount: Decimal,
    reaching: bool,
}

impl Statement for FirstDebitPast {
    const TEXT: &'static str = include_str!("../sql/explain_first_debit_past.sql");
    type Row = BigInt;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<SqlUuid, _>(&self.wallet)?;
        parameters.add::<Numeric, _>(&self.amount)?;
        parameters.add::<Bool, _>(&self.reaching)?;
        Ok(())
    }
}

/// The numbers of the first and the last entry that can have taken from a range of a wallet's paid money. If nothing
/// has taken the end of the range yet, the last number is that of the wallet's next entry.
///
/// # Errors
/// [`StorageError`].
pub async fn debits_between(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    wallet: Uuid,
    range: MoneyRange,
) -> Result<(i64, i64), StorageError> {
    let customer = customer.as_str().to_owned();
    let first = FirstDebitPast { customer: customer.clone(), wallet, amount: range.from.amount(), reaching: false };
    let last = FirstDebitPast { customer, wallet, amount: range.to.amount(), reaching: true };
    Ok((Cached(first).get_result(conn).await?, Cached(last).get_result(conn).await?))
}

/// The entries of a wallet from one number to another, newest first or oldest first.
///
/// # Errors
/// [`StorageError`].
pub async fn entries_between(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    wallet: Uuid,
    (first, last): (i64, i64),
    upwards: bool,
    limit: i64,
) -> Result<Vec<Entry>, StorageError> {
    let between = entries_of_wallets()
        .filter(entries::customer_id.eq(customer.as_str()).and(entries::wallet_id.eq(wallet)))
        .filter(entries::seq.ge(first).and(entries::seq.le(last)))
        .limit(limit)
        .select(EntryRow::as_select());
    let rows: Vec<EntryRow> = match upwards {
        true => between.order(entries::seq.asc()).load(conn).await?,
        false => between.order(entries::seq.desc()).load(conn).await?,
    };
    rows.into_iter().map(EntryRow::into_entry).collect()
}

/// The range in which a grant can have been used: the entries of this wallet after the one that opened it, up to the
/// last.
#[derive(Debug, Clone, Copy, Queryable)]
pub struct UsesOfGrant {
    pub wallet: Uuid,
    pub opened: i64,
    pub last: i64,
}

struct FindUsesOfGrant {
    customer: String,
    grant: Uuid,
}

impl Statement for FindUsesOfGrant {
    const TEXT: &'static str = include_str!("../sql/explain_uses_of_grant.sql");
    type Row = (SqlUuid, BigInt, BigInt);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<SqlUuid, _>(&self.grant)
    }
}

/// The range in which a grant can have been used; `None` for a grant that no entry opened.
///
/// # Errors
/// [`StorageError`].
pub async fn uses_of_grant(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    grant: Uuid,
) -> Result<Option<UsesOfGrant>, StorageError> {
    let statement = FindUsesOfGrant { customer: customer.as_str().to_owned(), grant };
    Ok(Cached(statement).get_result(conn).await.optional()?)
}

struct DebitsOfGrant<const UPWARDS: bool> {
    customer: String,
    wallet: Uuid,
    grant: Uuid,
    first: i64,
    last: i64,
    limit: i64,
}

impl<const UPWARDS: bool> Statement for DebitsOfGrant<UPWARDS> {
    const TEXT: &'static str = match UPWARDS {
        false => include_str!("../sql/explain_debits_of_grant.sql"),
        true => include_str!("../sql/explain_debits_of_grant_back.sql"),
    };
    type Row = (BigInt, Numeric);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<SqlUuid, _>(&self.wallet)?;
        parameters.add::<SqlUuid, _>(&self.grant)?;
        parameters.add::<BigInt, _>(&self.first)?;
        parameters.add::<BigInt, _>(&self.last)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

/// The entries from one number to another that took from a grant, newest first or oldest first, each with the amount
/// that the grant paid.
///
/// # Errors
/// [`StorageError`].
pub async fn debits_of_grant(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    (wallet, grant): (Uuid, Uuid),
    (first, last): (i64, i64),
    upwards: bool,
    limit: i64,
) -> Result<Vec<(Entry, Money)>, StorageError> {
    let customer_id = customer.as_str().to_owned();
    let rows: Vec<(i64, Decimal)> = match upwards {
        true => {
            let statement = DebitsOfGrant::<true> { customer: customer_id, wallet, grant, first, last, limit };
            Cached(statement).load(conn).await?
        }
        false => {
            let statement = DebitsOfGrant::<false> { customer: customer_id, wallet, grant, first, last, limit };
            Cached(statement).load(conn).await?
        }
    };
    let used: HashMap<i64, Decimal> = rows.into_iter().collect();
    let mut found = entries_by_seq(conn, customer, wallet, used.keys().copied().collect()).await?;
    if !upwards {
        found.reverse();
    }
    let with_use = |entry: Entry| {
        let used = Money::from_ledger(used.get(&entry.seq).copied()?, entry.currency());
        Some((entry, used))
    };
    Ok(found.into_iter().filter_map(with_use).collect())
}

/// The reasons of grants.
///
/// # Errors
/// [`StorageError`].
pub async fn grant_reasons(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, String>, StorageError> {
    let rows: Vec<(Uuid, String)> = grants::table
        .filter(grants::customer_id.eq(customer.as_str()).and(grants::id.eq_any(ids)))
        .select((grants::id, grants::reason))
        .load(conn)
        .await?;
    Ok(rows.into_iter().collect())
}

/// A customer's wallets by their ids.
///
/// # Errors
/// [`StorageError`].
pub async fn wallets_by_id(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
) -> Result<HashMap<Uuid, WalletKey>, StorageError> {
    let rows: Vec<(Uuid, String, String)> = wallets::table
        .filter(wallets::customer_id.eq(customer.as_str()))
        .select((wallets::id, wallets::currency, wallets::product))
        .load(conn)
        .await?;
    let named = |(id, currency, product): (Uuid, String, String)| {
        Ok((id, key_from_columns(customer.as_str(), &currency, &product)?))
    };
    rows.into_iter().map(named).collect()
}
