//! The marks that operators set on wallets.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::wallet::Wallet;
use crate::storage::StorageError;
use crate::storage::schema::wallets;

/// Writes the marks that operators set on a locked wallet: its freezes, and the closing of its account.
///
/// # Errors
/// Database errors.
pub async fn save_marks(conn: &mut AsyncPgConnection, wallet: &Wallet) -> Result<(), StorageError> {
    let key = (wallet.key.customer.as_str(), wallet.key.currency.code(), wallet.key.product.as_column());
    diesel::update(wallets::table.find(key))
        .set((
            wallets::frozen.eq(wallet.is_frozen()),
            wallets::customer_frozen.eq(wallet.is_customer_frozen()),
            wallets::closing.eq(wallet.is_closing()),
            wallets::closed.eq(wallet.is_closed()),
            wallets::needs_full_path.eq(wallet.needs_full_path()),
            wallets::version.eq(wallet.version),
            wallets::updated_at.eq(wallet.updated_at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
