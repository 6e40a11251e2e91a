//! The balances of a customer.

use super::money::Money;
use super::wallet::Wallet;

/// A customer's wallets, and the taken-back money that is claimed from the customer.
#[derive(Debug, Clone, Default)]
pub struct Balances {
    /// Sorted by currency; the main wallet comes first.
    pub wallets: Vec<Wallet>,
    /// Taken-back money that is still claimed: one sum for each currency.
    pub taken_back_debt: Vec<Money>,
}
