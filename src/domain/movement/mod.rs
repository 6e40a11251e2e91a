//! Movements: everything that can happen to money in this service, one small file each.
//!
//! Each file has the one constructor that makes the movement's postings. It alone decides the entry's kind, sign,
//! counterpart, dedupe key and fingerprint; no other layer can spell a [`Posting`](super::posting::Posting).
//!
//! | movement | entry kind | counterpart | effect on the wallet |
//! |---|---|---|---|
//! | [`top_up`] | recharge, and bonus | `provider:…` or `bank:…`, `promotion` | paid money comes in, and a bonus |
//! | [`usage`] | usage | `usage` | granted credit, then paid money leaves |
//! | [`hold`], [`release`], [`extend`] | none | | an amount is reserved, freed, reserved for longer |
//! | [`capture`] | capture | `usage` | the actual amount of a hold leaves |
//! | [`reversal`] | reversal | as the usage | what a usage or capture took comes back, into the same parts |
//! | [`transfer`] | transfer_out, transfer_in | `transfer` | unheld paid money moves between two wallets |
//! | [`grant`] | grant | `promotion` | promotional credit comes in |
//! | [`expiry`] | expire | `promotion` | what lapsed is written down |
//! | [`refund`] | refund, refund_returned | `refund:…` | money goes back to the payer, or returns after a failure |
//! | [`dispute`] | dispute, dispute_returned | `dispute:…` | disputed money is taken back, or returns after a win |
//! | [`bonus`] | bonus_revoked, bonus_restored | `promotion` | the bonus follows its order's money |
//! | [`reversed_approval`] | adjust, bonus_revoked | `bank:…`, `promotion` | a wrong approval is undone |
//! | [`adjustment`] | adjust | `adjustment` | an operator's correction |
//!
//! Example: `transfer(id, &customer, amount, &from, &to)` returns two postings, one for each wallet, both against
//! `transfer`, so that the two entries add up to zero.

pub mod adjustment;
pub mod bonus;
pub mod capture;
pub mod dispute;
pub mod expiry;
pub mod extend;
pub mod grant;
pub mod hold;
pub mod refund;
pub mod release;
pub mod reversal;
pub mod reversed_approval;
pub mod top_up;
pub mod transfer;
pub mod usage;

use uuid::Uuid;

use super::customer::CustomerId;
use super::fingerprint::fingerprint64;
use super::id::IdKind;
use super::label::Label;
use super::money::Currency;
use super::order::Order;
use super::posting::WalletKey;
use super::product::Product;

/// The order that a movement belongs to. Its customer and product name the wallet; the currency comes with the money.
#[derive(Debug, Clone, Copy)]
pub struct OfOrder<'o> {
    pub id: Uuid,
    pub customer: &'o CustomerId,
    pub product: &'o Product,
}

impl<'o> From<&'o Order> for OfOrder<'o> {
    fn from(order: &'o Order) -> Self {
        Self { id: order.id, customer: &order.customer, product: &order.product }
    }
}

impl OfOrder<'_> {
    fn wallet(self, currency: Currency) -> WalletKey {
        WalletKey { customer: self.customer.clone(), currency, product: self.product.clone() }
    }

    fn shown(self) -> String {
        IdKind::TopUpOrder.show(self.id)
    }
}

/// The refund or dispute for which money of an order is taken back or returned. Each takes once and returns once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeBackId {
    Refund(Uuid),
    Dispute(Uuid),
}

impl TakeBackId {
    fn shown(self) -> String {
        match self {
            Self::Refund(id) => IdKind::Refund.show(id),
            Self::Dispute(id) => IdKind::Dispute.show(id),
        }
    }
}

/// The label of an entry that a refund or dispute makes. Its key is the refund or dispute, its reference the order.
fn take_back_label(
    kind: super::entry::EntryKind,
    order: OfOrder<'_>,
    id: TakeBackId,
    counterpart: super::counterpart::Counterpart,
) -> Label {
    let (key, order) = (id.shown(), order.shown());
    let fingerprint = fingerprint64(&[&key, &order]);
    Label { reference: Some(order), ..Label::new(kind, key, fingerprint, counterpart) }
}

#[cfg(test)]
mod tests;
