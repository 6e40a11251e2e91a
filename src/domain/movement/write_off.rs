//! Write-off: what a closed account owes is no longer claimed.
//!
//! The entry repays the debt of its wallet, as any money would. What it brings beyond that is taken at once for what is
//! claimed of taken-back money, so a write-off of what is owed leaves nothing in the wallet. Money that comes later
//! is taken from the main wallet for what was written off.

use crate::domain::counterpart::Counterpart;
use crate::domain::entry::EntryKind;
use crate::domain::fingerprint::fingerprint64;
use crate::domain::id::IdKind;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Change, Posting};
use crate::domain::product::Product;
use crate::domain::wallet_key::WalletKey;
use crate::domain::write_off::{Owed, WriteOff};

/// The main wallet gives `amount` for what was written off.
#[must_use]
pub fn recover(write_off: &WriteOff, amount: Money) -> Posting {
    let shown = IdKind::WriteOff.show(write_off.id);
    // Each of these adds to what was recovered before.
    let key = format!("{shown}:{}", write_off.recovered.amount().normalize());
    let fingerprint = fingerprint64(&[&key, &amount.amount().normalize().to_string()]);
    let label = Label {
        reference: Some(shown),
        ..Label::new(EntryKind::WriteOffRecovered, key, fingerprint, Counterpart::WriteOff)
    };
    let (customer, currency) = (write_off.customer.clone(), amount.currency());
    let wallet = WalletKey { customer, currency, product: Product::main() };
    Posting::of_wallet(wallet, Change::PayOut { amount }, label)
}

/// One posting for each wallet that owes something. What is claimed is written off in the main wallet.
#[must_use]
pub fn postings(write_off: &WriteOff, owed: &Owed) -> Vec<Posting> {
    let shown = IdKind::WriteOff.show(write_off.id);
    let of_wallet = |(n, (product, amount)): (usize, (Product, Money))| {
        let key = format!("{shown}:{}", n + 1);
        let fingerprint = fingerprint64(&[&key, &amount.amount().normalize().to_string()]);
        let label = Label {
            reference: Some(shown.clone()),
            description: Some(write_off.reason.clone()),
            ..Label::new(EntryKind::WriteOff, key, fingerprint, Counterpart::WriteOff)
        };
        let currency = amount.currency();
        let wallet = WalletKey { customer: write_off.customer.clone(), currency, product };
        Posting::of_wallet(wallet, Change::Credit { amount }, label)
    };
    owed.by_wallet().into_iter().enumerate().map(of_wallet).collect()
}
