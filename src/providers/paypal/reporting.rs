//! The movements that PayPal's transaction search shows (developer.paypal.com/docs/api/transaction-search/v1).
//!
//! It lists movements that are at least three hours old, and at most 31 days in one call.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;

use super::{Paypal, mapping, money};
use crate::domain::calendar::Span;
use crate::domain::deployment::Deployment;
use crate::domain::money::Money;
use crate::domain::reconciliation::{CompanyMovement, MovedKind};
use crate::providers::ProviderError;

pub(super) const DELAY: TimeDelta = TimeDelta::hours(3);
const MOST_DAYS: TimeDelta = TimeDelta::days(31);

#[derive(Debug, Deserialize)]
struct TransactionPage {
    #[serde(default)]
    transaction_details: Vec<Detail>,
    #[serde(default)]
    total_pages: u32,
}

#[derive(Debug, Deserialize)]
struct Detail {
    transaction_info: Info,
}

#[derive(Debug, Deserialize)]
struct Info {
    transaction_id: String,
    /// The transaction that this one is about.
    paypal_reference_id: Option<String>,
    #[serde(default)]
    transaction_event_code: String,
    transaction_initiation_date: String,
    transaction_amount: Option<ReportedAmount>,
    fee_amount: Option<ReportedAmount>,
    /// `S` succeeded, `P` pending, `D` denied, `V` reversed.
    #[serde(default)]
    transaction_status: String,
    custom_field: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ReportedAmount {
    currency_code: String,
    value: String,
}

impl ReportedAmount {
    /// The amount without its sign, which says the direction.
    fn read(&self) -> Result<Money, String> {
        let value = self.value.strip_prefix('-').unwrap_or(&self.value);
        money::from_wire(value, &self.currency_code).map_err(|error| format!("the amount of a transaction: {error}"))
    }
}

impl Paypal {
    /// The movements of a period.
    pub(super) async fn transactions(&self, span: Span) -> Result<Vec<CompanyMovement>, ProviderError> {
        let mut found = Vec::new();
        let mut from = span.from;
        while from < span.to {
            let to = span.to.min(from + MOST_DAYS);
            self.transactions_of_call(Span { from, to }, &mut found).await?;
            from = to;
        }
        Ok(found)
    }

    async fn transactions_of_call(&self, span: Span, found: &mut Vec<CompanyMovement>) -> Result<(), ProviderError> {
        let written = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut page = 1;
        loop {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("start_date", &written(span.from))
                .append_pair("end_date", &written(span.to))
                .append_pair("fields", "transaction_info")
                .append_pair("page_size", "500")
                .append_pair("page", &page.to_string())
                .finish();
            let answer: TransactionPage = self.client.get(&format!("/v1/reporting/transactions?{query}")).await?;
            for detail in &answer.transaction_details {
                let read = movement(&detail.transaction_info, self.deployment);
                let read = read.map_err(|reason| self.client.unavailable(&reason))?;
                let Some(one) = read else { continue };
                // The periods of two calls share an end, and a dispute appears twice: when its money is held and when
                // it is taken.
                let is_same = |known: &CompanyMovement| {
                    let same_dispute = one.kind == MovedKind::Dispute
                        && one.payment_id.is_some()
                        && known.payment_id == one.payment_id;
                    known.id == one.id || (same_dispute && known.kind == one.kind)
                };
                if !found.iter().any(is_same) {
                    found.push(one);
                }
            }
            if page >= answer.total_pages {
                return Ok(());
            }
            page += 1;
        }
    }
}

/// Reads one transaction. `None` if it is neither payment, refund, dispute nor payout, or if it did not succeed.
fn movement(info: &Info, deployment: Deployment) -> Result<Option<CompanyMovement>, String> {
    // T-codes: developer.paypal.com/docs/transaction-search/transaction-event-codes
    let kind = match info.transaction_event_code.as_str() {
        "T1107" => MovedKind::Refund,
        // Reversed, held for a dispute, charged back.
        "T1106" | "T1110" | "T1201" => MovedKind::Dispute,
        code if code.starts_with("T00") => MovedKind::Payment,
        code if code.starts_with("T04") => MovedKind::Payout,
        _ => return Ok(None),
    };
    // S: it succeeded. V: it succeeded, and was reversed later; the reversal is a transaction of its own.
    let happened = match info.transaction_status.as_str() {
        "S" => true,
        "V" => kind == MovedKind::Payment,
        _ => false,
    };
    let Some(amount) = info.transaction_amount.as_ref().filter(|_| happened) else { return Ok(None) };
    let at: DateTime<Utc> = DateTime::parse_from_str(&info.transaction_initiation_date, "%Y-%m-%dT%H:%M:%S%z")
        .or_else(|_| DateTime::parse_from_rfc3339(&info.transaction_initiation_date))
        .map_err(|_| format!("the time of transaction {}", info.transaction_id))?
        .into();
    Ok(Some(CompanyMovement {
        kind,
        id: info.transaction_id.clone(),
        payment_id: match kind {
            MovedKind::Payment => Some(info.transaction_id.clone()),
            _ => info.paypal_reference_id.clone(),
        },
        amount: amount.read()?,
        fee: info.fee_amount.as_ref().map(ReportedAmount::read).transpose()?,
        at,
        marked: info.custom_field.as_deref().is_some_and(|mark| mapping::is_mark(mark, deployment)),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_payment_that_was_reversed_later_was_made() {
        let read = |code: &str, status: &str| {
            let info = json!({
                "transaction_id": "8AB", "paypal_reference_id": "7CD", "transaction_event_code": code,
                "transaction_initiation_date": "2026-11-21T10:00:00+0000", "transaction_status": status,
                "transaction_amount": { "currency_code": "USD", "value": "10.00" },
            });
            let ours = "00c0ffee00c0ffee".parse().unwrap();
            movement(&serde_json::from_value(info).unwrap(), ours).unwrap().map(|one| one.kind)
        };
        let made = [("T0006", "S"), ("T0006", "V"), ("T0006", "P"), ("T0006", "D"), ("T1107", "S"), ("T1107", "V")];
        let kinds = made.map(|(code, status)| read(code, status));
        let (payment, refund) = (Some(MovedKind::Payment), Some(MovedKind::Refund));
        assert_eq!(kinds, [payment, payment, None, None, refund, None]);
    }
}
