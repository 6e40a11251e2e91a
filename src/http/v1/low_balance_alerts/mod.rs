//! `/v1/low-balance-alerts`: thresholds that alert before a balance is used up.

pub mod body;

use actix_web::{HttpResponse, delete, get, put, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::body::{LowBalanceAlert, alert_body};
use crate::app::{App, Error, Problems, low_balance_alerts};
use crate::http::edge::answers::replaced;
use crate::http::edge::auth::{Allowed, AsCustomer, SUPPORT};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CurrencyPath, WalletQuery, WalletsQuery};
use crate::http::edge::wire::Amount;

/// The threshold to save.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"threshold": "20.00"}))]
pub struct LowBalanceAlertRequest {
    /// The threshold: greater than zero, with up to 8 decimals.
    threshold: Amount,
}

/// The thresholds of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct LowBalanceAlertList {
    #[schema(max_items = 1000)]
    data: Vec<LowBalanceAlert>,
}

/// List low-balance alerts
///
/// The thresholds of the customer's wallets.
#[utoipa::path(
    tag = "spend-guards",
    operation_id = "listLowBalanceAlerts",
    params(WalletsQuery),
    responses((status = 200, description = "The thresholds", body = LowBalanceAlertList)),
    security(("bearer" = []))
)]
#[get("/v1/low-balance-alerts")]
pub async fn list_low_balance_alerts(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<WalletsQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = query.filter(&caller)?;
    let found = low_balance_alerts::list(&app, &filter.customer, filter.currency, filter.product.as_ref()).await?;
    Ok(HttpResponse::Ok().json(LowBalanceAlertList { data: found.iter().filter_map(alert_body).collect() }))
}

/// Save a low-balance alert
///
/// Sends `balance.low` on the balance stream once when the available amount falls below the threshold, and again only
/// after the amount has recovered to the threshold or above. A balance that is already below the threshold must
/// recover first.
#[utoipa::path(
    tag = "spend-guards",
    operation_id = "saveLowBalanceAlert",
    params(CurrencyPath, WalletQuery),
    request_body = LowBalanceAlertRequest,
    responses(
        (status = 200, description = "The threshold was replaced", body = LowBalanceAlert),
        (status = 201, description = "The threshold is new", body = LowBalanceAlert)
    ),
    security(("bearer" = ["customer", "service", "operator:support"]))
)]
#[put("/v1/low-balance-alerts/{currency}")]
pub async fn save_low_balance_alert(
    Allowed(caller): AsCustomer<SUPPORT>,
    path: web::Path<CurrencyPath>,
    QueryParams(query): QueryParams<WalletQuery>,
    body: JsonBody<LowBalanceAlertRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let wallet = query.wallet(&caller, &path)?;
    let mut problems = Problems::new();
    let threshold = body.value.threshold.positive_money(&mut problems, "/threshold", wallet.currency);
    let threshold = problems.into_result(threshold)?;
    let saved = low_balance_alerts::set(&app, &wallet.customer, &wallet.product, threshold).await?;
    let alert = alert_body(&saved.value).ok_or(Error::Internal("the threshold of a wallet that was just given one"))?;
    Ok(replaced(saved.created, &alert))
}

/// Remove a low-balance alert
///
/// Stops alerts for this wallet.
#[utoipa::path(
    tag = "spend-guards",
    operation_id = "removeLowBalanceAlert",
    params(CurrencyPath, WalletQuery),
    responses((status = 204, description = "The wallet has no threshold now")),
    security(("bearer" = ["customer", "service", "operator:support"]))
)]
#[delete("/v1/low-balance-alerts/{currency}")]
pub async fn remove_low_balance_alert(
    Allowed(caller): AsCustomer<SUPPORT>,
    path: web::Path<CurrencyPath>,
    QueryParams(query): QueryParams<WalletQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    low_balance_alerts::remove(&app, &query.wallet(&caller, &path)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
