//! The fast path: one statement per flush, for the common case, at the speed of inserts.
//!
//! Each statement moves every wallet by its total, *if the wallet has enough and does not need the full path*, and
//! inserts one row per item. It holds no rule, and may be too careful but never too bold: the caller posts the items
//! that it returns no result for, and all items when it fails, by [`super::post`], which decides. Keys must be unique
//! within one call. A key that the ledger knows already fails the statement as a whole; the statement then runs once
//! more without the known keys (`repeated`).
//!
//! A statement is its own transaction, so several can be in flight on one connection (pipelining).
//!
//! Wallets are handed over in key order and locked in that order, which is the order in which all writers lock.
//! An UPDATE locks in whatever order its plan joins, so the plan is held: the condition on the customer is written
//! as `= ANY (ARRAY[…])`, which neither a hash nor a merge join can use, and [`Pool::lane`] leaves the planner no
//! other way to the wallets than an index. What remains is a nested loop that goes through the arrays as they are.
//! On another connection a call may only name one wallet. To lock the rows first, by a statement or a CTE of its
//! own, would do as well, but costs a second search and 54 bytes of WAL for every wallet.
//!
//! [`Pool::lane`]: crate::storage::pool::Pool::lane

mod capture;
mod holds;
mod repeated;
mod usage;

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::domain::posting::WalletKey;
use crate::storage::StorageError;

pub use capture::captures;
pub use holds::open_holds;
pub use usage::usage;

/// Items of one flush, by wallet in key order, each wallet's in the order sent.
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

/// Each grouped item with the posting that it stands for.
fn in_order<'g, P>(grouped: &'g [Grouped], items: &'g [P]) -> impl Iterator<Item = (&'g Grouped, &'g P)> {
    grouped.iter().filter_map(|item| items.get(item.at).map(|posting| (item, posting)))
}

/// The number of items as the statements take it.
fn item_count(items: usize) -> Result<i32, StorageError> {
    i32::try_from(items).map_err(|_| StorageError::Corrupt(format!("{items} postings in one flush")))
}
