//! What lists are narrowed to, and moments of callers: read strictly, or a list would be silently empty.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use crate::app::Error;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::money::Currency;
use crate::domain::payment::ProviderName;
use crate::domain::product::Product;
use crate::domain::reference::parse_reference;

/// Years that callers may speak of: what PostgreSQL and RFC 3339 can both write, and then some sense.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=9999;

/// Reads `currency`.
///
/// # Errors
/// 422 `?currency`.
pub fn currency(code: Option<&str>) -> Result<Option<Currency>, Error> {
    code.map(|code| code.parse().map_err(|_| Error::field("?currency", "unknown_currency", "must be an ISO 4217 code")))
        .transpose()
}

/// Reads `product`; an empty one stands for the main wallet.
///
/// # Errors
/// 422 `?product`.
pub fn product(code: Option<&str>) -> Result<Option<Product>, Error> {
    code.map(|code| {
        if code.is_empty() { Some(Product::main()) } else { Product::new(code) }
            .ok_or_else(|| Error::field("?product", "malformed", "must be 1 to 32 of a-z 0-9 _ -, or empty"))
    })
    .transpose()
}

/// Reads `customer_id`, where it narrows a list of all customers.
///
/// # Errors
/// 422 `?customer_id`.
pub fn customer(id: Option<&str>) -> Result<Option<CustomerId>, Error> {
    let rule = "must be 1 to 64 of A-Z a-z 0-9 _ . : @ -";
    id.map(|id| CustomerId::new(id).ok_or_else(|| Error::field("?customer_id", "malformed", rule))).transpose()
}

/// Reads `order`.
///
/// # Errors
/// 422 `?order`.
pub fn order(id: Option<&str>) -> Result<Option<Uuid>, Error> {
    let malformed = || Error::field("?order", "malformed", "must be the id of a top-up order");
    id.map(|id| IdKind::TopUpOrder.parse(id).ok_or_else(malformed)).transpose()
}

/// Reads `provider`.
///
/// # Errors
/// 422 `?provider`.
pub fn provider(name: Option<&str>) -> Result<Option<ProviderName>, Error> {
    let malformed = || Error::field("?provider", "malformed", "must be stripe, paypal, vnpay or bank");
    name.map(|name| name.parse().map_err(|()| malformed())).transpose()
}

/// Reads a reference code as it came through a bank.
///
/// # Errors
/// 422 `?reference`.
pub fn reference(text: Option<&str>) -> Result<Option<String>, Error> {
    text.map(|text| {
        parse_reference(text).ok_or_else(|| {
            Error::field("?reference", "malformed", "is not a reference of ours: look for a typing slip")
        })
    })
    .transpose()
}

/// For serde: a moment that may be absent.
///
/// # Errors
/// What is no RFC 3339 date and time, or not of the years 2000 to 9999.
pub fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let moment = Option::<DateTime<Utc>>::deserialize(deserializer)?;
    in_range(moment.map(|moment| moment.year()))?;
    Ok(moment)
}

/// For serde: a day.
///
/// # Errors
/// What is no date, or not of the years 2000 to 9999.
pub fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let day = NaiveDate::deserialize(deserializer)?;
    in_range(Some(day.year()))?;
    Ok(day)
}

fn in_range<E: serde::de::Error>(year: Option<i32>) -> Result<(), E> {
    if year.is_none_or(|year| YEARS.contains(&year)) {
        Ok(())
    } else {
        Err(E::custom("must be of the years 2000 to 9999"))
    }
}
