//! Agreements that customers accept with every order. A version never changes; at most one version is active.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::catalogue::Agreement;
use crate::storage::StorageError;
use crate::storage::schema::agreements;

#[derive(Queryable, Selectable)]
#[diesel(table_name = agreements, check_for_backend(diesel::pg::Pg))]
struct AgreementRow {
    version: String,
    url: String,
    active: bool,
    created_at: DateTime<Utc>,
    updated_by: String,
}

impl From<AgreementRow> for Agreement {
    fn from(row: AgreementRow) -> Self {
        Self {
            version: row.version,
            url: row.url,
            active: row.active,
            created_at: row.created_at,
            updated_by: row.updated_by,
        }
    }
}

/// All versions, newest first.
///
/// # Errors
/// [`StorageError`].
pub async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<Agreement>, StorageError> {
    let rows: Vec<AgreementRow> = agreements::table
        .order((agreements::created_at.desc(), agreements::version.desc()))
        .select(AgreementRow::as_select())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The active version.
///
/// # Errors
/// [`StorageError`].
pub async fn active(conn: &mut AsyncPgConnection) -> Result<Option<Agreement>, StorageError> {
    let row: Option<AgreementRow> =
        agreements::table.filter(agreements::active).select(AgreementRow::as_select()).first(conn).await.optional()?;
    Ok(row.map(Into::into))
}

/// Publishes a version, not yet active; `None` when the version exists already.
///
/// # Errors
/// [`StorageError`].
pub async fn insert(
    conn: &mut AsyncPgConnection,
    version: &str,
    url: &str,
    by: &str,
) -> Result<Option<Agreement>, StorageError> {
    let row: Option<AgreementRow> = diesel::insert_into(agreements::table)
        .values((
            agreements::version.eq(version),
            agreements::url.eq(url),
            agreements::active.eq(false),
            agreements::updated_by.eq(by),
        ))
        .on_conflict_do_nothing()
        .returning(AgreementRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(Into::into))
}

/// Makes one version the active one; `None` when the version does not exist.
///
/// # Errors
/// [`StorageError`].
pub async fn activate(
    conn: &mut AsyncPgConnection,
    version: &str,
    by: &str,
) -> Result<Option<Agreement>, StorageError> {
    // Locks every row in one order, so that two operators who activate at the same time do so one after the other.
    agreements::table.select(agreements::version).order(agreements::version).for_update().load::<String>(conn).await?;
    diesel::update(agreements::table.filter(agreements::active).filter(agreements::version.ne(version)))
        .set(agreements::active.eq(false))
        .execute(conn)
        .await?;
    let row: Option<AgreementRow> = diesel::update(agreements::table.find(version))
        .set((agreements::active.eq(true), agreements::updated_by.eq(by)))
        .returning(AgreementRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(Into::into))
}
