//! `/v1/admin/bank-accounts`: the accounts that customers transfer to.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, post, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::catalogue::bank_account_changes;
use crate::app::catalogue::bank_accounts::{self, Changed, NewAccount};
use crate::app::{App, Error, Problems};
use crate::domain::catalogue;
use crate::domain::code::Code;
use crate::domain::own_word::ProposalEnd;
use crate::http::edge::answers::{saved, tagged};
use crate::http::edge::auth::{ADMIN, Allowed, AsOperator};
use crate::http::edge::etag::IfMatch;
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Actor, BankAccountChangeId, BankAccountId, CurrencyCode};

/// All bank accounts.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankAccountList {
    #[schema(max_items = 1000)]
    data: Vec<BankAccount>,
}

/// A bank account of the platform that customers transfer to.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankAccount {
    id: BankAccountId,
    currency: CurrencyCode,
    #[schema(max_length = 100, example = "Example Bank")]
    bank_name: String,
    #[schema(max_length = 100, example = "Example Platform Ltd.")]
    account_name: String,
    #[schema(max_length = 64, example = "6200 0000 0000 0000 001")]
    account_number: String,
    #[schema(max_length = 100, example = "Shanghai Pudong")]
    branch: Option<String>,
    /// The clearing code of the branch in China.
    #[schema(max_length = 12, example = "102100099996")]
    cnaps_code: Option<String>,
    /// The bank's number at NAPAS, the network of Vietnam's banks.
    #[schema(max_length = 6, example = "970416")]
    napas_bin: Option<String>,
    #[schema(max_length = 11, example = "EXAMCNSHXXX")]
    swift_bic: Option<String>,
    #[schema(max_length = 200, example = "1 Example Road, Shanghai, China")]
    bank_address: Option<String>,
    active: bool,
    /// A number that grows with every change. It is also the ETag: `"<version>"`.
    #[schema(minimum = 0, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
    /// Who changed it last. The audit log has its history.
    updated_by: Actor,
}

impl From<catalogue::BankAccount> for BankAccount {
    fn from(account: catalogue::BankAccount) -> Self {
        Self {
            id: BankAccountId::of(account.id),
            currency: CurrencyCode::of(account.currency),
            bank_name: account.bank_name,
            account_name: account.account_name,
            account_number: account.account_number,
            branch: account.branch,
            cnaps_code: account.cnaps_code,
            napas_bin: account.napas_bin,
            swift_bic: account.swift_bic,
            bank_address: account.bank_address,
            active: account.active,
            version: account.version,
            updated_at: account.updated_at,
            updated_by: Actor::new(account.updated_by),
        }
    }
}

/// The account to save.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "currency": "CNY", "bank_name": "Example Bank", "account_name": "Example Platform Ltd.",
    "account_number": "6200 0000 0000 0000 003", "active": true
}))]
pub struct BankAccountRequest {
    currency: CurrencyCode,
    #[schema(min_length = 1, max_length = 100, example = "Example Bank")]
    bank_name: String,
    #[schema(min_length = 1, max_length = 100, example = "Example Platform Ltd.")]
    account_name: String,
    #[schema(min_length = 1, max_length = 64, example = "6200 0000 0000 0000 003")]
    account_number: String,
    #[schema(max_length = 100, example = "Shanghai Pudong")]
    branch: Option<String>,
    /// The clearing code of the branch in China: 12 digits.
    #[schema(max_length = 12, pattern = "^([0-9]{12})?$", example = "102100099996")]
    cnaps_code: Option<String>,
    /// The bank's number at NAPAS, the network of Vietnam's banks: 6 digits. Transfers in VND then have a VietQR.
    #[schema(max_length = 6, pattern = "^([0-9]{6})?$", example = "970416")]
    napas_bin: Option<String>,
    /// The bank's code as ISO 9362 writes it: 8 or 11 characters.
    #[schema(max_length = 11, pattern = "^([A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?)?$", example = "EXAMCNSHXXX")]
    swift_bic: Option<String>,
    #[schema(max_length = 200, example = "1 Example Road, Shanghai, China")]
    bank_address: Option<String>,
    /// Whether new orders can use the account. They name the oldest active account of their currency.
    active: bool,
}

/// The status of a change.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BankAccountChangeStatus {
    AwaitingSecondApproval,
    Approved,
    Withdrawn,
}

/// A change of a bank account that a second operator must approve.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankAccountChange {
    id: BankAccountChangeId,
    status: BankAccountChangeStatus,
    /// The account with its new values. Its `version` is the one that it replaces; a new account replaces version 0.
    account: BankAccount,
    proposed_by: Actor,
    proposed_at: DateTime<Utc>,
}

/// The changes that wait.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankAccountChangeList {
    #[schema(max_items = 1000)]
    data: Vec<BankAccountChange>,
}

impl From<catalogue::BankAccountChange> for BankAccountChange {
    fn from(change: catalogue::BankAccountChange) -> Self {
        Self {
            id: BankAccountChangeId::of(change.id),
            status: match change.end {
                None => BankAccountChangeStatus::AwaitingSecondApproval,
                Some(ProposalEnd::Approved { .. }) => BankAccountChangeStatus::Approved,
                Some(ProposalEnd::Withdrawn { .. }) => BankAccountChangeStatus::Withdrawn,
            },
            account: change.account.into(),
            proposed_by: Actor::new(&change.proposed_by),
            proposed_at: change.proposed_at,
        }
    }
}

/// The answer to a change: the account, or the proposal.
fn changed(new: bool, changed: Changed) -> HttpResponse {
    match changed {
        Changed::Saved(account) => saved(new, account.version, &BankAccount::from(account)),
        Changed::Proposed(change) => HttpResponse::Accepted().json(BankAccountChange::from(change)),
    }
}

impl BankAccountRequest {
    fn read(&self) -> Result<NewAccount, Error> {
        let mut problems = Problems::new();
        let currency = self.currency.read(&mut problems, "/currency");
        let bank_name = problems.text("/bank_name", &self.bank_name, 1, 100);
        let account_name = problems.text("/account_name", &self.account_name, 1, 100);
        let account_number = problems.text("/account_number", &self.account_number, 1, 64);
        let branch = problems.optional_text("/branch", self.branch.as_deref(), 100);
        let cnaps_code = problems.optional_text("/cnaps_code", self.cnaps_code.as_deref(), 12);
        let has_digits = |code: &str, count| code.len() == count && code.bytes().all(|b| b.is_ascii_digit());
        if cnaps_code.as_deref().is_some_and(|code| !has_digits(code, 12)) {
            problems.add("/cnaps_code", Code::Malformed, "must be 12 digits");
        }
        let napas_bin = problems.optional_text("/napas_bin", self.napas_bin.as_deref(), 6);
        if napas_bin.as_deref().is_some_and(|bin| !has_digits(bin, 6)) {
            problems.add("/napas_bin", Code::Malformed, "must be 6 digits");
        }
        let swift_bic = problems.optional_text("/swift_bic", self.swift_bic.as_deref(), 11);
        if swift_bic.as_deref().is_some_and(|bic| !is_bic(bic)) {
            let rule = "must be 8 or 11 upper-case letters and digits, such as ICBKCNBJ";
            problems.add("/swift_bic", Code::Malformed, rule);
        }
        let bank_address = problems.optional_text("/bank_address", self.bank_address.as_deref(), 200);
        let required = currency.zip(bank_name).zip(account_name).zip(account_number);
        let (((currency, bank_name), account_name), account_number) = problems.into_result(required)?;
        let active = self.active;
        Ok(NewAccount {
            currency,
            bank_name,
            account_name,
            account_number,
            branch,
            cnaps_code,
            napas_bin,
            swift_bic,
            bank_address,
            active,
        })
    }
}

/// A BIC (ISO 9362) has four characters for the bank, two letters for the country, two characters for the place and,
/// optionally, three for the branch.
fn is_bic(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let country = text.get(4..6).is_some_and(|country| country.bytes().all(|b| b.is_ascii_uppercase()));
    matches!(text.len(), 8 | 11) && plain && country
}

/// List bank accounts
///
/// All accounts, sorted by currency, oldest first. New orders name the first active account of their currency.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminListBankAccounts",
    responses((status = 200, description = "The accounts", body = BankAccountList)),
    security(("bearer" = []))
)]
#[get("/v1/admin/bank-accounts")]
pub async fn admin_list_bank_accounts(_: AsOperator, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let data = bank_accounts::list(&app).await?.into_iter().map(BankAccount::from).collect();
    Ok(HttpResponse::Ok().json(BankAccountList { data }))
}

/// Add a bank account
///
/// Adds an account. If one with the same number and currency exists, the call is refused with 409
/// `bank_account_exists`. If a threshold of second operators is set, the account is only proposed (202) until another
/// operator approves it.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminCreateBankAccount",
    request_body = BankAccountRequest,
    responses(
        (status = 201, description = "The new account", body = BankAccount,
            headers(("ETag" = String, description = "The version, to send as `If-Match`"))),
        (status = 202, description = "A second operator must approve it", body = BankAccountChange),
        (status = 409, description = "`bank_account_exists`"),
    ),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/bank-accounts")]
pub async fn admin_create_bank_account(
    Allowed(caller): AsOperator<ADMIN>,
    body: JsonBody<BankAccountRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    Ok(changed(true, bank_accounts::create(&app, &caller, body.value.read()?).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct BankAccountPath {
    /// The account's id.
    id: BankAccountId,
}

/// Change a bank account
///
/// Replaces the version that `If-Match` names. Without `If-Match` the call fails with 428 `if_match_required`; if the
/// account has changed since then, it fails with 412. The currency cannot change. If a threshold of second operators is
/// set, the change is only proposed (202) until another operator approves it.
///
/// The version before is closed: open orders that show it say `bank_account_closed`, and their payers get the current
/// account when they ask for it.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminUpdateBankAccount",
    params(BankAccountPath, IfMatch),
    request_body = BankAccountRequest,
    responses(
        (status = 200, description = "The account as it is now", body = BankAccount,
            headers(("ETag" = String, description = "The version, to send as `If-Match`"))),
        (status = 202, description = "A second operator must approve it", body = BankAccountChange),
        (status = 409, description = "`bank_account_exists`"),
    ),
    security(("bearer" = ["operator:admin"]))
)]
#[put("/v1/admin/bank-accounts/{id}")]
pub async fn admin_update_bank_account(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<BankAccountPath>,
    IfMatch(expected): IfMatch,
    body: JsonBody<BankAccountRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.id.named().ok_or(Error::NotFound("bank account"))?;
    Ok(changed(false, bank_accounts::update(&app, &caller, id, &expected, body.value.read()?).await?))
}

/// List proposed changes of bank accounts
///
/// The changes that wait for a second operator, newest first.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminListBankAccountChanges",
    responses((status = 200, description = "The changes", body = BankAccountChangeList)),
    security(("bearer" = []))
)]
#[get("/v1/admin/bank-account-changes")]
pub async fn list_bank_account_changes(_: AsOperator, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let data = bank_account_changes::waiting(&app).await?.into_iter().map(BankAccountChange::from).collect();
    Ok(HttpResponse::Ok().json(BankAccountChangeList { data }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct BankAccountChangePath {
    /// The id of the change.
    change_id: BankAccountChangeId,
}

impl BankAccountChangePath {
    fn id(&self) -> Result<uuid::Uuid, Error> {
        self.change_id.named().ok_or(Error::NotFound("change of a bank account"))
    }
}

/// Approve a change of a bank account
///
/// Makes the change. The operator who proposed it cannot approve it. If the account has changed since then, the call
/// fails with 412.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminApproveBankAccountChange",
    params(BankAccountChangePath),
    responses(
        (status = 200, description = "The account as it is now", body = BankAccount,
            headers(("ETag" = String, description = "The version, to send as `If-Match`"))),
        (status = 409, description = "`nothing_proposed`, `second_operator_needed` or `bank_account_exists`"),
    ),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/bank-account-changes/{change_id}/approve")]
pub async fn approve_bank_account_change(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<BankAccountChangePath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let account = bank_account_changes::approve(&app, &caller, path.id()?).await?;
    Ok(tagged(StatusCode::OK, account.version, &BankAccount::from(account)))
}

/// Withdraw a change of a bank account
///
/// Ends the proposal; nothing is changed.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminWithdrawBankAccountChange",
    params(BankAccountChangePath),
    responses(
        (status = 200, description = "The withdrawn change", body = BankAccountChange),
        (status = 409, description = "`nothing_proposed`"),
    ),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/bank-account-changes/{change_id}/withdraw")]
pub async fn withdraw_bank_account_change(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<BankAccountChangePath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let withdrawn = bank_account_changes::withdraw(&app, &caller, path.id()?).await?;
    Ok(HttpResponse::Ok().json(BankAccountChange::from(withdrawn)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn bank_codes_have_their_shape() {
        let request = |cnaps: &str, bin: &str, bic: &str| -> BankAccountRequest {
            serde_json::from_value(serde_json::json!({
                "currency": "CNY", "bank_name": "Bank", "account_name": "Company", "account_number": "6222 0000",
                "cnaps_code": cnaps, "napas_bin": bin, "swift_bic": bic, "active": true,
            }))
            .unwrap()
        };
        let Err(Error::Invalid(errors)) = request("12345", "97041x", "ICBK1NBJ").read() else { panic!("accepted") };
        assert_eq!(
            errors.iter().map(|e| e.pointer.as_str()).collect::<Vec<_>>(),
            ["/cnaps_code", "/napas_bin", "/swift_bic"]
        );
        assert!(request("102100099996", "970416", "ICBKCNBJBJM").read().is_ok());
    }
}
