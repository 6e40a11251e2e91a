//! Grants: promotional credit that an operator or a service gives to a customer.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{App, Error, IdempotencyKey, Made};
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::grant::WalletGrant;
use crate::domain::posting::PostingOutcome;
use crate::storage::clock;
use crate::storage::grants as store;
use crate::storage::transaction::transact;
use crate::storage::{Connection, catalogue, ledger};

pub use crate::domain::movement::grant::NewGrant;

/// Gives promotional credit to a wallet.
///
/// # Errors
/// 422 for an unknown product, or for an expiry that does not lie in the future.
pub async fn create(app: &App, new: &NewGrant, key: &IdempotencyKey) -> Result<Made<WalletGrant>, Error> {
    transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            return Ok(Made::again(find(conn, &new.customer, id).await?));
        }
        if !new.product.is_main() && catalogue::products::find(conn, &new.product).await?.is_none() {
            return Err(Error::field("/product", Code::UnknownProduct, "there is no such product"));
        }
        let now = clock::now(conn).await?;
        if new.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::field("/expires_at", Code::NotInTheFuture, "must be in the future"));
        }
        let id = Uuid::now_v7();
        for outcome in ledger::post(conn, &[new.posting(id)]).await? {
            if let PostingOutcome::Refused(refusal) = outcome {
                return Err(Error::refused(refusal));
            }
        }
        key.record_resource(conn, id).await?;
        Ok(Made::new(find(conn, &new.customer, id).await?))
    })
    .await
}

/// The grant with this id, which was written before or in this transaction.
async fn find(conn: &mut Connection, customer: &CustomerId, id: Uuid) -> Result<WalletGrant, Error> {
    store::find(conn, customer, id).await?.ok_or(Error::Internal("the grant of a recorded idempotency key"))
}

/// A page of a customer's grants, newest first. The list includes used-up and expired grants.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<WalletGrant>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, customer, after, limit).await?)
}
