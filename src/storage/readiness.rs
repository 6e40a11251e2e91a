//! Whether a server can book money now.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use super::StorageError;

/// Runs what every booking needs, without an effect: a statement that writes wallets, and PL/pgSQL, in which the
/// triggers of the ledger are written. A server that only reads refuses the first one, and one whose program files were
/// replaced under it refuses the second.
///
/// # Errors
/// Database errors, [`super::connection::sqlstate::Passing::ReadOnly`] among them.
pub async fn try_to_book(conn: &mut AsyncPgConnection) -> Result<(), StorageError> {
    Ok(conn.batch_execute("UPDATE wallets SET version = version WHERE false; DO $$ BEGIN PERFORM 1; END $$").await?)
}
