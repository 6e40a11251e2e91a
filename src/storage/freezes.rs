//! Freezes of customers and wallets. The marks on the wallets are written under their locks, so every later posting
//! obeys them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::schema::{frozen_customers, frozen_wallets, wallets};
use crate::domain::customer::CustomerId;
use crate::domain::freeze::{Freeze, Frozen};
use crate::domain::wallet_key::WalletKey;

/// The current freeze.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, frozen: &Frozen) -> Result<Option<Freeze>, StorageError> {
    let row: Option<(String, String, DateTime<Utc>)> = match frozen {
        Frozen::Customer(customer) => frozen_customers::table
            .find(customer.as_str())
            .select((frozen_customers::reason, frozen_customers::frozen_by, frozen_customers::frozen_at))
            .first(conn)
            .await
            .optional()?,
        Frozen::Wallet { customer, id } => frozen_wallets::table
            .find((customer.as_str(), *id))
            .select((frozen_wallets::reason, frozen_wallets::frozen_by, frozen_wallets::frozen_at))
            .first(conn)
            .await
            .optional()?,
    };
    Ok(row.map(|(reason, frozen_by, frozen_at)| Freeze { frozen: frozen.clone(), reason, frozen_by, frozen_at }))
}

/// All freezes of a customer: the customer's own, and those of single wallets.
///
/// # Errors
/// Database errors.
pub async fn of_customer(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Vec<Freeze>, StorageError> {
    let whole = Frozen::Customer(customer.clone());
    let mut all: Vec<Freeze> = find(conn, &whole).await?.into_iter().collect();
    let rows: Vec<(Uuid, String, String, DateTime<Utc>)> = frozen_wallets::table
        .filter(frozen_wallets::customer_id.eq(customer.as_str()))
        .order((frozen_wallets::frozen_at, frozen_wallets::wallet_id))
        .select((
            frozen_wallets::wallet_id,
            frozen_wallets::reason,
            frozen_wallets::frozen_by,
            frozen_wallets::frozen_at,
        ))
        .load(conn)
        .await?;
    all.extend(rows.into_iter().map(|(id, reason, frozen_by, frozen_at)| Freeze {
        frozen: Frozen::Wallet { customer: customer.clone(), id },
        reason,
        frozen_by,
        frozen_at,
    }));
    Ok(all)
}

/// Records a freeze. The caller holds the locks of the wallets that it is about.
///
/// # Errors
/// Database errors.
pub async fn insert(conn: &mut AsyncPgConnection, freeze: &Freeze) -> Result<(), StorageError> {
    let (reason, by, at) = (&freeze.reason, &freeze.frozen_by, freeze.frozen_at);
    match &freeze.frozen {
        Frozen::Customer(customer) => {
            diesel::insert_into(frozen_customers::table)
                .values((
                    frozen_customers::customer_id.eq(customer.as_str()),
                    frozen_customers::reason.eq(reason),
                    frozen_customers::frozen_by.eq(by),
                    frozen_customers::frozen_at.eq(at),
                ))
                .execute(conn)
                .await?
        }
        Frozen::Wallet { customer, id } => {
            diesel::insert_into(frozen_wallets::table)
                .values((
                    frozen_wallets::customer_id.eq(customer.as_str()),
                    frozen_wallets::wallet_id.eq(id),
                    frozen_wallets::reason.eq(reason),
                    frozen_wallets::frozen_by.eq(by),
                    frozen_wallets::frozen_at.eq(at),
                ))
                .execute(conn)
                .await?
        }
    };
    Ok(())
}

/// Removes a freeze. The caller holds the locks of the wallets that it is about.
///
/// # Errors
/// Database errors.
pub async fn delete(conn: &mut AsyncPgConnection, frozen: &Frozen) -> Result<(), StorageError> {
    match frozen {
        Frozen::Customer(customer) => {
            diesel::delete(frozen_customers::table.find(customer.as_str())).execute(conn).await?
        }
        Frozen::Wallet { customer, id } => {
            diesel::delete(frozen_wallets::table.find((customer.as_str(), *id))).execute(conn).await?
        }
    };
    Ok(())
}

/// The wallet with this id.
///
/// # Errors
/// Database errors.
pub async fn wallet_by_id(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<WalletKey>, StorageError> {
    let row: Option<(String, String, String)> = wallets::table
        .filter(wallets::id.eq(id))
        .select((wallets::customer_id, wallets::currency, wallets::product))
        .first(conn)
        .await
        .optional()?;
    row.map(|(customer, currency, product)| super::ledger::key_from_columns(&customer, &currency, &product)).transpose()
}
