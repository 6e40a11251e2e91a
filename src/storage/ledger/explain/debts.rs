//! Looking up who repaid which debt: the movements of debt have an index of their own, for they are few.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Int2, Nullable, Numeric, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::explain::debts::DebtMove;
use crate::storage::StorageError;
use crate::storage::ledger::entry_rows::{ENTRY_COLUMNS, EntryRow, EntrySql};
use crate::storage::schema::entries;
use crate::storage::statement::{Cached, StaticSql};

/// An episode's movements of debt, and after them the first one with more paid money.
struct DebtMoves {
    customer: String,
    wallet: Uuid,
    paid_in: Decimal,
    limit: i64,
}

/// The last one: how much paid money had come in before, for what repaid debt.
type MoveSql = (BigInt, Int2, Text, Nullable<Text>, Numeric, Numeric);
type MoveRow = (i64, i16, String, Option<String>, Decimal, Decimal);

const MOVE: &str = "(SELECT e.seq, e.kind, e.key, e.reference, e.debt, e.paid_in - CASE WHEN e.debt < 0 THEN e.amount - coalesce(e.granted, 0) + e.debt ELSE 0 END AS before FROM entries e WHERE e.debt IS NOT NULL AND ";

impl StaticSql for DebtMoves {
    type Row = MoveSql;

    fn build<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT seq, kind, key, reference, debt, before FROM (");
        out.push_sql(MOVE);
        out.push_sql("e.customer_id = ");
        out.push_bind_param::<Text, _>(&self.customer)?;
        out.push_sql(" AND e.wallet_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.wallet)?;
        out.push_sql(" AND e.paid_in = ");
        out.push_bind_param::<Numeric, _>(&self.paid_in)?;
        // Without the one that ended the episode before.
        out.push_sql(
            " AND (e.debt > 0 OR e.amount + e.debt = coalesce(e.granted, 0)) ORDER BY e.paid_in, e.seq LIMIT ",
        );
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(") UNION ALL ");
        out.push_sql(MOVE);
        out.push_sql("e.customer_id = $1 AND e.wallet_id = $2 AND e.paid_in > $3 ORDER BY e.paid_in, e.seq LIMIT 1)) AS moves ORDER BY seq");
        Ok(())
    }
}

/// The movements of debt in an episode, which is known by how much paid money had come in before (see
/// [`crate::domain::explain::debts`]), in their order; and whether that is all of it.
///
/// # Errors
/// Of the database.
pub async fn debt_moves(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    wallet: Uuid,
    paid_in: Decimal,
    limit: i64,
) -> Result<(Vec<DebtMove>, bool), StorageError> {
    // One more, to see whether there is one.
    let statement = DebtMoves { customer: customer.as_str().to_owned(), wallet, paid_in, limit: limit + 1 };
    let mut rows: Vec<MoveRow> = Cached(statement).load(conn).await?;
    // What ends the episode has brought more than was owed; what follows on one that was just even does not belong.
    rows.retain(|(.., before)| *before == paid_in);
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let whole = rows.len() <= most;
    rows.truncate(most);
    let moves = rows.into_iter().map(|(seq, kind, key, reference, debt, _)| {
        let kind = EntryKind::from_code(kind).ok_or_else(|| StorageError::Corrupt(format!("entry kind {kind}")))?;
        Ok(DebtMove { seq, kind, key, reference, debt })
    });
    Ok((moves.collect::<Result<_, StorageError>>()?, whole))
}

/// Entries of a wallet by their numbers, in their order.
///
/// # Errors
/// Of the database.
pub async fn entries_by_seq(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    wallet: Uuid,
    numbers: Vec<i64>,
) -> Result<Vec<Entry>, StorageError> {
    let rows: Vec<EntryRow> = entries::table
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

impl StaticSql for ReversalsOf {
    type Row = EntrySql;

    fn build<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        out.push_sql(ENTRY_COLUMNS);
        out.push_sql(" FROM entries e WHERE e.kind = 4 AND e.customer_id = ");
        out.push_bind_param::<Text, _>(&self.customer)?;
        out.push_sql(" AND e.reference = ANY (");
        out.push_bind_param::<Array<Text>, _>(&self.usages)?;
        out.push_sql(") AND e.wallet_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.wallet)?;
        out.push_sql(" ORDER BY e.seq LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        Ok(())
    }
}

/// What was given back of usages of one wallet, by the usages' ids, in the order in which it was.
///
/// # Errors
/// Of the database.
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
