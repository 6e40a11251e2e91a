//! Amounts of PayPal: a decimal text beside a currency, by PayPal's own table of decimals.

use rust_decimal::Decimal;
use serde_json::{Value, json};

/// The currencies of developer.paypal.com/api/rest/reference/currency-codes. VND is not among them.
const SUPPORTED: &[&str] = &[
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN", "MYR", "NOK",
    "NZD", "PHP", "PLN", "RUB", "SEK", "SGD", "THB", "TWD", "USD",
];

const WITHOUT_DECIMALS: &[&str] = &["HUF", "JPY", "TWD"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Money {
    pub value: Decimal,
    pub currency: String,
}

impl Money {
    /// Reads an amount, or returns the issue that PayPal names and the field that it is about. `decimals_issue` is the
    /// issue of this endpoint for decimals in a currency without them.
    pub fn read(
        currency: &str,
        value: &str,
        decimals_issue: &'static str,
    ) -> Result<Self, (&'static str, &'static str)> {
        if !SUPPORTED.contains(&currency) {
            return Err(("INVALID_CURRENCY_CODE", "currency_code"));
        }
        let Ok(value) = value.parse::<Decimal>() else {
            return Err(("INVALID_PARAMETER_SYNTAX", "value"));
        };
        if value <= Decimal::ZERO {
            return Err(("CANNOT_BE_ZERO_OR_NEGATIVE", "value"));
        }
        if value > Decimal::new(99_999_999_999_999_999, 2) {
            return Err(("MAX_VALUE_EXCEEDED", "value"));
        }
        let (decimals, issue) =
            if WITHOUT_DECIMALS.contains(&currency) { (0, decimals_issue) } else { (2, "DECIMAL_PRECISION") };
        if value.normalize().scale() > decimals {
            return Err((issue, "value"));
        }
        Ok(Self { value, currency: currency.to_owned() })
    }

    pub fn of(&self, value: Decimal) -> Self {
        Self { value, currency: self.currency.clone() }
    }

    /// The JSON `{"currency_code","value"}`.
    pub fn shown(&self) -> Value {
        json!({ "currency_code": self.currency, "value": self.text() })
    }

    pub fn text(&self) -> String {
        let decimals = if WITHOUT_DECIMALS.contains(&self.currency.as_str()) { 0 } else { 2 };
        format!("{:.*}", decimals, self.value)
    }

    /// The fee of PayPal: 3.49 % + 0.49, its published rate for the United States.
    pub fn fee(&self) -> Self {
        let fee = self.value * Decimal::new(349, 4) + Decimal::new(49, 2);
        let decimals = if WITHOUT_DECIMALS.contains(&self.currency.as_str()) { 0 } else { 2 };
        self.of(fee.round_dp(decimals).min(self.value))
    }
}

/// Whether a text matches `^((-?[0-9]+)|(-?([0-9]+)?[.][0-9]+))$` and has at most 32 characters.
pub(super) fn is_value(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    text.len() <= 32
        && match unsigned.split_once('.') {
            Some((whole, fraction)) => digits(whole) && digits(fraction) && !fraction.is_empty(),
            None => digits(unsigned) && !unsigned.is_empty(),
        }
}
