//! Transfers: wallet to product, and back where the product allows it.

use crate::storage::Connection;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::idempotency::fingerprint64;
use super::{App, Error, IdempotencyKey, Made};
use crate::domain::customer::CustomerId;
use crate::domain::entry::{EntryKind, Label};
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::posting::{Change, Outcome, Posting, WalletKey};
use crate::domain::product::Product;
use crate::storage::transaction::transact;
use crate::storage::transfers as store;
use crate::storage::{catalogue, ledger};

pub use crate::storage::transfers::Transfer;

/// A transfer as it is asked for.
#[derive(Debug, Clone)]
pub struct NewTransfer {
    pub customer: CustomerId,
    /// Fits the minor unit, greater than zero.
    pub amount: Money,
    pub from: Product,
    pub to: Product,
}

/// Moves unheld paid money between two wallets of one customer.
///
/// # Errors
/// 422 for a transfer to itself, an unknown or inactive product, or one whose money may not go back;
/// 402 when unheld paid money is short.
pub async fn create(app: &App, new: &NewTransfer, key: &IdempotencyKey) -> Result<Made<Transfer>, Error> {
    if new.from == new.to {
        return Err(Error::field("/to_product", "same_wallet", "must differ from from_product"));
    }
    transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            let transfer = store::find(conn, &new.customer, id).await?.ok_or(Error::NotFound("transfer"))?;
            return Ok(Made::again(transfer));
        }
        check_products(conn, new).await?;
        let transfer = book(conn, new, None).await?;
        key.record(conn, transfer.id).await?;
        Ok(Made::new(transfer))
    })
    .await
}

async fn check_products(conn: &mut Connection, new: &NewTransfer) -> Result<(), Error> {
    for (pointer, product, leaves) in [("/from_product", &new.from, true), ("/to_product", &new.to, false)] {
        if product.is_main() {
            continue;
        }
        match catalogue::products::find(conn, product).await? {
            None => return Err(Error::field(pointer, "unknown_product", "is not a product of this platform")),
            Some(found) if leaves && !found.returnable => {
                return Err(Error::field(pointer, "not_returnable", "money of this product is spent there only"));
            }
            Some(found) if !leaves && !found.active => {
                return Err(Error::field(pointer, "inactive_product", "is not active"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Books both sides of a transfer in the caller's transaction; either both are booked or the transaction
/// must be rolled back.
///
/// # Errors
/// 402 when unheld paid money is short.
pub async fn book(conn: &mut Connection, new: &NewTransfer, order_id: Option<Uuid>) -> Result<Transfer, Error> {
    let id = Uuid::now_v7();
    let shown = IdKind::Transfer.show(id);
    let amount: Decimal = new.amount.amount();
    let wallet = |product: &Product| WalletKey {
        customer: new.customer.clone(),
        currency: new.amount.currency(),
        product: product.clone(),
    };
    let label = |kind| Label {
        kind,
        key: shown.clone(),
        fingerprint: fingerprint64(&[&shown]),
        counterpart: "transfer".to_owned(),
        reference: Some(shown.clone()),
        description: None,
        metadata: None,
        occurred_at: None,
    };
    let postings = [
        Posting {
            wallet: wallet(&new.from),
            fallback: None,
            change: Change::Withdraw { amount },
            label: label(EntryKind::TransferOut),
        },
        Posting {
            wallet: wallet(&new.to),
            fallback: None,
            change: Change::Credit { amount },
            label: label(EntryKind::TransferIn),
        },
    ];
    let mut created_at: Option<DateTime<Utc>> = None;
    for outcome in ledger::post(conn, &postings).await? {
        match outcome {
            Outcome::Booked(booked) | Outcome::Replayed(booked) => {
                created_at = created_at.max(booked.entry.map(|entry| entry.created_at));
            }
            Outcome::Refused(refusal) => return Err(Error::refused(refusal)),
        }
    }
    let transfer = Transfer {
        customer_id: new.customer.as_str().to_owned(),
        id,
        currency: new.amount.currency().code().to_owned(),
        amount,
        from_product: new.from.as_column().to_owned(),
        to_product: new.to.as_column().to_owned(),
        order_id,
        created_at: created_at.unwrap_or_else(Utc::now),
    };
    store::insert(conn, &transfer).await?;
    Ok(transfer)
}

/// # Errors
/// 404.
pub async fn get(app: &App, customer: &CustomerId, id: Option<Uuid>) -> Result<Transfer, Error> {
    let mut conn = app.pool.get().await?;
    let missing = || Error::NotFound("transfer");
    store::find(&mut conn, customer, id.ok_or_else(missing)?).await?.ok_or_else(missing)
}

/// A page of transfers, newest first.
///
/// # Errors
/// Of the database.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    currency: Option<&str>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Transfer>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, customer, currency, after, limit).await?)
}
