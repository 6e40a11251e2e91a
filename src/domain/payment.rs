//! What a payment company (or a bank) says about money, in the house's words.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::money::Money;

/// How an order is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    Card,
    Paypal,
    Vnpay,
    BankTransfer,
    /// A product paid from the customer's main wallet: a transfer.
    Balance,
}

impl Channel {
    pub const ALL: [Self; 5] = [Self::Card, Self::Paypal, Self::Vnpay, Self::BankTransfer, Self::Balance];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Paypal => "paypal",
            Self::Vnpay => "vnpay",
            Self::BankTransfer => "bank_transfer",
            Self::Balance => "balance",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Channel {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text).ok_or(())
    }
}

/// The code behind a channel, or the bank itself. The word stands in paths, counterparts and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProviderName {
    Stripe,
    PayPal,
    Vnpay,
    /// Our bank accounts: an operator states what arrived.
    BankTransfer,
    /// The customer's own main wallet. No company stands behind it, so no provider is registered by this name.
    Balance,
}

impl ProviderName {
    pub const ALL: [Self; 5] = [Self::Stripe, Self::PayPal, Self::Vnpay, Self::BankTransfer, Self::Balance];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::PayPal => "paypal",
            Self::Vnpay => "vnpay",
            Self::BankTransfer => "bank",
            Self::Balance => "balance",
        }
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProviderName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or(())
    }
}

/// A verified fact that money arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFact {
    /// The canonical id, unique with provider and merchant account: Stripe's PaymentIntent, PayPal's
    /// capture, VNPay's `TxnRef:TransactionNo`, the bank's transaction id.
    pub payment_id: String,
    /// What arrived, gross, before the provider's own fee.
    pub amount: Money,
    /// Our account at the provider, as the fact itself names it where it does.
    pub merchant_account: String,
    /// False when the provider marks the money as test money.
    pub live: bool,
}

/// What the provider says about one attempt, now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// Nothing has happened yet, or an attempt was declined that the payer can repeat at the provider.
    Pending { note: Option<String> },
    /// The payer agreed; the money moves only when we capture (PayPal).
    ReadyToCapture,
    /// This try to take the money is refused for certain, and none was taken; the payer can make another one at the
    /// provider's page (PayPal: other funding, the same order approved again).
    Declined { reason: String },
    /// Under way at the provider; the outcome comes later.
    InFlight { reason: String },
    /// Money may have moved but must be looked at by a person (VNPay 07/04).
    Review { reason: String },
    /// The money arrived.
    Paid(PaymentFact),
    /// Final: this attempt can never be paid.
    Failed { reason: String },
    /// Final: given up at the provider, by us or by the payer.
    Cancelled,
    /// Final: the provider's own time ran out.
    Expired,
}

/// How a notification names the attempt that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptLocator {
    /// The provider's reference that we stored with the attempt (`cs_…`, PayPal's order id, VNPay's TxnRef).
    pub provider_reference: Option<String>,
    /// Our order id as the provider echoes it.
    pub order_id: Option<Uuid>,
    /// What the attempt is over, where the provider says so whatever became of it (VNPay).
    pub amount: Option<Money>,
}

/// Where a refund at the provider stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStatus {
    Pending,
    Succeeded,
    Failed,
}

/// What the provider says about one refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFact {
    /// The provider's refund id (`re_…`); VNPay has none before acceptance, then its TransactionNo.
    pub refund_id: String,
    /// The payment it takes from, as [`PaymentFact::payment_id`], where the provider says.
    pub payment_id: Option<String>,
    /// Our refund id as the provider echoes it; absent for one started at the provider's dashboard.
    pub our_refund_id: Option<Uuid>,
    pub amount: Money,
    pub status: RefundStatus,
    pub reason: Option<String>,
    /// The company took the money back by itself; where the payment is disputed, it is that money.
    pub reversal: bool,
}

/// Where a dispute (chargeback) stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeStatus {
    Open,
    Won,
    Lost,
}

/// What the provider says about one dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeFact {
    pub dispute_id: String,
    pub payment_id: Option<String>,
    pub amount: Money,
    pub status: DisputeStatus,
    /// The payer's bank only asks so far: no money was taken, and it may become a dispute.
    pub inquiry: bool,
    pub reason: Option<String>,
}

/// One thing that a verified notification states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Attempt {
        locator: AttemptLocator,
        observation: Observation,
    },
    Refund(RefundFact),
    Dispute(DisputeFact),
    /// A kind of event that needs nothing from us.
    Ignored,
}

/// A verified notification: who said what, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The provider's event id, or a composed one where it has none (VNPay).
    pub event_id: String,
    pub event_type: String,
    pub created_at: Option<DateTime<Utc>>,
    pub fact: Fact,
}
