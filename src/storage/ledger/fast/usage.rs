//! Ordinary deductions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Int4, Jsonb, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::super::keys::KeyArrays;
use super::repeated::{Keys, Unknown, is_repeated};
use super::{Grouped, Groups, ONE_BY_ONE, group, in_order, item_count};
use crate::domain::entry::Entry;
use crate::domain::posting::{Booked, Deduction};
use crate::storage::StorageError;
use crate::storage::statement::{Cached, StaticSql};

/// What a moved wallet was before its group, as the statement returns it.
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
        out.push_sql(") WITH ORDINALITY AS t (customer_id, currency, product, amount, items, g)");
        out.push_sql(ONE_BY_ONE);
        out.push_sql(" AND w.paid - w.held - t.amount >= w.fast_floor RETURNING t.g::int4 AS g, w.id, w.customer_id, w.paid + t.amount AS paid, w.paid_in, w.paid_out - t.amount AS paid_out, w.entry_seq - t.items AS seq, w.updated_at), booked AS (INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after, paid_in, paid_out, counterpart, key, description, metadata, occurred_at) SELECT m.updated_at, m.seq + i.place, i.fingerprint, m.id, 2, m.customer_id, -i.amount, m.paid - i.running, m.paid_in, m.paid_out + i.running, 'usage', i.key, i.description, i.metadata, i.occurred_at FROM ROWS FROM (unnest(");
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

struct KnownUsage(Keys);

impl StaticSql for KnownUsage {
    type Row = Int4;

    fn build<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.known(out, "FROM entries t WHERE t.kind = 2 AND")
    }
}

/// Books ordinary deductions. Returns for each what was booked, or `None` where [`crate::storage::ledger::post`] must
/// decide.
///
/// # Errors
/// Nothing was booked. After a lost connection that is not known; the same keys again tell.
pub async fn usage(conn: &AsyncPgConnection, items: &[Deduction<'_>]) -> Result<Vec<Option<Booked>>, StorageError> {
    match book(conn, items).await {
        Err(error) if is_repeated(&error, "entries_key_once", items.len()) => {}
        answered => return answered,
    }
    let keys = Keys::of(items.iter().map(|item| (item.wallet, item.label)));
    let known: Vec<i32> = Cached(KnownUsage(keys)).load(&mut &*conn).await?;
    let unknown = Unknown::among(items, known);
    let answers = book(conn, &unknown.postings).await?;
    Ok(unknown.spread(answers))
}

async fn book(conn: &AsyncPgConnection, items: &[Deduction<'_>]) -> Result<Vec<Option<Booked>>, StorageError> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let moves: Vec<_> = items.iter().map(|item| (item.wallet, item.amount.amount())).collect();
    let Groups { keys, totals, counts, items: grouped } = group(&moves);
    let mut statement = MoveUsage {
        keys: keys.into_iter().collect(),
        totals,
        counts,
        groups: Vec::with_capacity(items.len()),
        places: Vec::with_capacity(items.len()),
        running: Vec::with_capacity(items.len()),
        amounts: Vec::with_capacity(items.len()),
        dedupe_keys: Vec::with_capacity(items.len()),
        fingerprints: Vec::with_capacity(items.len()),
        descriptions: Vec::with_capacity(items.len()),
        metadata: Vec::with_capacity(items.len()),
        occurred_at: Vec::with_capacity(items.len()),
        items: item_count(items.len())?,
    };
    for (Grouped { group, place, running, .. }, item) in in_order(&grouped, items) {
        statement.groups.push(*group);
        statement.places.push(*place);
        statement.running.push(*running);
        statement.amounts.push(item.amount.amount());
        statement.dedupe_keys.push(item.label.key().to_owned());
        statement.fingerprints.push(item.label.fingerprint());
        statement.descriptions.push(item.label.description().map(str::to_owned));
        statement.metadata.push(item.label.metadata().cloned());
        statement.occurred_at.push(item.label.occurred_at());
    }
    let moved: Vec<Moved> = Cached(statement).load(&mut &*conn).await?;
    let moved: BTreeMap<i32, Moved> = moved.into_iter().map(|row| (row.group, row)).collect();
    let mut answers = vec![None; items.len()];
    for (Grouped { at, group, place, running }, item) in in_order(&grouped, items) {
        let (Some(wallet), Some(answer)) = (moved.get(group), answers.get_mut(*at)) else { continue };
        let entry = Entry {
            wallet_id: wallet.wallet_id,
            seq: wallet.seq + place,
            label: item.label.clone(),
            amount: -item.amount.amount(),
            granted: Decimal::ZERO,
            debt: Decimal::ZERO,
            balance_after: wallet.paid - running,
            paid_in: wallet.paid_in,
            paid_out: wallet.paid_out + running,
            created_at: wallet.at,
            grant_uses: Vec::new(),
        };
        *answer = Some(Booked { wallet: Some(item.wallet.clone()), entry: Some(entry), hold: None });
    }
    Ok(answers)
}
