//! What a wallet refuses, and how its spend guard counts consumption that another wallet pays.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::Wallet;
use crate::domain::counterpart::Counterpart;
use crate::domain::entry::EntryKind;
use crate::domain::freeze::Frozen;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Refusal, Shortfall};

/// No running total may exceed this: a tenth of what the columns can store.
const MAX_TOTAL: Decimal = Decimal::from_parts(0xA4C6_8000, 0x3_8D7E, 0, false, 0);

/// Whether a running total would exceed the limit of a wallet.
pub(super) fn is_too_large(total: Money) -> bool {
    total.amount() > MAX_TOTAL
}

impl Wallet {
    pub(in crate::domain) fn require_not_frozen(&self) -> Result<(), Refusal> {
        if self.marks.customer_frozen {
            return Err(Refusal::CustomerFrozen);
        }
        if self.marks.frozen { Err(Refusal::Frozen) } else { Ok(()) }
    }

    /// Whether the customer's account is being closed, or is closed.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.marks.closing
    }

    /// Whether the closing gives back what is left, or has.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.marks.closed
    }

    /// Requires that the account is not being closed: for what spends or moves money outside the closing.
    pub(in crate::domain) fn require_open(&self) -> Result<(), Refusal> {
        if self.marks.closing { Err(Refusal::AccountClosed) } else { Ok(()) }
    }

    /// Requires that the account is being closed: for what only a closing does.
    pub(in crate::domain) fn require_closing(&self) -> Result<(), Refusal> {
        if self.marks.closing { Ok(()) } else { Err(Refusal::NotClosing) }
    }

    /// Refuses what a closed account no longer takes: payments, promotional credit, and corrections up or down. Money
    /// that was taken from it before can return, and so can reversed usage.
    pub(in crate::domain) fn require_may_receive(&self, label: &Label) -> Result<(), Refusal> {
        let is_new = match label.kind {
            EntryKind::Recharge | EntryKind::Bonus | EntryKind::Grant => true,
            // The reversal of an approval is booked against our bank.
            EntryKind::Adjust => label.counterpart == Counterpart::Adjustment,
            _ => false,
        };
        if self.marks.closed && is_new { Err(Refusal::AccountClosed) } else { Ok(()) }
    }

    /// Sets the wallet's marks by the state of its account's closing.
    pub fn mark_closing(&mut self, closing: bool, closed: bool, now: DateTime<Utc>) {
        if (self.marks.closing, self.marks.closed) != (closing, closed) {
            (self.marks.closing, self.marks.closed) = (closing, closed);
            self.version += 1;
            self.updated_at = self.written_at(now);
        }
    }

    pub(in crate::domain) fn require_room_for_debt(&self, more: Money) -> Result<(), Refusal> {
        if is_too_large(self.debt + more) { Err(Refusal::TooLarge) } else { Ok(()) }
    }

    pub(super) fn require_available(&self, required: Money) -> Result<(), Refusal> {
        let available = self.available();
        if available < required { Err(self.short(required, available)) } else { Ok(()) }
    }

    pub(in crate::domain) fn short(&self, required: Money, available: Money) -> Refusal {
        Refusal::Insufficient(Shortfall { wallet: self.key.clone(), required, available, held: self.held })
    }

    /// Freezes the wallet, or ends the freeze: this wallet's own, or its part of the customer's.
    pub fn mark_frozen(&mut self, frozen: &Frozen, is_frozen: bool, now: DateTime<Utc>) {
        let mark = match frozen {
            Frozen::Customer(_) => &mut self.marks.customer_frozen,
            Frozen::Wallet { .. } => &mut self.marks.frozen,
        };
        if *mark != is_frozen {
            *mark = is_frozen;
            self.version += 1;
            self.updated_at = self.written_at(now);
        }
    }

    /// Marks the wallet as claimed, or clears the mark. Returns whether something changed.
    pub(in crate::domain) fn mark_claimed(&mut self, claimed: bool, now: DateTime<Utc>) -> bool {
        if self.marks.claimed == claimed {
            return false;
        }
        self.marks.claimed = claimed;
        self.version += 1;
        self.updated_at = self.written_at(now);
        true
    }

    /// Whether the caps, if there are any, leave room for `amount`.
    pub(in crate::domain) fn require_within_caps(&self, amount: Money, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.guard.as_ref().map_or(Ok(()), |guard| guard.allow(&self.key, amount, self.held, now))
    }

    /// Counts consumption of this product that another wallet paid for.
    pub(in crate::domain) fn count_spent_elsewhere(&mut self, amount: Money, now: DateTime<Utc>) {
        if let Some(guard) = &mut self.guard {
            guard.spend(amount, now);
        }
    }

    /// Makes room again for consumption of this product that was given back to the wallet that paid for it.
    pub(in crate::domain) fn count_given_back_elsewhere(
        &mut self,
        amount: Money,
        taken_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        if let Some(guard) = &mut self.guard {
            guard.give_back(amount, taken_at, now);
        }
    }
}
