//! Grants: promotional credit with its own expiry and priority.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::client_data::ClientData;
use super::customer::CustomerId;
use super::money::Money;
use super::movement::grant::NewGrant;
use super::own_word::ProposalEnd;
use super::posting::GrantTerms;
use super::wallet_key::WalletKey;

/// A grant with something remaining (or reserved by an open hold).
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    pub id: Uuid,
    pub amount: Money,
    pub remaining: Money,
    /// Reserved by open holds; capturable even past the expiry.
    pub held: Money,
    /// Money that was taken, or is claimed, for spent parts of the grant. Such a grant is a bonus whose order's money
    /// went back.
    pub owed: Money,
    /// Lower burns first.
    pub priority: i16,
    pub expires_at: Option<DateTime<Utc>>,
    pub reason: String,
    pub order_id: Option<Uuid>,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
}

impl Grant {
    pub(in crate::domain) fn opened(terms: &GrantTerms, now: DateTime<Utc>) -> Self {
        let nothing = Money::zero(terms.amount.currency());
        Self {
            id: terms.id,
            amount: terms.amount,
            remaining: terms.amount,
            held: nothing,
            owed: nothing,
            priority: terms.priority,
            expires_at: terms.expires_at,
            reason: terms.reason.clone(),
            order_id: terms.order_id,
            created_by: terms.created_by.clone(),
            created_at: now,
        }
    }

    /// Whether its time is over. A grant lapses at its second, not after it.
    #[must_use]
    pub fn is_lapsed(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether its end can no longer be changed: nothing is left of it, or its time is over.
    #[must_use]
    pub fn has_ended(&self, now: DateTime<Utc>) -> bool {
        self.is_lapsed(now) || !self.remaining.is_positive()
    }

    #[must_use]
    pub fn unheld(&self) -> Money {
        self.remaining - self.held
    }
}

/// A grant with the wallet that it belongs to, as lists of grants show it.
#[derive(Debug, Clone, PartialEq)]
pub struct WalletGrant {
    pub wallet: WalletKey,
    pub grant: Grant,
    pub client: ClientData,
}

/// A grant that waits, or waited, for a second operator.
#[derive(Debug, Clone)]
pub struct GrantProposal {
    /// The id that the grant gets.
    pub id: Uuid,
    /// As the first operator proposed it.
    pub grant: NewGrant,
    pub proposed_at: DateTime<Utc>,
    /// `None` while it waits.
    pub end: Option<ProposalEnd>,
}

/// How an operator changes the end of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewEnd {
    /// What is left expires when the change is made.
    Revoked,
    /// The grant expires at this moment; `None`: never.
    Moved(Option<DateTime<Utc>>),
}

/// A change of a grant's end. It applies to all that is left of the grant, and to what holds reserve: if they give it
/// back, that expires as well.
#[derive(Debug, Clone, PartialEq)]
pub struct GrantChange {
    pub id: Uuid,
    pub customer: CustomerId,
    pub grant_id: Uuid,
    /// What was left of the grant when the change was requested.
    pub amount: Money,
    pub new_end: NewEnd,
    pub reason: String,
    pub second_needed: bool,
    pub proposed_by: String,
    pub proposed_at: DateTime<Utc>,
    /// `None` while it waits for a second operator, and if none was needed.
    pub end: Option<ProposalEnd>,
}

impl GrantChange {
    /// When it took effect. `None` while it waits, and if it was withdrawn.
    #[must_use]
    pub fn made_at(&self) -> Option<DateTime<Utc>> {
        match &self.end {
            None if !self.second_needed => Some(self.proposed_at),
            Some(ProposalEnd::Approved { at, .. }) => Some(*at),
            None | Some(ProposalEnd::Withdrawn { .. }) => None,
        }
    }

    /// When the grant expires after the change; `None`: never, or the revocation has not taken effect yet.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self.new_end {
            NewEnd::Revoked => self.made_at(),
            NewEnd::Moved(at) => at,
        }
    }
}

/// Burn order: priority, then earliest expiry (never last), then oldest.
#[must_use]
pub fn burn_order(a: &Grant, b: &Grant) -> Ordering {
    let expiry = |grant: &Grant| grant.expires_at.unwrap_or(DateTime::<Utc>::MAX_UTC);
    a.priority
        .cmp(&b.priority)
        .then_with(|| expiry(a).cmp(&expiry(b)))
        .then_with(|| a.created_at.cmp(&b.created_at))
        .then_with(|| a.id.cmp(&b.id))
}
