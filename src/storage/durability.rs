//! Whether the server keeps confirmed commits.

use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StorageError;

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The settings of this session that are off, although a confirmed commit needs them to survive a crash.
///
/// # Errors
/// Database errors.
pub async fn switched_off(conn: &mut AsyncPgConnection) -> Result<Vec<String>, StorageError> {
    let settings: Vec<Setting> = sql_query(include_str!("sql/switched_off_settings.sql")).get_results(conn).await?;
    Ok(settings.into_iter().map(|setting| setting.name).collect())
}
