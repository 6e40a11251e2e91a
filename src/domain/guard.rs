//! Spend guards (a cap per UTC day and month) and the low-balance alert.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};

use super::money::Money;
use super::posting::{CapPeriod, CapReached, Refusal};
use super::wallet_key::WalletKey;

/// Caps on the consumption of a product, or from the main wallet. A product's usage counts against the product's caps
/// even if the main wallet pays for it as the fallback. Periods are UTC days and months.
#[derive(Debug, Clone, PartialEq)]
pub struct SpendGuard {
    pub daily_cap: Option<Money>,
    pub monthly_cap: Option<Money>,
    /// The day that `spent_today` counts. Its month is the one that `spent_this_month` counts.
    pub day: NaiveDate,
    pub spent_today: Money,
    pub spent_this_month: Money,
}

impl SpendGuard {
    /// Whether `amount` more may be spent. What open holds reserve counts as spent.
    ///
    /// # Errors
    /// [`Refusal::CapReached`] with the cap of the shorter period first.
    pub(in crate::domain) fn allow(
        &self,
        wallet: &WalletKey,
        amount: Money,
        held: Money,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (today, this_month) = self.spent(now);
        let periods = [
            (CapPeriod::Day, self.daily_cap, today, day_ends(now)),
            (CapPeriod::Month, self.monthly_cap, this_month, month_ends(now)),
        ];
        for (period, cap, spent, resets_at) in periods {
            if let Some(cap) = cap
                && spent + held + amount > cap
            {
                let (wallet, spent, required) = (wallet.clone(), spent + held, amount);
                let reached = CapReached { wallet, period, cap, spent, required, resets_at };
                return Err(Refusal::CapReached(Box::new(reached)));
            }
        }
        Ok(())
    }

    /// Spent today and this month, as of `now`.
    #[must_use]
    pub fn spent(&self, now: DateTime<Utc>) -> (Money, Money) {
        let nothing = Money::zero(self.spent_today.currency());
        let today = if self.day == now.date_naive() { self.spent_today } else { nothing };
        let this_month = if is_same_month(self.day, now) { self.spent_this_month } else { nothing };
        (today, this_month)
    }

    /// Counts consumption.
    pub(in crate::domain) fn spend(&mut self, amount: Money, now: DateTime<Utc>) {
        let (today, this_month) = self.spent(now);
        self.day = now.date_naive();
        self.spent_today = today + amount;
        self.spent_this_month = this_month + amount;
    }

    /// A reversal makes room again in the periods that counted the consumption at `taken_at`. Example: what was
    /// consumed yesterday never counted today, so giving it back makes no room today.
    pub(in crate::domain) fn give_back(&mut self, amount: Money, taken_at: DateTime<Utc>, now: DateTime<Utc>) {
        self.spend(Money::zero(amount.currency()), now);
        if taken_at.date_naive() == self.day {
            self.spent_today = (self.spent_today - amount).or_zero();
        }
        if is_same_month(self.day, taken_at) {
            self.spent_this_month = (self.spent_this_month - amount).or_zero();
        }
    }
}

/// Who set the caps of a wallet, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetBy {
    pub actor: String,
    pub at: DateTime<Utc>,
}

fn is_same_month(day: NaiveDate, at: DateTime<Utc>) -> bool {
    (day.year(), day.month()) == (at.year(), at.month())
}

/// When the UTC day began.
#[must_use]
pub fn day_began(now: DateTime<Utc>) -> DateTime<Utc> {
    now.date_naive().and_time(NaiveTime::MIN).and_utc()
}

/// When the UTC month began.
#[must_use]
pub fn month_began(now: DateTime<Utc>) -> DateTime<Utc> {
    let first = now.date_naive().with_day(1).unwrap_or_else(|| now.date_naive());
    first.and_time(NaiveTime::MIN).and_utc()
}

/// When the UTC day ends and its cap starts again.
#[must_use]
pub fn day_ends(now: DateTime<Utc>) -> DateTime<Utc> {
    day_began(now).checked_add_days(Days::new(1)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// When the UTC month ends and its cap starts again.
#[must_use]
pub fn month_ends(now: DateTime<Utc>) -> DateTime<Utc> {
    month_began(now).checked_add_months(Months::new(1)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// How an available amount crosses the threshold of its alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossing {
    Fell,
    Recovered,
}

/// The low-balance alert: it fires once when the balance falls below the threshold, and again only after a recovery.
#[derive(Debug, Clone, PartialEq)]
pub struct LowBalance {
    pub threshold: Money,
    pub armed: bool,
}

impl LowBalance {
    /// A new threshold. If the balance is below it already, the alert waits for the recovery.
    #[must_use]
    pub fn new(threshold: Money, available: Money) -> Self {
        Self { threshold, armed: available >= threshold }
    }

    /// Notes a change of what is available. Returns the alerts to send.
    pub(in crate::domain) fn observe(&mut self, before: Money, after: Money) -> Option<Crossing> {
        let was_armed = std::mem::replace(&mut self.armed, after >= self.threshold);
        match (was_armed, self.armed) {
            (true, false) if before >= self.threshold => Some(Crossing::Fell),
            (false, true) => Some(Crossing::Recovered),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rust_decimal::Decimal;

    use super::*;

    fn usd(amount: i64) -> Money {
        Money::from_ledger(Decimal::from(amount), "USD".parse().unwrap())
    }

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
            daily_cap: Some(usd(10)),
            monthly_cap: None,
            day: evening.date_naive(),
            spent_today: usd(0),
            spent_this_month: usd(0),
        };
        guard.spend(usd(10), evening);
        assert_eq!(guard.spent(evening), (usd(10), usd(10)));
        assert_eq!(guard.spent(midnight), (usd(0), usd(10)));
        assert_eq!(guard.spent(at("2026-12-01T00:00:00Z")), (usd(0), usd(0)));
        guard.spend(usd(2), midnight);
        guard.give_back(usd(1), evening, midnight);
        assert_eq!(guard.spent(midnight), (usd(2), usd(11)), "of yesterday, but of this month");
        guard.give_back(usd(1), midnight, midnight);
        assert_eq!(guard.spent(midnight), (usd(1), usd(10)));
        guard.give_back(usd(1), at("2026-10-31T23:59:59Z"), midnight);
        assert_eq!(guard.spent(midnight), (usd(1), usd(10)), "of neither");
    }

    #[test]
    fn one_alert_per_crossing() {
        let ten = usd(10);
        let mut low = LowBalance::new(ten, usd(20));
        assert_eq!(low.observe(usd(20), ten), None, "the threshold itself is not below it");
        assert_eq!(low.observe(ten, usd(9)), Some(Crossing::Fell));
        assert_eq!(low.observe(usd(9), usd(3)), None);
        assert_eq!(low.observe(usd(3), ten), Some(Crossing::Recovered), "the threshold itself is enough");
        assert_eq!(low.observe(ten, usd(15)), None);
        assert_eq!(low.observe(usd(15), usd(0)), Some(Crossing::Fell));
        assert!(!LowBalance::new(ten, usd(0)).armed);
    }
}
