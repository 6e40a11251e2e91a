//! Closings of accounts. A row of a closing is locked after the wallets of its customer.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::clock::{NowOnce, later, ledger_now, seconds};
use super::columns::{corrupt, customer_from_column};
use super::page::in_page;
use super::schema::{closings, taken_back_debts, wallets};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::closing::{Closing, ClosingFilter, ClosingState, Waits};
use crate::domain::customer::CustomerId;
use crate::domain::page::{Page, Rows};
use crate::domain::wallet::Wallet;

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = closings, treat_none_as_null = true)]
pub(super) struct ClosingRow {
    id: Uuid,
    customer_id: String,
    state: String,
    reason: String,
    started_by: String,
    starter_has_finance: bool,
    started_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    due_at: Option<DateTime<Utc>>,
}

impl From<&Closing> for ClosingRow {
    fn from(closing: &Closing) -> Self {
        Self {
            id: closing.id,
            customer_id: closing.customer.as_str().to_owned(),
            state: closing.state.as_str().to_owned(),
            reason: closing.reason.clone(),
            started_by: closing.started_by.clone(),
            starter_has_finance: closing.starter_has_finance,
            started_at: closing.started_at,
            updated_at: closing.updated_at,
            closed_at: closing.closed_at,
            due_at: closing.due_at,
        }
    }
}

impl TryFrom<ClosingRow> for Closing {
    type Error = StorageError;

    fn try_from(row: ClosingRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: row.id,
            customer: customer_from_column(&row.customer_id)?,
            state: ClosingState::parse(&row.state).ok_or_else(|| corrupt("state of a closing", &row.state))?,
            reason: row.reason,
            started_by: row.started_by,
            starter_has_finance: row.starter_has_finance,
            started_at: row.started_at,
            updated_at: row.updated_at,
            closed_at: row.closed_at,
            due_at: row.due_at,
        })
    }
}

/// Writes a new closing. The caller holds the locks of all wallets of the customer.
///
/// # Errors
/// Database errors; a second closing of a customer violates `closings_one_of_customer`.
pub async fn insert(conn: &mut AsyncPgConnection, closing: &Closing) -> Result<(), StorageError> {
    diesel::insert_into(closings::table).values(ClosingRow::from(closing)).execute(conn).await?;
    Ok(())
}

/// Writes a closing that is locked.
///
/// # Errors
/// Database errors.
pub async fn update(conn: &mut AsyncPgConnection, closing: &Closing) -> Result<(), StorageError> {
    diesel::update(closings::table.find(closing.id)).set(ClosingRow::from(closing)).execute(conn).await?;
    Ok(())
}

/// The closing of a customer's account; a withdrawn one does not count.
///
/// # Errors
/// Database errors.
pub async fn of_customer(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Option<Closing>, StorageError> {
    let row: Option<ClosingRow> = closings::table
        .filter(closings::customer_id.eq(customer.as_str()))
        .filter(closings::state.ne(ClosingState::Withdrawn.as_str()))
        .select(ClosingRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(Closing::try_from).transpose()
}

/// As [`of_customer`], and locks the row. The caller holds the locks of the customer's wallets, if any.
///
/// # Errors
/// Database errors.
pub async fn lock(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Option<Closing>, StorageError> {
    let row: Option<ClosingRow> = closings::table
        .filter(closings::customer_id.eq(customer.as_str()))
        .filter(closings::state.ne(ClosingState::Withdrawn.as_str()))
        .select(ClosingRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?;
    row.map(Closing::try_from).transpose()
}

/// A page of closings.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &ClosingFilter,
    page: &Page,
) -> Result<Rows<Closing>, StorageError> {
    let mut query = closings::table.select(ClosingRow::as_select()).limit(page.to_read()).into_boxed();
    if !filter.states.is_empty() {
        query = query.filter(closings::state.eq_any(filter.states.iter().map(|state| state.as_str())));
    }
    if filter.owing {
        let claimed = taken_back_debts::table.filter(taken_back_debts::customer_id.eq(closings::customer_id));
        let owing =
            wallets::table.filter(wallets::customer_id.eq(closings::customer_id).and(wallets::debt.gt(Decimal::ZERO)));
        // Nothing is written off of an account that is open again.
        query = query.filter(closings::state.ne(ClosingState::Withdrawn.as_str()));
        query = query.filter(exists(claimed).or(exists(owing)));
    }
    let query = in_page!(query, page, closings::started_at, closings::id);
    let rows: Vec<ClosingRow> = query.load(conn).await?;
    page.cut(rows).try_map(Closing::try_from)
}

/// Claims closings whose next step is due: no other process takes them for some time.
///
/// # Errors
/// Database errors.
pub async fn claim_due(
    conn: &mut AsyncPgConnection,
    limit: i64,
    lease_seconds: i32,
) -> Result<Vec<Closing>, StorageError> {
    let due: Vec<Uuid> = closings::table
        .filter(closings::due_at.le(NowOnce.nullable()))
        .order(closings::due_at)
        .limit(limit)
        .select(closings::id)
        .for_update()
        .skip_locked()
        .load(conn)
        .await?;
    let rows: Vec<ClosingRow> = diesel::update(closings::table.filter(closings::id.eq_any(due)))
        .set(closings::due_at.eq(later(ledger_now(), seconds(lease_seconds)).nullable()))
        .returning(ClosingRow::as_returning())
        .get_results(conn)
        .await?;
    rows.into_iter().map(Closing::try_from).collect()
}

/// Updates the closings after a booking in wallets of accounts that are being closed, or are closed. The caller holds
/// their locks.
pub(in crate::storage) async fn follow(
    conn: &mut AsyncPgConnection,
    changed: &[&Wallet],
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let mut customers: Vec<&CustomerId> =
        changed.iter().filter(|wallet| wallet.is_closing()).map(|wallet| &wallet.key.customer).collect();
    customers.sort();
    customers.dedup();
    for customer in customers {
        let Some(mut closing) = lock(conn, customer).await? else { continue };
        let own: Vec<&Wallet> = changed.iter().filter(|wallet| wallet.key.customer == *customer).copied().collect();
        if closing.follow(&own, now) {
            update(conn, &closing).await?;
        }
    }
    Ok(())
}

struct WaitsOf(String);

impl Statement for WaitsOf {
    const TEXT: &'static str = include_str!("sql/closing_waits.sql");
    type Row = (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.0)
    }
}

/// The open items that the closing of a customer's account waits for.
///
/// # Errors
/// Database errors.
pub async fn waits(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Waits, StorageError> {
    let counts: (i64, i64, i64, i64, i64, i64, i64, i64) =
        Cached(WaitsOf(customer.as_str().to_owned())).get_result(conn).await?;
    let (open_orders, open_holds, unapplied_payments, freezes, open_disputes, open_refund_requests, ..) = counts;
    Ok(Waits {
        open_orders,
        open_holds,
        unapplied_payments,
        freezes,
        open_disputes,
        open_refund_requests,
        open_refunds: counts.6,
        open_payouts: counts.7,
    })
}

struct ToRefund {
    customer: String,
    closing: Uuid,
}

impl Statement for ToRefund {
    const TEXT: &'static str = include_str!("sql/closing_orders_to_refund.sql");
    type Row = (SqlUuid, SqlUuid);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<SqlUuid, _>(&self.closing)
    }
}

/// The orders and their payments that may still have something to give back, newest first.
///
/// # Errors
/// Database errors.
pub async fn orders_to_refund(
    conn: &mut AsyncPgConnection,
    closing: &Closing,
) -> Result<Vec<(Uuid, Uuid)>, StorageError> {
    let of = ToRefund { customer: closing.customer.as_str().to_owned(), closing: closing.id };
    Ok(Cached(of).load(conn).await?)
}

struct LastContestable(String);

impl Statement for LastContestable {
    const TEXT: &'static str = include_str!("sql/closing_last_contestable.sql");
    type Row = Nullable<Timestamptz>;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.0)
    }
}

/// When the customer's last payment arrived that came through a payment company and was not refunded in full, so that
/// its payer can contest it. `None` if there is none.
///
/// # Errors
/// Database errors.
pub async fn last_contestable(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
) -> Result<Option<DateTime<Utc>>, StorageError> {
    Ok(Cached(LastContestable(customer.as_str().to_owned())).get_result(conn).await?)
}

/// Whether the service knows a customer: by a wallet, a billing profile or an order.
///
/// # Errors
/// Database errors.
pub async fn is_customer(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<bool, StorageError> {
    use super::schema::{billing_profiles, top_up_orders};
    let id = customer.as_str();
    let wallet = wallets::table.filter(wallets::customer_id.eq(id));
    let profile = billing_profiles::table.filter(billing_profiles::customer_id.eq(id));
    let order = top_up_orders::table.filter(top_up_orders::customer_id.eq(id));
    Ok(diesel::select(exists(wallet).or(exists(profile)).or(exists(order))).get_result(conn).await?)
}

/// The orders of a customer that are open.
///
/// # Errors
/// Database errors.
pub async fn open_orders(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Vec<Uuid>, StorageError> {
    use super::schema::top_up_orders as orders;
    Ok(orders::table
        .filter(orders::customer_id.eq(customer.as_str()))
        // As in the index `top_up_orders_open`.
        .filter(orders::status.eq_any(["pending", "processing"]))
        .order(orders::id)
        .select(orders::id)
        .load(conn)
        .await?)
}

/// Erases the operator's reason why a customer's account is closed.
///
/// # Errors
/// Database errors.
pub async fn erase(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    diesel::update(closings::table.filter(closings::customer_id.eq(customer.as_str())))
        .set(closings::reason.eq("erased"))
        .execute(conn)
        .await?;
    Ok(())
}
