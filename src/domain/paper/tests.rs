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

/// An order has a payment of 100 and one of 50. A second application of the first, 20, was reversed. 30 of the first
/// payment were refunded, and a refund of 5 failed. Of a dispute of all 100, the other 70 can still be credited.
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

/// The receipt is the same. The company gave back the whole payment: first at once, then in two parts.
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

/// 100.00 were paid, with 0.99 of tax in them. Two refunds of 0.30 are made, and the first one fails. Then 0.10 are
/// refunded.
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

/// 1.00 was paid. A refund is credited with 0.30, and a dispute of 0.80 with the other 0.70. The refund fails, and
/// then the dispute is won.
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
    /// Whatever was credited, and in whatever parts: after a cancellation, each part of what is left is between zero
    /// and that part of the receipt.
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
