//! The book: everything that one call of the ledger has locked, and how its postings are decided.
//!
//! Storage opens a book (locks and reads), the book decides each posting in the order given, and storage writes what
//! has changed. A refused posting refuses no other.
//!
//! After each posting, and after each hold that expires, the book looks for what has appeared: bonus for which money
//! was taken, and unheld paid money while taken-back money is claimed.

mod state;
mod take_backs;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::hold::{Hold, HoldStatus};
use super::label::Label;
use super::money::Money;
use super::posting::{Booked, Change, DedupeKey, OnInsufficient, Posting, PostingOutcome, Refusal, Shortfall, Target};
use super::wallet::{Effects, Wallet};
use super::wallet_key::WalletKey;

pub use state::TakeBacks;

/// The meaning of a key that was used before.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the large one")]
pub enum KnownKey {
    /// It booked this.
    Booked { fingerprint: i64, booked: Booked },
    /// It opened a hold that has since been captured and deleted. Only the charge is left.
    CapturedHold,
}

/// The locked wallets and holds of one call, and what its postings change.
#[derive(Debug)]
pub struct Book {
    now: DateTime<Utc>,
    wallets: BTreeMap<WalletKey, Wallet>,
    known: HashMap<DedupeKey, KnownKey>,
    holds: HashMap<Uuid, Hold>,
    effects: BTreeMap<WalletKey, Effects>,
    new_holds: Vec<Uuid>,
    take_backs: TakeBacks,
}

impl Book {
    /// `now` is the database's clock, read under the last lock. `known` is what the postings' keys found in the ledger,
    /// read under the locks too.
    #[must_use]
    pub fn new(
        now: DateTime<Utc>,
        wallets: BTreeMap<WalletKey, Wallet>,
        holds: HashMap<Uuid, Hold>,
        known: HashMap<DedupeKey, KnownKey>,
        take_backs: TakeBacks,
    ) -> Self {
        Self { now, wallets, known, holds, effects: BTreeMap::new(), new_holds: Vec::new(), take_backs }
    }

    /// Expires an open hold whose time is over. The caller does this for every such hold of the wallets before any
    /// posting is decided.
    pub fn expire_hold(&mut self, lapsed: &Hold) {
        let Some(wallet) = self.wallets.get_mut(&lapsed.wallet) else { return };
        let effects = self.effects.entry(lapsed.wallet.clone()).or_default();
        wallet.expire_hold(lapsed, self.now, effects);
        if let Some(expired) = effects.holds.last() {
            self.holds.insert(expired.id, expired.clone());
        }
        self.settle(&lapsed.wallet);
    }

    /// Decides one posting after all before it.
    pub fn decide(&mut self, posting: &Posting) -> PostingOutcome {
        let dedupe = posting.dedupe_key();
        match dedupe.as_ref().and_then(|key| self.known.get(key)) {
            Some(KnownKey::Booked { fingerprint, booked }) if *fingerprint == posting.label.fingerprint => {
                return PostingOutcome::Replayed(self.with_wallet(booked.clone(), posting));
            }
            Some(KnownKey::Booked { .. }) => return PostingOutcome::Refused(Refusal::KeyReused),
            Some(KnownKey::CapturedHold) => {
                let status = HoldStatus::Captured.as_str();
                return PostingOutcome::Refused(Refusal::HoldClosed { status });
            }
            None => {}
        }
        let hold = posting.hold().and_then(|id| self.holds.get(&id)).cloned();
        if let Some(done) = hold.as_ref().filter(|hold| is_done(&posting.change, hold)) {
            let booked = Booked { wallet: Some(done.wallet.clone()), entry: None, hold: Some(done.clone()) };
            return PostingOutcome::Replayed(booked);
        }
        match self.apply_posting(posting, hold.as_ref()) {
            Err(refusal) => PostingOutcome::Refused(refusal),
            Ok(booked) => {
                if let Some(hold) = &booked.hold {
                    if matches!(posting.change, Change::OpenHold { .. }) {
                        self.new_holds.push(hold.id);
                    }
                    self.holds.insert(hold.id, hold.clone());
                }
                if let Some(wallet) = &booked.wallet {
                    self.settle(wallet);
                }
                if let Some(key) = dedupe {
                    let fingerprint = posting.label.fingerprint;
                    self.known.insert(key, KnownKey::Booked { fingerprint, booked: booked.clone() });
                }
                PostingOutcome::Booked(booked)
            }
        }
    }

    fn apply_posting(&mut self, posting: &Posting, hold: Option<&Hold>) -> Result<Booked, Refusal> {
        let Posting { target, change, label } = posting;
        self.require_no_claim(posting, hold)?;
        match (target, change) {
            (Target::Hold(_), _) => {
                let hold = hold.ok_or(Refusal::HoldNotFound)?;
                self.apply(&hold.wallet, change, label, Some(hold))
            }
            (Target::Wallet { key, .. }, Change::Collect(asked)) => self.collect(key, asked),
            (Target::Wallet { key, .. }, Change::GiveBack(given)) => self.return_taken(key, given),
            (Target::Wallet { key, .. }, Change::Reverse { .. }) => {
                self.give_back(key, posting.guarded_as_well().as_ref(), change, label)
            }
            (Target::Wallet { key, fallback: Some(fallback) }, Change::Deduct { amount, on_insufficient }) => {
                self.deduct_with_fallback(key, fallback, *amount, *on_insufficient, label)
            }
            (Target::Wallet { key, .. }, _) => self.apply(key, change, label, None),
        }
    }

    /// Takes the whole amount from the first wallet, or else from its fallback. Neither can pay if money is short or a
    /// cap is reached. Then usage that must be booked becomes debt of the first wallet. Other usage is refused for the
    /// first wallet's reason; if the first wallet is only short of money, it is refused for the fallback's cap.
    fn deduct_with_fallback(
        &mut self,
        key: &WalletKey,
        fallback: &WalletKey,
        amount: Money,
        on_insufficient: OnInsufficient,
        label: &Label,
    ) -> Result<Booked, Refusal> {
        let refusing = Change::Deduct { amount, on_insufficient: OnInsufficient::Refuse };
        let refusal = match self.apply(key, &refusing, label, None) {
            Err(Refusal::Insufficient(shortfall)) => match self.pay_from(fallback, key, amount, label) {
                Err(cap @ Refusal::CapReached(_)) => cap,
                Err(_) => Refusal::Insufficient(shortfall),
                booked => return booked,
            },
            Err(refusal) => refusal,
            booked => return booked,
        };
        match on_insufficient {
            OnInsufficient::Book => self.apply(key, &Change::Deduct { amount, on_insufficient }, label, None),
            OnInsufficient::Refuse => Err(refusal),
        }
    }

    /// Takes a product's usage from the fallback. The caps of the product still apply, and count the usage.
    fn pay_from(
        &mut self,
        other: &WalletKey,
        product: &WalletKey,
        amount: Money,
        label: &Label,
    ) -> Result<Booked, Refusal> {
        if let Some(wallet) = self.wallets.get(product) {
            wallet.require_within_caps(amount, self.now)?;
        }
        let change = Change::Deduct { amount, on_insufficient: OnInsufficient::Refuse };
        let booked = self.apply(other, &change, &label.paid_for(&product.product), None)?;
        if let Some(wallet) = self.wallets.get_mut(product) {
            wallet.count_spent_elsewhere(amount, self.now);
        }
        Ok(booked)
    }

    /// Reverses usage. Where another wallet paid for a product, both wallets counted it, so both make room again.
    fn give_back(
        &mut self,
        key: &WalletKey,
        product: Option<&WalletKey>,
        change: &Change,
        label: &Label,
    ) -> Result<Booked, Refusal> {
        let booked = self.apply(key, change, label, None)?;
        if let (Some(product), Some(entry), Change::Reverse { parts }) = (product, &booked.entry, change)
            && let Some(wallet) = self.wallets.get_mut(product)
        {
            wallet.count_given_back_elsewhere(entry.amount, parts.taken_at, self.now);
            self.effects.entry(product.clone()).or_default();
        }
        Ok(booked)
    }

    fn apply(
        &mut self,
        key: &WalletKey,
        change: &Change,
        label: &Label,
        hold: Option<&Hold>,
    ) -> Result<Booked, Refusal> {
        let Some(wallet) = self.wallets.get_mut(key) else { return Err(without_wallet(key, change)) };
        let effects = self.effects.entry(key.clone()).or_default();
        wallet.apply(change, label, hold, self.now, effects)
    }

    /// Adds the wallet's key to the result of a replayed posting. The stored entry has only the wallet's id, so this
    /// finds which of the posting's wallets has that id.
    fn with_wallet(&self, mut booked: Booked, posting: &Posting) -> Booked {
        if let Some(entry) = booked.entry.as_ref().filter(|_| booked.wallet.is_none()) {
            booked.wallet = [posting.wallet(), posting.fallback()]
                .into_iter()
                .flatten()
                .find(|key| self.wallets.get(key).is_some_and(|wallet| wallet.id == entry.wallet_id))
                .cloned();
        }
        booked
    }

    /// The wallets that are to be written, in key order, with what goes with them.
    #[must_use]
    pub fn changed(&self) -> Vec<(&Wallet, &Effects)> {
        let wallet = |(key, effects)| self.wallets.get(key).map(|wallet| (wallet, effects));
        self.effects.iter().filter_map(wallet).collect()
    }

    /// The movements and claims of taken-back money that are to be written.
    #[must_use]
    pub fn take_backs(&self) -> &TakeBacks {
        &self.take_backs
    }

    /// The holds among the changed ones that are new.
    #[must_use]
    pub fn new_holds(&self) -> &[Uuid] {
        &self.new_holds
    }
}

/// Whether a posting on a hold changes nothing, because the hold's state shows that it happened before: a capture by
/// the same amount, or a release of a hold that is released or expired.
fn is_done(change: &Change, hold: &Hold) -> bool {
    match change {
        Change::Capture { amount } => hold.captured.is_some_and(|captured| captured.amount() == *amount),
        Change::Release => matches!(hold.status, HoldStatus::Released | HoldStatus::Expired),
        _ => false,
    }
}

/// Why a posting on a wallet that does not exist is refused.
fn without_wallet(key: &WalletKey, change: &Change) -> Refusal {
    match change {
        Change::Deduct { amount, .. }
        | Change::Withdraw { amount }
        | Change::PayOut { amount }
        | Change::OpenHold { amount, .. } => {
            let nothing = Money::zero(key.currency);
            Refusal::Insufficient(Shortfall {
                wallet: key.clone(),
                required: *amount,
                available: nothing,
                held: nothing,
            })
        }
        Change::RevokeGrant { .. } | Change::RestoreGrant { .. } => Refusal::MoreThanTaken,
        _ => Refusal::HoldNotFound,
    }
}

#[cfg(test)]
mod tests;
