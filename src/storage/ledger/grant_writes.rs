//! Writes grants, and which grants an entry used. A wallet can have thousands of grants, and a statement has at most
//! 65,535 parameters, so the values are passed as arrays.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Int2, Jsonb, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::client_data::ClientData;
use crate::domain::entry::Entry;
use crate::domain::grant::Grant;
use crate::domain::wallet::{Effects, Wallet};
use crate::storage::StorageError;
use crate::storage::statement::{Cached, Parameters, Statement};

/// Writes the new and the changed grants of these wallets, and the grants that these entries used, unless the entry's
/// own row names them.
pub(super) async fn all(
    conn: &mut AsyncPgConnection,
    changed: &[(&Wallet, &Effects)],
    entries: &[(&Wallet, &Entry)],
) -> Result<(), StorageError> {
    let used_now = entries.iter().filter_map(|(_, entry)| entry.only_grant());
    let used: HashSet<Uuid> =
        changed.iter().filter_map(|(wallet, _)| wallet.active_when_read).chain(used_now).collect();
    let mut grants = UpsertGrants::default();
    for (wallet, effects) in changed {
        for grant in wallet.grants() {
            let attached = effects.attached.iter().find(|(id, _)| *id == grant.id).map(|(_, attached)| attached);
            grants.push(wallet, grant, attached, used.contains(&grant.id));
        }
    }
    if !grants.ids.is_empty() {
        Cached(grants).execute(conn).await?;
    }
    let mut uses = InsertUses::default();
    for (wallet, entry) in entries.iter().filter(|(_, entry)| entry.only_grant().is_none()) {
        for (grant_id, amount) in &entry.grant_uses {
            uses.customers.push(wallet.key.customer.as_str().to_owned());
            uses.wallet_ids.push(entry.wallet_id);
            uses.seq.push(entry.seq);
            uses.grant_ids.push(*grant_id);
            uses.amounts.push(amount.amount());
        }
    }
    if !uses.seq.is_empty() {
        Cached(uses).execute(conn).await?;
    }
    Ok(())
}

#[derive(Default)]
struct UpsertGrants {
    customers: Vec<String>,
    ids: Vec<Uuid>,
    wallet_ids: Vec<Uuid>,
    amounts: Vec<Decimal>,
    remaining: Vec<Decimal>,
    held: Vec<Decimal>,
    priorities: Vec<i16>,
    expires_at: Vec<Option<DateTime<Utc>>>,
    reasons: Vec<String>,
    order_ids: Vec<Option<Uuid>>,
    created_by: Vec<String>,
    created_at: Vec<DateTime<Utc>>,
    owed: Vec<Decimal>,
    used_to: Vec<i64>,
    client_references: Vec<Option<String>>,
    metadata: Vec<Option<serde_json::Value>>,
}

impl UpsertGrants {
    fn push(&mut self, wallet: &Wallet, grant: &Grant, attached: Option<&ClientData>, is_used: bool) {
        self.customers.push(wallet.key.customer.as_str().to_owned());
        self.ids.push(grant.id);
        self.wallet_ids.push(wallet.id);
        self.amounts.push(grant.amount.amount());
        self.remaining.push(grant.remaining.amount());
        self.held.push(grant.held.amount());
        self.priorities.push(grant.priority);
        self.expires_at.push(grant.expires_at);
        self.reasons.push(grant.reason.clone());
        self.order_ids.push(grant.order_id);
        self.created_by.push(grant.created_by.clone());
        self.created_at.push(grant.created_at);
        self.owed.push(grant.owed.amount());
        self.used_to.push(if is_used { wallet.entry_seq } else { 0 });
        self.client_references.push(attached.and_then(|attached| attached.reference.clone()));
        self.metadata.push(attached.and_then(|attached| attached.metadata.clone()));
    }
}

impl Statement for UpsertGrants {
    const TEXT: &'static str = include_str!("sql/upsert_grants.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        for ids in [&self.ids, &self.wallet_ids] {
            parameters.add::<Array<SqlUuid>, _>(ids)?;
        }
        for amounts in [&self.amounts, &self.remaining, &self.held] {
            parameters.add::<Array<Numeric>, _>(amounts)?;
        }
        parameters.add::<Array<Int2>, _>(&self.priorities)?;
        parameters.add::<Array<Nullable<Timestamptz>>, _>(&self.expires_at)?;
        parameters.add::<Array<Text>, _>(&self.reasons)?;
        parameters.add::<Array<Nullable<SqlUuid>>, _>(&self.order_ids)?;
        parameters.add::<Array<Text>, _>(&self.created_by)?;
        parameters.add::<Array<Timestamptz>, _>(&self.created_at)?;
        parameters.add::<Array<Numeric>, _>(&self.owed)?;
        parameters.add::<Array<BigInt>, _>(&self.used_to)?;
        parameters.add::<Array<Nullable<Text>>, _>(&self.client_references)?;
        parameters.add::<Array<Nullable<Jsonb>>, _>(&self.metadata)
    }
}

#[derive(Default)]
struct InsertUses {
    customers: Vec<String>,
    wallet_ids: Vec<Uuid>,
    seq: Vec<i64>,
    grant_ids: Vec<Uuid>,
    amounts: Vec<Decimal>,
}

impl Statement for InsertUses {
    const TEXT: &'static str = include_str!("sql/insert_grant_uses.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<SqlUuid>, _>(&self.wallet_ids)?;
        parameters.add::<Array<BigInt>, _>(&self.seq)?;
        parameters.add::<Array<SqlUuid>, _>(&self.grant_ids)?;
        parameters.add::<Array<Numeric>, _>(&self.amounts)?;
        Ok(())
    }
}
