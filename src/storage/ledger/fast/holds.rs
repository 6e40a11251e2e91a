//! Opens holds that reserve one part of their wallet: the active grant or paid money.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Int4, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::super::keys::KeyArrays;
use super::repeated::{Keys, Unknown, is_repeated};
use super::{Grouped, Groups, Labels, group, in_order, item_count};
use crate::domain::hold::{Hold, HoldStatus};
use crate::domain::posting::{Booked, HoldOpening};
use crate::storage::StorageError;
use crate::storage::statement::{Cached, Parameters, Statement};

struct OpenHolds {
    keys: KeyArrays,
    totals: Vec<Decimal>,
    counts: Vec<i64>,
    groups: Vec<i32>,
    ids: Vec<Uuid>,
    amounts: Vec<Decimal>,
    seconds: Vec<i64>,
    labels: Labels,
    items: i32,
}

impl Statement for OpenHolds {
    const TEXT: &'static str = include_str!("../sql/fast_open_holds.sql");
    type Row = (Int4, SqlUuid, Nullable<SqlUuid>, Timestamptz);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.keys.customers)?;
        parameters.add::<Array<Text>, _>(&self.keys.currencies)?;
        parameters.add::<Array<Text>, _>(&self.keys.products)?;
        parameters.add::<Array<Numeric>, _>(&self.totals)?;
        parameters.add::<Array<BigInt>, _>(&self.counts)?;
        parameters.add::<Array<Int4>, _>(&self.groups)?;
        parameters.add::<Array<SqlUuid>, _>(&self.ids)?;
        parameters.add::<Array<Numeric>, _>(&self.amounts)?;
        parameters.add::<Array<BigInt>, _>(&self.seconds)?;
        self.labels.bind(parameters)?;
        parameters.add::<Int4, _>(&self.items)?;
        Ok(())
    }
}

struct KnownHolds(Keys);

impl Statement for KnownHolds {
    const TEXT: &'static str = include_str!("../sql/fast_known_holds.sql");
    type Row = Int4;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        self.0.bind(parameters)
    }
}

/// Opens ordinary holds. Returns the opened hold for each, or `None` if [`crate::storage::ledger::post`] must decide.
///
/// # Errors
/// The errors of `super::usage()`.
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
        labels: Labels::with_capacity(items.len()),
        items: item_count(items.len())?,
    };
    for (Grouped { group, .. }, item) in in_order(&grouped, items) {
        statement.groups.push(*group);
        statement.ids.push(item.id);
        statement.amounts.push(item.amount.amount());
        statement.seconds.push(item.lifetime.num_seconds());
        statement.labels.push(item.label);
    }
    let moved: Vec<(i32, Uuid, Option<Uuid>, DateTime<Utc>)> = Cached(statement).load(&mut &*conn).await?;
    let moved: BTreeMap<i32, (Uuid, Option<Uuid>, DateTime<Utc>)> =
        moved.into_iter().map(|(group, id, grant, at)| (group, (id, grant, at))).collect();
    let mut answers = vec![None; items.len()];
    for (Grouped { at, group, .. }, item) in in_order(&grouped, items) {
        let (Some((wallet_id, grant, now)), Some(answer)) = (moved.get(group), answers.get_mut(*at)) else { continue };
        let hold = Hold {
            id: item.id,
            wallet: item.wallet.clone(),
            wallet_id: *wallet_id,
            key: item.label.key().to_owned(),
            fingerprint: item.label.fingerprint(),
            amount: item.amount,
            grant_parts: grant.map(|id| (id, item.amount)).into_iter().collect(),
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
