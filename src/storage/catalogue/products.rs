//! Products: the parts of the platform that can hold a balance of their own.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::catalogue::ProductInfo;
use crate::domain::product::Product;
use crate::storage::StorageError;
use crate::storage::clock::ledger_now;
use crate::storage::schema::products;

#[derive(Queryable, Selectable)]
#[diesel(table_name = products, check_for_backend(diesel::pg::Pg))]
struct ProductRow {
    code: String,
    name: String,
    active: bool,
    returnable: bool,
    version: i64,
    updated_at: DateTime<Utc>,
    updated_by: String,
}

impl From<ProductRow> for ProductInfo {
    fn from(row: ProductRow) -> Self {
        Self {
            product: Product::from_column(&row.code),
            name: row.name,
            active: row.active,
            returnable: row.returnable,
            version: row.version,
            updated_at: row.updated_at,
            updated_by: row.updated_by,
        }
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = products)]
struct ProductColumns<'a> {
    code: &'a str,
    name: &'a str,
    active: bool,
    returnable: bool,
    updated_by: &'a str,
}

impl<'a> From<&'a ProductInfo> for ProductColumns<'a> {
    fn from(info: &'a ProductInfo) -> Self {
        Self {
            code: info.product.as_column(),
            name: &info.name,
            active: info.active,
            returnable: info.returnable,
            updated_by: &info.updated_by,
        }
    }
}

/// All products, sorted by code.
///
/// # Errors
/// [`StorageError`].
pub async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<ProductInfo>, StorageError> {
    let rows: Vec<ProductRow> =
        products::table.order(products::code).select(ProductRow::as_select()).load(conn).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Reads a product.
///
/// # Errors
/// [`StorageError`].
pub async fn find(conn: &mut AsyncPgConnection, product: &Product) -> Result<Option<ProductInfo>, StorageError> {
    let row: Option<ProductRow> =
        products::table.find(product.as_column()).select(ProductRow::as_select()).first(conn).await.optional()?;
    Ok(row.map(Into::into))
}

/// # Errors
/// [`StorageError`].
pub async fn lock(conn: &mut AsyncPgConnection, product: &Product) -> Result<Option<ProductInfo>, StorageError> {
    let row: Option<ProductRow> = products::table
        .find(product.as_column())
        .for_update()
        .select(ProductRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(Into::into))
}

/// Writes a new product; `None` when the product exists already.
///
/// # Errors
/// [`StorageError`].
pub async fn insert(conn: &mut AsyncPgConnection, info: &ProductInfo) -> Result<Option<ProductInfo>, StorageError> {
    let row: Option<ProductRow> = diesel::insert_into(products::table)
        .values(ProductColumns::from(info))
        .on_conflict_do_nothing()
        .returning(ProductRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(Into::into))
}

/// # Errors
/// [`StorageError`].
pub async fn update(conn: &mut AsyncPgConnection, info: &ProductInfo) -> Result<ProductInfo, StorageError> {
    let row: ProductRow = diesel::update(products::table.find(info.product.as_column()))
        .set((
            ProductColumns::from(info),
            products::version.eq(products::version + 1),
            products::updated_at.eq(ledger_now()),
        ))
        .returning(ProductRow::as_returning())
        .get_result(conn)
        .await?;
    Ok(row.into())
}
