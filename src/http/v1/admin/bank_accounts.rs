//! `/v1/admin/bank-accounts`: the accounts that customers transfer to.

use actix_web::{HttpResponse, get, post, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::catalogue::bank_accounts::{self, AccountInput};
use crate::app::{App, Error};
use crate::domain::catalogue;
use crate::http::edge::answers::saved;
use crate::http::edge::auth::{Allowed, AsOperator};
use crate::http::edge::etag::IfMatch;
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{BankAccountId, CurrencyCode};

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
    #[schema(max_length = 11, example = "EXAMCNSHXXX")]
    swift_bic: Option<String>,
    #[schema(max_length = 200, example = "1 Example Road, Shanghai, China")]
    bank_address: Option<String>,
    active: bool,
    /// A number that grows with every change. It is also the ETag: `"<version>"`.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
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
            swift_bic: account.swift_bic,
            bank_address: account.bank_address,
            active: account.active,
            version: account.version,
            updated_at: account.updated_at,
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
    /// The bank's code as ISO 9362 writes it: 8 or 11 characters.
    #[schema(max_length = 11, pattern = "^([A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?)?$", example = "EXAMCNSHXXX")]
    swift_bic: Option<String>,
    #[schema(max_length = 200, example = "1 Example Road, Shanghai, China")]
    bank_address: Option<String>,
    /// Whether new orders can use the account. They name the oldest active account of their currency.
    active: bool,
}

impl From<BankAccountRequest> for AccountInput {
    fn from(request: BankAccountRequest) -> Self {
        Self {
            currency: request.currency.into_string(),
            bank_name: request.bank_name,
            account_name: request.account_name,
            account_number: request.account_number,
            branch: request.branch,
            cnaps_code: request.cnaps_code,
            swift_bic: request.swift_bic,
            bank_address: request.bank_address,
            active: request.active,
        }
    }
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
/// `bank_account_exists`.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminCreateBankAccount",
    request_body = BankAccountRequest,
    responses((status = 201, description = "The new account", body = BankAccount,
        headers(("ETag" = String, description = "The version, to send as `If-Match`")))),
    security(("bearer" = []))
)]
#[post("/v1/admin/bank-accounts")]
pub async fn admin_create_bank_account(
    Allowed(caller): AsOperator,
    body: JsonBody<BankAccountRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let account = bank_accounts::create(&app, &caller, &body.value.into()).await?;
    Ok(saved(true, account.version, &BankAccount::from(account)))
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
/// account has changed since, it fails with 412. Orders that name the account show it as it is now. The currency cannot
/// change.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminUpdateBankAccount",
    params(BankAccountPath, IfMatch),
    request_body = BankAccountRequest,
    responses((status = 200, description = "The account as it is now", body = BankAccount,
        headers(("ETag" = String, description = "The version, to send as `If-Match`")))),
    security(("bearer" = []))
)]
#[put("/v1/admin/bank-accounts/{id}")]
pub async fn admin_update_bank_account(
    Allowed(caller): AsOperator,
    path: web::Path<BankAccountPath>,
    IfMatch(expected): IfMatch,
    body: JsonBody<BankAccountRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.id.named().ok_or(Error::NotFound("bank account"))?;
    let account = bank_accounts::update(&app, &caller, id, &expected, &body.value.into()).await?;
    Ok(saved(false, account.version, &BankAccount::from(account)))
}
