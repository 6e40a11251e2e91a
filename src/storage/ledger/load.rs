//! Reads wallets with their grants and guards, and locks them in key order.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Date, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::grant_rows::{ActiveGrant, GrantRow};
use super::hold_rows::lapsed_holds;
use super::keys::{KeyArrays, wallet_key};
use crate::domain::customer::CustomerId;
use crate::domain::guard::{LowBalance, SpendGuard};
use crate::domain::money::Money;
use crate::domain::wallet::{Effects, StoredWallet, Wallet, WalletMarks, WalletParts};
use crate::domain::wallet_key::WalletKey;
use crate::storage::schema::grants;
use crate::storage::statement::{Cached, Parameters, Statement};
use crate::storage::{StorageError, clock};

struct CreateWallets {
    keys: KeyArrays,
    ids: Vec<Uuid>,
}

impl Statement for CreateWallets {
    const TEXT: &'static str = include_str!("sql/create_wallets.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.keys.customers)?;
        parameters.add::<Array<Text>, _>(&self.keys.currencies)?;
        parameters.add::<Array<Text>, _>(&self.keys.products)?;
        parameters.add::<Array<SqlUuid>, _>(&self.ids)?;
        Ok(())
    }
}

/// Creates the wallets that do not exist yet. It does so in key order and before any lock is taken, so two writers that
/// create the same wallets cannot wait for each other.
pub(super) async fn create_missing_wallets(
    conn: &mut AsyncPgConnection,
    mut keys: Vec<WalletKey>,
) -> Result<(), StorageError> {
    if keys.is_empty() {
        return Ok(());
    }
    keys.sort();
    keys.dedup();
    let ids = keys.iter().map(|_| Uuid::now_v7()).collect();
    Cached(CreateWallets { keys: keys.iter().collect(), ids }).execute(conn).await?;
    Ok(())
}

/// The columns of [`WalletRow`].
pub(in crate::storage) type WalletSql = (
    Text,
    Text,
    Text,
    SqlUuid,
    Bool,
    Bool,
    Bool,
    Bool,
    Bool,
    Nullable<Numeric>,
    Numeric,
    Numeric,
    Nullable<Numeric>,
    Nullable<Numeric>,
    Nullable<Date>,
    Nullable<SqlUuid>,
    Nullable<Numeric>,
    Nullable<Numeric>,
    Nullable<Numeric>,
    Nullable<Numeric>,
    Numeric,
    Numeric,
    Numeric,
    Numeric,
    Numeric,
    Numeric,
    BigInt,
    BigInt,
    Timestamptz,
    Timestamptz,
);

struct LockWallets(KeyArrays);

impl Statement for LockWallets {
    const TEXT: &'static str = include_str!("sql/lock_wallets.sql");
    type Row = WalletSql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.0.customers)?;
        parameters.add::<Array<Text>, _>(&self.0.currencies)?;
        parameters.add::<Array<Text>, _>(&self.0.products)?;
        Ok(())
    }
}

/// A row of the table `wallets`, and the time.
#[derive(Queryable)]
pub(in crate::storage) struct WalletRow {
    customer_id: String,
    currency: String,
    product: String,
    id: Uuid,
    frozen: bool,
    customer_frozen: bool,
    claimed: bool,
    closing: bool,
    closed: bool,
    low_balance_threshold: Option<Decimal>,
    fast_floor: Decimal,
    bonus_owed: Decimal,
    daily_cap: Option<Decimal>,
    monthly_cap: Option<Decimal>,
    guard_day: Option<NaiveDate>,
    active_grant: Option<Uuid>,
    active_remaining: Option<Decimal>,
    active_held: Option<Decimal>,
    spent_today: Option<Decimal>,
    spent_this_month: Option<Decimal>,
    granted: Decimal,
    held: Decimal,
    debt: Decimal,
    paid: Decimal,
    paid_in: Decimal,
    paid_out: Decimal,
    entry_seq: i64,
    version: i64,
    updated_at: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl WalletRow {
    /// The row as a wallet, still without its grants.
    pub(in crate::storage) fn into_wallet_alone(self) -> Result<Wallet, StorageError> {
        self.into_wallet(Vec::new())
    }

    fn into_wallet(self, grants: Vec<GrantRow>) -> Result<Wallet, StorageError> {
        let key = wallet_key(&self.customer_id, &self.currency, &self.product)?;
        let currency = key.currency;
        let money = |amount| Money::from_ledger(amount, currency);
        let guard = self.guard_day.map(|day| SpendGuard {
            daily_cap: self.daily_cap.map(money),
            monthly_cap: self.monthly_cap.map(money),
            day,
            spent_today: money(self.spent_today.unwrap_or_default()),
            spent_this_month: money(self.spent_this_month.unwrap_or_default()),
        });
        let active = ActiveGrant::new(self.active_grant, self.active_remaining, self.active_held);
        let low_balance = self
            .low_balance_threshold
            .map(|threshold| LowBalance { threshold: money(threshold), armed: !self.fast_floor.is_zero() });
        let stored = StoredWallet {
            key,
            id: self.id,
            parts: WalletParts {
                paid: money(self.paid),
                granted: money(self.granted),
                held: money(self.held),
                debt: money(self.debt),
                paid_in: money(self.paid_in),
                paid_out: money(self.paid_out),
            },
            entry_seq: self.entry_seq,
            version: self.version,
            marks: WalletMarks {
                frozen: self.frozen,
                customer_frozen: self.customer_frozen,
                claimed: self.claimed,
                closing: self.closing,
                closed: self.closed,
            },
            bonus_owed: money(self.bonus_owed),
            guard,
            low_balance,
            active_grant: self.active_grant,
            grants: grants.into_iter().map(|grant| grant.into_current(active, currency)).collect(),
            updated_at: self.updated_at,
        };
        Ok(stored.into())
    }
}

/// Locks wallets in key order, and reads them with their grants. Grants in `restored` are read even when
/// they are used up. The time is the database's, asked after the last lock was taken.
pub(super) async fn lock_wallets(
    conn: &mut AsyncPgConnection,
    keys: &[WalletKey],
    restored: Vec<Uuid>,
) -> Result<(BTreeMap<WalletKey, Wallet>, DateTime<Utc>), StorageError> {
    let rows: Vec<WalletRow> = Cached(LockWallets(keys.iter().collect())).load(conn).await?;
    complete(conn, rows, restored).await
}

/// Adds grants to wallet rows.
async fn complete(
    conn: &mut AsyncPgConnection,
    rows: Vec<WalletRow>,
    restored: Vec<Uuid>,
) -> Result<(BTreeMap<WalletKey, Wallet>, DateTime<Utc>), StorageError> {
    let now = match rows.iter().map(|row| row.now).max() {
        Some(now) => now,
        None => clock::now(conn).await?,
    };
    let customers: Vec<String> = rows.iter().map(|row| row.customer_id.clone()).collect();
    let with_grants: Vec<Uuid> = rows.iter().filter(|row| row.active_grant.is_some()).map(|row| row.id).collect();
    let mut grants = read_grants(conn, customers, with_grants, restored).await?;
    let mut wallets = BTreeMap::new();
    for row in rows {
        let grants = grants.remove(&row.id).unwrap_or_default();
        let wallet = row.into_wallet(grants)?;
        wallets.insert(wallet.key.clone(), wallet);
    }
    Ok((wallets, now))
}

struct ReadWallets(Vec<String>);

impl Statement for ReadWallets {
    const TEXT: &'static str = include_str!("sql/read_wallets.sql");
    type Row = WalletSql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.0)?;
        Ok(())
    }
}

/// Reads a customer's wallets as they are now. Lapsed holds and grants no longer count, even before a sweep has written
/// that.
///
/// # Errors
/// Database errors.
pub async fn read_wallets(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Vec<Wallet>, StorageError> {
    read_wallets_of(conn, [customer]).await
}

/// [`read_wallets`] for several customers at once.
///
/// # Errors
/// Database errors.
pub async fn read_wallets_of(
    conn: &mut AsyncPgConnection,
    customers: impl IntoIterator<Item = &CustomerId>,
) -> Result<Vec<Wallet>, StorageError> {
    let customers = customers.into_iter().map(|customer| customer.as_str().to_owned()).collect();
    let rows: Vec<WalletRow> = Cached(ReadWallets(customers)).load(conn).await?;
    let (mut wallets, now) = complete(conn, rows, Vec::new()).await?;
    for lapsed in lapsed_holds(conn, &wallets, now, false).await? {
        if let Some(wallet) = wallets.get_mut(&lapsed.wallet) {
            wallet.expire_hold(&lapsed, now, &mut Effects::default());
        }
    }
    Ok(wallets.into_values().map(|wallet| wallet.without_lapsed_grants(now)).collect())
}

/// Locks one wallet for a use case that must read it before it posts. Returns `None` when it does not exist yet.
///
/// # Errors
/// Database errors.
pub async fn lock_wallet(
    conn: &mut AsyncPgConnection,
    key: &WalletKey,
) -> Result<Option<(Wallet, DateTime<Utc>)>, StorageError> {
    let (mut wallets, now) = lock_wallets(conn, std::slice::from_ref(key), Vec::new()).await?;
    Ok(wallets.remove(key).map(|wallet| (wallet, now)))
}

async fn read_grants(
    conn: &mut AsyncPgConnection,
    customers: Vec<String>,
    of: Vec<Uuid>,
    restored: Vec<Uuid>,
) -> Result<HashMap<Uuid, Vec<GrantRow>>, StorageError> {
    let mut by_wallet: HashMap<Uuid, Vec<GrantRow>> = HashMap::new();
    if of.is_empty() && restored.is_empty() {
        return Ok(by_wallet);
    }
    // Every index begins with the customer, so a search by id alone would read the whole table.
    let mine = grants::table.filter(grants::customer_id.eq_any(customers)).select(GrantRow::as_select()).into_boxed();
    let live = grants::wallet_id.eq_any(of).and(grants::remaining.gt(Decimal::ZERO));
    let rows: Vec<GrantRow> = if restored.is_empty() {
        mine.filter(live).load(conn).await?
    } else {
        mine.filter(live.or(grants::id.eq_any(restored))).load(conn).await?
    };
    for row in rows {
        by_wallet.entry(row.wallet_id).or_default().push(row);
    }
    Ok(by_wallet)
}
