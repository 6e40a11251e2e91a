//! The audit log: who changed what. An entry is written in the transaction of the change.
//!
//! The API key that a request came with belongs to the request, and not to each of its changes: the edge runs a request
//! inside [`acting_with`], and every entry that the request writes names the key.

use std::future::Future;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::StorageError;
use super::columns::customer_from_column;
use super::page::in_page;
use super::schema::audit_log;
use crate::domain::audit::{AuditEntry, AuditFilter, AuditPosition, AuditRecord};
use crate::domain::page::{Page, Rows};

tokio::task_local! {
    static KEY: Uuid;
}

/// Does some work on behalf of a caller who authenticated with this API key.
pub async fn acting_with<F: Future>(key: Uuid, work: F) -> F::Output {
    KEY.scope(key, work).await
}

/// The API key of the current work; `None` for a token.
#[must_use]
pub fn acting_key() -> Option<Uuid> {
    KEY.try_with(|key| *key).ok()
}

/// Writes one entry.
///
/// # Errors
/// [`StorageError`].
pub async fn write(conn: &mut AsyncPgConnection, record: &AuditRecord) -> Result<(), StorageError> {
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::actor.eq(&record.actor),
            audit_log::action.eq(&record.action),
            audit_log::target.eq(&record.target),
            audit_log::customer_id.eq(record.customer.as_ref().map(|customer| customer.as_str())),
            audit_log::reason.eq(&record.reason),
            audit_log::before.eq(&record.before),
            audit_log::after.eq(&record.after),
            audit_log::api_key.eq(KEY.try_get().ok()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_log, check_for_backend(diesel::pg::Pg))]
struct AuditRow {
    seq: i64,
    at: DateTime<Utc>,
    actor: String,
    action: String,
    target: String,
    customer_id: Option<String>,
    reason: Option<String>,
    before: Option<Value>,
    after: Option<Value>,
    api_key: Option<Uuid>,
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = StorageError;

    fn try_from(row: AuditRow) -> Result<Self, StorageError> {
        let record = AuditRecord {
            actor: row.actor,
            action: row.action,
            target: row.target,
            customer: row.customer_id.as_deref().map(customer_from_column).transpose()?,
            reason: row.reason,
            before: row.before,
            after: row.after,
        };
        Ok(Self { seq: row.seq, at: row.at, record, api_key: row.api_key })
    }
}

/// A page of the log.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &AuditFilter,
    page: &Page<AuditPosition>,
) -> Result<Rows<AuditEntry>, StorageError> {
    let mut query = audit_log::table.select(AuditRow::as_select()).limit(page.to_read()).into_boxed();
    if let Some(actor) = &filter.actor {
        query = query.filter(audit_log::actor.eq(actor));
    }
    if let Some(action) = &filter.action {
        query = query.filter(audit_log::action.eq(action));
    }
    if let Some(target) = &filter.target {
        query = query.filter(audit_log::target.eq(target));
    }
    if let Some(customer) = &filter.customer {
        query = query.filter(audit_log::customer_id.eq(customer.as_str()));
    }
    if let Some(from) = filter.from {
        query = query.filter(audit_log::at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(audit_log::at.lt(to));
    }
    let query = in_page!(query, page, audit_log::at, audit_log::seq);
    let rows: Vec<AuditRow> = query.load(conn).await?;
    page.cut(rows).try_map(AuditEntry::try_from)
}
