//! Reads holds, and locks those that a posting closes.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use diesel::dsl::{AsSelect, SqlTypeOf};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::keys::wallet_key;
use crate::domain::hold::{Hold, HoldStatus};
use crate::domain::money::Money;
use crate::domain::wallet::Wallet;
use crate::domain::wallet_key::WalletKey;
use crate::storage::StorageError;
use crate::storage::schema::holds;
use crate::storage::statement::{Cached, Parameters, Statement};

/// A row of the table `holds`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = holds)]
pub struct HoldRow {
    customer_id: String,
    key: String,
    id: Uuid,
    wallet_id: Uuid,
    currency: String,
    product: String,
    fingerprint: i64,
    amount: Decimal,
    granted: Decimal,
    grant_id: Option<Uuid>,
    grant_parts: Option<serde_json::Value>,
    description: Option<String>,
    metadata: Option<serde_json::Value>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    status: String,
    captured: Option<Decimal>,
    closed_at: Option<DateTime<Utc>>,
}

impl HoldRow {
    /// The row as a domain type.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`].
    pub fn into_hold(self) -> Result<Hold, StorageError> {
        let status = HoldStatus::parse(&self.status).ok_or_else(|| StorageError::Corrupt(self.status.clone()))?;
        let wallet = wallet_key(&self.customer_id, &self.currency, &self.product)?;
        let money = |amount| Money::from_ledger(amount, wallet.currency);
        let parts: Vec<(Uuid, Decimal)> = match (self.grant_id, self.grant_parts) {
            (Some(id), _) => vec![(id, self.granted)],
            (None, Some(json)) => super::hold_writes::grant_parts_from_json(&json)?,
            (None, None) => Vec::new(),
        };
        Ok(Hold {
            id: self.id,
            wallet_id: self.wallet_id,
            key: self.key,
            fingerprint: self.fingerprint,
            amount: money(self.amount),
            grant_parts: parts.into_iter().map(|(id, part)| (id, money(part))).collect(),
            description: self.description,
            metadata: self.metadata,
            created_at: self.created_at,
            expires_at: self.expires_at,
            status,
            captured: self.captured.map(money),
            closed_at: self.closed_at,
            wallet,
        })
    }
}

/// Locks the holds that postings name, in id order.
pub(super) async fn lock_holds(
    conn: &mut AsyncPgConnection,
    mut ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, Hold>, StorageError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    ids.sort();
    ids.dedup();
    let rows: Vec<HoldRow> = holds::table
        .filter(holds::id.eq_any(ids))
        .order(holds::id)
        .select(HoldRow::as_select())
        .for_update()
        .load(conn)
        .await?;
    rows.into_iter().map(|row| row.into_hold().map(|hold| (hold.id, hold))).collect()
}

/// Locks the open holds of these wallets whose time is over. A hold that another writer has locked is skipped, because
/// waiting for it here would reverse the lock order. That writer closes it.
pub(super) async fn lock_lapsed_holds(
    conn: &mut AsyncPgConnection,
    wallets: &BTreeMap<WalletKey, Wallet>,
    now: DateTime<Utc>,
) -> Result<Vec<Hold>, StorageError> {
    lapsed_holds(conn, wallets, now, true).await
}

/// The name of the row in `worker_marks` that stores the expiry before which every hold is closed. The worker never
/// moves it past the start of a transaction that may still open a hold ([`super::wallets_with_lapsed_holds`]).
pub(in crate::storage) const HOLD_SWEEPER: &str = "holds";

/// How far before the mark a scan begins, for safety. The clock may have been set back since the mark was made, or the
/// database may have moved to a machine whose clock is behind.
pub(super) const CLOCK_SLACK_SECONDS: i64 = 10;

pub(super) async fn lapsed_holds(
    conn: &mut AsyncPgConnection,
    wallets: &BTreeMap<WalletKey, Wallet>,
    now: DateTime<Utc>,
    lock: bool,
) -> Result<Vec<Hold>, StorageError> {
    let holding: Vec<&Wallet> = wallets.values().filter(|wallet| wallet.held().is_positive()).collect();
    if holding.is_empty() {
        return Ok(Vec::new());
    }
    let lapsed = LapsedHolds {
        customers: holding.iter().map(|wallet| wallet.key.customer.as_str().to_owned()).collect(),
        wallets: holding.iter().map(|wallet| wallet.id).collect(),
        now,
    };
    let rows: Vec<HoldRow> =
        if lock { Cached(LockLapsedHolds(lapsed)).load(conn).await? } else { Cached(lapsed).load(conn).await? };
    rows.into_iter().map(HoldRow::into_hold).collect()
}

struct LapsedHolds {
    customers: Vec<String>,
    wallets: Vec<Uuid>,
    now: DateTime<Utc>,
}

impl Statement for LapsedHolds {
    const TEXT: &'static str = include_str!("sql/lapsed_holds.sql");
    type Row = SqlTypeOf<AsSelect<HoldRow, Pg>>;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<SqlUuid>, _>(&self.wallets)?;
        parameters.add::<Timestamptz, _>(&self.now)?;
        parameters.add::<Text, _>(&HOLD_SWEEPER)?;
        parameters.add::<BigInt, _>(&CLOCK_SLACK_SECONDS)
    }
}

struct LockLapsedHolds(LapsedHolds);

impl Statement for LockLapsedHolds {
    const TEXT: &'static str = include_str!("sql/lock_lapsed_holds.sql");
    type Row = SqlTypeOf<AsSelect<HoldRow, Pg>>;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        self.0.bind(parameters)
    }
}
