//! `/v1/admin/customers/…/freeze` and `/v1/admin/wallets/…/freeze`: an operator freezes a customer or a wallet, and
//! ends the freeze.

pub mod body;

use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use self::body::Freeze;
use crate::app::{App, Error, Problems, freezes};
use crate::http::edge::auth::{ADMIN, Allowed, AsOperator};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CustomerPath, CustomerQuery};
use crate::http::edge::wire::{Reason, WalletId};

/// Why a freeze begins or ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the card holder denies the payments"}))]
pub struct FreezeReason {
    reason: Reason,
}

impl FreezeReason {
    fn read(&self) -> Result<String, Error> {
        let mut problems = Problems::new();
        let reason = self.reason.read(&mut problems, "/reason");
        problems.into_result(reason)
    }
}

/// Which wallet is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct WalletPath {
    /// The wallet's id.
    wallet_id: WalletId,
}

/// Freeze a customer
///
/// Stops all wallets of the customer, also those that the customer gets later: usage that may be refused, new holds,
/// captures beyond their hold, transfers and refunds answer 409 `customer_frozen`. Money still comes in, and usage that
/// has happened is still booked. A customer who is frozen already stays frozen, with the first reason.
#[utoipa::path(
    tag = "admin-freezes",
    operation_id = "adminFreezeCustomer",
    params(CustomerPath, CustomerQuery),
    request_body = FreezeReason,
    responses((status = 200, description = "The freeze in force", body = Freeze)),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/customers/{customer_id}/freeze")]
pub async fn freeze_customer(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<CustomerPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    body: JsonBody<FreezeReason>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = path.customer(&query)?;
    let freeze = freezes::freeze_customer(&app, &caller, &customer, &body.value.read()?).await?;
    Ok(HttpResponse::Ok().json(Freeze::from(freeze)))
}

/// Unfreeze a customer
///
/// Ends the freeze of a customer. A wallet that was frozen by itself stays frozen. For a customer who is not frozen,
/// nothing changes.
#[utoipa::path(
    tag = "admin-freezes",
    operation_id = "adminUnfreezeCustomer",
    params(CustomerPath, CustomerQuery),
    request_body = FreezeReason,
    responses((status = 200, description = "The customer is not frozen", body = Freeze)),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/customers/{customer_id}/unfreeze")]
pub async fn unfreeze_customer(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<CustomerPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    body: JsonBody<FreezeReason>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = path.customer(&query)?;
    freezes::unfreeze_customer(&app, &caller, &customer, &body.value.read()?).await?;
    Ok(HttpResponse::Ok().json(Freeze::ended(&customer, None)))
}

/// Freeze a wallet
///
/// Stops one wallet, as the freeze of a customer stops all: operations that spend answer 409 `wallet_frozen`.
#[utoipa::path(
    tag = "admin-freezes",
    operation_id = "adminFreezeWallet",
    params(WalletPath),
    request_body = FreezeReason,
    responses((status = 200, description = "The freeze in force", body = Freeze)),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/wallets/{wallet_id}/freeze")]
pub async fn freeze_wallet(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<WalletPath>,
    body: JsonBody<FreezeReason>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let freeze = freezes::freeze_wallet(&app, &caller, path.wallet_id.named(), &body.value.read()?).await?;
    Ok(HttpResponse::Ok().json(Freeze::from(freeze)))
}

/// Unfreeze a wallet
///
/// Ends the freeze of one wallet. The freeze of its customer stays.
#[utoipa::path(
    tag = "admin-freezes",
    operation_id = "adminUnfreezeWallet",
    params(WalletPath),
    request_body = FreezeReason,
    responses((status = 200, description = "The wallet is not frozen by itself", body = Freeze)),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/wallets/{wallet_id}/unfreeze")]
pub async fn unfreeze_wallet(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<WalletPath>,
    body: JsonBody<FreezeReason>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let reason = body.value.read()?;
    let customer = freezes::unfreeze_wallet(&app, &caller, path.wallet_id.named(), &reason).await?;
    Ok(HttpResponse::Ok().json(Freeze::ended(&customer, Some(path.wallet_id.clone()))))
}
