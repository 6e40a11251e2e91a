//! The one clock: the database's, through `ledger_now()` (migration 000001). All SQL asks that function, and use cases
//! ask [`now`], so every stored time comes from one machine.
//!
//! The clock moves within a transaction. What is read after a wait for a lock is later than what was written by the
//! transaction that held the lock; two reads in one transaction differ.

use chrono::{DateTime, Utc};
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::pg::data_types::PgInterval;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Interval, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StorageError;

diesel::define_sql_function! {
    /// The time, for values that a statement writes. A condition that uses an index needs [`NowOnce`].
    fn ledger_now() -> Timestamptz;
}

diesel::define_sql_function! {
    /// A time later by an interval.
    #[sql_name = "timestamptz_pl_interval"]
    fn later(at: Timestamptz, by: Interval) -> Timestamptz;
}

/// An interval for [`later()`].
#[must_use]
pub fn seconds(n: i32) -> PgInterval {
    PgInterval::from_microseconds(i64::from(n) * 1_000_000)
}

/// `(SELECT ledger_now())`: the time, read once in a statement. PostgreSQL can look this up in an index; it cannot do
/// that with a function that it must call for every row.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
pub struct NowOnce;

impl Expression for NowOnce {
    type SqlType = Timestamptz;
}

impl QueryFragment<Pg> for NowOnce {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql("(SELECT ledger_now())");
        Ok(())
    }
}

impl<Table> AppearsOnTable<Table> for NowOnce {}

impl<Table> SelectableExpression<Table> for NowOnce {}

/// The time.
///
/// # Errors
/// Database errors.
pub async fn now(conn: &mut AsyncPgConnection) -> Result<DateTime<Utc>, StorageError> {
    Ok(diesel::select(ledger_now()).get_result(conn).await?)
}
