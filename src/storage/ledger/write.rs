//! What [`super::post`] writes: a fixed number of statements, whatever the number of postings.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Bool, Date, Int2, Jsonb, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::keys::KeyArrays;
use super::{event_writes, grant_writes, hold_writes};
use crate::domain::entry::Entry;
use crate::domain::wallet::{Effects, Wallet};
use crate::storage::StorageError;
use crate::storage::statement::{Cached, Parameters, Statement};

/// Writes changed wallets with their entries, grants and holds.
pub(super) async fn all(
    conn: &mut AsyncPgConnection,
    changed: &[(&Wallet, &Effects)],
    new_holds: &[Uuid],
) -> Result<(), StorageError> {
    let wallets: Vec<&Wallet> = changed.iter().map(|(wallet, _)| *wallet).collect();
    if wallets.is_empty() {
        return Ok(());
    }
    let written = Cached(UpdateWallets::new(&wallets)).execute(conn).await?;
    if written != wallets.len() {
        return Err(StorageError::Corrupt(format!("{written} of {} locked wallets were written", wallets.len())));
    }
    let with_entries: Vec<(&Wallet, &Entry)> = changed
        .iter()
        .flat_map(|(wallet, effects)| effects.entries.iter().map(move |entry| (*wallet, entry)))
        .collect();
    if !with_entries.is_empty() {
        Cached(InsertEntries::new(&with_entries)).execute(conn).await?;
    }
    grant_writes::all(conn, changed, &with_entries).await?;
    hold_writes::all(conn, changed, new_holds).await?;
    event_writes::all(conn, changed).await
}

#[derive(Default)]
struct UpdateWallets {
    keys: KeyArrays,
    needs_full_path: Vec<bool>,
    floors: Vec<Decimal>,
    granted: Vec<Decimal>,
    held: Vec<Decimal>,
    debt: Vec<Decimal>,
    paid: Vec<Decimal>,
    paid_in: Vec<Decimal>,
    paid_out: Vec<Decimal>,
    entry_seq: Vec<i64>,
    version: Vec<i64>,
    updated_at: Vec<DateTime<Utc>>,
    claimed: Vec<bool>,
    bonus_owed: Vec<Decimal>,
    guard_days: Vec<Option<NaiveDate>>,
    spent_today: Vec<Option<Decimal>>,
    spent_this_month: Vec<Option<Decimal>>,
    active_grants: Vec<Option<Uuid>>,
    active_remaining: Vec<Option<Decimal>>,
    active_held: Vec<Option<Decimal>>,
    grants_until: Vec<Option<DateTime<Utc>>>,
}

impl UpdateWallets {
    fn new(wallets: &[&Wallet]) -> Self {
        let mut rows = Self { keys: wallets.iter().map(|wallet| &wallet.key).collect(), ..Self::default() };
        for wallet in wallets {
            rows.needs_full_path.push(wallet.needs_full_path());
            rows.floors.push(wallet.fast_floor().amount());
            let parts = wallet.parts();
            rows.granted.push(parts.granted.amount());
            rows.held.push(parts.held.amount());
            rows.debt.push(parts.debt.amount());
            rows.paid.push(parts.paid.amount());
            rows.paid_in.push(parts.paid_in.amount());
            rows.paid_out.push(parts.paid_out.amount());
            rows.entry_seq.push(wallet.entry_seq);
            rows.version.push(wallet.version);
            rows.updated_at.push(wallet.updated_at);
            rows.claimed.push(wallet.is_claimed());
            rows.bonus_owed.push(wallet.bonus_owed().amount());
            let guard = wallet.guard.as_ref();
            rows.guard_days.push(guard.map(|guard| guard.day));
            rows.spent_today.push(guard.map(|guard| guard.spent_today.amount()));
            rows.spent_this_month.push(guard.map(|guard| guard.spent_this_month.amount()));
            let active = wallet.active_grant();
            rows.active_grants.push(active.map(|grant| grant.id));
            rows.active_remaining.push(active.map(|grant| grant.remaining.amount()));
            rows.active_held.push(active.map(|grant| grant.held.amount()));
            rows.grants_until.push(wallet.grants_until());
        }
        rows
    }
}

impl Statement for UpdateWallets {
    const TEXT: &'static str = include_str!("sql/update_wallets.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.keys.customers)?;
        parameters.add::<Array<Text>, _>(&self.keys.currencies)?;
        parameters.add::<Array<Text>, _>(&self.keys.products)?;
        parameters.add::<Array<Bool>, _>(&self.needs_full_path)?;
        for numbers in [&self.floors, &self.granted, &self.held, &self.debt, &self.paid, &self.paid_in, &self.paid_out]
        {
            parameters.add::<Array<Numeric>, _>(numbers)?;
        }
        parameters.add::<Array<BigInt>, _>(&self.entry_seq)?;
        parameters.add::<Array<BigInt>, _>(&self.version)?;
        parameters.add::<Array<Timestamptz>, _>(&self.updated_at)?;
        parameters.add::<Array<Bool>, _>(&self.claimed)?;
        parameters.add::<Array<Numeric>, _>(&self.bonus_owed)?;
        parameters.add::<Array<Nullable<Date>>, _>(&self.guard_days)?;
        for counts in [&self.spent_today, &self.spent_this_month] {
            parameters.add::<Array<Nullable<Numeric>>, _>(counts)?;
        }
        parameters.add::<Array<Nullable<SqlUuid>>, _>(&self.active_grants)?;
        for parts in [&self.active_remaining, &self.active_held] {
            parameters.add::<Array<Nullable<Numeric>>, _>(parts)?;
        }
        parameters.add::<Array<Nullable<Timestamptz>>, _>(&self.grants_until)
    }
}

#[derive(Default)]
struct InsertEntries {
    created_at: Vec<DateTime<Utc>>,
    seq: Vec<i64>,
    fingerprints: Vec<i64>,
    wallet_ids: Vec<Uuid>,
    kinds: Vec<i16>,
    customers: Vec<String>,
    amounts: Vec<Decimal>,
    balances: Vec<Decimal>,
    paid_in: Vec<Decimal>,
    paid_out: Vec<Decimal>,
    counterparts: Vec<String>,
    keys: Vec<String>,
    granted: Vec<Option<Decimal>>,
    debt: Vec<Option<Decimal>>,
    grant_ids: Vec<Option<Uuid>>,
    references: Vec<Option<String>>,
    descriptions: Vec<Option<String>>,
    metadata: Vec<Option<serde_json::Value>>,
    occurred_at: Vec<Option<DateTime<Utc>>>,
}

impl InsertEntries {
    fn new(entries: &[(&Wallet, &Entry)]) -> Self {
        let mut rows = Self::default();
        for (wallet, entry) in entries {
            let label = &entry.label;
            rows.created_at.push(entry.created_at);
            rows.seq.push(entry.seq);
            rows.fingerprints.push(label.fingerprint());
            rows.wallet_ids.push(entry.wallet_id);
            rows.kinds.push(label.kind().code());
            rows.customers.push(wallet.key.customer.as_str().to_owned());
            rows.amounts.push(entry.amount.amount());
            rows.balances.push(entry.balance_after.amount());
            rows.paid_in.push(entry.paid_in.amount());
            rows.paid_out.push(entry.paid_out.amount());
            rows.counterparts.push(label.counterpart().to_string());
            rows.keys.push(label.key().to_owned());
            // A null takes no space in the row.
            rows.granted.push(Some(entry.granted.amount()).filter(|part| !part.is_zero()));
            rows.debt.push(Some(entry.debt.amount()).filter(|part| !part.is_zero()));
            rows.grant_ids.push(entry.only_grant());
            rows.references.push(label.reference().map(str::to_owned));
            rows.descriptions.push(label.description().map(str::to_owned));
            rows.metadata.push(label.metadata().cloned());
            rows.occurred_at.push(label.occurred_at());
        }
        rows
    }
}

impl Statement for InsertEntries {
    const TEXT: &'static str = include_str!("sql/insert_entries.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Timestamptz>, _>(&self.created_at)?;
        parameters.add::<Array<BigInt>, _>(&self.seq)?;
        parameters.add::<Array<BigInt>, _>(&self.fingerprints)?;
        parameters.add::<Array<SqlUuid>, _>(&self.wallet_ids)?;
        parameters.add::<Array<Int2>, _>(&self.kinds)?;
        parameters.add::<Array<Text>, _>(&self.customers)?;
        for numbers in [&self.amounts, &self.balances, &self.paid_in, &self.paid_out] {
            parameters.add::<Array<Numeric>, _>(numbers)?;
        }
        parameters.add::<Array<Text>, _>(&self.counterparts)?;
        parameters.add::<Array<Text>, _>(&self.keys)?;
        for parts in [&self.granted, &self.debt] {
            parameters.add::<Array<Nullable<Numeric>>, _>(parts)?;
        }
        parameters.add::<Array<Nullable<SqlUuid>>, _>(&self.grant_ids)?;
        for texts in [&self.references, &self.descriptions] {
            parameters.add::<Array<Nullable<Text>>, _>(texts)?;
        }
        parameters.add::<Array<Nullable<Jsonb>>, _>(&self.metadata)?;
        parameters.add::<Array<Nullable<Timestamptz>>, _>(&self.occurred_at)?;
        Ok(())
    }
}
