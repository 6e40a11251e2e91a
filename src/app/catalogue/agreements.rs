//! Agreements: what customers accept with every order. A version never changes; one version is active.

use serde_json::json;

use crate::app::{App, Caller, Error};
use crate::domain::audit::AuditRecord;
use crate::domain::catalogue::Agreement;
use crate::domain::code::Code;
use crate::storage::audit;
use crate::storage::catalogue::agreements as store;
use crate::storage::transaction::transact;

/// All versions, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App) -> Result<Vec<Agreement>, Error> {
    Ok(store::list(&mut *app.pool.get().await?).await?)
}

/// Publishes a version and makes it the active one.
///
/// # Errors
/// 409 `agreement_exists`.
pub async fn publish(app: &App, caller: &Caller, version: &str, url: &str) -> Result<Agreement, Error> {
    transact(&app.pool, async |conn| {
        if store::insert(conn, version, url, &caller.actor()).await?.is_none() {
            return Err(Error::conflict(Code::AgreementExists, "this version is published already and never changes"));
        }
        let active = store::activate(conn, version, &caller.actor()).await?;
        let active = active.ok_or(Error::Internal("the agreement that was just written"))?;
        let record = AuditRecord::new(&caller.actor(), "agreement.published", format!("agreement:{version}"));
        audit::write(conn, &record.to(json!({ "url": url }))).await?;
        Ok(active)
    })
    .await
}

/// Makes a published version the active one. Activating the active version changes nothing.
///
/// # Errors
/// 404.
pub async fn activate(app: &App, caller: &Caller, version: &str) -> Result<Agreement, Error> {
    transact(&app.pool, async |conn| {
        let before = store::active(conn).await?;
        if let Some(active) = before.as_ref().filter(|active| active.version == version) {
            return Ok(active.clone());
        }
        let active = store::activate(conn, version, &caller.actor()).await?.ok_or(Error::NotFound("agreement"))?;
        let record = AuditRecord::new(&caller.actor(), "agreement.activated", format!("agreement:{version}"));
        let before = before.map(|before| json!({ "active": before.version }));
        audit::write(conn, &record.from(before).to(json!({ "active": version }))).await?;
        Ok(active)
    })
    .await
}
