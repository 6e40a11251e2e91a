//! Top-up orders: the wish to add money, and the one table of what may become of it.

use std::fmt;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::customer::CustomerId;
use super::money::{Currency, Money, MoneyError};
use super::payment::{Channel, Observation, PaymentFact};
use super::posting::WalletKey;
use super::product::Product;

/// Where an order stands. The six words of the API, complete from day one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    Pending,
    Processing,
    Completed,
    Cancelled,
    Failed,
    Expired,
}

impl OrderStatus {
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Processing, Self::Completed, Self::Cancelled, Self::Failed, Self::Expired];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether money is still expected.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }

    /// The table of moves. Completed is final; everything else may still become completed, for verified
    /// money always wins.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Completed, _) => false,
            (_, Self::Completed) => true,
            (Self::Pending, Self::Processing | Self::Failed | Self::Cancelled | Self::Expired) => true,
            (Self::Processing, Self::Failed) => true,
            _ => false,
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the reason of a processing order begins whose payer has to try again at the provider.
pub const DECLINED: &str = "not paid yet: the payer can try again at the provider";

/// Who sends a bank transfer, as the customer declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remitter {
    pub name: String,
    pub bank: String,
    pub remarks: Option<String>,
}

/// An order. What it costs was decided when it was created and never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub id: Uuid,
    pub customer: CustomerId,
    pub currency: Currency,
    pub product: Product,
    pub channel: Channel,
    pub provider: String,
    pub merchant_account: String,
    pub status: OrderStatus,
    pub reason: Option<String>,
    /// What the payer pays.
    pub amount: Decimal,
    pub fee: Decimal,
    pub tax: Decimal,
    pub bonus: Decimal,
    /// What the wallet gets, or got.
    pub credited_amount: Decimal,
    /// What was proven to have arrived.
    pub received_amount: Option<Decimal>,
    /// What of it has gone back, or is on its way back, to the payer.
    pub refunded_amount: Decimal,
    pub reference: String,
    pub agreement_version: String,
    pub return_url: Option<String>,
    /// `checkout` or `elements`, for cards.
    pub card_flow: Option<String>,
    pub remitter: Option<Remitter>,
    pub bank_account_id: Option<Uuid>,
    pub vnpay_bank_code: Option<String>,
    pub payer_ip: String,
    pub locale: Option<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub completed_at: Option<DateTime<Utc>>,
    pub ask_at: Option<DateTime<Utc>>,
    pub asked: i32,
    pub version: i64,
}

impl Order {
    #[must_use]
    pub fn wallet(&self) -> WalletKey {
        WalletKey { customer: self.customer.clone(), currency: self.currency, product: self.product.clone() }
    }

    /// Whether the money was about to be taken, and was refused for certain: nothing is under way, and it is the
    /// payer's turn again. The table of moves has no way back to `pending`, so the reason says it.
    #[must_use]
    pub fn was_declined(&self) -> bool {
        self.status == OrderStatus::Processing
            && self.reason.as_deref().is_some_and(|reason| reason.starts_with(DECLINED))
    }

    /// Whether there is something left for the payer to do.
    #[must_use]
    pub fn awaits_payer(&self) -> bool {
        self.status == OrderStatus::Pending || self.was_declined()
    }

    /// What the payer pays.
    ///
    /// # Errors
    /// Never for an order that was created by this program.
    pub fn money(&self) -> Result<Money, MoneyError> {
        Money::new(self.amount, self.currency)
    }

    /// What a received amount is worth to the wallet: fee and tax as frozen for the ordered amount, pro rata
    /// (half even, minor unit) for another one. Answers (credited, fee, tax, bonus).
    #[must_use]
    pub fn split(&self, received: Decimal) -> (Decimal, Decimal, Decimal, Decimal) {
        if received == self.amount {
            return (self.amount - self.fee - self.tax, self.fee, self.tax, self.bonus);
        }
        let share = |part: Decimal| {
            let exact = part * received / self.amount;
            exact.round_dp_with_strategy(self.currency.exponent(), rust_decimal::RoundingStrategy::MidpointNearestEven)
        };
        let (fee, tax) = (share(self.fee), share(self.tax));
        (received - fee - tax, fee, tax, share(self.bonus))
    }
}

/// What an observation of the provider means for an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Verified money of the exact amount: credit it, whatever the order's status is.
    Complete(PaymentFact),
    /// Verified money that serves no purpose by itself: keep it and say why.
    Keep(PaymentFact, String),
    /// Move to this status, with the plain reason.
    Become(OrderStatus, String),
    /// The payer agreed: commit `processing`, then take the money.
    Capture,
    /// Worth a line on the timeline, nothing else.
    Note(String),
    Nothing,
}

/// Decides what an observation means. Pure: the caller holds the order's row lock.
#[must_use]
pub fn judge(order: &Order, observation: &Observation, live_environment: bool) -> Verdict {
    match observation {
        Observation::Paid(fact) => judge_money(order, fact, live_environment),
        Observation::Pending { note: Some(note) } if order.status.is_open() => Verdict::Note(note.clone()),
        Observation::Pending { .. } => Verdict::Nothing,
        Observation::ReadyToCapture if order.status.is_open() => Verdict::Capture,
        // Given up on our side: the money is not taken, and the provider lets go of it in time.
        Observation::ReadyToCapture => Verdict::Nothing,
        // Told each time: how often it happened is part of the next capture's key.
        Observation::Declined { reason } if order.status == OrderStatus::Processing => {
            Verdict::Become(OrderStatus::Processing, format!("{DECLINED} ({reason})"))
        }
        Observation::Declined { reason } if order.status.is_open() => Verdict::Note(reason.clone()),
        Observation::Declined { .. } => Verdict::Nothing,
        Observation::InFlight { reason } | Observation::Review { reason } => match order.status {
            OrderStatus::Pending => Verdict::Become(OrderStatus::Processing, reason.clone()),
            OrderStatus::Processing if order.reason.as_deref() != Some(reason) => {
                Verdict::Become(OrderStatus::Processing, reason.clone())
            }
            OrderStatus::Processing => Verdict::Nothing,
            // A closed order whose money is under way or under review is worth an operator's look.
            _ => Verdict::Note(reason.clone()),
        },
        Observation::Failed { reason } => close(order, OrderStatus::Failed, reason),
        Observation::Cancelled => close(order, OrderStatus::Failed, "the payment was cancelled at the provider"),
        Observation::Expired if order.status == OrderStatus::Pending => {
            Verdict::Become(OrderStatus::Expired, "the provider's time for paying is over".to_owned())
        }
        Observation::Expired => close(order, OrderStatus::Failed, "the provider's time for paying is over"),
    }
}

fn close(order: &Order, status: OrderStatus, reason: &str) -> Verdict {
    if order.status.may_become(status) { Verdict::Become(status, reason.to_owned()) } else { Verdict::Nothing }
}

fn judge_money(order: &Order, fact: &PaymentFact, live_environment: bool) -> Verdict {
    let keep = |why: String| Verdict::Keep(fact.clone(), why);
    if fact.live != live_environment {
        return keep("the payment is from the wrong environment (test or live)".to_owned());
    }
    if fact.merchant_account != order.merchant_account {
        return keep("the payment is for another merchant account than the order's".to_owned());
    }
    if fact.amount.currency() != order.currency {
        return keep(format!("{} arrived for an order in {}", fact.amount, order.currency));
    }
    if fact.amount.amount() != order.amount {
        return keep(format!("{} arrived for an order over {}", fact.amount, order.amount.normalize()));
    }
    if order.status == OrderStatus::Completed {
        return keep("a second payment for a completed order".to_owned());
    }
    Verdict::Complete(fact.clone())
}

#[cfg(test)]
mod tests {
    use super::OrderStatus::{Cancelled, Completed, Expired, Failed, Pending, Processing};
    use super::*;

    #[test]
    fn the_table_of_moves_is_the_designs() {
        let allowed = [
            (Pending, Processing),
            (Pending, Completed),
            (Processing, Completed),
            (Pending, Failed),
            (Processing, Failed),
            (Pending, Cancelled),
            (Pending, Expired),
            (Cancelled, Completed),
            (Expired, Completed),
            (Failed, Completed),
        ];
        for from in OrderStatus::ALL {
            for to in OrderStatus::ALL {
                assert_eq!(from.may_become(to), allowed.contains(&(from, to)), "{from} -> {to}");
            }
        }
    }
}
