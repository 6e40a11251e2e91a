//! Reading the audit log.

use super::{App, Error};
use crate::domain::audit::{AuditEntry, AuditFilter, AuditPosition};
use crate::domain::page::{Page, Rows};
use crate::storage::audit as store;

/// A page of the audit log.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &AuditFilter, page: &Page<AuditPosition>) -> Result<Rows<AuditEntry>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, filter, page).await?)
}
