//! The ledger: the only place where a balance changes.
//!
//! [`post`] takes any number of postings in one transaction and answers each on its own: booked, replayed or refused.
//! It locks, lets [`crate::domain::book`] decide, and writes; the number of round trips does not depend on the number
//! of postings. A refused posting refuses no other. A caller whose postings belong together (the two of a transfer)
//! rolls its transaction back when one of them is refused.
//!
//! [`fast`] writes the same rows for the common case in one statement. It decides nothing.
//!
//! Locks are always taken in this order: holds by id, then the gate of a customer's wallets (`wallet_gate`), then
//! wallets by key. If taken-back money is claimed, all wallets of the customer and currency are locked; that protects
//! its claims and movements (`take_backs`). The row of a closing comes last (`storage::closings`).

mod entry_rows;
mod event_writes;
pub mod explain;
pub mod fast;
mod find;
mod grant_rows;
mod grant_writes;
mod hold_rows;
mod hold_writes;
mod keys;
mod load;
mod marks;
mod take_backs;
mod write;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::{StorageError, closings};
use crate::domain::book::Book;
use crate::domain::customer::CustomerId;
use crate::domain::money::Currency;
use crate::domain::movement::expiry::sweep;
use crate::domain::posting::{Posting, PostingOutcome};
use crate::domain::wallet::Wallet;
use crate::domain::wallet_key::WalletKey;

pub use entry_rows::{find_entries, find_entry};
pub use find::{
    bonus_of_order, find_deduction, find_hold, find_reversals, keep_hold, key_of_wallet, open_holds,
    papers_settled_until, returned_to_lapsed_grants, settled_until, wallet_versions, wallets_of_holds,
    wallets_with_lapsed_holds,
};
pub(crate) use grant_rows::{ActiveGrant, AttachedRow, GrantRow};
pub(in crate::storage) use hold_rows::HOLD_SWEEPER;
pub use hold_rows::HoldRow;
pub use keys::wallet_key as key_from_columns;
pub(in crate::storage) use load::{WalletRow, WalletSql};
pub use load::{lock_wallet, read_wallets, read_wallets_of};
pub use marks::save_marks;
pub use take_backs::claims_of;

/// Books postings, in the order given, inside the caller's transaction.
///
/// The domain decides every posting under the row locks of all wallets concerned, by the database's clock. Lapsed holds
/// and grants of those wallets are expired first. A posting whose key is known (in the ledger, or earlier in
/// `postings`) is replayed when its fingerprint is the same, and refused otherwise.
///
/// # Errors
/// The caller must roll the transaction back on any error. It may run it again on an error that
/// [`StorageError::is_transient`].
pub async fn post(conn: &mut AsyncPgConnection, postings: &[Posting]) -> Result<Vec<PostingOutcome>, StorageError> {
    let mut book = open(conn, postings).await?;
    let outcomes = postings.iter().map(|posting| book.decide(posting)).collect();
    let changed = book.changed();
    write::all(conn, &changed, book.new_holds()).await?;
    take_backs::write(conn, book.take_backs(), &changed).await?;
    let closing: Vec<&Wallet> =
        changed.iter().map(|(wallet, _)| *wallet).filter(|wallet| wallet.is_closing()).collect();
    if let Some(now) = closing.iter().map(|wallet| wallet.updated_at).max() {
        closings::follow(conn, &closing, now).await?;
    }
    Ok(outcomes)
}

/// Locks a wallet, creates it if it does not exist, and books what has lapsed. For use cases
/// that change a wallet's guard or alert, which later postings must obey.
///
/// # Errors
/// Database errors.
pub async fn open_wallet(
    conn: &mut AsyncPgConnection,
    key: &WalletKey,
) -> Result<(Wallet, DateTime<Utc>), StorageError> {
    load::create_missing_wallets(conn, vec![key.clone()]).await?;
    post(conn, &[sweep(key.clone())]).await?;
    lock_wallet(conn, key)
        .await?
        .ok_or_else(|| StorageError::Corrupt("a wallet that was just created is missing".to_owned()))
}

/// Locks all wallets of a customer, for a use case that marks them. Until the transaction ends no new wallet can
/// appear.
///
/// # Errors
/// Database errors.
pub async fn lock_all_wallets(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
) -> Result<(Vec<Wallet>, DateTime<Utc>), StorageError> {
    lock_wallets_where(conn, customer, |_| true).await
}

/// Takes the gate of a customer's wallets in shared mode until the transaction ends: this transaction and one that
/// marks all wallets of the customer wait for each other. Call it before any wallet is locked.
///
/// # Errors
/// Database errors.
pub async fn pass_gate(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    take_backs::pass_gate(conn, customer).await
}

/// [`lock_all_wallets`] of one currency.
///
/// # Errors
/// Database errors.
pub async fn lock_wallets_of(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    currency: Currency,
) -> Result<(Vec<Wallet>, DateTime<Utc>), StorageError> {
    lock_wallets_where(conn, customer, |key| key.currency == currency).await
}

async fn lock_wallets_where(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    is_wanted: impl Fn(&WalletKey) -> bool,
) -> Result<(Vec<Wallet>, DateTime<Utc>), StorageError> {
    take_backs::close_gates(conn, &BTreeSet::from([customer.clone()])).await?;
    let mut keys = take_backs::keys_of(conn, [customer]).await?;
    keys.retain(is_wanted);
    keys.sort();
    let (wallets, now) = load::lock_wallets(conn, &keys, Vec::new()).await?;
    Ok((wallets.into_values().collect(), now))
}

/// Locks everything that the postings concern, and reads what they need to be decided.
async fn open(conn: &mut AsyncPgConnection, postings: &[Posting]) -> Result<Book, StorageError> {
    let hold_ids: Vec<Uuid> = postings.iter().filter_map(Posting::hold).collect();
    let holds = hold_rows::lock_holds(conn, hold_ids).await?;

    let named = postings.iter().flat_map(|posting| posting.wallet().into_iter().chain(posting.fallback()));
    let mut keys: Vec<WalletKey> = named
        .chain(holds.values().map(|hold| &hold.wallet))
        .cloned()
        .chain(postings.iter().filter_map(Posting::guarded_as_well))
        .collect();
    keys.extend(postings.iter().flat_map(Posting::also_takes_from));
    let reaching: Vec<&WalletKey> =
        postings.iter().filter(|posting| posting.reaches_all_wallets()).filter_map(Posting::wallet).collect();
    if !reaching.is_empty() {
        let customers = reaching.iter().map(|key| key.customer.clone()).collect();
        take_backs::close_gates(conn, &customers).await?;
        let is_reached = |key: &WalletKey| {
            reaching.iter().any(|reached| reached.customer == key.customer && reached.currency == key.currency)
        };
        keys.extend(take_backs::keys_of(conn, &customers).await?.into_iter().filter(is_reached));
    }
    keys.sort();
    keys.dedup();
    let needed = postings.iter().filter_map(Posting::makes_wallet).cloned().collect();
    load::create_missing_wallets(conn, needed).await?;
    let restored: Vec<Uuid> = postings.iter().flat_map(Posting::restored_grants).collect();
    let (wallets, now) = load::lock_wallets(conn, &keys, restored).await?;
    let known = entry_rows::find_known(conn, postings).await?;
    let taken_back = take_backs::read(conn, postings, &keys, &wallets).await?;
    let lapsed = hold_rows::lock_lapsed_holds(conn, &wallets, now).await?;

    let mut book = Book::new(now, wallets, holds, known, taken_back);
    for hold in &lapsed {
        book.expire_hold(hold);
    }
    Ok(book)
}
