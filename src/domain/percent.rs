//! Shares in percent: fees, bonuses and tax.

use std::fmt;

use rust_decimal::Decimal;

use super::money::{Currency, Money, MoneyError};

/// A share in percent: 0–100, with at most four decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Percent(Decimal);

impl Percent {
    /// The only constructor; `None` when the share is out of range or has too many decimals.
    #[must_use]
    pub fn new(share: Decimal) -> Option<Self> {
        let share = share.normalize();
        (share >= Decimal::ZERO && share <= Decimal::ONE_HUNDRED && share.scale() <= 4).then_some(Self(share))
    }

    #[must_use]
    pub fn value(self) -> Decimal {
        self.0
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The part of an amount that is this share on top of the other part, rounded half to even to the minor unit.
    ///
    /// # Errors
    /// [`MoneyError`] beyond the cap of amounts.
    pub fn contained_in(self, amount: Money) -> Result<Money, MoneyError> {
        let whole = Decimal::ONE_HUNDRED + self.0;
        Self::rounded(amount.amount().checked_mul(self.0).ok_or(MoneyError::TooLarge)? / whole, amount.currency())
    }

    fn rounded(exact: Decimal, currency: Currency) -> Result<Money, MoneyError> {
        let even = rust_decimal::RoundingStrategy::MidpointNearestEven;
        Money::new(exact.round_dp_with_strategy(currency.exponent(), even), currency)
    }

    /// This share of an amount, rounded half to even to the currency's minor unit.
    ///
    /// # Errors
    /// [`MoneyError`] beyond the cap of amounts.
    pub fn of(self, amount: Money) -> Result<Money, MoneyError> {
        let scaled = amount.amount().checked_mul(self.0).ok_or(MoneyError::TooLarge)? / Decimal::ONE_HUNDRED;
        Self::rounded(scaled, amount.currency())
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
