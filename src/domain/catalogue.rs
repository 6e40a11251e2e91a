//! The catalogue, which operators edit: products, top-up options, channel rules with their prices, bank accounts and
//! agreements.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::bonus::BonusTerms;
use super::business_days::BusinessCalendar;
use super::country::Country;
use super::money::{Currency, Money, MoneyError};
use super::own_word::ProposalEnd;
use super::payment::Channel;
use super::percent::Percent;
use super::product::Product;
use super::tax::{AppliedTax, Tax};
use super::viet_qr;

/// A product, as the catalogue describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductInfo {
    pub product: Product,
    pub name: String,
    /// Whether money can be added to it.
    pub active: bool,
    /// Whether paid money may go back to the main wallet.
    pub returnable: bool,
    pub version: i64,
    pub updated_at: DateTime<Utc>,
    /// Who changed it last.
    pub updated_by: String,
}

/// What a customer accepts with every order. The content of a version never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    pub version: String,
    pub url: String,
    pub active: bool,
    pub created_at: DateTime<Utc>,
    /// Who published it, or activated it last.
    pub updated_by: String,
}

/// The text of an agreement in a language, as BCP 47 names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementText {
    pub language: String,
    pub text: String,
}

/// The best language for a reader who wants these languages, the preferred one first: the same language, another form
/// of it, English, or else the first. `None` if there is none.
#[must_use]
pub fn language_for<'l>(languages: &'l [String], wanted: &[String]) -> Option<&'l String> {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_lowercase();
    let same = |one: &str| languages.iter().find(|language| language.eq_ignore_ascii_case(one));
    let alike = |one: &str| languages.iter().find(|language| primary(language) == primary(one));
    let found = wanted.iter().find_map(|one| same(one).or_else(|| alike(one)));
    found.or_else(|| alike("en")).or_else(|| languages.first())
}

/// The amounts that a customer may choose in a currency. Any amount in the range is accepted; the presets are a
/// convenience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUpOptions {
    /// The options of the main wallet also apply to products that have none of their own.
    pub product: Product,
    pub presets: Vec<Money>,
    /// The least and the most that can be paid.
    pub minimum: Money,
    pub maximum: Money,
    /// How long an order waits for its money: 30–1440 minutes. An order by bank transfer waits for days instead.
    pub order_ttl_minutes: i32,
    pub version: i64,
    pub updated_at: DateTime<Utc>,
    /// Who changed it last.
    pub updated_by: String,
}

impl TopUpOptions {
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.minimum.currency()
    }
}

/// The terms on which a channel is offered in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRule {
    pub channel: Channel,
    pub currency: Currency,
    /// The rule of the main wallet also applies to products that have none of their own.
    pub product: Product,
    pub enabled: bool,
    /// The countries of the customers who may use the channel. Empty means every country.
    pub countries: Vec<Country>,
    /// The least and the most that can be paid.
    pub minimum: Option<Money>,
    pub maximum: Option<Money>,
    /// The place of the channel in lists.
    pub rank: i32,
    /// Whether the channel is recommended if it is eligible. If no eligible channel is, the one with the lowest rank
    /// is recommended.
    pub recommended: bool,
    pub fee: Percent,
    /// Whether the payer pays the fee on top of the amount. Otherwise the fee is deducted from what is credited.
    pub fee_on_top: bool,
    /// Whether a refund gives the fee back, in proportion. Tax always goes back with what it was charged on.
    pub fee_refundable: bool,
    pub bonus: Percent,
    pub processing_time: String,
    /// `processing_time` as data; `None`: it is not stated.
    pub processing_days: Option<ProcessingDays>,
    pub version: i64,
    pub updated_at: DateTime<Utc>,
    /// Who changed it last.
    pub updated_by: String,
}

/// How long the money of a channel takes to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessingDays {
    pub min: u32,
    /// At most a year.
    pub max: u32,
    /// Only business days count.
    pub business: bool,
}

impl ProcessingDays {
    /// `None` for days that are not a range within a year.
    #[must_use]
    pub fn new(min: i32, max: i32, business: bool) -> Option<Self> {
        let (min, max) = (u32::try_from(min).ok()?, u32::try_from(max).ok()?);
        (min <= max && max <= 365).then_some(Self { min, max, business })
    }

    /// The latest moment at which money sent at `from` arrives: the end of the last day.
    #[must_use]
    pub fn due_at(self, from: DateTime<Utc>, calendar: &BusinessCalendar) -> DateTime<Utc> {
        calendar.end_of_day_after(from, self.max, self.business)
    }
}

/// One of our own accounts, which customers transfer money to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankAccount {
    pub id: Uuid,
    pub currency: Currency,
    pub bank_name: String,
    pub account_name: String,
    pub account_number: String,
    pub branch: Option<String>,
    /// The branch's code in China's clearing system (CNAPS).
    pub cnaps_code: Option<String>,
    /// The bank's number at NAPAS, the network of Vietnam's banks.
    pub napas_bin: Option<String>,
    pub swift_bic: Option<String>,
    pub bank_address: Option<String>,
    pub active: bool,
    pub version: i64,
    pub updated_at: DateTime<Utc>,
    /// Who changed it last.
    pub updated_by: String,
}

impl BankAccount {
    /// The text of a VietQR code for a transfer to it. Only a bank in Vietnam's network has one, and only for VND.
    #[must_use]
    pub fn viet_qr(&self, amount: Money, reference: &str) -> Option<String> {
        viet_qr::text(self.napas_bin.as_deref()?, &self.account_number, amount, reference)
    }
}

/// An account as payers were shown it at a time. A later change closes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountVersion {
    pub account: BankAccount,
    /// When another version took its place.
    pub closed_at: Option<DateTime<Utc>>,
}

/// A change of an account that a second operator must approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankAccountChange {
    pub id: Uuid,
    /// The account after the change. Its version is the one that it replaces; 0 for a new account.
    pub account: BankAccount,
    pub proposed_by: String,
    pub proposed_at: DateTime<Utc>,
    /// `None` while it waits.
    pub end: Option<ProposalEnd>,
}

/// What an order costs and what it credits, all in its currency. payable = credited + fee + tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// What the wallet is to get before fees.
    pub amount: Money,
    /// What the payer pays: amount + tax, and the fee if it comes on top.
    pub payable: Money,
    pub fee: Money,
    pub fee_on_top: bool,
    pub fee_refundable: bool,
    /// The tax that the payer pays on top of the amount.
    pub tax: Money,
    /// The tax that the payable amount contains.
    pub tax_included: Money,
    /// The tax rule that applies.
    pub tax_rule: Option<AppliedTax>,
    /// Promotional credit on top. It is not part of `credited`.
    pub bonus: Money,
    pub bonus_terms: BonusTerms,
    /// The paid money that the wallet receives: the amount, less the fee if it does not come on top.
    pub credited: Money,
}

/// The price of an amount under a rule, and under the tax rule of the customer. What is taxed is what the payer pays
/// for credit and fee.
///
/// # Errors
/// [`MoneyError::NotPositive`] when the fee leaves nothing to credit, [`MoneyError::TooLarge`].
pub fn price(rule: &ChannelRule, amount: Money, tax_rule: Option<AppliedTax>) -> Result<Price, MoneyError> {
    let fee = rule.fee.of(amount)?;
    let (taxed, credited) = match rule.fee_on_top {
        true => (amount.checked_add(fee)?, amount),
        false => (amount, amount.checked_sub(fee)?),
    };
    let tax = Tax::of(taxed, tax_rule)?;
    Ok(Price {
        amount,
        payable: taxed.checked_add(tax.on_top)?,
        fee,
        fee_on_top: rule.fee_on_top,
        fee_refundable: rule.fee_refundable,
        tax: tax.on_top,
        tax_included: tax.included,
        tax_rule,
        bonus: rule.bonus.of(amount)?,
        bonus_terms: BonusTerms::default(),
        credited: Money::positive(credited.amount(), credited.currency())?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::tax::{TaxKey, TaxTerms, TaxedAt};
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    fn money_of(text: &str, currency: &str) -> Money {
        Money::new(text.parse().unwrap(), currency.parse().unwrap()).unwrap()
    }

    fn rule(currency: &str, fee: &str, fee_on_top: bool, bonus: &str) -> ChannelRule {
        let percent = |text: &str| Percent::new(text.parse().unwrap()).unwrap();
        ChannelRule {
            channel: Channel::Card,
            currency: currency.parse().unwrap(),
            product: Product::main(),
            enabled: true,
            countries: Vec::new(),
            minimum: None,
            maximum: None,
            rank: 1,
            recommended: false,
            fee: percent(fee),
            fee_on_top,
            fee_refundable: true,
            bonus: percent(bonus),
            processing_time: "instant".to_owned(),
            processing_days: None,
            version: 1,
            updated_at: DateTime::UNIX_EPOCH,
            updated_by: "operator:ops".to_owned(),
        }
    }

    fn tax(rate: i64, inclusive: bool) -> Option<AppliedTax> {
        let seller: Country = "DE".parse().unwrap();
        let key = TaxKey { seller, customer: None, business: false };
        let rate = Percent::new(Decimal::new(rate, 4)).unwrap();
        let terms = TaxTerms { rate, inclusive, at: TaxedAt::TopUp, reverse_charge: false };
        Some(AppliedTax { key, version: 1, terms })
    }

    #[test]
    fn tax_is_of_all_that_is_paid_for_credit_and_fee() {
        for (on_top, inclusive, payable, on, included, credited) in [
            (false, false, "119", "19", "0", "90"),
            (true, false, "130.90", "20.90", "0", "100"),
            (false, true, "100", "0", "15.97", "90"),
            (true, true, "110", "0", "17.56", "100"),
        ] {
            let of = tax(190_000, inclusive);
            let price = price(&rule("EUR", "10", on_top, "0"), money_of("100", "EUR"), of).unwrap();
            let found = [price.payable, price.tax, price.tax_included, price.credited];
            assert_eq!(found, [payable, on, included, credited].map(|text| money_of(text, "EUR")));
        }
    }

    #[test]
    fn the_fee_comes_off_or_on_top_and_the_bonus_stands_beside() {
        for (on_top, payable, credited) in [(false, "100", "97.10"), (true, "102.90", "100")] {
            let price = price(&rule("USD", "2.9", on_top, "5"), money_of("100", "USD"), None).unwrap();
            assert_eq!((price.fee, price.bonus), (money_of("2.90", "USD"), money_of("5", "USD")));
            assert_eq!((price.payable, price.credited), (money_of(payable, "USD"), money_of(credited, "USD")));
        }
    }

    #[test]
    fn shares_round_half_to_even_at_the_minor_unit() {
        // 2.5 % of 0.60 is 0.015, of 1.00 is 0.025: both halves go to 0.02.
        assert_eq!(
            price(&rule("USD", "2.5", false, "0"), money_of("0.60", "USD"), None).unwrap().fee,
            money_of("0.02", "USD")
        );
        assert_eq!(
            price(&rule("USD", "2.5", false, "0"), money_of("1", "USD"), None).unwrap().fee,
            money_of("0.02", "USD")
        );
        assert_eq!(
            price(&rule("VND", "0.5", false, "0"), money_of("10100", "VND"), None).unwrap().fee,
            money_of("50", "VND")
        );
    }

    #[test]
    fn an_order_that_would_credit_nothing_has_no_price() {
        assert_eq!(price(&rule("USD", "100", false, "0"), money_of("10", "USD"), None), Err(MoneyError::NotPositive));
        let on_top = price(&rule("USD", "100", true, "0"), money_of("10", "USD"), None).unwrap();
        assert_eq!((on_top.payable, on_top.credited), (money_of("20", "USD"), money_of("10", "USD")));
    }

    #[test]
    fn a_reader_gets_the_language_that_fits_best() {
        let languages = ["en", "vi", "zh-CN", "zh-TW"].map(str::to_owned);
        let read = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|one| (*one).to_owned()).collect();
            language_for(&languages, &wanted).map(String::as_str)
        };
        for (wanted, language) in [
            (&["zh-tw"][..], "zh-TW"),
            (&["zh"], "zh-CN"),
            (&["vi-VN", "en"], "vi"),
            (&["fr", "vi"], "vi"),
            (&["fr"], "en"),
            (&[], "en"),
        ] {
            assert_eq!(read(wanted), Some(language), "{wanted:?}");
        }
        assert_eq!(language_for(&languages[1..], &[]).map(String::as_str), Some("vi"));
        assert_eq!(language_for(&[], &["en".to_owned()]), None);
    }

    #[test]
    fn percents_have_bounds() {
        for bad in ["-0.1", "100.0001", "1.00001"] {
            assert_eq!(Percent::new(bad.parse().unwrap()), None, "{bad}");
        }
        assert_eq!(Percent::new("2.90000".parse().unwrap()).unwrap().to_string(), "2.9");
    }

    proptest! {
        #[test]
        fn every_unit_paid_is_credited_or_named(
            units in 1_i64..1_000_000_000_000, fee in 0_i64..=1_000_000, on_top in prop::bool::ANY,
            bonus in 0_i64..=1_000_000, rate in 0_i64..=1_000_000, inclusive in prop::bool::ANY,
            code in prop::sample::select(vec!["USD", "CNY", "VND"]),
        ) {
            let currency: Currency = code.parse().unwrap();
            let amount = Money::from_units(units, currency.exponent(), currency).unwrap();
            let percent = |units| Percent::new(Decimal::new(units, 4)).unwrap();
            let rule = ChannelRule { fee: percent(fee), bonus: percent(bonus), ..rule(code, "0", on_top, "0") };
            match price(&rule, amount, tax(rate, inclusive)) {
            Ok(price) => {
                prop_assert_eq!(price.credited + price.fee + price.tax, price.payable);
                let whole = if on_top { price.credited } else { price.payable - price.tax };
                prop_assert_eq!(whole, amount);
                prop_assert!(price.payable >= amount && price.tax_included <= price.payable);
                let other = if inclusive { price.tax } else { price.tax_included };
                prop_assert!(other.is_zero());
                for part in [price.credited, price.fee, price.tax, price.tax_included, price.bonus] {
                    prop_assert!(part.amount() >= Decimal::ZERO);
                    prop_assert!(part.require_minor_unit().is_ok());
                }
            }
            Err(MoneyError::TooLarge) => prop_assert!(on_top || !inclusive),
            Err(_) => prop_assert!(!on_top && fee > 400_000, "a modest share always leaves something"),
            }
        }
    }
}
