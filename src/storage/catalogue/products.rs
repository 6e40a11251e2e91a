//! Products.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::catalogue::ProductInfo;
use crate::domain::product::Product;
use crate::storage::StorageError;
use crate::storage::schema::products;

#[derive(Queryable, Selectable)]
#[diesel(table_name = products, check_for_backend(diesel::pg::Pg))]
struct Row {
    code: String,
    name: String,
    active: bool,
    returnable: bool,
    version: i64,
    updated_at: DateTime<Utc>,
}

impl From<Row> for ProductInfo {
    fn from(row: Row) -> Self {
        Self {
            product: Product::from_column(&row.code),
            name: row.name,
            active: row.active,
            returnable: row.returnable,
            version: row.version,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = products)]
struct Columns<'a> {
    code: &'a str,
    name: &'a str,
    active: bool,
    returnable: bool,
}

impl<'a> From<&'a ProductInfo> for Columns<'a> {
    fn from(info: &'a ProductInfo) -> Self {
        Self { code: info.product.as_column(), name: &info.name, active: info.active, returnable: info.returnable }
    }
}

/// All products, by code.
///
/// # Errors
/// Of the database.
pub async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<ProductInfo>, StorageError> {
    let rows: Vec<Row> = products::table.order(products::code).select(Row::as_select()).load(conn).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// One product.
///
/// # Errors
/// Of the database.
pub async fn find(conn: &mut AsyncPgConnection, product: &Product) -> Result<Option<ProductInfo>, StorageError> {
    let row: Option<Row> =
        products::table.find(product.as_column()).select(Row::as_select()).first(conn).await.optional()?;
    Ok(row.map(Into::into))
}

/// # Errors
/// Of the database.
pub async fn lock(conn: &mut AsyncPgConnection, product: &Product) -> Result<Option<ProductInfo>, StorageError> {
    let row: Option<Row> =
        products::table.find(product.as_column()).for_update().select(Row::as_select()).first(conn).await.optional()?;
    Ok(row.map(Into::into))
}

/// `None` when it is there already.
///
/// # Errors
/// Of the database.
pub async fn insert(conn: &mut AsyncPgConnection, info: &ProductInfo) -> Result<Option<ProductInfo>, StorageError> {
    let row: Option<Row> = diesel::insert_into(products::table)
        .values(Columns::from(info))
        .on_conflict_do_nothing()
        .returning(Row::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(Into::into))
}

/// # Errors
/// Of the database.
pub async fn update(conn: &mut AsyncPgConnection, info: &ProductInfo) -> Result<ProductInfo, StorageError> {
    let row: Row = diesel::update(products::table.find(info.product.as_column()))
        .set((Columns::from(info), products::version.eq(products::version + 1), products::updated_at.eq(now)))
        .returning(Row::as_returning())
        .get_result(conn)
        .await?;
    Ok(row.into())
}
