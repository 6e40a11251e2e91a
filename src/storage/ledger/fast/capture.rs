//! Capturing holds of paid money, up to what they reserved.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Int4, Jsonb, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::super::keys::wallet_key;
use super::ONE_BY_ONE;
use crate::domain::entry::Entry;
use crate::domain::hold::{Hold, HoldStatus};
use crate::domain::posting::{Booked, HoldCapture};
use crate::storage::StorageError;
use crate::storage::statement::{Cached, StaticSql};

struct CaptureHolds {
    ids: Vec<Uuid>,
    amounts: Vec<Decimal>,
    fingerprints: Vec<i64>,
}

impl StaticSql for CaptureHolds {
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
        BigInt,
        Numeric,
        Numeric,
        Numeric,
        Timestamptz,
        Int4,
    );

    fn build<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // Holds are closed first, in id order, then their wallets: the order of all writers. A hold whose wallet is
        // not for the fast path is left out; where that turns out only under the wallet's lock, the statement fails:
        // a closed hold without its wallet is lost money. The wallet is looked at by a subquery that answers a value,
        // for that is run once a hold, by the index: EXISTS would be planned as a join, which has an order of its own.
        // FULL JOIN, though no wallet moves without a hold: that cannot be a nested loop, which the planner, who expects
        // one hold and one wallet, would take, and compare each hold of the flush with each wallet.
        out.push_sql("WITH closed AS (UPDATE holds h SET status = 'captured', captured = a.amount, closed_at = clock_timestamp() FROM ROWS FROM (unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.ids)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<Numeric>, _>(&self.amounts)?;
        out.push_sql("), unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.fingerprints)?;
        out.push_sql(")) WITH ORDINALITY AS a (id, amount, asked, n) WHERE h.id = ANY (ARRAY[a.id]) AND h.status = 'open' AND h.expires_at > clock_timestamp() AND h.granted = 0 AND a.amount > 0 AND a.amount <= h.amount AND (SELECT NOT w.slow AND (w.low_balance_threshold IS NULL OR w.fast_floor > 0) FROM wallets w WHERE w.customer_id = h.customer_id AND w.id = h.wallet_id) RETURNING a.n, a.amount AS taken, a.asked, h.*), \
             total AS (SELECT customer_id, currency, product, sum(amount) AS held, sum(taken) AS taken, count(*) AS items FROM closed GROUP BY 1, 2, 3 ORDER BY customer_id COLLATE \"C\", currency COLLATE \"C\", product COLLATE \"C\"), \
             moved AS (UPDATE wallets w SET held = w.held - t.held, paid = w.paid - t.taken, paid_out = w.paid_out + t.taken, entry_seq = w.entry_seq + t.items, version = w.version + t.items, updated_at = greatest(clock_timestamp(), w.updated_at) FROM total t");
        out.push_sql(ONE_BY_ONE);
        out.push_sql(" AND (w.low_balance_threshold IS NULL OR w.fast_floor > 0) RETURNING w.id, w.paid + t.taken AS paid, w.paid_in, w.paid_out - t.taken AS paid_out, w.entry_seq - t.items AS seq, w.updated_at), \
             placed AS (SELECT c.*, coalesce(m.seq, fast_path_refused()) + row_number() OVER wallet AS seq, sum(c.taken) OVER wallet AS running, m.paid, m.paid_in, m.paid_out, m.updated_at AS moved_at FROM closed c FULL JOIN moved m ON m.id = c.wallet_id WINDOW wallet AS (PARTITION BY c.wallet_id ORDER BY c.n)), \
             booked AS (INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after, paid_in, paid_out, counterpart, key, reference, description, metadata) SELECT moved_at, seq, asked, wallet_id, 3, customer_id, -taken, paid - running, paid_in, paid_out + running, 'usage', 'hold_' || replace(id::text, '-', ''), 'hold_' || replace(id::text, '-', ''), description, metadata FROM placed) \
             SELECT id, customer_id, key, currency, product, wallet_id, amount, description, metadata, created_at, expires_at, fingerprint, seq, paid - running, paid_in, paid_out + running, moved_at, n::int4 FROM placed");
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
    seq: i64,
    balance_after: Decimal,
    paid_in: Decimal,
    paid_out: Decimal,
    at: DateTime<Utc>,
    n: i32,
}

/// Captures holds of paid money. Returns for each what was booked, or `None` where [`crate::storage::ledger::post`] must
/// decide. No hold may be named twice in one call.
///
/// # Errors
/// As `super::usage()`.
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
    let entry = Entry {
        wallet_id: row.wallet_id,
        seq: row.seq,
        label: item.label.clone(),
        amount: -item.amount,
        granted: Decimal::ZERO,
        debt: Decimal::ZERO,
        balance_after: row.balance_after,
        paid_in: row.paid_in,
        paid_out: row.paid_out,
        created_at: row.at,
        grant_uses: Vec::new(),
    };
    let hold = Hold {
        id: row.id,
        wallet: wallet.clone(),
        wallet_id: row.wallet_id,
        key: row.key,
        fingerprint: row.fingerprint,
        amount: row.amount,
        grant_parts: Vec::new(),
        description: row.description,
        metadata: row.metadata,
        created_at: row.created_at,
        expires_at: row.expires_at,
        status: HoldStatus::Captured,
        captured: Some(item.amount),
        closed_at: Some(row.at),
    };
    Ok(Booked { wallet: Some(wallet), entry: Some(entry), hold: Some(hold) })
}
