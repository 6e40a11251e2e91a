//! Usage: a deduction for consumption.

use chrono::{DateTime, Utc};

use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::fingerprint::fingerprint64;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Change, OnInsufficient, Posting, Target};
use crate::domain::product::Product;
use crate::domain::wallet_key::WalletKey;

/// One usage as a service reports it.
#[derive(Debug, Clone)]
pub struct NewUsage {
    /// The caller's id: 1–128 characters, unique per customer.
    pub id: String,
    pub customer: CustomerId,
    /// Up to 8 decimals. A usage of zero makes no posting.
    pub amount: Money,
    pub product: Product,
    /// Whether the main wallet pays the whole amount when the product's wallet is short.
    pub fallback_to_main: bool,
    pub on_insufficient: OnInsufficient,
    pub description: Option<String>,
    pub metadata: Option<serde_json::Value>,
    pub occurred_at: Option<DateTime<Utc>>,
}

impl NewUsage {
    /// The posting that books it. A product's usage names the main wallet as the fallback; the main wallet's own usage
    /// needs none.
    #[must_use]
    pub fn posting(self) -> Posting {
        let currency = self.amount.currency();
        let amount = self.amount;
        let fallback = (self.fallback_to_main && !self.product.is_main()).then(|| WalletKey {
            customer: self.customer.clone(),
            currency,
            product: Product::main(),
        });
        let fingerprint = fingerprint64(&[
            currency.code(),
            &amount.amount().normalize().to_string(),
            self.product.as_column(),
            if fallback.is_some() { "main_wallet" } else { "none" },
            if self.on_insufficient == OnInsufficient::Book { "book" } else { "refuse" },
            self.description.as_deref().unwrap_or_default(),
            &self.metadata.as_ref().map(ToString::to_string).unwrap_or_default(),
            &self.occurred_at.map(|at| at.timestamp_micros().to_string()).unwrap_or_default(),
        ]);
        Posting {
            target: Target::Wallet {
                key: WalletKey { customer: self.customer, currency, product: self.product },
                fallback,
            },
            change: Change::Deduct { amount, on_insufficient: self.on_insufficient },
            label: Label {
                description: self.description,
                metadata: self.metadata,
                occurred_at: self.occurred_at,
                ..Label::new(EntryKind::Usage, self.id, fingerprint, Counterpart::Usage(None))
            },
        }
    }
}
