//! Account flows: every movement, as the customer sees it.

use super::{App, Error};
use crate::storage::flows::{self as store, FlowPosition};

pub use crate::storage::flows::{Flow, FlowFilter};

/// A page of flows, newest first.
///
/// # Errors
/// Of the database.
pub async fn list(app: &App, filter: &FlowFilter, after: Option<FlowPosition>, limit: i64) -> Result<Vec<Flow>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, filter, after, limit).await?)
}
