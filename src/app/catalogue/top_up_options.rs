//! Top-up options: the amounts that a customer may choose, per currency and wallet.

use chrono::DateTime;
use serde_json::{Value, json};

use crate::app::{App, Caller, Error, Expected, Problems, Saved};
use crate::domain::audit::AuditRecord;
use crate::domain::catalogue::TopUpOptions;
use crate::domain::code::Code;
use crate::domain::money::{Money, format_amount};
use crate::domain::product::Product;
use crate::storage::audit;
use crate::storage::catalogue::{products, top_up_options as store};
use crate::storage::transaction::transact;

/// The options that an operator saves. All amounts are in one currency.
#[derive(Debug, Clone)]
pub struct NewOptions {
    /// The main wallet, or a product.
    pub product: Product,
    pub presets: Vec<Money>,
    pub minimum: Money,
    pub maximum: Money,
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
    expected: &Expected,
    new: NewOptions,
) -> Result<Saved<TopUpOptions>, Error> {
    check(&new, "")?;
    let new = draft(new, caller.actor());
    transact(&app.pool, async |conn| {
        if !new.product.is_main() && products::find(conn, &new.product).await?.is_none() {
            return Err(Error::field("?product", Code::UnknownProduct, "is not a product of this platform"));
        }
        let current = store::lock(conn, new.currency(), &new.product).await?;
        expected.check(current.as_ref().map(|current| current.version))?;
        let value = match &current {
            Some(_) => store::update(conn, &new).await?,
            // Another request has created it since then.
            None => store::insert(conn, &new).await?.ok_or(Error::PreconditionFailed)?,
        };
        let record = AuditRecord::new(
            &caller.actor(),
            "top_up_options.saved",
            format!("top_up_options:{}:{}", value.currency(), value.product.as_column()),
        );
        audit::write(conn, &record.from(current.as_ref().map(describe)).to(describe(&value))).await?;
        Ok(Saved { value, created: current.is_none() })
    })
    .await
}

/// The presets must be in the range, each once, and an order must wait neither too short nor too long. `at` is the
/// place of the options in the body.
pub(super) fn check(new: &NewOptions, at: &str) -> Result<(), Error> {
    let mut problems = Problems::new();
    if !(30..=1440).contains(&new.order_ttl_minutes) {
        problems.add(format!("{at}/order_ttl_minutes"), Code::OutOfRange, "must be 30 to 1440 minutes");
    }
    for (n, preset) in new.presets.iter().enumerate() {
        let pointer = format!("{at}/presets/{n}");
        if new.presets.iter().take(n).any(|before| before == preset) {
            problems.add(&pointer, Code::Duplicate, "is there already");
        }
        if *preset < new.minimum || *preset > new.maximum {
            problems.add(&pointer, Code::OutOfRange, "must be between minimum and maximum");
        }
    }
    if new.minimum > new.maximum {
        problems.add(format!("{at}/maximum"), Code::BelowMinimum, "must not be below the minimum");
    }
    problems.finish()
}

pub(super) fn draft(new: NewOptions, updated_by: String) -> TopUpOptions {
    let NewOptions { product, presets, minimum, maximum, order_ttl_minutes } = new;
    TopUpOptions {
        product,
        presets,
        minimum,
        maximum,
        order_ttl_minutes,
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
        updated_by,
    }
}

pub(super) fn describe(options: &TopUpOptions) -> Value {
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

    fn broken(presets: &[&str], minimum: &str, maximum: &str) -> Vec<(String, Code)> {
        let cny = |text: &str| Money::new(text.parse().unwrap(), "CNY".parse().unwrap()).unwrap();
        let presets = presets.iter().copied().map(cny).collect();
        let (minimum, maximum) = (cny(minimum), cny(maximum));
        let new = NewOptions { product: Product::main(), presets, minimum, maximum, order_ttl_minutes: 60 };
        match check(&new, "") {
            Err(Error::Invalid(errors)) => errors.into_iter().map(|error| (error.pointer, error.code)).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn presets_lie_in_range_once() {
        let expected =
            [("/presets/1", Code::OutOfRange), ("/presets/2", Code::Duplicate), ("/presets/3", Code::OutOfRange)];
        let found = broken(&["50", "5", "50.00", "2000"], "10", "1000");
        assert_eq!(found, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    }

    #[test]
    fn the_range_is_one() {
        assert_eq!(broken(&[], "100", "10"), [("/maximum".to_owned(), Code::BelowMinimum)]);
        assert_eq!(broken(&["10"], "10", "10"), []);
    }
}
