//! What happened in a range of days: money in, credit, consumption, and what went back.

use chrono::NaiveDate;

use super::{EntrySum, ReportLine, channel_of};
use crate::domain::counterpart::Counterpart;
use crate::domain::money::{Currency, Money};
use crate::domain::payment::Channel;
use crate::domain::product::Product;

/// By what rows are separated, in addition to the period and the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Split {
    pub product: bool,
    pub channel: bool,
}

/// Which row a sum belongs to. Rows are sorted by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey {
    pub period: NaiveDate,
    pub currency: Currency,
    /// `None` where rows are not separated by product.
    pub product: Option<String>,
    /// `None` where rows are not separated by channel, and for money that moved by no channel.
    pub channel: Option<&'static str>,
}

/// The figures of one row. Each is a sum of entries: positive if it is what its name says, and negative if more was
/// returned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activity {
    /// The money that arrived and was applied: credited + fee + tax, less what reversed approvals took back.
    pub gross: Money,
    pub fee: Money,
    pub tax: Money,
    /// What tax the gross contains.
    pub tax_included: Money,
    pub credited: Money,
    pub granted: Money,
    /// Consumption of topped-up money, and what was booked as debt.
    pub used_paid: Money,
    /// Consumption of promotional credit.
    pub used_granted: Money,
    pub expired: Money,
    pub refunded: Money,
    pub disputed: Money,
    /// What credit notes give back of fee and tax beside the credit, less what their cancellations undo.
    pub returned_fee: Money,
    pub returned_tax: Money,
    /// What tax the credit notes contain.
    pub returned_tax_included: Money,
    pub bonus_taken_back: Money,
    /// With its sign: positive if corrections gave more than they took.
    pub adjusted: Money,
    /// With its sign: what came from other wallets less what went there.
    pub transferred: Money,
    pub paid_out: Money,
    pub written_off: Money,
}

impl Activity {
    fn zero(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self {
            gross: zero,
            fee: zero,
            tax: zero,
            tax_included: zero,
            credited: zero,
            granted: zero,
            used_paid: zero,
            used_granted: zero,
            expired: zero,
            refunded: zero,
            disputed: zero,
            returned_fee: zero,
            returned_tax: zero,
            returned_tax_included: zero,
            bonus_taken_back: zero,
            adjusted: zero,
            transferred: zero,
            paid_out: zero,
            written_off: zero,
        }
    }

    fn add(&mut self, sum: &EntrySum) {
        let amount = sum.parts.amount;
        match ReportLine::of(sum.kind) {
            ReportLine::Credited => {
                self.credited += amount;
                self.fee += sum.fee;
                self.tax += sum.tax;
                self.tax_included += sum.tax_included;
                self.gross += amount + sum.fee + sum.tax;
            }
            ReportLine::Granted => self.granted += amount,
            ReportLine::Used => {
                self.used_granted -= sum.parts.granted;
                self.used_paid -= amount - sum.parts.granted;
            }
            ReportLine::Expired => self.expired -= amount,
            ReportLine::Refunded => {
                self.refunded -= amount;
                self.give_back(sum);
            }
            ReportLine::Disputed => {
                self.disputed -= amount;
                self.give_back(sum);
            }
            ReportLine::BonusTakenBack => self.bonus_taken_back -= amount,
            ReportLine::Adjusted => {
                self.adjusted += amount;
                self.fee += sum.fee;
                self.tax += sum.tax;
                self.tax_included += sum.tax_included;
                // The approval of a bank transfer was reversed: its money belonged elsewhere.
                if matches!(sum.counterpart, Counterpart::Bank(_)) {
                    self.gross += amount + sum.fee + sum.tax;
                }
            }
            ReportLine::Transferred => self.transferred += amount,
            ReportLine::PaidOut => self.paid_out -= amount,
            ReportLine::WrittenOff => self.written_off += amount,
        }
    }

    /// Counts what credit notes name, or what their cancellations undo.
    fn give_back(&mut self, sum: &EntrySum) {
        self.returned_fee -= sum.fee;
        self.returned_tax -= sum.tax;
        self.returned_tax_included -= sum.tax_included;
    }

    /// The tax that is due: that of receipts, less that of credit notes.
    #[must_use]
    pub fn tax_due(&self) -> Money {
        self.tax + self.tax_included - self.returned_tax - self.returned_tax_included
    }

    /// How much more is owed to customers through all of this.
    #[must_use]
    pub fn change(&self) -> Money {
        let came = self.credited + self.granted + self.adjusted + self.transferred + self.written_off;
        let used = self.used_paid + self.used_granted + self.expired;
        came - used - self.refunded - self.disputed - self.bonus_taken_back - self.paid_out
    }
}

/// Puts sums into rows, in the order of their keys.
#[must_use]
pub fn rows(sums: &[EntrySum], split: Split) -> Vec<(RowKey, Activity)> {
    let mut rows = std::collections::BTreeMap::<RowKey, Activity>::new();
    for sum in sums {
        let currency = sum.parts.amount.currency();
        let key = RowKey {
            period: sum.period,
            currency,
            product: split.product.then(|| sum.product.as_column().to_owned()),
            channel: channel_of(&sum.counterpart).filter(|_| split.channel).map(Channel::as_str),
        };
        rows.entry(key).or_insert_with(|| Activity::zero(currency)).add(sum);
    }
    rows.into_iter().collect()
}

/// Whether a sum belongs to a product and a channel; `None` means any.
#[must_use]
pub fn is_of(sum: &EntrySum, product: Option<&Product>, channel: Option<Channel>) -> bool {
    product.is_none_or(|product| sum.product == *product)
        && channel.is_none_or(|channel| channel_of(&sum.counterpart) == Some(channel))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::entry::{EntryKind, Sign};
    use crate::domain::payment::ProviderName;
    use crate::domain::report::Parts;

    fn usd(cents: i64) -> Money {
        Money::from_ledger(Decimal::new(cents, 2), "USD".parse().unwrap())
    }

    fn sum(kind: EntryKind, amount: i64, granted: i64, counterpart: Counterpart) -> EntrySum {
        let kept = if kind == EntryKind::Recharge { usd(3) } else { usd(0) };
        EntrySum {
            period: "2026-11-26".parse().unwrap(),
            product: Product::main(),
            kind,
            counterpart,
            parts: Parts { entries: 1, amount: usd(amount), granted: usd(granted), debt: usd(0) },
            fee: kept,
            tax: kept,
            tax_included: kept,
        }
    }

    /// No kind is left out of the row: whatever happens, the row says how much more is owed.
    #[test]
    fn every_kind_is_in_the_change_of_its_row() {
        for kind in EntryKind::ALL {
            let amount = if kind.sign() == Sign::Out { -70 } else { 70 };
            let rows = rows(&[sum(kind, amount, amount / 2, Counterpart::Adjustment)], Split::default());
            assert_eq!(rows[0].1.change(), usd(amount), "{kind:?}");
        }
    }

    #[test]
    fn a_reversed_approval_takes_off_what_its_recharge_was() {
        let bank = || Counterpart::Bank("x".to_owned());
        let reversed =
            EntrySum { fee: usd(-3), tax: usd(-3), tax_included: usd(-3), ..sum(EntryKind::Adjust, -44, 0, bank()) };
        let sums = [
            sum(EntryKind::Recharge, 44, 0, bank()),
            reversed,
            sum(EntryKind::Adjust, -10, 0, Counterpart::Adjustment),
        ];
        let row = rows(&sums, Split::default())[0].1;
        assert_eq!((row.gross, row.fee, row.tax, row.tax_included), (usd(0), usd(0), usd(0), usd(0)));
        assert_eq!((row.credited, row.adjusted, row.change()), (usd(44), usd(-54), usd(-10)));
    }

    /// A refund with 0.30 of fee and 0.20 of tax on its credit note, one of the same that fails later, and a dispute.
    #[test]
    fn credit_notes_take_their_tax_off_what_is_due() {
        let stripe = || Counterpart::Refund(ProviderName::Stripe);
        let of_papers = |kind, amount, (fee, tax)| EntrySum {
            fee: usd(fee),
            tax: usd(tax),
            tax_included: usd(tax),
            ..sum(kind, amount, 0, stripe())
        };
        let sums = [
            sum(EntryKind::Recharge, 94, 0, Counterpart::Provider(ProviderName::Stripe)),
            of_papers(EntryKind::Refund, -19, (-60, -40)),
            of_papers(EntryKind::RefundReturned, 9, (30, 20)),
            of_papers(EntryKind::Dispute, -4, (-1, -2)),
        ];
        let row = rows(&sums, Split::default())[0].1;
        assert_eq!((row.fee, row.tax, row.refunded), (usd(3), usd(3), usd(10)));
        assert_eq!((row.returned_fee, row.returned_tax, row.returned_tax_included), (usd(31), usd(22), usd(22)));
        assert_eq!((row.tax_due(), row.change()), (usd(3 + 3 - 22 - 22), usd(80)));
    }

    #[test]
    fn rows_are_told_apart_as_asked() {
        let sums = [
            sum(EntryKind::Recharge, 94, 0, Counterpart::Provider(ProviderName::Stripe)),
            sum(EntryKind::Recharge, 44, 0, Counterpart::Bank("x".to_owned())),
            sum(EntryKind::Refund, -10, 0, Counterpart::Refund(ProviderName::Stripe)),
            sum(EntryKind::Usage, -30, -20, Counterpart::Usage(None)),
        ];
        let all = rows(&sums, Split::default());
        assert_eq!(all.len(), 1);
        let one = all[0].1;
        assert_eq!((one.gross, one.fee, one.tax, one.credited), (usd(150), usd(6), usd(6), usd(138)));
        assert_eq!(one.tax_included, usd(6));
        assert_eq!((one.used_paid, one.used_granted, one.refunded), (usd(10), usd(20), usd(10)));
        let split = rows(&sums, Split { product: false, channel: true });
        let channels: Vec<_> = split.iter().map(|(key, row)| (key.channel, row.gross, row.refunded)).collect();
        assert_eq!(
            channels,
            [(None, usd(0), usd(0)), (Some("bank_transfer"), usd(50), usd(0)), (Some("card"), usd(100), usd(10))]
        );
    }
}
