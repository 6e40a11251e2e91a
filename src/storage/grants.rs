//! Reads grants for lists and for the sweep. Only the ledger writes them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::ledger::key_from_columns;
use super::page::{self, Position};
use super::schema::{grants, wallets};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::customer::CustomerId;
use crate::domain::grant::{Grant, WalletGrant};
use crate::domain::money::Money;
use crate::domain::wallet_key::WalletKey;

/// A grant with its wallet's currency and product.
#[derive(Queryable)]
struct GrantRow {
    id: Uuid,
    customer_id: String,
    currency: String,
    product: String,
    amount: Decimal,
    remaining: Decimal,
    held: Decimal,
    owed: Decimal,
    priority: i16,
    expires_at: Option<DateTime<Utc>>,
    reason: String,
    order_id: Option<Uuid>,
    created_by: String,
    created_at: DateTime<Utc>,
}

impl TryFrom<GrantRow> for WalletGrant {
    type Error = StorageError;

    fn try_from(row: GrantRow) -> Result<Self, StorageError> {
        let wallet = key_from_columns(&row.customer_id, &row.currency, &row.product)?;
        let money = |amount| Money::from_ledger(amount, wallet.currency);
        Ok(Self {
            grant: Grant {
                id: row.id,
                amount: money(row.amount),
                remaining: money(row.remaining),
                held: money(row.held),
                owed: money(row.owed),
                priority: row.priority,
                expires_at: row.expires_at,
                reason: row.reason,
                order_id: row.order_id,
                created_by: row.created_by,
                created_at: row.created_at,
            },
            wallet,
        })
    }
}

/// A grant of the customer.
///
/// # Errors
/// [`StorageError`].
pub async fn find(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    id: Uuid,
) -> Result<Option<WalletGrant>, StorageError> {
    Ok(load(conn, customer, Some(id), None, 1).await?.pop())
}

/// A customer's grants, newest first.
///
/// # Errors
/// [`StorageError`].
pub async fn list(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<WalletGrant>, StorageError> {
    load(conn, customer, None, after, limit).await
}

async fn load(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    id: Option<Uuid>,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<WalletGrant>, StorageError> {
    let mut query = grants::table
        .inner_join(
            wallets::table.on(wallets::customer_id.eq(grants::customer_id).and(wallets::id.eq(grants::wallet_id))),
        )
        .filter(grants::customer_id.eq(customer.as_str().to_owned()))
        .select((
            grants::id,
            grants::customer_id,
            wallets::currency,
            wallets::product,
            grants::amount,
            grants::remaining,
            grants::held,
            grants::owed,
            grants::priority,
            grants::expires_at,
            grants::reason,
            grants::order_id,
            grants::created_by,
            grants::created_at,
        ))
        .order((grants::created_at.desc(), grants::id.desc()))
        .limit(limit)
        .into_boxed();
    if let Some(id) = id {
        query = query.filter(grants::id.eq(id));
    }
    if let Some(position) = after {
        query = query.filter(page::after((grants::created_at, grants::id), position));
    }
    let rows: Vec<GrantRow> = query.load(conn).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

struct WithLapsedGrants(i64);

impl Statement for WithLapsedGrants {
    const TEXT: &'static str = include_str!("sql/wallets_with_lapsed_grants.sql");
    type Row = (Text, Text, Text);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.0)
    }
}

/// The wallets with an expired grant that still has credit which no hold reserves.
///
/// # Errors
/// [`StorageError`].
pub async fn wallets_with_lapsed_grants(
    conn: &mut AsyncPgConnection,
    limit: i64,
) -> Result<Vec<WalletKey>, StorageError> {
    let rows: Vec<(String, String, String)> = Cached(WithLapsedGrants(limit)).load(conn).await?;
    rows.iter().map(|(customer, currency, product)| key_from_columns(customer, currency, product)).collect()
}
