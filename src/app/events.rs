//! The feed: numbers events and reads them.

use super::{App, Error};
use crate::domain::code::Code;
use crate::domain::event::{EventFilter, FeedPage, FeedPosition};
use crate::storage::transaction::transact;
use crate::storage::{Connection, feed};

/// The most event numbers that one page searches. A reader of rare events moves on by this many.
const STRETCH: i64 = 5_000;

/// Numbers at most `limit` events that have been committed. Returns how many.
///
/// # Errors
/// Database errors.
pub async fn number(app: &App, limit: i64) -> Result<usize, Error> {
    let numbered = transact(&app.pool, async |conn| Ok::<_, Error>(feed::number(conn, limit).await?)).await?;
    Ok(usize::try_from(numbered).unwrap_or(usize::MAX))
}

/// A page of the feed after a position, or from the oldest event that is kept.
///
/// # Errors
/// 410 `cursor_expired` for a position that the feed does not go on from.
pub async fn list(app: &App, filter: &EventFilter, after: Option<FeedPosition>, limit: i64) -> Result<FeedPage, Error> {
    let mut conn = app.pool.get().await?;
    let (last, _) = feed::last(&mut conn).await?;
    let start = match after {
        Some(after) => {
            require_known(&mut conn, after).await?;
            after.number
        }
        None => feed::oldest(&mut conn).await?.map_or(last, |oldest| oldest - 1),
    };
    let stretch_ends = last.min(start.saturating_add(STRETCH));
    let events = feed::page(&mut conn, filter, (start, stretch_ends), limit).await?;
    let is_full = i64::try_from(events.len()).is_ok_and(|found| found >= limit);
    let reached = match events.last().and_then(|event| Some((event.number?, event.id))) {
        Some((number, event)) if is_full => FeedPosition { number, event },
        _ if after.is_some_and(|after| after.number == stretch_ends) => after.ok_or_else(expired)?,
        _ => feed::position(&mut conn, stretch_ends).await?.ok_or_else(expired)?,
    };
    Ok(FeedPage { events, reached, has_more: reached.number < last })
}

/// Requires that the feed has the event of a position. If not, it is in the future, too old, or from before a restore.
async fn require_known(conn: &mut Connection, at: FeedPosition) -> Result<(), Error> {
    if feed::position(conn, at.number).await? == Some(at) { Ok(()) } else { Err(expired()) }
}

fn expired() -> Error {
    Error::Gone {
        code: Code::CursorExpired,
        detail: "the feed does not go on from this cursor: read the objects again, and start without a cursor"
            .to_owned(),
    }
}
