//! Months of the installation's calendar. Where they begin and end depends on the time zone of the database.

use std::fmt;

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};

/// A month of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(NaiveDate);

impl Month {
    /// The month of a day.
    #[must_use]
    pub fn of(day: NaiveDate) -> Option<Self> {
        day.with_day(1).map(Self)
    }

    /// Reads `2026-11`, of the years 2000 to 9998; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits = |part: &str, n| part.len() == n && part.bytes().all(|byte| byte.is_ascii_digit());
        let plain = digits(year, 4) && digits(month, 2);
        let first = NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)?;
        (plain && (2000..=9998).contains(&first.year())).then_some(Self(first))
    }

    #[must_use]
    pub fn first_day(self) -> NaiveDate {
        self.0
    }

    /// The first day of the month after.
    #[must_use]
    pub fn next_first_day(self) -> NaiveDate {
        self.0.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

/// A period: from its first moment up to, and without, its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_month_is_read_as_it_is_shown() {
        for text in ["2026-11", "2000-01", "9998-12"] {
            assert_eq!(Month::parse(text).unwrap().to_string(), text);
        }
        for bad in
            ["", "2026", "2026-13", "2026-00", "2026-1", "+026-11", "1999-12", "9999-01", "2026-11-01", "2026/11"]
        {
            assert_eq!(Month::parse(bad), None, "{bad}");
        }
        let december = Month::parse("2026-12").unwrap();
        assert_eq!(december.next_first_day().to_string(), "2027-01-01");
        assert_eq!(Month::of("2026-12-31".parse().unwrap()), Some(december));
    }
}
