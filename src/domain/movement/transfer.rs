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
    let fingerprint = fingerprint64(&[&shown]);
    let side = |kind, product: &Product, change| {
        let wallet = WalletKey { customer: customer.clone(), currency: amount.currency(), product: product.clone() };
        let label = Label {
            reference: Some(shown.clone()),
            ..Label::new(kind, shown.clone(), fingerprint, Counterpart::Transfer)
        };
        Posting::of_wallet(wallet, change, label)
    };
    [
        side(EntryKind::TransferOut, from, Change::Withdraw { amount }),
        side(EntryKind::TransferIn, to, Change::Credit { amount }),
    ]
}
