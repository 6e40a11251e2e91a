//! What the demo catalogue must know before it is added.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StorageError;
use super::schema::environment;

/// Whether the database is stamped for real money.
///
/// # Errors
/// Of the database.
pub async fn is_live(conn: &mut AsyncPgConnection) -> Result<bool, StorageError> {
    let live = environment::table.filter(environment::stamp.eq("live"));
    Ok(diesel::select(diesel::dsl::exists(live)).get_result(conn).await?)
}
