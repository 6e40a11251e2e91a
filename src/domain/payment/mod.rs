//! Payments: what a payment company or a bank says about money, and the record that we keep of money that arrived.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::customer::CustomerId;
use super::money::{Currency, Money};

mod notification;
mod of_order;

pub use notification::{AttemptLocator, Fact, Notification, NotificationOutcome};
pub use of_order::OrderPayment;

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

/// The code behind a channel, or the bank itself. Its name is used in paths, counterparts and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProviderName {
    Stripe,
    PayPal,
    Vnpay,
    /// Our bank accounts: an operator states the amount that arrived.
    BankTransfer,
    /// The customer's own main wallet. No company is involved, so no provider is registered by this name.
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

/// How a card payment is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CardFlow {
    /// On the provider's hosted page.
    #[default]
    Checkout,
    /// By the provider's script in the caller's page.
    Elements,
}

impl CardFlow {
    pub const ALL: [Self; 2] = [Self::Checkout, Self::Elements];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::Elements => "elements",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flow| flow.as_str() == text)
    }
}

/// A verified fact that money arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFact {
    /// The provider's id of the payment: Stripe's PaymentIntent, PayPal's capture, VNPay's `TxnRef:TransactionNo`, or
    /// the bank's transaction id. A company's id is unique at that company, whichever of our accounts reports it. A
    /// bank's is unique for one account.
    pub payment_id: String,
    /// The gross amount that arrived, before the provider's own fee.
    pub amount: Money,
    /// Our account at the provider.
    pub merchant_account: String,
    /// False when the provider marks the money as test money.
    pub live: bool,
}

/// A recorded payment. It is never deleted. Money that serves no order stays recorded with a reason. All amounts are
/// in its currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    pub id: Uuid,
    pub provider: ProviderName,
    pub merchant_account: String,
    /// As [`PaymentFact::payment_id`].
    pub payment_id: String,
    pub amount: Money,
    /// The part that serves orders or wallets.
    pub applied: Money,
    /// The part that went back to the payer or is on its way back.
    pub refunded: Money,
    /// What refunds (not failed) and disputes (open or lost) took of the part that serves no order and no wallet.
    pub unapplied_taken: Money,
    /// The order that the payment names, whether or not it was applied to it.
    pub order_id: Option<Uuid>,
    /// Why a part of the payment is not applied: a text for operators. `None` when all of it is applied.
    pub unapplied_reason: Option<String>,
    pub live: bool,
    pub received_at: DateTime<Utc>,
    /// When we ask the company next whether any of the payment was taken back ([`next_look`]).
    pub ask_at: Option<DateTime<Utc>>,
}

/// When a company is asked next what was taken back of a payment: on days 1, 3, 7, 14 and 30 after it arrived. `None`
/// when no day is left, or when the company lists all refunds and disputes by time, so that its list is read instead.
#[must_use]
pub fn next_look(provider: ProviderName, received_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let is_asked = matches!(provider, ProviderName::PayPal | ProviderName::Vnpay);
    let days = [1, 3, 7, 14, 30].into_iter().filter(|_| is_asked);
    days.map(|days| received_at + Duration::days(days)).find(|look| *look > now)
}

impl Payment {
    /// A payment of which nothing is applied, for the given reason.
    #[must_use]
    pub fn unapplied(
        provider: ProviderName,
        fact: &PaymentFact,
        order_id: Option<Uuid>,
        reason: String,
        received_at: DateTime<Utc>,
    ) -> Self {
        Self { unapplied_reason: Some(reason), ..Self::arrived(provider, fact, order_id, received_at) }
    }

    /// A payment that is applied to an order completely.
    #[must_use]
    pub fn applied(provider: ProviderName, fact: &PaymentFact, order_id: Uuid, received_at: DateTime<Utc>) -> Self {
        Self { applied: fact.amount, ..Self::arrived(provider, fact, Some(order_id), received_at) }
    }

    fn arrived(provider: ProviderName, fact: &PaymentFact, order_id: Option<Uuid>, received_at: DateTime<Utc>) -> Self {
        let nothing = Money::zero(fact.amount.currency());
        Self {
            id: Uuid::now_v7(),
            provider,
            merchant_account: fact.merchant_account.clone(),
            payment_id: fact.payment_id.clone(),
            amount: fact.amount,
            applied: nothing,
            refunded: nothing,
            unapplied_taken: nothing,
            order_id,
            unapplied_reason: None,
            live: fact.live,
            received_at,
            ask_at: next_look(provider, received_at, received_at),
        }
    }

    #[must_use]
    pub fn currency(&self) -> Currency {
        self.amount.currency()
    }

    /// The part that serves no order and no wallet and was not taken back: what an operator decides about.
    #[must_use]
    pub fn rest(&self) -> Money {
        self.amount - self.applied - self.unapplied_taken
    }

    /// Whether a statement about this payment agrees with what is recorded.
    #[must_use]
    pub fn agrees_with(&self, fact: &PaymentFact) -> bool {
        self.amount == fact.amount
    }

    /// Replaces a first statement by a later verified one. The caller makes sure that nothing of the payment was
    /// applied, refunded or disputed, because then the first statement has become money.
    pub fn correct(&mut self, fact: &PaymentFact) {
        let nothing = Money::zero(fact.amount.currency());
        (self.applied, self.refunded, self.unapplied_taken) = (nothing, nothing, nothing);
        self.amount = fact.amount;
        self.merchant_account.clone_from(&fact.merchant_account);
        self.live = fact.live;
    }

    /// Counts `amount` as applied. A rest, if there is one, gets a reason.
    pub fn apply(&mut self, amount: Money) {
        self.applied += amount;
        let is_rest_left = self.applied < self.amount;
        self.unapplied_reason = is_rest_left.then(|| "a rest of the transfer serves no order yet".to_owned());
    }

    /// Gives a bank transfer another amount: what truly arrived. A rest, if there is one, gets the reason.
    pub fn restate(&mut self, amount: Money, reason: &str) {
        self.amount = amount;
        let is_rest_left = self.applied < self.amount;
        self.unapplied_reason = is_rest_left.then(|| reason.to_owned());
    }

    /// Counts `amount` as no longer applied, for the given reason.
    pub fn unapply(&mut self, amount: Money, reason: String) {
        self.applied -= amount;
        self.unapplied_reason = Some(reason);
    }
}

/// The part of a payment that serves an order or a wallet. All amounts are in the payment's currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Application {
    pub payment_id: Uuid,
    /// The number of the application among those of its payment, from 1.
    pub n: i32,
    /// `None` for an application to a wallet.
    pub order_id: Option<Uuid>,
    pub customer: CustomerId,
    pub wallet_id: Uuid,
    pub amount: Money,
    pub fee: Money,
    pub tax: Money,
    /// The tax that the amount contains.
    pub tax_included: Money,
    pub applied_by: String,
    pub applied_at: DateTime<Utc>,
    /// When the approval was reversed. The application does not count from then on.
    pub reversed_at: Option<DateTime<Utc>>,
}

impl Application {
    /// Whether the money still serves what it was applied to.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.reversed_at.is_none()
    }

    /// What the wallet got.
    #[must_use]
    pub fn credited(&self) -> Money {
        self.amount - self.fee - self.tax
    }
}

/// What the provider says about one attempt at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// Nothing has happened yet, or the payer can repeat a declined try at the provider.
    Pending { note: Option<String> },
    /// The payer agreed. The money moves only when we capture it (PayPal).
    ReadyToCapture,
    /// The capture was refused for certain and no money was taken. The payer can try again on the provider's page. For
    /// example, a PayPal payer chooses another card and approves the same order again.
    Declined { reason: String },
    /// The money is on its way. The outcome comes later.
    InFlight { reason: String },
    /// The money may have moved, but a person must look at it first (VNPay 07 and 04).
    Review { reason: String },
    /// The money arrived.
    Paid(PaymentFact),
    /// Final: this attempt can never be paid.
    Failed { reason: String },
    /// Final: we or the payer cancelled the attempt at the provider.
    Cancelled,
    /// Final: the provider's own time ran out.
    Expired,
}

/// The status of a refund at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStatus {
    Pending,
    Succeeded,
    Failed,
}

/// What the provider says about one refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFact {
    /// The provider's refund id (`re_…`). VNPay gives none before it accepts the refund; afterwards it is the
    /// TransactionNo.
    pub refund_id: String,
    /// The refunded payment, as [`PaymentFact::payment_id`], if the provider names it.
    pub payment_id: Option<String>,
    /// Our refund id as the provider echoes it; absent for a refund that was started at the provider's dashboard.
    pub our_refund_id: Option<Uuid>,
    pub amount: Money,
    pub status: RefundStatus,
    pub reason: Option<String>,
    /// The company took the money back by itself. If the payment is disputed, this is the disputed money.
    pub reversal: bool,
}

/// The status of a dispute (chargeback).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeStatus {
    Open,
    Won,
    Lost,
}

impl DisputeStatus {
    pub const ALL: [Self; 3] = [Self::Open, Self::Won, Self::Lost];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// The table of moves. A fact that arrives late and says an older status changes nothing.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        matches!((self, next), (Self::Open, Self::Won | Self::Lost) | (Self::Lost, Self::Won))
    }

    /// Whether the wallet has to give the disputed money.
    #[must_use]
    pub fn is_in_force(self) -> bool {
        self != Self::Won
    }
}

/// What the provider says about one dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeFact {
    pub dispute_id: String,
    pub payment_id: Option<String>,
    pub amount: Money,
    pub status: DisputeStatus,
    /// So far the payer's bank only asks. No money was taken; the inquiry may become a dispute.
    pub inquiry: bool,
    pub reason: Option<String>,
    /// Until when it takes evidence, if it says so.
    pub evidence_due_at: Option<DateTime<Utc>>,
    /// Whether its status says that it waits for our evidence. Evidence may also have been sent on its own pages.
    pub awaits_evidence: bool,
    /// What it charges us for the dispute, if it says so.
    pub fee: Option<Money>,
}

#[cfg(test)]
mod tests;
