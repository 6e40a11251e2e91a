//! The ledger: the only place where a balance changes.
//!
//! [`post`] takes any number of postings in one transaction and answers each on its own: booked, replayed or
//! refused. It locks, lets the domain decide, and writes; the number of round trips does not depend on the
//! number of postings. A refused posting refuses nobody else; a caller for whom two postings belong together
//! (a transfer) rolls its transaction back.
//!
//! [`fast`] writes the same rows for the common case in one statement and decides nothing.
//!
//! Locks are always taken in this order: holds by id, then wallets by key.

pub mod fast;
mod load;
mod write;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::StorageError;
use crate::domain::entry::EntryKind;
use crate::domain::hold::Hold;
use crate::domain::posting::{Booked, Change, OnInsufficient, Outcome, Posting, Refusal, Shortfall, WalletKey};
use crate::domain::wallet::{Effects, Wallet};

pub use load::{HoldRow, find_entry, lock_wallet, read_wallets};

/// What a deduplicated posting is known by: customer, kind of entry (or none for holds), key.
type DedupeKey = (String, Option<EntryKind>, String);

/// Books postings, in the order given, inside the caller's transaction.
///
/// Every posting is decided by the domain under the row locks of all wallets concerned, by the database's
/// clock. Lapsed holds and grants of those wallets are expired first. A posting whose key is known (in the
/// ledger, or earlier in `postings`) is replayed when its fingerprint is the same and refused otherwise.
///
/// # Errors
/// The transaction must be rolled back on any error; [`StorageError::is_transient`] ones may be run again.
pub async fn post(conn: &mut AsyncPgConnection, postings: &[Posting]) -> Result<Vec<Outcome>, StorageError> {
    let mut book = Book::open(conn, postings).await?;
    let outcomes: Vec<Outcome> = postings.iter().map(|posting| book.decide(posting)).collect();
    book.write(conn).await?;
    Ok(outcomes)
}

/// Everything that one call of [`post`] has locked, and what it changes.
struct Book {
    now: DateTime<Utc>,
    wallets: BTreeMap<WalletKey, Wallet>,
    known: HashMap<DedupeKey, (i64, Booked)>,
    holds: HashMap<Uuid, Hold>,
    effects: BTreeMap<WalletKey, Effects>,
    new_holds: Vec<Uuid>,
}

impl Book {
    async fn open(conn: &mut AsyncPgConnection, postings: &[Posting]) -> Result<Self, StorageError> {
        let hold_ids: Vec<Uuid> = postings.iter().filter_map(|posting| named_hold(&posting.change)).collect();
        let mut holds = load::lock_holds(conn, hold_ids).await?;

        let mut keys: Vec<WalletKey> = postings.iter().map(|posting| posting.wallet.clone()).collect();
        keys.sort();
        keys.dedup();
        let needed: Vec<WalletKey> =
            postings.iter().filter(|p| makes_a_wallet(&p.change)).map(|p| p.wallet.clone()).collect();
        load::create_missing_wallets(conn, needed).await?;
        let restored: Vec<Uuid> = postings.iter().flat_map(|posting| restored_grants(&posting.change)).collect();
        let (mut wallets, now) = load::lock_wallets(conn, &keys, restored).await?;
        let known = load::find_known(conn, postings).await?;

        let mut effects: BTreeMap<WalletKey, Effects> = BTreeMap::new();
        for lapsed in load::lock_lapsed_holds(conn, &wallets, now).await? {
            if let Some(wallet) = wallets.get_mut(&lapsed.wallet) {
                let effects = effects.entry(lapsed.wallet.clone()).or_default();
                wallet.expire_hold(&lapsed, now, effects);
                if let Some(expired) = effects.holds.last() {
                    holds.insert(expired.id, expired.clone());
                }
            }
        }
        Ok(Self { now, wallets, known, holds, effects, new_holds: Vec::new() })
    }

    fn decide(&mut self, posting: &Posting) -> Outcome {
        let dedupe = dedupe_key(posting);
        if let Some((fingerprint, booked)) = dedupe.as_ref().and_then(|key| self.known.get(key)) {
            return if *fingerprint == posting.label.fingerprint {
                Outcome::Replayed(booked.clone())
            } else {
                Outcome::Refused(Refusal::KeyReused)
            };
        }
        let Some(wallet) = self.wallets.get_mut(&posting.wallet) else {
            return Outcome::Refused(refused_without_wallet(posting));
        };
        let named = named_hold(&posting.change);
        let hold = named.and_then(|id| self.holds.get(&id)).cloned();
        if let Some(done) = hold.as_ref().filter(|hold| hold.already_is(&posting.change)) {
            return Outcome::Replayed(Booked { entry: None, hold: Some(done.clone()) });
        }
        let effects = self.effects.entry(posting.wallet.clone()).or_default();
        match wallet.apply(posting, hold.as_ref(), self.now, effects) {
            Err(refusal) => Outcome::Refused(refusal),
            Ok(booked) => {
                if let Some(hold) = &booked.hold {
                    if named.is_none() {
                        self.new_holds.push(hold.id);
                    }
                    self.holds.insert(hold.id, hold.clone());
                }
                if let Some(key) = dedupe {
                    self.known.insert(key, (posting.label.fingerprint, booked.clone()));
                }
                Outcome::Booked(booked)
            }
        }
    }

    async fn write(self, conn: &mut AsyncPgConnection) -> Result<(), StorageError> {
        let changed: Vec<(&Wallet, &Effects)> = self
            .effects
            .iter()
            .filter_map(|(key, effects)| self.wallets.get(key).map(|wallet| (wallet, effects)))
            .collect();
        write::all(conn, &changed, &self.new_holds).await
    }
}

fn named_hold(change: &Change) -> Option<Uuid> {
    match change {
        Change::Capture { hold_id, .. } | Change::Release { hold_id } | Change::Extend { hold_id, .. } => {
            Some(*hold_id)
        }
        _ => None,
    }
}

fn restored_grants(change: &Change) -> Vec<Uuid> {
    match change {
        Change::Reverse { parts } => parts.grants.iter().map(|(id, _)| *id).collect(),
        _ => Vec::new(),
    }
}

/// Only what puts something into a wallet makes it; a deduction from one that is not there is just short.
fn makes_a_wallet(change: &Change) -> bool {
    matches!(
        change,
        Change::Credit { .. }
            | Change::Grant { .. }
            | Change::TakeBack { .. }
            | Change::Reverse { .. }
            | Change::Deduct { on_insufficient: OnInsufficient::Book, .. }
    )
}

/// Captures, releases and extensions are idempotent by the hold's state, sweeps by the clock.
fn dedupe_key(posting: &Posting) -> Option<DedupeKey> {
    let kind = match posting.change {
        Change::OpenHold { .. } => None,
        Change::Capture { .. } | Change::Release { .. } | Change::Extend { .. } | Change::Sweep => return None,
        _ => Some(posting.label.kind),
    };
    Some((posting.wallet.customer.as_str().to_owned(), kind, posting.label.key.clone()))
}

fn refused_without_wallet(posting: &Posting) -> Refusal {
    match &posting.change {
        Change::Deduct { amount, .. } | Change::Withdraw { amount } | Change::OpenHold { amount, .. } => {
            Refusal::Insufficient(Shortfall {
                wallet: posting.wallet.clone(),
                required: *amount,
                available: rust_decimal::Decimal::ZERO,
                held: rust_decimal::Decimal::ZERO,
            })
        }
        _ => Refusal::HoldNotFound,
    }
}
