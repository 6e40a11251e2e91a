//! Bank accounts: our own accounts, which customers transfer money to.

use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bank_account_changes;
use crate::app::{App, Caller, Error, Expected, Problems};
use crate::domain::catalogue::{BankAccount, BankAccountChange};
use crate::domain::code::Code;
use crate::domain::money::Currency;
use crate::storage::catalogue::bank_accounts as store;
use crate::storage::transaction::transact;
use crate::storage::{Connection, StorageError, audit, events, orders};

/// The account that a caller sends. Nothing of it is checked yet.
#[derive(Debug, Clone)]
pub struct AccountInput {
    pub currency: String,
    pub bank_name: String,
    pub account_name: String,
    pub account_number: String,
    pub branch: Option<String>,
    pub cnaps_code: Option<String>,
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

/// What became of a change.
#[derive(Debug, Clone)]
pub enum Changed {
    Saved(BankAccount),
    /// It waits for a second operator. Payers are shown what they were shown before.
    Proposed(BankAccountChange),
}

/// Adds an account, or proposes to add it where changes need two operators.
///
/// # Errors
/// 422 naming every field that is wrong; 409 `bank_account_exists`.
pub async fn create(app: &App, caller: &Caller, input: &AccountInput) -> Result<Changed, Error> {
    let new = validate(Uuid::now_v7(), input)?;
    transact(&app.pool, async |conn| {
        if app.settings.own_word.any_threshold() {
            require_free_number(conn, &new).await?;
            return bank_account_changes::propose(conn, caller, BankAccount { version: 0, ..new.clone() }).await;
        }
        Ok(Changed::Saved(insert(conn, &caller.actor(), &new).await?))
    })
    .await
}

/// Replaces an account, or proposes to replace it where changes need two operators. The version before is closed, and
/// open orders keep it. The currency cannot change, because orders refer to the account.
///
/// # Errors
/// 404; 422 naming every field that is wrong; 409 `bank_account_exists` or `change_proposed`; 412 and 428 as
/// [`Expected::check`].
pub async fn update(
    app: &App,
    caller: &Caller,
    id: Uuid,
    expected: &Expected,
    input: &AccountInput,
) -> Result<Changed, Error> {
    let new = validate(id, input)?;
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

pub(super) async fn insert(conn: &mut Connection, actor: &str, new: &BankAccount) -> Result<BankAccount, Error> {
    let value = store::insert(conn, new).await.map_err(number_taken)?;
    let (subject, detail) = (format!("bank_account:{}", value.id), json!({"after": describe(&value)}));
    audit::write(conn, actor, "bank_account.created", &subject, &detail).await?;
    Ok(value)
}

pub(super) async fn replace(
    conn: &mut Connection,
    actor: &str,
    current: &BankAccount,
    new: &BankAccount,
) -> Result<BankAccount, Error> {
    let value = store::update(conn, new).await.map_err(number_taken)?;
    // Whoever looks at an order now sees that its account is closed; the stream tells those who look already.
    for order in orders::open_on_account(conn, current.id, current.version).await? {
        events::order_updated(conn, &order).await?;
    }
    let detail = json!({"before": describe(current), "after": describe(&value)});
    audit::write(conn, actor, "bank_account.updated", &format!("bank_account:{}", new.id), &detail).await?;
    Ok(value)
}

async fn require_free_number(conn: &mut Connection, new: &BankAccount) -> Result<(), Error> {
    let taken = |known: &BankAccount| {
        known.id != new.id && known.currency == new.currency && known.account_number == new.account_number
    };
    if store::list(conn).await?.iter().any(taken) { Err(exists()) } else { Ok(()) }
}

fn exists() -> Error {
    Error::conflict(Code::BankAccountExists, "there is an account with this number and currency already")
}

fn number_taken(error: StorageError) -> Error {
    if error.violates("bank_accounts_number_once") { exists() } else { error.into() }
}

fn validate(id: Uuid, input: &AccountInput) -> Result<BankAccount, Error> {
    let mut problems = Problems::new();
    let currency = problems.checked_money("/currency", input.currency.parse::<Currency>());
    let bank_name = problems.text("/bank_name", &input.bank_name, 1, 100);
    let account_name = problems.text("/account_name", &input.account_name, 1, 100);
    let account_number = problems.text("/account_number", &input.account_number, 1, 64);
    let branch = problems.optional_text("/branch", input.branch.as_deref(), 100);
    let cnaps_code = problems.optional_text("/cnaps_code", input.cnaps_code.as_deref(), 12);
    let digits = |code: &String| code.len() == 12 && code.bytes().all(|b| b.is_ascii_digit());
    if cnaps_code.as_ref().is_some_and(|code| !digits(code)) {
        problems.add("/cnaps_code", Code::Malformed, "must be 12 digits");
    }
    let swift_bic = problems.optional_text("/swift_bic", input.swift_bic.as_deref(), 11);
    if swift_bic.as_deref().is_some_and(|bic| !is_bic(bic)) {
        problems.add("/swift_bic", Code::Malformed, "must be 8 or 11 upper-case letters and digits, such as ICBKCNBJ");
    }
    let bank_address = problems.optional_text("/bank_address", input.bank_address.as_deref(), 200);
    let (Some(currency), Some(bank_name), Some(account_name), Some(account_number)) =
        (currency, bank_name, account_name, account_number)
    else {
        return Err(problems.into_error());
    };
    problems.finish()?;
    Ok(BankAccount {
        id,
        currency,
        bank_name,
        account_name,
        account_number,
        branch,
        cnaps_code,
        swift_bic,
        bank_address,
        active: input.active,
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
    })
}

/// A BIC (ISO 9362) has four characters for the bank, two letters for the country, two characters for the place and,
/// optionally, three for the branch.
fn is_bic(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let country = text.get(4..6).is_some_and(|country| country.bytes().all(|b| b.is_ascii_uppercase()));
    matches!(text.len(), 8 | 11) && plain && country
}

pub(super) fn describe(account: &BankAccount) -> Value {
    json!({
        "currency": account.currency.code(),
        "bank_name": account.bank_name,
        "account_name": account.account_name,
        "account_number": account.account_number,
        "branch": account.branch,
        "cnaps_code": account.cnaps_code,
        "swift_bic": account.swift_bic,
        "bank_address": account.bank_address,
        "active": account.active,
        "version": account.version,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bank_codes_have_their_shape() {
        let input = AccountInput {
            currency: "CNY".to_owned(),
            bank_name: "Bank".to_owned(),
            account_name: "Company".to_owned(),
            account_number: "6222 0000".to_owned(),
            branch: None,
            cnaps_code: Some("12345".to_owned()),
            swift_bic: Some("ICBK1NBJ".to_owned()),
            bank_address: None,
            active: true,
        };
        let Err(Error::Invalid(errors)) = validate(Uuid::nil(), &input) else { panic!("accepted") };
        assert_eq!(errors.iter().map(|e| e.pointer.as_str()).collect::<Vec<_>>(), ["/cnaps_code", "/swift_bic"]);
        let good = AccountInput {
            cnaps_code: Some("102100099996".to_owned()),
            swift_bic: Some("ICBKCNBJBJM".to_owned()),
            ..input
        };
        assert!(validate(Uuid::nil(), &good).is_ok());
    }
}
