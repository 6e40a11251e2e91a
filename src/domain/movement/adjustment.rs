//! Adjustment: an operator corrects a wallet.

use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::fingerprint::fingerprint64;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Change, Posting};
use crate::domain::product::Product;
use crate::domain::wallet_key::WalletKey;

/// An adjustment of a wallet, up or down.
#[derive(Debug, Clone)]
pub struct NewAdjustment {
    /// Unique among the customer's adjustments.
    pub key: String,
    pub customer: CustomerId,
    pub product: Product,
    /// Not zero. Below zero, it takes unheld paid money, and the rest becomes debt.
    pub amount: Money,
    pub reason: String,
}

impl NewAdjustment {
    /// The posting that books it.
    #[must_use]
    pub fn posting(self) -> Posting {
        let amount = self.amount;
        let shown = amount.amount().normalize().to_string();
        let fingerprint = fingerprint64(&[amount.currency().code(), &shown, self.product.as_column()]);
        let change =
            if amount.is_negative() { Change::TakeBack { amount: -amount } } else { Change::Credit { amount } };
        let label = Label {
            description: Some(self.reason),
            ..Label::new(EntryKind::Adjust, self.key, fingerprint, Counterpart::Adjustment)
        };
        let wallet = WalletKey { customer: self.customer, currency: amount.currency(), product: self.product };
        Posting::of_wallet(wallet, change, label)
    }
}
