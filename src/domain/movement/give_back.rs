//! Give-back: a refund failed or a dispute was won, so the wallets get back what was taken for it.
//!
//! What is still claimed of the source is struck first. Then the movements are given back, last taken first. The key of
//! such an entry is `<source>:<n>:<m>`, where `m` counts what was given back of movement `n`.

use uuid::Uuid;

use super::OfOrder;
use super::take_back::label;
use crate::domain::entry::EntryKind;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Change, Posting, Restitution};
use crate::domain::take_back::{TakeBackId, TakeBackOrigin, Taken, TakenPart};

/// Gives back `money` and `bonus` (with the grant that it is) of what a source took.
#[must_use]
pub fn give_back(order: OfOrder<'_>, origin: &TakeBackOrigin, money: Money, bonus: Option<(Uuid, Money)>) -> Posting {
    let label = label(kind(origin.id, TakenPart::Money), origin, TakenPart::Money, origin.id.shown());
    let (grant_id, bonus) = bonus.map_or((None, Money::zero(money.currency())), |(id, bonus)| (Some(id), bonus));
    let wallet = order.wallet(money.currency());
    let restitution = Restitution { id: origin.id, order_id: order.id, money, bonus, grant_id };
    Posting::of_wallet(wallet, Change::GiveBack(restitution), label)
}

/// The label of the entry that gives back the next part of a movement.
pub(in crate::domain) fn returned(taken: &Taken) -> Label {
    let key = format!("{}:{}:{}", taken.origin.id.shown(), taken.n, taken.returns + 1);
    label(kind(taken.origin.id, taken.part), &taken.origin, taken.part, key)
}

fn kind(id: TakeBackId, part: TakenPart) -> EntryKind {
    match (part, id) {
        (TakenPart::BonusMoney, _) => EntryKind::BonusTakenReturned,
        (TakenPart::Bonus, _) => EntryKind::BonusRestored,
        (TakenPart::Money, TakeBackId::Refund(_)) => EntryKind::RefundReturned,
        (TakenPart::Money, TakeBackId::Dispute(_)) => EntryKind::DisputeReturned,
        (TakenPart::Money, TakeBackId::Adjustment(_)) => EntryKind::Adjust,
    }
}
