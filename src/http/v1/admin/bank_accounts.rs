//! `/v1/admin/bank-accounts`.

use actix_web::{HttpResponse, get, post, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::catalogue::bank_accounts::{self, AccountInput};
use crate::app::{App, Error};
use crate::domain::catalogue;
use crate::domain::id::IdKind;
use crate::http::edge::auth::{Allowed, AsOperator};
use crate::http::edge::etag::{IfMatch, saved};
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;

/// All accounts.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankAccountList {
    #[schema(max_items = 1000)]
    data: Vec<BankAccount>,
}

/// An account of ours that customers transfer to.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankAccount {
    #[schema(max_length = 64, pattern = "^bac_[0-9a-f]{32}$", example = "bac_01930000000070008000000000000001")]
    id: String,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    #[schema(max_length = 100, example = "Example Bank")]
    bank_name: String,
    #[schema(max_length = 100, example = "Example Platform Ltd.")]
    account_name: String,
    #[schema(max_length = 64, example = "6200 0000 0000 0000 001")]
    account_number: String,
    #[schema(max_length = 100, example = "Shanghai Pudong")]
    branch: Option<String>,
    /// China's clearing code of the branch.
    #[schema(max_length = 12, example = "102100099996")]
    cnaps_code: Option<String>,
    #[schema(max_length = 11, example = "EXAMCNSHXXX")]
    swift_bic: Option<String>,
    #[schema(max_length = 200, example = "1 Example Road, Shanghai, China")]
    bank_address: Option<String>,
    active: bool,
    /// `"<version>"` is the ETag.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
}

impl From<catalogue::BankAccount> for BankAccount {
    fn from(account: catalogue::BankAccount) -> Self {
        Self {
            id: IdKind::BankAccount.show(account.id),
            currency: account.currency.code().to_owned(),
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

/// An account as it shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "currency": "CNY", "bank_name": "Example Bank", "account_name": "Example Platform Ltd.",
    "account_number": "6200 0000 0000 0000 003", "active": true
}))]
pub struct BankAccountRequest {
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    #[schema(min_length = 1, max_length = 100, example = "Example Bank")]
    bank_name: String,
    #[schema(min_length = 1, max_length = 100, example = "Example Platform Ltd.")]
    account_name: String,
    #[schema(min_length = 1, max_length = 64, example = "6200 0000 0000 0000 003")]
    account_number: String,
    #[schema(max_length = 100, example = "Shanghai Pudong")]
    branch: Option<String>,
    /// China's clearing code of the branch: 12 digits.
    #[schema(max_length = 12, pattern = "^([0-9]{12})?$", example = "102100099996")]
    cnaps_code: Option<String>,
    /// ISO 9362: 8 or 11 characters.
    #[schema(max_length = 11, pattern = "^([A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?)?$", example = "EXAMCNSHXXX")]
    swift_bic: Option<String>,
    #[schema(max_length = 200, example = "1 Example Road, Shanghai, China")]
    bank_address: Option<String>,
    /// New orders name the oldest active account of their currency.
    active: bool,
}

impl From<BankAccountRequest> for AccountInput {
    fn from(request: BankAccountRequest) -> Self {
        Self {
            currency: request.currency,
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
/// By currency, oldest first: new orders name the first active one of their currency.
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
/// 409 `bank_account_exists` when number and currency are there already.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminCreateBankAccount",
    request_body = BankAccountRequest,
    responses((status = 201, description = "Added", body = BankAccount,
        headers(("ETag" = String, description = "The version, for If-Match")))),
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

/// Change a bank account
///
/// Replaces the version that `If-Match` names: 428 `if_match_required` without it, 412 when it has changed
/// since. Orders that name the account show it as it is now; its currency stays.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminUpdateBankAccount",
    params(
        ("id" = String, Path, description = "The account", max_length = 64, pattern = "^bac_[0-9a-f]{32}$",
            example = "bac_01930000000070008000000000000001"),
        ("If-Match" = Option<String>, Header, max_length = 200, example = "*",
            description = "The ETag of the version to replace, or * for any")
    ),
    request_body = BankAccountRequest,
    responses((status = 200, description = "Changed", body = BankAccount,
        headers(("ETag" = String, description = "The version, for If-Match")))),
    security(("bearer" = []))
)]
#[put("/v1/admin/bank-accounts/{id}")]
pub async fn admin_update_bank_account(
    Allowed(caller): AsOperator,
    id: web::Path<String>,
    IfMatch(expected): IfMatch,
    body: JsonBody<BankAccountRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = IdKind::BankAccount.parse(&id).ok_or(Error::NotFound("bank account"))?;
    let account = bank_accounts::update(&app, &caller, id, &expected, &body.value.into()).await?;
    Ok(saved(false, account.version, &BankAccount::from(account)))
}
