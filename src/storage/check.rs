//! The equations of `topup check`, as statements over whole tables.
//!
//! Each [`Step`] is one statement that answers only what disagrees, so that its answer is small however large
//! the tables are. All of them must see the same snapshot: run them in one REPEATABLE READ transaction.

mod rules;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Numeric, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;

use super::StorageError;

pub use rules::{FIGURES, Rule, STEPS, Step};

/// At most this many disagreements of one rule are listed; all are counted.
pub const LISTED: usize = 100;

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Disagreement {
    /// The name of a [`Rule`].
    #[diesel(sql_type = Text)]
    pub rule: String,
    /// The id as the API shows it (`wal_…`, `hold_…`, `tuo_…`); `wal_…:7` is the seventh entry of a wallet.
    #[diesel(sql_type = Text)]
    pub subject: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub customer: Option<String>,
    /// What the other records say that it must be.
    #[diesel(sql_type = Text)]
    pub expected: String,
    /// What stands there.
    #[diesel(sql_type = Text)]
    pub found: String,
}

/// A total computed from both ends: `expected` from the entries and holds, `found` from the other side.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Figure {
    /// The name of one of [`FIGURES`].
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub currency: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub counterpart: Option<String>,
    #[diesel(sql_type = Numeric)]
    pub expected: Decimal,
    #[diesel(sql_type = Numeric)]
    pub found: Decimal,
}

/// How many there are of something, and their sum where they have one.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Total {
    /// `wallets`, `entries` (a row per counterpart), `paid`, `granted`, `held`, `debt`, `open_holds` or
    /// `unapplied_payments` (the sum is what is not applied yet).
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub currency: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub counterpart: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub count: i64,
    #[diesel(sql_type = Nullable<Numeric>)]
    pub sum: Option<Decimal>,
}

#[derive(QueryableByName)]
struct Listed {
    #[diesel(embed)]
    disagreement: Disagreement,
    #[diesel(sql_type = BigInt)]
    total: i64,
}

/// Gives the transaction the memory that sorting all entries takes, and answers the snapshot's time.
///
/// # Errors
/// Of the database.
pub async fn prepare(conn: &mut AsyncPgConnection) -> Result<DateTime<Utc>, StorageError> {
    #[derive(QueryableByName)]
    struct Now {
        #[diesel(sql_type = Timestamptz)]
        now: DateTime<Utc>,
    }
    // Compiling the expressions takes longer than it saves on all but the largest books.
    sql_query("SELECT set_config('work_mem', '256MB', true), set_config('jit', 'off', true)").execute(conn).await?;
    let now: Now = sql_query("SELECT now() AS now").get_result(conn).await?;
    Ok(now.now)
}

/// Runs one step: the first [`LISTED`] disagreements of each rule, each with how many there are of its rule.
///
/// # Errors
/// Of the database.
pub async fn disagreements(
    conn: &mut AsyncPgConnection,
    step: &Step,
) -> Result<Vec<(Disagreement, i64)>, StorageError> {
    let sql = format!(
        "SELECT rule, subject, customer, coalesce(expected, 'nothing') AS expected, coalesce(found, 'nothing') AS found, total \
         FROM (SELECT d.*, count(*) OVER (PARTITION BY rule) AS total, \
                      row_number() OVER (PARTITION BY rule ORDER BY customer, subject) AS n \
               FROM (\n{}\n) AS d) AS listed \
         WHERE n <= {LISTED} ORDER BY rule, n",
        step.sql
    );
    let rows: Vec<Listed> = sql_query(sql).load(conn).await?;
    Ok(rows.into_iter().map(|row| (row.disagreement, row.total)).collect())
}

/// The totals that are computed from both ends.
///
/// # Errors
/// Of the database.
pub async fn figures(conn: &mut AsyncPgConnection) -> Result<Vec<Figure>, StorageError> {
    Ok(sql_query(include_str!("check/figures.sql")).load(conn).await?)
}

/// What there is, counted and summed.
///
/// # Errors
/// Of the database.
pub async fn totals(conn: &mut AsyncPgConnection) -> Result<Vec<Total>, StorageError> {
    Ok(sql_query(include_str!("check/totals.sql")).load(conn).await?)
}
