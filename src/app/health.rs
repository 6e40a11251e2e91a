//! Readiness: whether this process can book money now.

use std::time::Duration;

use super::{App, Error};
use crate::domain::code::Code;
use crate::storage::connection::sqlstate::Passing;
use crate::storage::{StorageError, migrations, readiness};

/// A load balancer needs an answer soon, so a later answer counts as not ready.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Checks that the parts of this process run, that the database can be written to, and that it has the schema of this
/// version.
///
/// # Errors
/// [`Error::Unavailable`] otherwise, also when the check takes longer than three seconds.
pub async fn ready(app: &App) -> Result<(), Error> {
    if !app.supervisor.all_run() {
        return Err(not_ready("a part of this process has failed and starts again"));
    }
    match tokio::time::timeout(TIMEOUT, database_is_ready(app)).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(not_ready("the database schema is older than this version: run `topup migrate`")),
        Ok(Err(error)) if error.passing() == Some(Passing::ReadOnly) => {
            // The other connections lead to the same server; new ones may lead to its successor.
            app.pool.close_idle();
            tracing::warn!("The readiness check failed: the database server only reads");
            Err(not_ready("the database server only reads"))
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "The readiness check failed: the database does not respond as it must");
            Err(not_ready("the database does not respond as it must"))
        }
        Err(_) => Err(not_ready("the database does not respond in time")),
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
