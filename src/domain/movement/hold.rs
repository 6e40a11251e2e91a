//! Hold: an amount is reserved for a running call. Opening one makes no entry; its capture does.

use chrono::Duration;
use uuid::Uuid;

use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::fingerprint::fingerprint64;
use crate::domain::id::IdKind;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Change, Posting, Target};
use crate::domain::product::Product;
use crate::domain::wallet_key::WalletKey;

/// A hold as a service requests it.
#[derive(Debug, Clone)]
pub struct NewHold {
    /// The caller's id, which only deduplicates: 1–128 characters, unique per customer.
    pub id: String,
    pub customer: CustomerId,
    /// Greater than zero, up to 8 decimals.
    pub amount: Money,
    pub product: Product,
    /// 1 second to 24 hours.
    pub lifetime: Duration,
    pub description: Option<String>,
    pub metadata: Option<serde_json::Value>,
}

impl NewHold {
    /// The posting that opens the hold `hold_id`.
    #[must_use]
    pub fn posting(self, hold_id: Uuid) -> Posting {
        let currency = self.amount.currency();
        let amount = self.amount;
        let fingerprint = fingerprint64(&[
            currency.code(),
            &amount.amount().normalize().to_string(),
            self.product.as_column(),
            &self.lifetime.num_seconds().to_string(),
            self.description.as_deref().unwrap_or_default(),
            &self.metadata.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]);
        let label = Label {
            description: self.description,
            metadata: self.metadata,
            ..Label::new(EntryKind::Capture, self.id, fingerprint, Counterpart::Usage(None))
        };
        let wallet = WalletKey { customer: self.customer, currency, product: self.product };
        Posting::of_wallet(wallet, Change::OpenHold { id: hold_id, amount, lifetime: self.lifetime }, label)
    }
}

/// A posting on an open hold: the ledger finds the wallet. `content` is what a repetition must have as well.
pub(super) fn of_hold(hold_id: Uuid, change: Change, content: &str) -> Posting {
    let shown = IdKind::Hold.show(hold_id);
    let fingerprint = fingerprint64(&[content]);
    let label = Label {
        reference: Some(shown.clone()),
        ..Label::new(EntryKind::Capture, shown, fingerprint, Counterpart::Usage(None))
    };
    Posting { target: Target::Hold(hold_id), change, label }
}
