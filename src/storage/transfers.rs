//! Transfers between a customer's wallets.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::schema::transfers;
use crate::domain::customer::CustomerId;

/// A transfer as the table has it; products are columns (`''` is the main wallet).
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = transfers)]
pub struct Transfer {
    pub customer_id: String,
    pub id: Uuid,
    pub currency: String,
    pub amount: Decimal,
    pub from_product: String,
    pub to_product: String,
    pub order_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
}

/// # Errors
/// Of the database.
pub async fn insert(conn: &mut AsyncPgConnection, transfer: &Transfer) -> Result<(), StorageError> {
    diesel::insert_into(transfers::table).values(transfer).execute(conn).await?;
    Ok(())
}

/// # Errors
/// Of the database.
pub async fn find(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    id: Uuid,
) -> Result<Option<Transfer>, StorageError> {
    Ok(transfers::table.find((customer.as_str(), id)).select(Transfer::as_select()).first(conn).await.optional()?)
}

/// A customer's transfers, newest first.
///
/// # Errors
/// Of the database.
pub async fn list(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    currency: Option<&str>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Transfer>, StorageError> {
    let mut query = transfers::table
        .filter(transfers::customer_id.eq(customer.as_str().to_owned()))
        .select(Transfer::as_select())
        .order((transfers::created_at.desc(), transfers::id.desc()))
        .limit(limit)
        .into_boxed();
    if let Some(currency) = currency {
        query = query.filter(transfers::currency.eq(currency.to_owned()));
    }
    if let Some((at, id)) = after {
        query = query.filter(transfers::created_at.lt(at).or(transfers::created_at.eq(at).and(transfers::id.lt(id))));
    }
    Ok(query.load(conn).await?)
}

/// The transfer that paid an order from the main wallet.
///
/// # Errors
/// Of the database.
pub async fn of_order(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Option<Transfer>, StorageError> {
    let transfer = transfers::table.filter(transfers::order_id.eq(order_id)).select(Transfer::as_select());
    Ok(transfer.first(conn).await.optional()?)
}
