//! What the last check of the books found. A check reads everything, so a worker runs it at fixed intervals, and an
//! operator runs `topup check` at any time; a request only shows the result.

use chrono::Duration;

use super::{App, Error, check};
use crate::domain::actor::SYSTEM;
use crate::domain::check::{KeptCheck, Report};
use crate::storage::pool::Pool;
use crate::storage::{clock, integrity, worker_marks};

/// The worker's mark: the time of the next check.
const MARK: &str = "check_books";

/// Stores the result of a check. `checked_by` names who ran it.
///
/// # Errors
/// Database errors.
pub async fn keep(pool: &Pool, report: &Report, checked_by: &str) -> Result<(), Error> {
    Ok(integrity::insert(&mut *pool.get().await?, report, checked_by).await?)
}

/// The result of the last check; `None` before the first one.
///
/// # Errors
/// Database errors.
pub async fn last(app: &App) -> Result<Option<KeptCheck>, Error> {
    Ok(integrity::last(&mut *app.pool.get().await?).await?)
}

/// Checks the books when a check is due. Of several processes one does it. A new installation waits before its first
/// check. Returns whether it checked.
///
/// # Errors
/// Database errors.
pub async fn check_if_due(app: &App) -> Result<bool, Error> {
    let every = match app.settings.check_every_hours {
        0 => return Ok(false),
        hours => Duration::hours(i64::from(hours)),
    };
    {
        let mut conn = app.pool.get().await?;
        let now = clock::now(&mut conn).await?;
        match worker_marks::find(&mut conn, MARK).await? {
            None => {
                worker_marks::set(&mut conn, MARK, now + every).await?;
                return Ok(false);
            }
            Some(due) if due > now => return Ok(false),
            Some(_) if !worker_marks::claim(&mut conn, MARK, now, now + every).await? => return Ok(false),
            Some(_) => {}
        }
    }
    let report = check::run(&app.pool, &mut |_| {}).await?;
    if !report.is_clean() {
        tracing::error!(disagreements = report.disagreement_count(), "The books disagree; `topup check` says where");
    }
    keep(&app.pool, &report, SYSTEM).await?;
    Ok(true)
}
