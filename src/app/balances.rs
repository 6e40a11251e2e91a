//! Balances: the wallets of a customer.

use super::{App, Error};
use crate::domain::customer::CustomerId;
use crate::domain::money::Currency;
use crate::domain::wallet::Wallet;
use crate::storage::ledger;

/// A customer's wallets, optionally of one currency or product. They are sorted by currency; the main wallet comes
/// first.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    currency: Option<Currency>,
    product: Option<&str>,
) -> Result<Vec<Wallet>, Error> {
    let mut conn = app.pool.get().await?;
    let mut wallets = ledger::read_wallets(&mut conn, customer).await?;
    wallets.retain(|wallet| matches_filters(wallet, currency, product));
    Ok(wallets)
}

/// Whether a wallet matches the filters of a list. An empty product means the main wallet.
pub(super) fn matches_filters(wallet: &Wallet, currency: Option<Currency>, product: Option<&str>) -> bool {
    currency.is_none_or(|currency| wallet.key.currency == currency)
        && product.is_none_or(|product| wallet.key.product.as_column() == product)
}
