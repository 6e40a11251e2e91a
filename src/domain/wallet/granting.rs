//! Grants in a wallet: opened, burnt, revoked, restored, expired.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::limits::is_too_large;
use super::{Booking, Effects, Wallet};
use crate::domain::grant::{Grant, burn_order};
use crate::domain::money::Money;
use crate::domain::movement::expiry::expired_grant;
use crate::domain::posting::{Booked, GrantTerms, Refusal};

impl Wallet {
    pub(super) fn grant(&mut self, terms: &GrantTerms, booking: &mut Booking<'_>) -> Result<Booked, Refusal> {
        self.require_may_receive(booking.label)?;
        if is_too_large(self.granted + terms.amount) {
            return Err(Refusal::TooLarge);
        }
        self.grants.push(Grant::opened(terms, booking.now));
        self.grants.sort_by(burn_order);
        self.granted += terms.amount;
        if !terms.client.is_none() {
            booking.effects.attached.push((terms.id, terms.client.clone()));
        }
        Ok(self.write_entry(terms.amount, vec![(terms.id, terms.amount)], self.nothing(), booking))
    }

    pub(super) fn revoke_grant(&mut self, id: Uuid, amount: Money, booking: &mut Booking<'_>) -> Booked {
        let taken = self.unheld_of_grant(id).min(amount);
        if !taken.is_positive() {
            return Booked { wallet: Some(self.key.clone()), entry: None, hold: None };
        }
        self.take_from_grant(id, taken);
        self.write_entry(-taken, vec![(id, -taken)], self.nothing(), booking)
    }

    pub(super) fn restore_grant(
        &mut self,
        id: Uuid,
        amount: Money,
        booking: &mut Booking<'_>,
    ) -> Result<Booked, Refusal> {
        let parts = [(id, amount)];
        if self.grants_cannot_take(&parts) {
            return Err(Refusal::MoreThanTaken);
        }
        self.give_to_grants(&parts);
        Ok(self.write_entry(amount, parts.to_vec(), self.nothing(), booking))
    }

    /// Whether one of these grants would have more than it was opened with, or is not loaded.
    pub(super) fn grants_cannot_take(&self, parts: &[(Uuid, Money)]) -> bool {
        parts.iter().any(|(id, amount)| {
            self.grants
                .iter()
                .find(|grant| grant.id == *id)
                .is_none_or(|grant| grant.remaining + *amount > grant.amount)
        })
    }

    pub(super) fn give_to_grants(&mut self, parts: &[(Uuid, Money)]) {
        for (id, amount) in parts {
            if let Some(grant) = self.grants.iter_mut().find(|grant| grant.id == *id) {
                grant.remaining += *amount;
                self.granted += *amount;
            }
        }
    }

    /// Takes from the unheld rest of the grants in burn order. Returns the signed uses (negative).
    pub(super) fn burn_grants(&mut self, amount: Money) -> Vec<(Uuid, Money)> {
        let mut rest = amount;
        let mut uses = Vec::new();
        for grant in &mut self.grants {
            let used = grant.unheld().min(rest);
            if used.is_positive() {
                grant.remaining -= used;
                self.granted -= used;
                rest -= used;
                uses.push((grant.id, -used));
            }
        }
        uses
    }

    pub(super) fn take_from_grant(&mut self, id: Uuid, amount: Money) {
        if let Some(grant) = self.grants.iter_mut().find(|grant| grant.id == id) {
            grant.remaining -= amount;
        }
        self.granted -= amount;
    }

    /// The part of a grant that is left and not held.
    pub(in crate::domain) fn unheld_of_grant(&self, id: Uuid) -> Money {
        self.grants.iter().find(|grant| grant.id == id).map_or(self.nothing(), Grant::unheld)
    }

    /// Counts that money was taken or claimed for spent parts of a bonus; a negative amount was settled.
    pub(in crate::domain) fn owe_bonus(&mut self, id: Uuid, amount: Money) {
        if let Some(grant) = self.grants.iter_mut().find(|grant| grant.id == id) {
            grant.owed += amount;
            self.bonus_owed += amount;
        }
    }

    /// Bonus that has returned although money was taken for it, as grant, order and amount.
    pub(in crate::domain) fn returned_bonus(&self) -> Vec<(Uuid, Uuid, Money)> {
        if self.bonus_owed.is_zero() {
            return Vec::new();
        }
        let back = |grant: &Grant| Some((grant.id, grant.order_id?, grant.owed.min(grant.unheld())));
        self.grants.iter().filter_map(back).filter(|(.., amount)| amount.is_positive()).collect()
    }

    /// Expires what is unheld of every grant whose time is over. Bonus for which money was taken stays, because it is
    /// exchanged for that money. A second run finds nothing.
    pub(super) fn expire_grants(&mut self, now: DateTime<Utc>, effects: &mut Effects) {
        let lapsed: Vec<(Uuid, Money)> = self
            .grants
            .iter()
            .filter(|grant| grant.is_lapsed(now))
            .map(|grant| (grant.id, grant.unheld() - grant.owed))
            .filter(|(_, amount)| amount.is_positive())
            .collect();
        for (id, amount) in lapsed {
            self.take_from_grant(id, amount);
            self.version += 1;
            self.updated_at = self.written_at(now);
            let label = &expired_grant(id, self.entry_seq + 1);
            self.write_entry(-amount, vec![(id, -amount)], self.nothing(), &mut Booking { label, now, effects });
        }
    }
}
