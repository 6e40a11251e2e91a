//! Refunds: money of a completed order that goes back to its payer, and what the wallet gives for it.
//!
//! One rule covers every sequence of refunds and disputes. The wallet gives the same share of its credit, and of the
//! bonus, as the share of the payment that has gone back. For example: 100 were received, 97 were credited, and 25 are
//! refunded; then the wallet gives 24.25. Each refund, failure or dispute moves the wallet by the difference to what it
//! gave before. Therefore overlapping refunds and disputes are paid once, and the parts add up to the whole. If the
//! bonus is spent, the wallet gives money for it ([`super::take_back`]).

pub mod payment_left;
pub mod refundable;

use std::fmt;

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::customer::CustomerId;
use super::money::{Currency, Money};
use super::order::Order;
use super::payment::{ProviderName, RefundStatus};
use super::take_back::OrderBonus;

/// The state of a refund in our books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    /// Proposed; nothing has moved.
    AwaitingSecondApproval,
    /// The wallet is debited and the money is on its way to the payer.
    Pending,
    Succeeded,
    /// The wallet got its money back, if it gave any. Final: a later report of success is out of date.
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

    /// The table of moves. Money that arrived at the payer may still come back to us days later.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::AwaitingSecondApproval, Self::Pending | Self::Failed)
                | (Self::Pending, Self::Succeeded | Self::Failed)
                | (Self::Succeeded, Self::Failed)
        )
    }

    /// Whether the refund counts as given back.
    #[must_use]
    pub fn is_in_force(self) -> bool {
        matches!(self, Self::Pending | Self::Succeeded)
    }
}

impl fmt::Display for RefundState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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

/// A refund. All amounts are in the payment's currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Refund {
    pub id: Uuid,
    /// The order that the payment completed; `None` for a payment that served no order.
    pub order_id: Option<Uuid>,
    pub payment_id: Uuid,
    /// The customer of the order, or of the wallet that the payment was applied to.
    pub customer: Option<CustomerId>,
    pub provider: ProviderName,
    pub provider_refund_id: Option<String>,
    /// What goes back to the payer.
    pub amount: Money,
    /// The part of it that the unapplied rest of the payment gives.
    pub from_unapplied: Money,
    /// The part that it takes from what the payment brought to a wallet without an order. The order gives the other
    /// part.
    pub from_wallet: Money,
    /// What the customer's wallets owe for the order's money: taken, or still claimed, less what they got back.
    pub debited: Money,
    /// What was taken of a credit without an order.
    pub wallet_taken: Money,
    /// What was taken of the order's bonus: revoked or, if it was spent, taken or claimed as money.
    pub bonus_taken: Money,
    pub state: RefundState,
    pub reason: String,
    /// Why it failed, or what it waits for.
    pub failure: Option<String>,
    /// False for a refund that was started at the provider's dashboard.
    pub ours: bool,
    /// An operator allowed the wallet to go into debt for it.
    pub override_balance: bool,
    /// What the order's wallet lacks is taken from the main wallet and from products whose money may go back.
    pub from_products: bool,
    /// The closing of an account that made it.
    pub closing_id: Option<Uuid>,
    pub proposed_by: String,
    pub approved_by: Option<String>,
    pub second_needed: bool,
    pub created_at: DateTime<Utc>,
    /// When the wallet was debited: for a refund that needs approval, when it was approved.
    pub started_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
    /// When a worker asks the provider next. `None` when no question is due, or when people send the money.
    pub ask_at: Option<DateTime<Utc>>,
    pub asked: i32,
}

impl Refund {
    /// When the refund started.
    #[must_use]
    pub fn since(&self) -> DateTime<Utc> {
        self.started_at.unwrap_or(self.created_at)
    }

    /// When the provider is asked next, counted from `now`. A refund that was not asked about until now is sent by
    /// people, so no question follows.
    #[must_use]
    pub fn next_question_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.ask_at?;
        next_question(self.state, self.asked, now - self.since()).map(|wait| now + wait)
    }

    /// What the customer's wallets owe for money, without what they owe for bonus.
    #[must_use]
    pub fn money_taken(&self) -> Money {
        self.debited + self.wallet_taken
    }

    /// Whether the refund failed before its provider had a name for it.
    #[must_use]
    pub fn was_given_up(&self) -> bool {
        self.state == RefundState::Failed && self.provider_refund_id.is_none()
    }
}

/// The conditions that a list of refunds has to meet. An empty list of states allows all of them.
#[derive(Debug, Default, Clone)]
pub struct RefundFilter {
    pub states: Vec<RefundState>,
    pub order_id: Option<Uuid>,
    pub customer: Option<CustomerId>,
    pub provider: Option<ProviderName>,
    /// Only those that wait for a person: proposals, bank transfers to send, and refunds that their company has not
    /// made for [`REFUSAL_IS_FINAL_FOR`].
    pub needs_operator: bool,
    /// Only those for which the wallet was debited: no proposal, and none that was rejected.
    pub started: bool,
}

/// How long to wait before the provider is asked again about a refund that started `age` ago and was asked about
/// `asked` times. `None`: do not ask again.
///
/// For a pending refund the wait is 1, 2, 4 … minutes and at most 6 hours. A succeeded refund is checked four times in
/// two weeks, because not every company reports a refund that comes back.
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

/// Whether a refusal proves that the money did not move. Companies keep request keys for at least a day. After that
/// time a refusal may be the answer to the repetition of a refund that went through.
#[must_use]
pub fn refusal_is_final(since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - since < REFUSAL_IS_FINAL_FOR
}

/// Afterwards only an operator can end a refund that its company refuses.
pub const REFUSAL_IS_FINAL_FOR: Duration = Duration::hours(20);

/// How much of one order went back to the payer so far, and what its wallet gave for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReturnedSoFar {
    /// Refunds in force.
    pub refunded: Money,
    /// Disputes that are open or lost.
    pub disputed: Money,
    /// The disputes for which the wallets give.
    pub charged: Money,
    /// What these take from the customer's wallets: taken, or still claimed.
    pub debited: Money,
    pub bonus_taken: Money,
    /// The part of the order's bonus that is spent or held, and the part that expired unspent. The latter counts as
    /// taken back.
    pub bonus_spent: Money,
    pub bonus_expired: Money,
}

/// What a wallet has to give. A negative amount goes back to the wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    pub money: Money,
    pub bonus: Money,
}

impl Demand {
    #[must_use]
    pub fn nothing(currency: Currency) -> Self {
        Self { money: Money::zero(currency), bonus: Money::zero(currency) }
    }

    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.money.is_zero() && self.bonus.is_zero()
    }
}

impl ReturnedSoFar {
    #[must_use]
    pub fn nothing(currency: Currency) -> Self {
        let nothing = Money::zero(currency);
        Self {
            refunded: nothing,
            disputed: nothing,
            charged: nothing,
            debited: nothing,
            bonus_taken: nothing,
            bonus_spent: nothing,
            bonus_expired: nothing,
        }
    }

    /// What the wallet of a completed order has to give now, beyond what it gave before.
    #[must_use]
    pub fn due(&self, order: &Order) -> Demand {
        let returnable = order.returnable();
        let returned = (self.refunded + self.charged).min(returnable);
        let is_all = returned == returnable || returnable.is_zero();
        let share = |whole: Money| if is_all { whole } else { whole.pro_rata(returned, returnable) };
        let bonus = (share(order.bonus) - self.bonus_expired).or_zero();
        Demand { money: share(order.credited_amount) - self.debited, bonus: bonus - self.bonus_taken }
    }

    /// As [`ReturnedSoFar::due`], with the spent and the expired part of the order's bonus.
    #[must_use]
    pub fn with_bonus(self, bonus: Option<OrderBonus>) -> Self {
        match bonus {
            Some(bonus) => Self { bonus_spent: bonus.spent, bonus_expired: bonus.expired, ..self },
            None => self,
        }
    }

    /// The amount of the order that the payer can still get by one refund, from a payment of which `left` can go back:
    /// what is left of the order, less bonus that was spent. For spent bonus money is taken from the wallet, and that
    /// is money that the payer does not get.
    #[must_use]
    pub fn refundable(&self, order: &Order, left: Money) -> Money {
        let of_order = order.returnable() - self.refunded;
        (of_order - self.disputed - self.bonus_spent).or_zero().min(left)
    }
}

#[cfg(test)]
mod tests;
