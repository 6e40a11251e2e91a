//! What a customer has.

use super::{App, Error};
use crate::domain::customer::CustomerId;
use crate::domain::money::Currency;
use crate::domain::wallet::Wallet;
use crate::storage::ledger;

/// A customer's wallets, by currency, the main wallet first; optionally of one currency or product.
///
/// # Errors
/// Of the database.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    currency: Option<Currency>,
    product: Option<&str>,
) -> Result<Vec<Wallet>, Error> {
    let mut conn = app.pool.get().await?;
    let mut wallets = ledger::read_wallets(&mut conn, customer).await?;
    wallets.retain(|wallet| is_asked_for(wallet, currency, product));
    Ok(wallets)
}

/// Whether a wallet passes the filters of a list; the empty product is the main wallet.
pub(super) fn is_asked_for(wallet: &Wallet, currency: Option<Currency>, product: Option<&str>) -> bool {
    currency.is_none_or(|currency| wallet.key.currency == currency)
        && product.is_none_or(|product| wallet.key.product.as_column() == product)
}
