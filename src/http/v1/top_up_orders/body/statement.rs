//! What operators stated about a bank transfer, as the order shows it to operators.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::adjustment::{Adjustment, ReversalReach};
use crate::domain::approval::Approval;
use crate::http::edge::wire::{
    Actor, Amount, BankAccountId, BankTransactionId, Note, PaymentIdText, Reason, RemitterName,
};

/// The statement that a bank transfer arrived. It waits for a second operator while `approved_by` is null.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderApproval {
    /// The part that serves this order.
    received_amount: Amount,
    /// The whole amount of the transfer; null if it equals `received_amount`.
    transaction_amount: Option<Amount>,
    bank_transaction_id: BankTransactionId,
    bank_account_id: BankAccountId,
    received_on: NaiveDate,
    /// Who sent the transfer, according to the bank; null if it was not stated.
    remitter_name: Option<RemitterName>,
    /// It is another line of the bank's statement than the recorded one with the same id.
    another_line: bool,
    note: Option<Note>,
    stated_by: Actor,
    stated_at: DateTime<Utc>,
    /// Who approved it; null while it waits for a second operator.
    approved_by: Option<Actor>,
    approved_at: Option<DateTime<Utc>>,
    /// The transfer's payment; null while the statement waits.
    payment_id: Option<PaymentIdText>,
}

impl From<&Approval> for OrderApproval {
    fn from(approval: &Approval) -> Self {
        let (line, confirmation) = (&approval.line, approval.confirmation.as_ref());
        Self {
            received_amount: line.received.into(),
            transaction_amount: line.amount.map(Into::into),
            bank_transaction_id: BankTransactionId::new(&line.stated_id),
            bank_account_id: BankAccountId::of(line.account),
            received_on: line.received_on,
            remitter_name: line.remitter.as_deref().map(RemitterName::new),
            another_line: line.another_line,
            note: approval.note.as_deref().map(Note::new),
            stated_by: Actor::new(&approval.proposed_by),
            stated_at: approval.proposed_at,
            approved_by: confirmation.map(|confirmation| Actor::new(&confirmation.by)),
            approved_at: confirmation.map(|confirmation| confirmation.at),
            payment_id: confirmation.map(|confirmation| PaymentIdText::of(confirmation.payment_id)),
        }
    }
}

/// Which wallets give the money that a reversed approval takes back.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReversalReach)]
pub enum ReversalReachName {
    /// The order's wallet. What it lacks becomes its debt, which the next money repays and which stops nothing.
    OrderWallet,
    /// All wallets of the customer in the currency. What they lack is claimed (`taken_back_debt`), and nothing new is
    /// spent until it is paid.
    AllWallets,
}

impl From<ReversalReachName> for ReversalReach {
    fn from(name: ReversalReachName) -> Self {
        match name {
            ReversalReachName::OrderWallet => Self::OrderWallet,
            ReversalReachName::AllWallets => Self::AllWallets,
        }
    }
}

impl From<ReversalReach> for ReversalReachName {
    fn from(reach: ReversalReach) -> Self {
        match reach {
            ReversalReach::OrderWallet => Self::OrderWallet,
            ReversalReach::AllWallets => Self::AllWallets,
        }
    }
}

/// The last reversal of an approval. It waits for a second operator while `reversed_at` is null.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderReversal {
    reason: Reason,
    reach: ReversalReachName,
    proposed_by: Actor,
    proposed_at: DateTime<Utc>,
    /// The second operator; null while none is needed or none has approved.
    approved_by: Option<Actor>,
    reversed_at: Option<DateTime<Utc>>,
}

impl From<&Adjustment> for OrderReversal {
    fn from(reversal: &Adjustment) -> Self {
        Self {
            reason: Reason::new(&reversal.reason),
            reach: reversal.reach.into(),
            proposed_by: Actor::new(&reversal.proposed_by),
            proposed_at: reversal.created_at,
            approved_by: reversal.approved_by.as_deref().map(Actor::new),
            reversed_at: reversal.booked_at,
        }
    }
}
