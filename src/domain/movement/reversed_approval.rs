//! Reversed approval: an operator approved a bank transfer that never came, or that was somebody else's.

use uuid::Uuid;

use super::OfOrder;
use crate::domain::counterpart::Counterpart;
use crate::domain::entry::EntryKind;
use crate::domain::fingerprint::fingerprint64;
use crate::domain::id::IdKind;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Change, Posting};

/// The adjustment that undoes an approval, with its reason.
#[derive(Debug, Clone, Copy)]
pub struct ApprovalReversal<'a> {
    pub adjustment_id: Uuid,
    pub reason: &'a str,
    /// The bank account of ours that the transfer was booked on.
    pub bank_account: &'a str,
}

/// Takes back what was credited, into debt where it is spent, and what is left of the bonus. A part that is zero makes
/// no posting.
#[must_use]
pub fn reversed_approval(
    order: OfOrder<'_>,
    reversal: ApprovalReversal<'_>,
    credited: Money,
    bonus: Option<(Uuid, Money)>,
) -> Vec<Posting> {
    let shown = order.shown();
    let label = |kind, counterpart| Label {
        reference: Some(shown.clone()),
        description: Some(reversal.reason.to_owned()),
        ..Label::new(
            kind,
            IdKind::Adjustment.show(reversal.adjustment_id),
            fingerprint64(&[&shown, reversal.reason]),
            counterpart,
        )
    };
    let mut postings = Vec::with_capacity(2);
    if !credited.amount().is_zero() {
        let change = Change::TakeBack { amount: credited.amount() };
        let label = label(EntryKind::Adjust, Counterpart::Bank(reversal.bank_account.to_owned()));
        postings.push(Posting::of_wallet(order.wallet(credited.currency()), change, label));
    }
    if let Some((grant_id, amount)) = bonus {
        let change = Change::RevokeGrant { grant_id, amount: amount.amount() };
        let label = label(EntryKind::BonusRevoked, Counterpart::Promotion);
        postings.push(Posting::of_wallet(order.wallet(amount.currency()), change, label));
    }
    postings
}
