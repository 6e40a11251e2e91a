//! The timeline of an order: complete for operators, and without the operators' notes for customers.

use chrono::{DateTime, Utc};

use super::OrderStatus;
use crate::domain::actor::Actor;

/// What happens to an order, as its timeline names it.
pub const TIMELINE_EVENTS: [&str; 44] = [
    "created",
    "payment_started",
    "provider_unreachable",
    "attempt_replaced",
    "checked",
    "held_for_review",
    "pending",
    "processing",
    "credited",
    "credited_further",
    "completed",
    "cancelled",
    "failed",
    "expired",
    "payment_unapplied",
    "payment_applied",
    "payment_returned",
    "payment_corrected",
    "payment_refunded",
    "payment_questioned",
    "transfer_slip_uploaded",
    "bank_account_changed",
    "approval_proposed",
    "approval_replaced",
    "approval_withdrawn",
    "approved",
    "approval_reversed",
    "reversal_proposed",
    "reversal_withdrawn",
    "refund_requested",
    "refund_request_refused",
    "refund_request_withdrawn",
    "refund_proposed",
    "refund_started",
    "refund_approved",
    "refund_adopted",
    "refund_unexplained",
    "refund_succeeded",
    "refund_failed",
    "dispute_opened",
    "dispute_won",
    "dispute_lost",
    "dispute_reversed",
    "dispute_evidence_sent",
];

/// An event between two operators. Customers do not see it.
const AMONG_OPERATORS: [&str; 6] = [
    "approval_proposed",
    "approval_replaced",
    "approval_withdrawn",
    "reversal_proposed",
    "reversal_withdrawn",
    "refund_proposed",
];

/// Events of an operator whose detail is written for the customer.
const FOR_CUSTOMERS: [&str; 6] =
    ["credited", "credited_further", "failed", "cancelled", "bank_account_changed", "refund_request_refused"];

/// One line of an order's timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    pub at: DateTime<Utc>,
    pub event: String,
    /// The order's status after it.
    pub status: OrderStatus,
    /// `customer:…`, `operator:…`, `provider:…` or `system`.
    pub actor: String,
    pub detail: Option<String>,
}

impl TimelineEntry {
    /// The line as its customer may read it, without an operator's name and notes. `None` for an event between two
    /// operators.
    #[must_use]
    pub fn for_customer(self) -> Option<Self> {
        if AMONG_OPERATORS.contains(&self.event.as_str()) {
            return None;
        }
        let is_told = !Actor::is_operator(&self.actor) || FOR_CUSTOMERS.contains(&self.event.as_str());
        let actor = Actor::without_operator(&self.actor).to_owned();
        Some(Self { actor, detail: self.detail.filter(|_| is_told), ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &str, actor: &str) -> TimelineEntry {
        TimelineEntry {
            at: DateTime::UNIX_EPOCH,
            event: event.to_owned(),
            status: OrderStatus::Completed,
            actor: actor.to_owned(),
            detail: Some("a note".to_owned()),
        }
    }

    #[test]
    fn customers_read_no_names_and_no_notes() {
        let shown = |event, actor| line(event, actor).for_customer().map(|line| (line.actor, line.detail));
        let told = Some("a note".to_owned());
        assert_eq!(shown("approved", "operator:alice"), Some(("operator".to_owned(), None)));
        assert_eq!(shown("failed", "operator:alice"), Some(("operator".to_owned(), told.clone())));
        assert_eq!(shown("credited", "provider:stripe"), Some(("provider:stripe".to_owned(), told)));
        assert_eq!(shown("reversal_proposed", "operator:alice"), None);
    }
}
