//! Wallet keys as columns and arrays, which every reader and writer of the ledger needs.

use crate::domain::customer::CustomerId;
use crate::domain::product::Product;
use crate::domain::wallet_key::WalletKey;
use crate::storage::{StorageError, currency_from_column};

/// Wallet keys as three arrays, the way `unnest` takes them.
#[derive(Debug, Default)]
pub(super) struct KeyArrays {
    pub customers: Vec<String>,
    pub currencies: Vec<String>,
    pub products: Vec<String>,
}

impl<'k> FromIterator<&'k WalletKey> for KeyArrays {
    fn from_iter<I: IntoIterator<Item = &'k WalletKey>>(keys: I) -> Self {
        let mut arrays = Self::default();
        for key in keys {
            arrays.push(key);
        }
        arrays
    }
}

impl KeyArrays {
    pub(super) fn push(&mut self, key: &WalletKey) {
        self.customers.push(key.customer.as_str().to_owned());
        self.currencies.push(key.currency.code().to_owned());
        self.products.push(key.product.as_column().to_owned());
    }
}

/// The key of a wallet, from its columns.
///
/// # Errors
/// [`StorageError::Corrupt`].
pub fn wallet_key(customer: &str, currency: &str, product: &str) -> Result<WalletKey, StorageError> {
    Ok(WalletKey {
        customer: CustomerId::new(customer)
            .ok_or_else(|| StorageError::Corrupt(format!("customer id {customer:?}")))?,
        currency: currency_from_column(currency)?,
        product: Product::from_column(product),
    })
}
