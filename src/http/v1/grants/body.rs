//! How grants look on the wire.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::Reader;
use crate::domain::grant::{GrantProposal, WalletGrant};
use crate::domain::money::Money;
use crate::domain::own_word::ProposalEnd;
use crate::http::edge::wire::{
    Actor, Amount, ClientReference, CurrencyCode, CursorText, CustomerIdText, GrantId, GrantReason, Metadata,
    ProductCode,
};

/// The status of a grant.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantStatus {
    /// The credit was given.
    Given,
    /// A second operator must approve it. Nothing is given yet.
    AwaitingSecondApproval,
    /// It was withdrawn before a second operator approved it.
    Withdrawn,
}

/// Promotional credit.
#[derive(Debug, Serialize, ToSchema)]
pub struct Grant {
    id: GrantId,
    status: GrantStatus,
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    amount: Amount,
    /// The part that is left, including what holds reserve of it.
    remaining: Amount,
    /// The part that holds reserve.
    held: Amount,
    #[schema(minimum = 0, maximum = 1000, example = 10)]
    priority: i16,
    expires_at: Option<DateTime<Utc>>,
    reason: GrantReason,
    /// The reference that the caller gave the grant.
    client_reference: Option<ClientReference>,
    /// What the caller attached to the grant.
    #[schema(value_type = Option<Metadata>)]
    metadata: Option<Value>,
    /// Who gave the credit, or proposed to give it; only operators learn which operator it was.
    created_by: Actor,
    created_at: DateTime<Utc>,
}

/// A page of grants.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantPage {
    #[schema(max_items = 100)]
    pub data: Vec<Grant>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    pub previous_cursor: Option<CursorText>,
    pub next_cursor: Option<CursorText>,
    pub has_more: bool,
}

impl Grant {
    /// The grant as this reader may see it.
    #[must_use]
    pub fn told_to(self, reader: Reader) -> Self {
        Self { created_by: Actor::new(reader.told(&self.created_by)), ..self }
    }
}

impl From<&WalletGrant> for Grant {
    fn from(WalletGrant { wallet, grant, client }: &WalletGrant) -> Self {
        Self {
            id: GrantId::of(grant.id),
            status: GrantStatus::Given,
            customer_id: CustomerIdText::of(&wallet.customer),
            currency: CurrencyCode::of(wallet.currency),
            product: ProductCode::of_product(&wallet.product),
            amount: Amount::from(grant.amount),
            remaining: Amount::from(grant.remaining),
            held: Amount::from(grant.held),
            priority: grant.priority,
            expires_at: grant.expires_at,
            reason: GrantReason::new(&grant.reason),
            client_reference: client.reference.as_deref().map(ClientReference::new),
            metadata: client.metadata.clone(),
            created_by: Actor::new(&grant.created_by),
            created_at: grant.created_at,
        }
    }
}

/// Only a grant that was not given has these fields.
impl From<&GrantProposal> for Grant {
    fn from(proposal: &GrantProposal) -> Self {
        let grant = &proposal.grant;
        let currency = grant.amount.currency();
        let nothing = || Amount::from(Money::zero(currency));
        Self {
            id: GrantId::of(proposal.id),
            status: match proposal.end {
                Some(ProposalEnd::Withdrawn { .. }) => GrantStatus::Withdrawn,
                Some(ProposalEnd::Approved { .. }) => GrantStatus::Given,
                None => GrantStatus::AwaitingSecondApproval,
            },
            customer_id: CustomerIdText::of(&grant.customer),
            currency: CurrencyCode::of(currency),
            product: ProductCode::of_product(&grant.product),
            amount: grant.amount.into(),
            remaining: nothing(),
            held: nothing(),
            priority: grant.priority,
            expires_at: grant.expires_at,
            reason: GrantReason::new(&grant.reason),
            client_reference: grant.client.reference.as_deref().map(ClientReference::new),
            metadata: grant.client.metadata.clone(),
            created_by: Actor::new(&grant.created_by),
            created_at: proposal.proposed_at,
        }
    }
}
