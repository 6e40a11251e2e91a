//! Balances: the wallets of a customer.

use super::{App, Error};
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::product::Product;
use crate::domain::take_back;
use crate::domain::wallet::Wallet;
use crate::storage::ledger;

/// A customer's wallets, and what is claimed from the customer beside them.
#[derive(Debug, Clone)]
pub struct Balances {
    pub wallets: Vec<Wallet>,
    /// Taken-back money that is still claimed: one sum for each currency.
    pub taken_back_debt: Vec<Money>,
}

/// A customer's balances, optionally of one currency or product. The wallets are sorted by currency; the main wallet
/// comes first. What is claimed belongs to no product, so that filter does not concern it.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    currency: Option<Currency>,
    product: Option<&Product>,
) -> Result<Balances, Error> {
    let mut conn = app.pool.get().await?;
    let mut wallets = ledger::read_wallets(&mut conn, customer).await?;
    let mut taken_back_debt = Vec::new();
    if wallets.iter().any(Wallet::is_claimed) {
        taken_back_debt = take_back::sums(&ledger::claims_of(&mut conn, [customer]).await?);
    }
    wallets.retain(|wallet| matches_filters(wallet, currency, product));
    taken_back_debt.retain(|sum| currency.is_none_or(|currency| sum.currency() == currency));
    Ok(Balances { wallets, taken_back_debt })
}

/// Whether a wallet matches the filters of a list.
pub(super) fn matches_filters(wallet: &Wallet, currency: Option<Currency>, product: Option<&Product>) -> bool {
    currency.is_none_or(|currency| wallet.key.currency == currency)
        && product.is_none_or(|product| wallet.key.product == *product)
}
