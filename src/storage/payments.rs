//! Payments (verified facts that money arrived) and what they were applied to.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::schema::{payment_applications as applications, payments};

/// A payment as the table has it.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = payments)]
pub struct Payment {
    pub id: Uuid,
    pub provider: String,
    pub merchant_account: String,
    pub payment_id: String,
    pub currency: String,
    pub amount: Decimal,
    pub applied: Decimal,
    pub refunded: Decimal,
    pub order_id: Option<Uuid>,
    pub unapplied_reason: Option<String>,
    pub live: bool,
    pub received_at: DateTime<Utc>,
}

/// A part of a payment that serves an order.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = applications)]
pub struct Application {
    pub payment_id: Uuid,
    pub n: i32,
    pub order_id: Option<Uuid>,
    pub customer_id: String,
    pub wallet_id: Uuid,
    pub amount: Decimal,
    pub fee: Decimal,
    pub tax: Decimal,
    pub applied_by: String,
    pub applied_at: DateTime<Utc>,
    /// Set when the approval turned out wrong; it does not count any more.
    pub reversed_at: Option<DateTime<Utc>>,
}

/// Records a payment; false when it is known already. A second writer waits here for the first to commit.
///
/// # Errors
/// Of the database.
pub async fn insert(conn: &mut AsyncPgConnection, payment: &Payment) -> Result<bool, StorageError> {
    let written = diesel::insert_into(payments::table)
        .values(payment)
        .on_conflict((payments::provider, payments::merchant_account, payments::payment_id))
        .do_nothing()
        .execute(conn)
        .await?;
    Ok(written == 1)
}

/// Locks a payment by its identity.
///
/// # Errors
/// Of the database.
pub async fn lock(
    conn: &mut AsyncPgConnection,
    provider: &str,
    merchant_account: &str,
    payment_id: &str,
) -> Result<Option<Payment>, StorageError> {
    Ok(payments::table
        .filter(
            payments::provider
                .eq(provider)
                .and(payments::merchant_account.eq(merchant_account))
                .and(payments::payment_id.eq(payment_id)),
        )
        .select(Payment::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Locks a payment by our id.
///
/// # Errors
/// Of the database.
pub async fn lock_by_id(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Payment>, StorageError> {
    Ok(payments::table.find(id).select(Payment::as_select()).for_update().first(conn).await.optional()?)
}

/// The payments that name an order, oldest first.
///
/// # Errors
/// Of the database.
pub async fn of_order(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Vec<Payment>, StorageError> {
    Ok(payments::table
        .filter(payments::order_id.eq(order_id))
        .order((payments::received_at, payments::id))
        .select(Payment::as_select())
        .load(conn)
        .await?)
}

/// Payments with an unapplied rest, newest first.
///
/// # Errors
/// Of the database.
pub async fn unapplied(
    conn: &mut AsyncPgConnection,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Payment>, StorageError> {
    let mut query = payments::table
        .filter(payments::unapplied_reason.is_not_null())
        .select(Payment::as_select())
        .order((payments::received_at.desc(), payments::id.desc()))
        .limit(limit)
        .into_boxed();
    if let Some((at, id)) = after {
        query = query.filter(payments::received_at.lt(at).or(payments::received_at.eq(at).and(payments::id.lt(id))));
    }
    Ok(query.load(conn).await?)
}

/// Names the order of a locked payment that named none.
///
/// # Errors
/// Of the database.
pub async fn name_order(conn: &mut AsyncPgConnection, payment: Uuid, order_id: Uuid) -> Result<(), StorageError> {
    diesel::update(payments::table.find(payment)).set(payments::order_id.eq(order_id)).execute(conn).await?;
    Ok(())
}

/// Applies a part of a locked payment. The CHECK on `applied` refuses more than there is.
///
/// # Errors
/// Of the database.
pub async fn apply(
    conn: &mut AsyncPgConnection,
    application: &Application,
    unapplied_reason: Option<&str>,
) -> Result<(), StorageError> {
    diesel::insert_into(applications::table).values(application).execute(conn).await?;
    diesel::update(payments::table.find(application.payment_id))
        .set((
            payments::applied.eq(payments::applied + application.amount),
            payments::unapplied_reason.eq(unapplied_reason),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes an application of a locked payment back: its money is unapplied again.
///
/// # Errors
/// Of the database.
pub async fn unapply(
    conn: &mut AsyncPgConnection,
    application: &Application,
    reason: &str,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    diesel::update(applications::table.find((application.payment_id, application.n)))
        .set(applications::reversed_at.eq(at))
        .execute(conn)
        .await?;
    diesel::update(payments::table.find(application.payment_id))
        .set((payments::applied.eq(payments::applied - application.amount), payments::unapplied_reason.eq(reason)))
        .execute(conn)
        .await?;
    Ok(())
}

/// How many applications a payment has had, reversed ones included.
///
/// # Errors
/// Of the database.
pub async fn count_applications(conn: &mut AsyncPgConnection, payment: Uuid) -> Result<i64, StorageError> {
    Ok(applications::table.filter(applications::payment_id.eq(payment)).count().get_result(conn).await?)
}

/// A payment by the provider's id alone; those are unique at the provider, whatever account it was paid to.
///
/// # Errors
/// Of the database.
pub async fn by_provider_id(
    conn: &mut AsyncPgConnection,
    provider: &str,
    payment_id: &str,
) -> Result<Option<Payment>, StorageError> {
    Ok(payments::table
        .filter(payments::provider.eq(provider).and(payments::payment_id.eq(payment_id)))
        .order(payments::received_at)
        .select(Payment::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// Reads a payment by our id.
///
/// # Errors
/// Of the database.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Payment>, StorageError> {
    Ok(payments::table.find(id).select(Payment::as_select()).first(conn).await.optional()?)
}

/// The payment that completed an order; none where the approval was reversed.
///
/// # Errors
/// Of the database.
pub async fn application_to_order(
    conn: &mut AsyncPgConnection,
    order_id: Uuid,
) -> Result<Option<Application>, StorageError> {
    Ok(applications::table
        .filter(applications::order_id.eq(order_id).and(applications::reversed_at.is_null()))
        .order(applications::applied_at)
        .select(Application::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// The first order that a payment completed.
///
/// # Errors
/// Of the database.
pub async fn order_served(conn: &mut AsyncPgConnection, payment: Uuid) -> Result<Option<Uuid>, StorageError> {
    let found: Option<Option<Uuid>> = applications::table
        .filter(applications::payment_id.eq(payment).and(applications::order_id.is_not_null()))
        .filter(applications::reversed_at.is_null())
        .order(applications::n)
        .select(applications::order_id)
        .first(conn)
        .await
        .optional()?;
    Ok(found.flatten())
}

/// Moves what has been refunded of a locked payment by `amount`, back when it is negative. The CHECK refuses
/// more than there is.
///
/// # Errors
/// Of the database.
pub async fn add_refunded(conn: &mut AsyncPgConnection, payment: Uuid, amount: Decimal) -> Result<(), StorageError> {
    diesel::update(payments::table.find(payment))
        .set(payments::refunded.eq(payments::refunded + amount))
        .execute(conn)
        .await?;
    Ok(())
}
