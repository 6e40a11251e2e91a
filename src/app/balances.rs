//! Balances: the wallets of a customer.

use super::{App, Error};
use crate::domain::balances::Balances;
use crate::domain::customer::CustomerId;
use crate::domain::money::Currency;
use crate::domain::product::Product;
use crate::domain::wallet::Wallet;

/// A customer's balances, optionally of one currency or product. What is claimed belongs to no product, so the filter
/// by product does not apply to it.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    currency: Option<Currency>,
    product: Option<&Product>,
) -> Result<Balances, Error> {
    let Balances { mut wallets, mut taken_back_debt } = app.balances.read(customer).await?;
    wallets.retain(|wallet| matches_filters(wallet, currency, product));
    taken_back_debt.retain(|sum| currency.is_none_or(|currency| sum.currency() == currency));
    Ok(Balances { wallets, taken_back_debt })
}

/// Whether a wallet matches the filters of a list.
pub(super) fn matches_filters(wallet: &Wallet, currency: Option<Currency>, product: Option<&Product>) -> bool {
    currency.is_none_or(|currency| wallet.key.currency == currency)
        && product.is_none_or(|product| wallet.key.product == *product)
}
