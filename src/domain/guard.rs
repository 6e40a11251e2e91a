//! Spend guards (a cap per UTC day and month) and the low-balance alert.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};
use rust_decimal::Decimal;

use super::money::Money;
use super::posting::{CapReached, Refusal, WalletKey};

/// Caps on the consumption of a product, or from the main wallet. A product's usage counts against the product's
/// caps even where the main wallet pays for it as the fallback. Periods are UTC days and months.
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
    /// Whether `amount` more may be spent. What open holds reserve counts as spent.
    ///
    /// # Errors
    /// [`Refusal::CapReached`] with the cap of the shorter period first.
    pub(in crate::domain) fn allow(
        &self,
        wallet: &WalletKey,
        amount: Decimal,
        held: Decimal,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (today, this_month) = self.spent(now);
        let periods =
            [("day", self.daily_cap, today, day_ends(now)), ("month", self.monthly_cap, this_month, month_ends(now))];
        for (period, cap, spent, resets_at) in periods {
            if let Some(cap) = cap
                && spent + held + amount > cap
            {
                let money = |amount| Money::from_ledger(amount, wallet.currency);
                let (cap, spent, required) = (money(cap), money(spent + held), money(amount));
                let reached = CapReached { wallet: wallet.clone(), period, cap, spent, required, resets_at };
                return Err(Refusal::CapReached(Box::new(reached)));
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

    /// Counts consumption.
    pub(in crate::domain) fn spend(&mut self, amount: Decimal, now: DateTime<Utc>) {
        let (today, this_month) = self.spent(now);
        self.day = now.date_naive();
        self.month = first_of_month(now);
        self.spent_today = today + amount;
        self.spent_this_month = this_month + amount;
    }

    /// A reversal makes room again in the periods that counted the consumption at `taken_at`. Example: what was
    /// consumed yesterday never counted today, so giving it back makes no room today.
    pub(in crate::domain) fn give_back(&mut self, amount: Decimal, taken_at: DateTime<Utc>, now: DateTime<Utc>) {
        self.spend(Decimal::ZERO, now);
        if taken_at.date_naive() == self.day {
            self.spent_today = (self.spent_today - amount).max(Decimal::ZERO);
        }
        if first_of_month(taken_at) == self.month {
            self.spent_this_month = (self.spent_this_month - amount).max(Decimal::ZERO);
        }
    }
}

/// Who set the caps of a wallet, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetBy {
    pub actor: String,
    pub at: DateTime<Utc>,
}

/// The first day of the UTC month.
#[must_use]
pub fn first_of_month(now: DateTime<Utc>) -> NaiveDate {
    now.date_naive().with_day(1).unwrap_or_else(|| now.date_naive())
}

/// When the UTC day began.
#[must_use]
pub fn day_began(now: DateTime<Utc>) -> DateTime<Utc> {
    now.date_naive().and_time(NaiveTime::MIN).and_utc()
}

/// When the UTC month began.
#[must_use]
pub fn month_began(now: DateTime<Utc>) -> DateTime<Utc> {
    first_of_month(now).and_time(NaiveTime::MIN).and_utc()
}

/// When the UTC day ends and its cap is fresh again.
#[must_use]
pub fn day_ends(now: DateTime<Utc>) -> DateTime<Utc> {
    day_began(now).checked_add_days(Days::new(1)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// When the UTC month ends and its cap is fresh again.
#[must_use]
pub fn month_ends(now: DateTime<Utc>) -> DateTime<Utc> {
    month_began(now).checked_add_months(Months::new(1)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The low-balance alert: it fires once when the balance falls below the threshold, and again only after a recovery.
#[derive(Debug, Clone, PartialEq)]
pub struct LowBalance {
    pub threshold: Money,
    pub armed: bool,
}

impl LowBalance {
    /// A new threshold. Where the balance is below it already, the alert waits for the recovery.
    #[must_use]
    pub fn new(threshold: Money, available: Money) -> Self {
        Self { threshold, armed: available.amount() >= threshold.amount() }
    }

    /// Notes a change of what is available. Returns true when the alert fires.
    pub(in crate::domain) fn observe(&mut self, before: Decimal, after: Decimal) -> bool {
        let threshold = self.threshold.amount();
        let fires = self.armed && before >= threshold && after < threshold;
        self.armed = after >= threshold;
        fires
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn periods_are_utc_days_and_months() {
        let now: DateTime<Utc> = "2027-02-28T23:59:59.9Z".parse().unwrap();
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(day_began(now), at("2027-02-28T00:00:00Z"));
        assert_eq!(day_ends(now), at("2027-03-01T00:00:00Z"));
        assert_eq!(month_began(now), at("2027-02-01T00:00:00Z"));
        assert_eq!(month_ends(now), at("2027-03-01T00:00:00Z"));
        assert_eq!(month_ends(at("2026-12-31T12:00:00Z")), at("2027-01-01T00:00:00Z"));
    }

    #[test]
    fn a_new_day_starts_at_nothing_and_the_month_goes_on() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (evening, midnight) = (at("2026-11-21T23:59:59Z"), at("2026-11-22T00:00:00Z"));
        let mut guard = SpendGuard {
            daily_cap: Some(Decimal::TEN),
            monthly_cap: None,
            day: evening.date_naive(),
            spent_today: Decimal::ZERO,
            month: first_of_month(evening),
            spent_this_month: Decimal::ZERO,
        };
        guard.spend(Decimal::TEN, evening);
        assert_eq!(guard.spent(evening), (Decimal::TEN, Decimal::TEN));
        assert_eq!(guard.spent(midnight), (Decimal::ZERO, Decimal::TEN));
        assert_eq!(guard.spent(at("2026-12-01T00:00:00Z")), (Decimal::ZERO, Decimal::ZERO));
        guard.spend(Decimal::TWO, midnight);
        guard.give_back(Decimal::ONE, evening, midnight);
        assert_eq!(guard.spent(midnight), (Decimal::TWO, Decimal::from(11)), "of yesterday, but of this month");
        guard.give_back(Decimal::ONE, midnight, midnight);
        assert_eq!(guard.spent(midnight), (Decimal::ONE, Decimal::TEN));
        guard.give_back(Decimal::ONE, at("2026-10-31T23:59:59Z"), midnight);
        assert_eq!(guard.spent(midnight), (Decimal::ONE, Decimal::TEN), "of neither");
    }

    #[test]
    fn one_alert_per_crossing() {
        let ten = Decimal::TEN;
        let usd = |amount: Decimal| Money::from_ledger(amount, "USD".parse().unwrap());
        let mut low = LowBalance::new(usd(ten), usd(Decimal::from(20)));
        assert!(!low.observe(Decimal::from(20), ten), "the threshold itself is not below it");
        assert!(low.observe(ten, Decimal::from(9)));
        assert!(!low.observe(Decimal::from(9), Decimal::from(3)));
        assert!(!low.observe(Decimal::from(3), Decimal::from(15)), "recovery alerts nobody");
        assert!(low.observe(Decimal::from(15), Decimal::ZERO));
        assert!(!LowBalance::new(usd(ten), usd(Decimal::ZERO)).armed);
    }
}
