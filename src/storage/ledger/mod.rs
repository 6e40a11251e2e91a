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

mod entry_rows;
pub mod explain;
pub mod fast;
mod find;
mod grant_writes;
mod hold_rows;
mod hold_writes;
mod load;
mod write;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use crate::domain::entry::EntryKind;
use crate::domain::hold::Hold;
use crate::domain::posting::{Booked, Change, OnInsufficient, Outcome, Posting, Refusal, Shortfall, WalletKey};
use crate::domain::wallet::{Effects, Wallet};

pub use entry_rows::{find_entries, find_entry};
pub use find::{
    find_deduction, find_hold, find_reversals, grant_of_order, key_of_wallet, wallet_versions,
    wallets_with_lapsed_holds,
};
pub use hold_rows::HoldRow;
pub use load::{lock_wallet, read_wallets, read_wallets_of, wallet_key as key_from_columns};

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

/// Locks a wallet, made if need be, as it is now: what has lapsed is written down first. For use cases that change
/// how a wallet is watched, which the postings after them must obey.
///
/// # Errors
/// Of the database.
pub async fn open_wallet(
    conn: &mut AsyncPgConnection,
    key: &WalletKey,
) -> Result<(Wallet, DateTime<Utc>), StorageError> {
    load::create_missing_wallets(conn, vec![key.clone()]).await?;
    post(conn, &[Posting::sweep(key.clone())]).await?;
    lock_wallet(conn, key).await?.ok_or_else(|| StorageError::Corrupt("a wallet that was just made is gone".to_owned()))
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
        let mut holds = hold_rows::lock_holds(conn, hold_ids).await?;

        let mut keys: Vec<WalletKey> = postings
            .iter()
            .filter(|posting| named_hold(&posting.change).is_none())
            .flat_map(|posting| std::iter::once(&posting.wallet).chain(&posting.fallback))
            .chain(holds.values().map(|hold| &hold.wallet))
            .cloned()
            .chain(postings.iter().filter_map(counted_as_well))
            .collect();
        keys.sort();
        keys.dedup();
        let needed: Vec<WalletKey> =
            postings.iter().filter(|p| makes_a_wallet(&p.change)).map(|p| p.wallet.clone()).collect();
        load::create_missing_wallets(conn, needed).await?;
        let restored: Vec<Uuid> = postings.iter().flat_map(|posting| restored_grants(&posting.change)).collect();
        let (mut wallets, now) = load::lock_wallets(conn, &keys, restored).await?;
        let known = entry_rows::find_known(conn, postings).await?;

        let mut effects: BTreeMap<WalletKey, Effects> = BTreeMap::new();
        for lapsed in hold_rows::lock_lapsed_holds(conn, &wallets, now).await? {
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
                Outcome::Replayed(self.with_wallet(booked.clone(), posting))
            } else {
                Outcome::Refused(Refusal::KeyReused)
            };
        }
        let hold = named_hold(&posting.change).and_then(|id| self.holds.get(&id)).cloned();
        if let Some(done) = hold.as_ref().filter(|hold| hold.already_is(&posting.change)) {
            let booked = Booked { wallet: Some(done.wallet.clone()), entry: None, hold: Some(done.clone()) };
            return Outcome::Replayed(booked);
        }
        let decided = match counted_as_well(posting) {
            Some(product) => self.give_back(posting, &product),
            None => self.apply_with_fallback(posting, hold.as_ref()),
        };
        match decided {
            Err(refusal) => Outcome::Refused(refusal),
            Ok(booked) => {
                if let Some(hold) = &booked.hold {
                    if matches!(posting.change, Change::OpenHold { .. }) {
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

    /// The whole amount from one wallet or from the other. What is to be booked in any case becomes debt of
    /// the first, when neither has enough or a cap is in the way. The first wallet's refusal is the one that is
    /// told, unless it is only short and a cap forbids the other to pay.
    fn apply_with_fallback(&mut self, posting: &Posting, hold: Option<&Hold>) -> Result<Booked, Refusal> {
        let wallet = hold.map_or(&posting.wallet, |hold| &hold.wallet);
        let Some(fallback) = &posting.fallback else { return self.apply(wallet, posting, hold) };
        let (Change::Deduct { amount, on_insufficient }, label) = (&posting.change, &posting.label) else {
            return self.apply(&posting.wallet, posting, hold);
        };
        let refusing = Posting {
            change: Change::Deduct { amount: *amount, on_insufficient: OnInsufficient::Refuse },
            label: label.clone(),
            wallet: posting.wallet.clone(),
            fallback: None,
        };
        let refusal = match self.apply(&posting.wallet, &refusing, None) {
            Err(Refusal::Insufficient(shortfall)) => match self.pay_from(fallback, &refusing, *amount) {
                Err(cap @ Refusal::CapReached(_)) => cap,
                Err(_) => Refusal::Insufficient(shortfall),
                booked => return booked,
            },
            Err(refusal) => refusal,
            booked => return booked,
        };
        match on_insufficient {
            OnInsufficient::Book => self.apply(&posting.wallet, posting, None),
            OnInsufficient::Refuse => Err(refusal),
        }
    }

    /// Takes a product's usage from the other wallet; the product's own caps hold and count all the same.
    fn pay_from(&mut self, other: &WalletKey, refusing: &Posting, amount: Decimal) -> Result<Booked, Refusal> {
        if let Some(wallet) = self.wallets.get(&refusing.wallet) {
            wallet.require_within_caps(amount, self.now)?;
        }
        let paying = Posting { label: refusing.label.paid_for(&refusing.wallet.product), ..refusing.clone() };
        let booked = self.apply(other, &paying, None)?;
        if let Some(wallet) = self.wallets.get_mut(&refusing.wallet) {
            wallet.count_spent_elsewhere(amount, self.now);
        }
        Ok(booked)
    }

    /// Reverses usage that the other wallet paid for a product: both counted it.
    fn give_back(&mut self, posting: &Posting, product: &WalletKey) -> Result<Booked, Refusal> {
        let booked = self.apply(&posting.wallet, posting, None)?;
        if let (Some(wallet), Some(entry), Change::Reverse { parts }) =
            (self.wallets.get_mut(product), &booked.entry, &posting.change)
        {
            wallet.count_given_back_elsewhere(entry.amount, parts.taken_at, self.now);
            self.effects.entry(product.clone()).or_default();
        }
        Ok(booked)
    }

    fn apply(&mut self, key: &WalletKey, posting: &Posting, hold: Option<&Hold>) -> Result<Booked, Refusal> {
        let Some(wallet) = self.wallets.get_mut(key) else { return Err(refused_without_wallet(key, posting)) };
        let effects = self.effects.entry(key.clone()).or_default();
        wallet.apply(posting, hold, self.now, effects)
    }

    /// Entries know their wallet by id only; a replayed posting names the wallets that it can have been.
    fn with_wallet(&self, mut booked: Booked, posting: &Posting) -> Booked {
        if let Some(entry) = booked.entry.as_ref().filter(|_| booked.wallet.is_none()) {
            booked.wallet = std::iter::once(&posting.wallet)
                .chain(&posting.fallback)
                .find(|key| self.wallets.get(key).is_some_and(|wallet| wallet.id == entry.wallet_id))
                .cloned();
        }
        booked
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

/// The wallet of the product whose guard counted what a reversal gives back, beside the wallet that paid.
fn counted_as_well(posting: &Posting) -> Option<WalletKey> {
    let Change::Reverse { parts } = &posting.change else { return None };
    parts.paid_for.clone().map(|product| WalletKey { product, ..posting.wallet.clone() })
}

fn restored_grants(change: &Change) -> Vec<Uuid> {
    match change {
        Change::Reverse { parts } => parts.grants.iter().map(|(id, _)| *id).collect(),
        Change::RestoreGrant { grant_id, .. } => vec![*grant_id],
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

fn refused_without_wallet(key: &WalletKey, posting: &Posting) -> Refusal {
    match &posting.change {
        Change::Deduct { amount, .. } | Change::Withdraw { amount } | Change::OpenHold { amount, .. } => {
            Refusal::Insufficient(Shortfall {
                wallet: key.clone(),
                required: *amount,
                available: Decimal::ZERO,
                held: Decimal::ZERO,
            })
        }
        _ => Refusal::HoldNotFound,
    }
}
