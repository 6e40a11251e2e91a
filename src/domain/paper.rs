//! Our papers: receipts for what completed orders received, credit notes for what went back of them, and cancellations
//! of credit notes whose refund failed or whose dispute was won after all.
//!
//! A paper is issued after its event, in the order of events. It gets the next number of its series and
//! year, and never changes. The state's invoice is another paper; only its number and its file are noted here.

use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::country::Country;
use super::customer::CustomerId;
use super::money::{Currency, Money};
use super::party::Party;
use super::payment::Application;
use super::take_back::TakeBackId;
use super::tax::AppliedTax;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaperKind {
    Receipt,
    CreditNote,
    /// Of a credit note.
    Cancellation,
}

impl PaperKind {
    pub const ALL: [Self; 3] = [Self::Receipt, Self::CreditNote, Self::Cancellation];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::CreditNote => "credit_note",
            Self::Cancellation => "cancellation",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The number of a paper: `R-2026-000042`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaperNumber {
    pub series: String,
    pub year: i32,
    pub number: i64,
}

impl fmt::Display for PaperNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{:06}", self.series, self.year, self.number)
    }
}

/// The amounts of a paper: amount = credited + fee + tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaperAmounts {
    /// What the payer paid, or got back.
    pub amount: Money,
    pub fee: Money,
    pub tax: Money,
    /// What the wallet got, or gave.
    pub credited: Money,
    /// The tax that the amount contains.
    pub tax_included: Money,
}

impl PaperAmounts {
    /// The amounts of the receipt of an application to an order.
    #[must_use]
    pub fn received_by(application: &Application) -> Self {
        let Application { amount, fee, tax, tax_included, .. } = *application;
        Self { amount, fee, tax, credited: application.credited(), tax_included }
    }

    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self { amount: zero, fee: zero, tax: zero, credited: zero, tax_included: zero }
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            amount: self.amount + other.amount,
            fee: self.fee + other.fee,
            tax: self.tax + other.tax,
            credited: self.credited + other.credited,
            tax_included: self.tax_included + other.tax_included,
        }
    }

    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            amount: self.amount - other.amount,
            fee: self.fee - other.fee,
            tax: self.tax - other.tax,
            credited: self.credited - other.credited,
            tax_included: self.tax_included - other.tax_included,
        }
    }

    /// The amounts of a credit note for a return of `amount` to the payer. `self` is the receipt, and `before` the sum
    /// of the credit notes so far. The credit's share is that of `ReturnedSoFar::due`, computed from the papers alone:
    /// what the wallet gave for one refund also depends on disputes, and on what became of the refund later. The rest
    /// is fee and tax, in the proportion of the receipt. If the fee is kept, the rest is only tax, without the tax on
    /// the fee; what the company gave back beyond that is the fee and the tax on it.
    ///
    /// The shares are computed from the sum of all credit notes, so those of a whole refund in parts are the receipt's
    /// own. No part is negative: if a cancelled note left more in the sum than its share, this note has zero for that
    /// part, and the next one corrects it.
    #[must_use]
    pub fn of_return(self, before: Self, amount: Money, fee_refundable: bool) -> Self {
        let zero = Money::zero(self.amount.currency());
        let (kept_fee, kept_tax) = match fee_refundable {
            true => (zero, zero),
            false => (self.fee, self.tax.pro_rata(self.fee, self.fee + self.credited)),
        };
        let kept = kept_fee + kept_tax;
        let returnable = self.amount - kept;
        let returned = (before.amount + amount).min(self.amount);
        let so_far = returned.min(returnable);
        let credited = if returnable.is_zero() { self.credited } else { self.credited.pro_rata(so_far, returnable) };
        let beside = returnable - self.credited;
        let tax = match beside.is_zero() {
            true => zero,
            false => (so_far - credited).pro_rata(self.tax - kept_tax, beside),
        };
        let beyond = returned - so_far;
        let tax_beyond = if kept.is_zero() { zero } else { beyond - beyond.pro_rata(kept_fee, kept) };
        let included = returned.pro_rata(self.tax_included, self.amount);
        before.next(amount, credited, tax + tax_beyond, included)
    }

    /// The amounts of a cancellation, after which the credit notes are over `returned` in all: what is still back with
    /// the payer. That is not always all of a note: a refund and a dispute about the same money are credited once, and
    /// where one of them is undone, the other one stands. `None` where the notes are over no more than that.
    ///
    /// `self` is the receipt, `before` the sum of the credit notes so far, and `note` the one of what is undone.
    #[must_use]
    pub fn of_cancellation(
        self,
        before: Self,
        note: Option<Self>,
        returned: Money,
        fee_refundable: bool,
    ) -> Option<Self> {
        let left = returned.min(before.amount);
        let amount = before.amount - left;
        if !amount.is_positive() {
            return None;
        }
        let is_within = |note: &Self| {
            let rest = before.minus(*note);
            [rest.fee, rest.tax, rest.credited, rest.tax_included].iter().all(|part| !part.is_negative())
        };
        if let Some(whole) = note.filter(|note| note.amount == amount && is_within(note)) {
            return Some(whole);
        }
        let rest = self.of_return(Self::zero(amount.currency()), left, fee_refundable);
        Some(rest.next(amount, before.credited, before.tax, before.tax_included))
    }

    /// The note over `amount` after which the notes are over these sums in all, as far as it has room for them.
    fn next(self, amount: Money, credited: Money, tax: Money, tax_included: Money) -> Self {
        let part = |sum: Money, before: Money, room: Money| (sum - before).or_zero().min(room);
        let credited = part(credited, self.credited, amount);
        let tax = part(tax, self.tax, amount - credited);
        let tax_included = part(tax_included, self.tax_included, amount);
        Self { amount, fee: amount - credited - tax, tax, credited, tax_included }
    }
}

/// The state's invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EInvoice {
    pub number: String,
    /// Where its file is.
    pub url: Option<String>,
}

/// A paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    pub id: Uuid,
    pub kind: PaperKind,
    pub number: PaperNumber,
    /// What it is for, as the API shows its id.
    pub source: String,
    pub order_id: Uuid,
    /// The payment that it is about.
    pub payment_id: Uuid,
    /// Which application of it; `None` for what a refund or a dispute took back.
    pub application: Option<i32>,
    /// The receipt that this paper refers to; `None` for a receipt.
    pub receipt_id: Option<Uuid>,
    pub customer: CustomerId,
    pub amounts: PaperAmounts,
    /// The rule by which the order was taxed.
    pub tax_rule: Option<AppliedTax>,
    pub happened_at: DateTime<Utc>,
    pub issued_at: DateTime<Utc>,
    pub seller: Party,
    /// As the order keeps it. `None` once it was erased.
    pub buyer: Option<Party>,
    pub e_invoice: Option<EInvoice>,
}

/// What an order received by its papers, or one of its payments, and what of that went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaperSums {
    /// The receipts, without those of reversed approvals: that money never came.
    pub received: PaperAmounts,
    /// The credit notes for what went back, without those that were cancelled.
    pub returned: PaperAmounts,
}

impl PaperSums {
    #[must_use]
    pub fn of<'p>(currency: Currency, papers: impl IntoIterator<Item = &'p Paper>) -> Self {
        let nothing = PaperAmounts::zero(currency);
        let mut sums = Self { received: nothing, returned: nothing };
        for paper in papers {
            match paper.kind {
                PaperKind::Receipt => sums.received = sums.received.plus(paper.amounts),
                PaperKind::CreditNote if paper.application.is_some() => {
                    sums.received = sums.received.minus(paper.amounts);
                }
                PaperKind::CreditNote => sums.returned = sums.returned.plus(paper.amounts),
                PaperKind::Cancellation => sums.returned = sums.returned.minus(paper.amounts),
            }
        }
        sums
    }

    /// What of a return of `amount` to the payer a credit note is over. Where a refund and a dispute are about the same
    /// money, it is credited once.
    #[must_use]
    pub fn creditable(&self, amount: Money) -> Money {
        amount.min(self.received.amount - self.returned.amount).or_zero()
    }
}

/// What a paper is to be issued for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuePaper {
    pub source: String,
    pub kind: PaperKind,
    pub order_id: Uuid,
    /// As in [`Paper`].
    pub payment_id: Uuid,
    pub application: Option<i32>,
    pub happened_at: DateTime<Utc>,
    /// The year in which it happened, in the time zone of the calendar.
    pub year: i32,
}

impl DuePaper {
    /// Whether it is to refer to this paper: the receipt of the same money.
    #[must_use]
    pub fn refers_to(&self, paper: &Paper) -> bool {
        let is_same = self.application.is_none() || self.application == paper.application;
        paper.kind == PaperKind::Receipt && paper.payment_id == self.payment_id && is_same
    }

    /// What went back, for a credit note.
    #[must_use]
    pub fn taken_back(&self) -> Option<TakeBackId> {
        TakeBackId::parse(&self.source)
    }

    /// The source of the credit note that a cancellation cancels.
    #[must_use]
    pub fn cancelled_source(&self) -> Option<&str> {
        self.source.split_once(':').map(|(source, _)| source)
    }
}

/// How an installation issues papers.
#[derive(Debug, Clone)]
pub struct PaperRules {
    pub seller: Party,
    /// The country whose tax rules apply; `None`: no tax.
    pub seller_country: Option<Country>,
    /// The series of receipts, and that of credit notes and their cancellations.
    pub receipts: String,
    pub credit_notes: String,
}

impl PaperRules {
    #[must_use]
    pub fn series(&self, kind: PaperKind) -> &str {
        match kind {
            PaperKind::Receipt => &self.receipts,
            PaperKind::CreditNote | PaperKind::Cancellation => &self.credit_notes,
        }
    }
}

/// Which papers a list shows.
#[derive(Debug, Clone, Default)]
pub struct PaperFilter {
    pub kind: Option<PaperKind>,
    pub customer: Option<CustomerId>,
    pub issued_from: Option<DateTime<Utc>>,
    pub issued_to: Option<DateTime<Utc>>,
    pub happened_from: Option<DateTime<Utc>>,
    pub happened_to: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    fn usd(cents: i64) -> Money {
        Money::from_ledger(Decimal::new(cents, 2), "USD".parse().unwrap())
    }

    fn receipt_of(credited: i64, fee: i64, tax: i64, tax_included: i64) -> PaperAmounts {
        let (amount, tax_included) = (usd(credited + fee + tax), usd(tax_included));
        PaperAmounts { amount, fee: usd(fee), tax: usd(tax), credited: usd(credited), tax_included }
    }

    #[test]
    fn a_number_sorts_by_its_digits() {
        let number = PaperNumber { series: "R".to_owned(), year: 2026, number: 42 };
        assert_eq!(number.to_string(), "R-2026-000042");
    }

    fn paper(kind: PaperKind, payment: u128, application: Option<i32>, cents: i64) -> Paper {
        let nothing = PaperAmounts::zero(usd(0).currency());
        Paper {
            id: Uuid::nil(),
            kind,
            number: PaperNumber { series: "R".to_owned(), year: 2026, number: 1 },
            source: String::new(),
            order_id: Uuid::nil(),
            payment_id: Uuid::from_u128(payment),
            application,
            receipt_id: None,
            customer: CustomerId::new("alice").unwrap(),
            amounts: PaperAmounts { amount: usd(cents), credited: usd(cents), ..nothing },
            tax_rule: None,
            happened_at: DateTime::UNIX_EPOCH,
            issued_at: DateTime::UNIX_EPOCH,
            seller: Party::default(),
            buyer: None,
            e_invoice: None,
        }
    }

    /// A payment of 100 and one of 50. Of the first 30 were refunded, and another refund failed; a transfer of 20 never
    /// came. A dispute over 100 of the first payment is credited as far as the refund was not.
    #[test]
    fn money_of_a_payment_is_credited_once() {
        use PaperKind::{Cancellation, CreditNote, Receipt};
        let receipts = [(1, Some(1), 10_000), (2, Some(1), 5_000), (1, Some(2), 2_000)];
        let mut papers: Vec<Paper> = receipts.map(|(of, n, cents)| paper(Receipt, of, n, cents)).into();
        papers.push(paper(CreditNote, 1, Some(2), 2_000));
        papers.extend([(CreditNote, 3_000), (CreditNote, 500), (Cancellation, 500)].map(|(k, c)| paper(k, 1, None, c)));
        let currency = usd(0).currency();
        let of_payment = PaperSums::of(currency, papers.iter().filter(|paper| paper.payment_id == Uuid::from_u128(1)));
        assert_eq!((of_payment.creditable(usd(10_000)), of_payment.creditable(usd(10))), (usd(7_000), usd(10)));
        let of_order = PaperSums::of(currency, &papers);
        assert_eq!((of_order.received.amount, of_order.returned.amount), (usd(15_000), usd(3_000)));
    }

    #[test]
    fn a_fee_that_is_kept_is_in_no_credit_note() {
        let receipt = receipt_of(10_000, 1_000, 2_090, 0);
        let nothing = PaperAmounts::zero(receipt.amount.currency());
        let note = receipt.of_return(nothing, usd(11_900), false);
        assert_eq!((note.fee, note.tax, note.credited), (usd(0), usd(1_900), usd(10_000)));
    }

    /// The same receipt, whose whole payment the company gave back, at once and in two parts.
    #[test]
    fn a_fee_that_the_company_gave_back_is_in_a_credit_note() {
        let receipt = receipt_of(10_000, 1_000, 2_090, 0);
        let nothing = PaperAmounts::zero(receipt.amount.currency());
        assert_eq!(receipt.of_return(nothing, receipt.amount, false), receipt);
        let first = receipt.of_return(nothing, usd(11_900), false);
        let second = receipt.of_return(first, usd(1_190), false);
        assert_eq!((second.fee, second.tax, second.credited), (usd(1_000), usd(190), usd(0)));
    }

    /// The figures of a credit note of an amount, after the credit notes that are in force.
    fn note(receipt: PaperAmounts, standing: &[PaperAmounts], amount: Money, refundable: bool) -> PaperAmounts {
        let before = standing.iter().fold(PaperAmounts::zero(amount.currency()), |sum, note| sum.plus(*note));
        receipt.of_return(before, amount, refundable)
    }

    /// Two refunds of 0.30 of 100.00 with 0.99 of tax in it, of which the first fails, and one of 0.10.
    #[test]
    fn a_small_refund_after_a_cancelled_note_has_no_negative_part() {
        let receipt = receipt_of(10_000, 0, 0, 99);
        let cancelled = note(receipt, &[], usd(30), true);
        let standing = note(receipt, &[cancelled], usd(30), true);
        assert_eq!((cancelled.tax_included, standing.tax_included), (usd(0), usd(1)));
        let small = note(receipt, &[standing], usd(10), true);
        assert_eq!((small.tax_included, small.credited), (usd(0), usd(10)));
        let last = note(receipt, &[standing, small], usd(9_960), true);
        assert_eq!(standing.plus(small).plus(last), receipt);
    }

    /// 0.30 and 0.70 of 1.00 are credited, for a refund and for a dispute over 0.80. The refund fails, and then the
    /// dispute is won.
    #[test]
    fn a_cancellation_leaves_what_another_return_stands_for() {
        let receipt = receipt_of(90, 3, 7, 0);
        let (refund, dispute) = (note(receipt, &[], usd(30), true), usd(80));
        let both = refund.plus(note(receipt, &[refund], usd(70), true));
        assert_eq!(both, receipt);
        let failed = receipt.of_cancellation(both, Some(refund), dispute, true).unwrap();
        assert_eq!(failed.amount, usd(20));
        let stands = both.minus(failed);
        assert_eq!(stands, note(receipt, &[], dispute, true));
        assert_eq!(receipt.of_cancellation(stands, None, dispute, true), None);
        assert_eq!(receipt.of_cancellation(stands, None, usd(0), true), Some(stands));
        // Nothing else is back with the payer: all of the note is cancelled.
        assert_eq!(receipt.of_cancellation(both, Some(refund), usd(70), true), Some(refund));
    }

    proptest! {
        /// Whatever was credited and in which parts: a cancellation has parts, and leaves parts within the receipt's.
        #[test]
        fn a_cancellation_is_within_what_was_credited(
            (credited, fee, tax) in (1_i64..100_000, 0_i64..5_000, 0_i64..5_000),
            included in 0_i64..=1_000,
            refundable in proptest::bool::ANY,
            steps in proptest::collection::vec((0_i64..1_000, proptest::option::of(0_i64..1_000)), 1..8),
        ) {
            let whole = credited + fee + tax;
            let receipt = receipt_of(credited, fee, tax, whole * included / 1_000);
            let mut stands = PaperAmounts::zero(receipt.amount.currency());
            for (share, undone) in steps {
                let amount = (receipt.amount - stands.amount).pro_rata(usd(share), usd(1_000));
                let note = receipt.of_return(stands, amount, refundable);
                stands = stands.plus(note);
                if let Some(kept) = undone {
                    let returned = stands.amount.pro_rata(usd(kept), usd(1_000));
                    let cancelled = receipt.of_cancellation(stands, Some(note), returned, refundable);
                    stands = stands.minus(cancelled.unwrap_or(PaperAmounts::zero(returned.currency())));
                    prop_assert_eq!(stands.amount, returned);
                }
                for (part, most) in [
                    (stands.credited, receipt.credited),
                    (stands.fee, receipt.fee),
                    (stands.tax, receipt.tax),
                    (stands.tax_included, receipt.tax_included),
                ] {
                    prop_assert!(!part.is_negative() && part <= most, "{:?}", stands);
                }
            }
        }

        /// Whatever the steps of a whole refund are, and whichever of them fail, its credit notes are over the
        /// receipt's own figures, and each has its parts.
        #[test]
        fn the_credit_notes_of_a_whole_refund_are_the_receipt(
            credited in 1_i64..100_000,
            fee in 0_i64..5_000,
            tax in 0_i64..5_000,
            included in 0_i64..=1_000,
            refundable in proptest::bool::ANY,
            steps in proptest::collection::vec((0_i64..1_000, proptest::option::of(0_usize..8)), 0..8),
        ) {
            let whole = credited + fee + tax;
            let receipt = receipt_of(credited, fee, tax, whole * included / 1_000);
            let mut standing: Vec<PaperAmounts> = Vec::new();
            let mut left = whole;
            for (share, cancelled) in steps.into_iter().chain([(1_000, None)]) {
                let cents = left * share / 1_000;
                if cents == 0 {
                    continue;
                }
                let note = note(receipt, &standing, usd(cents), refundable);
                prop_assert_eq!(note.amount, usd(cents));
                prop_assert_eq!(note.credited + note.fee + note.tax, note.amount);
                for part in [note.credited, note.fee, note.tax, note.tax_included] {
                    prop_assert!(!part.is_negative() && part <= note.amount, "{:?}", note);
                }
                standing.push(note);
                left -= cents;
                if let Some(nth) = cancelled {
                    let failed = standing.swap_remove(nth % standing.len());
                    left += failed.amount.to_units(2).unwrap();
                }
            }
            let sum = standing.into_iter().fold(PaperAmounts::zero(receipt.amount.currency()), PaperAmounts::plus);
            prop_assert_eq!(sum, receipt);
        }
    }
}
