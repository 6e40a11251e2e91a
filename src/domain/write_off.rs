//! Write-offs: two operators write off what a closed account owes.
//!
//! An account owes the debt of its wallets, and what is claimed of taken-back money. A write-off covers the whole sum
//! in one currency, as it was proposed: if the account owes another sum when the second operator approves, it is
//! refused.
//!
//! Money that comes back to the account later, because a dispute is won for example, is taken for what was written off,
//! before any of it goes to the customer.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::customer::CustomerId;
use super::money::{Currency, Money};
use super::own_word::ProposalEnd;
use super::product::Product;
use super::take_back::Claim;
use super::wallet::Wallet;

/// A write-off, or the proposal of one.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteOff {
    pub id: Uuid,
    pub customer: CustomerId,
    pub amount: Money,
    /// The part that came later.
    pub recovered: Money,
    /// The customer reads it in the account flows.
    pub reason: String,
    pub proposed_by: String,
    pub proposed_at: DateTime<Utc>,
    /// `None` while it waits for a second operator. An approved one is booked.
    pub end: Option<ProposalEnd>,
}

/// Which write-offs a list shows.
#[derive(Debug, Clone, Default)]
pub struct WriteOffFilter {
    pub customer: Option<CustomerId>,
    /// Only those that wait for a second operator.
    pub is_waiting: bool,
}

/// What an account owes in one currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Owed {
    /// The debt of each wallet that has some.
    debts: Vec<(Product, Money)>,
    /// What is claimed of taken-back money.
    claimed: Money,
}

impl Owed {
    /// What one customer's wallets owe in a currency, and what is claimed of taken-back money.
    #[must_use]
    pub fn of(currency: Currency, wallets: &[Wallet], claims: &[Claim]) -> Self {
        let debts = wallets
            .iter()
            .filter(|wallet| wallet.key.currency == currency && wallet.debt().is_positive())
            .map(|wallet| (wallet.key.product.clone(), wallet.debt()))
            .collect();
        let claims = claims.iter().map(|claim| claim.amount).filter(|amount| amount.currency() == currency);
        Self { debts, claimed: Money::sum(currency, claims) }
    }

    #[must_use]
    pub fn total(&self) -> Money {
        let debts = self.debts.iter().map(|(_, debt)| *debt);
        Money::sum(self.claimed.currency(), debts) + self.claimed
    }

    /// What each wallet needs, so that nothing is owed: its debt, and the main wallet also what is claimed.
    #[must_use]
    pub(in crate::domain) fn by_wallet(&self) -> Vec<(Product, Money)> {
        let main = Product::main();
        let of_main = self
            .debts
            .iter()
            .find(|(product, _)| *product == main)
            .map_or(self.claimed, |(_, debt)| *debt + self.claimed);
        let others = self.debts.iter().filter(|(product, _)| *product != main).cloned();
        std::iter::once((main.clone(), of_main)).chain(others).filter(|(_, amount)| amount.is_positive()).collect()
    }
}
