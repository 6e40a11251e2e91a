//! Grants as they are listed; they are written by the ledger alone.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::schema::{grants, wallets};
use crate::domain::customer::CustomerId;

/// A grant with its wallet's currency and product.
#[derive(Debug, Clone, PartialEq, Queryable)]
pub struct GrantRow {
    pub id: Uuid,
    pub customer_id: String,
    pub currency: String,
    pub product: String,
    pub amount: Decimal,
    pub remaining: Decimal,
    pub held: Decimal,
    pub priority: i16,
    pub expires_at: Option<DateTime<Utc>>,
    pub reason: String,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
}

/// # Errors
/// Of the database.
pub async fn find(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    id: Uuid,
) -> Result<Option<GrantRow>, StorageError> {
    Ok(load(conn, customer, Some(id), None, 1).await?.pop())
}

/// A customer's grants, newest first.
///
/// # Errors
/// Of the database.
pub async fn list(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<GrantRow>, StorageError> {
    load(conn, customer, None, after, limit).await
}

async fn load(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    id: Option<Uuid>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<GrantRow>, StorageError> {
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
            grants::priority,
            grants::expires_at,
            grants::reason,
            grants::created_by,
            grants::created_at,
        ))
        .order((grants::created_at.desc(), grants::id.desc()))
        .limit(limit)
        .into_boxed();
    if let Some(id) = id {
        query = query.filter(grants::id.eq(id));
    }
    if let Some((at, id)) = after {
        query = query.filter(grants::created_at.lt(at).or(grants::created_at.eq(at).and(grants::id.lt(id))));
    }
    Ok(query.load(conn).await?)
}

/// Wallets with a lapsed grant that still has something unheld, for the sweep.
///
/// # Errors
/// Of the database.
pub async fn lapsed(conn: &mut AsyncPgConnection, limit: i64) -> Result<Vec<(String, String, String)>, StorageError> {
    Ok(grants::table
        .inner_join(
            wallets::table.on(wallets::customer_id.eq(grants::customer_id).and(wallets::id.eq(grants::wallet_id))),
        )
        .filter(grants::remaining.gt(Decimal::ZERO).and(grants::remaining.gt(grants::held)))
        .filter(grants::expires_at.le(diesel::dsl::now))
        .select((wallets::customer_id, wallets::currency, wallets::product))
        .distinct()
        .limit(limit)
        .load(conn)
        .await?)
}
