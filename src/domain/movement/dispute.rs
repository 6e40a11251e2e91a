//! Dispute: the payer's bank takes money of an order back; it returns to the wallet when we win.

use uuid::Uuid;

use super::{OfOrder, TakeBackId, take_back_label};
use crate::domain::counterpart::Counterpart;
use crate::domain::entry::EntryKind;
use crate::domain::money::Money;
use crate::domain::payment::ProviderName;
use crate::domain::posting::{Change, Posting};

/// Takes the disputed money from the order's wallet. The money is gone already, so what the wallet lacks becomes debt.
#[must_use]
pub fn dispute(order: OfOrder<'_>, dispute_id: Uuid, provider: ProviderName, amount: Money) -> Posting {
    let change = Change::TakeBack { amount: amount.amount() };
    posting(EntryKind::Dispute, order, dispute_id, provider, amount, change)
}

/// Gives the wallet its money back after a dispute that was won.
#[must_use]
pub fn dispute_returned(order: OfOrder<'_>, dispute_id: Uuid, provider: ProviderName, amount: Money) -> Posting {
    let change = Change::Credit { amount: amount.amount() };
    posting(EntryKind::DisputeReturned, order, dispute_id, provider, amount, change)
}

fn posting(
    kind: EntryKind,
    order: OfOrder<'_>,
    dispute_id: Uuid,
    provider: ProviderName,
    amount: Money,
    change: Change,
) -> Posting {
    let counterpart = Counterpart::Dispute(provider);
    let label = take_back_label(kind, order, TakeBackId::Dispute(dispute_id), counterpart);
    Posting::of_wallet(order.wallet(amount.currency()), change, label)
}
