//! The mark of each worker: how far it has come. There is one row for each name.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StorageError;
use super::schema::worker_marks;

/// The mark of a worker; `None` before its first turn.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, worker: &str) -> Result<Option<DateTime<Utc>>, StorageError> {
    Ok(worker_marks::table.find(worker).select(worker_marks::reached).first(conn).await.optional()?)
}

/// Sets the mark of a worker.
///
/// # Errors
/// Database errors.
pub async fn set(conn: &mut AsyncPgConnection, worker: &str, reached: DateTime<Utc>) -> Result<(), StorageError> {
    diesel::insert_into(worker_marks::table)
        .values((worker_marks::worker.eq(worker), worker_marks::reached.eq(reached)))
        .on_conflict(worker_marks::worker)
        .do_update()
        .set(worker_marks::reached.eq(reached))
        .execute(conn)
        .await?;
    Ok(())
}

/// Moves a mark that is due to `next`. Of several processes one succeeds, and only that one does the work. A missing
/// mark is due.
///
/// # Errors
/// Database errors.
pub async fn claim(
    conn: &mut AsyncPgConnection,
    worker: &str,
    now: DateTime<Utc>,
    next: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let made = diesel::insert_into(worker_marks::table)
        .values((worker_marks::worker.eq(worker), worker_marks::reached.eq(next)))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    if made == 1 {
        return Ok(true);
    }
    let moved = diesel::update(worker_marks::table.find(worker).filter(worker_marks::reached.le(now)))
        .set(worker_marks::reached.eq(next))
        .execute(conn)
        .await?;
    Ok(moved == 1)
}
