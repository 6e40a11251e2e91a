//! `Idempotency-Key`: a repeated request finds what the first one made.
//!
//! The key's row commits with the resource and holds its id. A key belongs to one caller and one operation. A refused
//! request leaves no row, so its key can be used again.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::Error;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::storage::{Connection, idempotency as store};

/// A key in its scope, with a hash of the request.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    pub caller: String,
    pub operation: &'static str,
    pub key: String,
    pub fingerprint: Vec<u8>,
}

/// What a use case made now, or made when the same request came before.
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
    /// Two requests are the same if their `content` is the same: the body and, if it names the resource, the path.
    #[must_use]
    pub fn new(caller: &str, operation: &'static str, key: &str, content: &[u8]) -> Self {
        Self {
            caller: caller.to_owned(),
            operation,
            key: key.to_owned(),
            fingerprint: Sha256::digest(content).to_vec(),
        }
    }

    /// Takes the key for this transaction. `Some` is the id of the resource that it made before.
    ///
    /// # Errors
    /// 409 at once while another request with this key is being processed; 422 when the key was used with other
    /// content.
    pub async fn claim(&self, conn: &mut Connection) -> Result<Option<Uuid>, Error> {
        if !store::try_lock(conn, &self.caller, self.operation, &self.key).await? {
            return Err(Error::conflict(
                Code::IdempotencyInFlight,
                "a request with this Idempotency-Key is still being processed; try again in a moment",
            ));
        }
        match store::find(conn, &self.caller, self.operation, &self.key).await? {
            None => Ok(None),
            Some((fingerprint, resource)) if fingerprint == self.fingerprint => Ok(Some(resource)),
            Some(_) => Err(Error::Unprocessable {
                code: Code::IdempotencyKeyReused,
                detail: "this Idempotency-Key was used before with another request".to_owned(),
            }),
        }
    }

    /// Records which resource the key made, and for whom. It commits with the resource.
    ///
    /// # Errors
    /// Database errors.
    pub async fn record_resource(
        &self,
        conn: &mut Connection,
        resource: Uuid,
        customer: &CustomerId,
    ) -> Result<(), Error> {
        let key = (self.caller.as_str(), self.operation, self.key.as_str());
        Ok(store::insert(conn, key, &self.fingerprint, resource, customer).await?)
    }
}
