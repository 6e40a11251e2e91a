//! Money: an exact decimal amount in one currency. Never a float.
//!
//! There are two precisions: orders, transfers and refunds fit the currency's minor unit
//! ([`Money::require_minor_unit`]); usage, holds and grants go down to [`MAX_SCALE`] decimals.

mod arithmetic;

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};

use super::code::Code;

/// Decimals that a column keeps: `numeric(24,8)`.
pub const MAX_SCALE: u32 = 8;

/// The largest absolute amount of one movement: 10^12 units. Columns hold 10^16, so sums of
/// movements have room before the column overflows.
pub const MAX_AMOUNT: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0);

/// An ISO 4217 currency with a known minor unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Decimals of the minor unit: 2 for USD and CNY, 0 for VND and JPY (ISO 4217).
    #[must_use]
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }

    /// The three upper-case letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(other.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    /// Accepts the three upper-case letters of ISO 4217 only.
    fn from_str(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(code)
            .filter(|found| found.code() == code && found.exponent().is_some())
            .map(Self)
            .ok_or(MoneyError::UnknownCurrency)
    }
}

/// Why an amount is not money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("must be an ISO 4217 currency code in upper case")]
    UnknownCurrency,
    #[error("must be a plain decimal such as 100.00: digits and at most one point, no sign, no exponent")]
    NotPlain,
    #[error("has more decimals than the currency or the ledger keeps")]
    TooPrecise,
    #[error("must be at most 1000000000000")]
    TooLarge,
    #[error("must be greater than zero")]
    NotPositive,
    #[error("currencies differ")]
    CurrencyMismatch,
}

impl MoneyError {
    /// The stable code of the API's validation errors.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::UnknownCurrency => Code::UnknownCurrency,
            Self::NotPlain => Code::NotAPlainDecimal,
            Self::TooPrecise => Code::TooPrecise,
            Self::TooLarge => Code::TooLarge,
            Self::NotPositive => Code::NotPositive,
            Self::CurrencyMismatch => Code::CurrencyMismatch,
        }
    }
}

/// An exact amount in one currency, at most [`MAX_SCALE`] decimals and [`MAX_AMOUNT`] in size.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

impl Money {
    /// An amount within the limits of one movement. Trailing zeros are not significant.
    ///
    /// # Errors
    /// [`MoneyError::TooPrecise`] beyond 8 decimals, [`MoneyError::TooLarge`] beyond 10^12.
    pub fn new(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let amount = amount.normalize();
        if amount.scale() > MAX_SCALE {
            return Err(MoneyError::TooPrecise);
        }
        if amount.abs() > MAX_AMOUNT {
            return Err(MoneyError::TooLarge);
        }
        Ok(Self { amount, currency })
    }

    /// An amount that a customer or a company states. It must be greater than zero.
    ///
    /// # Errors
    /// As [`Money::new`], and [`MoneyError::NotPositive`].
    pub fn positive(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        if amount <= Decimal::ZERO {
            return Err(MoneyError::NotPositive);
        }
        Self::new(amount, currency)
    }

    /// The smallest amount of a currency: one minor unit.
    #[must_use]
    pub fn smallest(currency: Currency) -> Self {
        Self { amount: Decimal::new(1, currency.exponent()), currency }
    }

    /// Zero of a currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { amount: Decimal::ZERO, currency }
    }

    /// An amount that the ledger computed. A sum of many postings may pass the cap that [`Money::new`] sets for one.
    #[must_use]
    pub fn from_ledger(amount: Decimal, currency: Currency) -> Self {
        Self { amount: amount.normalize(), currency }
    }

    #[must_use]
    pub fn amount(self) -> Decimal {
        self.amount
    }

    #[must_use]
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// Requires that the amount fits the currency's minor unit.
    ///
    /// # Errors
    /// [`MoneyError::TooPrecise`] when finer (`10.001` USD, `0.5` VND).
    pub fn require_minor_unit(self) -> Result<Self, MoneyError> {
        if self.amount.normalize().scale() > self.currency.exponent() {
            return Err(MoneyError::TooPrecise);
        }
        Ok(self)
    }

    /// The sum, of one currency only.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::TooLarge`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let sum = self.amount.checked_add(other.amount).ok_or(MoneyError::TooLarge)?;
        Self::new(sum, self.currency)
    }

    /// The difference, of one currency only; may be negative.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::TooLarge`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let difference = self.amount.checked_sub(other.amount).ok_or(MoneyError::TooLarge)?;
        Self::new(difference, self.currency)
    }

    /// Rounds to the currency's minor unit, half to even: the one rule for fees, tax, bonus and
    /// pro-rata shares.
    #[must_use]
    pub fn round_to_minor_unit(self) -> Self {
        let amount =
            self.amount.round_dp_with_strategy(self.currency.exponent(), RoundingStrategy::MidpointNearestEven);
        Self { amount, currency: self.currency }
    }

    /// Cuts what is below the currency's minor unit: nobody can send it.
    #[must_use]
    pub fn round_down_to_minor_unit(self) -> Self {
        let amount = self.amount.round_dp_with_strategy(self.currency.exponent(), RoundingStrategy::ToZero);
        Self { amount, currency: self.currency }
    }

    /// The amount as an integer of units of 10^-`exponent`: what a payment company's wire format takes.
    ///
    /// # Errors
    /// [`MoneyError::TooPrecise`] when the amount does not fit that unit, [`MoneyError::TooLarge`] beyond `i64`.
    pub fn to_units(self, exponent: u32) -> Result<i64, MoneyError> {
        if self.amount.normalize().scale() > exponent {
            return Err(MoneyError::TooPrecise);
        }
        let factor = Decimal::from(10_u64.checked_pow(exponent).ok_or(MoneyError::TooLarge)?);
        let units = self.amount.checked_mul(factor).ok_or(MoneyError::TooLarge)?.normalize();
        i64::try_from(units).map_err(|_| MoneyError::TooLarge)
    }

    /// The inverse of [`Money::to_units`].
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`] beyond the cap, [`MoneyError::TooPrecise`] for exponents beyond 8.
    pub fn from_units(units: i64, exponent: u32, currency: Currency) -> Result<Self, MoneyError> {
        let amount = Decimal::try_new(units, exponent).map_err(|_| MoneyError::TooPrecise)?;
        Self::new(amount, currency)
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency { Ok(()) } else { Err(MoneyError::CurrencyMismatch) }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", format_amount(*self), self.currency)
    }
}

/// The amount as the API shows it: at least the minor unit's decimals (`100.00`), more only where significant.
#[must_use]
pub fn format_amount(money: Money) -> String {
    let (mut shown, exponent) = (money.amount.normalize(), money.currency.exponent());
    if shown.scale() < exponent {
        shown.rescale(exponent);
    }
    shown.to_string()
}

/// Reads a plain decimal: digits with at most one point and digits on both sides of it. It refuses `1e2`, `+1`, `-1`,
/// `1_0`, `.5`, `5.`, ` 1` and `NaN`; the parser of `rust_decimal` accepts some of them.
///
/// # Errors
/// [`MoneyError::NotPlain`], [`MoneyError::TooPrecise`] beyond 8 decimals, [`MoneyError::TooLarge`].
pub fn parse_plain_decimal(text: &str) -> Result<Decimal, MoneyError> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || fraction.is_some_and(|part| !digits(part)) || text.len() > 64 {
        return Err(MoneyError::NotPlain);
    }
    let significant = fraction.map_or("", |part| part.trim_end_matches('0'));
    if significant.len() > 8 {
        return Err(MoneyError::TooPrecise);
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > 13 {
        return Err(MoneyError::TooLarge);
    }
    let amount = Decimal::from_str_exact(&format!("0{whole}.{significant}0")).map_err(|_| MoneyError::NotPlain)?;
    if amount > MAX_AMOUNT { Err(MoneyError::TooLarge) } else { Ok(amount.normalize()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn plain_decimals_only() {
        for bad in ["", "1e2", "+1", "-1", "1_0", ".5", "5.", " 1", "1 ", "NaN", "inf", "0x1", "1,0", "١"] {
            assert_eq!(parse_plain_decimal(bad), Err(MoneyError::NotPlain), "{bad}");
        }
        assert_eq!(parse_plain_decimal("1000000000000.00000001"), Err(MoneyError::TooLarge));
        assert_eq!(parse_plain_decimal("1.000000001"), Err(MoneyError::TooPrecise));
        assert_eq!(parse_plain_decimal("0014.28444999").unwrap().to_string(), "14.28444999");
        assert_eq!(parse_plain_decimal("1000000000000.00000000000").unwrap(), MAX_AMOUNT);
    }

    #[test]
    fn the_cap_is_ten_to_the_twelfth() {
        assert_eq!(MAX_AMOUNT, Decimal::from(1_000_000_000_000_u64));
    }

    #[test]
    fn units_follow_the_exponent_asked_for() {
        let vnd = Money::new(Decimal::from(500_000), currency("VND")).unwrap();
        assert_eq!(vnd.to_units(0), Ok(500_000));
        assert_eq!(vnd.to_units(2), Ok(50_000_000));
        let cents = Money::new(Decimal::new(1005, 2), currency("USD")).unwrap();
        assert_eq!(cents.to_units(2), Ok(1005));
        assert_eq!(cents.to_units(0), Err(MoneyError::TooPrecise));
    }

    #[test]
    fn halves_round_to_even() {
        let round = |text: &str| {
            Money::new(text.parse().unwrap(), currency("USD")).unwrap().round_to_minor_unit().amount().to_string()
        };
        assert_eq!(round("0.125"), "0.12");
        assert_eq!(round("0.135"), "0.14");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(units in 0_i64..1_000_000_000_000_000, scale in 0_u32..=8) {
            let amount = Decimal::new(units, scale);
            prop_assume!(amount <= MAX_AMOUNT);
            for code in ["USD", "VND", "CNY"] {
                let shown = format_amount(Money::from_ledger(amount, currency(code)));
                prop_assert_eq!(parse_plain_decimal(&shown).unwrap(), amount.normalize());
            }
        }
    }
}
