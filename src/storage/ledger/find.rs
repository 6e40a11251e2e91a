//! Looking things up in the ledger.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::entry_rows::EntryRow;
use super::find_entry;
use super::hold_rows::{HOLD_SWEEPER, HoldRow};
use super::load::wallet_key;
use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::hold::{Hold, HoldStatus};
use crate::domain::posting::WalletKey;
use crate::storage::StorageError;
use crate::storage::schema::{entries, grant_uses, grants, holds, wallets, worker_marks};

/// A usage by its id, or a capture by its hold's, with the grants that it took from.
///
/// # Errors
/// Of the database.
pub async fn find_deduction(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    id: &str,
) -> Result<Option<Entry>, StorageError> {
    let found = match find_entry(conn, customer, EntryKind::Usage, id).await? {
        Some(entry) => Some(entry),
        None => find_entry(conn, customer, EntryKind::Capture, id).await?,
    };
    let Some(mut entry) = found else { return Ok(None) };
    if !entry.granted.is_zero() {
        entry.grant_uses = uses(conn, customer, &entry).await?;
    }
    Ok(Some(entry))
}

pub(super) async fn uses(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    entry: &Entry,
) -> Result<Vec<(Uuid, Decimal)>, StorageError> {
    Ok(grant_uses::table
        .filter(grant_uses::customer_id.eq(customer.as_str()))
        .filter(grant_uses::wallet_id.eq(entry.wallet_id).and(grant_uses::seq.eq(entry.seq)))
        .order(grant_uses::grant_id)
        .select((grant_uses::grant_id, grant_uses::amount))
        .load(conn)
        .await?)
}

/// What was given back of a usage so far.
///
/// # Errors
/// Of the database.
pub async fn find_reversals(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    usage_id: &str,
) -> Result<Vec<Entry>, StorageError> {
    let rows: Vec<EntryRow> = entries::table
        .filter(entries::customer_id.eq(customer.as_str()).and(entries::reference.eq(usage_id)))
        .filter(entries::kind.eq(EntryKind::Reversal.code()))
        .select(EntryRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(EntryRow::into_entry).collect()
}

/// The identity of a customer's wallet.
///
/// # Errors
/// Of the database.
pub async fn key_of_wallet(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    id: Uuid,
) -> Result<Option<WalletKey>, StorageError> {
    let row: Option<(String, String)> = wallets::table
        .filter(wallets::customer_id.eq(customer.as_str()).and(wallets::id.eq(id)))
        .select((wallets::currency, wallets::product))
        .first(conn)
        .await
        .optional()?;
    row.map(|(currency, product)| wallet_key(customer.as_str(), &currency, &product)).transpose()
}

/// Customer, id and version of every wallet of these customers: enough to tell which have changed.
///
/// # Errors
/// Of the database.
pub async fn wallet_versions(
    conn: &mut AsyncPgConnection,
    customers: impl IntoIterator<Item = &CustomerId>,
) -> Result<Vec<(String, Uuid, i64)>, StorageError> {
    let customers: Vec<&str> = customers.into_iter().map(CustomerId::as_str).collect();
    Ok(wallets::table
        .filter(wallets::customer_id.eq_any(customers))
        .select((wallets::customer_id, wallets::id, wallets::version))
        .load(conn)
        .await?)
}

/// A hold by our id, as it is now: open holds whose time is over have expired.
///
/// # Errors
/// Of the database.
pub async fn find_hold(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Hold>, StorageError> {
    let row = holds::table.filter(holds::id.eq(id)).select(HoldRow::as_select()).first(conn).await.optional()?;
    let Some(hold) = row.map(HoldRow::into_hold).transpose()? else { return Ok(None) };
    let now = crate::storage::orders::clock(conn).await?;
    let lapsed = hold.is_lapsed(now);
    let at = hold.expires_at;
    Ok(Some(if lapsed { Hold { status: HoldStatus::Expired, closed_at: Some(at), ..hold } } else { hold }))
}

/// Wallets with open holds whose time is over, for the sweep. A mark remembers how far back nothing is open
/// any more, so that the scan stays short whatever is behind it.
///
/// # Errors
/// Of the database.
pub async fn wallets_with_lapsed_holds(
    conn: &mut AsyncPgConnection,
    limit: i64,
) -> Result<Vec<WalletKey>, StorageError> {
    let now = crate::storage::orders::clock(conn).await?;
    let mark: Option<DateTime<Utc>> =
        worker_marks::table.find(HOLD_SWEEPER).select(worker_marks::reached).first(conn).await.optional()?;
    let from = mark.unwrap_or(DateTime::UNIX_EPOCH);
    let rows: Vec<(String, String, String)> = holds::table
        .filter(holds::expires_at.gt(from).and(holds::expires_at.le(now)))
        .filter(holds::status.eq("open"))
        .order(holds::expires_at)
        .limit(limit)
        .select((holds::customer_id, holds::currency, holds::product))
        .load(conn)
        .await?;
    if rows.is_empty() {
        // A hold that commits late had its expiry in the future of its own statement: ten minutes are ample.
        let reached = now - Duration::minutes(10);
        diesel::insert_into(worker_marks::table)
            .values((worker_marks::worker.eq(HOLD_SWEEPER), worker_marks::reached.eq(reached)))
            .on_conflict(worker_marks::worker)
            .do_update()
            .set(worker_marks::reached.eq(reached))
            .execute(conn)
            .await?;
    }
    rows.iter().map(|(customer, currency, product)| wallet_key(customer, currency, product)).collect()
}

/// The grant that an order brought as its bonus.
///
/// # Errors
/// Of the database.
pub async fn grant_of_order(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    order_id: Uuid,
) -> Result<Option<Uuid>, StorageError> {
    Ok(grants::table
        .filter(grants::customer_id.eq(customer.as_str()).and(grants::order_id.eq(order_id)))
        .select(grants::id)
        .first(conn)
        .await
        .optional()?)
}
