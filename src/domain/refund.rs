//! Money of a completed order that goes back: refunds and disputes, and what the wallet owes for them.
//!
//! One rule covers every order of events: for what has gone back of an order, its wallet gives the same share
//! of what it was credited, and of the bonus. Each refund, failure or dispute moves the wallet by the
//! difference to what it gave already, so overlaps are paid once and the parts add up to the whole.

use chrono::{DateTime, Duration, Utc};
use rust_decimal::{Decimal, RoundingStrategy};

use super::order::Order;
use super::payment::{DisputeStatus, RefundStatus};

/// Where a refund stands with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    /// Proposed; nothing has moved.
    AwaitingSecondApproval,
    /// The wallet is debited, and the money on its way to the payer.
    Pending,
    Succeeded,
    /// The wallet has its money back, if it gave any. Final: later news of success are old news.
    Failed,
}

impl RefundState {
    pub const ALL: [Self; 4] = [Self::AwaitingSecondApproval, Self::Pending, Self::Succeeded, Self::Failed];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingSecondApproval => "awaiting_second_approval",
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The table of moves. Money that has arrived may still come back to us, days later.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::AwaitingSecondApproval, Self::Pending | Self::Failed)
                | (Self::Pending, Self::Succeeded | Self::Failed)
                | (Self::Succeeded, Self::Failed)
        )
    }

    /// Whether the payment counts it as given back.
    #[must_use]
    pub fn is_in_force(self) -> bool {
        matches!(self, Self::Pending | Self::Succeeded)
    }
}

impl From<RefundStatus> for RefundState {
    fn from(status: RefundStatus) -> Self {
        match status {
            RefundStatus::Pending => Self::Pending,
            RefundStatus::Succeeded => Self::Succeeded,
            RefundStatus::Failed => Self::Failed,
        }
    }
}

/// When the provider is asked next about a refund that set out `age` ago and asked about `asked` times;
/// `None`: not any more. A pending one after 1, 2, 4 … minutes, 6 hours at most; one that succeeded now and
/// then for two weeks, because not every company tells when a refund comes back.
#[must_use]
pub fn next_question(state: RefundState, asked: i32, age: Duration) -> Option<Duration> {
    match state {
        RefundState::Pending => {
            let doublings = u32::try_from(asked.clamp(0, 9)).unwrap_or(0);
            Some(Duration::minutes(2_i64.pow(doublings)).min(Duration::hours(6)))
        }
        RefundState::Succeeded => {
            [1, 3, 7, 14].into_iter().map(Duration::days).find(|look| *look > age).map(|look| look - age)
        }
        RefundState::AwaitingSecondApproval | RefundState::Failed => None,
    }
}

/// Whether a refusal means that the money did not move. Companies keep request keys for a day at least; later, a
/// refusal may be the answer to a repetition of a refund that went through.
#[must_use]
pub fn refusal_is_final(since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - since < Duration::hours(20)
}

/// Whether the news of a dispute are news: an older word that arrives late changes nothing.
#[must_use]
pub fn dispute_may_become(from: DisputeStatus, next: DisputeStatus) -> bool {
    matches!(
        (from, next),
        (DisputeStatus::Open, DisputeStatus::Won | DisputeStatus::Lost) | (DisputeStatus::Lost, DisputeStatus::Won)
    )
}

/// What has gone back of one order, and what its wallet gave for it so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gone {
    /// Refunds in force.
    pub refunded: Decimal,
    /// Disputes that are open or lost.
    pub disputed: Decimal,
    pub debited: Decimal,
    pub bonus_taken: Decimal,
}

/// What a wallet has to give; negative: to get back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Due {
    pub money: Decimal,
    pub bonus: Decimal,
}

impl Gone {
    /// What the wallet of a completed order has to give now for what has gone, beyond what it gave.
    #[must_use]
    pub fn due(&self, order: &Order) -> Due {
        let received = order.received_amount.unwrap_or_default();
        let gone = (self.refunded + self.disputed).min(received);
        let share = |whole: Decimal| {
            if gone == received || received.is_zero() {
                return whole;
            }
            let exponent = order.currency.exponent();
            (whole * gone / received).round_dp_with_strategy(exponent, RoundingStrategy::MidpointNearestEven)
        };
        Due { money: share(order.credited_amount) - self.debited, bonus: share(order.bonus) - self.bonus_taken }
    }

    /// What may still be refunded of the order, from a payment over `paid` of which `refunded` has gone.
    #[must_use]
    pub fn refundable(&self, order: &Order, paid: Decimal, refunded: Decimal) -> Decimal {
        let of_payment = paid - refunded;
        let of_order = order.received_amount.unwrap_or_default() - self.refunded;
        (of_payment.min(of_order) - self.disputed).max(Decimal::ZERO)
    }
}

#[cfg(test)]
mod tests;
