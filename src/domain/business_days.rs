//! Business days: how long a bank transfer has waited, against what payers are promised.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveDate, NaiveTime, Utc, Weekday};

/// The longest promise, in business days.
const LONGEST: u32 = 365;

/// Which days count. A day begins at midnight of one offset from UTC; summer time is not followed.
#[derive(Debug, Clone)]
pub struct BusinessCalendar {
    offset: FixedOffset,
    holidays: BTreeSet<NaiveDate>,
}

impl BusinessCalendar {
    #[must_use]
    pub fn new(offset: FixedOffset, holidays: impl IntoIterator<Item = NaiveDate>) -> Self {
        Self { offset, holidays: holidays.into_iter().collect() }
    }

    fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.offset).date_naive()
    }

    /// Monday to Friday, without holidays.
    fn counts(&self, day: NaiveDate) -> bool {
        !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !self.holidays.contains(&day)
    }

    /// How many business days have begun since the day of `from`: a transfer that came on Monday has waited one day on
    /// Tuesday.
    #[must_use]
    pub fn since(&self, from: DateTime<Utc>, now: DateTime<Utc>) -> u32 {
        let (first, today) = (self.day(from), self.day(now));
        let days = first.iter_days().skip(1).take_while(|day| *day <= today).filter(|day| self.counts(*day));
        u32::try_from(days.take(100_000).count()).unwrap_or(u32::MAX)
    }

    /// The end of the `days`-th day after the day of `from`; only business days count, or all days.
    #[must_use]
    pub fn end_of_day_after(&self, from: DateTime<Utc>, days: u32, business: bool) -> DateTime<Utc> {
        let mut day = self.day(from);
        let mut left = days.min(LONGEST);
        // Every day of ten years could be a holiday.
        for _ in 0..3_653 {
            if left == 0 {
                break;
            }
            day = day.checked_add_days(Days::new(1)).unwrap_or(day);
            if !business || self.counts(day) {
                left -= 1;
            }
        }
        let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
        let midnight = next.and_time(NaiveTime::MIN).and_local_timezone(self.offset);
        midnight.single().map_or(DateTime::<Utc>::MAX_UTC, |midnight| midnight.with_timezone(&Utc))
    }

    /// What began before this moment has waited for more than `days` business days.
    #[must_use]
    pub fn overdue_before(&self, days: u32, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut day = self.day(now);
        let mut left = days.min(LONGEST);
        // Every day of ten years could be a holiday; then nothing younger is overdue.
        for _ in 0..3_653 {
            if self.counts(day) {
                if left == 0 {
                    break;
                }
                left -= 1;
            }
            day = day.checked_sub_days(Days::new(1)).unwrap_or(day);
        }
        let midnight = day.and_time(NaiveTime::MIN).and_local_timezone(self.offset);
        midnight.single().map_or(DateTime::<Utc>::MIN_UTC, |midnight| midnight.with_timezone(&Utc))
    }
}

/// How long operators promise to take for a bank transfer.
#[derive(Debug, Clone)]
pub struct VerificationPromise {
    pub calendar: BusinessCalendar,
    /// In business days.
    pub days: u32,
}

/// How long a bank transfer has waited for its verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerificationAge {
    pub business_days: u32,
    pub promised: u32,
}

impl VerificationAge {
    #[must_use]
    pub fn is_overdue(self) -> bool {
        self.business_days > self.promised
    }
}

impl VerificationPromise {
    #[must_use]
    pub fn age(&self, from: DateTime<Utc>, now: DateTime<Utc>) -> VerificationAge {
        VerificationAge { business_days: self.calendar.since(from, now), promised: self.days }
    }

    /// What began before this moment is overdue.
    #[must_use]
    pub fn overdue_before(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.calendar.overdue_before(self.days, now)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chrono::Duration;
    use proptest::prelude::*;

    fn calendar(offset: &str, holidays: &[&str]) -> BusinessCalendar {
        BusinessCalendar::new(offset.parse().unwrap(), holidays.iter().map(|day| day.parse().unwrap()))
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn weekends_and_holidays_do_not_count() {
        // 2026-11-27 is a Friday.
        let plain = calendar("+00:00", &[]);
        for (now, waited) in [
            ("2026-11-27T23:59:59Z", 0),
            ("2026-11-29T12:00:00Z", 0),
            ("2026-11-30T00:00:00Z", 1),
            ("2026-12-02T08:00:00Z", 3),
            ("2026-12-04T08:00:00Z", 5),
        ] {
            assert_eq!(plain.since(at("2026-11-27T09:00:00Z"), at(now)), waited, "{now}");
        }
        let holidays = calendar("+00:00", &["2026-11-30", "2026-12-01"]);
        assert_eq!(holidays.since(at("2026-11-27T09:00:00Z"), at("2026-12-02T08:00:00Z")), 1);
    }

    #[test]
    fn a_day_begins_where_the_operators_are() {
        // Monday morning in Shanghai is Sunday evening in UTC.
        let (came, now) = (at("2026-11-29T23:00:00Z"), at("2026-11-30T23:00:00Z"));
        assert_eq!(calendar("+08:00", &[]).since(came, now), 1);
        assert_eq!(calendar("+08:00", &[]).since(came, at("2026-11-30T01:00:00Z")), 0);
        assert_eq!(calendar("+00:00", &[]).since(came, at("2026-11-30T01:00:00Z")), 1);
    }

    #[test]
    fn a_promise_ends_with_its_last_day() {
        // 2026-11-27 is a Friday.
        let (from, holiday) = (at("2026-11-27T09:00:00Z"), calendar("+00:00", &["2026-11-30"]));
        for (days, business, end) in [
            (0, true, "2026-11-28T00:00:00Z"),
            (1, false, "2026-11-29T00:00:00Z"),
            (1, true, "2026-12-02T00:00:00Z"),
            (3, true, "2026-12-04T00:00:00Z"),
        ] {
            assert_eq!(holiday.end_of_day_after(from, days, business), at(end), "{days} {business}");
        }
        assert_eq!(
            calendar("+08:00", &[]).end_of_day_after(at("2026-11-27T20:00:00Z"), 0, true),
            at("2026-11-28T16:00:00Z")
        );
    }

    #[test]
    fn a_calendar_without_business_days_ends() {
        let first: NaiveDate = "2010-01-01".parse().unwrap();
        let never = BusinessCalendar::new("+00:00".parse().unwrap(), first.iter_days().take(9_000));
        assert!(never.overdue_before(3, at("2026-11-30T00:00:00Z")) < at("2017-01-01T00:00:00Z"));
    }

    proptest! {
        /// The list of overdue items and the age that each item shows follow the same rule.
        #[test]
        fn the_cut_and_the_count_agree(
            hours in 0_i64..2_000, minutes in 0_i64..60, days in 0_u32..8, offset in -11_i32..13,
            holidays in prop::collection::btree_set(0_u64..80, 0..12),
        ) {
            let now = at("2026-11-27T10:30:00Z");
            let first: NaiveDate = "2026-09-10".parse().unwrap();
            let calendar = BusinessCalendar::new(
                FixedOffset::east_opt(offset * 3600).unwrap(),
                holidays.into_iter().map(|day| first + Days::new(day)),
            );
            let from = now - Duration::hours(hours) - Duration::minutes(minutes);
            prop_assert_eq!(calendar.since(from, now) > days, from < calendar.overdue_before(days, now));
        }
    }
}
