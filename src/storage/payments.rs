//! Payments: verified facts that money arrived.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::clock::{NowOnce, later, ledger_now, seconds};
use super::columns::{currency_from_column, provider_from_column};
use super::schema::{disputes, payments, refunds};
use crate::domain::money::Money;
use crate::domain::payment::{DisputeStatus, Payment, ProviderName};
use crate::domain::refund::RefundState;

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = payments)]
pub(super) struct PaymentRow {
    id: Uuid,
    provider: String,
    merchant_account: String,
    payment_id: String,
    currency: String,
    amount: Decimal,
    applied: Decimal,
    refunded: Decimal,
    unapplied_taken: Decimal,
    order_id: Option<Uuid>,
    unapplied_reason: Option<String>,
    live: bool,
    received_at: DateTime<Utc>,
    ask_at: Option<DateTime<Utc>>,
}

impl From<&Payment> for PaymentRow {
    fn from(payment: &Payment) -> Self {
        Self {
            id: payment.id,
            provider: payment.provider.as_str().to_owned(),
            merchant_account: payment.merchant_account.clone(),
            payment_id: payment.payment_id.clone(),
            currency: payment.currency().code().to_owned(),
            amount: payment.amount.amount(),
            applied: payment.applied.amount(),
            refunded: payment.refunded.amount(),
            unapplied_taken: payment.unapplied_taken.amount(),
            order_id: payment.order_id,
            unapplied_reason: payment.unapplied_reason.clone(),
            live: payment.live,
            received_at: payment.received_at,
            ask_at: payment.ask_at,
        }
    }
}

impl TryFrom<PaymentRow> for Payment {
    type Error = StorageError;

    fn try_from(row: PaymentRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        let money = |amount| Money::from_ledger(amount, currency);
        Ok(Self {
            id: row.id,
            provider: provider_from_column(&row.provider)?,
            merchant_account: row.merchant_account,
            payment_id: row.payment_id,
            amount: money(row.amount),
            applied: money(row.applied),
            refunded: money(row.refunded),
            unapplied_taken: money(row.unapplied_taken),
            order_id: row.order_id,
            unapplied_reason: row.unapplied_reason,
            live: row.live,
            received_at: row.received_at,
            ask_at: row.ask_at,
        })
    }
}

/// Records a payment. Returns false when it is known. A second writer waits here until the first one commits.
///
/// # Errors
/// Database errors.
pub async fn insert(conn: &mut AsyncPgConnection, payment: &Payment) -> Result<bool, StorageError> {
    let written = diesel::insert_into(payments::table)
        .values(PaymentRow::from(payment))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(written == 1)
}

/// Writes a later verified statement about a locked payment ([`Payment::correct`]).
///
/// # Errors
/// Database errors.
pub async fn correct(conn: &mut AsyncPgConnection, payment: &Payment) -> Result<(), StorageError> {
    diesel::update(payments::table.find(payment.id))
        .set((
            payments::currency.eq(payment.currency().code()),
            payments::amount.eq(payment.amount.amount()),
            payments::merchant_account.eq(&payment.merchant_account),
            payments::live.eq(payment.live),
            payments::unapplied_reason.eq(&payment.unapplied_reason),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes how much of a locked payment is applied, and the order that it names. A CHECK refuses to apply more than its
/// amount.
///
/// # Errors
/// Database errors.
pub async fn update_applied(conn: &mut AsyncPgConnection, payment: &Payment) -> Result<(), StorageError> {
    diesel::update(payments::table.find(payment.id))
        .set((
            payments::applied.eq(payment.applied.amount()),
            payments::unapplied_reason.eq(&payment.unapplied_reason),
            payments::order_id.eq(payment.order_id),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Locks a payment by its identity: the company's payment id, or the bank's id on one of our accounts.
///
/// # Errors
/// Database errors.
pub async fn lock(
    conn: &mut AsyncPgConnection,
    provider: ProviderName,
    merchant_account: &str,
    payment_id: &str,
) -> Result<Option<Payment>, StorageError> {
    let mut query = payments::table
        .filter(payments::provider.eq(provider.as_str()).and(payments::payment_id.eq(payment_id)))
        .into_boxed();
    if provider == ProviderName::BankTransfer {
        query = query.filter(payments::merchant_account.eq(merchant_account));
    }
    let found: Option<Uuid> = query.select(payments::id).first(conn).await.optional()?;
    match found {
        Some(id) => lock_by_id(conn, id).await,
        None => Ok(None),
    }
}

/// Locks a payment by our id.
///
/// # Errors
/// Database errors.
pub async fn lock_by_id(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Payment>, StorageError> {
    let row: Option<PaymentRow> =
        payments::table.find(id).select(PaymentRow::as_select()).for_update().first(conn).await.optional()?;
    row.map(Payment::try_from).transpose()
}

/// A payment by the provider's id of it.
///
/// # Errors
/// Database errors.
pub async fn by_provider_id(
    conn: &mut AsyncPgConnection,
    provider: ProviderName,
    payment_id: &str,
) -> Result<Option<Payment>, StorageError> {
    let row: Option<PaymentRow> = payments::table
        .filter(payments::provider.eq(provider.as_str()).and(payments::payment_id.eq(payment_id)))
        .order(payments::received_at)
        .select(PaymentRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(Payment::try_from).transpose()
}

/// The payments that name an order, the oldest first.
///
/// # Errors
/// Database errors.
pub async fn of_order(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Vec<Payment>, StorageError> {
    let rows: Vec<PaymentRow> = payments::table
        .filter(payments::order_id.eq(order_id))
        .order((payments::received_at, payments::id))
        .select(PaymentRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(Payment::try_from).collect()
}

/// Claims up to `limit` payments about which a company should be asked now. They are due again `lease_seconds` from
/// now. Therefore no other process takes them meanwhile, and a crash only delays them.
///
/// # Errors
/// Database errors.
pub async fn claim_to_ask(
    conn: &mut AsyncPgConnection,
    limit: i64,
    lease_seconds: i32,
) -> Result<Vec<Payment>, StorageError> {
    let due: Vec<Uuid> = payments::table
        .filter(payments::ask_at.le(NowOnce.nullable()))
        .order(payments::ask_at)
        .limit(limit)
        .select(payments::id)
        .for_update()
        .skip_locked()
        .load(conn)
        .await?;
    let rows: Vec<PaymentRow> = diesel::update(payments::table.filter(payments::id.eq_any(due)))
        .set(payments::ask_at.eq(later(ledger_now(), seconds(lease_seconds)).nullable()))
        .returning(PaymentRow::as_returning())
        .get_results(conn)
        .await?;
    rows.into_iter().map(Payment::try_from).collect()
}

/// Sets when the company is asked next about a payment.
///
/// # Errors
/// Database errors.
pub async fn schedule(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    ask_at: Option<DateTime<Utc>>,
) -> Result<(), StorageError> {
    diesel::update(payments::table.find(id)).set(payments::ask_at.eq(ask_at)).execute(conn).await?;
    Ok(())
}

/// Reads a payment by our id.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Payment>, StorageError> {
    let row: Option<PaymentRow> =
        payments::table.find(id).select(PaymentRow::as_select()).first(conn).await.optional()?;
    row.map(Payment::try_from).transpose()
}

/// What is left unapplied of the payments that name an order: a sum for each currency.
///
/// # Errors
/// Database errors.
pub async fn rest_of_order(conn: &mut AsyncPgConnection, order: Uuid) -> Result<Vec<Money>, StorageError> {
    let rest = payments::amount - payments::applied - payments::unapplied_taken;
    let rows: Vec<(String, Decimal)> = payments::table
        .filter(payments::order_id.eq(order).and(rest.gt(Decimal::ZERO)))
        .order(payments::currency)
        .select((payments::currency, rest))
        .load(conn)
        .await?;
    let mut sums: Vec<Money> = Vec::new();
    for (currency, amount) in rows {
        let rest = Money::from_ledger(amount, currency_from_column(&currency)?);
        match sums.last_mut().filter(|sum| sum.currency() == rest.currency()) {
            Some(sum) => *sum += rest,
            None => sums.push(rest),
        }
    }
    Ok(sums)
}

/// Recomputes how much refunds and disputes took of the unapplied part of a locked payment, at most that part.
///
/// # Errors
/// Database errors.
pub async fn recount_unapplied(conn: &mut AsyncPgConnection, payment: Uuid) -> Result<(), StorageError> {
    let in_force = RefundState::ALL.into_iter().filter(|state| state.is_in_force()).map(RefundState::as_str);
    let refunded: Vec<Decimal> = refunds::table
        .filter(refunds::payment_id.eq(payment).and(refunds::status.eq_any(in_force)))
        .select(refunds::from_unapplied)
        .load(conn)
        .await?;
    let in_force = DisputeStatus::ALL.into_iter().filter(|status| status.is_in_force()).map(DisputeStatus::as_str);
    let disputed: Vec<Decimal> = disputes::table
        .filter(disputes::payment_id.eq(payment).and(disputes::status.eq_any(in_force)))
        .select(disputes::from_unapplied)
        .load(conn)
        .await?;
    let taken: Decimal = refunded.iter().chain(&disputed).sum();
    let (amount, applied): (Decimal, Decimal) =
        payments::table.find(payment).select((payments::amount, payments::applied)).first(conn).await?;
    diesel::update(payments::table.find(payment))
        .set(payments::unapplied_taken.eq(taken.min(amount - applied)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Adds `amount` to what is refunded of a locked payment; a negative amount subtracts. A CHECK refuses to refund more
/// than the payment's amount. The caller has written the refund.
///
/// # Errors
/// Database errors.
pub async fn add_refunded(conn: &mut AsyncPgConnection, payment: Uuid, amount: Money) -> Result<(), StorageError> {
    diesel::update(payments::table.find(payment))
        .set(payments::refunded.eq(payments::refunded + amount.amount()))
        .execute(conn)
        .await?;
    recount_unapplied(conn, payment).await
}
