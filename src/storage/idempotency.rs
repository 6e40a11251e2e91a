//! Idempotency keys: each one names what an earlier request with this key made.

use diesel::prelude::*;
use diesel::sql_types::{Bytea, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::schema::idempotency_keys as keys;
use super::statement::{Cached, Parameters, Statement};
use crate::domain::customer::CustomerId;

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

struct FindMovedKey {
    caller: String,
    operation: String,
    key: String,
}

impl Statement for FindMovedKey {
    const TEXT: &'static str = include_str!("sql/find_moved_key.sql");
    type Row = (Bytea, SqlUuid);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.caller)?;
        parameters.add::<Text, _>(&self.operation)?;
        parameters.add::<Text, _>(&self.key)
    }
}

/// The request fingerprint and the resource of a known key. A key that is pruned between the two look-ups is found by
/// the second: pruning moves it in one statement.
///
/// # Errors
/// Database errors.
pub async fn find(
    conn: &mut AsyncPgConnection,
    caller: &str,
    operation: &str,
    key: &str,
) -> Result<Option<(Vec<u8>, Uuid)>, StorageError> {
    let known = keys::table
        .find((caller, operation, key))
        .select((keys::fingerprint, keys::resource_id))
        .first(conn)
        .await
        .optional()?;
    if known.is_some() {
        return Ok(known);
    }
    let moved = FindMovedKey { caller: caller.to_owned(), operation: operation.to_owned(), key: key.to_owned() };
    Ok(Cached(moved).get_result(conn).await.optional()?)
}

/// Records a key with what it made, and for whom.
///
/// # Errors
/// Database errors.
pub async fn insert(
    conn: &mut AsyncPgConnection,
    (caller, operation, key): (&str, &str, &str),
    fingerprint: &[u8],
    resource: Uuid,
    customer: &CustomerId,
) -> Result<(), StorageError> {
    diesel::insert_into(keys::table)
        .values((
            keys::caller.eq(caller),
            keys::operation.eq(operation),
            keys::key.eq(key),
            keys::fingerprint.eq(fingerprint),
            keys::resource_id.eq(resource),
            keys::customer_id.eq(customer.as_str()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
