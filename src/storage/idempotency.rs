//! Idempotency keys: each one names what an earlier request with this key made.

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::schema::idempotency_keys as keys;

diesel::define_sql_function! {
    /// Stable 64-bit hash of a text.
    fn hashtextextended(text: Text, seed: diesel::sql_types::BigInt) -> diesel::sql_types::BigInt;
}
diesel::define_sql_function! {
    /// Takes a lock until the transaction ends. Returns false at once when another transaction holds it.
    fn pg_try_advisory_xact_lock(key: diesel::sql_types::BigInt) -> diesel::sql_types::Bool;
}

/// Takes the key for this transaction. Returns false at once when another transaction has it.
///
/// # Errors
/// Database errors.
pub async fn try_lock(
    conn: &mut AsyncPgConnection,
    caller: &str,
    operation: &str,
    key: &str,
) -> Result<bool, StorageError> {
    let scope = format!("idempotency\n{caller}\n{operation}\n{key}");
    Ok(diesel::select(pg_try_advisory_xact_lock(hashtextextended(scope, 0))).get_result(conn).await?)
}

/// The request fingerprint and the resource of a known key.
///
/// # Errors
/// Database errors.
pub async fn find(
    conn: &mut AsyncPgConnection,
    caller: &str,
    operation: &str,
    key: &str,
) -> Result<Option<(Vec<u8>, Uuid)>, StorageError> {
    Ok(keys::table
        .find((caller, operation, key))
        .select((keys::fingerprint, keys::resource_id))
        .first(conn)
        .await
        .optional()?)
}

/// Records a key with what it made.
///
/// # Errors
/// Database errors.
pub async fn insert(
    conn: &mut AsyncPgConnection,
    caller: &str,
    operation: &str,
    key: &str,
    fingerprint: &[u8],
    resource: Uuid,
) -> Result<(), StorageError> {
    diesel::insert_into(keys::table)
        .values((
            keys::caller.eq(caller),
            keys::operation.eq(operation),
            keys::key.eq(key),
            keys::fingerprint.eq(fingerprint),
            keys::resource_id.eq(resource),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
