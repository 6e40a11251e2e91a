//! Looks up usages, grants, holds and wallets, without locks.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::entry_rows::{EntryRow, EntrySql};
use super::find_entry;
use super::hold_rows::{CLOCK_SLACK_SECONDS, HOLD_SWEEPER, HoldRow};
use super::keys::wallet_key;
use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::hold::{Hold, HoldStatus};
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::domain::take_back::OrderBonus;
use crate::domain::wallet_key::WalletKey;
use crate::storage::clock::NowOnce;
use crate::storage::schema::{grant_uses, grants, holds, wallets, worker_marks};
use crate::storage::statement::{Cached, Parameters, Statement};
use crate::storage::{StorageError, clock};

/// A usage by its id, or a capture by its hold's id, with the grants that it used. A capture that used grants comes
/// with its hold, because the hold knows what it had reserved.
///
/// # Errors
/// Database errors.
pub async fn find_deduction(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    id: &str,
) -> Result<Option<(Entry, Option<Hold>)>, StorageError> {
    if let Some(mut usage) = find_entry(conn, customer, EntryKind::Usage, id).await? {
        usage.grant_uses = uses(conn, customer, &usage).await?;
        return Ok(Some((usage, None)));
    }
    let Some(id) = IdKind::Hold.parse(id) else { return Ok(None) };
    let Some(hold) = find_hold(conn, id).await?.filter(|hold| hold.wallet.customer == *customer) else {
        return Ok(None);
    };
    let Some(mut capture) = find_entry(conn, customer, EntryKind::Capture, &hold.key).await? else { return Ok(None) };
    capture.grant_uses = uses(conn, customer, &capture).await?;
    let hold = (!capture.granted.is_zero()).then_some(hold);
    Ok(Some((capture, hold)))
}

/// Keeps a hold from being deleted until the transaction ends. Returns whether it is there.
///
/// # Errors
/// Database errors.
pub async fn keep_hold(conn: &mut AsyncPgConnection, id: Uuid) -> Result<bool, StorageError> {
    let kept: Option<Uuid> =
        holds::table.filter(holds::id.eq(id)).select(holds::id).for_key_share().first(conn).await.optional()?;
    Ok(kept.is_some())
}

/// The grants that an entry used, in burn order.
pub(super) async fn uses(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    entry: &Entry,
) -> Result<Vec<(Uuid, Money)>, StorageError> {
    if entry.granted.is_zero() || entry.only_grant().is_some() {
        return Ok(entry.grant_uses.clone());
    }
    let used = grants::customer_id.eq(grant_uses::customer_id).and(grants::id.eq(grant_uses::grant_id));
    let rows: Vec<(Uuid, Decimal)> = grant_uses::table
        .inner_join(grants::table.on(used))
        .filter(grant_uses::customer_id.eq(customer.as_str()))
        .filter(grant_uses::wallet_id.eq(entry.wallet_id).and(grant_uses::seq.eq(entry.seq)))
        // The order of `domain::grant::burn_order`: a grant without an expiry comes last.
        .order((grants::priority, grants::expires_at, grants::created_at, grants::id))
        .select((grant_uses::grant_id, grant_uses::amount))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(id, used)| (id, Money::from_ledger(used, entry.currency()))).collect())
}

/// The part of a reversal that returned to grants whose time was over by then.
///
/// # Errors
/// Database errors.
pub async fn returned_to_lapsed_grants(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    reversal: &Entry,
) -> Result<Money, StorageError> {
    let used = grants::customer_id.eq(grant_uses::customer_id).and(grants::id.eq(grant_uses::grant_id));
    let amounts: Vec<Decimal> = grant_uses::table
        .inner_join(grants::table.on(used))
        .filter(grant_uses::customer_id.eq(customer.as_str()))
        .filter(grant_uses::wallet_id.eq(reversal.wallet_id).and(grant_uses::seq.eq(reversal.seq)))
        .filter(grants::expires_at.le(reversal.created_at))
        .select(grant_uses::amount)
        .load(conn)
        .await?;
    Ok(Money::from_ledger(amounts.into_iter().sum(), reversal.currency()))
}

struct FindReversals {
    customer: String,
    usage_id: String,
}

impl Statement for FindReversals {
    const TEXT: &'static str = include_str!("sql/find_reversals.sql");
    type Row = EntrySql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<Text, _>(&self.usage_id)
    }
}

/// The reversals of a usage so far.
///
/// # Errors
/// Database errors.
pub async fn find_reversals(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    usage_id: &str,
) -> Result<Vec<Entry>, StorageError> {
    let statement = FindReversals { customer: customer.as_str().to_owned(), usage_id: usage_id.to_owned() };
    let rows: Vec<EntryRow> = Cached(statement).load(conn).await?;
    rows.into_iter().map(EntryRow::into_entry).collect()
}

/// The id of a customer's wallet.
///
/// # Errors
/// Database errors.
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

/// Customer, id and version of every wallet of these customers. A higher version means that the wallet has changed.
///
/// # Errors
/// Database errors.
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

/// A hold by our id. An open hold whose time is over is returned as expired, even before the sweep has written that.
///
/// # Errors
/// Database errors.
pub async fn find_hold(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Hold>, StorageError> {
    let row = holds::table.filter(holds::id.eq(id)).select(HoldRow::as_select()).first(conn).await.optional()?;
    let Some(hold) = row.map(HoldRow::into_hold).transpose()? else { return Ok(None) };
    let now = clock::now(conn).await?;
    let lapsed = hold.is_lapsed(now);
    let at = hold.expires_at;
    Ok(Some(if lapsed { Hold { status: HoldStatus::Expired, closed_at: Some(at), ..hold } } else { hold }))
}

/// A customer's open holds, the earliest expiry first.
///
/// # Errors
/// Database errors.
pub async fn open_holds(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    limit: i64,
) -> Result<Vec<Hold>, StorageError> {
    let rows: Vec<HoldRow> = holds::table
        .filter(holds::customer_id.eq(customer.as_str()).and(holds::expires_at.gt(NowOnce)))
        .filter(holds::status.eq(HoldStatus::Open.as_str()))
        .order(holds::expires_at)
        .limit(limit)
        .select(HoldRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(HoldRow::into_hold).collect()
}

/// The wallets of holds, by the holds' ids. Locks nothing.
///
/// # Errors
/// Database errors.
pub async fn wallets_of_holds(
    conn: &AsyncPgConnection,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, WalletKey>, StorageError> {
    let rows: Vec<(Uuid, String, String, String)> = holds::table
        .filter(holds::id.eq_any(ids))
        .select((holds::id, holds::customer_id, holds::currency, holds::product))
        .load(&mut &*conn)
        .await?;
    rows.iter().map(|(id, customer, currency, product)| Ok((*id, wallet_key(customer, currency, product)?))).collect()
}

/// `oldest_writer.sql`.
struct OldestWriter {
    now: DateTime<Utc>,
    /// Whether transactions count that move no money, but write that a paper is due.
    of_papers: bool,
}

impl Statement for OldestWriter {
    const TEXT: &'static str = include_str!("sql/oldest_writer.sql");
    type Row = Nullable<Timestamptz>;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Timestamptz, _>(&self.now)?;
        parameters.add::<Bool, _>(&self.of_papers)
    }
}

/// The moment before which every entry is committed: nothing can appear with an earlier time. It is now, or the start
/// of the oldest transaction that may still write. A caller that reads entries up to this time must ask for the time
/// first.
///
/// # Errors
/// Database errors.
pub async fn settled_until(conn: &mut AsyncPgConnection) -> Result<DateTime<Utc>, StorageError> {
    settled(conn, false).await
}

/// The moment before which every entry is committed, and everything for which a paper is due. What makes a paper due
/// does not always move money: of a dispute that is lost, the wallets have given it already.
///
/// # Errors
/// Database errors.
pub async fn papers_settled_until(conn: &mut AsyncPgConnection) -> Result<DateTime<Utc>, StorageError> {
    settled(conn, true).await
}

async fn settled(conn: &mut AsyncPgConnection, of_papers: bool) -> Result<DateTime<Utc>, StorageError> {
    let now = clock::now(conn).await?;
    let writing: Option<DateTime<Utc>> = Cached(OldestWriter { now, of_papers }).get_result(conn).await?;
    Ok(writing.map_or(now, |writing| writing.min(now)))
}

/// Wallets with open holds whose time is over, for the sweep. A mark stores the expiry before which no hold is open, so
/// the scan stays short however many closed holds there are.
///
/// The mark moves to the expiry of the oldest open hold, but not past the start of any transaction that writes. Such a
/// transaction may have opened a hold that is not visible yet; that hold expires after the start of the transaction.
/// The order of the three queries matters: a transaction that none of them sees started after the first query.
///
/// # Errors
/// Database errors.
pub async fn wallets_with_lapsed_holds(
    conn: &mut AsyncPgConnection,
    limit: i64,
) -> Result<Vec<WalletKey>, StorageError> {
    let now = clock::now(conn).await?;
    let writing: Option<DateTime<Utc>> = Cached(OldestWriter { now, of_papers: false }).get_result(conn).await?;
    let mark: Option<DateTime<Utc>> =
        worker_marks::table.find(HOLD_SWEEPER).select(worker_marks::reached).first(conn).await.optional()?;
    let from = mark.map_or(DateTime::UNIX_EPOCH, |mark| mark - Duration::seconds(CLOCK_SLACK_SECONDS));
    let rows: Vec<(String, String, String, DateTime<Utc>)> = holds::table
        .filter(holds::expires_at.gt(from).and(holds::expires_at.le(now)))
        .filter(holds::status.eq("open"))
        .order(holds::expires_at)
        .limit(limit)
        .select((holds::customer_id, holds::currency, holds::product, holds::expires_at))
        .load(conn)
        .await?;
    let oldest_open = rows.as_slice().first().map(|(.., expires_at)| *expires_at - Duration::microseconds(1));
    let reached = [writing, oldest_open].into_iter().flatten().fold(now, DateTime::min);
    diesel::insert_into(worker_marks::table)
        .values((worker_marks::worker.eq(HOLD_SWEEPER), worker_marks::reached.eq(reached)))
        .on_conflict(worker_marks::worker)
        .do_update()
        .set(worker_marks::reached.eq(reached))
        .execute(conn)
        .await?;
    rows.iter().map(|(customer, currency, product, _)| wallet_key(customer, currency, product)).collect()
}

struct BonusOfOrder {
    customer: String,
    order_id: Uuid,
}

impl Statement for BonusOfOrder {
    const TEXT: &'static str = include_str!("sql/bonus_of_order.sql");
    type Row = (SqlUuid, Numeric, Numeric);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<SqlUuid, _>(&self.order_id)
    }
}

/// The bonus that an order brought, and how much of it is spent or expired.
///
/// # Errors
/// Database errors.
pub async fn bonus_of_order(conn: &mut AsyncPgConnection, order: &Order) -> Result<Option<OrderBonus>, StorageError> {
    let statement = BonusOfOrder { customer: order.customer.as_str().to_owned(), order_id: order.id };
    let row: Option<(Uuid, Decimal, Decimal)> = Cached(statement).get_result(conn).await.optional()?;
    let money = |amount| Money::from_ledger(amount, order.currency());
    let bonus = |(grant_id, spent, expired)| OrderBonus { grant_id, spent: money(spent), expired: money(expired) };
    Ok(row.map(bonus))
}
