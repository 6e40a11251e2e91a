//! Reads a column back into the domain type that was written to it.
//!
//! A value that the domain refuses was not written by this program, so it is a [`StorageError::Corrupt`]: the caller
//! gets an internal error, and the log names the value.

use std::fmt::Display;

use rust_decimal::Decimal;

use super::StorageError;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::money::{Currency, Money};
use crate::domain::payment::ProviderName;

/// The answer of a statement that asks whether something is so.
#[derive(diesel::QueryableByName)]
pub(super) struct YesOrNo {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub(super) yes: bool,
}

/// The error for a column that holds `value`.
pub(super) fn corrupt(column: &str, value: impl Display) -> StorageError {
    StorageError::Corrupt(format!("{column} {value}"))
}

pub(crate) fn currency_from_column(code: &str) -> Result<Currency, StorageError> {
    code.parse().map_err(|error| corrupt("currency", format_args!("{code}: {error}")))
}

pub(super) fn money_from_column(amount: Decimal, currency: Currency) -> Result<Money, StorageError> {
    Money::new(amount, currency).map_err(|error| corrupt("amount", format_args!("{amount} {currency}: {error}")))
}

pub(super) fn customer_from_column(id: &str) -> Result<CustomerId, StorageError> {
    CustomerId::new(id).ok_or_else(|| corrupt("customer id", id))
}

pub(super) fn entry_kind_from_column(code: i16) -> Result<EntryKind, StorageError> {
    EntryKind::from_code(code).ok_or_else(|| corrupt("entry kind", code))
}

pub(super) fn provider_from_column(name: &str) -> Result<ProviderName, StorageError> {
    name.parse().map_err(|()| corrupt("provider", name))
}
