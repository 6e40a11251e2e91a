//! `/v1/low-balance-alerts`: tell me before the balance is used up.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, get, put, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, Error, Problems, low_balance_alerts};
use crate::domain::product::Product;
use crate::domain::wallet::Wallet;
use crate::http::edge::amount::{Amount, SignedAmount};
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::filters;
use crate::http::edge::problem::Failure;
use crate::http::v1::spend_guards::{WalletQuery, WatchedQuery, above_zero};

/// The threshold as it shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"threshold": "20.00"}))]
pub struct LowBalanceAlertRequest {
    /// Greater than zero, up to 8 decimals.
    #[schema(value_type = crate::http::edge::amount::Amount)]
    threshold: String,
}

/// When a balance counts as low.
#[derive(Debug, Serialize, ToSchema)]
pub struct LowBalanceAlert {
    #[schema(max_length = 64, example = "demo")]
    customer_id: String,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Null for the main wallet.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    threshold: Amount,
    /// What is available now.
    available: SignedAmount,
    /// Whether the next fall below the threshold alerts: not before the balance has recovered from the last one.
    armed: bool,
}

fn render(wallet: &Wallet) -> Option<LowBalanceAlert> {
    let (low, currency) = (wallet.low_balance.as_ref()?, wallet.key.currency);
    Some(LowBalanceAlert {
        customer_id: wallet.key.customer.to_string(),
        currency: currency.code().to_owned(),
        product: wallet.key.product.code().map(str::to_owned),
        threshold: low.threshold.into(),
        available: wallet.available().into(),
        armed: low.armed,
    })
}

/// The thresholds of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct LowBalanceAlertList {
    #[schema(max_items = 1000)]
    data: Vec<LowBalanceAlert>,
}

/// List low-balance alerts
///
/// The customer's thresholds.
#[utoipa::path(
    tag = "spend-guards",
    operation_id = "listLowBalanceAlerts",
    params(WatchedQuery),
    responses((status = 200, description = "The thresholds", body = LowBalanceAlertList)),
    security(("bearer" = []))
)]
#[get("/v1/low-balance-alerts")]
pub async fn list_low_balance_alerts(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<WatchedQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let currency = filters::currency(query.currency.as_deref())?;
    let product = filters::product(query.product.as_deref())?;
    let found = low_balance_alerts::list(&app, &customer, currency, product.as_ref().map(Product::as_column)).await?;
    Ok(HttpResponse::Ok().json(LowBalanceAlertList { data: found.iter().filter_map(render).collect() }))
}

/// Save a low-balance alert
///
/// `balance.low` is sent once when what is available falls below the threshold, and again only after it has
/// recovered to the threshold or above: to webhooks, and on the balance stream. A balance that is below it already
/// must recover first.
#[utoipa::path(
    tag = "spend-guards",
    operation_id = "saveLowBalanceAlert",
    params(
        ("currency" = String, Path, description = "The currency", max_length = 3, pattern = "^[A-Z]{3}$",
            example = "CNY"),
        WalletQuery
    ),
    request_body = LowBalanceAlertRequest,
    responses(
        (status = 200, description = "Replaced", body = LowBalanceAlert),
        (status = 201, description = "Made", body = LowBalanceAlert)
    ),
    security(("bearer" = []))
)]
#[put("/v1/low-balance-alerts/{currency}")]
pub async fn save_low_balance_alert(
    Allowed(caller): AsCustomer,
    currency: web::Path<String>,
    QueryParams(query): QueryParams<WalletQuery>,
    body: JsonBody<LowBalanceAlertRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = query.wallet(&caller, &currency)?;
    let mut problems = Problems::new();
    let threshold = above_zero(&mut problems, "/threshold", &body.value.threshold, key.currency);
    let threshold = problems.into_result(threshold)?;
    let saved = low_balance_alerts::set(&app, &key.customer, &key.product, threshold).await?;
    let status = if saved.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(HttpResponse::build(status)
        .json(render(&saved.value).ok_or(Error::Internal("the threshold that was just set"))?))
}

/// Remove a low-balance alert
///
/// The balance alerts nobody any more.
#[utoipa::path(
    tag = "spend-guards",
    operation_id = "removeLowBalanceAlert",
    params(
        ("currency" = String, Path, description = "The currency", max_length = 3, pattern = "^[A-Z]{3}$",
            example = "CNY"),
        WalletQuery
    ),
    responses((status = 204, description = "Removed")),
    security(("bearer" = []))
)]
#[delete("/v1/low-balance-alerts/{currency}")]
pub async fn remove_low_balance_alert(
    Allowed(caller): AsCustomer,
    currency: web::Path<String>,
    QueryParams(query): QueryParams<WalletQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    low_balance_alerts::remove(&app, &query.wallet(&caller, &currency)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
