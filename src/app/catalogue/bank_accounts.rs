//! Bank accounts: our own accounts, which customers transfer money to.

use chrono::DateTime;
use uuid::Uuid;

use super::bank_account_changes;
pub use super::bank_account_writes::Changed;
use super::bank_account_writes::{exists, insert, replace};
use crate::app::{App, Caller, Error, Expected};
use crate::domain::catalogue::BankAccount;
use crate::domain::code::Code;
use crate::domain::money::Currency;
use crate::storage::Connection;
use crate::storage::catalogue::bank_accounts as store;
use crate::storage::transaction::transact;

/// The account that an operator saves. The texts are trimmed, and none is empty.
#[derive(Debug, Clone)]
pub struct NewAccount {
    pub currency: Currency,
    pub bank_name: String,
    pub account_name: String,
    pub account_number: String,
    pub branch: Option<String>,
    /// 12 digits.
    pub cnaps_code: Option<String>,
    /// 6 digits.
    pub napas_bin: Option<String>,
    /// As ISO 9362 writes it.
    pub swift_bic: Option<String>,
    pub bank_address: Option<String>,
    pub active: bool,
}

/// All accounts, sorted by currency, then the oldest first. New orders name the first active account of their currency.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App) -> Result<Vec<BankAccount>, Error> {
    Ok(store::list(&mut *app.pool.get().await?).await?)
}

/// Adds an account, or, if changes need two operators, proposes to add it.
///
/// # Errors
/// 409 `bank_account_exists`.
pub async fn create(app: &App, caller: &Caller, new: NewAccount) -> Result<Changed, Error> {
    let new = draft(Uuid::now_v7(), new, caller.actor());
    transact(&app.pool, async |conn| {
        if app.settings.own_word.any_threshold() {
            require_free_number(conn, &new).await?;
            return bank_account_changes::propose(conn, caller, BankAccount { version: 0, ..new.clone() }).await;
        }
        Ok(Changed::Saved(insert(conn, &caller.actor(), &new).await?))
    })
    .await
}

/// Replaces an account, or, if changes need two operators, proposes to replace it. The version before is closed, and
/// open orders keep it. The currency cannot change, because orders refer to the account.
///
/// # Errors
/// 404; 422 for another currency; 409 `bank_account_exists` or `change_proposed`; 412 and 428 as [`Expected::check`].
pub async fn update(
    app: &App,
    caller: &Caller,
    id: Uuid,
    expected: &Expected,
    new: NewAccount,
) -> Result<Changed, Error> {
    let new = draft(id, new, caller.actor());
    transact(&app.pool, async |conn| {
        let current = store::lock(conn, id).await?.ok_or(Error::NotFound("bank account"))?;
        expected.check(Some(current.version))?;
        if current.currency != new.currency {
            return Err(Error::field(
                "/currency",
                Code::Immutable,
                "an account keeps its currency; add another account",
            ));
        }
        if app.settings.own_word.any_threshold() {
            require_free_number(conn, &new).await?;
            let change = BankAccount { version: current.version, ..new.clone() };
            return bank_account_changes::propose(conn, caller, change).await;
        }
        Ok(Changed::Saved(replace(conn, &caller.actor(), &current, &new).await?))
    })
    .await
}

async fn require_free_number(conn: &mut Connection, new: &BankAccount) -> Result<(), Error> {
    let taken = |known: &BankAccount| {
        known.id != new.id && known.currency == new.currency && known.account_number == new.account_number
    };
    if store::list(conn).await?.iter().any(taken) { Err(exists()) } else { Ok(()) }
}

fn draft(id: Uuid, new: NewAccount, updated_by: String) -> BankAccount {
    BankAccount {
        id,
        currency: new.currency,
        bank_name: new.bank_name,
        account_name: new.account_name,
        account_number: new.account_number,
        branch: new.branch,
        cnaps_code: new.cnaps_code,
        napas_bin: new.napas_bin,
        swift_bic: new.swift_bic,
        bank_address: new.bank_address,
        active: new.active,
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
        updated_by,
    }
}
