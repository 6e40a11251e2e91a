//! The time zone of days and months, and where they begin.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Date, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StorageError;
use super::columns::YesOrNo;
use super::environment;
use super::schema::calendar;
use crate::domain::calendar::{Month, Span};

/// The name of the time zone.
///
/// # Errors
/// Database errors.
pub async fn time_zone(conn: &mut AsyncPgConnection) -> Result<String, StorageError> {
    Ok(calendar::table.select(calendar::time_zone).first(conn).await?)
}

/// Stamps the calendar of a database in which nothing was ever booked. Returns the time zone that applies.
///
/// # Errors
/// Database errors.
pub async fn stamp(conn: &mut AsyncPgConnection, wanted: &str) -> Result<String, StorageError> {
    let stamped = time_zone(conn).await?;
    if stamped == wanted || environment::is_used(conn).await? {
        return Ok(stamped);
    }
    diesel::update(calendar::table).set(calendar::time_zone.eq(wanted)).execute(conn).await?;
    Ok(wanted.to_owned())
}

/// Whether the database knows a time zone by this name.
///
/// # Errors
/// Database errors.
pub async fn knows(conn: &mut AsyncPgConnection, zone: &str) -> Result<bool, StorageError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1) AS yes";
    Ok(diesel::sql_query(sql).bind::<Text, _>(zone).get_result::<YesOrNo>(conn).await?.yes)
}

#[derive(QueryableByName)]
struct Limits {
    #[diesel(sql_type = Timestamptz)]
    from: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    to: DateTime<Utc>,
}

/// The first moments of a day and of a later day.
///
/// # Errors
/// Database errors.
pub async fn span(conn: &mut AsyncPgConnection, from: NaiveDate, to: NaiveDate) -> Result<Span, StorageError> {
    let sql = include_str!("sql/day_span.sql");
    let limits: Limits = diesel::sql_query(sql).bind::<Date, _>(from).bind::<Date, _>(to).get_result(conn).await?;
    Ok(Span { from: limits.from, to: limits.to })
}

/// When a month begins and ends.
///
/// # Errors
/// Database errors.
pub async fn month(conn: &mut AsyncPgConnection, month: Month) -> Result<Span, StorageError> {
    span(conn, month.first_day(), month.next_first_day()).await
}
