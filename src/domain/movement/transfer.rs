//! Transfer: unheld paid money moves between two wallets of one customer.

use uuid::Uuid;

use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::fingerprint::fingerprint64;
use crate::domain::id::IdKind;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Change, Posting};
use crate::domain::product::Product;
use crate::domain::wallet_key::WalletKey;

/// Both sides of a transfer: it leaves one wallet and arrives in the other. Either both are booked or the caller's
/// transaction must be rolled back.
#[must_use]
pub fn transfer(id: Uuid, customer: &CustomerId, amount: Money, from: &Product, to: &Product) -> [Posting; 2] {
    let shown = IdKind::Transfer.show(id);
    sides(&shown, customer, amount, (from, &shown), (to, &shown))
}

/// As [`transfer`], but the transfer pays an order from the main wallet. The entry in the product's wallet refers to
/// the order: there it is a recharge.
#[must_use]
pub fn payment_from_wallet(
    id: Uuid,
    order: Uuid,
    customer: &CustomerId,
    amount: Money,
    product: &Product,
) -> [Posting; 2] {
    let shown = IdKind::Transfer.show(id);
    let of_order = IdKind::TopUpOrder.show(order);
    sides(&shown, customer, amount, (&Product::main(), &shown), (product, &of_order))
}

/// The two entries. Each refers to something.
fn sides(
    key: &str,
    customer: &CustomerId,
    amount: Money,
    (from, from_refers_to): (&Product, &str),
    (to, to_refers_to): (&Product, &str),
) -> [Posting; 2] {
    let fingerprint = fingerprint64(&[key]);
    let side = |kind, product: &Product, refers_to: &str, change| {
        let wallet = WalletKey { customer: customer.clone(), currency: amount.currency(), product: product.clone() };
        let label = Label {
            reference: Some(refers_to.to_owned()),
            ..Label::new(kind, key.to_owned(), fingerprint, Counterpart::Transfer)
        };
        Posting::of_wallet(wallet, change, label)
    };
    [
        side(EntryKind::TransferOut, from, from_refers_to, Change::Withdraw { amount }),
        side(EntryKind::TransferIn, to, to_refers_to, Change::Credit { amount }),
    ]
}
