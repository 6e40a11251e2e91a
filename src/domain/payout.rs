//! Payouts: the rest of an account that is being closed goes to the customer by one bank transfer in each currency.
//!
//! Two operators decide: the first proposes, and the wallet gives the money when the second approves. Then an operator
//! makes the transfer at the bank, and records it. A payout that does not arrive is given back to the wallet, and the
//! rest is paid out again.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::customer::CustomerId;
use super::money::Money;
use super::refund::RefundState;
use super::wallet::Wallet;

/// To whom the bank transfer goes: the billing profile, as it was when the payout was proposed. Personal data, which
/// can be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beneficiary {
    pub name: String,
    pub bank_name: Option<String>,
    pub account: String,
}

/// What is missing before the rest can be paid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingDetails {
    /// The customer has no billing profile, so there is no name.
    BillingProfile,
    /// The billing profile names no bank account, and the operator has named none.
    BankAccount,
}

impl MissingDetails {
    pub const ALL: [Self; 2] = [Self::BillingProfile, Self::BankAccount];

    /// What is missing for a customer whose profile names this bank account.
    #[must_use]
    pub fn of(profile: Option<Option<&str>>) -> Option<Self> {
        match profile {
            None => Some(Self::BillingProfile),
            Some(None) => Some(Self::BankAccount),
            Some(Some(_)) => None,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BillingProfile => "billing_profile",
            Self::BankAccount => "bank_account",
        }
    }
}

/// A payout. It moves through the states of a refund that people send.
#[derive(Debug, Clone, PartialEq)]
pub struct Payout {
    pub id: Uuid,
    pub closing_id: Uuid,
    pub customer: CustomerId,
    /// What the bank sends: it fits the smallest unit of the currency.
    pub amount: Money,
    /// What the main wallet gives: all that it has, to the last decimal.
    pub debited: Money,
    /// Our account that sends it.
    pub bank_account_id: Uuid,
    /// `None` once it is erased.
    pub beneficiary: Option<Beneficiary>,
    pub state: RefundState,
    /// The bank's id of the transfer, once it was made.
    pub bank_transaction_id: Option<String>,
    /// Why it was rejected, or did not arrive.
    pub failure: Option<String>,
    pub proposed_by: String,
    pub proposed_at: DateTime<Utc>,
    pub approved_by: Option<String>,
    pub approved_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
}

/// Which payouts a list shows. An empty list of states allows all of them.
#[derive(Debug, Clone, Default)]
pub struct PayoutFilter {
    pub customer: Option<CustomerId>,
    pub states: Vec<RefundState>,
}

/// What can be paid out of a wallet: what the wallet gives, and what the bank sends of it, in whole smallest units. The
/// part that is smaller than one unit stays with us. `None` if the wallet has less than one unit.
#[must_use]
pub fn rest_of(wallet: &Wallet) -> Option<(Money, Money)> {
    let debited = wallet.movable();
    let amount = debited.round_down_to_minor_unit();
    amount.is_positive().then_some((debited, amount))
}
