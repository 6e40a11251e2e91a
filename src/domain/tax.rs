//! The tax of a top-up.
//!
//! Rules are the operator's data, and none are shipped. A rule is for one country of the seller, one country of the
//! customer, and for consumers or businesses. A customer is a business only if an operator has verified the tax id. An
//! order keeps the rule by which it was taxed.

use chrono::{DateTime, Utc};

use super::country::Country;
use super::money::{Money, MoneyError};
use super::percent::Percent;

/// When credit is taxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaxedAt {
    TopUp,
    /// The credit can buy things that are taxed differently, so its use is taxed, and not its purchase.
    Never,
}

impl TaxedAt {
    pub const ALL: [Self; 2] = [Self::TopUp, Self::Never];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TopUp => "top_up",
            Self::Never => "never",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|at| at.as_str() == text)
    }
}

/// The customers that a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxKey {
    pub seller: Country,
    /// `None`: all countries without a rule of their own.
    pub customer: Option<Country>,
    /// Businesses whose tax id was verified; otherwise all other customers.
    pub business: bool,
}

/// The terms of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxTerms {
    pub rate: Percent,
    /// The price contains the tax. Otherwise the payer pays it on top.
    pub inclusive: bool,
    pub at: TaxedAt,
    /// The business itself owes the tax, in its own country.
    pub reverse_charge: bool,
}

/// A rule that the operator keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRule {
    pub key: TaxKey,
    pub terms: TaxTerms,
    pub enabled: bool,
    pub version: i64,
    pub updated_at: DateTime<Utc>,
    /// Who changed it last.
    pub updated_by: String,
}

/// The rule by which an order is taxed, as it was then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppliedTax {
    pub key: TaxKey,
    pub version: i64,
    pub terms: TaxTerms,
}

/// The tax of an amount. At most one of the two is more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tax {
    /// The part that the payer pays on top.
    pub on_top: Money,
    /// The part that the amount contains.
    pub included: Money,
}

impl Tax {
    /// The tax of an amount under a rule; without a rule there is none.
    ///
    /// # Errors
    /// [`MoneyError`] beyond the cap of amounts.
    pub fn of(amount: Money, rule: Option<AppliedTax>) -> Result<Self, MoneyError> {
        let none = Money::zero(amount.currency());
        match rule.map(|rule| rule.terms).filter(|terms| terms.at == TaxedAt::TopUp) {
            None => Ok(Self { on_top: none, included: none }),
            Some(terms) if terms.inclusive => Ok(Self { on_top: none, included: terms.rate.contained_in(amount)? }),
            Some(terms) => Ok(Self { on_top: terms.rate.of(amount)?, included: none }),
        }
    }
}

/// Why terms are impossible: the field, and the rule that it breaks.
#[must_use]
pub fn contradiction(key: TaxKey, terms: TaxTerms) -> Option<(&'static str, &'static str)> {
    if terms.at == TaxedAt::Never && (!terms.rate.is_zero() || terms.reverse_charge) {
        return Some(("/rate_percent", "must be 0 without reverse charge, where top-ups are never taxed"));
    }
    if !terms.reverse_charge {
        return None;
    }
    if !key.business {
        return Some(("/reverse_charge", "is for businesses only"));
    }
    if key.customer == Some(key.seller) {
        return Some(("/reverse_charge", "is never for the seller's own country"));
    }
    (!terms.rate.is_zero()).then_some(("/rate_percent", "must be 0 with reverse charge"))
}

/// Finds the rule for a customer: that of the customer's country, and for businesses first. Reverse charge never
/// applies in the seller's own country, not even by the rule for all other countries. If the seller's own country has a
/// rule, the rule for all others does not apply to its customers.
#[must_use]
pub fn choose(rules: &[TaxRule], seller: Country, customer: Country, business: bool) -> Option<AppliedTax> {
    let find = |of: Option<Country>, business: bool| {
        rules.iter().find(|rule| {
            rule.enabled
                && rule.key == TaxKey { seller, customer: of, business }
                && !(rule.terms.reverse_charge && customer == seller)
        })
    };
    let of_business = || find(Some(customer), true).or_else(|| find(None, true));
    let of_consumer = || find(Some(customer), false).or_else(|| find(None, false));
    let at_home = || find(Some(customer), business).or_else(|| find(Some(customer), false));
    let found = match (customer == seller).then(at_home).flatten() {
        Some(rule) => Some(rule),
        None if business => of_business().or_else(of_consumer),
        None => of_consumer(),
    };
    found.map(|rule| AppliedTax { key: rule.key, version: rule.version, terms: rule.terms })
}

/// What decides about a customer's tax, together with the operator's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taxpayer {
    pub country: Country,
    /// Whether the customer is a business whose tax id was verified.
    pub business: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    fn country(code: &str) -> Country {
        code.parse().unwrap()
    }

    fn terms(rate: &str, inclusive: bool) -> TaxTerms {
        let rate = Percent::new(rate.parse().unwrap()).unwrap();
        TaxTerms { rate, inclusive, at: TaxedAt::TopUp, reverse_charge: false }
    }

    fn rule(customer: Option<&str>, business: bool, terms: TaxTerms) -> TaxRule {
        let key = TaxKey { seller: country("DE"), customer: customer.map(country), business };
        let (version, updated_at) = (1, DateTime::UNIX_EPOCH);
        TaxRule { key, terms, enabled: true, version, updated_at, updated_by: "operator:ops".to_owned() }
    }

    /// A seller in Germany: 19 % at home, each country's rate for consumers, reverse charge for businesses abroad.
    fn rules() -> Vec<TaxRule> {
        let reverse = TaxTerms { reverse_charge: true, ..terms("0", false) };
        vec![
            rule(Some("DE"), false, terms("19", false)),
            rule(Some("FR"), false, terms("20", false)),
            rule(None, true, reverse),
            rule(None, false, TaxTerms { at: TaxedAt::Never, ..terms("0", false) }),
        ]
    }

    fn rate(rules: &[TaxRule], customer: &str, business: bool) -> Option<(String, bool)> {
        choose(rules, country("DE"), country(customer), business)
            .map(|rule| (rule.terms.rate.to_string(), rule.terms.reverse_charge))
    }

    #[test]
    fn the_customers_country_and_business_choose_the_rule() {
        let rules = rules();
        let found = |customer, business| rate(&rules, customer, business).unwrap();
        assert_eq!(found("DE", false), ("19".to_owned(), false));
        assert_eq!(found("FR", false), ("20".to_owned(), false));
        assert_eq!(found("FR", true), ("0".to_owned(), true));
        assert_eq!(found("VN", false), ("0".to_owned(), false));
        // Never reverse charge in the seller's own country, although there is no rule for German businesses.
        assert_eq!(found("DE", true), ("19".to_owned(), false));
        let abroad = TaxRule { terms: terms("0", false), ..rules[2].clone() };
        let at_home = [rules[0].clone(), abroad];
        assert_eq!(rate(&at_home, "DE", true), Some(("19".to_owned(), false)), "not the rule for all others");
        assert_eq!(choose(&rules, country("FR"), country("DE"), false), None);
        let off: Vec<TaxRule> = rules.iter().cloned().map(|rule| TaxRule { enabled: false, ..rule }).collect();
        assert_eq!(rate(&off, "DE", false), None);
        assert_eq!(rate(&rules[..1], "FR", true), None);
    }

    #[test]
    fn terms_that_contradict_themselves_are_named() {
        let key =
            |customer: &str, business| TaxKey { seller: country("DE"), customer: Some(country(customer)), business };
        let reverse = |rate| TaxTerms { reverse_charge: true, ..terms(rate, false) };
        let field = |key, terms| contradiction(key, terms).map(|(field, _)| field);
        assert_eq!(field(key("FR", true), reverse("0")), None);
        assert_eq!(field(key("DE", true), reverse("0")), Some("/reverse_charge"));
        assert_eq!(field(key("FR", false), reverse("0")), Some("/reverse_charge"));
        assert_eq!(field(key("FR", true), reverse("1")), Some("/rate_percent"));
        let never = TaxTerms { at: TaxedAt::Never, ..terms("1", false) };
        assert_eq!(field(key("FR", false), never), Some("/rate_percent"));
        assert_eq!(field(key("FR", false), terms("19", true)), None);
    }

    #[test]
    fn a_price_contains_its_tax_or_bears_it_on_top() {
        let eur = |text: &str| Money::new(text.parse().unwrap(), "EUR".parse().unwrap()).unwrap();
        let of = |terms| {
            let rule = AppliedTax { key: rule(None, false, terms).key, version: 1, terms };
            let tax = Tax::of(eur("100"), Some(rule)).unwrap();
            (tax.on_top, tax.included)
        };
        assert_eq!(of(terms("19", false)), (eur("19"), eur("0")));
        assert_eq!(of(terms("19", true)), (eur("0"), eur("15.97")));
        assert_eq!(of(TaxTerms { at: TaxedAt::Never, ..terms("0", true) }), (eur("0"), eur("0")));
    }

    proptest! {
        /// The contained tax is the tax of the rest, to within half of the smallest unit.
        #[test]
        fn what_a_price_contains_is_the_tax_of_the_rest(units in 1_i64..1_000_000_000, rate in 0_i64..=1_000_000) {
            let amount = Money::from_ledger(Decimal::new(units, 2), "EUR".parse().unwrap());
            let rate = Percent::new(Decimal::new(rate, 4)).unwrap();
            let included = rate.contained_in(amount).unwrap();
            prop_assert!(!included.amount().is_sign_negative() && included <= amount);
            let net = amount - included;
            let exact = net.amount() * rate.value() / Decimal::ONE_HUNDRED;
            prop_assert!((exact - included.amount()).abs() <= Decimal::new(1, 2), "{} {} {}", amount, rate, included);
        }
    }
}
