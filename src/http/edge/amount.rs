//! Amounts on the wire: decimal strings, never numbers.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::money::{Currency, Money, format_amount};

/// An amount as text. What it may be is checked by the use case, which names the field and the rule.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Amount(pub String);

/// An amount that may be negative.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct SignedAmount(pub String);

impl Amount {
    #[must_use]
    pub fn of(amount: Decimal, currency: Currency) -> Self {
        Self(format_amount(amount, currency))
    }
}

impl SignedAmount {
    #[must_use]
    pub fn of(amount: Decimal, currency: Currency) -> Self {
        Self(format_amount(amount, currency))
    }
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self::of(money.amount(), money.currency())
    }
}

impl From<Money> for SignedAmount {
    fn from(money: Money) -> Self {
        Self::of(money.amount(), money.currency())
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
            "A decimal amount as a string: digits and at most one point. Orders, transfers and refunds fit the \
             currency's minor unit; usage, holds and grants take up to 8 decimals.",
            "100.00",
        )
    }
}

impl ToSchema for Amount {}

impl PartialSchema for SignedAmount {
    fn schema() -> RefOr<Schema> {
        amount_schema(
            r"^-?[0-9]{1,16}(\.[0-9]{1,8})?$",
            "A decimal amount as a string; negative where money went out.",
            "-12.50",
        )
    }
}

impl ToSchema for SignedAmount {}
