//! How closings look on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Reader;
use crate::app::closings::ClosingView;
use crate::domain::closing::{self, ClosingState};
use crate::domain::money::Money;
use crate::http::edge::wire::{Actor, Amount, ClosingId, ClosingWaitName, CurrencyCode, CustomerIdText, Reason};
use crate::http::v1::admin::payouts::body::Payout;

/// How far the closing of an account has come.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ClosingStatus)]
pub enum ClosingStatusName {
    /// No money goes out; `waits_for` says what is still open.
    Waiting,
    /// Payments are refunded, newest first.
    Refunding,
    /// Two operators pay out the rest by bank transfer.
    Payout,
    /// Nothing is left.
    Closed,
    /// Money came back after it was closed.
    Reopened,
    /// An operator ended the closing; the account is open.
    Withdrawn,
}

impl From<ClosingState> for ClosingStatusName {
    fn from(state: ClosingState) -> Self {
        match state {
            ClosingState::Waiting => Self::Waiting,
            ClosingState::Refunding => Self::Refunding,
            ClosingState::Payout => Self::Payout,
            ClosingState::Closed => Self::Closed,
            ClosingState::Reopened => Self::Reopened,
            ClosingState::Withdrawn => Self::Withdrawn,
        }
    }
}

impl From<ClosingStatusName> for ClosingState {
    fn from(name: ClosingStatusName) -> Self {
        match name {
            ClosingStatusName::Waiting => Self::Waiting,
            ClosingStatusName::Refunding => Self::Refunding,
            ClosingStatusName::Payout => Self::Payout,
            ClosingStatusName::Closed => Self::Closed,
            ClosingStatusName::Reopened => Self::Reopened,
            ClosingStatusName::Withdrawn => Self::Withdrawn,
        }
    }
}

/// Something that a closing waits for.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClosingWait {
    /// What the closing waits for. If the rest is to be paid out, this can also be `billing_profile` for a customer
    /// without one, or `bank_account` if the profile names no bank account.
    what: ClosingWaitName,
    /// How many there are.
    #[schema(minimum = 1)]
    count: i64,
}

/// What a closing waits for.
#[must_use]
pub fn waits(view: &ClosingView) -> Vec<ClosingWait> {
    if !view.closing.state.is_at_work() {
        return Vec::new();
    }
    let missing = view.missing.map(|missing| (missing.as_str(), 1));
    let named = view.waits.named().into_iter().chain(missing);
    named.map(|(what, count)| ClosingWait { what: ClosingWaitName::new(what), count }).collect()
}

/// A sum in one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClosingSum {
    currency: CurrencyCode,
    amount: Amount,
}

impl From<Money> for ClosingSum {
    fn from(money: Money) -> Self {
        Self { currency: CurrencyCode::of(money.currency()), amount: money.into() }
    }
}

/// The closing of an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Closing {
    id: ClosingId,
    customer_id: CustomerIdText,
    status: ClosingStatusName,
    /// Why it is closed. Only operators learn the reason; for others it is null.
    reason: Option<Reason>,
    started_by: Actor,
    started_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// When it was closed; null until then, and while it is reopened.
    closed_at: Option<DateTime<Utc>>,
    /// When a worker checks it next; null: never.
    next_step_at: Option<DateTime<Utc>>,
}

impl Closing {
    /// The closing as this reader may see it.
    #[must_use]
    pub fn told_to(self, reader: Reader) -> Self {
        Self {
            reason: self.reason.filter(|_| reader == Reader::Operator),
            started_by: Actor::new(reader.told(&self.started_by)),
            ..self
        }
    }
}

impl From<&closing::Closing> for Closing {
    fn from(closing: &closing::Closing) -> Self {
        Self {
            id: ClosingId::of(closing.id),
            customer_id: CustomerIdText::of(&closing.customer),
            status: closing.state.into(),
            reason: Some(Reason::new(&closing.reason)),
            started_by: Actor::new(&closing.started_by),
            started_at: closing.started_at,
            updated_at: closing.updated_at,
            closed_at: closing.closed_at,
            next_step_at: closing.due_at,
        }
    }
}

/// The closing of an account, with what there is to do.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClosingDetails {
    id: ClosingId,
    customer_id: CustomerIdText,
    status: ClosingStatusName,
    reason: Reason,
    started_by: Actor,
    started_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// When it was closed; null until then, and while it is reopened.
    closed_at: Option<DateTime<Utc>>,
    /// When a worker checks it next; null: never.
    next_step_at: Option<DateTime<Utc>>,
    /// What is still open.
    #[schema(max_items = 10)]
    waits_for: Vec<ClosingWait>,
    /// What the wallets have that no hold reserves, one sum for each currency.
    #[schema(max_items = 200)]
    left: Vec<ClosingSum>,
    /// What the account owes, one sum for each currency: debt of wallets, and taken-back money.
    #[schema(max_items = 200)]
    owed: Vec<ClosingSum>,
    /// The earliest time at which the rest can be paid out; null: at any time.
    payout_from: Option<DateTime<Utc>>,
    /// The payouts, newest first.
    #[schema(max_items = 1000)]
    payouts: Vec<Payout>,
}

impl From<&ClosingView> for ClosingDetails {
    fn from(view: &ClosingView) -> Self {
        let Closing { id, customer_id, status, started_by, started_at, updated_at, closed_at, next_step_at, .. } =
            Closing::from(&view.closing);
        Self {
            id,
            customer_id,
            status,
            reason: Reason::new(&view.closing.reason),
            started_by,
            started_at,
            updated_at,
            closed_at,
            next_step_at,
            waits_for: waits(view),
            left: view.left.iter().copied().map(Into::into).collect(),
            owed: view.owed.iter().copied().map(Into::into).collect(),
            payout_from: view.payout_from,
            payouts: view.payouts.iter().map(Into::into).collect(),
        }
    }
}
