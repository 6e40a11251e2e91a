//! Closing: the money of an account that is being closed is moved to its main wallets, and the rest is paid out.
//!
//! Nothing else can move this money: the wallets of such an account refuse every other withdrawal. Money that can go
//! back to its payment is moved by [`super::take_back`], as for any refund.

use uuid::Uuid;

use super::transfer;
use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::fingerprint::fingerprint64;
use crate::domain::id::IdKind;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::payout::Payout;
use crate::domain::posting::{Change, Posting};
use crate::domain::product::Product;
use crate::domain::wallet_key::WalletKey;

/// Both sides of a transfer between the wallets of an account that is being closed, also out of a product whose money
/// is otherwise spent there only.
#[must_use]
pub fn gather(id: Uuid, customer: &CustomerId, amount: Money, from: &Product, to: &Product) -> [Posting; 2] {
    let [mut out, into] = transfer::transfer(id, customer, amount, from, to);
    out.change = Change::PayOut { amount };
    [out, into]
}

/// The main wallet gives what is paid out.
#[must_use]
pub fn pay_out(payout: &Payout) -> Posting {
    posting(payout, EntryKind::Payout, Change::PayOut { amount: payout.debited })
}

/// The money of a payout that did not arrive is in the main wallet again.
#[must_use]
pub fn return_payout(payout: &Payout) -> Posting {
    posting(payout, EntryKind::PayoutReturned, Change::Credit { amount: payout.debited })
}

fn posting(payout: &Payout, kind: EntryKind, change: Change) -> Posting {
    let shown = IdKind::Payout.show(payout.id);
    let fingerprint = fingerprint64(&[&shown, &payout.debited.amount().normalize().to_string()]);
    let label = Label { reference: Some(shown.clone()), ..Label::new(kind, shown, fingerprint, Counterpart::Payout) };
    let currency = payout.debited.currency();
    let wallet = WalletKey { customer: payout.customer.clone(), currency, product: Product::main() };
    Posting::of_wallet(wallet, change, label)
}
