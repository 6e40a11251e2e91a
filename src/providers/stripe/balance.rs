//! The movements that Stripe's balance shows: payments with their fees, refunds, disputes and payouts
//! (docs.stripe.com/api/balance_transactions).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{META_DEPLOYMENT, META_ORDER, Stripe, money};
use crate::domain::calendar::Span;
use crate::domain::deployment::Deployment;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::reconciliation::{CompanyMovement, MovedKind};
use crate::providers::ProviderError;

impl Stripe {
    /// The movements of a period. A refund that failed afterwards is left out.
    pub(super) async fn balance(&self, span: Span) -> Result<Vec<CompanyMovement>, ProviderError> {
        let (from, to) = (span.from.timestamp(), span.to.timestamp());
        let query = format!("created%5Bgte%5D={from}&created%5Blt%5D={to}&expand%5B0%5D=data.source");
        let listed = self.list("/v1/balance_transactions", &query).await?;
        let failed: BTreeSet<&str> = listed.iter().filter(|one| is_failure(one)).filter_map(source_id).collect();
        let counts = |one: &&Value| !is_failure(one) && source_id(one).is_none_or(|id| !failed.contains(id));
        let mut found = Vec::new();
        for one in listed.iter().filter(counts) {
            found.extend(movement(one, self.deployment).map_err(|reason| self.client.unavailable(&reason))?);
        }
        Ok(found)
    }
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}

fn source_id(transaction: &Value) -> Option<&str> {
    text(transaction.get("source")?, "id")
}

fn is_failure(transaction: &Value) -> bool {
    matches!(text(transaction, "type"), Some("refund_failure" | "payment_failure_refund"))
}

/// Reads one balance transaction. `None` if it is neither payment, refund, dispute nor payout.
fn movement(transaction: &Value, deployment: Deployment) -> Result<Option<CompanyMovement>, String> {
    let kind = match text(transaction, "type") {
        Some("charge" | "payment") => MovedKind::Payment,
        Some("refund" | "payment_refund") => MovedKind::Refund,
        Some("payout") => MovedKind::Payout,
        // Money that comes back because a dispute was won is not a dispute.
        Some("adjustment") if units(transaction, "amount")? < 0 => MovedKind::Dispute,
        _ => return Ok(None),
    };
    let Some(source) = transaction.get("source").filter(|source| source.is_object()) else {
        return Err("a balance transaction without its source".to_owned());
    };
    if kind == MovedKind::Dispute && text(source, "object") != Some("dispute") {
        return Ok(None);
    }
    let payment_id = text(source, "payment_intent").map(str::to_owned);
    let id = match kind {
        // A charge without a PaymentIntent is not ours.
        MovedKind::Payment => payment_id.clone(),
        _ => text(source, "id").map(str::to_owned),
    };
    let Some(id) = id else { return Ok(None) };
    let mark = |name| source.get("metadata").and_then(|metadata| text(metadata, name));
    let seconds = units(transaction, "created")?;
    Ok(Some(CompanyMovement {
        kind,
        id,
        payment_id,
        // The balance may be in another currency than the payment, whose object says what the payer paid.
        amount: match kind {
            MovedKind::Payout => amount(transaction, "amount")?,
            _ => amount(source, "amount").or_else(|_| amount(transaction, "amount"))?,
        },
        fee: Some(amount(transaction, "fee")?),
        at: DateTime::<Utc>::from_timestamp(seconds, 0).ok_or("a time that is not valid")?,
        marked: mark(META_ORDER).is_some_and(|order| IdKind::TopUpOrder.parse(order).is_some())
            && mark(META_DEPLOYMENT).is_some_and(|of| of.parse::<Deployment>() == Ok(deployment)),
    }))
}

fn units(transaction: &Value, name: &str) -> Result<i64, String> {
    transaction.get(name).and_then(Value::as_i64).ok_or_else(|| format!("a balance transaction without {name}"))
}

/// An amount without its sign, which says the direction.
fn amount(transaction: &Value, name: &str) -> Result<Money, String> {
    let units = units(transaction, name)?.checked_abs().ok_or("an impossible amount")?;
    let currency = text(transaction, "currency").ok_or("a balance transaction without a currency")?;
    money::from_wire(units, currency).map_err(|error| error.to_string())
}
