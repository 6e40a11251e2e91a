//! Agreements. A version never changes; at most one is active.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::catalogue::Agreement;
use crate::storage::StorageError;
use crate::storage::schema::agreements;

#[derive(Queryable, Selectable)]
#[diesel(table_name = agreements, check_for_backend(diesel::pg::Pg))]
struct Row {
    version: String,
    url: String,
    active: bool,
    created_at: DateTime<Utc>,
}

impl From<Row> for Agreement {
    fn from(row: Row) -> Self {
        Self { version: row.version, url: row.url, active: row.active, created_at: row.created_at }
    }
}

/// All versions, newest first.
///
/// # Errors
/// Of the database.
pub async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<Agreement>, StorageError> {
    let rows: Vec<Row> = agreements::table
        .order((agreements::created_at.desc(), agreements::version.desc()))
        .select(Row::as_select())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The version that customers accept now.
///
/// # Errors
/// Of the database.
pub async fn active(conn: &mut AsyncPgConnection) -> Result<Option<Agreement>, StorageError> {
    let row: Option<Row> =
        agreements::table.filter(agreements::active).select(Row::as_select()).first(conn).await.optional()?;
    Ok(row.map(Into::into))
}

/// Publishes an inactive version; `None` when it is there already.
///
/// # Errors
/// Of the database.
pub async fn insert(conn: &mut AsyncPgConnection, version: &str, url: &str) -> Result<Option<Agreement>, StorageError> {
    let row: Option<Row> = diesel::insert_into(agreements::table)
        .values((agreements::version.eq(version), agreements::url.eq(url), agreements::active.eq(false)))
        .on_conflict_do_nothing()
        .returning(Row::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(Into::into))
}

/// Makes one version the active one; `None` when there is no such version.
///
/// # Errors
/// Of the database.
pub async fn activate(conn: &mut AsyncPgConnection, version: &str) -> Result<Option<Agreement>, StorageError> {
    // All rows, in one order: two operators activate one after the other.
    agreements::table.select(agreements::version).order(agreements::version).for_update().load::<String>(conn).await?;
    diesel::update(agreements::table.filter(agreements::active).filter(agreements::version.ne(version)))
        .set(agreements::active.eq(false))
        .execute(conn)
        .await?;
    let row: Option<Row> = diesel::update(agreements::table.find(version))
        .set(agreements::active.eq(true))
        .returning(Row::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(Into::into))
}
