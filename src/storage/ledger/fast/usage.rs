//! Ordinary deductions: usage that one part of its wallet covers, the active grant or paid money.

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
use crate::domain::entry::Entry;
use crate::domain::money::Money;
use crate::domain::posting::{Booked, Deduction};
use crate::storage::StorageError;
use crate::storage::statement::{Cached, Parameters, Statement};

/// The state of a moved wallet before the first item of its group, as the statement returns it.
#[derive(Queryable)]
struct MovedWallet {
    group: i32,
    wallet_id: Uuid,
    active_grant: Option<Uuid>,
    balance: Decimal,
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
    labels: Labels,
    occurred_at: Vec<Option<DateTime<Utc>>>,
    items: i32,
}

impl Statement for MoveUsage {
    const TEXT: &'static str = include_str!("../sql/fast_usage.sql");
    type Row = (Int4, SqlUuid, Nullable<SqlUuid>, Numeric, Numeric, Numeric, BigInt, Timestamptz);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.keys.customers)?;
        parameters.add::<Array<Text>, _>(&self.keys.currencies)?;
        parameters.add::<Array<Text>, _>(&self.keys.products)?;
        parameters.add::<Array<Numeric>, _>(&self.totals)?;
        parameters.add::<Array<BigInt>, _>(&self.counts)?;
        parameters.add::<Array<Int4>, _>(&self.groups)?;
        parameters.add::<Array<BigInt>, _>(&self.places)?;
        parameters.add::<Array<Numeric>, _>(&self.running)?;
        parameters.add::<Array<Numeric>, _>(&self.amounts)?;
        self.labels.bind(parameters)?;
        parameters.add::<Array<Nullable<Timestamptz>>, _>(&self.occurred_at)?;
        parameters.add::<Int4, _>(&self.items)?;
        Ok(())
    }
}

struct KnownUsage(Keys);

impl Statement for KnownUsage {
    const TEXT: &'static str = include_str!("../sql/fast_known_usage.sql");
    type Row = Int4;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        self.0.bind(parameters)
    }
}

/// Books ordinary deductions. Returns for each what was booked, or `None` if [`crate::storage::ledger::post`] must
/// decide.
///
/// # Errors
/// Database errors. Nothing was booked, unless the connection was lost: then a repetition with the same keys shows
/// whether it was.
pub async fn usage(conn: &AsyncPgConnection, items: &[Deduction<'_>]) -> Result<Vec<Option<Booked>>, StorageError> {
    match move_usage(conn, items).await {
        Err(error) if is_repeated(&error, "entries_key_once", items.len()) => {}
        answered => return answered,
    }
    let keys = Keys::of(items.iter().map(|item| (item.wallet, item.label)));
    let known: Vec<i32> = Cached(KnownUsage(keys)).load(&mut &*conn).await?;
    let unknown = Unknown::among(items, known);
    let answers = move_usage(conn, &unknown.postings).await?;
    Ok(unknown.spread(answers))
}

async fn move_usage(conn: &AsyncPgConnection, items: &[Deduction<'_>]) -> Result<Vec<Option<Booked>>, StorageError> {
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
        labels: Labels::with_capacity(items.len()),
        occurred_at: Vec::with_capacity(items.len()),
        items: item_count(items.len())?,
    };
    for (Grouped { group, place, running, .. }, item) in in_order(&grouped, items) {
        statement.groups.push(*group);
        statement.places.push(*place);
        statement.running.push(*running);
        statement.amounts.push(item.amount.amount());
        statement.labels.push(item.label);
        statement.occurred_at.push(item.label.occurred_at());
    }
    let moved: Vec<MovedWallet> = Cached(statement).load(&mut &*conn).await?;
    let moved: BTreeMap<i32, MovedWallet> = moved.into_iter().map(|row| (row.group, row)).collect();
    let mut answers = vec![None; items.len()];
    for (Grouped { at, group, place, running }, item) in in_order(&grouped, items) {
        let (Some(wallet), Some(answer)) = (moved.get(group), answers.get_mut(*at)) else { continue };
        let money = |amount| Money::from_ledger(amount, item.wallet.currency);
        let is_granted = wallet.active_grant.is_some();
        let entry = Entry {
            wallet_id: wallet.wallet_id,
            seq: wallet.seq + place,
            label: item.label.clone(),
            amount: -item.amount,
            granted: if is_granted { -item.amount } else { money(Decimal::ZERO) },
            debt: money(Decimal::ZERO),
            balance_after: money(wallet.balance - running),
            paid_in: money(wallet.paid_in),
            paid_out: money(if is_granted { wallet.paid_out } else { wallet.paid_out + running }),
            created_at: wallet.at,
            grant_uses: wallet.active_grant.map(|id| (id, -item.amount)).into_iter().collect(),
        };
        *answer = Some(Booked { wallet: Some(item.wallet.clone()), entry: Some(entry), hold: None });
    }
    Ok(answers)
}
