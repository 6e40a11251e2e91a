//! Opening holds on paid money.

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
use crate::domain::hold::{Hold, HoldStatus};
use crate::domain::posting::{Booked, HoldOpening};
use crate::storage::StorageError;
use crate::storage::statement::{Cached, StaticSql};

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
        out.push_sql(") WITH ORDINALITY AS t (customer_id, currency, product, amount, items, g)");
        out.push_sql(ONE_BY_ONE);
        out.push_sql(" AND w.paid - w.held - t.amount >= w.fast_floor RETURNING t.g::int4 AS g, w.id, w.customer_id, w.currency, w.product, w.updated_at), opened AS (INSERT INTO holds (customer_id, key, id, wallet_id, currency, product, fingerprint, amount, description, metadata, created_at, expires_at) SELECT m.customer_id, i.key, i.id, m.id, m.currency, m.product, i.fingerprint, i.amount, i.description, i.metadata, m.updated_at, m.updated_at + i.seconds * interval '1 second' FROM ROWS FROM (unnest(");
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

struct KnownHolds(Keys);

impl StaticSql for KnownHolds {
    type Row = Int4;

    fn build<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.known(out, "FROM holds t WHERE")
    }
}

/// Opens holds on paid money. Returns as `super::usage()`.
///
/// # Errors
/// As `super::usage()`.
pub async fn open_holds(
    conn: &AsyncPgConnection,
    items: &[HoldOpening<'_>],
) -> Result<Vec<Option<Booked>>, StorageError> {
    match open(conn, items).await {
        Err(error) if is_repeated(&error, "holds_pkey", items.len()) => {}
        answered => return answered,
    }
    let keys = Keys::of(items.iter().map(|item| (item.wallet, item.label)));
    let known: Vec<i32> = Cached(KnownHolds(keys)).load(&mut &*conn).await?;
    let unknown = Unknown::among(items, known);
    let answers = open(conn, &unknown.postings).await?;
    Ok(unknown.spread(answers))
}

async fn open(conn: &AsyncPgConnection, items: &[HoldOpening<'_>]) -> Result<Vec<Option<Booked>>, StorageError> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let moves: Vec<_> = items.iter().map(|item| (item.wallet, item.amount.amount())).collect();
    let Groups { keys, totals, counts, items: grouped } = group(&moves);
    let mut statement = OpenHolds {
        keys: keys.into_iter().collect(),
        totals,
        counts,
        groups: Vec::with_capacity(items.len()),
        ids: Vec::with_capacity(items.len()),
        amounts: Vec::with_capacity(items.len()),
        seconds: Vec::with_capacity(items.len()),
        dedupe_keys: Vec::with_capacity(items.len()),
        fingerprints: Vec::with_capacity(items.len()),
        descriptions: Vec::with_capacity(items.len()),
        metadata: Vec::with_capacity(items.len()),
        items: item_count(items.len())?,
    };
    for (Grouped { group, .. }, item) in in_order(&grouped, items) {
        statement.groups.push(*group);
        statement.ids.push(item.id);
        statement.amounts.push(item.amount.amount());
        statement.seconds.push(item.lifetime.num_seconds());
        statement.dedupe_keys.push(item.label.key().to_owned());
        statement.fingerprints.push(item.label.fingerprint());
        statement.descriptions.push(item.label.description().map(str::to_owned));
        statement.metadata.push(item.label.metadata().cloned());
    }
    let moved: Vec<(i32, Uuid, DateTime<Utc>)> = Cached(statement).load(&mut &*conn).await?;
    let moved: BTreeMap<i32, (Uuid, DateTime<Utc>)> =
        moved.into_iter().map(|(group, id, at)| (group, (id, at))).collect();
    let mut answers = vec![None; items.len()];
    for (Grouped { at, group, .. }, item) in in_order(&grouped, items) {
        let (Some((wallet_id, now)), Some(answer)) = (moved.get(group), answers.get_mut(*at)) else { continue };
        let hold = Hold {
            id: item.id,
            wallet: item.wallet.clone(),
            wallet_id: *wallet_id,
            key: item.label.key().to_owned(),
            fingerprint: item.label.fingerprint(),
            amount: item.amount.amount(),
            grant_parts: Vec::new(),
            description: item.label.description().map(str::to_owned),
            metadata: item.label.metadata().cloned(),
            created_at: *now,
            expires_at: *now + item.lifetime,
            status: HoldStatus::Open,
            captured: None,
            closed_at: None,
        };
        *answer = Some(Booked { wallet: Some(item.wallet.clone()), entry: None, hold: Some(hold) });
    }
    Ok(answers)
}
