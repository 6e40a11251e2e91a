//! Whether this process can do its work.

use std::time::Duration;

use super::{App, Error};
use crate::storage::migrations;

/// A balancer wants to know now: later than this is no.
const PATIENCE: Duration = Duration::from_secs(3);

/// The database answers and has the schema of this version.
///
/// # Errors
/// [`Error::Unavailable`] when not, or not within three seconds.
pub async fn ready(app: &App) -> Result<(), Error> {
    let asked = tokio::time::timeout(PATIENCE, async {
        let mut conn = app.pool.get().await?;
        migrations::pending(&mut conn).await
    });
    let not_ready =
        |detail: &str| Error::Unavailable { code: "not_ready", detail: detail.to_owned(), retry_after_seconds: 2 };
    match asked.await {
        Ok(Ok(pending)) if pending.is_empty() => Ok(()),
        Ok(Ok(_)) => Err(not_ready("the database is older than this version: run `topup migrate`")),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            Err(not_ready("the database does not answer"))
        }
        Err(_) => Err(not_ready("the database does not answer in time")),
    }
}
