//! Amounts on the wire: decimal strings, never numbers.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::app::Problems;
use crate::domain::money::{Currency, Money, format_amount, parse_plain_decimal};

/// An amount that is not negative. It is checked when it is read.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Amount(pub String);

/// An amount that may be negative. Only answers contain it.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct SignedAmount(pub String);

impl Amount {
    /// Reads an amount of zero or more, whose currency is known later.
    pub fn decimal(&self, problems: &mut Problems, pointer: &str) -> Option<Decimal> {
        problems.checked_money(pointer, parse_plain_decimal(&self.0))
    }

    /// Reads an amount greater than zero, with up to 8 decimals.
    pub fn positive_money(&self, problems: &mut Problems, pointer: &str, currency: Currency) -> Option<Money> {
        problems.checked_money(pointer, self.positive(currency))
    }

    /// Reads an amount of zero or more, with up to 8 decimals.
    pub fn money(&self, problems: &mut Problems, pointer: &str, currency: Currency) -> Option<Money> {
        problems.checked_money(pointer, parse_plain_decimal(&self.0).and_then(|amount| Money::new(amount, currency)))
    }

    /// Reads an amount greater than zero that fits the currency's minor unit.
    pub fn in_minor_unit(&self, problems: &mut Problems, pointer: &str, currency: Currency) -> Option<Money> {
        problems.checked_money(pointer, self.positive(currency).and_then(Money::require_minor_unit))
    }

    fn positive(&self, currency: Currency) -> Result<Money, crate::domain::money::MoneyError> {
        parse_plain_decimal(&self.0).and_then(|amount| Money::positive(amount, currency))
    }
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self(format_amount(money))
    }
}

impl From<Money> for SignedAmount {
    fn from(money: Money) -> Self {
        Self(format_amount(money))
    }
}

fn amount_schema(pattern: &str, description: &str, example: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .max_length(Some(32))
        .description(Some(description))
        .examples([serde_json::json!(example)])
        .into()
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        amount_schema(
            r"^[0-9]{1,16}(\.[0-9]{1,8})?$",
            "A decimal amount as a string: digits, and at most one point. The amounts of orders, transfers and refunds \
             fit the currency's minor unit; those of usage, holds and grants have up to 8 decimals.",
            "100.00",
        )
    }
}

impl ToSchema for Amount {}

impl PartialSchema for SignedAmount {
    fn schema() -> RefOr<Schema> {
        amount_schema(
            r"^-?[0-9]{1,16}(\.[0-9]{1,8})?$",
            "A decimal amount as a string. It is negative for money that went out.",
            "-12.50",
        )
    }
}

impl ToSchema for SignedAmount {}
