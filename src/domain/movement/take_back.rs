//! Take-back: a refund, a dispute or a reversed approval takes an order's money, and its share of the bonus. A refund
//! and a dispute also take what their payment brought to a wallet without an order.
//!
//! One posting can make several movements, each with an entry of its own: the entry's key is `<source>:<n>`, and its
//! reference is the order, or else the payment. The movements that take are [`super::refund`], [`super::dispute`] and
//! [`super::reversed_approval`]. The rules are in [`crate::domain::take_back`].

use uuid::Uuid;

use super::OfOrder;
use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::fingerprint::fingerprint64;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::domain::posting::{Change, Collection, Posting};
use crate::domain::product::Product;
use crate::domain::take_back::{Reach, TakeBackId, TakeBackOrigin, TakenFrom, TakenPart};
use crate::domain::wallet_key::WalletKey;

/// What brought the money to a wallet: the wallet that is asked first, whose currency comes with the money.
#[derive(Debug, Clone, Copy)]
pub struct Brought<'o> {
    pub customer: &'o CustomerId,
    pub product: &'o Product,
}

impl<'o> From<OfOrder<'o>> for Brought<'o> {
    fn from(order: OfOrder<'o>) -> Self {
        Self { customer: order.customer, product: order.product }
    }
}

impl<'o> From<&'o Order> for Brought<'o> {
    fn from(order: &'o Order) -> Self {
        OfOrder::from(order).into()
    }
}

impl From<OfOrder<'_>> for TakenFrom {
    fn from(order: OfOrder<'_>) -> Self {
        Self::Order(order.id)
    }
}

impl Brought<'_> {
    pub(super) fn wallet(self, money: Money) -> WalletKey {
        WalletKey { customer: self.customer.clone(), currency: money.currency(), product: self.product.clone() }
    }
}

/// What a source asks of the customer's wallets.
#[derive(Debug, Clone)]
pub struct Asked {
    /// For the money, zero or more.
    pub money: Money,
    /// For the order's bonus, zero or more, with the grant that it is.
    pub bonus: Option<(Uuid, Money)>,
    pub reach: Reach,
}

/// Takes what a source asks for.
#[must_use]
pub fn take_back<'o>(brought: impl Into<Brought<'o>>, origin: TakeBackOrigin, asked: Asked) -> Posting {
    let label = taken(&origin, origin.of.money(), 0);
    let Asked { money, bonus, reach } = asked;
    let (grant_id, bonus) = bonus.map_or((None, Money::zero(money.currency())), |(id, bonus)| (Some(id), bonus));
    let wallet = brought.into().wallet(money);
    let collection = Collection { origin, money, bonus, grant_id, reach };
    Posting::of_wallet(wallet, Change::Collect(Box::new(collection)), label)
}

/// The label of the entry of a movement.
pub(in crate::domain) fn taken(origin: &TakeBackOrigin, part: TakenPart, n: i32) -> Label {
    let kind = match (part, origin.id) {
        (TakenPart::BonusMoney, _) => EntryKind::BonusTaken,
        (TakenPart::Bonus, _) => EntryKind::BonusRevoked,
        (TakenPart::Money | TakenPart::WalletMoney, TakeBackId::Refund(_)) => EntryKind::Refund,
        (TakenPart::Money | TakenPart::WalletMoney, TakeBackId::Dispute(_)) => EntryKind::Dispute,
        (TakenPart::Money | TakenPart::WalletMoney, TakeBackId::Adjustment(_)) => EntryKind::Adjust,
    };
    label(kind, origin, part, format!("{}:{n}", origin.id.shown()))
}

/// What the entries of a source have in common.
pub(super) fn label(kind: EntryKind, origin: &TakeBackOrigin, part: TakenPart, key: String) -> Label {
    let reference = origin.of.shown();
    let counterpart = match part {
        TakenPart::Money | TakenPart::WalletMoney => origin.counterpart.clone(),
        TakenPart::BonusMoney | TakenPart::Bonus => Counterpart::Promotion,
    };
    let fingerprint = fingerprint64(&[&key, &reference]);
    Label {
        reference: Some(reference),
        description: origin.description.clone(),
        ..Label::new(kind, key, fingerprint, counterpart)
    }
}
