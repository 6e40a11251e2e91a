//! The fast path: one statement per flush, for the common case, at the speed of inserts.
//!
//! Each statement moves every wallet by its total *if that suffices and the wallet is not `slow`*, and inserts
//! one row per item. It holds no rule and may be too careful, never too bold: items of a wallet that it does
//! not answer for, and all items when it fails, are to be posted by [`super::post`], which decides. Keys must be
//! unique within one call; a key that the ledger knows already fails the statement as a whole.
//!
//! A statement is its own transaction, so several can be in flight on one connection (pipelining). Wallets are
//! handed over in key order and looked up one by one in that order, which is the order in which all writers lock.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Int4, Jsonb, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use uuid::Uuid;

use super::load::KeyArrays;
use crate::domain::entry::Entry;
use crate::domain::hold::{Hold, HoldStatus};
use crate::domain::posting::{Booked, Change, Posting, WalletKey};
use crate::storage::StorageError;
use crate::storage::statement::{Cached, StaticSql};

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

/// What a moved wallet was before its group, as the statements answer it.
#[derive(Queryable)]
struct Moved {
    group: i32,
    wallet_id: Uuid,
    paid: Decimal,
    paid_in: Decimal,
    paid_out: Decimal,
    seq: i64,
    at: DateTime<Utc>,
}

struct MoveUsage {
    keys: KeyArrays,
    totals: Vec<Decimal>,
    counts: Vec<i64>,
    groups: Vec<i32>,
    places: Vec<i64>,
    running: Vec<Decimal>,
    amounts: Vec<Decimal>,
    dedupe_keys: Vec<String>,
    fingerprints: Vec<i64>,
    descriptions: Vec<Option<String>>,
    metadata: Vec<Option<serde_json::Value>>,
    occurred_at: Vec<Option<DateTime<Utc>>>,
    items: i32,
}

impl StaticSql for MoveUsage {
    type Row = (Int4, SqlUuid, Numeric, Numeric, Numeric, BigInt, Timestamptz);

    fn build<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH moved AS (UPDATE wallets w SET paid = w.paid - t.amount, paid_out = w.paid_out + t.amount, entry_seq = w.entry_seq + t.items, version = w.version + t.items, updated_at = greatest(clock_timestamp(), w.updated_at) FROM unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.keys.customers)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.keys.currencies)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.keys.products)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Numeric>, _>(&self.totals)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.counts)?;
        out.push_sql(") WITH ORDINALITY AS t (customer_id, currency, product, amount, items, g) WHERE w.customer_id = t.customer_id AND w.currency = t.currency AND w.product = t.product AND NOT w.slow AND w.paid - w.held - t.amount >= w.fast_floor RETURNING t.g::int4 AS g, w.id, w.customer_id, w.paid + t.amount AS paid, w.paid_in, w.paid_out - t.amount AS paid_out, w.entry_seq - t.items AS seq, w.updated_at), booked AS (INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after, paid_in, paid_out, counterpart, key, description, metadata, occurred_at) SELECT m.updated_at, m.seq + i.place, i.fingerprint, m.id, 2, m.customer_id, -i.amount, m.paid - i.running, m.paid_in, m.paid_out + i.running, 'usage', i.key, i.description, i.metadata, i.occurred_at FROM ROWS FROM (unnest(");
        // generate_series tells the planner of many rows, so that it joins by hash however long the arrays are.
        out.push_bind_param::<Array<Int4>, _>(&self.groups)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.places)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<Numeric>, _>(&self.running)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<Numeric>, _>(&self.amounts)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.dedupe_keys)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.fingerprints)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.descriptions)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<Nullable<Jsonb>>, _>(&self.metadata)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<Nullable<Timestamptz>>, _>(&self.occurred_at)?;
        out.push_sql("), generate_series(1, ");
        out.push_bind_param::<Int4, _>(&self.items)?;
        out.push_sql(")) AS i (g, place, running, amount, key, fingerprint, description, metadata, occurred_at, n) JOIN moved m ON m.g = i.g) SELECT g, id, paid, paid_in, paid_out, seq, updated_at FROM moved");
        Ok(())
    }
}

/// Books ordinary deductions. Answers per posting: booked, or `None` where [`super::post`] must decide.
///
/// # Errors
/// Nothing was booked; a lost connection leaves that open, and the keys settle it.
pub async fn usage(conn: &AsyncPgConnection, postings: &[&Posting]) -> Result<Vec<Option<Booked>>, StorageError> {
    let amount = |posting: &Posting| match posting.change {
        Change::Deduct { amount, .. } => amount,
        _ => Decimal::ZERO,
    };
    let groups = group(postings, amount);
    let mut statement = MoveUsage {
        keys: groups.keys.iter().copied().collect(),
        totals: groups.totals.clone(),
        counts: groups.counts.clone(),
        groups: Vec::with_capacity(postings.len()),
        places: Vec::with_capacity(postings.len()),
        running: Vec::with_capacity(postings.len()),
        amounts: Vec::with_capacity(postings.len()),
        dedupe_keys: Vec::with_capacity(postings.len()),
        fingerprints: Vec::with_capacity(postings.len()),
        descriptions: Vec::with_capacity(postings.len()),
        metadata: Vec::with_capacity(postings.len()),
        occurred_at: Vec::with_capacity(postings.len()),
        items: i32::try_from(postings.len()).unwrap_or(i32::MAX),
    };
    for (at, number, place, running) in &groups.items {
        let Some(posting) = postings.get(*at) else { continue };
        statement.groups.push(*number);
        statement.places.push(*place);
        statement.running.push(*running);
        statement.amounts.push(amount(posting));
        statement.dedupe_keys.push(posting.label.key.clone());
        statement.fingerprints.push(posting.label.fingerprint);
        statement.descriptions.push(posting.label.description.clone());
        statement.metadata.push(posting.label.metadata.clone());
        statement.occurred_at.push(posting.label.occurred_at);
    }
    let moved: Vec<Moved> = Cached(statement).load(&mut &*conn).await?;
    let moved: BTreeMap<i32, Moved> = moved.into_iter().map(|row| (row.group, row)).collect();
    let mut answers = vec![None; postings.len()];
    for (at, number, place, running) in groups.items {
        let (Some(wallet), Some(posting)) = (moved.get(&number), postings.get(at)) else { continue };
        let entry = Entry {
            wallet_id: wallet.wallet_id,
            seq: wallet.seq + place,
            label: posting.label.clone(),
            amount: -amount(posting),
            granted: Decimal::ZERO,
            debt: Decimal::ZERO,
            balance_after: wallet.paid - running,
            paid_in: wallet.paid_in,
            paid_out: wallet.paid_out + running,
            created_at: wallet.at,
            grant_uses: Vec::new(),
        };
        if let Some(answer) = answers.get_mut(at) {
            *answer = Some(Booked { wallet: Some(posting.wallet.clone()), entry: Some(entry), hold: None });
        }
    }
    Ok(answers)
}

struct OpenHolds {
    keys: KeyArrays,
    totals: Vec<Decimal>,
    counts: Vec<i64>,
    groups: Vec<i32>,
    ids: Vec<Uuid>,
    amounts: Vec<Decimal>,
    seconds: Vec<i64>,
    dedupe_keys: Vec<String>,
    fingerprints: Vec<i64>,
    descriptions: Vec<Option<String>>,
    metadata: Vec<Option<serde_json::Value>>,
    items: i32,
}

impl StaticSql for OpenHolds {
    type Row = (Int4, SqlUuid, Timestamptz);

    fn build<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH moved AS (UPDATE wallets w SET held = w.held + t.amount, version = w.version + t.items, updated_at = greatest(clock_timestamp(), w.updated_at) FROM unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.keys.customers)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.keys.currencies)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.keys.products)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Numeric>, _>(&self.totals)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.counts)?;
        out.push_sql(") WITH ORDINALITY AS t (customer_id, currency, product, amount, items, g) WHERE w.customer_id = t.customer_id AND w.currency = t.currency AND w.product = t.product AND NOT w.slow AND w.paid - w.held - t.amount >= w.fast_floor RETURNING t.g::int4 AS g, w.id, w.customer_id, w.currency, w.product, w.updated_at), opened AS (INSERT INTO holds (customer_id, key, id, wallet_id, currency, product, fingerprint, amount, description, metadata, created_at, expires_at) SELECT m.customer_id, i.key, i.id, m.id, m.currency, m.product, i.fingerprint, i.amount, i.description, i.metadata, m.updated_at, m.updated_at + i.seconds * interval '1 second' FROM ROWS FROM (unnest(");
        out.push_bind_param::<Array<Int4>, _>(&self.groups)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.ids)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<Numeric>, _>(&self.amounts)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.seconds)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.dedupe_keys)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.fingerprints)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.descriptions)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<Nullable<Jsonb>>, _>(&self.metadata)?;
        out.push_sql("), generate_series(1, ");
        out.push_bind_param::<Int4, _>(&self.items)?;
        out.push_sql(")) AS i (g, id, amount, seconds, key, fingerprint, description, metadata, n) JOIN moved m ON m.g = i.g) SELECT g, id, updated_at FROM moved");
        Ok(())
    }
}

/// Opens holds on paid money. Answers as [`usage`].
///
/// # Errors
/// As [`usage`].
pub async fn open_holds(conn: &AsyncPgConnection, postings: &[&Posting]) -> Result<Vec<Option<Booked>>, StorageError> {
    let asked = |posting: &Posting| match &posting.change {
        Change::OpenHold { id, amount, lifetime } => (*id, *amount, *lifetime),
        _ => (Uuid::nil(), Decimal::ZERO, chrono::Duration::zero()),
    };
    let groups = group(postings, |posting| asked(posting).1);
    let mut statement = OpenHolds {
        keys: groups.keys.iter().copied().collect(),
        totals: groups.totals.clone(),
        counts: groups.counts.clone(),
        groups: Vec::with_capacity(postings.len()),
        ids: Vec::with_capacity(postings.len()),
        amounts: Vec::with_capacity(postings.len()),
        seconds: Vec::with_capacity(postings.len()),
        dedupe_keys: Vec::with_capacity(postings.len()),
        fingerprints: Vec::with_capacity(postings.len()),
        descriptions: Vec::with_capacity(postings.len()),
        metadata: Vec::with_capacity(postings.len()),
        items: i32::try_from(postings.len()).unwrap_or(i32::MAX),
    };
    for (at, number, _, _) in &groups.items {
        let Some(posting) = postings.get(*at) else { continue };
        let (id, amount, lifetime) = asked(posting);
        statement.groups.push(*number);
        statement.ids.push(id);
        statement.amounts.push(amount);
        statement.seconds.push(lifetime.num_seconds());
        statement.dedupe_keys.push(posting.label.key.clone());
        statement.fingerprints.push(posting.label.fingerprint);
        statement.descriptions.push(posting.label.description.clone());
        statement.metadata.push(posting.label.metadata.clone());
    }
    let moved: Vec<(i32, Uuid, DateTime<Utc>)> = Cached(statement).load(&mut &*conn).await?;
    let moved: BTreeMap<i32, (Uuid, DateTime<Utc>)> =
        moved.into_iter().map(|(group, id, at)| (group, (id, at))).collect();
    let mut answers = vec![None; postings.len()];
    for (at, number, _, _) in groups.items {
        let (Some((wallet_id, now)), Some(posting)) = (moved.get(&number), postings.get(at)) else { continue };
        let (id, amount, lifetime) = asked(posting);
        let hold = Hold {
            id,
            wallet: posting.wallet.clone(),
            wallet_id: *wallet_id,
            key: posting.label.key.clone(),
            fingerprint: posting.label.fingerprint,
            amount,
            grant_parts: Vec::new(),
            description: posting.label.description.clone(),
            metadata: posting.label.metadata.clone(),
            created_at: *now,
            expires_at: *now + lifetime,
            status: HoldStatus::Open,
            captured: None,
            closed_at: None,
        };
        if let Some(answer) = answers.get_mut(at) {
            *answer = Some(Booked { wallet: Some(posting.wallet.clone()), entry: None, hold: Some(hold) });
        }
    }
    Ok(answers)
}
