//! Channel rules: the terms on which a channel is offered, per currency and wallet.

use chrono::DateTime;
use serde_json::{Value, json};

use super::{amount, channel, product_or_main};
use crate::app::{App, Caller, Error, Expected, Problems, Saved};
use crate::domain::catalogue::{ChannelRule, Percent};
use crate::domain::code::Code;
use crate::domain::country::Country;
use crate::domain::money::{Currency, format_amount, parse_plain_decimal};
use crate::domain::payment::Channel;
use crate::storage::audit;
use crate::storage::catalogue::{channel_rules as store, products};
use crate::storage::transaction::transact;

/// The name of a rule: its channel, currency and product.
#[derive(Debug, Clone)]
pub struct RuleName {
    pub channel: String,
    pub currency: String,
    pub product: Option<String>,
}

/// The rule that a caller sends. Nothing of it is checked yet.
#[derive(Debug, Clone)]
pub struct RuleInput {
    pub enabled: bool,
    pub countries: Vec<String>,
    pub minimum: Option<String>,
    pub maximum: Option<String>,
    pub rank: i32,
    pub fee_percent: String,
    pub tax_percent: String,
    pub bonus_percent: String,
    pub processing_time: String,
}

/// All rules, sorted by currency, product and rank.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App) -> Result<Vec<ChannelRule>, Error> {
    Ok(store::list(&mut *app.pool.get().await?).await?)
}

/// Creates or replaces the rule of a channel and currency for one product, or for the main wallet. The main wallet's
/// rule also applies to products that have none.
///
/// # Errors
/// 422 naming every field that is wrong; 412 and 428 as [`Expected::check`].
pub async fn put(
    app: &App,
    caller: &Caller,
    name: &RuleName,
    expected: &Expected,
    input: &RuleInput,
) -> Result<Saved<ChannelRule>, Error> {
    let new = validate(name, input)?;
    transact(&app.pool, async |conn| {
        if !new.product.is_main() && products::find(conn, &new.product).await?.is_none() {
            return Err(Error::field("?product", Code::UnknownProduct, "there is no such product"));
        }
        let current = store::lock(conn, new.channel, new.currency, &new.product).await?;
        expected.check(current.as_ref().map(|current| current.version))?;
        let value = match &current {
            Some(_) => store::update(conn, &new).await?,
            // Another request created it since it was read.
            None => store::insert(conn, &new).await?.ok_or(Error::PreconditionFailed)?,
        };
        let detail = json!({"before": current.as_ref().map(describe), "after": describe(&value)});
        let subject = format!("channel_rule:{}:{}:{}", value.channel, value.currency, value.product.as_column());
        audit::write(conn, &caller.actor(), "channel_rule.saved", &subject, &detail).await?;
        Ok(Saved { value, created: current.is_none() })
    })
    .await
}

fn validate(name: &RuleName, input: &RuleInput) -> Result<ChannelRule, Error> {
    let mut problems = Problems::new();
    let channel = channel(&mut problems, "/channel", &name.channel);
    let currency = problems.checked_money("/currency", name.currency.parse::<Currency>());
    let product = product_or_main(&mut problems, "?product", name.product.as_deref());
    let (Some(channel), Some(currency), Some(product)) = (channel, currency, product) else {
        return Err(problems.into_error());
    };
    let mut bound = |pointer, text: &Option<String>| {
        text.as_deref().and_then(|text| amount(&mut problems, pointer, text, currency))
    };
    let (minimum, maximum) = (bound("/minimum", &input.minimum), bound("/maximum", &input.maximum));
    if minimum.zip(maximum).is_some_and(|(minimum, maximum)| minimum.amount() > maximum.amount()) {
        problems.add("/maximum", Code::BelowMinimum, "must not be below the minimum");
    }
    let countries = countries(&mut problems, &input.countries);
    if !(0..=1_000_000).contains(&input.rank) {
        problems.add("/rank", Code::OutOfRange, "must be 0 to 1000000");
    }
    let fee = percent(&mut problems, "/fee_percent", &input.fee_percent);
    let tax = percent(&mut problems, "/tax_percent", &input.tax_percent);
    let bonus = percent(&mut problems, "/bonus_percent", &input.bonus_percent);
    let processing_time = problems.text("/processing_time", &input.processing_time, 1, 100);
    let (Some(fee), Some(tax), Some(bonus), Some(processing_time)) = (fee, tax, bonus, processing_time) else {
        return Err(problems.into_error());
    };
    if fee.value() + tax.value() >= rust_decimal::Decimal::ONE_HUNDRED {
        problems.add("/fee_percent", Code::OutOfRange, "fee and tax together must leave something to credit");
    }
    if channel == Channel::Balance && !(fee.is_zero() && tax.is_zero() && bonus.is_zero()) {
        problems.add("/channel", Code::NoPrice, "a payment from the wallet is a transfer: its percentages must be 0");
    }
    problems.finish()?;
    Ok(ChannelRule {
        channel,
        currency,
        product,
        enabled: input.enabled,
        countries,
        minimum,
        maximum,
        rank: input.rank,
        fee,
        tax,
        bonus,
        processing_time,
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
    })
}

fn countries(problems: &mut Problems, codes: &[String]) -> Vec<Country> {
    let mut found = Vec::new();
    for (at, code) in codes.iter().enumerate().take(250) {
        match code.parse::<Country>() {
            Ok(country) if found.contains(&country) => {
                problems.add(format!("/countries/{at}"), Code::Duplicate, "is there already");
            }
            Ok(country) => found.push(country),
            Err(error) => problems.add(format!("/countries/{at}"), Code::UnknownCountry, error.to_string()),
        }
    }
    if codes.len() > 250 {
        problems.add("/countries", Code::TooMany, "must be 250 at most");
    }
    found
}

fn percent(problems: &mut Problems, pointer: &str, text: &str) -> Option<Percent> {
    let share = problems.checked_money(pointer, parse_plain_decimal(text))?;
    let percent = Percent::new(share);
    if percent.is_none() {
        problems.add(pointer, Code::OutOfRange, "must be 0 to 100 with at most four decimals");
    }
    percent
}

fn describe(rule: &ChannelRule) -> Value {
    json!({
        "enabled": rule.enabled,
        "countries": rule.countries.iter().map(|country| country.code()).collect::<Vec<_>>(),
        "minimum": rule.minimum.map(format_amount),
        "maximum": rule.maximum.map(format_amount),
        "rank": rule.rank,
        "fee_percent": rule.fee.to_string(),
        "tax_percent": rule.tax.to_string(),
        "bonus_percent": rule.bonus.to_string(),
        "processing_time": rule.processing_time,
        "version": rule.version,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(channel: &str, currency: &str) -> RuleName {
        RuleName { channel: channel.to_owned(), currency: currency.to_owned(), product: None }
    }

    fn input() -> RuleInput {
        RuleInput {
            enabled: true,
            countries: vec!["VN".to_owned()],
            minimum: Some("10".to_owned()),
            maximum: None,
            rank: 1,
            fee_percent: "2.9".to_owned(),
            tax_percent: "0".to_owned(),
            bonus_percent: "0".to_owned(),
            processing_time: "instant".to_owned(),
        }
    }

    fn broken(name: &RuleName, input: &RuleInput) -> Vec<(String, Code)> {
        match validate(name, input) {
            Err(Error::Invalid(errors)) => errors.into_iter().map(|error| (error.pointer, error.code)).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn every_broken_field_is_named_at_once() {
        let input = RuleInput {
            countries: vec!["VN".to_owned(), "vn".to_owned(), "VN".to_owned()],
            minimum: Some("10.001".to_owned()),
            rank: -1,
            fee_percent: "2.90001".to_owned(),
            tax_percent: "-1".to_owned(),
            processing_time: String::new(),
            ..input()
        };
        let expected = [
            ("/minimum", Code::TooPrecise),
            ("/countries/1", Code::UnknownCountry),
            ("/countries/2", Code::Duplicate),
            ("/rank", Code::OutOfRange),
            ("/fee_percent", Code::OutOfRange),
            ("/tax_percent", Code::NotAPlainDecimal),
            ("/processing_time", Code::Required),
        ];
        assert_eq!(broken(&name("card", "USD"), &input), expected.map(|(p, code)| (p.to_owned(), code)));
    }

    #[test]
    fn something_is_always_credited() {
        let input = RuleInput { fee_percent: "60".to_owned(), tax_percent: "40".to_owned(), ..input() };
        assert_eq!(broken(&name("card", "USD"), &input), [("/fee_percent".to_owned(), Code::OutOfRange)]);
    }

    #[test]
    fn a_transfer_has_no_price() {
        assert_eq!(broken(&name("balance", "USD"), &input()), [("/channel".to_owned(), Code::NoPrice)]);
        assert!(validate(&name("card", "USD"), &input()).is_ok());
    }
}
