//! Top-up options: the amounts that a customer may choose, per currency and wallet.

use chrono::DateTime;
use serde_json::{Value, json};

use super::{amount, product_or_main};
use crate::app::{App, Caller, Error, Expected, Problems, Saved};
use crate::domain::catalogue::TopUpOptions;
use crate::domain::code::Code;
use crate::domain::money::{Currency, Money, format_amount};
use crate::storage::audit;
use crate::storage::catalogue::{products, top_up_options as store};
use crate::storage::transaction::transact;

/// The options that a caller sends. Nothing of them is checked yet.
#[derive(Debug, Clone)]
pub struct OptionsInput {
    pub presets: Vec<String>,
    pub minimum: String,
    pub maximum: String,
    pub order_ttl_minutes: i32,
}

/// All options, sorted by currency. The main wallet's options come first.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App) -> Result<Vec<TopUpOptions>, Error> {
    Ok(store::list(&mut *app.pool.get().await?).await?)
}

/// Creates or replaces the options of a currency for one product, or for the main wallet. The main wallet's options
/// also apply to products that have none.
///
/// # Errors
/// 422 naming every field that is wrong; 412 and 428 as [`Expected::check`].
pub async fn put(
    app: &App,
    caller: &Caller,
    currency: &str,
    product: Option<&str>,
    expected: &Expected,
    input: &OptionsInput,
) -> Result<Saved<TopUpOptions>, Error> {
    let new = validate(currency, product, input)?;
    transact(&app.pool, async |conn| {
        if !new.product.is_main() && products::find(conn, &new.product).await?.is_none() {
            return Err(Error::field("?product", Code::UnknownProduct, "there is no such product"));
        }
        let current = store::lock(conn, new.currency, &new.product).await?;
        expected.check(current.as_ref().map(|current| current.version))?;
        let value = match &current {
            Some(_) => store::update(conn, &new).await?,
            // Another request created it since it was read.
            None => store::insert(conn, &new).await?.ok_or(Error::PreconditionFailed)?,
        };
        let detail = json!({"before": current.as_ref().map(describe), "after": describe(&value)});
        let subject = format!("top_up_options:{}:{}", value.currency, value.product.as_column());
        audit::write(conn, &caller.actor(), "top_up_options.saved", &subject, &detail).await?;
        Ok(Saved { value, created: current.is_none() })
    })
    .await
}

fn validate(currency: &str, product: Option<&str>, input: &OptionsInput) -> Result<TopUpOptions, Error> {
    let mut problems = Problems::new();
    let currency = problems.checked_money("/currency", currency.parse::<Currency>());
    let product = product_or_main(&mut problems, "?product", product);
    let (Some(currency), Some(product)) = (currency, product) else { return Err(problems.into_error()) };
    let minimum = amount(&mut problems, "/minimum", &input.minimum, currency);
    let maximum = amount(&mut problems, "/maximum", &input.maximum, currency);
    if !(30..=1440).contains(&input.order_ttl_minutes) {
        problems.add("/order_ttl_minutes", Code::OutOfRange, "must be 30 to 1440 minutes");
    }
    if input.presets.len() > 20 {
        problems.add("/presets", Code::TooMany, "must be 20 at most");
    }
    let mut presets: Vec<Money> = Vec::new();
    for (at, preset) in input.presets.iter().enumerate().take(20) {
        let pointer = format!("/presets/{at}");
        let Some(preset) = amount(&mut problems, &pointer, preset, currency) else { continue };
        if presets.contains(&preset) {
            problems.add(&pointer, Code::Duplicate, "is there already");
        }
        let below = minimum.is_some_and(|minimum| preset.amount() < minimum.amount());
        if below || maximum.is_some_and(|maximum| preset.amount() > maximum.amount()) {
            problems.add(&pointer, Code::OutOfRange, "must lie between minimum and maximum");
        }
        presets.push(preset);
    }
    let (Some(minimum), Some(maximum)) = (minimum, maximum) else { return Err(problems.into_error()) };
    if minimum.amount() > maximum.amount() {
        problems.add("/maximum", Code::BelowMinimum, "must not be below the minimum");
    }
    problems.finish()?;
    Ok(TopUpOptions {
        currency,
        product,
        presets,
        minimum,
        maximum,
        order_ttl_minutes: input.order_ttl_minutes,
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
    })
}

fn describe(options: &TopUpOptions) -> Value {
    json!({
        "presets": options.presets.iter().copied().map(format_amount).collect::<Vec<_>>(),
        "minimum": format_amount(options.minimum),
        "maximum": format_amount(options.maximum),
        "order_ttl_minutes": options.order_ttl_minutes,
        "version": options.version,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn input(presets: &[&str], minimum: &str, maximum: &str) -> OptionsInput {
        OptionsInput {
            presets: presets.iter().map(|&preset| preset.to_owned()).collect(),
            minimum: minimum.to_owned(),
            maximum: maximum.to_owned(),
            order_ttl_minutes: 60,
        }
    }

    fn broken(currency: &str, input: &OptionsInput) -> Vec<(String, Code)> {
        match validate(currency, None, input) {
            Err(Error::Invalid(errors)) => errors.into_iter().map(|error| (error.pointer, error.code)).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn presets_lie_in_range_once() {
        let found = broken("CNY", &input(&["50", "5", "50.00", "2000"], "10", "1000"));
        let expected =
            [("/presets/1", Code::OutOfRange), ("/presets/2", Code::Duplicate), ("/presets/3", Code::OutOfRange)];
        assert_eq!(found, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    }

    #[test]
    fn amounts_fit_the_minor_unit_and_the_range_is_one() {
        assert_eq!(broken("VND", &input(&[], "0.5", "100")), [("/minimum".to_owned(), Code::TooPrecise)]);
        assert_eq!(broken("CNY", &input(&[], "100", "10")), [("/maximum".to_owned(), Code::BelowMinimum)]);
        assert_eq!(broken("cny", &input(&[], "1", "10")), [("/currency".to_owned(), Code::UnknownCurrency)]);
        assert!(validate("CNY", Some("gpu"), &input(&["10"], "10", "10")).is_ok());
    }
}
