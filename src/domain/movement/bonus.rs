//! Bonus: the credit that an order brought follows the order's money when that goes back, and when it returns.
//!
//! The bonus itself is granted by the top-up ([`super::top_up`]).

use uuid::Uuid;

use super::{OfOrder, TakeBackId, take_back_label};
use crate::domain::counterpart::Counterpart;
use crate::domain::entry::EntryKind;
use crate::domain::money::Money;
use crate::domain::posting::{Change, Posting};

/// Takes back what is left of a bonus and not held, at most this amount.
#[must_use]
pub fn bonus_revoked(order: OfOrder<'_>, cause: TakeBackId, grant_id: Uuid, amount: Money) -> Posting {
    let change = Change::RevokeGrant { grant_id, amount: amount.amount() };
    let label = take_back_label(EntryKind::BonusRevoked, order, cause, Counterpart::Promotion);
    Posting::of_wallet(order.wallet(amount.currency()), change, label)
}

/// Restores what was revoked of a bonus.
#[must_use]
pub fn bonus_restored(order: OfOrder<'_>, cause: TakeBackId, grant_id: Uuid, amount: Money) -> Posting {
    let change = Change::RestoreGrant { grant_id, amount: amount.amount() };
    let label = take_back_label(EntryKind::BonusRestored, order, cause, Counterpart::Promotion);
    Posting::of_wallet(order.wallet(amount.currency()), change, label)
}
