//! Money that arrived and serves no order (or only in part): it waits for an operator.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{App, Error};
use crate::storage::payments;
pub use crate::storage::payments::Payment;

/// A page of payments with an unapplied rest, newest first.
///
/// # Errors
/// Of the database.
pub async fn list(app: &App, after: Option<(DateTime<Utc>, Uuid)>, limit: i64) -> Result<Vec<Payment>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(payments::unapplied(&mut conn, after, limit).await?)
}
