//! PayPal's table of currencies and decimals, which differs from ISO 4217
//! (developer.paypal.com/reference/currency-codes).

use crate::domain::money::{Currency, Money, MoneyError, parse_plain_decimal};

/// The currencies that PayPal accepts. BRL, CNY and MYR need an account of that country; VND is not accepted.
const SUPPORTED: [&str; 24] = [
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN", "MYR", "NOK",
    "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
];

/// The currencies for which "decimal amounts cause an error", although ISO 4217 gives HUF and TWD two decimals.
const NO_DECIMALS: [&str; 3] = ["HUF", "JPY", "TWD"];

pub(super) fn supported() -> Vec<Currency> {
    SUPPORTED.iter().filter_map(|code| code.parse().ok()).collect()
}

/// The amount as PayPal writes it: `10.00`, or `500` for JPY.
///
/// # Errors
/// [`MoneyError::UnknownCurrency`] for a currency that PayPal does not accept, [`MoneyError::TooPrecise`] below its
/// smallest unit, and [`MoneyError::NotPositive`].
pub(super) fn to_wire(amount: Money) -> Result<String, MoneyError> {
    let code = amount.currency().code();
    if !SUPPORTED.contains(&code) {
        return Err(MoneyError::UnknownCurrency);
    }
    let decimals = if NO_DECIMALS.contains(&code) { 0 } else { 2 };
    let mut value = Money::positive(amount.amount(), amount.currency())?.amount();
    if value.scale() > decimals {
        return Err(MoneyError::TooPrecise);
    }
    value.rescale(decimals);
    Ok(value.to_string())
}

/// Reads an amount of PayPal, which may be any plain decimal.
///
/// # Errors
/// [`MoneyError`] when the value is not a plain decimal, or the currency is unknown.
pub(super) fn from_wire(value: &str, code: &str) -> Result<Money, MoneyError> {
    Money::new(parse_plain_decimal(value)?, code.parse()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn money_of(amount: &str, code: &str) -> Money {
        Money::new(amount.parse().unwrap(), code.parse().unwrap()).unwrap()
    }

    #[test]
    fn decimals_follow_paypals_table() {
        for (amount, code, written) in [
            ("10", "USD", "10.00"),
            ("10.05", "USD", "10.05"),
            ("500", "JPY", "500"),
            ("500", "HUF", "500"),
            ("500", "TWD", "500"),
        ] {
            assert_eq!(to_wire(money_of(amount, code)).unwrap(), written);
            assert_eq!(from_wire(written, code), Ok(money_of(amount, code)));
        }
        assert_eq!(to_wire(money_of("0.5", "TWD")), Err(MoneyError::TooPrecise));
        assert_eq!(to_wire(money_of("1.001", "USD")), Err(MoneyError::TooPrecise));
        assert_eq!(to_wire(money_of("0", "USD")), Err(MoneyError::NotPositive));
        assert_eq!(to_wire(money_of("500000", "VND")), Err(MoneyError::UnknownCurrency));
        assert_eq!(supported().len(), SUPPORTED.len());
        assert!(from_wire("1e2", "USD").is_err());
    }
}
