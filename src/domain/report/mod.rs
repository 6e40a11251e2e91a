//! The reports of finance: what is owed to customers and how it changed, and what happened in a range of days.
//!
//! All of them are made of sums of entries, one for each day, currency, product, kind and counterpart, so a figure
//! equals the sum of its entries to the last digit. An entry's kind decides its line in the roll-forward, and its
//! counterpart the channel.
//!
//! No entry has a fee or a tax: those figures come from the papers ([`PaperAmounts`](super::paper::PaperAmounts)),
//! which say how a payment and its refunds are divided. A paper belongs to the day on which its event happened. So the
//! tax that is due for a range of days is that of their receipts less that of their credit notes, to the last digit.

pub mod activity;
pub mod entries;
pub mod journal;

use chrono::NaiveDate;

use super::counterpart::Counterpart;
use super::entry::EntryKind;
use super::money::{Currency, Money};
use super::payment::{Channel, ProviderName};
use super::product::Product;

/// Why what is owed to customers changed. In every currency, what was owed before a range of days, plus all lines, is
/// what is owed after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportLine {
    /// Payments that were credited.
    Credited,
    /// Promotional credit that was given.
    Granted,
    /// Consumption, less what was given back of it.
    Used,
    /// Promotional credit that expired or was revoked: the breakage.
    Expired,
    /// Money of orders that went back to payers.
    Refunded,
    /// Money that payers disputed, less what was won back.
    Disputed,
    /// Bonus of orders whose money went back, and money that was taken in place of spent bonus.
    BonusTakenBack,
    /// Corrections by operators, reversed approvals among them.
    Adjusted,
    /// Money between the wallets of one customer: zero in total, but not for each product.
    Transferred,
    /// The rest of accounts that are being closed, which was paid out by bank transfer, less what came back.
    PaidOut,
    /// What closed accounts owed, and we wrote off, less what came later.
    WrittenOff,
}

impl ReportLine {
    pub const ALL: [Self; 11] = [
        Self::Credited,
        Self::Granted,
        Self::Used,
        Self::Expired,
        Self::Refunded,
        Self::Disputed,
        Self::BonusTakenBack,
        Self::Adjusted,
        Self::Transferred,
        Self::PaidOut,
        Self::WrittenOff,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credited => "credited",
            Self::Granted => "granted",
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
            Self::Disputed => "disputed",
            Self::BonusTakenBack => "bonus_taken_back",
            Self::Adjusted => "adjusted",
            Self::Transferred => "transferred",
            Self::PaidOut => "paid_out",
            Self::WrittenOff => "written_off",
        }
    }

    /// The line of a kind: exactly one, and a new kind must be given its own here.
    #[must_use]
    pub fn of(kind: EntryKind) -> Self {
        match kind {
            EntryKind::Recharge => Self::Credited,
            EntryKind::Grant | EntryKind::Bonus => Self::Granted,
            EntryKind::Usage | EntryKind::Capture | EntryKind::Reversal => Self::Used,
            EntryKind::Expire => Self::Expired,
            EntryKind::Refund | EntryKind::RefundReturned => Self::Refunded,
            EntryKind::Dispute | EntryKind::DisputeReturned => Self::Disputed,
            EntryKind::BonusRevoked
            | EntryKind::BonusRestored
            | EntryKind::BonusTaken
            | EntryKind::BonusTakenReturned => Self::BonusTakenBack,
            EntryKind::Adjust => Self::Adjusted,
            EntryKind::TransferIn | EntryKind::TransferOut => Self::Transferred,
            EntryKind::Payout | EntryKind::PayoutReturned => Self::PaidOut,
            EntryKind::WriteOff | EntryKind::WriteOffRecovered => Self::WrittenOff,
        }
    }

    /// The kinds of this line.
    pub fn kinds(self) -> impl Iterator<Item = EntryKind> {
        EntryKind::ALL.into_iter().filter(move |kind| Self::of(*kind) == self)
    }
}

/// By which channel the money of an entry came or went; `None` if no payment company or bank was involved.
#[must_use]
pub fn channel_of(counterpart: &Counterpart) -> Option<Channel> {
    let provider = match counterpart {
        Counterpart::Provider(name) | Counterpart::Refund(name) | Counterpart::Dispute(name) => *name,
        Counterpart::Bank(_) | Counterpart::Payout => ProviderName::BankTransfer,
        Counterpart::Usage(_)
        | Counterpart::Promotion
        | Counterpart::Transfer
        | Counterpart::Adjustment
        | Counterpart::WriteOff => return None,
    };
    Some(match provider {
        ProviderName::Stripe => Channel::Card,
        ProviderName::PayPal => Channel::Paypal,
        ProviderName::Vnpay => Channel::Vnpay,
        ProviderName::BankTransfer => Channel::BankTransfer,
        ProviderName::Balance => Channel::Balance,
    })
}

/// Sums of entries' columns, in one currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts {
    pub entries: i64,
    /// Change of paid + granted − debt.
    pub amount: Money,
    pub granted: Money,
    pub debt: Money,
}

impl Parts {
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self { entries: 0, amount: zero, granted: zero, debt: zero }
    }

    /// The change of paid money.
    #[must_use]
    pub fn paid(self) -> Money {
        self.amount - self.granted + self.debt
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            amount: self.amount + other.amount,
            granted: self.granted + other.granted,
            debt: self.debt + other.debt,
        }
    }
}

/// The entries of one kind and counterpart in a range of days.
#[derive(Debug, Clone, PartialEq)]
pub struct EntrySum {
    /// The day, or the first day of the month.
    pub period: NaiveDate,
    pub product: Product,
    pub kind: EntryKind,
    pub counterpart: Counterpart,
    pub parts: Parts,
    /// What the receipts of recharges name; the negative of what the credit notes of refunds, lost disputes and
    /// reversed approvals name; and what the cancellations of credit notes name.
    pub fee: Money,
    pub tax: Money,
    /// What tax the papers' amounts contain.
    pub tax_included: Money,
}

/// The entries of one kind, before a stretch of days or in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RollForwardSum {
    pub kind: EntryKind,
    pub is_before: bool,
    pub parts: Parts,
}

/// What is owed to customers in one currency, and how it changed.
#[derive(Debug, Clone, PartialEq)]
pub struct RollForward {
    pub currency: Currency,
    pub opening: Parts,
    /// Every line, in order, even without an entry.
    pub lines: Vec<(ReportLine, Parts)>,
    pub closing: Parts,
}

impl RollForward {
    /// One roll-forward for each currency that occurs, in the order of codes.
    #[must_use]
    pub fn of_each(sums: &[RollForwardSum]) -> Vec<Self> {
        let mut currencies: Vec<Currency> = sums.iter().map(|sum| sum.parts.amount.currency()).collect();
        currencies.sort();
        currencies.dedup();
        let sum_of = |currency: Currency, wanted: &dyn Fn(&RollForwardSum) -> bool| {
            let own = sums.iter().filter(|sum| sum.parts.amount.currency() == currency && wanted(sum));
            own.fold(Parts::zero(currency), |all, sum| all.plus(sum.parts))
        };
        let roll = |currency| Self {
            currency,
            opening: sum_of(currency, &|sum| sum.is_before),
            lines: ReportLine::ALL
                .map(|line| (line, sum_of(currency, &|sum| !sum.is_before && ReportLine::of(sum.kind) == line)))
                .into(),
            closing: sum_of(currency, &|_| true),
        };
        currencies.into_iter().map(roll).collect()
    }
}

/// What is left of promotional credit in one currency, with one age and one time until its expiry.
#[derive(Debug, Clone, PartialEq)]
pub struct GrantAge {
    pub age: AgeBucket,
    pub expiry: ExpiryBucket,
    pub grants: i64,
    pub remaining: Money,
}

/// How long ago a grant was given, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgeBucket {
    UpTo30,
    UpTo90,
    UpTo180,
    UpTo365,
    Older,
}

impl AgeBucket {
    pub const ALL: [Self; 5] = [Self::UpTo30, Self::UpTo90, Self::UpTo180, Self::UpTo365, Self::Older];
}

/// In how many days a grant expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpiryBucket {
    /// It has expired; what is left is reserved by a hold, or is written off in a moment.
    Lapsed,
    Within7,
    Within30,
    Within90,
    Within365,
    Later,
    Never,
}

impl ExpiryBucket {
    pub const ALL: [Self; 7] =
        [Self::Lapsed, Self::Within7, Self::Within30, Self::Within90, Self::Within365, Self::Later, Self::Never];
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rust_decimal::Decimal;

    use super::*;

    #[test]
    fn every_kind_stands_in_exactly_one_line() {
        let listed: Vec<EntryKind> = ReportLine::ALL.into_iter().flat_map(ReportLine::kinds).collect();
        assert_eq!(listed.len(), EntryKind::ALL.len());
        for kind in EntryKind::ALL {
            assert_eq!(listed.iter().filter(|listed| **listed == kind).count(), 1, "{kind:?}");
        }
        assert!(ReportLine::ALL.into_iter().all(|line| line.kinds().next().is_some()));
    }

    #[test]
    fn opening_and_lines_are_the_closing_in_each_currency() {
        let parts = |code: &str, amount: i64, granted: i64| {
            let money = |cents| Money::from_ledger(Decimal::new(cents, 2), code.parse().unwrap());
            Parts { entries: 1, amount: money(amount), granted: money(granted), debt: money(0) }
        };
        let sum = |kind, is_before, parts| RollForwardSum { kind, is_before, parts };
        let sums = [
            sum(EntryKind::Recharge, true, parts("USD", 1000, 0)),
            sum(EntryKind::Grant, false, parts("USD", 300, 300)),
            sum(EntryKind::Usage, false, parts("USD", -500, -300)),
            sum(EntryKind::Reversal, false, parts("USD", 100, 0)),
            sum(EntryKind::Recharge, false, parts("CNY", 70, 0)),
        ];
        let rolled = RollForward::of_each(&sums);
        assert_eq!(rolled.iter().map(|one| one.currency.code()).collect::<Vec<_>>(), ["CNY", "USD"]);
        for one in &rolled {
            let lines = one.lines.iter().fold(one.opening, |all, (_, parts)| all.plus(*parts));
            assert_eq!(lines, one.closing);
        }
        let usd = rolled.last().unwrap();
        let used = usd.lines.iter().find(|(line, _)| *line == ReportLine::Used).unwrap().1;
        assert_eq!((used.amount, used.paid(), used.granted), {
            let money = |cents| Money::from_ledger(Decimal::new(cents, 2), "USD".parse().unwrap());
            (money(-400), money(-100), money(-300))
        });
    }
}
