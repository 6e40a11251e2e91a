//! Transfers between a customer's wallets. The ledger writes their entries; this table keeps what was asked for.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{currency_from_column, customer_from_column, money_from_column};
use super::page::in_page;
use super::schema::transfers;
use crate::domain::client_data::ClientData;
use crate::domain::customer::CustomerId;
use crate::domain::money::Currency;
use crate::domain::page::{Page, Rows};
use crate::domain::product::Product;
use crate::domain::transfer::Transfer;

#[derive(Queryable, Selectable)]
#[diesel(table_name = transfers, check_for_backend(diesel::pg::Pg))]
pub(super) struct TransferRow {
    customer_id: String,
    id: Uuid,
    currency: String,
    amount: Decimal,
    from_product: String,
    to_product: String,
    order_id: Option<Uuid>,
    client_reference: Option<String>,
    metadata: Option<serde_json::Value>,
    created_at: DateTime<Utc>,
}

impl TryFrom<TransferRow> for Transfer {
    type Error = StorageError;

    fn try_from(row: TransferRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: row.id,
            customer: customer_from_column(&row.customer_id)?,
            amount: money_from_column(row.amount, currency_from_column(&row.currency)?)?,
            from: Product::from_column(&row.from_product),
            to: Product::from_column(&row.to_product),
            order_id: row.order_id,
            client: ClientData { reference: row.client_reference, metadata: row.metadata },
            created_at: row.created_at,
        })
    }
}

/// # Errors
/// [`StorageError`].
pub async fn insert(conn: &mut AsyncPgConnection, transfer: &Transfer) -> Result<(), StorageError> {
    diesel::insert_into(transfers::table)
        .values((
            transfers::customer_id.eq(transfer.customer.as_str()),
            transfers::id.eq(transfer.id),
            transfers::currency.eq(transfer.amount.currency().code()),
            transfers::amount.eq(transfer.amount.amount()),
            transfers::from_product.eq(transfer.from.as_column()),
            transfers::to_product.eq(transfer.to.as_column()),
            transfers::order_id.eq(transfer.order_id),
            transfers::client_reference.eq(transfer.client.reference.as_deref()),
            transfers::metadata.eq(transfer.client.metadata.as_ref()),
            transfers::created_at.eq(transfer.created_at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// # Errors
/// [`StorageError`].
pub async fn find(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    id: Uuid,
) -> Result<Option<Transfer>, StorageError> {
    let row: Option<TransferRow> =
        transfers::table.find((customer.as_str(), id)).select(TransferRow::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// These transfers; those of other customers are left out.
///
/// # Errors
/// [`StorageError`].
pub async fn find_all(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    ids: &[Uuid],
) -> Result<Vec<Transfer>, StorageError> {
    let rows: Vec<TransferRow> = transfers::table
        .filter(transfers::customer_id.eq(customer.as_str()).and(transfers::id.eq_any(ids)))
        .select(TransferRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// A customer's transfers, newest first.
///
/// # Errors
/// [`StorageError`].
pub async fn list(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    (currency, client_reference): (Option<Currency>, Option<&str>),
    page: &Page,
) -> Result<Rows<Transfer>, StorageError> {
    let mut query = transfers::table
        .filter(transfers::customer_id.eq(customer.as_str().to_owned()))
        .select(TransferRow::as_select())
        .limit(page.to_read())
        .into_boxed();
    if let Some(currency) = currency {
        query = query.filter(transfers::currency.eq(currency.code()));
    }
    if let Some(reference) = client_reference {
        query = query.filter(transfers::client_reference.eq(reference.to_owned()));
    }
    let query = in_page!(query, page, transfers::created_at, transfers::id);
    let rows: Vec<TransferRow> = query.load(conn).await?;
    page.cut(rows).try_map(TryInto::try_into)
}

/// The transfer that paid an order from the main wallet.
///
/// # Errors
/// [`StorageError`].
pub async fn of_order(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Option<Transfer>, StorageError> {
    let row: Option<TransferRow> = transfers::table
        .filter(transfers::order_id.eq(order_id))
        .select(TransferRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(TryInto::try_into).transpose()
}
