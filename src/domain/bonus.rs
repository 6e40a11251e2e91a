//! Bonus tiers: a top-up of a certain amount brings a bonus, for example 50 for 500.
//!
//! A tier can be limited to one bonus for each customer. The order that names the tier reserves it: of a customer's
//! pending, processing and completed orders only one names it, even after a refund. An order that is made meanwhile has
//! no bonus, and says why. An order that was cancelled, expired or failed frees the tier. Money that still arrives for
//! such an order brings the bonus only if no other order names the tier by then.
//!
//! The tiers for the first top-up are reserved together: only one order of a customer names one of them. That order
//! brings the bonus only if no other top-up completes before it.

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::money::{Currency, Money};
use super::product::Product;

/// How often one customer gets the bonus of a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BonusUse {
    EveryTime,
    Once,
    /// With the first top-up that completes, and never again.
    FirstTopUp,
}

impl BonusUse {
    pub const ALL: [Self; 3] = [Self::EveryTime, Self::Once, Self::FirstTopUp];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EveryTime => "every_time",
            Self::Once => "once",
            Self::FirstTopUp => "first_top_up",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|used| used.as_str() == text)
    }

    #[must_use]
    pub fn is_once(self) -> bool {
        self != Self::EveryTime
    }
}

/// A tier. Its amounts are in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BonusTier {
    pub id: Uuid,
    /// The tiers of the main wallet also apply to products that have none of their own.
    pub product: Product,
    /// An order of this amount or more gets the bonus.
    pub from_amount: Money,
    pub bonus: Money,
    pub used: BonusUse,
    /// After how many days what is left of the bonus expires. `None`: it never expires.
    pub expires_after_days: Option<i32>,
    pub active: bool,
    pub version: i64,
    pub updated_at: DateTime<Utc>,
    pub updated_by: String,
}

impl BonusTier {
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.from_amount.currency()
    }

    /// Whether the customer can still get the tier's bonus.
    #[must_use]
    pub fn is_available(&self, standing: &BonusStanding) -> bool {
        let is_over = self.used == BonusUse::FirstTopUp && standing.has_topped_up;
        self.active && !is_over && !standing.is_reserved(self)
    }
}

/// What decides whether a customer gets a tier.
#[derive(Debug, Clone, Default)]
pub struct BonusStanding {
    /// The once-only tiers that orders of the customer name.
    pub reserved: Vec<Uuid>,
    /// Whether an order of the customer names a tier for the first top-up.
    pub is_first_reserved: bool,
    /// Whether a top-up of the customer has completed.
    pub has_topped_up: bool,
}

impl BonusStanding {
    /// Whether an order of the customer has taken what the tier gives.
    #[must_use]
    pub fn is_reserved(&self, tier: &BonusTier) -> bool {
        match tier.used {
            BonusUse::EveryTime => false,
            BonusUse::Once => self.reserved.contains(&tier.id),
            BonusUse::FirstTopUp => self.is_first_reserved || self.reserved.contains(&tier.id),
        }
    }
}

/// Why an order has no bonus, although a tier fits it: the tier serves a customer once, and another order of the
/// customer names it, or was the first top-up.
pub const RESERVED: &str = "bonus_reserved";

/// The bonus tier of an order, as it was when the order was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BonusTerms {
    /// The tier that the order names; `None` where its bonus is a share of the amount, or nothing.
    pub tier: Option<Uuid>,
    /// No other order of the customer may name the tier.
    pub once: bool,
    /// It is for the customer's first top-up: no other order has a bonus for that.
    pub first: bool,
    pub expires_after_days: Option<i32>,
    /// The order has no bonus, because another order names the tier, or was the first top-up.
    pub reserved: bool,
}

impl BonusTerms {
    /// When the rest of a bonus that is granted now expires.
    #[must_use]
    pub fn expires_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.expires_after_days.map(|days| now + Duration::days(i64::from(days)))
    }

    /// Why there is no bonus, as a code; `None` if nothing was withheld.
    #[must_use]
    pub fn reason_code(&self) -> Option<&'static str> {
        self.reserved.then_some(RESERVED)
    }

    /// The terms of an order that gets no bonus, because another order has it or has made it void.
    #[must_use]
    pub fn withheld() -> Self {
        Self { reserved: true, ..Self::default() }
    }
}

/// The bonus of an order: that of the best tier, or `share` if that is more. Of two tiers with the same bonus the
/// older one counts.
#[must_use]
pub fn choose(tiers: &[BonusTier], amount: Money, share: Money, standing: &BonusStanding) -> (Money, BonusTerms) {
    let fits = |tier: &&BonusTier| {
        tier.active && amount >= tier.from_amount && !(tier.used == BonusUse::FirstTopUp && standing.has_topped_up)
    };
    let best = tiers
        .iter()
        .filter(fits)
        .max_by(|one, other| one.bonus.amount().cmp(&other.bonus.amount()).then(other.id.cmp(&one.id)));
    match best.filter(|tier| tier.bonus > share) {
        None => (share, BonusTerms::default()),
        Some(tier) if standing.is_reserved(tier) => (Money::zero(amount.currency()), BonusTerms::withheld()),
        Some(tier) => {
            let terms = BonusTerms {
                tier: Some(tier.id),
                once: tier.used.is_once(),
                first: tier.used == BonusUse::FirstTopUp,
                expires_after_days: tier.expires_after_days,
                reserved: false,
            };
            (tier.bonus, terms)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn usd(text: &str) -> Money {
        Money::new(text.parse().unwrap(), "USD".parse().unwrap()).unwrap()
    }

    fn tier(id: u128, from: &str, bonus: &str, used: BonusUse) -> BonusTier {
        BonusTier {
            id: Uuid::from_u128(id),
            product: Product::main(),
            from_amount: usd(from),
            bonus: usd(bonus),
            used,
            expires_after_days: Some(30),
            active: true,
            version: 1,
            updated_at: DateTime::UNIX_EPOCH,
            updated_by: "ops".to_owned(),
        }
    }

    #[test]
    fn the_best_tier_counts_and_a_reserved_one_brings_nothing() {
        let tiers = [
            tier(1, "100", "5", BonusUse::EveryTime),
            tier(2, "500", "50", BonusUse::Once),
            tier(3, "10", "20", BonusUse::FirstTopUp),
            BonusTier { active: false, ..tier(4, "10", "99", BonusUse::EveryTime) },
        ];
        let chosen = |amount: &str, share: &str, standing: &BonusStanding| {
            let (bonus, terms) = choose(&tiers, usd(amount), usd(share), standing);
            (bonus, terms.tier.map(|id| id.as_u128()), terms.reserved)
        };
        let fresh = BonusStanding::default();
        assert_eq!(chosen("9.99", "0.50", &fresh), (usd("0.50"), None, false));
        assert_eq!(chosen("10", "0", &fresh), (usd("20"), Some(3), false));
        assert_eq!(chosen("500", "0", &fresh), (usd("50"), Some(2), false));
        assert_eq!(chosen("500", "60", &fresh), (usd("60"), None, false));
        let reserved = vec![Uuid::from_u128(2)];
        let known = BonusStanding { reserved, has_topped_up: true, ..BonusStanding::default() };
        assert_eq!(chosen("100", "0", &known), (usd("5"), Some(1), false));
        assert_eq!(chosen("500", "0", &known), (usd("0"), None, true));
        // A bonus that is not reserved is not the tier's.
        assert_eq!(chosen("500", "60", &known), (usd("60"), None, false));
    }

    #[test]
    fn the_tiers_for_the_first_top_up_are_reserved_together() {
        let tiers = [tier(1, "10", "2", BonusUse::FirstTopUp), tier(2, "500", "50", BonusUse::FirstTopUp)];
        let another = tier(3, "10", "1", BonusUse::Once);
        let fresh = BonusStanding::default();
        let (_, terms) = choose(&tiers, usd("10"), usd("0"), &fresh);
        assert_eq!((terms.tier, terms.once, terms.first), (Some(tiers[0].id), true, true));
        let (_, terms) = choose(std::slice::from_ref(&another), usd("10"), usd("0"), &fresh);
        assert_eq!((terms.tier, terms.once, terms.first), (Some(another.id), true, false));
        let taken = BonusStanding { reserved: vec![tiers[0].id], is_first_reserved: true, has_topped_up: false };
        for amount in ["10", "500"] {
            assert_eq!(choose(&tiers, usd(amount), usd("0"), &taken), (usd("0"), BonusTerms::withheld()), "{amount}");
        }
        assert!(tiers.iter().all(|tier| tier.is_available(&fresh) && !tier.is_available(&taken)));
        assert!(another.is_available(&taken));
    }
}
