//! Translates PayPal's objects into domain types. A translation that fails returns the reason as a text.

use serde_json::Value;
use uuid::Uuid;

use super::money;
use super::wire::{PaypalAmount, PaypalCapture, PaypalDispute, PaypalOrder, PaypalRefund};
use crate::domain::deployment::Deployment;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::payment::{
    AttemptLocator, DisputeFact, DisputeStatus, Observation, PaymentFact, RefundFact, RefundStatus,
};

/// Our account, as facts name it.
#[derive(Debug, Clone)]
pub(super) struct PaypalAccount {
    pub name: String,
    pub live: bool,
}

/// Our mark of an order, in `custom_id`: the order and the deployment. PayPal takes 127 characters.
pub(super) fn mark(order_id: Uuid, deployment: Deployment) -> String {
    format!("{}-{deployment}", IdKind::TopUpOrder.show(order_id))
}

/// Whether a text is our mark of an order.
pub(super) fn is_mark(text: &str, deployment: Deployment) -> bool {
    text.split_once('-').is_some_and(|(order, of)| {
        IdKind::TopUpOrder.parse(order).is_some() && of.parse::<Deployment>() == Ok(deployment)
    })
}

/// The observation of an order. `COMPLETED` does not prove a payment; only the captures do.
pub(super) fn order(order: &PaypalOrder, account: &PaypalAccount) -> Result<Observation, String> {
    let captures = order.purchase_units.iter().filter_map(|unit| unit.payments.as_ref()).flat_map(|p| &p.captures);
    // If there are several captures, the most successful one counts, because an earlier one may have been declined.
    let seen: Vec<Observation> = captures.map(|one| capture(one, account)).collect::<Result<_, _>>()?;
    let rank = |observation: &Observation| match observation {
        Observation::Paid(_) => 2,
        Observation::InFlight { .. } => 1,
        _ => 0,
    };
    let best = seen.into_iter().max_by_key(rank);
    match (order.status.as_deref().unwrap_or_default(), best) {
        (_, Some(moved @ (Observation::Paid(_) | Observation::InFlight { .. }))) => Ok(moved),
        ("COMPLETED", Some(observation)) => Ok(observation),
        ("COMPLETED", None) => Err("completed without a capture".to_owned()),
        ("APPROVED", _) => Ok(Observation::ReadyToCapture),
        (status @ ("CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED"), declined) => {
            let note = declined.map(|_| "declined".to_owned());
            Ok(Observation::Pending { note: note.or_else(|| (status == "SAVED").then(|| status.to_owned())) })
        }
        ("VOIDED", _) => Ok(Observation::Cancelled),
        (other, _) => Err(format!("order with status {other:?}")),
    }
}

/// What PayPal waits for, in plain words.
fn waiting(reason: Option<&str>) -> String {
    match reason {
        Some("ECHECK") => "PayPal waits for an eCheck, which takes 3 to 5 business days".to_owned(),
        Some("PENDING_REVIEW") => "PayPal is checking this payment".to_owned(),
        Some(other) => format!("PayPal has not finished this payment ({other})"),
        None => "PayPal has not finished this payment".to_owned(),
    }
}

pub(super) fn capture(capture: &PaypalCapture, account: &PaypalAccount) -> Result<Observation, String> {
    let reason = capture.status_details.as_ref().and_then(|details| details.reason.clone());
    Ok(match capture.status.as_str() {
        // The money arrived. A later refund is a fact of its own.
        "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED" => Observation::Paid(PaymentFact {
            payment_id: capture.id.clone(),
            amount: amount(capture.amount.as_ref())?,
            merchant_account: account.name.clone(),
            live: account.live,
        }),
        "PENDING" => Observation::InFlight { reason: waiting(reason.as_deref()) },
        status @ ("DECLINED" | "FAILED" | "DENIED") => {
            Observation::Failed { reason: reason.unwrap_or_else(|| status.to_owned()) }
        }
        other => return Err(format!("capture with status {other:?}")),
    })
}

/// Whether an issue means that PayPal does not know the order, or no longer knows it.
pub(super) fn is_unknown(issue: &str) -> bool {
    matches!(issue, "INVALID_RESOURCE_ID" | "RESOURCE_NOT_FOUND")
}

/// The observation of a refused capture; `None` if the issue says nothing certain about the payment.
pub(super) fn capture_issue(issue: &str) -> Option<Observation> {
    match issue {
        // The payer may return to PayPal, and approve the same order with another payment method.
        "ORDER_NOT_APPROVED"
        | "PAYER_ACTION_REQUIRED"
        | "INSTRUMENT_DECLINED"
        | "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING" => Some(Observation::Declined { reason: issue.to_owned() }),
        "ORDER_COMPLETION_IN_PROGRESS" => Some(Observation::InFlight { reason: issue.to_owned() }),
        "TRANSACTION_REFUSED"
        | "COMPLIANCE_VIOLATION"
        | "PAYER_CANNOT_PAY"
        | "PAYER_ACCOUNT_RESTRICTED"
        | "PAYER_ACCOUNT_LOCKED_OR_CLOSED"
        | "TRANSACTION_LIMIT_EXCEEDED"
        | "TRANSACTION_RECEIVING_LIMIT_EXCEEDED"
        | "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED"
        | "PAYEE_BLOCKED_TRANSACTION"
        | "TRANSACTION_BLOCKED_BY_PAYEE"
        | "DECLINED_DUE_TO_RELATED_TXN" => Some(Observation::Failed { reason: issue.to_owned() }),
        "ORDER_EXPIRED" => Some(Observation::Expired),
        unknown if is_unknown(unknown) => Some(Observation::Expired),
        "ORDER_VOIDED" => Some(Observation::Cancelled),
        _ => None,
    }
}

pub(super) fn refund(refund: &PaypalRefund) -> Result<RefundFact, String> {
    let status = match refund.status.as_deref() {
        // The resource of a reversal may have no status: PayPal has already taken the money.
        Some("COMPLETED") | None => RefundStatus::Succeeded,
        Some("PENDING") => RefundStatus::Pending,
        Some("FAILED" | "CANCELLED") => RefundStatus::Failed,
        Some(other) => return Err(format!("refund with status {other:?}")),
    };
    Ok(RefundFact {
        refund_id: refund.id.clone(),
        payment_id: capture_of(refund),
        our_refund_id: refund.custom_id.as_deref().and_then(|id| IdKind::Refund.parse(id)),
        amount: amount(refund.amount.as_ref())?,
        status,
        reason: refund.status_details.as_ref().and_then(|details| details.reason.clone()),
        reversal: false,
    })
}

/// The id of the refunded capture: a field of the refund, or else the end of its link `up`.
fn capture_of(refund: &PaypalRefund) -> Option<String> {
    let related = refund.supplementary_data.as_ref().and_then(|data| data.related_ids.as_ref());
    let up = || refund.links.iter().find(|link| link.rel == "up").and_then(|link| link.href.rsplit('/').next());
    let named = related.and_then(|ids| ids.capture_id.as_deref());
    named.or_else(up).filter(|id| !id.is_empty()).map(str::to_owned)
}

pub(super) fn dispute(dispute: &PaypalDispute) -> Result<DisputeFact, String> {
    let outcome = dispute.dispute_outcome.as_ref().and_then(|outcome| outcome.outcome_code.as_deref());
    let status = match (dispute.status.as_deref(), outcome) {
        (Some("RESOLVED"), Some("RESOLVED_BUYER_FAVOUR" | "ACCEPTED")) => DisputeStatus::Lost,
        // With a payout PayPal itself pays the buyer. A denied claim takes no money.
        (
            Some("RESOLVED"),
            Some("RESOLVED_SELLER_FAVOUR" | "RESOLVED_WITH_PAYOUT" | "CANCELED_BY_BUYER" | "DENIED"),
        ) => DisputeStatus::Won,
        // This includes an unknown outcome: a person decides, and the money stays frozen.
        _ => DisputeStatus::Open,
    };
    let transaction = dispute.disputed_transactions.first();
    Ok(DisputeFact {
        dispute_id: dispute.dispute_id.clone(),
        payment_id: transaction.and_then(|transaction| transaction.seller_transaction_id.clone()),
        amount: amount(dispute.dispute_amount.as_ref())?,
        status,
        inquiry: false,
        reason: dispute.reason.clone(),
        evidence_due_at: dispute.seller_response_due_date.as_deref().and_then(|due| due.parse().ok()),
        // A status that we do not know is shown to an operator.
        awaits_evidence: !matches!(
            dispute.status.as_deref(),
            Some("WAITING_FOR_BUYER_RESPONSE" | "UNDER_REVIEW" | "RESOLVED")
        ),
        // PayPal states its fee only in reports.
        fee: None,
    })
}

pub(super) fn amount(amount: Option<&PaypalAmount>) -> Result<Money, String> {
    let amount = amount.ok_or("no amount")?;
    money::from_wire(&amount.value, &amount.currency_code).map_err(|error| error.to_string())
}

/// The attempt of a capture. Only the id of its order names it: if an app has buttons that make orders in the browser,
/// the payer can write `custom_id`.
pub(super) fn capture_locator(capture: &PaypalCapture) -> AttemptLocator {
    let related = capture.supplementary_data.as_ref().and_then(|data| data.related_ids.as_ref());
    let up = || capture.links.iter().find(|link| link.rel == "up").and_then(|link| link.href.rsplit('/').next());
    AttemptLocator::by_reference(related.and_then(|ids| ids.order_id.as_deref()).or_else(up))
}

/// The attempt of an order or a capture that cannot be read completely.
pub(super) fn locator_of(resource: &Value) -> AttemptLocator {
    let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str);
    let related = text("/supplementary_data/related_ids/order_id").or_else(|| text("/order_id"));
    AttemptLocator::by_reference(related.or_else(|| text("/id")))
}

/// The capture of a refund or a dispute that cannot be read completely.
pub(super) fn payment_of(resource: &Value) -> Option<String> {
    let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    text("/supplementary_data/related_ids/capture_id")
        .or_else(|| text("/disputed_transactions/0/seller_transaction_id"))
}
