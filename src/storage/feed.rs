//! The feed: the events of all customers, each with a number.
//!
//! A transaction can take a number first and commit last, so a reader that goes on after the highest number it has seen
//! could miss what commits later. Therefore an event gets its number after it can be seen: [`number`] numbers what has
//! been committed, one process at a time. Numbers have no gaps, and the events of one customer keep their order.
//!
//! A restored database reuses numbers that readers have already seen. A [`FeedPosition`] names the event of its number,
//! too. If the database has another event there, the reader and the database do not have the same past.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::events::{EventRow, EventSql, complete};
use super::schema::{event_feed, events};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::event::{Event, EventFilter, FeedPosition};

/// The advisory lock of the process that numbers events.
pub const LOCK: i64 = 0x0045_5645_4e54_5321;

diesel::define_sql_function! {
    /// Takes a lock until the transaction ends, if nobody has it.
    fn pg_try_advisory_xact_lock(key: BigInt) -> diesel::sql_types::Bool;
}

struct Number(i64);

impl Statement for Number {
    const TEXT: &'static str = include_str!("sql/number_events.sql");
    type Row = BigInt;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.0)
    }
}

/// Numbers at most `limit` committed events, in the caller's transaction. Returns how many; none while another process
/// does this.
///
/// # Errors
/// [`StorageError`].
pub async fn number(conn: &mut AsyncPgConnection, limit: i64) -> Result<i64, StorageError> {
    if !diesel::select(pg_try_advisory_xact_lock(LOCK)).get_result::<bool>(conn).await? {
        return Ok(0);
    }
    Ok(Cached(Number(limit)).get_result(conn).await?)
}

/// The last number that was given, and the id that takes the place of an event for number 0.
///
/// # Errors
/// [`StorageError`].
pub async fn last(conn: &mut AsyncPgConnection) -> Result<(i64, Uuid), StorageError> {
    Ok(event_feed::table.select((event_feed::last, event_feed::origin)).first(conn).await?)
}

/// The number of the oldest event that is kept; `None` if none has a number.
///
/// # Errors
/// [`StorageError`].
pub async fn oldest(conn: &mut AsyncPgConnection) -> Result<Option<i64>, StorageError> {
    Ok(events::table
        .filter(events::number.is_not_null())
        .order(events::number)
        .select(events::number.assume_not_null())
        .first(conn)
        .await
        .optional()?)
}

/// The position at a number: the event that has it, or the origin for 0. `None` if no such event is kept.
///
/// # Errors
/// [`StorageError`].
pub async fn position(conn: &mut AsyncPgConnection, number: i64) -> Result<Option<FeedPosition>, StorageError> {
    let event: Option<Uuid> = if number == 0 {
        Some(last(conn).await?.1)
    } else {
        events::table.filter(events::number.eq(number)).select(events::id).first(conn).await.optional()?
    };
    Ok(event.map(|event| FeedPosition { number, event }))
}

struct ReadFeed {
    after: i64,
    up_to: i64,
    kinds: Vec<&'static str>,
    customer: Option<String>,
    reader: Option<String>,
    limit: i64,
}

impl Statement for ReadFeed {
    const TEXT: &'static str = include_str!("sql/feed_page.sql");
    type Row = EventSql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.after)?;
        parameters.add::<BigInt, _>(&self.up_to)?;
        parameters.add::<Array<Text>, _>(&self.kinds)?;
        parameters.add::<Nullable<Text>, _>(&self.customer)?;
        parameters.add::<Nullable<Text>, _>(&self.reader)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

/// At most `limit` events that a reader wants, after one number and up to another, oldest first.
///
/// # Errors
/// [`StorageError`].
pub async fn page(
    conn: &mut AsyncPgConnection,
    filter: &EventFilter,
    (after, up_to): (i64, i64),
    limit: i64,
) -> Result<Vec<Event>, StorageError> {
    let page = ReadFeed {
        after,
        up_to,
        kinds: filter.kinds.iter().map(|kind| kind.as_str()).collect(),
        customer: filter.customer.as_ref().map(|customer| customer.as_str().to_owned()),
        reader: filter.reader.clone(),
        limit,
    };
    let rows: Vec<EventRow> = Cached(page).load(conn).await?;
    complete(conn, rows).await
}

/// The events with these numbers that are kept, by number.
///
/// # Errors
/// [`StorageError`].
pub async fn at(conn: &mut AsyncPgConnection, numbers: Vec<i64>) -> Result<HashMap<i64, Event>, StorageError> {
    let rows: Vec<EventRow> =
        events::table.filter(events::number.eq_any(numbers)).select(EventRow::as_select()).load(conn).await?;
    let found = complete(conn, rows).await?;
    Ok(found.into_iter().filter_map(|event| Some((event.number?, event))).collect())
}
