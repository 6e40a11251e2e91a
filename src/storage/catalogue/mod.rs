//! What operators offer: products, amounts, channels, bank accounts, the agreement.
//!
//! `lock` reads a row for a change, `insert` makes it unless it is there, `update` replaces it and counts
//! its version up.

pub mod agreements;
pub mod bank_accounts;
pub mod channel_rules;
pub mod products;
pub mod top_up_options;

use rust_decimal::Decimal;

use super::StorageError;
use crate::domain::money::{Currency, Money};

/// An amount as a column holds it.
fn money(amount: Decimal, currency: Currency) -> Result<Money, StorageError> {
    Money::new(amount, currency).map_err(|error| StorageError::Corrupt(format!("amount {amount} {currency}: {error}")))
}
