//! The claims and movements of taken-back money that a book has read, and their changes.

use std::collections::{BTreeSet, HashMap};

use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::take_back::{Claim, TakeBackId, Taken, TakenPart};

/// The claims and movements that the postings of one call may concern.
#[derive(Debug, Default)]
pub struct TakeBacks {
    /// Oldest first.
    pub(super) claims: Vec<Claim>,
    /// The movements of which something is left to give back, in the order in which they were taken.
    pub(super) taken: Vec<Taken>,
    /// The number of the last movement of each source.
    pub(super) last: HashMap<TakeBackId, i32>,
    pub(super) changed_claims: BTreeSet<(TakeBackId, TakenPart)>,
    pub(super) changed_taken: BTreeSet<(TakeBackId, i32)>,
    pub(super) ended: BTreeSet<CustomerId>,
}

impl TakeBacks {
    /// `claims` and `taken` are oldest first; `last` has the number of the last movement of every source among them and
    /// of the postings.
    #[must_use]
    pub fn new(claims: Vec<Claim>, taken: Vec<Taken>, last: HashMap<TakeBackId, i32>) -> Self {
        Self { claims, taken, last, ..Self::default() }
    }

    /// The claims to write. A claim that has ended has the amount zero.
    pub fn changed_claims(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(|claim| self.changed_claims.contains(&(claim.origin.id, claim.part)))
    }

    /// The movements to write, new ones and those of which something was given back.
    pub fn changed_taken(&self) -> impl Iterator<Item = &Taken> {
        self.taken.iter().filter(|taken| self.changed_taken.contains(&(taken.origin.id, taken.n)))
    }

    /// The customers whose last claim in a currency has ended, so that their wallets lose the mark.
    #[must_use]
    pub fn ended(&self) -> &BTreeSet<CustomerId> {
        &self.ended
    }

    /// What is claimed of a customer in a currency.
    pub(super) fn claimed(&self, customer: &CustomerId, currency: Currency) -> Money {
        let of_wallet = |claim: &&Claim| claim.customer == *customer && claim.amount.currency() == currency;
        Money::sum(currency, self.claims.iter().filter(of_wallet).map(|claim| claim.amount))
    }

    pub(super) fn next(&mut self, id: TakeBackId) -> i32 {
        let last = self.last.entry(id).or_default();
        *last += 1;
        *last
    }

    /// The amount of a source's parts that has not been given back, claims included. `currency` is the source's.
    pub(super) fn left(&self, id: TakeBackId, parts: &[TakenPart], currency: Currency) -> Money {
        let claims = self.claims.iter().filter(|claim| claim.origin.id == id && parts.contains(&claim.part));
        let taken = self.taken.iter().filter(|taken| taken.origin.id == id && parts.contains(&taken.part));
        Money::sum(currency, claims.map(|claim| claim.amount).chain(taken.map(Taken::outstanding)))
    }

    /// Lowers a claim by at most `amount`. Returns by how much.
    pub(super) fn strike(&mut self, id: TakeBackId, part: TakenPart, amount: Money) -> Money {
        let Some(claim) = self.claims.iter_mut().find(|claim| claim.origin.id == id && claim.part == part) else {
            return Money::zero(amount.currency());
        };
        let struck = claim.amount.min(amount);
        if struck.is_positive() {
            claim.amount -= struck;
            self.changed_claims.insert((id, part));
        }
        struck
    }

    pub(super) fn claim(&mut self, claim: Claim) {
        let (id, part) = (claim.origin.id, claim.part);
        self.changed_claims.insert((id, part));
        match self.claims.iter_mut().find(|known| known.origin.id == id && known.part == part) {
            Some(known) => known.amount += claim.amount,
            None => self.claims.push(claim),
        }
    }

    /// Notes that a part of a movement was given back.
    pub(super) fn give_back(&mut self, id: TakeBackId, n: i32, amount: Money) {
        if let Some(taken) = self.taken.iter_mut().find(|taken| taken.origin.id == id && taken.n == n) {
            taken.given_back += amount;
            taken.returns += 1;
            self.changed_taken.insert((id, n));
        }
    }
}
