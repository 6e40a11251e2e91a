//! Moments and days that callers send, for serde. Only those are accepted that both PostgreSQL and RFC 3339 can write.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Deserializer};

/// The years that a caller may name.
pub(super) const YEARS: std::ops::RangeInclusive<i32> = 2000..=9999;

/// Reads a moment that may be absent.
///
/// # Errors
/// Refuses a text that is not an RFC 3339 date and time, and a year outside 2000 to 9999.
pub fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let moment = Option::<DateTime<Utc>>::deserialize(deserializer)?;
    in_range(moment.map(|moment| moment.year()))?;
    Ok(moment)
}

/// Reads a moment.
///
/// # Errors
/// As [`moment`].
pub fn required_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let moment = DateTime::<Utc>::deserialize(deserializer)?;
    in_range(Some(moment.year()))?;
    Ok(moment)
}

/// Reads a day.
///
/// # Errors
/// Refuses a text that is not a date, and a year outside 2000 to 9999.
pub fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let day = NaiveDate::deserialize(deserializer)?;
    in_range(Some(day.year()))?;
    Ok(day)
}

/// Whether a text is a moment or a day outside the years that are accepted.
pub(super) fn is_out_of_range(text: &str) -> bool {
    let year =
        text.parse::<DateTime<Utc>>().map(|at| at.year()).or_else(|_| text.parse::<NaiveDate>().map(|day| day.year()));
    year.is_ok_and(|year| !YEARS.contains(&year))
}

fn in_range<E: serde::de::Error>(year: Option<i32>) -> Result<(), E> {
    if year.is_none_or(|year| YEARS.contains(&year)) {
        Ok(())
    } else {
        Err(E::custom("must be in the years 2000 to 9999"))
    }
}
