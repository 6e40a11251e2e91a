//! Writes new holds and changed holds.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Nullable, Numeric, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use crate::domain::hold::Hold;
use crate::domain::money::Money;
use crate::domain::wallet::{Effects, Wallet};
use crate::storage::StorageError;
use crate::storage::schema::holds;
use crate::storage::statement::{Cached, Parameters, Statement};

/// Inserts the new holds and updates the others. A hold that changed several times is written in its last state.
pub(super) async fn all(
    conn: &mut AsyncPgConnection,
    changed: &[(&Wallet, &Effects)],
    new: &[Uuid],
) -> Result<(), StorageError> {
    let mut last: BTreeMap<Uuid, &Hold> = BTreeMap::new();
    for hold in changed.iter().flat_map(|(_, effects)| effects.holds.iter()) {
        last.insert(hold.id, hold);
    }
    let mut inserts = Vec::new();
    let mut updates = UpdateHolds::default();
    for hold in last.values() {
        if new.contains(&hold.id) {
            inserts.push((
                holds::customer_id.eq(hold.wallet.customer.as_str()),
                holds::key.eq(&hold.key),
                holds::id.eq(hold.id),
                holds::wallet_id.eq(hold.wallet_id),
                holds::currency.eq(hold.wallet.currency.code()),
                holds::product.eq(hold.wallet.product.as_column()),
                holds::fingerprint.eq(hold.fingerprint),
                holds::amount.eq(hold.amount.amount()),
                holds::granted.eq(hold.granted().amount()),
                holds::grant_id.eq(hold.only_grant()),
                holds::grant_parts.eq(grant_parts_to_json(hold)),
                holds::description.eq(&hold.description),
                holds::metadata.eq(&hold.metadata),
                holds::created_at.eq(hold.created_at),
                holds::expires_at.eq(hold.expires_at),
                holds::status.eq(hold.status.as_str()),
                holds::captured.eq(hold.captured.map(Money::amount)),
                holds::closed_at.eq(hold.closed_at),
            ));
        } else {
            updates.push(hold);
        }
    }
    let known = updates.keys.len();
    if known > 0 {
        // The rows are locked already, so the order in which the statement finds them does not matter.
        let written = Cached(updates).execute(conn).await?;
        if written != known {
            return Err(StorageError::Corrupt(format!("{written} of {known} locked holds were written")));
        }
    }
    if !inserts.is_empty() {
        diesel::insert_into(holds::table).values(inserts).execute(conn).await?;
    }
    Ok(())
}

/// The columns of a hold that can change later.
#[derive(Default)]
struct UpdateHolds {
    customers: Vec<String>,
    keys: Vec<String>,
    statuses: Vec<&'static str>,
    captured: Vec<Option<Decimal>>,
    closed_at: Vec<Option<DateTime<Utc>>>,
    expires_at: Vec<DateTime<Utc>>,
}

impl UpdateHolds {
    fn push(&mut self, hold: &Hold) {
        self.customers.push(hold.wallet.customer.as_str().to_owned());
        self.keys.push(hold.key.clone());
        self.statuses.push(hold.status.as_str());
        self.captured.push(hold.captured.map(Money::amount));
        self.closed_at.push(hold.closed_at);
        self.expires_at.push(hold.expires_at);
    }
}

impl Statement for UpdateHolds {
    const TEXT: &'static str = include_str!("sql/update_holds.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<Text>, _>(&self.keys)?;
        parameters.add::<Array<Text>, _>(&self.statuses)?;
        parameters.add::<Array<Nullable<Numeric>>, _>(&self.captured)?;
        parameters.add::<Array<Nullable<Timestamptz>>, _>(&self.closed_at)?;
        parameters.add::<Array<Timestamptz>, _>(&self.expires_at)?;
        Ok(())
    }
}

/// The parts of several grants. A single part is stored in a column.
fn grant_parts_to_json(hold: &Hold) -> Option<serde_json::Value> {
    (hold.grant_parts.len() > 1).then(|| {
        hold.grant_parts
            .iter()
            .map(|(id, amount)| json!({"grant_id": id, "amount": amount.amount().normalize().to_string()}))
            .collect()
    })
}

/// Reads what [`grant_parts_to_json`] wrote.
pub(super) fn grant_parts_from_json(json: &serde_json::Value) -> Result<Vec<(Uuid, Decimal)>, StorageError> {
    let part = |part: &serde_json::Value| {
        let id = part.get("grant_id")?.as_str()?.parse().ok()?;
        let amount = part.get("amount")?.as_str()?.parse().ok()?;
        Some((id, amount))
    };
    json.as_array()
        .and_then(|parts| parts.iter().map(part).collect::<Option<Vec<_>>>())
        .ok_or_else(|| StorageError::Corrupt("grant parts of a hold".to_owned()))
}
