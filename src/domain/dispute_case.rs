//! The work on a dispute: until when evidence is wanted, what the company charges for it, and what was sent.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::calendar::Month;
use super::money::Money;
use super::payment::{DisputeStatus, ProviderName};

/// The most characters of one text of the evidence. Stripe takes 20,000 for each, and 150,000 for all.
const MAX_TEXT: usize = 20_000;

/// What is known about a dispute other than its money.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DisputeCase {
    /// Until when the company takes evidence, if it says so.
    pub evidence_due_at: Option<DateTime<Utc>>,
    /// Whether the company waits for evidence, by the last status that it reported. A late notification is corrected
    /// when the company is next asked about the dispute.
    pub awaits_evidence: bool,
    /// What the company charges us for the dispute, if it says so. It is not the customer's money.
    pub fee: Option<Money>,
    pub sent: Option<SentEvidence>,
}

/// Evidence that was sent to the company. It is sent once.
#[derive(Debug, Clone, PartialEq)]
pub struct SentEvidence {
    pub by: String,
    pub at: DateTime<Utc>,
    /// The whole file, as it was sent.
    pub text: String,
}

/// The file of evidence about a dispute: what shows that the payer ordered, agreed, got a receipt, and used it.
#[derive(Clone, PartialEq)]
pub struct Evidence {
    pub order_id: Uuid,
    pub reference: String,
    pub amount: Money,
    /// What the money was for: the product whose wallet it credited, or the main wallet.
    pub product: String,
    pub paid_on: NaiveDate,
    pub customer_name: Option<String>,
    pub customer_email: Option<String>,
    pub billing_address: Option<String>,
    /// The address from which the order was made.
    pub customer_ip: String,
    /// Which agreement was accepted, and when.
    pub consent: String,
    /// The number of the receipt, once there is one.
    pub receipt: Option<String>,
    /// What the money was used for, the newest first.
    pub usage: Vec<String>,
    pub timeline: Vec<String>,
    /// What the operator adds.
    pub note: Option<String>,
}

// Personal data stays out of logs.
impl std::fmt::Debug for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evidence").field("order_id", &self.order_id).finish_non_exhaustive()
    }
}

impl Evidence {
    /// What the money was used for, line by line, up to the length that a company takes.
    #[must_use]
    pub fn usage_text(&self) -> String {
        let mut text = String::new();
        for line in &self.usage {
            if text.chars().count() + line.chars().count() >= MAX_TEXT {
                break;
            }
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// The whole file as a text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![
            format!("Order {} of {}, paid on {}, for {}.", self.reference, self.amount, self.paid_on, self.product),
            format!("Consent: {}.", self.consent),
            format!("Ordered from the address {}.", self.customer_ip),
        ];
        let named = [
            ("Customer", &self.customer_name),
            ("E-mail", &self.customer_email),
            ("Billing address", &self.billing_address),
            ("Receipt", &self.receipt),
            ("Note", &self.note),
        ];
        lines.extend(named.into_iter().filter_map(|(name, value)| Some(format!("{name}: {}", value.as_ref()?))));
        for (title, of) in [("Timeline", &self.timeline), ("Usage", &self.usage)] {
            if !of.is_empty() {
                lines.push(format!("{title}:"));
                lines.extend(of.iter().cloned());
            }
        }
        lines.join("\n").chars().take(MAX_TEXT).collect()
    }
}

/// How many disputes of a month are open, won or lost, for one company and currency.
#[derive(Debug, Clone, PartialEq)]
pub struct DisputeOutcome {
    /// The month in which they were opened.
    pub month: Month,
    pub provider: ProviderName,
    pub status: DisputeStatus,
    pub count: i64,
    /// The sum of their amounts.
    pub amount: Money,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn evidence(usage: usize) -> Evidence {
        Evidence {
            order_id: Uuid::nil(),
            reference: "TU0123456X".to_owned(),
            amount: Money::new("20".parse().unwrap(), "USD".parse().unwrap()).unwrap(),
            product: "the main wallet".to_owned(),
            paid_on: "2026-11-21".parse().unwrap(),
            customer_name: Some("Alice".to_owned()),
            customer_email: None,
            billing_address: None,
            customer_ip: "192.0.2.1".to_owned(),
            consent: "agreement 1, accepted 2026-11-21".to_owned(),
            receipt: None,
            usage: (0..usize::min(usage, 5_000)).map(|n| format!("2026-11-22 usage {n} of 0.01 USD")).collect(),
            timeline: vec!["2026-11-21 created".to_owned()],
            note: None,
        }
    }

    #[test]
    fn a_file_says_what_is_known_and_fits_the_company() {
        let text = evidence(1).text();
        for said in ["TU0123456X", "20.00 USD", "agreement 1", "192.0.2.1", "Customer: Alice", "created", "usage 0"] {
            assert!(text.contains(said), "{said}: {text}");
        }
        assert!(!text.contains("E-mail"), "{text}");
        let large = evidence(5_000);
        assert_eq!(large.text().chars().count(), MAX_TEXT);
        assert!(large.usage_text().chars().count() <= MAX_TEXT && large.usage_text().ends_with("USD\n"));
    }
}
