//! Low-balance alerts: one event each time the available amount of a wallet falls below a threshold.

use super::spend_guards::check_product;
use super::{App, Error, Saved};
use crate::domain::customer::CustomerId;
use crate::domain::guard::LowBalance;
use crate::domain::money::{Currency, Money};
use crate::domain::product::Product;
use crate::domain::wallet::Wallet;
use crate::domain::wallet_key::WalletKey;
use crate::storage::transaction::transact;
use crate::storage::{ledger, low_balance_alerts as store};

/// A customer's wallets that have a threshold, optionally of one currency or product.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    currency: Option<Currency>,
    product: Option<&Product>,
) -> Result<Vec<Wallet>, Error> {
    let mut wallets = super::balances::list(app, customer, currency, product).await?.wallets;
    wallets.retain(|wallet| wallet.low_balance.is_some());
    Ok(wallets)
}

/// Sets the threshold of a wallet. A balance that is below it already raises no alert: it must recover first, and the
/// next fall below the threshold raises one.
///
/// # Errors
/// 422 for an unknown product.
pub async fn set(
    app: &App,
    customer: &CustomerId,
    product: &Product,
    threshold: Money,
) -> Result<Saved<Wallet>, Error> {
    let key = WalletKey { customer: customer.clone(), currency: threshold.currency(), product: product.clone() };
    transact(&app.pool, async |conn| {
        check_product(conn, &key).await?;
        let (mut wallet, _) = ledger::open_wallet(conn, &key).await?;
        let created = wallet.low_balance.is_none();
        wallet.low_balance = Some(LowBalance::new(threshold, wallet.available()));
        store::save(conn, &wallet).await?;
        Ok(Saved { value: wallet, created })
    })
    .await
}

/// Removes the threshold of a wallet.
///
/// # Errors
/// 404 when it has none.
pub async fn remove(app: &App, key: &WalletKey) -> Result<(), Error> {
    transact(&app.pool, async |conn| {
        let wallet = ledger::lock_wallet(conn, key).await?.map(|(wallet, _)| wallet);
        let Some(mut wallet) = wallet.filter(|wallet| wallet.low_balance.is_some()) else {
            return Err(Error::NotFound("low-balance alert"));
        };
        wallet.low_balance = None;
        Ok(store::save(conn, &wallet).await?)
    })
    .await
}
