//! The audit log: who changed what. An entry is written in the transaction of the change.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::StorageError;
use super::schema::audit_log;

/// Writes one entry. `actor` names the caller (`operator:alice`), `subject` what has changed (`product:whatsapp`).
///
/// # Errors
/// [`StorageError`].
pub async fn write(
    conn: &mut AsyncPgConnection,
    actor: &str,
    action: &str,
    subject: &str,
    detail: &Value,
) -> Result<(), StorageError> {
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::actor.eq(actor),
            audit_log::action.eq(action),
            audit_log::subject.eq(subject),
            audit_log::detail.eq(detail),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
