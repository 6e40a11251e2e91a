//! Readiness: whether this process can serve requests.

use std::time::Duration;

use super::{App, Error};
use crate::domain::code::Code;
use crate::storage::migrations;

/// A load balancer needs an answer soon, so a later answer counts as not ready.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Checks that the database responds and has the schema of this version, and that the poster writes.
///
/// # Errors
/// [`Error::Unavailable`] otherwise, also when the check takes longer than three seconds.
pub async fn ready(app: &App) -> Result<(), Error> {
    let pending = tokio::time::timeout(TIMEOUT, async {
        let mut conn = app.pool.get().await?;
        migrations::pending(&mut conn).await
    });
    let not_ready =
        |detail: &str| Error::Unavailable { code: Code::NotReady, detail: detail.to_owned(), retry_after_seconds: 2 };
    if !app.poster.is_running() {
        return Err(not_ready("a writer of usage has failed and starts again"));
    }
    match pending.await {
        Ok(Ok(pending)) if pending.is_empty() => Ok(()),
        Ok(Ok(_)) => Err(not_ready("the database schema is older than this version: run `topup migrate`")),
        Ok(Err(error)) => {
            tracing::warn!(%error, "The readiness check failed: the database does not respond");
            Err(not_ready("the database does not respond"))
        }
        Err(_) => Err(not_ready("the database does not respond in time")),
    }
}
