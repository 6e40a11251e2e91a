//! Reads grants for lists and for the sweep. Only the ledger writes them.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::ledger::{GrantRow, key_from_columns};
use super::page::{self, Position};
use super::schema::{grants, wallets};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::customer::CustomerId;
use crate::domain::grant::WalletGrant;
use crate::domain::wallet_key::WalletKey;

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
        .select((GrantRow::as_select(), wallets::currency, wallets::product))
        .order((grants::created_at.desc(), grants::id.desc()))
        .limit(limit)
        .into_boxed();
    if let Some(id) = id {
        query = query.filter(grants::id.eq(id));
    }
    if let Some(position) = after {
        query = query.filter(page::after((grants::created_at, grants::id), position));
    }
    let rows: Vec<(GrantRow, String, String)> = query.load(conn).await?;
    let grant = |(row, currency, product): (GrantRow, String, String)| {
        let wallet = key_from_columns(customer.as_str(), &currency, &product)?;
        Ok(WalletGrant { grant: row.into_grant(wallet.currency), wallet })
    };
    rows.into_iter().map(grant).collect()
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
