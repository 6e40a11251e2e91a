//! The fast path: one statement per flush, for the common case, at the speed of inserts.
//!
//! Each statement moves every wallet by its total *if that suffices and the wallet is not `slow`*, and inserts
//! one row per item. It holds no rule and may be too careful, never too bold: items of a wallet that it does
//! not answer for, and all items when it fails, are to be posted by [`super::post`], which decides. Keys must be
//! unique within one call; a key that the ledger knows already fails the statement as a whole.
//!
//! A statement is its own transaction, so several can be in flight on one connection (pipelining). Wallets are
//! handed over in key order and looked up one by one in that order, which is the order in which all writers lock.

mod capture;
mod holds;
mod usage;

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::domain::posting::{Posting, WalletKey};

pub use capture::captures;
pub use holds::open_holds;
pub use usage::usage;

/// Items of one flush, by wallet in key order, each wallet's in the order sent.
struct Groups<'p> {
    keys: Vec<&'p WalletKey>,
    totals: Vec<Decimal>,
    counts: Vec<i64>,
    /// Per item: its place in the input, its group (from 1), its place in the group (from 1) and the sum of the
    /// group's amounts up to and with it.
    items: Vec<(usize, i32, i64, Decimal)>,
}

fn group<'p>(postings: &[&'p Posting], amount: impl Fn(&Posting) -> Decimal) -> Groups<'p> {
    let mut by_wallet: BTreeMap<&WalletKey, Vec<usize>> = BTreeMap::new();
    for (at, posting) in postings.iter().enumerate() {
        by_wallet.entry(&posting.wallet).or_default().push(at);
    }
    let mut groups = Groups {
        keys: Vec::with_capacity(by_wallet.len()),
        totals: Vec::with_capacity(by_wallet.len()),
        counts: Vec::with_capacity(by_wallet.len()),
        items: Vec::with_capacity(postings.len()),
    };
    for ((key, members), number) in by_wallet.into_iter().zip(1_i32..) {
        let mut running = Decimal::ZERO;
        let mut count = 0_i64;
        for at in members {
            let Some(posting) = postings.get(at) else { continue };
            running += amount(posting);
            count += 1;
            groups.items.push((at, number, count, running));
        }
        groups.keys.push(key);
        groups.totals.push(running);
        groups.counts.push(count);
    }
    groups
}
