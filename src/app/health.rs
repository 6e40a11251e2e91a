//! Readiness: whether this process can book money now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::{App, Error};
use crate::domain::code::Code;
use crate::storage::connection::sqlstate::Passing;
use crate::storage::{StorageError, migrations, readiness};

/// A load balancer needs an answer soon, so a later answer counts as not ready.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How long the result of a check is reused. Anybody may ask, so many callers cost one connection.
const FRESH: Duration = Duration::from_secs(1);

/// Whether money can be booked now, or why not.
type DatabaseHealth = Result<(), &'static str>;

/// The last check of the database. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct LastCheck(Arc<Mutex<Option<(Instant, DatabaseHealth)>>>);

/// Checks that the parts of this process run, that the database can be written to, and that it has the schema of this
/// version. The database is checked at most once a second, however many callers ask.
///
/// # Errors
/// [`Error::Unavailable`] otherwise, also when the check takes longer than three seconds.
pub async fn ready(app: &App) -> Result<(), Error> {
    if !app.supervisor.all_run() {
        return Err(not_ready("a part of this process has failed and starts again"));
    }
    let mut last = app.last_check.0.lock().await;
    let outcome = match *last {
        Some((at, outcome)) if at.elapsed() < FRESH => outcome,
        _ => {
            let outcome = check_database(app).await;
            *last = Some((Instant::now(), outcome));
            outcome
        }
    };
    outcome.map_err(not_ready)
}

async fn check_database(app: &App) -> DatabaseHealth {
    match tokio::time::timeout(TIMEOUT, database_is_ready(app)).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err("the database schema is older than this version: run `topup migrate`"),
        Ok(Err(error)) if error.passing() == Some(Passing::ReadOnly) => {
            // The existing connections lead to the same server; new ones may lead to its successor.
            app.pool.close_idle();
            tracing::warn!("The readiness check failed: the database server is read-only");
            Err("the database server is read-only")
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "The readiness check failed: the database gave an unexpected answer");
            Err("the database gave an unexpected answer")
        }
        Err(_) => Err("the database does not respond in time"),
    }
}

/// Whether the schema is the one of this version, on a server that can book.
async fn database_is_ready(app: &App) -> Result<bool, StorageError> {
    let mut conn = app.pool.get().await?;
    let pending = migrations::pending(&mut conn).await?;
    if pending.is_empty() {
        readiness::try_to_book(&mut conn).await?;
    }
    Ok(pending.is_empty())
}

fn not_ready(detail: &str) -> Error {
    Error::Unavailable { code: Code::NotReady, detail: detail.to_owned(), retry_after_seconds: 2 }
}
