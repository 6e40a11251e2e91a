//! Grant: promotional credit with its own expiry and priority.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::client_data::ClientData;
use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::fingerprint::fingerprint64;
use crate::domain::id::IdKind;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Change, GrantTerms, Posting};
use crate::domain::product::Product;
use crate::domain::wallet_key::WalletKey;

/// A grant as an operator requests it.
#[derive(Debug, Clone)]
pub struct NewGrant {
    pub customer: CustomerId,
    /// Greater than zero, up to 8 decimals.
    pub amount: Money,
    pub product: Product,
    /// Must be in the future. `None`: the grant never expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// 0–1000. Usage takes from the grant with the lowest priority first.
    pub priority: i16,
    pub reason: String,
    pub created_by: String,
    pub client: ClientData,
}

impl NewGrant {
    /// The posting that opens the grant `grant_id`.
    #[must_use]
    pub fn posting(&self, grant_id: Uuid) -> Posting {
        let shown = IdKind::Grant.show(grant_id);
        let terms = GrantTerms {
            id: grant_id,
            amount: self.amount,
            priority: self.priority,
            expires_at: self.expires_at,
            reason: self.reason.clone(),
            order_id: None,
            created_by: self.created_by.clone(),
            client: self.client.clone(),
        };
        let fingerprint = fingerprint64(&[&shown]);
        let label = Label {
            reference: Some(shown.clone()),
            description: Some(self.reason.clone()),
            ..Label::new(EntryKind::Grant, shown, fingerprint, Counterpart::Promotion)
        };
        let wallet = WalletKey {
            customer: self.customer.clone(),
            currency: self.amount.currency(),
            product: self.product.clone(),
        };
        Posting::of_wallet(wallet, Change::Grant { terms }, label)
    }
}
