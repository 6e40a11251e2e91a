//! The identity of a wallet.

use super::customer::CustomerId;
use super::money::Currency;
use super::product::Product;

/// Whose wallet, in which currency, for which product. Its order is the order in which writers lock wallets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalletKey {
    pub customer: CustomerId,
    pub currency: Currency,
    pub product: Product,
}
