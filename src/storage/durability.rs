//! Whether the server keeps what it has confirmed.

use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StorageError;

/// With any of these off, a crash of the server may lose or damage money that callers were told is booked
/// (postgresql.org/docs/current/runtime-config-wal.html).
const OFF: &str = "SELECT name FROM pg_settings
    WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off' ORDER BY name";

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The settings of this session that are off and must be on for that.
///
/// # Errors
/// Database errors.
pub async fn switched_off(conn: &mut AsyncPgConnection) -> Result<Vec<String>, StorageError> {
    let settings: Vec<Setting> = sql_query(OFF).get_results(conn).await?;
    Ok(settings.into_iter().map(|setting| setting.name).collect())
}
