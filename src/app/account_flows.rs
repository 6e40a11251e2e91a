//! Account flows: every movement of a customer's wallets.

use super::{App, Error};
use crate::domain::account_flow::{AccountFlow, FlowFilter, FlowPosition};
use crate::storage::account_flows as store;

/// A page of flows, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    filter: &FlowFilter,
    after: Option<FlowPosition>,
    limit: i64,
) -> Result<Vec<AccountFlow>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, filter, after, limit).await?)
}
