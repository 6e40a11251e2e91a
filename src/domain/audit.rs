//! The audit log: who changed what, when and why. Its entries are written in the transaction of the change, and are
//! never changed or removed.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::customer::CustomerId;

/// A change that is to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Who did it, such as `operator:alice`.
    pub actor: String,
    /// What was done: a noun and a verb, such as `product.saved`.
    pub action: String,
    /// What it was done to: a noun and an id as the API shows it, such as `product:whatsapp`.
    pub target: String,
    /// The customer whose money or data it concerns.
    pub customer: Option<CustomerId>,
    /// Why, in the words of who did it.
    pub reason: Option<String>,
    /// What the change replaced; `None` when nothing was there.
    pub before: Option<Value>,
    /// The value after the change, or what was asked for; `None` when nothing is there any more.
    pub after: Option<Value>,
}

impl AuditRecord {
    #[must_use]
    pub fn new(actor: &str, action: &str, target: String) -> Self {
        Self {
            actor: actor.to_owned(),
            action: action.to_owned(),
            target,
            customer: None,
            reason: None,
            before: None,
            after: None,
        }
    }

    /// Names the customer whom the change concerns.
    #[must_use]
    pub fn of(self, customer: &CustomerId) -> Self {
        Self { customer: Some(customer.clone()), ..self }
    }

    /// Names the reason.
    #[must_use]
    pub fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }

    /// Shows what the change replaced.
    #[must_use]
    pub fn from(self, before: Option<Value>) -> Self {
        Self { before, ..self }
    }

    /// Adds the value after the change.
    #[must_use]
    pub fn to(self, after: Value) -> Self {
        Self { after: Some(after), ..self }
    }
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Its number. A later entry has a higher number, except among transactions that ran at the same time.
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub record: AuditRecord,
    /// The API key that the actor acted with; `None` for a token.
    pub api_key: Option<Uuid>,
}

/// An entry's place in the list: its time, and its number among entries of one time.
pub type AuditPosition = (DateTime<Utc>, i64);

/// Which entries a list shows.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub target: Option<String>,
    pub customer: Option<CustomerId>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}
