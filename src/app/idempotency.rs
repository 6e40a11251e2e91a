//! `Idempotency-Key`: a repeated request finds what the first one made.
//!
//! The key row commits with the resource and holds its id. Scope of a key: who calls, which operation. A
//! refused request leaves no row, so it does not burn its key.

use crate::storage::Connection;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::Error;
use crate::storage::idempotency as store;

/// A key in its scope, with a hash of what is asked.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    pub caller: String,
    pub operation: &'static str,
    pub key: String,
    pub fingerprint: Vec<u8>,
}

/// What a use case made, or had made before.
#[derive(Debug, Clone)]
pub struct Made<T> {
    pub value: T,
    pub replayed: bool,
}

impl<T> Made<T> {
    #[must_use]
    pub fn new(value: T) -> Self {
        Self { value, replayed: false }
    }

    #[must_use]
    pub fn again(value: T) -> Self {
        Self { value, replayed: true }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Made<U> {
        Made { value: f(self.value), replayed: self.replayed }
    }
}

impl IdempotencyKey {
    /// `content` is what makes two requests the same: the body (and path) as the caller sent it, re-serialized.
    #[must_use]
    pub fn new(caller: &str, operation: &'static str, key: &str, content: &[u8]) -> Self {
        Self {
            caller: caller.to_owned(),
            operation,
            key: key.to_owned(),
            fingerprint: Sha256::digest(content).to_vec(),
        }
    }

    /// Takes the key for this transaction. `Some` is the id of what it made before.
    ///
    /// # Errors
    /// 409 at once when another request with this key is under way; 422 when it was used with another content.
    pub async fn claim(&self, conn: &mut Connection) -> Result<Option<Uuid>, Error> {
        if !store::try_lock(conn, &self.caller, self.operation, &self.key).await? {
            return Err(Error::conflict(
                "idempotency_in_flight",
                "a request with this Idempotency-Key is still being processed; try again in a moment",
            ));
        }
        match store::find(conn, &self.caller, self.operation, &self.key).await? {
            None => Ok(None),
            Some((fingerprint, resource)) if fingerprint == self.fingerprint => Ok(Some(resource)),
            Some(_) => Err(Error::Unprocessable {
                code: "idempotency_key_reused",
                detail: "this Idempotency-Key was used before with another request".to_owned(),
            }),
        }
    }

    /// Remembers what the key made; commits with it.
    ///
    /// # Errors
    /// Of the database.
    pub async fn record(&self, conn: &mut Connection, resource: Uuid) -> Result<(), Error> {
        Ok(store::insert(conn, &self.caller, self.operation, &self.key, &self.fingerprint, resource).await?)
    }
}
