//! How an order looks on the wire.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, Error, OrderView, orders};
use crate::domain::attempt;
use crate::domain::id::IdKind;
use crate::domain::order::{Order, OrderStatus};
use crate::http::edge::amount::Amount;
use crate::http::v1::top_up_orders::{PaymentChannel, TopUpOrderStatus};

/// A top-up order.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopUpOrder {
    #[schema(max_length = 64, pattern = "^tuo_[0-9a-f]{32}$", example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    id: String,
    #[schema(max_length = 64, example = "demo")]
    customer_id: String,
    status: TopUpOrderStatus,
    /// Why it is stuck, held for review, refused or failed.
    #[schema(max_length = 2000, example = "awaiting a second operator's approval")]
    reason: Option<String>,
    channel: PaymentChannel,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// What the payer pays.
    amount: Amount,
    fee: Amount,
    tax: Amount,
    /// Promotional credit on top.
    bonus: Amount,
    /// What the wallet gets, or got.
    credited_amount: Amount,
    /// What was proven to have arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    received_amount: Option<Amount>,
    /// What of it went back, or is on its way back, to the payer.
    refunded_amount: Amount,
    /// Null for the main wallet.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    /// Short, for people and bank transfers.
    #[schema(max_length = 16, example = "TU7K3M9QX2")]
    reference: String,
    #[schema(max_length = 64, example = "2026-11-01")]
    agreement_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    remitter: Option<OrderRemitter>,
    /// What the payer has to do; absent when there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_action: Option<NextAction>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    completed_at: Option<DateTime<Utc>>,
    /// Counts every change of the order.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    /// What happened, oldest first; empty in lists.
    #[schema(max_items = 1000)]
    timeline: Vec<OrderEvent>,
}

/// Who sends the bank transfer, as declared.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderRemitter {
    #[schema(max_length = 140, example = "Nguyen Van A")]
    name: String,
    #[schema(max_length = 140, example = "Bank of China")]
    bank: String,
    #[schema(max_length = 500, example = "first top-up")]
    remarks: Option<String>,
}

/// One thing that happened to an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderEvent {
    at: DateTime<Utc>,
    /// `created`, `payment_started`, `processing`, `credited`, `cancelled`, …: an open list.
    #[schema(max_length = 64, example = "created")]
    event: String,
    /// The order's status after it.
    #[schema(max_length = 16, example = "pending")]
    status: String,
    /// Who did it: `customer:…`, `operator:…`, `provider:…`, `system`.
    #[schema(max_length = 100, example = "customer:demo")]
    actor: String,
    #[schema(max_length = 2000, example = "100 CNY credited")]
    detail: Option<String>,
}

/// What the payer has to do: `type` names the object beside it.
#[derive(Debug, Serialize, ToSchema)]
pub struct NextAction {
    #[serde(rename = "type")]
    kind: NextActionType,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    redirect: Option<RedirectAction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    client_secret: Option<ClientSecretAction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bank_transfer: Option<BankTransferAction>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextActionType {
    Redirect,
    ClientSecret,
    BankTransfer,
}

/// Send the payer's browser there.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedirectAction {
    #[schema(max_length = 4000, example = "https://checkout.example.com/c/pay/cs_test_123")]
    url: String,
}

/// Hand these to the payment company's script in your page.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientSecretAction {
    #[schema(max_length = 500, example = "pi_123_secret_456")]
    value: String,
    #[schema(max_length = 500, example = "pk_test_123")]
    publishable_key: String,
}

/// Transfer the exact amount to this account, with the reference.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankTransferAction {
    /// Write it on the transfer; case, spaces and punctuation do not matter.
    #[schema(max_length = 16, example = "TU7K3M9QX2")]
    reference: String,
    amount: Amount,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    #[schema(max_length = 200, example = "Bank of China")]
    bank_name: String,
    #[schema(max_length = 200, example = "Example Platform Ltd.")]
    account_name: String,
    #[schema(max_length = 64, example = "6216600100001234567")]
    account_number: String,
    #[schema(max_length = 200, example = "Shenzhen Nanshan")]
    branch: Option<String>,
    #[schema(max_length = 32, example = "104584000000")]
    cnaps_code: Option<String>,
    #[schema(max_length = 11, example = "BKCHCNBJ")]
    swift_bic: Option<String>,
    #[schema(max_length = 500, example = "Shenzhen, China")]
    bank_address: Option<String>,
    /// The text for the transfer's remittance field.
    #[schema(max_length = 140, example = "TU7K3M9QX2")]
    remittance_text: String,
    /// Who pays the banks' fees.
    #[schema(max_length = 200, example = "OUR: the full amount has to arrive")]
    fees_note: String,
    expires_at: DateTime<Utc>,
}

/// A page of orders.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderPage {
    #[schema(max_items = 100)]
    pub data: Vec<TopUpOrder>,
    #[schema(max_length = 512, example = "WyI5ZjM1IiwiLi4uIl0")]
    pub next_cursor: Option<String>,
    pub has_more: bool,
}

/// Orders in a list: without timeline and next action.
pub fn order_bodies(orders: &[Order]) -> Vec<TopUpOrder> {
    orders.iter().map(|order| render(order, Vec::new(), None)).collect()
}

/// One order in full.
///
/// # Errors
/// Of the database.
pub async fn order_body(app: &App, view: &OrderView) -> Result<TopUpOrder, Error> {
    let timeline = view
        .timeline
        .iter()
        .map(|event| OrderEvent {
            at: event.at,
            event: event.event.clone(),
            status: event.status.to_string(),
            actor: event.actor.clone(),
            detail: event.detail.clone(),
        })
        .collect();
    let action = match &view.next_action {
        None => None,
        Some(action) => next_action(app, &view.order, action).await?,
    };
    Ok(render(&view.order, timeline, action))
}

async fn next_action(app: &App, order: &Order, action: &attempt::NextAction) -> Result<Option<NextAction>, Error> {
    let empty = |kind| NextAction { kind, redirect: None, client_secret: None, bank_transfer: None };
    Ok(match action {
        attempt::NextAction::Redirect { url } => {
            let redirect = Some(RedirectAction { url: url.clone() });
            Some(NextAction { redirect, ..empty(NextActionType::Redirect) })
        }
        attempt::NextAction::ClientSecret { value, publishable_key } => {
            let client_secret =
                Some(ClientSecretAction { value: value.clone(), publishable_key: publishable_key.clone() });
            Some(NextAction { client_secret, ..empty(NextActionType::ClientSecret) })
        }
        attempt::NextAction::BankTransfer => orders::read::bank_account(app, order).await?.map(|account| NextAction {
            bank_transfer: Some(BankTransferAction {
                reference: order.reference.clone(),
                amount: Amount::of(order.amount, order.currency),
                currency: order.currency.code().to_owned(),
                bank_name: account.bank_name,
                account_name: account.account_name,
                account_number: account.account_number,
                branch: account.branch,
                cnaps_code: account.cnaps_code,
                swift_bic: account.swift_bic,
                bank_address: account.bank_address,
                remittance_text: order.reference.clone(),
                fees_note: "OUR: the full amount has to arrive".to_owned(),
                expires_at: order.expires_at,
            }),
            ..empty(NextActionType::BankTransfer)
        }),
    })
}

fn render(order: &Order, timeline: Vec<OrderEvent>, next_action: Option<NextAction>) -> TopUpOrder {
    let (currency, completion) = (order.currency, order.completion());
    TopUpOrder {
        id: IdKind::TopUpOrder.show(order.id),
        customer_id: order.customer.to_string(),
        status: status(order.status()),
        reason: order.reason.clone(),
        channel: order.channel.into(),
        currency: currency.code().to_owned(),
        amount: Amount::of(order.amount, currency),
        fee: Amount::of(order.fee, currency),
        tax: Amount::of(order.tax, currency),
        bonus: Amount::of(order.bonus, currency),
        credited_amount: Amount::of(order.credited_amount, currency),
        received_amount: completion.map(|completion| Amount::of(completion.received, currency)),
        refunded_amount: Amount::of(order.refunded_amount, currency),
        product: order.product.code().map(str::to_owned),
        reference: order.reference.clone(),
        agreement_version: order.agreement_version.clone(),
        remitter: order.remitter.as_ref().map(|remitter| OrderRemitter {
            name: remitter.name.clone(),
            bank: remitter.bank.clone(),
            remarks: remitter.remarks.clone(),
        }),
        next_action,
        created_at: order.created_at,
        expires_at: order.expires_at,
        updated_at: order.updated_at,
        completed_at: completion.map(|completion| completion.at),
        version: order.version,
        timeline,
    }
}

fn status(status: OrderStatus) -> TopUpOrderStatus {
    match status {
        OrderStatus::Pending => TopUpOrderStatus::Pending,
        OrderStatus::Processing => TopUpOrderStatus::Processing,
        OrderStatus::Completed => TopUpOrderStatus::Completed,
        OrderStatus::Cancelled => TopUpOrderStatus::Cancelled,
        OrderStatus::Failed => TopUpOrderStatus::Failed,
        OrderStatus::Expired => TopUpOrderStatus::Expired,
    }
}
