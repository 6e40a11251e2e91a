//! Grants: promotional credit.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::idempotency::fingerprint64;
use super::{App, Error, IdempotencyKey, Made};
use crate::domain::customer::CustomerId;
use crate::domain::entry::{EntryKind, Label};
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::posting::{Change, NewGrant as Granted, Outcome, Posting, WalletKey};
use crate::domain::product::Product;
use crate::storage::grants as store;
use crate::storage::orders::clock;
use crate::storage::transaction::transact;
use crate::storage::{catalogue, ledger};

pub use crate::storage::grants::GrantRow;

/// A grant as it is asked for.
#[derive(Debug, Clone)]
pub struct NewGrant {
    pub customer: CustomerId,
    /// Greater than zero, up to 8 decimals.
    pub amount: Money,
    pub product: Product,
    /// In the future; `None`: never.
    pub expires_at: Option<DateTime<Utc>>,
    /// 0–1000; lower burns first.
    pub priority: i16,
    pub reason: String,
    pub created_by: String,
}

/// Gives promotional credit to a wallet.
///
/// # Errors
/// 422 for an unknown product or an expiry that is not in the future.
pub async fn create(app: &App, new: &NewGrant, key: &IdempotencyKey) -> Result<Made<GrantRow>, Error> {
    transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            let grant = store::find(conn, &new.customer, id).await?.ok_or(Error::NotFound("grant"))?;
            return Ok(Made::again(grant));
        }
        if !new.product.is_main() && catalogue::products::find(conn, &new.product).await?.is_none() {
            return Err(Error::field("/product", "unknown_product", "there is no such product"));
        }
        let now = clock(conn).await?;
        if new.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::field("/expires_at", "not_in_the_future", "must be in the future"));
        }
        let id = Uuid::now_v7();
        let shown = IdKind::Grant.show(id);
        let posting = Posting {
            wallet: WalletKey {
                customer: new.customer.clone(),
                currency: new.amount.currency(),
                product: new.product.clone(),
            },
            fallback: None,
            change: Change::Grant {
                grant: Granted {
                    id,
                    amount: new.amount.amount(),
                    priority: new.priority,
                    expires_at: new.expires_at,
                    reason: new.reason.clone(),
                    order_id: None,
                    created_by: new.created_by.clone(),
                },
            },
            label: Label {
                kind: EntryKind::Grant,
                key: shown.clone(),
                fingerprint: fingerprint64(&[&shown]),
                counterpart: "promotion".to_owned(),
                reference: Some(shown),
                description: Some(new.reason.clone()),
                metadata: None,
                occurred_at: None,
            },
        };
        for outcome in ledger::post(conn, &[posting]).await? {
            if let Outcome::Refused(refusal) = outcome {
                return Err(Error::refused(refusal));
            }
        }
        key.record(conn, id).await?;
        Ok(Made::new(store::find(conn, &new.customer, id).await?.ok_or(Error::NotFound("grant"))?))
    })
    .await
}

/// A customer's grants, newest first; used-up and expired ones included.
///
/// # Errors
/// Of the database.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<GrantRow>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, customer, after, limit).await?)
}
