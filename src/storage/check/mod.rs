//! The equations of `topup check`, as statements over whole tables.
//!
//! Each [`Step`] is one statement that returns only what disagrees, so its result is small even if the tables are
//! large. All of them must see the same snapshot: run them in one REPEATABLE READ transaction.

mod rules;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Numeric, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;

use super::{StorageError, clock};
use crate::domain::check::{Disagreement, Figure, LISTED, Total};

pub use rules::{FIGURES, SEALS, STEPS, Step};

#[derive(QueryableByName)]
struct DisagreementRow {
    #[diesel(sql_type = Text)]
    rule: String,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Nullable<Text>)]
    customer: Option<String>,
    #[diesel(sql_type = Text)]
    expected: String,
    #[diesel(sql_type = Text)]
    found: String,
    /// How many disagreements the rule has.
    #[diesel(sql_type = BigInt)]
    total: i64,
}

#[derive(QueryableByName)]
struct FigureRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    currency: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    counterpart: Option<String>,
    #[diesel(sql_type = Numeric)]
    expected: Decimal,
    #[diesel(sql_type = Numeric)]
    found: Decimal,
}

#[derive(QueryableByName)]
struct TotalRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    currency: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    counterpart: Option<String>,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Nullable<Numeric>)]
    sum: Option<Decimal>,
}

/// Gives the transaction the memory to sort all entries, takes its snapshot, and returns the time of the snapshot.
///
/// # Errors
/// Database errors.
pub async fn prepare(conn: &mut AsyncPgConnection) -> Result<DateTime<Utc>, StorageError> {
    sql_query(include_str!("../sql/prepare_check.sql")).execute(conn).await?;
    clock::now(conn).await
}

/// Runs one step. Returns the first [`LISTED`] disagreements of each rule, each with the number of all of its rule.
///
/// # Errors
/// Database errors.
pub async fn disagreements(
    conn: &mut AsyncPgConnection,
    step: &Step,
) -> Result<Vec<(Disagreement, i64)>, StorageError> {
    let sql = format!("WITH step AS (\n{}\n)\n{}", step.sql, include_str!("listed.sql"));
    let rows: Vec<DisagreementRow> = sql_query(sql).bind::<BigInt, _>(LISTED).load(conn).await?;
    let split = |row: DisagreementRow| {
        let DisagreementRow { rule, subject, customer, expected, found, total } = row;
        (Disagreement { rule, subject, customer, expected, found }, total)
    };
    Ok(rows.into_iter().map(split).collect())
}

/// The totals that are computed from both ends.
///
/// # Errors
/// Database errors.
pub async fn figures(conn: &mut AsyncPgConnection) -> Result<Vec<Figure>, StorageError> {
    let rows: Vec<FigureRow> = sql_query(include_str!("figures.sql")).load(conn).await?;
    let figure = |FigureRow { name, currency, counterpart, expected, found }| Figure {
        name,
        currency,
        counterpart,
        expected,
        found,
    };
    Ok(rows.into_iter().map(figure).collect())
}

/// Counts and sums what the books contain.
///
/// # Errors
/// Database errors.
pub async fn totals(conn: &mut AsyncPgConnection) -> Result<Vec<Total>, StorageError> {
    let rows: Vec<TotalRow> = sql_query(include_str!("totals.sql")).load(conn).await?;
    let total =
        |TotalRow { name, currency, counterpart, count, sum }| Total { name, currency, counterpart, count, sum };
    Ok(rows.into_iter().map(total).collect())
}
