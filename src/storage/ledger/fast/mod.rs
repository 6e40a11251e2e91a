//! The fast path: books the common postings of a flush with one statement, at the speed of inserts.
//!
//! # What a statement does
//!
//! There is one statement for usage, one for new holds, and one for captures. It changes each wallet once, by the total
//! of the wallet's items, and inserts one row per item. For example, 500 items of usage for 3 wallets become 3 updates
//! and 500 inserts. A wallet that has too little, or that needs the full path, is left out.
//!
//! A statement is its own transaction, so several can be in flight on one connection (pipelining).
//!
//! # What it leaves to the full path
//!
//! The full path is [`super::post`]. It decides all that the fast path does not: the caller passes it the items that
//! have no result, or all items if the statement fails. So the fast path may leave out an item that could be booked,
//! but it never books one that must be refused.
//!
//! The conditions are two SQL functions, `fast_path_covers` and `fast_path_captures`. A property test compares them
//! with the domain, row by row. They leave out a posting that uses up the active grant, needs two parts (such as a
//! grant and paid money), meets a lapsed grant or passes a cap.
//!
//! Keys must be unique within one call. If the ledger already knows a key, the whole statement fails. It then runs once
//! more without the known keys (`repeated`).
//!
//! # Why a wallet with credit or caps is as fast as a plain one
//!
//! All figures that an ordinary usage or hold changes are in the wallet's own row: its paid money, what is left of its
//! active grant, what holds reserve of that grant, and what its spend guard has counted. Only the full path writes the
//! grant's row, so that row can be behind. The views `current_grants` and `all_grant_uses` put both together for
//! readers.
//!
//! # In which order wallets are locked
//!
//! All writers lock wallets in the order of their keys, so that none waits for another in a circle. An UPDATE locks
//! rows in the order of its join. The arrays of parameters are sorted by key, so the plan must be a nested loop through
//! them. Two things enforce that plan:
//!
//! - The condition on the customer is written as `= ANY (ARRAY[…])`, which no hash join and no merge join can use.
//! - On a connection of [`Pool::lane`], the planner can reach the wallets only by an index. On any other connection, a
//!   call may name one wallet only.
//!
//! A statement or a CTE that locks the rows first would work too. But it costs a second search and 54 bytes of WAL for
//! each wallet.
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
