//! Reads grants for lists and for the sweep. Only the ledger writes them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::ledger::{ActiveGrant, AttachedRow, GrantRow, key_from_columns};
use super::page::in_page;
use super::schema::{grants, wallets};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::client_data::ClientData;
use crate::domain::customer::CustomerId;
use crate::domain::grant::WalletGrant;
use crate::domain::order::TimeRange;
use crate::domain::page::{Page, Rows};
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
    Ok(load(conn, customer, Which::One(id), &Page::newest(1)).await?.rows.pop())
}

/// A customer's grants, newest first.
///
/// # Errors
/// [`StorageError`].
pub async fn list(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    client_reference: Option<&str>,
    page: &Page,
) -> Result<Rows<WalletGrant>, StorageError> {
    let which = client_reference.map_or(Which::All, |reference| Which::Named(reference.to_owned()));
    load(conn, customer, which, page).await
}

/// What callers attached to these grants; grants of other customers are left out.
///
/// # Errors
/// [`StorageError`].
pub async fn attached(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, ClientData)>, StorageError> {
    let rows: Vec<(Uuid, AttachedRow)> = grants::table
        .filter(grants::customer_id.eq(customer.as_str()).and(grants::id.eq_any(ids)))
        .select((grants::id, AttachedRow::as_select()))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(id, attached)| (id, attached.into())).collect())
}

/// A customer's grants of which something is left, newest first.
///
/// # Errors
/// [`StorageError`].
pub async fn left(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    limit: i64,
) -> Result<Vec<WalletGrant>, StorageError> {
    Ok(load(conn, customer, Which::Left, &Page::newest(limit)).await?.rows)
}

/// Which of a customer's grants are read.
enum Which {
    All,
    One(Uuid),
    /// Grants with this client reference.
    Named(String),
    /// Only grants of which something is left.
    Left,
}

async fn load(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    which: Which,
    page: &Page,
) -> Result<Rows<WalletGrant>, StorageError> {
    let mut query = grants::table
        .inner_join(
            wallets::table.on(wallets::customer_id.eq(grants::customer_id).and(wallets::id.eq(grants::wallet_id))),
        )
        .filter(grants::customer_id.eq(customer.as_str().to_owned()))
        .select((
            GrantRow::as_select(),
            AttachedRow::as_select(),
            ActiveGrant::as_select(),
            wallets::currency,
            wallets::product,
        ))
        .limit(page.to_read())
        .into_boxed();
    match which {
        Which::All => {}
        Which::One(id) => query = query.filter(grants::id.eq(id)),
        Which::Named(reference) => query = query.filter(grants::client_reference.eq(reference)),
        Which::Left => query = query.filter(grants::remaining.gt(Decimal::ZERO)),
    }
    let query = in_page!(query, page, grants::created_at, grants::id);
    let rows: Vec<(GrantRow, AttachedRow, ActiveGrant, String, String)> = query.load(conn).await?;
    page.cut(rows).try_map(|(row, attached, active, currency, product)| {
        let wallet = key_from_columns(customer.as_str(), &currency, &product)?;
        Ok(WalletGrant { grant: row.into_current(active, wallet.currency), wallet, client: attached.into() })
    })
}

/// A page of all customers' grants that expire in a range and of which something is left, the earliest expiry first.
///
/// # Errors
/// [`StorageError`].
pub async fn expiring(
    conn: &mut AsyncPgConnection,
    range: TimeRange,
    page: &Page,
) -> Result<Rows<WalletGrant>, StorageError> {
    let mut query = grants::table
        .inner_join(
            wallets::table.on(wallets::customer_id.eq(grants::customer_id).and(wallets::id.eq(grants::wallet_id))),
        )
        .filter(grants::remaining.gt(Decimal::ZERO).and(grants::expires_at.is_not_null()))
        .select((
            GrantRow::as_select(),
            AttachedRow::as_select(),
            ActiveGrant::as_select(),
            wallets::customer_id,
            wallets::currency,
            wallets::product,
        ))
        .limit(page.to_read())
        .into_boxed();
    if let Some(from) = range.from {
        query = query.filter(grants::expires_at.ge(from));
    }
    if let Some(to) = range.to {
        query = query.filter(grants::expires_at.lt(to));
    }
    let query = in_page!(query, page, grants::expires_at, grants::id);
    let rows: Vec<(GrantRow, AttachedRow, ActiveGrant, String, String, String)> = query.load(conn).await?;
    page.cut(rows).try_map(|(row, attached, active, customer, currency, product)| {
        let wallet = key_from_columns(&customer, &currency, &product)?;
        Ok(WalletGrant { grant: row.into_current(active, wallet.currency), wallet, client: attached.into() })
    })
}

/// Writes when a grant expires. The caller holds the lock of its wallet.
///
/// # Errors
/// [`StorageError`].
pub async fn set_expiry(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    id: Uuid,
    expires_at: Option<DateTime<Utc>>,
) -> Result<(), StorageError> {
    diesel::update(grants::table.filter(grants::customer_id.eq(customer.as_str()).and(grants::id.eq(id))))
        .set((grants::expires_at.eq(expires_at), grants::told_expiring.eq(false)))
        .execute(conn)
        .await?;
    Ok(())
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

struct TellExpiring {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
}

impl Statement for TellExpiring {
    const TEXT: &'static str = include_str!("sql/tell_of_expiring_grants.sql");
    type Row = (BigInt, Nullable<Timestamptz>);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Timestamptz, _>(&self.from)?;
        parameters.add::<Timestamptz, _>(&self.until)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

/// Writes events for at most `limit` grants that expire within a time and have no such event yet, in the order of
/// expiry. Returns how many there were, and when the last of them expires.
///
/// # Errors
/// [`StorageError`].
pub async fn tell_expiring(
    conn: &mut AsyncPgConnection,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    limit: i64,
) -> Result<(i64, Option<DateTime<Utc>>), StorageError> {
    Ok(Cached(TellExpiring { from, until, limit }).get_result(conn).await?)
}
