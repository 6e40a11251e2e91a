//! The fast path: one statement per flush, for the common case, at the speed of inserts.
//!
//! Each statement moves every wallet by its total, *if the wallet has enough and does not need the full path*, and
//! inserts one row per item. All that an ordinary usage or hold changes is in the wallet's row: its paid money, what is
//! left of its active grant and what holds reserve of it, and what its spend guard has counted. So a wallet with credit
//! or caps costs no more than a plain one. The full path writes a grant's own row. It decides every posting that uses
//! up the active grant, needs two parts, meets a lapsed grant or passes a cap. `current_grants` and `all_grant_uses`
//! put both together for readers. The conditions are the SQL functions `fast_path_covers` and `fast_path_captures`; a
//! property test compares them with the domain, row by row.
//!
//! A statement contains no other rule. It may leave out an item that could be booked, but never books one that must be
//! refused: the caller passes the items without a result, or all items when the statement fails, to [`super::post`],
//! which decides. Keys must be unique within one call. If the ledger already knows a key, the whole statement fails; it
//! then runs once more without the known keys (`repeated`).
//!
//! A statement is its own transaction, so several can be in flight on one connection (pipelining).
//!
//! Wallets are locked in key order, as all writers lock them. An UPDATE locks rows in the order of its join, so the
//! plan must be a nested loop through the arrays, which are sorted by key. Two things enforce it: the condition on the
//! customer is written as `= ANY (ARRAY[…])`, which neither a hash join nor a merge join can use, and on a connection
//! of [`Pool::lane`] the planner can reach the wallets only by an index. On another connection, a call may name one
//! wallet only. Locking the rows first, by a statement or a CTE of its own, would work too, but costs a second search
//! and 54 bytes of WAL for every wallet.
//!
//! [`Pool::lane`]: crate::storage::pool::Pool::lane

mod capture;
mod holds;
mod repeated;
mod usage;

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text};
use rust_decimal::Decimal;

use crate::domain::label::Label;
use crate::domain::wallet_key::WalletKey;
use crate::storage::StorageError;
use crate::storage::statement::Parameters;

pub use capture::captures;
pub use holds::open_holds;
pub use usage::usage;

/// The items of one flush, grouped by wallet. The groups are in key order, the items of a group in the order in which
/// they were sent.
struct Groups<'p> {
    keys: Vec<&'p WalletKey>,
    totals: Vec<Decimal>,
    counts: Vec<i64>,
    items: Vec<Grouped>,
}

/// One item in its group.
struct Grouped {
    /// Its place among all items, from 0.
    at: usize,
    /// Its group, from 1.
    group: i32,
    /// Its place in the group, from 1.
    place: i64,
    /// The sum of the group's amounts up to and with it.
    running: Decimal,
}

fn group<'p>(items: &[(&'p WalletKey, Decimal)]) -> Groups<'p> {
    let mut by_wallet: BTreeMap<&WalletKey, Vec<(usize, Decimal)>> = BTreeMap::new();
    for (at, (wallet, amount)) in items.iter().enumerate() {
        by_wallet.entry(wallet).or_default().push((at, *amount));
    }
    let mut groups = Groups {
        keys: Vec::with_capacity(by_wallet.len()),
        totals: Vec::with_capacity(by_wallet.len()),
        counts: Vec::with_capacity(by_wallet.len()),
        items: Vec::with_capacity(items.len()),
    };
    for ((key, members), group) in by_wallet.into_iter().zip(1_i32..) {
        let mut running = Decimal::ZERO;
        let mut place = 0_i64;
        for (at, amount) in members {
            running += amount;
            place += 1;
            groups.items.push(Grouped { at, group, place, running });
        }
        groups.keys.push(key);
        groups.totals.push(running);
        groups.counts.push(place);
    }
    groups
}

/// The columns of the labels of a flush, in the order of its items.
struct Labels {
    keys: Vec<String>,
    fingerprints: Vec<i64>,
    descriptions: Vec<Option<String>>,
    metadata: Vec<Option<serde_json::Value>>,
}

impl Labels {
    fn with_capacity(items: usize) -> Self {
        Self {
            keys: Vec::with_capacity(items),
            fingerprints: Vec::with_capacity(items),
            descriptions: Vec::with_capacity(items),
            metadata: Vec::with_capacity(items),
        }
    }

    fn push(&mut self, label: &Label) {
        self.keys.push(label.key().to_owned());
        self.fingerprints.push(label.fingerprint());
        self.descriptions.push(label.description().map(str::to_owned));
        self.metadata.push(label.metadata().cloned());
    }

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.keys)?;
        parameters.add::<Array<BigInt>, _>(&self.fingerprints)?;
        parameters.add::<Array<Nullable<Text>>, _>(&self.descriptions)?;
        parameters.add::<Array<Nullable<Jsonb>>, _>(&self.metadata)
    }
}

/// Each grouped item with its posting.
fn in_order<'g, P>(grouped: &'g [Grouped], items: &'g [P]) -> impl Iterator<Item = (&'g Grouped, &'g P)> {
    grouped.iter().filter_map(|item| items.get(item.at).map(|posting| (item, posting)))
}

/// The number of items in the type that the statements take.
fn item_count(items: usize) -> Result<i32, StorageError> {
    i32::try_from(items).map_err(|_| StorageError::Corrupt(format!("{items} postings in one flush")))
}
