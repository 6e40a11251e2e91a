//! Our papers. There are three kinds:
//!
//! - A **receipt** is for what a completed order received.
//! - A **credit note** is for what went back of it.
//! - A **cancellation** undoes a credit note or a part of it, because the refund failed or the dispute was won.
//!
//! A paper is issued after its event, in the order of events. It gets the next number of its series and year, and never
//! changes. The state's invoice is another paper: only its number and the address of its file are noted here.
//!
//! # A worked example
//!
//! The wallet gets 100.00. The fee is 10.00, and the tax is 19 % of both, 20.90. The receipt is for 130.90.
//!
//! **The fee goes back with a refund.** Every credit note has the proportions of the receipt:
//!
//! | paper | amount | credited | fee | tax |
//! |---|---|---|---|---|
//! | receipt | 130.90 | 100.00 | 10.00 | 20.90 |
//! | credit note of the first refund, a half | 65.45 | 50.00 | 5.00 | 10.45 |
//! | credit note of the second refund, the other half | 65.45 | 50.00 | 5.00 | 10.45 |
//!
//! If the second refund fails, a cancellation with the figures of its credit note undoes it.
//!
//! **We keep the fee.** The tax on it, 1.90, is kept too, so 119.00 can go back. If the company nevertheless gives back
//! all of the payment, the last 11.90 are the fee and its tax:
//!
//! | paper | amount | credited | fee | tax |
//! |---|---|---|---|---|
//! | receipt | 130.90 | 100.00 | 10.00 | 20.90 |
//! | credit note of a refund of half of 119.00 | 59.50 | 50.00 | 0.00 | 9.50 |
//! | credit note of a refund of the other half | 59.50 | 50.00 | 0.00 | 9.50 |
//! | credit note of what the company gave back beyond that | 11.90 | 0.00 | 10.00 | 1.90 |

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

    /// The amounts of a credit note for a return of `amount` to the payer. `self` is the sum of the order's receipts,
    /// and `before` is the sum of its credit notes so far. The head of this module has an example.
    ///
    /// **Shares.** If the fee goes back, the parts have the proportions of the receipts. If the fee is kept, the note
    /// has no fee, and no tax on the fee. Only when the company gives back more than we would, the excess is the fee
    /// and the tax on it.
    ///
    /// **Rounding.** The shares are computed for all credit notes together, and this note has what the earlier ones
    /// lack. So the notes of a whole refund in parts add up to the receipts.
    ///
    /// **No part is negative.** A cancellation can leave a part of the sum above its share. Then this note has zero for
    /// that part, and the next note makes up for it.
    ///
    /// The wallet's share follows the rule of `ReturnedSoFar::due`, but is computed from the papers alone. What the
    /// wallet really gave for one refund also depends on disputes, and on what became of the refund later.
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

    /// The amounts of a cancellation. `self` is the sum of the order's receipts, and `before` is the sum of its credit
    /// notes so far. `note` is the credit note of the refund or dispute that is undone. `returned` is what is still
    /// back with the payer.
    ///
    /// After the cancellation, the credit notes add up to `returned`. `None` if they add up to no more than that
    /// already.
    ///
    /// The cancellation can be smaller than the note. For example, 1.00 was paid. A refund of 0.30 has a note of 0.30.
    /// A dispute of 0.80 has a note of 0.70, because the same money is credited once. When the refund fails, 0.80 is
    /// still back with the payer, so only 0.20 is cancelled.
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

    /// The note of `amount` that brings the sums of all notes, which are `self` before it, to these. A part that does
    /// not fit into `amount` is cut.
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
    /// Which application of the payment it is about; `None` if it is about a refund or a dispute.
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
    /// The buyer that the order keeps. `None` once the buyer's data was erased.
    pub buyer: Option<Party>,
    pub e_invoice: Option<EInvoice>,
}

/// What an order, or one of its payments, received according to its papers, and how much of that went back.
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

    /// The part of a return of `amount` to the payer for which a credit note is due: never more than what was received
    /// and is not credited yet. So if a refund and a dispute are about the same money, it is credited once.
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
mod tests;
