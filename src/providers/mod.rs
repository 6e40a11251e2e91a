//! The payment providers: one trait, a file or folder for each company, and one registry.
//!
//! # Adding a provider
//! 1. Write `providers/<company>.rs` with a type that implements [`PaymentProvider`].
//! 2. Add one line to [`Registry::new`], and its settings to [`settings::ProviderSettings`]. `config/mod.rs` and
//!    `server/provider_settings.rs` read the variables that fill them.
//! 3. If the company sends notifications, or sends payers back to our page, it needs paths that do not change.
//!    Add their routes to `http/v1/providers.rs` and `http/routes.rs`; the code behind them is shared.
//!
//! This is all for a company behind an existing channel, for example another card processor instead of the first:
//! orders, settlement, notifications and refunds only use the trait. A value that only one company needs from the
//! customer, such as VNPay's bank code, is a field of the order and of [`AttemptRequest`].
//!
//! A new channel is a new word of the public API. Add it to [`Channel`], with its name in `domain/offer/sentences.rs`,
//! to `PaymentChannel` among the wire types, and by a migration to the constraint `channel_rules_channel`.
//!
//! `bank_transfer.rs` is the smallest example, because it has no company to call. Each company needs a table for the
//! form of its amounts, because companies differ from ISO 4217 and from each other.
//!
//! # The contract
//! - `Ok(Observation::Failed { .. })` is final. `Err` means *unknown*: the caller repeats the call with the same
//!   request key, and concludes nothing about the money.
//! - No provider opens a transaction. The order is committed before `create` is called.
//! - `read` never moves money. `capture` may, and is called only after the order was committed as `processing`.
//! - [`Observation::Paid`] contains the amount that arrived, even if another amount was requested. Settlement compares
//!   the two and records the difference. Any other response about another order or amount is
//!   [`ProviderError::Mismatch`].
//! - A notification is a fact only if [`PaymentProvider::verify`] returns it. The signature covers the raw bytes.
//! - An [`AttemptLocator`] names an order only by what our server wrote at the company. What a payer's browser can set
//!   (Stripe's `client_reference_id`, PayPal's `custom_id`) may contradict a response, but never names an order.
//! - Our marks name our [`Deployment`](crate::domain::deployment::Deployment). Other deployments may share the account,
//!   and a mark of another one names none of our orders.

mod bank_transfer;
mod error;
mod guide;
mod http;
mod paypal;
mod registry;
pub mod settings;
mod stripe;
mod vnpay;

pub use vnpay::is_bank_code;

pub use error::{NotificationError, NotificationSubject, ProviderError, UnreadableNotification};
pub use guide::{EndpointGuide, endpoint_guides};
pub use registry::Registry;

use std::fmt::Debug;
use std::net::IpAddr;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

pub use crate::domain::attempt::NextAction;
pub use crate::domain::payment::{CardFlow, NotificationOutcome};
use crate::domain::reconciliation::CompanyMovement;

use crate::domain::calendar::Span;
use crate::domain::dispute_case::Evidence;
use crate::domain::id::IdKind;
use crate::domain::money::{Currency, Money};
use crate::domain::payment::{
    AttemptLocator, Channel, DisputeFact, Notification, Observation, ProviderName, RefundFact,
};

/// What a provider can do. The catalogue restricts it by product and country.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// The currencies that the company accepts; `None` if it accepts all.
    pub currencies: Option<Vec<Currency>>,
    /// The smallest and the largest amount per currency, if the company has such limits.
    pub limits: Vec<(Currency, Option<Money>, Option<Money>)>,
    /// Whether an attempt can be cancelled at the company, so that it can no longer be paid.
    pub can_cancel: bool,
    pub can_refund: bool,
    /// Whether an attempt is created by a call to the company. A link that we sign ourselves, and our bank account,
    /// need none.
    pub creates_by_call: bool,
    /// Whether the company sends notifications. Bank transfers have none.
    pub notifies: bool,
}

/// The request for an attempt to have an order paid. All of it is stored with the attempt, so that an interrupted call
/// is repeated with the same bytes and the same key.
#[derive(Debug, Clone)]
pub struct AttemptRequest {
    pub order_id: Uuid,
    /// The number of the attempt, from 1. A new attempt begins only after the previous one is known to have ended.
    pub attempt: i32,
    /// The idempotency key at the company: order id and attempt, at most 64 characters.
    pub request_key: String,
    pub amount: Money,
    /// The text that the payer sees: ASCII letters, digits, space and `.:-` only.
    pub description: String,
    pub flow: CardFlow,
    /// The page of the caller that the payer's browser opens afterwards. It is never evidence of a payment.
    pub return_url: String,
    pub cancel_url: String,
    pub customer_email: Option<String>,
    /// A language by BCP 47, for example `en`, `vi` or `zh`.
    pub locale: Option<String>,
    /// The IP address of the payer, as we saw it. VNPay requires it.
    pub payer_ip: IpAddr,
    /// The bank that the payer has chosen, for VNPay.
    pub bank_code: Option<String>,
    /// When the attempt was first sent. It is VNPay's CreateDate, by which the attempt is queried later.
    pub created_at: DateTime<Utc>,
    /// When the order expires.
    pub expires_at: DateTime<Utc>,
}

/// A created attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The attempt's id at the company. It matches later calls and notifications to the attempt.
    pub provider_reference: String,
    pub next_action: NextAction,
    /// When the attempt can no longer be paid, if the company says so.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A stored attempt, to read, capture or cancel it.
#[derive(Debug, Clone)]
pub struct AttemptRef {
    pub order_id: Uuid,
    pub attempt: i32,
    pub request_key: String,
    pub provider_reference: String,
    pub amount: Money,
    pub flow: CardFlow,
    pub created_at: DateTime<Utc>,
}

/// The request to give back money of one payment.
#[derive(Debug, Clone)]
pub struct RefundInstruction {
    /// Our id of the refund, which is also the idempotency key at the company.
    pub refund_id: Uuid,
    /// As [`crate::domain::payment::PaymentFact::payment_id`].
    pub payment_id: String,
    pub attempt: AttemptRef,
    /// The whole amount of the payment, because some protocols distinguish full and partial refunds.
    pub paid: Money,
    pub amount: Money,
    pub reason: String,
    /// The name of the operator for protocols that require one; `[A-Za-z0-9._-]`.
    pub requested_by: String,
    pub created_at: DateTime<Utc>,
}

/// A notification as it arrived, neither parsed nor trusted.
#[derive(Debug, Clone)]
pub struct RawNotification {
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// The query as sent, without the `?`.
    pub query: String,
    pub body: Vec<u8>,
}

impl RawNotification {
    /// The first header with a name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// A company's answer about a payment with the company's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentLookup {
    /// The company does not know the payment as ours, or says that it belongs to something else.
    Unknown,
    /// `observation` is `None` when the company's words cannot be read. That does not matter for a payment that is not
    /// ours.
    Found { locator: AttemptLocator, observation: Option<Observation> },
}

/// Money that a company, an operator of its account or a payer took back from us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakeBack {
    Refund(RefundFact),
    Dispute(DisputeFact),
}

/// The attempt that the query of a payer's return names. It is never evidence of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    /// The query names no attempt.
    Nothing,
    /// The company's id of the attempt ([`Created::provider_reference`]).
    Reference(String),
    /// The query must be signed by the company, but the signature is not valid.
    Forged,
}

/// The reply to a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

/// A company, or the bank, by which orders are paid. The module states the contract.
#[async_trait]
pub trait PaymentProvider: Debug + Send + Sync {
    /// The provider's name in paths, counterparts and records.
    fn name(&self) -> ProviderName;

    fn channel(&self) -> Channel;

    fn capabilities(&self) -> &Capabilities;

    /// Our account at the company, as facts name it.
    fn merchant_account(&self) -> &str;

    /// Whether the credentials move real money (`sk_live_…`). A database that is stamped `test` refuses them.
    fn is_live(&self) -> bool;

    /// Starts an attempt. The same request always gives the same attempt.
    async fn create(&self, request: &AttemptRequest) -> Result<Created, ProviderError>;

    /// Reads the state of an attempt, without moving money.
    async fn read(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError>;

    /// Captures the money of an attempt that was [`Observation::ReadyToCapture`]. For a company that captures by
    /// itself, this only reads.
    async fn capture(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError> {
        self.read(attempt).await
    }

    /// Cancels an attempt, so that it can no longer be paid, and returns its final state. The payer may have paid
    /// before ([`Observation::Paid`]).
    async fn cancel(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError>;

    /// Gives money back. The same id always gives the same refund.
    async fn refund(&self, request: &RefundInstruction) -> Result<RefundFact, ProviderError>;

    /// Reads the state of a refund. `provider_refund_id` is [`RefundFact::refund_id`].
    async fn read_refund(
        &self,
        request: &RefundInstruction,
        provider_refund_id: &str,
    ) -> Result<RefundFact, ProviderError>;

    /// Reads a payment by [`crate::domain::payment::PaymentFact::payment_id`], to learn whose it is. It is called for
    /// the payments of refunds and disputes that a notification reports. A company that reports none needs no such
    /// call.
    async fn look_up(&self, _payment_id: &str) -> Result<PaymentLookup, ProviderError> {
        let detail = "payments are not read by their id".to_owned();
        Err(ProviderError::Unsupported { provider: self.name(), detail })
    }

    /// The refunds and disputes that the company lists as made since a time, by us or by others. A company without such
    /// a list returns none; its payments are asked about one by one.
    async fn take_backs_since(&self, _since: DateTime<Utc>) -> Result<Vec<TakeBack>, ProviderError> {
        Ok(Vec::new())
    }

    /// The movements that the company lists for a period: payments, refunds, disputes and payouts. `None` for a
    /// company without such a list.
    async fn movements(&self, _span: Span) -> Result<Option<Vec<CompanyMovement>>, ProviderError> {
        Ok(None)
    }

    /// How long after a moment the list is complete up to that moment.
    fn list_delay(&self) -> TimeDelta {
        TimeDelta::zero()
    }

    /// Reads a dispute by its id at the company. `None` if the company has no disputes.
    async fn read_dispute(&self, _dispute_id: &str) -> Result<Option<DisputeFact>, ProviderError> {
        Ok(None)
    }

    /// Sends the evidence about a dispute, and returns the dispute's new status. A company takes it once. If a company
    /// takes evidence only on its own pages, operators send it there.
    async fn send_evidence(&self, _dispute_id: &str, _evidence: &Evidence) -> Result<DisputeFact, ProviderError> {
        let detail = "evidence is sent on the company's own pages; copy the file there".to_owned();
        Err(ProviderError::Unsupported { provider: self.name(), detail })
    }

    /// The refunds and disputes of one payment that the company shows. `attempt` is the attempt by which it
    /// was made, if it is known.
    async fn take_backs_of(
        &self,
        payment_id: &str,
        attempt: Option<&AttemptRef>,
    ) -> Result<Vec<TakeBack>, ProviderError>;

    /// Whether a payment that the company reported as failed is credited only after a call to the company confirms it.
    /// The notification alone is then not enough.
    fn must_confirm_revival(&self) -> bool {
        false
    }

    /// Verifies a notification, and returns the fact that it states.
    async fn verify(&self, raw: &RawNotification) -> Result<Notification, NotificationError>;

    /// Reads the query of a payer's return, without the `?`.
    fn returned(&self, _query: &str) -> Returned {
        Returned::Nothing
    }

    /// Whether a payer's return causes a call to the company, which may capture. It is not needed if the company
    /// notifies us at the same time.
    fn settles_on_return(&self) -> bool {
        false
    }

    /// The reply that this company expects.
    fn reply(&self, outcome: NotificationOutcome) -> Reply;
}

/// The URL of our page that a company's page sends the payer back to:
/// `{public}/v1/providers/{name}/return?order=tuo_…`. The page shows a text or redirects. Its query is never evidence
/// of a payment.
fn return_page(public_url: &str, name: ProviderName, order_id: Uuid) -> String {
    format!("{public_url}/v1/providers/{name}/return?order={}", IdKind::TopUpOrder.show(order_id))
}
