//! The parts of PayPal's JSON that we read (Orders v2, Payments v2, Webhooks v1). Unknown fields are ignored.

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
pub(super) struct PaypalAmount {
    pub currency_code: String,
    pub value: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Link {
    pub href: String,
    pub rel: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaypalOrder {
    pub id: String,
    pub status: Option<String>,
    #[serde(default)]
    pub links: Vec<Link>,
    #[serde(default)]
    pub purchase_units: Vec<PurchaseUnit>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PurchaseUnit {
    /// If buttons make orders in the browser, the payer can write it. It can contradict us, but it identifies nothing.
    pub custom_id: Option<String>,
    pub amount: Option<PaypalAmount>,
    pub payments: Option<UnitPayments>,
}

#[derive(Debug, Deserialize)]
pub(super) struct UnitPayments {
    #[serde(default)]
    pub captures: Vec<PaypalCapture>,
    #[serde(default)]
    pub refunds: Vec<PaypalRefund>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaypalCapture {
    pub id: String,
    pub status: String,
    pub status_details: Option<StatusDetails>,
    pub amount: Option<PaypalAmount>,
    pub supplementary_data: Option<SupplementaryData>,
    #[serde(default)]
    pub links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StatusDetails {
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SupplementaryData {
    pub related_ids: Option<RelatedIds>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RelatedIds {
    pub order_id: Option<String>,
    pub capture_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaypalRefund {
    pub id: String,
    pub status: Option<String>,
    pub status_details: Option<StatusDetails>,
    pub amount: Option<PaypalAmount>,
    pub custom_id: Option<String>,
    pub supplementary_data: Option<SupplementaryData>,
    #[serde(default)]
    pub links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaypalDispute {
    pub dispute_id: String,
    pub status: Option<String>,
    pub reason: Option<String>,
    pub dispute_amount: Option<PaypalAmount>,
    pub dispute_outcome: Option<PaypalDisputeOutcome>,
    /// Until when the seller may answer.
    pub seller_response_due_date: Option<String>,
    #[serde(default)]
    pub disputed_transactions: Vec<DisputedTransaction>,
}

/// A page of disputes. Its items lack the transactions, so each dispute is read by its id.
#[derive(Debug, Deserialize)]
pub(super) struct DisputeList {
    #[serde(default)]
    pub items: Vec<DisputeItem>,
    #[serde(default)]
    pub links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DisputeItem {
    pub dispute_id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaypalDisputeOutcome {
    pub outcome_code: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DisputedTransaction {
    pub seller_transaction_id: Option<String>,
}

/// The resource of `CHECKOUT.PAYMENT-APPROVAL.REVERSED`.
#[derive(Debug, Deserialize)]
pub(super) struct ApprovalReversed {
    pub order_id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaypalEvent {
    pub id: String,
    pub event_type: String,
    pub create_time: Option<String>,
    pub resource: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaypalErrorBody {
    pub name: String,
    pub debug_id: Option<String>,
    #[serde(default)]
    pub details: Vec<ErrorDetail>,
}

/// Descriptions are left out, because they are prose and may quote the request.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorDetail {
    pub issue: Option<String>,
    pub field: Option<String>,
}
