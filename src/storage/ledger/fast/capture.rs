//! Captures holds that reserve one part (paid money or the active grant), up to what they reserved.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Int4, Jsonb, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::super::keys::wallet_key;
use crate::domain::entry::Entry;
use crate::domain::hold::{Hold, HoldStatus};
use crate::domain::money::Money;
use crate::domain::posting::{Booked, HoldCapture};
use crate::storage::StorageError;
use crate::storage::statement::{Cached, Parameters, Statement};

struct CaptureHolds {
    ids: Vec<Uuid>,
    amounts: Vec<Decimal>,
    fingerprints: Vec<i64>,
}

impl Statement for CaptureHolds {
    const TEXT: &'static str = include_str!("../sql/fast_capture_holds.sql");
    type Row = (
        SqlUuid,
        Text,
        Text,
        Text,
        Text,
        SqlUuid,
        Numeric,
        Nullable<Text>,
        Nullable<Jsonb>,
        Timestamptz,
        Timestamptz,
        BigInt,
        Nullable<SqlUuid>,
        BigInt,
        Numeric,
        Numeric,
        Numeric,
        Timestamptz,
        Int4,
    );

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<SqlUuid>, _>(&self.ids)?;
        parameters.add::<Array<Numeric>, _>(&self.amounts)?;
        parameters.add::<Array<BigInt>, _>(&self.fingerprints)?;
        Ok(())
    }
}

#[derive(Queryable)]
struct Captured {
    id: Uuid,
    customer_id: String,
    key: String,
    currency: String,
    product: String,
    wallet_id: Uuid,
    amount: Decimal,
    description: Option<String>,
    metadata: Option<serde_json::Value>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    fingerprint: i64,
    grant_id: Option<Uuid>,
    seq: i64,
    balance_after: Decimal,
    paid_in: Decimal,
    paid_out: Decimal,
    at: DateTime<Utc>,
    n: i32,
}

/// Captures ordinary holds. Returns for each what was booked, or `None` if [`crate::storage::ledger::post`] must
/// decide. No hold may be named twice in one call.
///
/// # Errors
/// The errors of `super::usage()`.
pub async fn captures(
    conn: &AsyncPgConnection,
    items: &[HoldCapture<'_>],
) -> Result<Vec<Option<Booked>>, StorageError> {
    let mut by_id: Vec<(usize, &HoldCapture<'_>)> = items.iter().enumerate().collect();
    by_id.sort_by_key(|(_, item)| item.hold_id);
    let statement = CaptureHolds {
        ids: by_id.iter().map(|(_, item)| item.hold_id).collect(),
        amounts: by_id.iter().map(|(_, item)| item.amount).collect(),
        fingerprints: by_id.iter().map(|(_, item)| item.label.fingerprint()).collect(),
    };
    let rows: Vec<Captured> = Cached(statement).load(&mut &*conn).await?;
    let mut by_place: BTreeMap<usize, Captured> =
        rows.into_iter().filter_map(|row| Some((usize::try_from(row.n).ok()?, row))).collect();
    let mut answers = vec![None; items.len()];
    for ((at, item), place) in by_id.into_iter().zip(1_usize..) {
        let (Some(row), Some(answer)) = (by_place.remove(&place), answers.get_mut(at)) else { continue };
        *answer = Some(booked(row, item)?);
    }
    Ok(answers)
}

fn booked(row: Captured, item: &HoldCapture<'_>) -> Result<Booked, StorageError> {
    let wallet = wallet_key(&row.customer_id, &row.currency, &row.product)?;
    let money = |amount| Money::from_ledger(amount, wallet.currency);
    let captured = money(item.amount);
    let entry = Entry {
        wallet_id: row.wallet_id,
        seq: row.seq,
        label: item.label.clone().with_key(row.key.clone()),
        amount: -captured,
        granted: if row.grant_id.is_some() { -captured } else { money(Decimal::ZERO) },
        debt: money(Decimal::ZERO),
        balance_after: money(row.balance_after),
        paid_in: money(row.paid_in),
        paid_out: money(row.paid_out),
        created_at: row.at,
        grant_uses: row.grant_id.map(|id| (id, -captured)).into_iter().collect(),
    };
    let hold = Hold {
        id: row.id,
        wallet: wallet.clone(),
        wallet_id: row.wallet_id,
        key: row.key,
        fingerprint: row.fingerprint,
        amount: money(row.amount),
        grant_parts: row.grant_id.map(|id| (id, money(row.amount))).into_iter().collect(),
        description: row.description,
        metadata: row.metadata,
        created_at: row.created_at,
        expires_at: row.expires_at,
        status: HoldStatus::Captured,
        captured: Some(captured),
        closed_at: Some(row.at),
    };
    Ok(Booked { wallet: Some(wallet), entry: Some(entry), hold: Some(hold) })
}
