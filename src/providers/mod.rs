//! Payment providers: one trait, one file or folder per company, one registry.
//!
//! # Adding a provider
//! 1. Write `providers/<company>.rs` with a type that implements [`PaymentProvider`].
//! 2. Add one line to [`Registry::new`], and what it is configured with to [`settings::ProviderSettings`]; the
//!    variables that fill it are read in `config.rs` and `server/offer.rs`.
//! 3. A company that notifies, or that payers come back from by a page of ours, is called by paths that it has
//!    registered: its routes go into `http/providers.rs` and `http/routes.rs`; what is behind them is shared.
//!
//! That is all for a company behind a channel that exists (another card processor in place of the first): orders,
//! settlement, notifications and refunds speak to the trait. What only one company takes from the customer (VNPay's
//! bank code) is a field of the order and of [`AttemptRequest`].
//!
//! A channel of its own is a new word of the public API, and words are written down where they are checked:
//! [`Channel`], with who may use it by default (`domain/offer.rs`); `PaymentChannel` in `http/top_up_orders.rs`; and a
//! migration for the constraint `channel_rules_channel`.
//!
//! `bank_transfer.rs` is the smallest example: a provider without a counterpart to call. Money on the wire
//! needs a table of its own (companies differ from ISO 4217 and from each other).
//!
//! # The contract
//! - A call that ends in `Ok(Observation::Failed { .. })` is final. `Err` means *unknown*: the caller asks
//!   again, with the same request key, and never concludes anything about the money.
//! - Nothing here opens a transaction or knows one: the order is committed before `create` is called.
//! - `read` never moves money. `capture` may, and is called only after the order was committed as `processing`.
//! - [`Observation::Paid`] carries what really arrived, even when it is not what was asked for: settlement
//!   compares, and keeps the difference on record. All other answers about another order or amount are
//!   [`ProviderError::Mismatch`].
//! - A notification is a fact only when [`PaymentProvider::verify`] says so; the raw bytes are what was signed.

mod bank_transfer;
mod error;
mod http;
mod paypal;
mod registry;
pub mod settings;
mod stripe;
mod vnpay;

pub use vnpay::is_bank_code;

pub use error::{NotificationError, ProviderError, UnreadableNotification};
pub use registry::Registry;

pub use NotificationOutcome as Outcome;
pub use UnreadableNotification as Riddle;

use std::fmt::{self, Debug};
use std::net::IpAddr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::id::IdKind;
use crate::domain::money::{Currency, Money};
use crate::domain::payment::{Channel, Notification, Observation, RefundFact};

/// What a provider can do at all; the catalogue narrows it per product and country.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// Currencies that the company takes; `None` = no limit of its own.
    pub currencies: Option<Vec<Currency>>,
    /// Smallest and largest amount per currency, where the company states one.
    pub limits: Vec<(Currency, Option<Money>, Option<Money>)>,
    /// Whether an attempt can be ended at the provider so that it can no longer be paid.
    pub can_cancel: bool,
    pub can_refund: bool,
    /// Whether anybody sends us notifications (bank transfers have none).
    pub notifies: bool,
}

/// What is asked of a provider when an order is to be paid. Everything in it is stored with the
/// attempt, so that a call that was cut off is repeated with the same bytes and the same key.
#[derive(Debug, Clone)]
pub struct AttemptRequest {
    pub order_id: Uuid,
    /// 1 for the first attempt; a new one only when the last is known dead.
    pub attempt: i32,
    /// The idempotency key at the provider: order id and attempt, at most 64 characters.
    pub request_key: String,
    pub amount: Money,
    /// Shown to the payer, ASCII letters, digits, space, `.:-` only.
    pub description: String,
    pub flow: CardFlow,
    /// Where the payer's browser goes afterwards; a page of the caller's. Never evidence of anything.
    pub return_url: String,
    pub cancel_url: String,
    pub customer_email: Option<String>,
    /// BCP 47, e.g. `en`, `vi`, `zh`.
    pub locale: Option<String>,
    /// The payer's address as we saw it (VNPay requires one).
    pub payer_ip: IpAddr,
    /// VNPay: preselected bank.
    pub bank_code: Option<String>,
    /// When the attempt was first sent; signs VNPay's CreateDate and is needed to query it later.
    pub created_at: DateTime<Utc>,
    /// When the order expires on our side.
    pub expires_at: DateTime<Utc>,
}

/// How a card is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CardFlow {
    /// The provider's hosted page.
    #[default]
    Checkout,
    /// The provider's script in the caller's page (card pop-up).
    Elements,
}

/// What the payer has to do next.
#[derive(Clone, PartialEq, Eq)]
pub enum NextAction {
    Redirect {
        url: String,
    },
    /// For the company's script in the browser. The value is a bearer secret for one payment: never logged.
    ClientSecret {
        value: String,
        publishable_key: String,
    },
    /// Nothing at a provider: the caller shows our bank details.
    BankTransfer,
}

impl Debug for NextAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redirect { url } => f.debug_struct("Redirect").field("url", url).finish(),
            Self::ClientSecret { .. } => f.write_str("ClientSecret([REDACTED])"),
            Self::BankTransfer => f.write_str("BankTransfer"),
        }
    }
}

/// A created attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// What the provider calls it; every later call and notification is matched by it.
    pub provider_reference: String,
    pub next_action: NextAction,
    /// When the provider stops taking it, where it says.
    pub expires_at: Option<DateTime<Utc>>,
}

/// An attempt as it is stored, for reading, capturing, cancelling.
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

/// Money of one payment to be given back.
#[derive(Debug, Clone)]
pub struct RefundRequest {
    /// Our id; the idempotency key at the provider.
    pub refund_id: Uuid,
    /// As [`crate::domain::payment::PaymentFact::payment_id`].
    pub payment_id: String,
    pub attempt: AttemptRef,
    /// What was paid in all: some protocols tell full from partial refunds.
    pub paid: Money,
    pub amount: Money,
    pub reason: String,
    /// Who asked, for protocols that want a name; `[A-Za-z0-9._-]`.
    pub requested_by: String,
    pub created_at: DateTime<Utc>,
}

/// A notification as it came: nothing parsed, nothing trusted.
#[derive(Debug, Clone)]
pub struct RawNotification {
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// The query as sent, without the `?`.
    pub query: String,
    pub body: Vec<u8>,
}

impl RawNotification {
    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// What became of a notification; a provider turns it into the exact answer that its company expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationOutcome {
    /// Recorded now, success or failure alike.
    Recorded,
    /// Known already, or nothing to do.
    AlreadySettled,
    /// Signed, but about an attempt that we do not know.
    UnknownOrder,
    /// Signed, but amount or currency is not the order's; kept for an operator.
    AmountMismatch,
    /// The signature is wrong or missing, or it is for another merchant.
    BadSignature,
    /// We could not verify or process it: the company shall send it again.
    TryAgain,
}

/// What a payer's browser brings back from a company's page. Never evidence of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    /// Nothing that names an attempt.
    Nothing,
    /// The company's name for the attempt ([`Created::provider_reference`]).
    Reference(String),
    /// It is signed, as this company's are, but not by the company.
    Forged,
}

/// The answer to a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

/// One way to have an order paid. See the module for the contract.
#[async_trait]
pub trait PaymentProvider: Debug + Send + Sync {
    /// The provider's name in paths, counterparts and records: `stripe`, `paypal`, `vnpay`, `bank`.
    fn name(&self) -> &'static str;

    fn channel(&self) -> Channel;

    fn capabilities(&self) -> &Capabilities;

    /// Our account there, as facts name it; part of a payment's identity.
    fn merchant_account(&self) -> &str;

    /// Whether the credentials move real money (`sk_live_…`); refused on a database stamped `test`.
    fn is_live(&self) -> bool;

    /// Starts an attempt. Repeating it with the same request gives the same attempt.
    async fn create(&self, request: &AttemptRequest) -> Result<Created, ProviderError>;

    /// Reads the truth about an attempt, without moving money.
    async fn read(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError>;

    /// Takes the money of an attempt that [`Observation::ReadyToCapture`] was seen for. Companies that
    /// take it themselves only read.
    async fn capture(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError> {
        self.read(attempt).await
    }

    /// Ends an attempt so that it can no longer be paid, and says what it turned out to be: a payer may
    /// have been faster ([`Observation::Paid`]).
    async fn cancel(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError>;

    /// Gives money back. Repeating it with the same id gives the same refund.
    async fn refund(&self, request: &RefundRequest) -> Result<RefundFact, ProviderError>;

    /// Reads where a refund stands. `provider_refund_id` is as [`RefundFact::refund_id`].
    async fn read_refund(&self, request: &RefundRequest, provider_refund_id: &str)
    -> Result<RefundFact, ProviderError>;

    /// Whether a payment that it called failed before is believed to be paid only once the company, asked, says
    /// so too: its notification alone is then not enough to credit it.
    fn is_asked_before_reviving(&self) -> bool {
        false
    }

    /// Verifies a notification and says what it states.
    async fn verify(&self, raw: &RawNotification) -> Result<Notification, NotificationError>;

    /// What the query of a payer's return says, without the `?`.
    fn returned(&self, _query: &str) -> Returned {
        Returned::Nothing
    }

    /// Whether a payer's return is the moment to ask the company (and to capture). Not where a return says nothing
    /// that a notification does not say at the same time.
    fn settles_on_return(&self) -> bool {
        false
    }

    /// The reply that this company expects.
    fn reply(&self, outcome: NotificationOutcome) -> Reply;
}

/// Our page that a company's own page leads back to: `{public}/v1/providers/{name}/return?order=tuo_…`.
/// It shows or redirects; what the browser brings there is never evidence.
fn return_page(public_url: &str, name: &str, order_id: Uuid) -> String {
    format!("{public_url}/v1/providers/{name}/return?order={}", IdKind::TopUpOrder.show(order_id))
}
