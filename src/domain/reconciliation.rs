//! Reconciliation: what a payment company says that it took, refunded and disputed, against our records.
//!
//! The company's list reaches beyond the day at both ends, because a payment is often recorded here later than it was
//! made there. Payments and refunds are compared by the company's ids, disputes by the payment that they are about.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::calendar::Span;
use super::money::{Currency, Money};

/// What was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MovedKind {
    Payment,
    Refund,
    Dispute,
    /// To our bank account. There is nothing here to compare it with.
    Payout,
}

impl MovedKind {
    const COMPARED: [(Self, &'static str); 3] =
        [(Self::Payment, "payment"), (Self::Refund, "refund"), (Self::Dispute, "dispute")];

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::COMPARED.iter().find(|(_, word)| *word == text).map(|(kind, _)| *kind)
    }
}

/// What the company says that it moved. Amounts are never negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanyMovement {
    pub kind: MovedKind,
    /// The company's id of the payment, the refund, the dispute or the payout.
    pub id: String,
    /// The payment that it is about.
    pub payment_id: Option<String>,
    pub amount: Money,
    /// What the company kept for it.
    pub fee: Option<Money>,
    pub at: DateTime<Utc>,
    /// Whether it carries our marks: it is of this service and not of another use of the account.
    pub marked: bool,
}

/// Our records. Amounts are never negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnMovement {
    pub kind: MovedKind,
    /// As [`CompanyMovement::id`].
    pub id: String,
    pub payment_id: String,
    pub amount: Money,
    pub at: DateTime<Utc>,
    /// Our own id of the record.
    pub record: String,
}

/// How both sides differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// The company moved it, and we have no record.
    MissingHere,
    /// We have a record, and the company does not name it.
    MissingThere,
    OtherAmount,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub kind: DifferenceKind,
    pub moved: MovedKind,
    /// The company's id.
    pub id: String,
    pub company: Option<Money>,
    pub own: Option<Money>,
    pub at: DateTime<Utc>,
    /// Our own id of the record, if there is one.
    pub record: Option<String>,
}

/// What both sides moved in the day, in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MovedTotal {
    pub company_count: u64,
    pub company_amount: Money,
    pub company_fee: Money,
    pub own_count: u64,
    pub own_amount: Money,
}

/// The comparison of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    pub totals: Vec<(MovedKind, Currency, MovedTotal)>,
    /// By time.
    pub differences: Vec<Difference>,
    pub payouts: Vec<CompanyMovement>,
    /// How many movements of the company concern other uses of the account.
    pub foreign: u64,
}

/// What both sides are compared by.
type MovementKey<'m> = (MovedKind, &'m str);

fn key_of(movement: &CompanyMovement) -> MovementKey<'_> {
    match (movement.kind, &movement.payment_id) {
        (MovedKind::Dispute, Some(payment)) => (MovedKind::Dispute, payment),
        (kind, _) => (kind, &movement.id),
    }
}

fn own_key(movement: &OwnMovement) -> MovementKey<'_> {
    match movement.kind {
        MovedKind::Dispute => (MovedKind::Dispute, &movement.payment_id),
        kind => (kind, &movement.id),
    }
}

/// Compares both sides. `company` has all that the company lists around the day; `own` has our records of the day, and
/// those that the company names.
#[must_use]
pub fn compare(span: Span, company: &[CompanyMovement], own: &[OwnMovement]) -> Reconciliation {
    let in_day = |at: DateTime<Utc>| at >= span.from && at < span.to;
    let recorded: BTreeMap<MovementKey<'_>, &OwnMovement> = own.iter().map(|one| (own_key(one), one)).collect();
    let payments: BTreeSet<&str> = own.iter().map(|one| one.payment_id.as_str()).collect();
    let is_ours = |one: &CompanyMovement| {
        one.marked
            || recorded.contains_key(&key_of(one))
            || one.payment_id.as_deref().is_some_and(|id| payments.contains(id))
    };
    let (payouts, listed): (Vec<_>, Vec<_>) = company.iter().partition(|one| one.kind == MovedKind::Payout);
    let (ours, foreign): (Vec<_>, Vec<_>) = listed.into_iter().partition(|one| is_ours(one));
    let named: BTreeSet<MovementKey<'_>> = ours.iter().map(|one| key_of(one)).collect();

    let mut differences = Vec::new();
    for one in ours.iter().filter(|one| in_day(one.at)) {
        let known = recorded.get(&key_of(one));
        let kind = match known {
            None => DifferenceKind::MissingHere,
            Some(known) if known.amount != one.amount => DifferenceKind::OtherAmount,
            Some(_) => continue,
        };
        differences.push(Difference {
            kind,
            moved: one.kind,
            id: one.id.clone(),
            company: Some(one.amount),
            own: known.map(|known| known.amount),
            at: one.at,
            record: known.map(|known| known.record.clone()),
        });
    }
    for one in own.iter().filter(|one| in_day(one.at) && !named.contains(&own_key(one))) {
        differences.push(Difference {
            kind: DifferenceKind::MissingThere,
            moved: one.kind,
            id: one.id.clone(),
            company: None,
            own: Some(one.amount),
            at: one.at,
            record: Some(one.record.clone()),
        });
    }
    differences.sort_by(|one, other| (one.at, one.kind, &one.id).cmp(&(other.at, other.kind, &other.id)));
    let count = |all: &[&CompanyMovement]| u64::try_from(all.iter().filter(|one| in_day(one.at)).count()).unwrap_or(0);
    Reconciliation {
        totals: totals(ours.iter().filter(|one| in_day(one.at)), own.iter().filter(|one| in_day(one.at))),
        differences,
        payouts: payouts.into_iter().filter(|one| in_day(one.at)).cloned().collect(),
        foreign: count(&foreign),
    }
}

fn totals<'m>(
    company: impl Iterator<Item = &'m &'m CompanyMovement>,
    own: impl Iterator<Item = &'m OwnMovement>,
) -> Vec<(MovedKind, Currency, MovedTotal)> {
    let nothing = |currency| MovedTotal {
        company_count: 0,
        company_amount: Money::zero(currency),
        company_fee: Money::zero(currency),
        own_count: 0,
        own_amount: Money::zero(currency),
    };
    let mut totals = BTreeMap::<(MovedKind, Currency), MovedTotal>::new();
    for one in company {
        let currency = one.amount.currency();
        let total = totals.entry((one.kind, currency)).or_insert_with(|| nothing(currency));
        total.company_count += 1;
        total.company_amount += one.amount;
        // A company may take its fee in another currency. It is not added to these.
        if let Some(fee) = one.fee.filter(|fee| fee.currency() == currency) {
            total.company_fee += fee;
        }
    }
    for one in own {
        let currency = one.amount.currency();
        let total = totals.entry((one.kind, currency)).or_insert_with(|| nothing(currency));
        total.own_count += 1;
        total.own_amount += one.amount;
    }
    totals.into_iter().map(|((kind, currency), total)| (kind, currency, total)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use rust_decimal::Decimal;

    use super::*;

    fn usd(cents: i64) -> Money {
        Money::from_ledger(Decimal::new(cents, 2), "USD".parse().unwrap())
    }

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::Duration::hours(hour)
    }

    fn company(kind: MovedKind, id: &str, payment: &str, cents: i64, hour: i64) -> CompanyMovement {
        let payment_id = Some(payment.to_owned());
        let fee = Some(usd(3));
        CompanyMovement { kind, id: id.to_owned(), payment_id, amount: usd(cents), fee, at: at(hour), marked: false }
    }

    fn own(kind: MovedKind, id: &str, payment: &str, cents: i64, hour: i64) -> OwnMovement {
        let (id, record) = (id.to_owned(), format!("record of {id}"));
        OwnMovement { kind, id, payment_id: payment.to_owned(), amount: usd(cents), at: at(hour), record }
    }

    /// The day has the hours 24 to 47.
    fn day() -> Span {
        Span { from: at(24), to: at(48) }
    }

    #[test]
    fn every_difference_is_named_once() {
        use MovedKind::{Dispute, Payment, Refund};
        let theirs = [
            company(Payment, "agrees", "agrees", 100, 30),
            // Taken before midnight, recorded after it; and the other way round.
            company(Payment, "early", "early", 100, 23),
            company(Payment, "late", "late", 100, 47),
            company(Payment, "less", "less", 99, 31),
            CompanyMovement { marked: true, ..company(Payment, "unknown", "unknown", 50, 32) },
            company(Payment, "of a shop", "of a shop", 70, 33),
            company(Refund, "their refund", "agrees", 10, 34),
            company(Dispute, "PP-D-1", "agrees", 100, 35),
            company(Dispute, "their dispute", "less", 99, 36),
        ];
        let ours = [
            own(Payment, "agrees", "agrees", 100, 30),
            own(Payment, "early", "early", 100, 24),
            own(Payment, "late", "late", 100, 48),
            own(Payment, "less", "less", 100, 31),
            own(Payment, "invented", "invented", 100, 37),
            own(Refund, "our refund", "agrees", 5, 38),
            own(Dispute, "another id", "agrees", 100, 39),
        ];
        let found = compare(day(), &theirs, &ours);
        let differences: Vec<_> = found.differences.iter().map(|one| (one.id.as_str(), one.kind)).collect();
        use DifferenceKind::{MissingHere, MissingThere, OtherAmount};
        assert_eq!(
            differences,
            [
                ("less", OtherAmount),
                ("unknown", MissingHere),
                ("their refund", MissingHere),
                ("their dispute", MissingHere),
                ("invented", MissingThere),
                ("our refund", MissingThere),
            ]
        );
        assert_eq!(found.foreign, 1);
        let (kind, _, payments) = found.totals[0];
        assert_eq!((kind, payments.company_count, payments.company_amount), (Payment, 4, usd(349)));
        assert_eq!((payments.company_fee, payments.own_count, payments.own_amount), (usd(12), 4, usd(400)));
    }

    #[test]
    fn payouts_are_shown_and_not_compared() {
        let theirs = [company(MovedKind::Payout, "po_1", "", 500, 30), company(MovedKind::Payout, "po_2", "", 500, 50)];
        let found = compare(day(), &theirs, &[]);
        assert_eq!((found.differences.len(), found.totals.len(), found.foreign), (0, 0, 0));
        assert_eq!(found.payouts.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["po_1"]);
    }
}
