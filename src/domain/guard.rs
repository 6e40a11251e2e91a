//! Spend guards (a cap per UTC day and month) and the low-balance alert.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::posting::Refusal;

/// Caps on consumption from one wallet. Periods are UTC days and months.
#[derive(Debug, Clone, PartialEq)]
pub struct SpendGuard {
    pub daily_cap: Option<Decimal>,
    pub monthly_cap: Option<Decimal>,
    pub day: NaiveDate,
    pub spent_today: Decimal,
    /// The first day of the month that `spent_this_month` counts.
    pub month: NaiveDate,
    pub spent_this_month: Decimal,
}

impl SpendGuard {
    /// Whether `amount` more may be spent: what open holds reserve counts as spent.
    ///
    /// # Errors
    /// [`Refusal::CapReached`] with the cap of the shorter period first.
    pub fn allow(&self, amount: Decimal, held: Decimal, now: DateTime<Utc>) -> Result<(), Refusal> {
        let (today, this_month) = self.spent(now);
        for (period, cap, spent) in [("day", self.daily_cap, today), ("month", self.monthly_cap, this_month)] {
            if let Some(cap) = cap
                && spent + held + amount > cap
            {
                return Err(Refusal::CapReached { period, cap, spent: spent + held, required: amount });
            }
        }
        Ok(())
    }

    /// Spent today and this month, as of `now`.
    #[must_use]
    pub fn spent(&self, now: DateTime<Utc>) -> (Decimal, Decimal) {
        let today = if self.day == now.date_naive() { self.spent_today } else { Decimal::ZERO };
        let this_month = if self.month == first_of_month(now) { self.spent_this_month } else { Decimal::ZERO };
        (today, this_month)
    }

    pub fn spend(&mut self, amount: Decimal, now: DateTime<Utc>) {
        let (today, this_month) = self.spent(now);
        self.day = now.date_naive();
        self.month = first_of_month(now);
        self.spent_today = today + amount;
        self.spent_this_month = this_month + amount;
    }

    /// A reversal makes room again, in the period in which it happens.
    pub fn give_back(&mut self, amount: Decimal, now: DateTime<Utc>) {
        self.spend(Decimal::ZERO, now);
        self.spent_today = (self.spent_today - amount).max(Decimal::ZERO);
        self.spent_this_month = (self.spent_this_month - amount).max(Decimal::ZERO);
    }
}

/// The first day of the UTC month.
#[must_use]
pub fn first_of_month(now: DateTime<Utc>) -> NaiveDate {
    now.date_naive().with_day(1).unwrap_or_else(|| now.date_naive())
}

/// One alert per downward crossing of the threshold; recovery arms it again.
#[derive(Debug, Clone, PartialEq)]
pub struct LowBalance {
    pub threshold: Decimal,
    pub armed: bool,
}

impl LowBalance {
    /// Takes note of a change of what is available; true when the alert fires.
    pub fn observe(&mut self, before: Decimal, after: Decimal) -> bool {
        let fires = self.armed && before >= self.threshold && after < self.threshold;
        self.armed = after >= self.threshold;
        fires
    }
}
