//! Closing an account: what is left is given back, in steps that can be seen.
//!
//! | state | what happens | how it goes on |
//! |---|---|---|
//! | `waiting` | no money goes out; pending orders and refund requests end | when nothing is open ([`Waits`]) |
//! | `refunding` | payments are refunded, newest first | when all refunds and disputes have ended |
//! | `payout` | two operators pay out the rest by bank, after some days | when nothing is left |
//! | `closed` | nothing is left; payments stay unapplied ([`KEPT_UNAPPLIED`]) | money that comes back reopens it |
//! | `reopened` | a refund, a dispute or usage brought money back | as `waiting` |
//! | `withdrawn` | an operator ended the closing while it waited; the account is as before | it is final |
//!
//! Granted credit is forfeited when a closing leaves `waiting` or `reopened`, and again whenever some of it comes back
//! later, because usage is reversed or a refund fails. An amount below the smallest unit of the currency counts as
//! nothing.
//!
//! What is left of an account came from its newest payments, because the oldest money is spent first. Companies also
//! refuse refunds of old payments. So payments are refunded newest first, each to its source, and never more than what
//! is left of the payment. A payment whose refund failed is not tried again: its money is part of the rest, and so is
//! what an operator credited without an order. A refund that the second operator rejected is proposed again.
//!
//! While a payment is disputed and the wallets have given nothing for it, no other refund starts and nothing is paid
//! out: if the dispute were lost, the money would have gone twice.
//!
//! Debt stops no closing, because a customer who owes has nothing left to get back. The debt stays listed until it is
//! paid or written off.

use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::customer::CustomerId;
use super::payout::rest_of;
use super::wallet::Wallet;

/// What a customer reads if a closing ends the customer's refund request.
pub const ANSWER_TO_REFUND_REQUESTS: &str = "the account is being closed, and its closing gives back what is left";

/// Why a payment that arrives for a closed account stays unapplied.
pub const KEPT_UNAPPLIED: &str = "account_closed";

/// How far a closing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosingState {
    Waiting,
    Refunding,
    Payout,
    Closed,
    Reopened,
    Withdrawn,
}

impl ClosingState {
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Refunding, Self::Payout, Self::Closed, Self::Reopened, Self::Withdrawn];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Refunding => "refunding",
            Self::Payout => "payout",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
            Self::Withdrawn => "withdrawn",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The table of moves.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Waiting, Self::Refunding | Self::Withdrawn)
                | (Self::Refunding, Self::Payout | Self::Closed)
                | (Self::Payout, Self::Closed)
                | (Self::Closed, Self::Reopened)
                | (Self::Reopened, Self::Refunding)
        )
    }

    /// Whether a worker still moves it on.
    #[must_use]
    pub fn is_at_work(self) -> bool {
        !matches!(self, Self::Closed | Self::Withdrawn)
    }

    /// Whether the account takes no more money.
    #[must_use]
    pub fn is_shut(self) -> bool {
        !matches!(self, Self::Waiting | Self::Withdrawn)
    }
}

impl fmt::Display for ClosingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The closing of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    pub id: Uuid,
    pub customer: CustomerId,
    pub state: ClosingState,
    pub reason: String,
    pub started_by: String,
    /// Whether the operator who started the closing has the permission to move money. Otherwise each refund waits for
    /// another operator.
    pub starter_has_finance: bool,
    pub started_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    /// When a worker checks it next; `None`: never.
    pub due_at: Option<DateTime<Utc>>,
}

impl Closing {
    /// Moves it on, and says when the worker checks it again.
    pub fn become_state(&mut self, next: ClosingState, now: DateTime<Utc>) {
        self.state = next;
        self.updated_at = now;
        self.closed_at = (next == ClosingState::Closed).then_some(now);
        self.due_at = next.is_at_work().then_some(now);
    }

    /// Reacts to a booking in wallets of the account: the next step is due at once, and a closed account in which there
    /// is money again is reopened. Returns whether something changed.
    pub fn follow(&mut self, wallets: &[&Wallet], now: DateTime<Utc>) -> bool {
        if self.state == ClosingState::Closed {
            let has_money = wallets.iter().any(|wallet| rest_of(wallet).is_some() || wallet.granted().is_positive());
            if has_money {
                self.become_state(ClosingState::Reopened, now);
            }
            return has_money;
        }
        if self.state.is_at_work() {
            self.due_at = Some(now);
        }
        self.state.is_at_work()
    }
}

/// What a closing waits for, as counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waits {
    /// Orders whose payment has begun.
    pub open_orders: i64,
    pub open_holds: i64,
    /// Unapplied payments of the customer; an operator applies or returns them.
    pub unapplied_payments: i64,
    /// An operator stopped the customer or a wallet, and must end that first.
    pub freezes: i64,
    /// Disputes for which the wallets have given nothing yet.
    pub open_disputes: i64,
    /// Open refund requests: a closing refuses them.
    pub open_refund_requests: i64,
    /// Refunds that wait for a second operator, or are on their way.
    pub open_refunds: i64,
    /// Payouts that wait for a second operator, or are to be sent.
    pub open_payouts: i64,
}

impl Waits {
    /// The counts by name, zeros included.
    #[must_use]
    pub fn all(&self) -> [(&'static str, i64); 8] {
        [
            ("open_orders", self.open_orders),
            ("open_holds", self.open_holds),
            ("unapplied_payments", self.unapplied_payments),
            ("freezes", self.freezes),
            ("open_disputes", self.open_disputes),
            ("open_refund_requests", self.open_refund_requests),
            ("open_refunds", self.open_refunds),
            ("open_payouts", self.open_payouts),
        ]
    }

    /// The counts by name, without zeros.
    #[must_use]
    pub fn named(&self) -> Vec<(&'static str, i64)> {
        self.all().into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// Whether nothing is open, so that what is left can be given back.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Which closings a list shows. An empty list of states allows all of them.
#[derive(Debug, Clone, Default)]
pub struct ClosingFilter {
    pub states: Vec<ClosingState>,
    /// Only accounts that owe something: debt of a wallet, or taken-back money.
    pub owing: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_back_and_all_but_the_last_go_on() {
        for state in ClosingState::ALL {
            assert_eq!(ClosingState::parse(state.as_str()), Some(state));
            let goes_on = ClosingState::ALL.into_iter().any(|next| state.may_become(next));
            assert_eq!(goes_on, state != ClosingState::Withdrawn, "{state}");
        }
        assert_eq!(ClosingState::parse("gone"), None);
    }

    #[test]
    fn what_is_open_is_named_with_its_number() {
        assert!(Waits::default().is_nothing() && Waits::default().named().is_empty());
        let waits = Waits { open_holds: 2, freezes: 1, ..Waits::default() };
        assert_eq!(waits.named(), [("open_holds", 2), ("freezes", 1)]);
        assert!(!waits.is_nothing());
    }
}
