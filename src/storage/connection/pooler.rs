//! Recognises a pooler that gives each transaction to any server session (`pool_mode = transaction` of `PgBouncer`).
//!
//! The settings of our sessions (time limits, plans of the lanes), prepared statements and advisory locks belong to a
//! server session. Behind such a pooler they would reach the sessions of others and be missing in ours, without an
//! error: waits for locks would never end, and lanes would lock wallets in another order.

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::{PATIENCE, Timeline, hosts, unreachable};
use crate::storage::StorageError;

const BACKEND: &str = "SELECT pg_backend_pid()";

/// Whether a connection keeps its server session: while another connection holds a transaction open, each of the two
/// has a session of its own, and the first has the same one as before.
///
/// # Errors
/// [`StorageError::Unreachable`].
pub async fn connections_keep_their_session(url: &SecretString) -> Result<bool, StorageError> {
    let (ours, _, _) = hosts::connect(url.expose_secret(), &Timeline::default()).await?;
    let before = backend(&ours, BACKEND).await?;
    let (other, _, _) = hosts::connect(url.expose_secret(), &Timeline::default()).await?;
    let others = backend(&other, "BEGIN; SELECT pg_backend_pid()").await?;
    // A pooler with only one server session has none left for this query, and does not answer it.
    match tokio::time::timeout(PATIENCE, backend(&ours, BACKEND)).await {
        Ok(after) => Ok(before == after? && before != others),
        Err(_) => Ok(false),
    }
}

/// The server process of a session. The simple protocol needs no prepared statement.
async fn backend(client: &Client, sql: &str) -> Result<String, StorageError> {
    let answer = client.simple_query(sql).await.map_err(|error| unreachable(&error))?;
    let pid = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    pid.ok_or_else(|| StorageError::Unreachable("the server does not tell its process".to_owned()))
}
