//! Top-up orders: a customer's wish to add money, and the rules by which an order moves.
//!
//! [`judge`] decides what an observation of a provider means for an order. It reads columns only: no decision depends
//! on a text that customers read.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::bonus::BonusTerms;
use super::client_data::ClientData;
use super::customer::CustomerId;
use super::money::{Currency, Money};
use super::party::Party;
use super::payment::{CardFlow, Channel, Observation, PaymentFact, ProviderName};
use super::product::Product;
use super::tax::AppliedTax;
use super::wallet_key::WalletKey;

mod bank_fees;
mod filter;
mod further;
mod reason;
mod state;
mod timeline;

pub use bank_fees::BankFees;
pub use filter::{AmountRange, OrderFilter, TimeRange, Worklist};
pub use reason::OrderReason;
pub use state::{Awaited, Completion, FailedBy, OrderState, OrderStatus};
pub use timeline::{TIMELINE_EVENTS, TimelineEntry};

/// Who sends a bank transfer, as the customer declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remitter {
    pub name: String,
    pub bank: String,
    pub remarks: Option<String>,
}

/// An order. Amount, fee, tax, bonus and merchant account are decided when it is created and never change for the
/// ordered amount. All amounts are in one currency, and so is the wallet.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub id: Uuid,
    pub customer: CustomerId,
    pub product: Product,
    pub channel: Channel,
    pub provider: ProviderName,
    pub merchant_account: String,
    pub state: OrderState,
    /// Why the order is stuck, held or failed: a text for people. No rule reads it.
    pub reason: Option<String>,
    /// How many captures were declined. The number is part of the next capture's idempotency key.
    pub declines: i32,
    /// A provider's notification asked for a review of the money. A later signed notification or an operator ends the
    /// review; the provider's answer to our question does not.
    pub held_for_review: bool,
    /// What the wallet is to get before fees.
    pub amount: Money,
    /// What the payer pays: amount + tax, and the fee if it comes on top.
    pub payable: Money,
    pub fee: Money,
    /// Whether the payer pays the fee on top of the amount. Otherwise the fee is deducted from what is credited.
    pub fee_on_top: bool,
    /// Whether a refund gives the fee back, in proportion.
    pub fee_refundable: bool,
    /// The tax that the payer pays on top of the amount.
    pub tax: Money,
    /// The tax that the payable amount contains.
    pub tax_included: Money,
    /// The rule by which it is taxed, as it was when the order was created.
    pub tax_rule: Option<AppliedTax>,
    pub bonus: Money,
    pub bonus_terms: BonusTerms,
    /// What the wallet gets, or got.
    pub credited_amount: Money,
    /// The part of the received amount that went back to the payer or is on its way back.
    pub refunded_amount: Money,
    pub reference: String,
    pub agreement_version: String,
    pub return_url: Option<String>,
    /// Set for cards only.
    pub card_flow: Option<CardFlow>,
    pub remitter: Option<Remitter>,
    /// Our account to which a bank transfer goes, in the version that its payer was shown.
    pub bank_account_id: Option<Uuid>,
    pub bank_account_version: Option<i64>,
    pub vnpay_bank_code: Option<String>,
    pub payer_ip: IpAddr,
    pub locale: Option<String>,
    /// Who buys, as the billing profile said when the order was created. `None` once it was erased.
    pub buyer: Option<Party>,
    pub client: ClientData,
    /// The transfer that paid it, if it was paid from the main wallet.
    pub transfer_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    /// The latest moment at which its money arrives, as the channel promised; `None`: no promise.
    pub due_at: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// When a worker asks the provider next; `None` once it no longer asks.
    pub ask_at: Option<DateTime<Utc>>,
    pub asked: i32,
    pub version: i64,
}

/// The part of an order that other lists show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldOrder {
    pub id: Uuid,
    pub channel: Channel,
    pub reference: String,
    pub client: ClientData,
}

/// How an amount that arrived is divided. All parts are in the order's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Division {
    pub credited: Money,
    pub fee: Money,
    pub tax: Money,
    /// The tax that all of it contains.
    pub tax_included: Money,
    pub bonus: Money,
}

impl Order {
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.amount.currency()
    }

    #[must_use]
    pub fn wallet(&self) -> WalletKey {
        WalletKey { customer: self.customer.clone(), currency: self.currency(), product: self.product.clone() }
    }

    #[must_use]
    pub fn status(&self) -> OrderStatus {
        self.state.status()
    }

    /// What a completed order has; `None` for every other order.
    #[must_use]
    pub fn completion(&self) -> Option<Completion> {
        match self.state {
            OrderState::Completed(completion) => Some(completion),
            _ => None,
        }
    }

    /// The amount that was proven to have arrived.
    #[must_use]
    pub fn received(&self) -> Money {
        self.completion().map_or(Money::zero(self.currency()), |completion| completion.received)
    }

    /// The part of the received amount that a refund can give back: all of it, or all but the fee and the tax on the
    /// fee.
    #[must_use]
    pub fn returnable(&self) -> Money {
        let received = self.received();
        if self.fee_refundable || received.is_zero() {
            return received;
        }
        let Division { fee, tax, .. } = self.divide(received);
        received - fee - tax.pro_rata(fee, received - tax)
    }

    /// Whether the last capture was declined and the payer can try again. The table of moves has no way back to
    /// `pending`, so such an order stays `processing`.
    #[must_use]
    pub fn was_declined(&self) -> bool {
        self.state == OrderState::Processing(Awaited::Payer)
    }

    /// Whether money is recorded that does not complete it.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.state == OrderState::Processing(Awaited::Rest)
    }

    /// Whether the payer has something left to do.
    #[must_use]
    pub fn awaits_payer(&self) -> bool {
        self.state == OrderState::Pending || self.was_declined()
    }

    /// Divides a received amount, which is in the order's currency, into credited + fee + tax. For the payable amount,
    /// fee, tax and bonus are those fixed by the order. For another amount they are taken pro rata, rounded half to
    /// even at the minor unit; the bonus is never more than the fixed one.
    #[must_use]
    pub fn divide(&self, received: Money) -> Division {
        if received == self.payable {
            let credited = self.payable - self.fee - self.tax;
            let Self { fee, tax, tax_included, bonus, .. } = *self;
            return Division { credited, fee, tax, tax_included, bonus };
        }
        let share = |part: Money| part.pro_rata(received, self.payable);
        let (fee, tax) = (share(self.fee), share(self.tax));
        let (tax_included, bonus) = (share(self.tax_included), share(self.bonus).min(self.bonus));
        Division { credited: received - fee - tax, fee, tax, tax_included, bonus }
    }
}

/// What an observation of the provider means for an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Verified money of exactly the payable amount: credit it, whatever the order's status is.
    Complete(PaymentFact),
    /// Verified money that does not complete this order: keep it and say why.
    Keep(PaymentFact, String),
    /// The money is kept unapplied, and the payer meant it for this order: a pending order waits for the rest.
    KeepShort(PaymentFact, String),
    /// Move to this state; the text is for people.
    Become(OrderState, String),
    /// A capture was declined: count it, and wait for the payer. The text is for people.
    Decline(String),
    /// The payer agreed: commit `processing`, then capture the money.
    Capture,
    /// Add this text to the timeline and change nothing else.
    Note(String),
    Nothing,
}

/// Decides what an observation means. The caller holds the order's row lock.
#[must_use]
pub fn judge(order: &Order, observation: &Observation, live_environment: bool) -> Verdict {
    let is_open = order.status().is_open();
    match observation {
        Observation::Paid(fact) => judge_money(order, fact, live_environment),
        Observation::Pending { note: Some(note) } if is_open => Verdict::Note(note.clone()),
        Observation::Pending { .. } => Verdict::Nothing,
        Observation::ReadyToCapture if is_open => Verdict::Capture,
        // The order is closed, so the money is not captured; the provider releases it by itself.
        Observation::ReadyToCapture => Verdict::Nothing,
        // Money is recorded. A message about another attempt neither ends the order nor changes whom it waits for.
        Observation::Declined { reason }
        | Observation::InFlight { reason }
        | Observation::Review { reason }
        | Observation::Failed { reason }
            if order.is_short() =>
        {
            Verdict::Note(reason.clone())
        }
        Observation::Cancelled | Observation::Expired if order.is_short() => Verdict::Nothing,
        // Record every decline: their count is part of the next capture's idempotency key.
        Observation::Declined { reason } if order.status() == OrderStatus::Processing => {
            Verdict::Decline(format!("not paid yet: the payer can try again at the provider ({reason})"))
        }
        Observation::Declined { reason } if is_open => Verdict::Note(reason.clone()),
        Observation::Declined { .. } => Verdict::Nothing,
        Observation::InFlight { reason } | Observation::Review { reason } => judge_waiting(order, reason),
        Observation::Failed { reason } => close(order, OrderState::Failed(FailedBy::Provider), reason),
        Observation::Cancelled => {
            close(order, OrderState::Failed(FailedBy::Provider), "the payment was cancelled at the provider")
        }
        Observation::Expired => {
            let end = match order.state {
                OrderState::Pending => OrderState::Expired,
                _ => OrderState::Failed(FailedBy::Provider),
            };
            close(order, end, "the provider's time for paying is over")
        }
    }
}

/// Money is on its way or under review.
fn judge_waiting(order: &Order, reason: &str) -> Verdict {
    match order.state {
        OrderState::Processing(Awaited::Provider) if order.reason.as_deref() == Some(reason) => Verdict::Nothing,
        OrderState::Pending | OrderState::Processing(_) => {
            Verdict::Become(OrderState::Processing(Awaited::Provider), reason.to_owned())
        }
        // An operator should check a closed order whose money is on its way.
        _ => Verdict::Note(reason.to_owned()),
    }
}

fn close(order: &Order, end: OrderState, reason: &str) -> Verdict {
    if order.status().may_become(end.status()) { Verdict::Become(end, reason.to_owned()) } else { Verdict::Nothing }
}

fn judge_money(order: &Order, fact: &PaymentFact, live_environment: bool) -> Verdict {
    let keep = |why: String| Verdict::Keep(fact.clone(), why);
    if fact.live != live_environment {
        return keep("the payment is from the wrong environment (test or live)".to_owned());
    }
    let short = |why: String| Verdict::KeepShort(fact.clone(), why);
    if fact.merchant_account != order.merchant_account {
        return short("the payment is for another merchant account than the order's".to_owned());
    }
    if fact.amount.currency() != order.currency() {
        return short(format!("{} arrived for an order in {}", fact.amount, order.currency()));
    }
    if fact.amount != order.payable {
        let payable = order.payable.amount().normalize();
        return short(format!("{} arrived for an order of {payable}", fact.amount));
    }
    if order.status() == OrderStatus::Completed {
        return keep("a second payment for a completed order".to_owned());
    }
    Verdict::Complete(fact.clone())
}

#[cfg(test)]
mod tests;
