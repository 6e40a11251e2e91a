//! Writing down what has lapsed in wallets: expired holds and expired grants.
//!
//! Balances already show such a hold or grant as gone at its second. Sweeping writes the entries; sweeping twice writes
//! nothing twice.

use super::{App, Error};
use crate::domain::movement::expiry::sweep;
use crate::domain::posting::Posting;
use crate::domain::wallet_key::WalletKey;
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
    let count = wallets.len();
    let sweeps: Vec<Posting> = wallets.into_iter().map(sweep).collect();
    if !sweeps.is_empty() {
        transact(&app.pool, async |conn| Ok::<_, Error>(ledger::post(conn, &sweeps).await?)).await?;
    }
    Ok(count)
}
