//! Writing a bank account, at once or as an approved change.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::Error;
use crate::domain::audit::AuditRecord;
use crate::domain::catalogue::{BankAccount, BankAccountChange};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::storage::catalogue::bank_accounts as store;
use crate::storage::{Connection, StorageError, audit, events, orders};

/// The result of a change.
#[derive(Debug, Clone)]
pub enum Changed {
    Saved(BankAccount),
    /// It waits for a second operator. Payers still see the version before.
    Proposed(BankAccountChange),
}

pub(super) async fn insert(conn: &mut Connection, actor: &str, new: &BankAccount) -> Result<BankAccount, Error> {
    let value = store::insert(conn, new).await.map_err(number_taken)?;
    let record = AuditRecord::new(actor, "bank_account.created", target(value.id));
    audit::write(conn, &record.to(describe(&value))).await?;
    Ok(value)
}

pub(super) async fn replace(
    conn: &mut Connection,
    actor: &str,
    current: &BankAccount,
    new: &BankAccount,
) -> Result<BankAccount, Error> {
    let value = store::update(conn, new).await.map_err(number_taken)?;
    // A customer who opens an order now sees that its account is closed; the stream informs those who already have it
    // open.
    for order in orders::open_on_account(conn, current.id, current.version).await? {
        events::order_shown_anew(conn, order.id).await?;
    }
    let record = AuditRecord::new(actor, "bank_account.updated", target(new.id));
    audit::write(conn, &record.from(Some(describe(current))).to(describe(&value))).await?;
    Ok(value)
}

/// How the audit log names an account.
pub(super) fn target(id: Uuid) -> String {
    format!("bank_account:{}", IdKind::BankAccount.show(id))
}

pub(super) fn exists() -> Error {
    Error::conflict(Code::BankAccountExists, "there is an account with this number and currency already")
}

fn number_taken(error: StorageError) -> Error {
    if error.violates("bank_accounts_number_once") { exists() } else { error.into() }
}

pub(super) fn describe(account: &BankAccount) -> Value {
    json!({
        "currency": account.currency.code(),
        "bank_name": account.bank_name,
        "account_name": account.account_name,
        "account_number": account.account_number,
        "branch": account.branch,
        "cnaps_code": account.cnaps_code,
        "napas_bin": account.napas_bin,
        "swift_bic": account.swift_bic,
        "bank_address": account.bank_address,
        "active": account.active,
        "version": account.version,
    })
}
