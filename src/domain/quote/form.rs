//! The text form of a quote's prices: short, because requests contain it. Only signed texts are read.

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::FixedPrices;
use crate::domain::bonus::BonusTerms;
use crate::domain::catalogue::Price;
use crate::domain::money::{Currency, Money};
use crate::domain::payment::Channel;
use crate::domain::percent::Percent;
use crate::domain::product::Product;
use crate::domain::tax::Taxpayer;
use crate::domain::tax::{AppliedTax, TaxKey, TaxTerms, TaxedAt};

#[derive(Serialize, Deserialize)]
struct KeptQuote {
    currency: String,
    amount: String,
    product: String,
    /// Seconds since 1970.
    until: i64,
    /// Country, and whether it is a business.
    taxpayer: Option<(String, bool)>,
    tax: Option<KeptTax>,
    prices: Vec<KeptPrice>,
}

/// Seller's country, customer's country, business, version, rate, inclusive, when it is taxed, reverse charge.
#[derive(Serialize, Deserialize)]
struct KeptTax(String, Option<String>, bool, i64, String, bool, String, bool);

/// Channel, fee, whether it comes on top and is refundable, tax on top, tax included, whether a tax rule applies, bonus
/// and its terms. What is paid and credited follows.
#[derive(Serialize, Deserialize)]
struct KeptPrice(String, String, bool, bool, String, String, bool, String, KeptTerms);

/// Tier, once, for the first top-up, days, reserved.
#[derive(Serialize, Deserialize)]
struct KeptTerms(Option<String>, bool, bool, Option<i32>, bool);

pub(super) fn write(fixed: &FixedPrices) -> Vec<u8> {
    let text = |money: Money| money.amount().normalize().to_string();
    let kept = KeptQuote {
        currency: fixed.amount.currency().code().to_owned(),
        amount: text(fixed.amount),
        product: fixed.product.as_column().to_owned(),
        until: fixed.expires_at.timestamp(),
        taxpayer: fixed.taxpayer.map(|of| (of.country.code().to_owned(), of.business)),
        tax: fixed.prices.iter().find_map(|(_, price)| price.tax_rule).map(write_tax),
        prices: fixed
            .prices
            .iter()
            .map(|(channel, price)| {
                let terms = price.bonus_terms;
                KeptPrice(
                    channel.as_str().to_owned(),
                    text(price.fee),
                    price.fee_on_top,
                    price.fee_refundable,
                    text(price.tax),
                    text(price.tax_included),
                    price.tax_rule.is_some(),
                    text(price.bonus),
                    KeptTerms(
                        terms.tier.map(|tier| tier.as_simple().to_string()),
                        terms.once,
                        terms.first,
                        terms.expires_after_days,
                        terms.reserved,
                    ),
                )
            })
            .collect(),
    };
    serde_json::to_vec(&kept).unwrap_or_default()
}

fn write_tax(rule: AppliedTax) -> KeptTax {
    KeptTax(
        rule.key.seller.code().to_owned(),
        rule.key.customer.map(|country| country.code().to_owned()),
        rule.key.business,
        rule.version,
        rule.terms.rate.to_string(),
        rule.terms.inclusive,
        rule.terms.at.as_str().to_owned(),
        rule.terms.reverse_charge,
    )
}

pub(super) fn read(payload: &[u8]) -> Option<FixedPrices> {
    let kept: KeptQuote = serde_json::from_slice(payload).ok()?;
    let currency: Currency = kept.currency.parse().ok()?;
    let amount = money(&kept.amount, currency)?;
    let tax_rule = match kept.tax {
        Some(tax) => Some(read_tax(&tax)?),
        None => None,
    };
    let taxpayer = match kept.taxpayer {
        Some((country, business)) => Some(Taxpayer { country: country.parse().ok()?, business }),
        None => None,
    };
    let prices = kept.prices.iter().map(|price| read_price(price, amount, tax_rule)).collect::<Option<_>>()?;
    Some(FixedPrices {
        amount,
        product: Product::from_column(&kept.product),
        expires_at: DateTime::from_timestamp(kept.until, 0)?,
        taxpayer,
        prices,
    })
}

fn money(text: &str, currency: Currency) -> Option<Money> {
    Money::new(text.parse().ok()?, currency).ok()
}

fn read_price(kept: &KeptPrice, amount: Money, tax_rule: Option<AppliedTax>) -> Option<(Channel, Price)> {
    let KeptPrice(channel, fee, fee_on_top, fee_refundable, tax, tax_included, is_taxed, bonus, terms) = kept;
    let KeptTerms(tier, once, first, expires_after_days, reserved) = terms;
    let money = |text: &str| money(text, amount.currency());
    let (fee, tax) = (money(fee)?, money(tax)?);
    let (taxed, credited) = match fee_on_top {
        true => (amount.checked_add(fee).ok()?, amount),
        false => (amount, amount.checked_sub(fee).ok()?),
    };
    let tier = match tier {
        Some(tier) => Some(Uuid::try_parse(tier).ok()?),
        None => None,
    };
    let price = Price {
        amount,
        payable: taxed.checked_add(tax).ok()?,
        fee,
        fee_on_top: *fee_on_top,
        fee_refundable: *fee_refundable,
        tax,
        tax_included: money(tax_included)?,
        tax_rule: tax_rule.filter(|_| *is_taxed),
        bonus: money(bonus)?,
        bonus_terms: BonusTerms {
            tier,
            once: *once,
            first: *first,
            expires_after_days: *expires_after_days,
            reserved: *reserved,
        },
        credited,
    };
    Some((channel.parse().ok()?, price))
}

fn read_tax(kept: &KeptTax) -> Option<AppliedTax> {
    let KeptTax(seller, customer, business, version, rate, inclusive, at, reverse_charge) = kept;
    let customer = match customer {
        Some(customer) => Some(customer.parse().ok()?),
        None => None,
    };
    Some(AppliedTax {
        key: TaxKey { seller: seller.parse().ok()?, customer, business: *business },
        version: *version,
        terms: TaxTerms {
            rate: Percent::new(rate.parse().ok()?)?,
            inclusive: *inclusive,
            at: TaxedAt::parse(at)?,
            reverse_charge: *reverse_charge,
        },
    })
}
