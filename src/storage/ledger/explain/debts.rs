//! Finds the entries that changed a wallet's debt. There are few, and they have an index of their own.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Int2, Nullable, Numeric, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::customer::CustomerId;
use crate::domain::entry::Entry;
use crate::domain::explain::debts::DebtChange;
use crate::domain::money::Money;
use crate::storage::StorageError;
use crate::storage::columns::entry_kind_from_column;
use crate::storage::ledger::entry_rows::{EntryRow, EntrySql, entries_of_wallets};
use crate::storage::schema::entries;
use crate::storage::statement::{Cached, Parameters, Statement};

/// Reads the changes of debt in an episode, and the first one after it, which may have ended it.
struct DebtChanges {
    customer: String,
    wallet: Uuid,
    paid_in: Decimal,
    limit: i64,
}

/// The last column is how much paid money had come in before the entry.
type DebtChangeSql = (BigInt, Int2, Text, Nullable<Text>, Numeric, Numeric);
type DebtChangeRow = (i64, i16, String, Option<String>, Decimal, Decimal);

impl Statement for DebtChanges {
    const TEXT: &'static str = include_str!("../sql/explain_debt_changes.sql");
    type Row = DebtChangeSql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<SqlUuid, _>(&self.wallet)?;
        parameters.add::<Numeric, _>(&self.paid_in)?;
        parameters.add::<BigInt, _>(&self.limit)?;
        Ok(())
    }
}

/// The changes of debt in an episode, in their order, and whether these are all of them. The episode is identified by
/// how much paid money had come in before it (see [`crate::domain::explain::debts`]).
///
/// # Errors
/// [`StorageError`].
pub async fn debt_changes(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    wallet: Uuid,
    paid_in: Money,
    limit: i64,
) -> Result<(Vec<DebtChange>, bool), StorageError> {
    // One additional row shows whether there are more.
    let statement =
        DebtChanges { customer: customer.as_str().to_owned(), wallet, paid_in: paid_in.amount(), limit: limit + 1 };
    let mut rows: Vec<DebtChangeRow> = Cached(statement).load(conn).await?;
    // The credit after the episode belongs to it only if it ended it. It did not when the debt was repaid exactly.
    rows.retain(|(.., before)| *before == paid_in.amount());
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let whole = rows.len() <= most;
    rows.truncate(most);
    let moves = rows.into_iter().map(|(seq, kind, key, reference, debt, _)| {
        let debt = Money::from_ledger(debt, paid_in.currency());
        Ok(DebtChange { seq, kind: entry_kind_from_column(kind)?, key, reference, debt })
    });
    Ok((moves.collect::<Result<_, StorageError>>()?, whole))
}

/// The entries of a wallet with these numbers, in their order.
///
/// # Errors
/// [`StorageError`].
pub async fn entries_by_seq(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    wallet: Uuid,
    numbers: Vec<i64>,
) -> Result<Vec<Entry>, StorageError> {
    let rows: Vec<EntryRow> = entries_of_wallets()
        .filter(entries::customer_id.eq(customer.as_str()).and(entries::wallet_id.eq(wallet)))
        .filter(entries::seq.eq_any(numbers))
        .order(entries::seq)
        .select(EntryRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(EntryRow::into_entry).collect()
}

struct ReversalsOf {
    customer: String,
    wallet: Uuid,
    usages: Vec<String>,
    limit: i64,
}

impl Statement for ReversalsOf {
    const TEXT: &'static str = include_str!("../sql/explain_reversals.sql");
    type Row = EntrySql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<Array<Text>, _>(&self.usages)?;
        parameters.add::<SqlUuid, _>(&self.wallet)?;
        parameters.add::<BigInt, _>(&self.limit)?;
        Ok(())
    }
}

/// The reversals of a wallet's usages, oldest first. The usages are named by their ids.
///
/// # Errors
/// [`StorageError`].
pub async fn reversals_of(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    wallet: Uuid,
    usages: Vec<String>,
    limit: i64,
) -> Result<Vec<Entry>, StorageError> {
    let statement = ReversalsOf { customer: customer.as_str().to_owned(), wallet, usages, limit };
    let rows: Vec<EntryRow> = Cached(statement).load(conn).await?;
    rows.into_iter().map(EntryRow::into_entry).collect()
}
