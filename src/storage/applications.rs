//! Applications: what the money of payments serves.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::customer_from_column;
use super::schema::payment_applications as applications;
use crate::domain::money::{Currency, Money};
use crate::domain::order::Order;
use crate::domain::payment::Application;

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = applications)]
struct ApplicationRow {
    payment_id: Uuid,
    n: i32,
    order_id: Option<Uuid>,
    customer_id: String,
    wallet_id: Uuid,
    amount: Decimal,
    fee: Decimal,
    tax: Decimal,
    tax_included: Decimal,
    applied_by: String,
    applied_at: DateTime<Utc>,
    reversed_at: Option<DateTime<Utc>>,
}

impl From<&Application> for ApplicationRow {
    fn from(application: &Application) -> Self {
        Self {
            payment_id: application.payment_id,
            n: application.n,
            order_id: application.order_id,
            customer_id: application.customer.as_str().to_owned(),
            wallet_id: application.wallet_id,
            amount: application.amount.amount(),
            fee: application.fee.amount(),
            tax: application.tax.amount(),
            tax_included: application.tax_included.amount(),
            applied_by: application.applied_by.clone(),
            applied_at: application.applied_at,
            reversed_at: application.reversed_at,
        }
    }
}

impl ApplicationRow {
    /// The amounts are in the currency of the payment, which is that of the order.
    fn read(self, currency: Currency) -> Result<Application, StorageError> {
        let money = |amount| Money::from_ledger(amount, currency);
        Ok(Application {
            payment_id: self.payment_id,
            n: self.n,
            order_id: self.order_id,
            customer: customer_from_column(&self.customer_id)?,
            wallet_id: self.wallet_id,
            amount: money(self.amount),
            fee: money(self.fee),
            tax: money(self.tax),
            tax_included: money(self.tax_included),
            applied_by: self.applied_by,
            applied_at: self.applied_at,
            reversed_at: self.reversed_at,
        })
    }
}

/// Records an application of a locked payment. The payment's own figures are written by `payments::insert` or
/// `payments::update_applied` in the same transaction.
///
/// # Errors
/// Database errors.
pub async fn insert(conn: &mut AsyncPgConnection, application: &Application) -> Result<(), StorageError> {
    diesel::insert_into(applications::table).values(ApplicationRow::from(application)).execute(conn).await?;
    Ok(())
}

/// Marks an application of a locked payment as reversed.
///
/// # Errors
/// Database errors.
pub async fn reverse(
    conn: &mut AsyncPgConnection,
    application: &Application,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    diesel::update(applications::table.find((application.payment_id, application.n)))
        .set(applications::reversed_at.eq(at))
        .execute(conn)
        .await?;
    Ok(())
}

/// The number of the next application of a locked payment. Reversed applications count as well.
///
/// # Errors
/// Database errors.
pub async fn next_number(conn: &mut AsyncPgConnection, payment: Uuid) -> Result<i32, StorageError> {
    let last: Option<i32> = applications::table
        .filter(applications::payment_id.eq(payment))
        .select(diesel::dsl::max(applications::n))
        .get_result(conn)
        .await?;
    Ok(last.map_or(1, |last| last + 1))
}

/// The applications to an order, reversed ones as well, the oldest first.
///
/// # Errors
/// Database errors.
pub async fn of_order(conn: &mut AsyncPgConnection, order: &Order) -> Result<Vec<Application>, StorageError> {
    let rows: Vec<ApplicationRow> = applications::table
        .filter(applications::order_id.eq(order.id))
        .order((applications::applied_at, applications::payment_id, applications::n))
        .select(ApplicationRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(|row| row.read(order.currency())).collect()
}

/// The applications to an order that stand, the oldest first; none when its approval was reversed.
///
/// # Errors
/// Database errors.
pub async fn standing(conn: &mut AsyncPgConnection, order: &Order) -> Result<Vec<Application>, StorageError> {
    let all = of_order(conn, order).await?;
    Ok(all.into_iter().filter(Application::stands).collect())
}

/// The order that a payment served last: the first one to give when money of the payment is taken back.
///
/// # Errors
/// Database errors.
pub async fn order_served(conn: &mut AsyncPgConnection, payment: Uuid) -> Result<Option<Uuid>, StorageError> {
    let found: Option<Option<Uuid>> = applications::table
        .filter(applications::payment_id.eq(payment).and(applications::order_id.is_not_null()))
        .filter(applications::reversed_at.is_null())
        .order(applications::n.desc())
        .select(applications::order_id)
        .first(conn)
        .await
        .optional()?;
    Ok(found.flatten())
}
