//! What a wallet's spend guard counts of consumption that another wallet pays.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::Wallet;
use crate::domain::posting::Refusal;

impl Wallet {
    /// Whether the caps, if there are any, leave room for `amount`.
    ///
    /// # Errors
    /// [`Refusal::CapReached`].
    pub fn require_within_caps(&self, amount: Decimal, now: DateTime<Utc>) -> Result<(), Refusal> {
        let now = now.max(self.updated_at);
        self.guard.as_ref().map_or(Ok(()), |guard| guard.allow(&self.key, amount, self.held, now))
    }

    /// Counts consumption of this product that another wallet paid for.
    pub fn count_spent_elsewhere(&mut self, amount: Decimal, now: DateTime<Utc>) {
        let now = now.max(self.updated_at);
        if let Some(guard) = &mut self.guard {
            guard.spend(amount, now);
        }
    }

    /// Takes note that consumption of this product was given back to the wallet that paid for it.
    pub fn count_given_back_elsewhere(&mut self, amount: Decimal, taken_at: DateTime<Utc>, now: DateTime<Utc>) {
        let now = now.max(self.updated_at);
        if let Some(guard) = &mut self.guard {
            guard.give_back(amount, taken_at, now);
        }
    }
}
