//! Channel rules: the terms on which a channel is offered, per currency and wallet.

use chrono::DateTime;
use serde_json::{Value, json};

use crate::app::{App, Caller, Error, Expected, Problems, Saved};
use crate::domain::audit::AuditRecord;
use crate::domain::catalogue::{ChannelRule, ProcessingDays};
use crate::domain::code::Code;
use crate::domain::country::Country;
use crate::domain::money::{Currency, Money, format_amount};
use crate::domain::payment::Channel;
use crate::domain::percent::Percent;
use crate::domain::product::Product;
use crate::storage::audit;
use crate::storage::catalogue::{channel_rules as store, products};
use crate::storage::transaction::transact;

/// The rule that an operator saves. Its amounts are in its currency.
#[derive(Debug, Clone)]
pub struct NewRule {
    pub channel: Channel,
    pub currency: Currency,
    /// The main wallet, or a product.
    pub product: Product,
    pub enabled: bool,
    pub countries: Vec<Country>,
    pub minimum: Option<Money>,
    pub maximum: Option<Money>,
    pub rank: i32,
    pub recommended: bool,
    pub fee: Percent,
    /// Whether the payer pays the fee on top of the amount. Otherwise the fee is deducted from what is credited.
    pub fee_on_top: bool,
    /// Whether a refund gives the fee back.
    pub fee_refundable: bool,
    pub bonus: Percent,
    /// 1–100 characters.
    pub processing_time: String,
    pub processing_days: Option<ProcessingDays>,
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
pub async fn put(app: &App, caller: &Caller, expected: &Expected, new: NewRule) -> Result<Saved<ChannelRule>, Error> {
    check(&new, "")?;
    let new = draft(new, caller.actor());
    transact(&app.pool, async |conn| {
        if !new.product.is_main() && products::find(conn, &new.product).await?.is_none() {
            return Err(Error::field("?product", Code::UnknownProduct, "is not a product of this platform"));
        }
        let current = store::lock(conn, new.channel, new.currency, &new.product).await?;
        expected.check(current.as_ref().map(|current| current.version))?;
        let value = match &current {
            Some(_) => store::update(conn, &new).await?,
            // Another request has created it since then.
            None => store::insert(conn, &new).await?.ok_or(Error::PreconditionFailed)?,
        };
        let record = AuditRecord::new(
            &caller.actor(),
            "channel_rule.saved",
            format!("channel_rule:{}:{}:{}", value.channel, value.currency, value.product.as_column()),
        );
        audit::write(conn, &record.from(current.as_ref().map(describe)).to(describe(&value))).await?;
        Ok(Saved { value, created: current.is_none() })
    })
    .await
}

/// What is offered must be possible: a range of amounts, each country once, and something to credit. `at` is the place
/// of the rule in the body.
pub(super) fn check(new: &NewRule, at: &str) -> Result<(), Error> {
    let mut problems = Problems::new();
    if new.minimum.zip(new.maximum).is_some_and(|(minimum, maximum)| minimum > maximum) {
        problems.add(format!("{at}/maximum"), Code::BelowMinimum, "must not be below the minimum");
    }
    for (n, country) in new.countries.iter().enumerate() {
        if new.countries.iter().take(n).any(|before| before == country) {
            problems.add(format!("{at}/countries/{n}"), Code::Duplicate, "is there already");
        }
    }
    if !(0..=1_000_000).contains(&new.rank) {
        problems.add(format!("{at}/rank"), Code::OutOfRange, "must be 0 to 1000000");
    }
    if !new.fee_on_top && new.fee.value() >= rust_decimal::Decimal::ONE_HUNDRED {
        let detail = "must leave something to credit, unless the fee comes on top";
        problems.add(format!("{at}/fee_percent"), Code::OutOfRange, detail);
    }
    let has_price = !(new.fee.is_zero() && new.bonus.is_zero());
    if new.channel == Channel::Balance && has_price {
        let detail = "is paid by a transfer, which has no price: the percentages must be 0";
        problems.add(format!("{at}/channel"), Code::NoPrice, detail);
    }
    problems.finish()
}

pub(super) fn draft(new: NewRule, updated_by: String) -> ChannelRule {
    ChannelRule {
        channel: new.channel,
        currency: new.currency,
        product: new.product,
        enabled: new.enabled,
        countries: new.countries,
        minimum: new.minimum,
        maximum: new.maximum,
        rank: new.rank,
        recommended: new.recommended,
        fee: new.fee,
        fee_on_top: new.fee_on_top,
        fee_refundable: new.fee_refundable,
        bonus: new.bonus,
        processing_time: new.processing_time,
        processing_days: new.processing_days,
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
        updated_by,
    }
}

pub(super) fn describe(rule: &ChannelRule) -> Value {
    json!({
        "enabled": rule.enabled,
        "countries": rule.countries.iter().map(|country| country.code()).collect::<Vec<_>>(),
        "minimum": rule.minimum.map(format_amount),
        "maximum": rule.maximum.map(format_amount),
        "rank": rule.rank,
        "recommended": rule.recommended,
        "fee_percent": rule.fee.to_string(),
        "fee_on_top": rule.fee_on_top,
        "fee_refundable": rule.fee_refundable,
        "bonus_percent": rule.bonus.to_string(),
        "processing_time": rule.processing_time,
        "min_days": rule.processing_days.map(|days| days.min),
        "max_days": rule.processing_days.map(|days| days.max),
        "business_days": rule.processing_days.map(|days| days.business),
        "version": rule.version,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn percent(text: &str) -> Percent {
        Percent::new(text.parse().unwrap()).unwrap()
    }

    fn rule(channel: Channel) -> NewRule {
        NewRule {
            channel,
            currency: "USD".parse().unwrap(),
            product: Product::main(),
            enabled: true,
            countries: vec!["VN".parse().unwrap()],
            minimum: Some(Money::new(10.into(), "USD".parse().unwrap()).unwrap()),
            maximum: None,
            rank: 1,
            recommended: false,
            fee: percent("2.9"),
            fee_on_top: false,
            fee_refundable: true,
            bonus: Percent::default(),
            processing_time: "instant".to_owned(),
            processing_days: None,
        }
    }

    fn broken(rule: &NewRule) -> Vec<(String, Code)> {
        match check(rule, "") {
            Err(Error::Invalid(errors)) => errors.into_iter().map(|error| (error.pointer, error.code)).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn something_is_always_credited() {
        let rule = NewRule { fee: percent("100"), ..rule(Channel::Card) };
        assert_eq!(broken(&rule), [("/fee_percent".to_owned(), Code::OutOfRange)]);
        assert_eq!(broken(&NewRule { fee_on_top: true, ..rule }), []);
    }

    #[test]
    fn a_transfer_has_no_price() {
        assert_eq!(broken(&rule(Channel::Balance)), [("/channel".to_owned(), Code::NoPrice)]);
        assert_eq!(broken(&rule(Channel::Card)), []);
    }

    #[test]
    fn the_range_is_one_and_a_country_stands_once() {
        let twice = vec!["VN".parse().unwrap(), "DE".parse().unwrap(), "VN".parse().unwrap()];
        let maximum = Some(Money::new(9.into(), "USD".parse().unwrap()).unwrap());
        let rule = NewRule { maximum, countries: twice, rank: -1, ..rule(Channel::Card) };
        let expected =
            [("/maximum", Code::BelowMinimum), ("/countries/2", Code::Duplicate), ("/rank", Code::OutOfRange)];
        assert_eq!(broken(&rule), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    }
}
