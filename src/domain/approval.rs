//! Approvals: an operator states that a bank transfer arrived. Above a threshold a second operator confirms it.
//!
//! The second operator sees what the first one stated, and states the same. Meanwhile the first one may replace or
//! withdraw the statement. If a statement needs a second operator, one that replaces it needs one, too.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::bank_transaction::{StatedLine, are_different};

/// Who confirmed an approval, when, and the payment of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    pub by: String,
    pub at: DateTime<Utc>,
    pub payment_id: Uuid,
}

/// What an operator confirms when the figures are unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confirmed {
    /// The amount differs from the ordered one, and it did arrive.
    pub difference: bool,
    /// A similar payment is recorded, and this one is another payment.
    pub not_duplicate: bool,
}

impl Confirmed {
    /// What two operators have confirmed together.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            difference: self.difference || other.difference,
            not_duplicate: self.not_duplicate || other.not_duplicate,
        }
    }
}

/// The statement that a bank transfer for an order arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    pub order_id: Uuid,
    pub line: StatedLine,
    pub confirmed: Confirmed,
    pub note: Option<String>,
    pub second_needed: bool,
    pub proposed_by: String,
    pub proposed_at: DateTime<Utc>,
    /// `None` while the approval is a proposal.
    pub confirmation: Option<Confirmation>,
}

impl Approval {
    /// Whether a second operator states the same. A bank's id that is spelled differently, or a remitter that only one
    /// of them states, makes no difference.
    #[must_use]
    pub fn agrees_with(&self, line: &StatedLine) -> bool {
        let mine = &self.line;
        mine.account == line.account
            && mine.identity == line.identity
            && (mine.received, mine.amount) == (line.received, line.amount)
            && mine.received_on == line.received_on
            && mine.another_line == line.another_line
            && !are_different(mine.remitter.as_deref(), line.remitter.as_deref())
    }
}
