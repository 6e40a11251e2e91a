//! Give-back: a refund failed or a dispute was won, so the wallets get back what was taken for it.
//!
//! What the source still claims is cancelled first. Then the movements are given back, last taken first. The key of
//! such an entry is `<source>:<n>:<m>`, where `m` counts what was given back of movement `n`.

use uuid::Uuid;

use super::take_back::{Brought, label};
use crate::domain::entry::EntryKind;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Change, Posting, Restitution};
use crate::domain::take_back::{TakeBackId, TakeBackOrigin, Taken, TakenPart};

/// Gives back `money` and `bonus` (with the grant that it is) of what a source took.
#[must_use]
pub fn give_back<'o>(
    brought: impl Into<Brought<'o>>,
    origin: &TakeBackOrigin,
    money: Money,
    bonus: Option<(Uuid, Money)>,
) -> Posting {
    let part = origin.of.money();
    let label = label(kind(origin.id, part), origin, part, origin.id.shown());
    let (grant_id, bonus) = bonus.map_or((None, Money::zero(money.currency())), |(id, bonus)| (Some(id), bonus));
    let wallet = brought.into().wallet(money);
    let restitution = Restitution { id: origin.id, of: origin.of, money, bonus, grant_id };
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
        (TakenPart::Money | TakenPart::WalletMoney, TakeBackId::Refund(_)) => EntryKind::RefundReturned,
        (TakenPart::Money | TakenPart::WalletMoney, TakeBackId::Dispute(_)) => EntryKind::DisputeReturned,
        (TakenPart::Money | TakenPart::WalletMoney, TakeBackId::Adjustment(_)) => EntryKind::Adjust,
    }
}
