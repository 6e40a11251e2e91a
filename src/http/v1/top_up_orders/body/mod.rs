//! How top-up orders look on the wire.

pub mod list;
pub mod payment;
pub mod reason;
pub mod remitter;
pub mod statement;
pub mod status;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use self::payment::{OrderPayment, OrderVerification};
use self::reason::ShortPayment;
use self::remitter::OrderRemitter;
use self::statement::{OrderApproval, OrderReversal};
pub use self::status::TopUpOrderStatus;
use crate::app::orders::read::NextStep;
use crate::app::{App, Error, OrderView, orders};
use crate::domain::attempt;
use crate::domain::language::Language;
use crate::domain::money::Money;
use crate::domain::order::{BankFees, Order, OrderReason};
use crate::http::edge::wire::{
    Actor, AgreementVersion, Amount, AppliedTax, BankFeesCode, BonusReasonCode, ClientReference, CurrencyCode,
    CustomerIdText, Metadata, OrderEventName, OrderReasonCode, PaymentChannel, ProductCode, ReferenceCode,
    TopUpOrderId, TransferId,
};
use crate::http::v1::transfer_slips::body::TransferSlip;

/// A top-up order.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopUpOrder {
    id: TopUpOrderId,
    customer_id: CustomerIdText,
    status: TopUpOrderStatus,
    /// Why the order is stuck, or ended as it did; null otherwise. In events it is English.
    #[schema(max_length = 2000, example = json!(null))]
    reason: Option<String>,
    /// The reason for programs; null if there is none. `short_payment` says what is missing.
    reason_code: Option<OrderReasonCode>,
    /// How much money has arrived and how much is missing, while the order waits for the rest; null in lists.
    short_payment: Option<ShortPayment>,
    channel: PaymentChannel,
    currency: CurrencyCode,
    /// What the wallet is to get before fees.
    amount: Amount,
    /// What the payer pays: amount + tax, and the fee if it comes on top.
    payable_amount: Amount,
    fee: Amount,
    /// Whether the payer pays the fee on top of the amount. Otherwise the fee is deducted from what is credited.
    fee_on_top: bool,
    /// The tax that the payer pays on top of the amount.
    tax: Amount,
    /// The tax that the payable amount contains.
    tax_included: Amount,
    /// The rule by which the order is taxed, as it was when the order was created. Null: there was none.
    tax_rule: Option<AppliedTax>,
    /// Promotional credit that the order brings in addition.
    bonus: Amount,
    /// Why there is no bonus: another order of the customer reserves it. Null if nothing was withheld.
    bonus_reason_code: Option<BonusReasonCode>,
    /// The amount that the wallet gets, or got.
    credited_amount: Amount,
    /// The amount that was proven to have arrived; null until then.
    received_amount: Option<Amount>,
    /// The part of the received amount that went back to the payer, or is on its way back.
    refunded_amount: Amount,
    /// The most that the payer would get by a refund now: what is left of the payment, less bonus that was spent. Where
    /// several payments serve the order, it is about the next one that goes back. Null in lists, and for an order that
    /// cannot be refunded.
    refundable_amount: Option<Amount>,
    product: Option<ProductCode>,
    /// A short code for people, and for bank transfers.
    reference: ReferenceCode,
    /// The version of the agreement that the customer accepted.
    agreement_version: AgreementVersion,
    /// When the customer accepted it.
    agreement_accepted_at: DateTime<Utc>,
    /// The transfer that paid the order, if it was paid through the channel `balance`.
    transfer_id: Option<TransferId>,
    /// The reference that the caller gave the order.
    client_reference: Option<ClientReference>,
    /// What the caller attached to the order.
    #[schema(value_type = Option<Metadata>)]
    metadata: Option<Value>,
    /// Who sends the bank transfer; null for other channels.
    remitter: Option<OrderRemitter>,
    /// What the payer has to do next; null when there is nothing to do, and in events.
    next_action: Option<NextAction>,
    created_at: DateTime<Utc>,
    /// The latest time at which the money arrives if the customer pays at once; null if nothing is promised.
    due_at: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    completed_at: Option<DateTime<Utc>>,
    /// A number that grows with every change of the order.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    /// Everything that happened to the order, oldest first. Lists and events leave it empty.
    #[schema(max_items = 1000)]
    timeline: Vec<OrderEvent>,
    /// What an operator stated about the bank transfer. Only operators see it; null in lists.
    approval: Option<OrderApproval>,
    /// The reversal of the approval. Only operators see it; null in lists.
    reversal: Option<OrderReversal>,
    /// The payments that name the order or serve it, the oldest first. Operators alone see them; empty in lists.
    #[schema(max_items = 1000, example = json!([]))]
    payments: Vec<OrderPayment>,
    /// The proofs of the bank transfer that were uploaded; empty in lists.
    #[schema(max_items = 3, example = json!([]))]
    transfer_slips: Vec<TransferSlip>,
    /// How long the bank transfer has waited for an operator. Operators alone see it, while the order is pending;
    /// null otherwise.
    verification: Option<OrderVerification>,
}

/// One thing that happened to an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderEvent {
    at: DateTime<Utc>,
    event: OrderEventName,
    /// The order's status after the event.
    status: TopUpOrderStatus,
    /// Who caused the event: `customer:…`, `operator:…` (for customers `operator`), `provider:…` or `system`.
    actor: Actor,
    #[schema(max_length = 2000, example = "100 CNY credited")]
    detail: Option<String>,
}

/// What the payer has to do next. `type` names the field with the details.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "redirect",
    "redirect": { "url": "https://checkout.example.com/c/pay/cs_test_123", "paypal_order_id": null },
    "client_secret": null, "bank_transfer": null, "bank_account_closed": null
}))]
pub struct NextAction {
    #[serde(rename = "type")]
    kind: NextActionType,
    redirect: Option<RedirectAction>,
    client_secret: Option<ClientSecretAction>,
    bank_transfer: Option<BankTransferAction>,
    bank_account_closed: Option<BankAccountClosedAction>,
}

/// The kind of the payer's next step.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextActionType {
    Redirect,
    ClientSecret,
    BankTransfer,
    BankAccountClosed,
}

/// Send the payer's browser to this page.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedirectAction {
    #[schema(max_length = 4000, example = "https://checkout.example.com/c/pay/cs_test_123")]
    url: String,
    /// The order's id at PayPal, which the buttons of PayPal's JavaScript SDK need in place of the redirect; null for
    /// other companies. After the payer has approved, call `verify`.
    #[schema(max_length = 64, example = "5O190127TN364715T")]
    paypal_order_id: Option<String>,
}

/// Pass these values to the payment company's script in your page.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientSecretAction {
    #[schema(max_length = 500, example = "pi_123_secret_456")]
    value: String,
    #[schema(max_length = 500, example = "pk_test_123")]
    publishable_key: String,
}

/// Transfer exactly this amount to this account, with the reference.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankTransferAction {
    /// The code to write on the transfer. Case, spaces and punctuation do not matter.
    reference: ReferenceCode,
    amount: Amount,
    currency: CurrencyCode,
    #[schema(max_length = 200, example = "Bank of China")]
    bank_name: String,
    #[schema(max_length = 200, example = "Example Platform Ltd.")]
    account_name: String,
    #[schema(max_length = 64, example = "6216600100001234567")]
    account_number: String,
    #[schema(max_length = 200, example = "Shenzhen Nanshan")]
    branch: Option<String>,
    /// The clearing code of the branch in China.
    #[schema(max_length = 32, example = "104584000000")]
    cnaps_code: Option<String>,
    #[schema(max_length = 11, example = "BKCHCNBJ")]
    swift_bic: Option<String>,
    #[schema(max_length = 500, example = "Shenzhen, China")]
    bank_address: Option<String>,
    /// The text for the remittance field of the transfer.
    #[schema(max_length = 140, example = "TU7K3M9QX2")]
    remittance_text: String,
    /// The text of a VietQR code: show it as a QR code, and the app of a bank in Vietnam fills in the transfer. Null
    /// for other currencies, and where our bank is not in its network.
    #[schema(
        max_length = 200,
        example = "00020101021238530010A0000007270123000697041601092576788590208QRIBFTTA\
        5303704540410005802VN62140810TU7K3M9QX26304CF5A"
    )]
    viet_qr: Option<String>,
    /// Who has to pay the banks' fees.
    #[schema(max_length = 200, example = "You pay all bank fees (OUR): the full amount must arrive.")]
    fees_note: String,
    /// The same for programs.
    fees_note_code: BankFeesCode,
    expires_at: DateTime<Utc>,
}

/// Transfer nothing: the account that this order showed was changed or closed. Get the current account by `POST
/// /v1/top-up-orders/{order_id}/bank-account`. A transfer that is on its way is still credited when it arrives.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankAccountClosedAction {
    closed_at: DateTime<Utc>,
    /// The number of the account that was shown before.
    #[schema(max_length = 64, example = "6216600100001234567")]
    account_number: String,
}

impl TopUpOrder {
    /// The order with its texts in the given language.
    #[must_use]
    pub fn told_in(mut self, order: &Order, language: Language) -> Self {
        if let Some(said) = OrderReason::of(order).and_then(|reason| reason.sentence(language)) {
            self.reason = Some(said.to_owned());
        }
        if let Some(transfer) = self.next_action.as_mut().and_then(|action| action.bank_transfer.as_mut()) {
            transfer.fees_note = BANK_FEES.sentence(language).to_owned();
        }
        self
    }
}

/// Who pays the fees of the banks. It is the same for all accounts.
const BANK_FEES: BankFees = BankFees::Payer;

/// Orders as lists show them: with their next action, and without a timeline.
pub fn order_bodies(orders: &[Order], steps: &HashMap<Uuid, NextStep>) -> Vec<TopUpOrder> {
    let action = |order: &Order| steps.get(&order.id).and_then(|step| next_action(order, step));
    orders.iter().map(|order| render(order, Vec::new(), action(order), None)).collect()
}

/// An order as events show it: without a next action.
pub fn listed_order_body(order: &Order) -> TopUpOrder {
    render(order, Vec::new(), None, None)
}

/// Orders as lists show them to operators: also with how long they have waited.
pub fn order_bodies_for_operators(
    app: &App,
    orders: &[Order],
    steps: &HashMap<Uuid, NextStep>,
    now: DateTime<Utc>,
) -> Vec<TopUpOrder> {
    let bodies = order_bodies(orders, steps).into_iter().zip(orders);
    let aged = bodies.map(|(body, order)| TopUpOrder {
        verification: orders::read::verification(app, order, now).map(OrderVerification::from),
        ..body
    });
    aged.collect()
}

/// One order in full, as an operator sees it.
///
/// # Errors
/// As [`order_body`].
pub async fn order_body_for_operator(app: &App, view: &OrderView) -> Result<TopUpOrder, Error> {
    let now = orders::read::now(app).await?;
    let verification = orders::read::verification(app, &view.order, now).map(OrderVerification::from);
    Ok(TopUpOrder { verification, ..order_body(app, view).await? })
}

/// One order in full.
///
/// # Errors
/// [`Error::Storage`] when the bank account of the next action cannot be read.
pub async fn order_body(app: &App, view: &OrderView) -> Result<TopUpOrder, Error> {
    let timeline = view
        .timeline
        .iter()
        .map(|event| OrderEvent {
            at: event.at,
            event: OrderEventName::new(&event.event),
            status: event.status.into(),
            actor: Actor::new(&event.actor),
            detail: event.detail.clone(),
        })
        .collect();
    let action = match &view.next_action {
        None => None,
        Some(action) => {
            let is_transfer = matches!(action, attempt::NextAction::BankTransfer);
            let account = if is_transfer { orders::bank_account::shown(app, &view.order).await? } else { None };
            let paypal_order_id = view.paypal_order_id.clone();
            next_action(&view.order, &NextStep { action: action.clone(), paypal_order_id, account })
        }
    };
    let is_short = view.order.is_short();
    let check = view.remitter_check.as_ref();
    Ok(TopUpOrder {
        remitter: view.order.remitter.as_ref().map(|remitter| OrderRemitter::from(remitter).checked(check)),
        transfer_slips: view.slips.iter().map(TransferSlip::from).collect(),
        short_payment: is_short.then(|| ShortPayment::of(&view.order, &view.arrived)),
        approval: view.approval.as_ref().map(OrderApproval::from),
        reversal: view.reversal.as_ref().map(OrderReversal::from),
        payments: view.payments.iter().map(OrderPayment::from).collect(),
        ..render(&view.order, timeline, action, view.refundable)
    })
}

fn next_action(order: &Order, step: &NextStep) -> Option<NextAction> {
    let empty =
        |kind| NextAction { kind, redirect: None, client_secret: None, bank_transfer: None, bank_account_closed: None };
    match &step.action {
        attempt::NextAction::Redirect { url } => {
            let redirect = Some(RedirectAction { url: url.clone(), paypal_order_id: step.paypal_order_id.clone() });
            Some(NextAction { redirect, ..empty(NextActionType::Redirect) })
        }
        attempt::NextAction::ClientSecret { value, publishable_key } => {
            let client_secret =
                Some(ClientSecretAction { value: value.clone(), publishable_key: publishable_key.clone() });
            Some(NextAction { client_secret, ..empty(NextActionType::ClientSecret) })
        }
        attempt::NextAction::BankTransfer => step.account.clone().map(|shown| {
            let account = shown.account;
            if let Some(closed_at) = shown.closed_at {
                let closed = BankAccountClosedAction { closed_at, account_number: account.account_number };
                return NextAction { bank_account_closed: Some(closed), ..empty(NextActionType::BankAccountClosed) };
            }
            NextAction {
                bank_transfer: Some(BankTransferAction {
                    viet_qr: account.viet_qr(order.payable, &order.reference),
                    reference: ReferenceCode::new(&order.reference),
                    amount: Amount::from(order.payable),
                    currency: CurrencyCode::of(order.currency()),
                    bank_name: account.bank_name,
                    account_name: account.account_name,
                    account_number: account.account_number,
                    branch: account.branch,
                    cnaps_code: account.cnaps_code,
                    swift_bic: account.swift_bic,
                    bank_address: account.bank_address,
                    remittance_text: order.reference.clone(),
                    fees_note: BANK_FEES.sentence(Language::English).to_owned(),
                    fees_note_code: BankFeesCode::new(BANK_FEES.as_str()),
                    expires_at: order.expires_at,
                }),
                ..empty(NextActionType::BankTransfer)
            }
        }),
    }
}

fn render(
    order: &Order,
    timeline: Vec<OrderEvent>,
    next_action: Option<NextAction>,
    refundable: Option<Money>,
) -> TopUpOrder {
    let completion = order.completion();
    TopUpOrder {
        id: TopUpOrderId::of(order.id),
        customer_id: CustomerIdText::of(&order.customer),
        status: order.status().into(),
        reason: order.reason.clone(),
        reason_code: OrderReason::of(order).map(|reason| OrderReasonCode::new(reason.as_str())),
        short_payment: None,
        channel: order.channel.into(),
        currency: CurrencyCode::of(order.currency()),
        amount: Amount::from(order.amount),
        payable_amount: Amount::from(order.payable),
        fee: Amount::from(order.fee),
        fee_on_top: order.fee_on_top,
        tax: Amount::from(order.tax),
        tax_included: Amount::from(order.tax_included),
        tax_rule: order.tax_rule.map(AppliedTax::from),
        bonus: Amount::from(order.bonus),
        bonus_reason_code: order.bonus_terms.reason_code().map(BonusReasonCode::new),
        credited_amount: Amount::from(order.credited_amount),
        received_amount: completion.map(|completion| Amount::from(completion.received)),
        refunded_amount: Amount::from(order.refunded_amount),
        refundable_amount: refundable.map(Amount::from),
        product: ProductCode::of_product(&order.product),
        reference: ReferenceCode::new(&order.reference),
        agreement_version: AgreementVersion::new(&order.agreement_version),
        agreement_accepted_at: order.created_at,
        transfer_id: order.transfer_id.map(TransferId::of),
        client_reference: order.client.reference.as_deref().map(ClientReference::new),
        metadata: order.client.metadata.clone(),
        remitter: order.remitter.as_ref().map(OrderRemitter::from),
        next_action,
        created_at: order.created_at,
        due_at: order.due_at,
        expires_at: order.expires_at,
        updated_at: order.updated_at,
        completed_at: completion.map(|completion| completion.at),
        version: order.version,
        timeline,
        approval: None,
        reversal: None,
        payments: Vec::new(),
        transfer_slips: Vec::new(),
        verification: None,
    }
}
