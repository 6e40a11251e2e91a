//! Two pairs of eyes: how much an operator may move alone, and when a second operator must agree.
//!
//! What counts is the sum that this operator moved alone in one currency in the last 24 hours, this move included.
//! There is one threshold for each customer, and so for each order of that customer, and another one for all customers
//! together. So splitting an amount has no use. The direction does not matter: money given and money taken add up. A
//! change of when a grant ends counts for all that is left of the grant, whether it ends sooner or later. A proposal
//! that waits for a second operator does not count, and a move by two operators counts for neither.
//!
//! Without any threshold one operator is always enough. Once any is set, a currency without one needs two operators
//! for every amount; `VND:none` switches that off by name.
//!
//! A change of our bank accounts diverts all transfers, whatever their amounts, so once any threshold is set it always
//! needs two operators.
//!
//! Services give promotional credit without a second person, so they have limits: for one customer in 24 hours the
//! operators' threshold, unless there is a limit of its own, and for all customers together, if one is set.

use std::str::FromStr;

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::customer::CustomerId;
use super::money::{Currency, Money, parse_plain_decimal};

/// How long a move counts.
pub const COUNTS_FOR: Duration = Duration::hours(24);

/// The kinds of move that count for an operator or a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MoveKind {
    /// A bank transfer is credited.
    Approval,
    /// The credit of a bank transfer is taken back.
    Reversal,
    Refund,
    /// An operator gives promotional credit.
    Grant,
    /// A service gives promotional credit.
    ServiceGrant,
    Adjustment,
    /// Unapplied money is applied to an order or a wallet.
    Application,
    /// A grant is revoked, or its expiry is moved: it counts for all that is left of the grant.
    GrantChange,
}

impl MoveKind {
    pub const ALL: [Self; 8] = [
        Self::Approval,
        Self::Reversal,
        Self::Refund,
        Self::Grant,
        Self::ServiceGrant,
        Self::Adjustment,
        Self::Application,
        Self::GrantChange,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Reversal => "reversal",
            Self::Refund => "refund",
            Self::Grant => "grant",
            Self::ServiceGrant => "service_grant",
            Self::Adjustment => "adjustment",
            Self::Application => "application",
            Self::GrantChange => "grant_change",
        }
    }
}

/// A move by one operator alone, or by a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    pub kind: MoveKind,
    /// The order of an approval, or the refund, the grant, the change of a grant, the adjustment or the decision.
    pub subject: Uuid,
    pub actor: String,
    pub customer: CustomerId,
    /// Without its sign.
    pub amount: Money,
}

/// What was moved alone in the last 24 hours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moved {
    pub of_customer: Money,
    pub in_all: Money,
}

/// The most that may be moved alone in 24 hours. `None`: any amount.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    pub of_customer: Option<Money>,
    pub in_all: Option<Money>,
}

impl Allowance {
    /// Whether a move of `amount` is within it, after what was moved before.
    #[must_use]
    pub fn covers(&self, amount: Money, before: Moved) -> bool {
        let within = |most: Option<Money>, before: Money| {
            most.is_none_or(|most| amount.checked_add(before).is_ok_and(|sum| sum.amount() <= most.amount()))
        };
        within(self.of_customer, before.of_customer) && within(self.in_all, before.in_all)
    }
}

/// A limit of one currency, as a setting names it: `CNY:50000`, or `VND:none` for no limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurrencyLimit {
    pub currency: Currency,
    pub most: Option<Money>,
}

impl From<Money> for CurrencyLimit {
    fn from(most: Money) -> Self {
        Self { currency: most.currency(), most: Some(most) }
    }
}

impl FromStr for CurrencyLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (code, amount) = text.split_once(':').ok_or("must be CURRENCY:AMOUNT, for example CNY:50000")?;
        let currency = code.trim().parse().map_err(|_| format!("{code} is not an ISO 4217 code"))?;
        if amount.trim() == "none" {
            return Ok(Self { currency, most: None });
        }
        let amount = parse_plain_decimal(amount.trim()).map_err(|error| error.to_string())?;
        Ok(Money::new(amount, currency).map_err(|error| error.to_string())?.into())
    }
}

/// The thresholds and limits of an installation.
#[derive(Debug, Clone, Default)]
pub struct OwnWordRules {
    /// Of one operator, for one customer.
    pub above: Vec<CurrencyLimit>,
    /// Of one operator, for all customers together.
    pub above_in_all: Vec<CurrencyLimit>,
    /// Of all services together, for one customer.
    pub service_grants: Vec<CurrencyLimit>,
    /// Of all services together, for all customers together.
    pub service_grants_in_all: Vec<CurrencyLimit>,
    /// Of one operator who may give only goodwill, for one customer.
    pub goodwill: Vec<CurrencyLimit>,
}

fn named(limits: &[CurrencyLimit], currency: Currency) -> Option<&CurrencyLimit> {
    limits.iter().find(|limit| limit.currency == currency)
}

impl OwnWordRules {
    /// Whether any threshold of operators is set. Without one nothing needs a second operator by its amount.
    #[must_use]
    pub fn any_threshold(&self) -> bool {
        !(self.above.is_empty() && self.above_in_all.is_empty())
    }

    /// What one operator may move alone.
    #[must_use]
    pub fn of_operator(&self, currency: Currency) -> Allowance {
        let in_all = named(&self.above_in_all, currency);
        let of_customer = match named(&self.above, currency) {
            Some(limit) => limit.most,
            None if in_all.is_some() || !self.any_threshold() => None,
            None => Some(Money::zero(currency)),
        };
        Allowance { of_customer, in_all: in_all.and_then(|limit| limit.most) }
    }

    /// What an operator may grant whose permissions allow only goodwill. A currency without a limit has no goodwill.
    #[must_use]
    pub fn of_goodwill(&self, currency: Currency) -> Allowance {
        let most = named(&self.goodwill, currency).map_or(Some(Money::zero(currency)), |limit| limit.most);
        Allowance { of_customer: most, in_all: None }
    }

    /// What services may grant.
    #[must_use]
    pub fn of_services(&self, currency: Currency) -> Allowance {
        let of_customer = match named(&self.service_grants, currency) {
            Some(limit) => limit.most,
            None => self.of_operator(currency).of_customer,
        };
        Allowance { of_customer, in_all: named(&self.service_grants_in_all, currency).and_then(|limit| limit.most) }
    }
}

/// How a proposal ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProposalEnd {
    /// A second operator approved it, and it was carried out.
    Approved { by: String, at: DateTime<Utc> },
    /// An operator withdrew it, and it does not count.
    Withdrawn { by: String, at: DateTime<Utc> },
}

/// The time from which moves count.
#[must_use]
pub fn counts_since(now: DateTime<Utc>) -> DateTime<Utc> {
    now - COUNTS_FOR
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn money(text: &str) -> Money {
        let (currency, amount) = text.split_once(' ').unwrap();
        Money::new(amount.parse().unwrap(), currency.parse().unwrap()).unwrap()
    }

    fn limits(text: &str) -> Vec<CurrencyLimit> {
        text.split(',').filter(|one| !one.is_empty()).map(|one| one.parse().unwrap()).collect()
    }

    fn rules(above: &str, in_all: &str) -> OwnWordRules {
        OwnWordRules { above: limits(above), above_in_all: limits(in_all), ..OwnWordRules::default() }
    }

    fn of(rules: &OwnWordRules, code: &str) -> (Option<Money>, Option<Money>) {
        let allowance = rules.of_operator(code.parse().unwrap());
        (allowance.of_customer, allowance.in_all)
    }

    #[test]
    fn without_a_threshold_one_operator_is_enough() {
        assert_eq!(of(&rules("", ""), "CNY"), (None, None));
        assert!(!rules("", "").any_threshold());
    }

    #[test]
    fn once_one_is_set_every_currency_has_one() {
        let rules = rules("CNY:1000,VND:none", "CNY:5000,JPY:100000");
        assert_eq!(of(&rules, "CNY"), (Some(money("CNY 1000")), Some(money("CNY 5000"))));
        assert_eq!(of(&rules, "VND"), (None, None));
        assert_eq!(of(&rules, "JPY"), (None, Some(money("JPY 100000"))));
        assert_eq!(of(&rules, "USD"), (Some(money("USD 0")), None));
        assert_eq!(of(&self::rules("", "CNY:1"), "USD"), (Some(money("USD 0")), None));
    }

    #[test]
    fn what_was_moved_before_counts() {
        let allowance = rules("CNY:1000", "CNY:1500").of_operator("CNY".parse().unwrap());
        for (before, in_all, amount, covers) in [
            ("CNY 0", "CNY 0", "CNY 1000", true),
            ("CNY 0", "CNY 0", "CNY 1000.01", false),
            ("CNY 600", "CNY 600", "CNY 400", true),
            ("CNY 600", "CNY 600", "CNY 400.01", false),
            ("CNY 0", "CNY 1000", "CNY 500", true),
            ("CNY 0", "CNY 1000", "CNY 500.01", false),
        ] {
            let before = Moved { of_customer: money(before), in_all: money(in_all) };
            assert_eq!(allowance.covers(money(amount), before), covers, "{before:?} {amount}");
        }
        let nothing = Moved { of_customer: money("USD 0"), in_all: money("USD 0") };
        assert!(!rules("CNY:1", "").of_operator("USD".parse().unwrap()).covers(money("USD 0.01"), nothing));
    }

    #[test]
    fn services_have_the_operators_threshold_unless_they_have_their_own() {
        let rules = OwnWordRules {
            service_grants: limits("USD:10,JPY:none"),
            service_grants_in_all: limits("CNY:900"),
            ..rules("CNY:1000,USD:50", "")
        };
        let of = |code: &str| {
            let allowance = rules.of_services(code.parse().unwrap());
            (allowance.of_customer, allowance.in_all)
        };
        assert_eq!(of("CNY"), (Some(money("CNY 1000")), Some(money("CNY 900"))));
        assert_eq!(of("USD"), (Some(money("USD 10")), None));
        assert_eq!(of("JPY"), (None, None));
        assert_eq!(of("VND"), (Some(money("VND 0")), None));
        let free = OwnWordRules::default().of_services("VND".parse().unwrap());
        assert_eq!((free.of_customer, free.in_all), (None, None));
    }

    #[test]
    fn goodwill_has_a_limit_in_every_currency() {
        let rules = OwnWordRules { goodwill: limits("CNY:200,VND:none"), ..OwnWordRules::default() };
        let of = |code: &str| rules.of_goodwill(code.parse().unwrap()).of_customer;
        assert_eq!(of("CNY"), Some(money("CNY 200")));
        assert_eq!(of("VND"), None);
        assert_eq!(of("USD"), Some(money("USD 0")));
    }

    #[test]
    fn a_limit_is_written_as_a_currency_and_an_amount() {
        for bad in ["CNY", "CNY:", "XXY:1", "CNY:1e3", "CNY:-1", "CNY:None", "cny:1"] {
            assert!(bad.parse::<CurrencyLimit>().is_err(), "{bad}");
        }
        assert_eq!("VND:none".parse::<CurrencyLimit>().unwrap().most, None);
    }
}
