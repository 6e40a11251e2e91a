//! Books what has lapsed in wallets: expired holds and expired grants.
//!
//! Balances no longer show such a hold or grant from its second of expiry on. Sweeping writes the entries; sweeping
//! twice writes nothing twice.

use super::{App, Error};
use crate::domain::movement::expiry::sweep;
use crate::domain::posting::Posting;
use crate::domain::wallet_key::WalletKey;
use crate::storage::connection::sqlstate::Passing;
use crate::storage::transaction::transact;
use crate::storage::{grants, ledger};

/// Sweeps wallets with expired holds or grants, at most `limit` of each. Returns how many wallets were swept.
///
/// # Errors
/// Database errors.
pub async fn sweep_lapsed(app: &App, limit: i64) -> Result<usize, Error> {
    let mut wallets: Vec<WalletKey> = {
        let mut conn = app.pool.get().await?;
        let mut found = ledger::wallets_with_lapsed_holds(&mut conn, limit).await?;
        found.extend(grants::wallets_with_lapsed_grants(&mut conn, limit).await?);
        found
    };
    wallets.sort();
    wallets.dedup();
    match post(app, &wallets).await {
        Ok(()) => return Ok(wallets.len()),
        Err(Error::Storage(error)) if error.passing().is_some_and(Passing::ends_connection) => return Err(error.into()),
        Err(_) => {}
    }
    // One of them may be locked for long, or fail: the others do not wait for it.
    let (mut swept, mut last_error) = (0, None);
    for wallet in &wallets {
        match post(app, std::slice::from_ref(wallet)).await {
            Ok(()) => swept += 1,
            Err(error) => {
                tracing::warn!(%error, wallet = ?wallet, "A wallet with lapsed holds or grants was not swept");
                last_error = Some(error);
            }
        }
    }
    last_error.filter(|_| swept == 0).map_or(Ok(swept), Err)
}

async fn post(app: &App, wallets: &[WalletKey]) -> Result<(), Error> {
    let sweeps: Vec<Posting> = wallets.iter().cloned().map(sweep).collect();
    if !sweeps.is_empty() {
        transact(&app.pool, async |conn| Ok::<_, Error>(ledger::post(conn, &sweeps).await?)).await?;
    }
    Ok(())
}
