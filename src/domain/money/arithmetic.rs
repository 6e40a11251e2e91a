//! The arithmetic of the ledger: sums, differences and comparisons of amounts in one currency.
//!
//! Both sides always have the same currency, because both come from one wallet, order or payment. Where an amount comes
//! from outside, its currency is compared before. Two currencies in one operation are therefore a bug of this program,
//! and the operation panics, as the operators of [`Decimal`] do on overflow. A panic rolls the transaction back, so no
//! wrong figure is booked.

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use rust_decimal::Decimal;

use super::{Currency, Money};

impl Money {
    /// The sum of amounts in `currency`; zero if there are none.
    #[must_use]
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Self {
        amounts.into_iter().fold(Self::zero(currency), Add::add)
    }

    #[must_use]
    pub fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    /// The amount, or zero if it is negative.
    #[must_use]
    pub fn or_zero(self) -> Self {
        self.max(Self::zero(self.currency))
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.amount.is_zero()
    }

    /// Whether it is greater than zero.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.amount > Decimal::ZERO
    }

    /// Whether it is less than zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.amount < Decimal::ZERO
    }

    /// The share of this amount that `part` is of `whole`, rounded to the minor unit. `whole` is not zero.
    #[must_use]
    pub fn pro_rata(self, part: Self, whole: Self) -> Self {
        self.require_same_currency(part);
        self.require_same_currency(whole);
        Self { amount: self.amount * part.amount / whole.amount, currency: self.currency }.round_to_minor_unit()
    }

    fn require_same_currency(self, other: Self) {
        assert_eq!(self.currency, other.currency, "amounts of two currencies in one operation");
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.require_same_currency(other);
        Self { amount: self.amount + other.amount, currency: self.currency }
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.require_same_currency(other);
        Self { amount: self.amount - other.amount, currency: self.currency }
    }
}

impl Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        Self { amount: -self.amount, currency: self.currency }
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl PartialOrd for Money {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.require_same_currency(*other);
        Some(self.amount.cmp(&other.amount))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn money(units: i64, currency: &str) -> Money {
        Money::from_ledger(Decimal::new(units, 2), currency.parse().unwrap())
    }

    #[test]
    fn a_sum_keeps_its_currency() {
        let usd = |units| money(units, "USD");
        assert_eq!(usd(150) + usd(50) - usd(25), usd(175));
        assert_eq!(Money::sum("USD".parse().unwrap(), [usd(1), usd(2)]), usd(3));
        assert_eq!(Money::sum("USD".parse().unwrap(), []), usd(0));
        assert_eq!((usd(1).min(usd(2)), usd(1).max(usd(2)), (-usd(1)).or_zero()), (usd(1), usd(2), usd(0)));
        assert!(usd(1) < usd(2) && usd(1).is_positive() && (-usd(1)).is_negative() && usd(0).is_zero());
    }

    #[test]
    fn a_share_is_rounded_half_to_even() {
        let usd = |units| money(units, "USD");
        assert_eq!(usd(25).pro_rata(usd(50), usd(100)), usd(12));
        assert_eq!(usd(27).pro_rata(usd(50), usd(100)), usd(14));
        let vnd = |units| Money::from_ledger(Decimal::from(units), "VND".parse().unwrap());
        assert_eq!(vnd(10).pro_rata(vnd(1), vnd(3)), vnd(3));
    }

    #[test]
    fn trailing_zeros_of_a_sum_are_not_significant() {
        let whole = money(150, "USD") + money(50, "USD");
        assert_eq!(whole.to_units(0), Ok(2));
        assert!(Money::from_ledger(Decimal::new(5, 1), "JPY".parse().unwrap()).require_minor_unit().is_err());
        let half = Money::from_ledger(Decimal::new(5, 1), "JPY".parse().unwrap());
        assert!((half + half).require_minor_unit().is_ok());
    }

    #[test]
    #[should_panic(expected = "amounts of two currencies")]
    fn two_currencies_are_not_added() {
        let _ = money(1, "USD") + money(1, "CNY");
    }

    #[test]
    #[should_panic(expected = "amounts of two currencies")]
    fn two_currencies_are_not_compared() {
        let _ = money(1, "USD") < money(1, "CNY");
    }
}
