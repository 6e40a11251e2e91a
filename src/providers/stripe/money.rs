//! Stripe's table of minor units, which differs from ISO 4217 (docs.stripe.com/currencies).

use crate::domain::money::{Currency, Money, MoneyError};

/// The currencies that Stripe charges in whole units. HUF and TWD are charged with two decimals.
const ZERO_DECIMAL: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];

/// The currencies that no longer have decimals, but that Stripe still writes with two, which must be zero.
const WRITTEN_WITH_TWO: [&str; 2] = ["ISK", "UGX"];

/// The currencies with three decimals. Stripe requires that the last decimal is zero.
const THREE_DECIMAL: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

fn exponent(currency: Currency) -> u32 {
    if ZERO_DECIMAL.contains(&currency.code()) {
        0
    } else if THREE_DECIMAL.contains(&currency.code()) {
        3
    } else {
        2
    }
}

/// The amount in Stripe's minor unit.
///
/// # Errors
/// [`MoneyError::TooPrecise`] when Stripe cannot charge the exact amount. It is never rounded.
pub(super) fn to_wire(amount: Money) -> Result<i64, MoneyError> {
    let exponent = exponent(amount.currency());
    let units = amount.to_units(exponent)?;
    let step = match exponent {
        3 => 10,
        2 if WRITTEN_WITH_TWO.contains(&amount.currency().code()) => 100,
        _ => 1,
    };
    if units % step == 0 { Ok(units) } else { Err(MoneyError::TooPrecise) }
}

/// Reads an amount of Stripe. `currency` is in lower case, as Stripe writes it.
///
/// # Errors
/// [`MoneyError::UnknownCurrency`], [`MoneyError::TooLarge`].
pub(super) fn from_wire(units: i64, currency: &str) -> Result<Money, MoneyError> {
    let currency: Currency = currency.to_ascii_uppercase().parse()?;
    Money::from_units(units, exponent(currency), currency)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn stripes_units_differ_from_iso() {
        for (amount, code, units) in [
            ("500000", "VND", 500_000),
            ("10.05", "USD", 1005),
            ("5000", "UGX", 500_000),
            ("5", "ISK", 500),
            ("100", "TWD", 10_000),
            ("1.23", "KWD", 1230),
        ] {
            let money = Money::new(amount.parse().unwrap(), code.parse().unwrap()).unwrap();
            assert_eq!(to_wire(money), Ok(units), "{code}");
            assert_eq!(from_wire(units, &code.to_lowercase()), Ok(money), "{code}");
        }
    }

    #[test]
    fn what_stripe_cannot_charge_is_refused() {
        let refused = |amount: &str, code: &str| {
            to_wire(Money::new(amount.parse().unwrap(), code.parse().unwrap()).unwrap()).unwrap_err()
        };
        assert_eq!(refused("1.234", "KWD"), MoneyError::TooPrecise);
        assert_eq!(refused("0.5", "VND"), MoneyError::TooPrecise);
        assert_eq!(refused("5.5", "UGX"), MoneyError::TooPrecise);
        assert_eq!(refused("5.5", "ISK"), MoneyError::TooPrecise);
    }
}
