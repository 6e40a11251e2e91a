//! Low-balance alerts: the threshold of a wallet, which is stored in the wallet's row.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StorageError;
use super::schema::wallets;
use crate::domain::wallet::Wallet;

/// Writes the threshold of a locked wallet, or removes it.
///
/// # Errors
/// [`StorageError`].
pub async fn save(conn: &mut AsyncPgConnection, wallet: &Wallet) -> Result<(), StorageError> {
    let this = wallets::customer_id.eq(wallet.key.customer.as_str()).and(wallets::id.eq(wallet.id));
    diesel::update(wallets::table.filter(this))
        .set((
            wallets::low_balance_threshold.eq(wallet.low_balance.as_ref().map(|low| low.threshold.amount())),
            wallets::fast_floor.eq(wallet.fast_floor().amount()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
