//! Refund: money of an order goes back to the payer; it returns to the wallet when the refund fails.

use uuid::Uuid;

use super::{OfOrder, TakeBackId, take_back_label};
use crate::domain::counterpart::Counterpart;
use crate::domain::entry::EntryKind;
use crate::domain::money::Money;
use crate::domain::payment::ProviderName;
use crate::domain::posting::{Change, Posting};

/// Whether the wallet may refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundMode {
    /// Takes unheld paid money, or is refused.
    Request,
    /// Takes unheld paid money, and the rest as debt: the money is gone already, or an operator overrides the wallet.
    Force,
}

/// Takes the refunded money from the order's wallet.
#[must_use]
pub fn refund(order: OfOrder<'_>, refund_id: Uuid, provider: ProviderName, amount: Money, mode: RefundMode) -> Posting {
    let change = match mode {
        RefundMode::Request => Change::Withdraw { amount: amount.amount() },
        RefundMode::Force => Change::TakeBack { amount: amount.amount() },
    };
    posting(EntryKind::Refund, order, refund_id, provider, amount, change)
}

/// Gives the wallet its money back after a refund that failed.
#[must_use]
pub fn refund_returned(order: OfOrder<'_>, refund_id: Uuid, provider: ProviderName, amount: Money) -> Posting {
    let change = Change::Credit { amount: amount.amount() };
    posting(EntryKind::RefundReturned, order, refund_id, provider, amount, change)
}

fn posting(
    kind: EntryKind,
    order: OfOrder<'_>,
    refund_id: Uuid,
    provider: ProviderName,
    amount: Money,
    change: Change,
) -> Posting {
    let counterpart = Counterpart::Refund(provider);
    let label = take_back_label(kind, order, TakeBackId::Refund(refund_id), counterpart);
    Posting::of_wallet(order.wallet(amount.currency()), change, label)
}
