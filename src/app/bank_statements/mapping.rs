//! How the CSV files of a bank account are read.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::app::{App, Caller, Error};
use crate::domain::audit::AuditRecord;
use crate::domain::bank_statement::csv::CsvMapping;
use crate::domain::id::IdKind;
use crate::storage::catalogue::bank_accounts;
use crate::storage::transaction::transact;
use crate::storage::{audit, bank_statements as store, clock};

/// A mapping, with who saved it and when.
#[derive(Debug, Clone)]
pub struct SavedMapping {
    pub mapping: CsvMapping,
    pub updated_at: DateTime<Utc>,
    pub updated_by: String,
}

/// # Errors
/// 404 for an unknown account, and for one without a mapping.
pub async fn read(app: &App, account: Option<Uuid>) -> Result<SavedMapping, Error> {
    let missing = || Error::NotFound("mapping of this bank account");
    let mut conn = app.pool.get().await?;
    let found = store::mapping(&mut conn, account.ok_or_else(missing)?).await?.ok_or_else(missing)?;
    let (mapping, updated_at, updated_by) = found;
    Ok(SavedMapping { mapping, updated_at, updated_by })
}

/// Replaces the mapping of an account. It applies to files that are uploaded from now on.
///
/// # Errors
/// 404.
pub async fn save(
    app: &App,
    caller: &Caller,
    account: Option<Uuid>,
    mapping: CsvMapping,
) -> Result<(bool, SavedMapping), Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let missing = || Error::NotFound("bank account");
        let account = bank_accounts::lock(conn, account.ok_or_else(missing)?).await?.ok_or_else(missing)?;
        let before = store::mapping(conn, account.id).await?.map(|(mapping, ..)| mapping);
        let now = clock::now(conn).await?;
        store::save_mapping(conn, account.id, &mapping, now, &actor).await?;
        let target = format!("bank_account:{}", IdKind::BankAccount.show(account.id));
        let is_new = before.is_none();
        let record = AuditRecord::new(&actor, "bank_account.mapped", target).from(before.map(|known| json!(known)));
        audit::write(conn, &record.to(json!(mapping))).await?;
        let saved = SavedMapping { mapping: mapping.clone(), updated_at: now, updated_by: actor.clone() };
        Ok::<_, Error>((is_new, saved))
    })
    .await
}
