//! `/v1/spend-guards`: caps on what a customer may consume.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::spend_guards::{self, Caps, GuardedWallet};
use crate::app::{App, Caller, Error, Problems};
use crate::domain::guard::{day_ends, month_ends};
use crate::domain::money::{Currency, Money, parse_plain_decimal};
use crate::domain::posting::WalletKey;
use crate::domain::product::Product;
use crate::http::edge::amount::Amount;
use crate::http::edge::auth::{Allowed, AsCustomer, AsStaff};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::filters;
use crate::http::edge::problem::Failure;

/// Which of a customer's wallets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WalletQuery {
    /// For services and operators: which customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    pub customer_id: Option<String>,
    /// Of this product; without it, of the main wallet.
    #[param(max_length = 32, pattern = "^[a-z0-9_-]{0,32}$")]
    pub product: Option<String>,
}

impl WalletQuery {
    /// The wallet that path and query name.
    ///
    /// # Errors
    /// 404 for what is no currency and for another customer; 422 for a malformed product.
    pub fn wallet(&self, caller: &Caller, currency: &str) -> Result<WalletKey, Error> {
        let customer = caller.customer(self.customer_id.as_deref())?;
        let currency: Currency = currency.parse().map_err(|_| Error::NotFound("currency"))?;
        let code = self.product.as_deref().filter(|code| !code.is_empty());
        let unknown = || Error::field("?product", "unknown_product", "there is no such product");
        let product = code.map_or(Some(Product::main()), Product::new).ok_or_else(unknown)?;
        Ok(WalletKey { customer, currency, product })
    }
}

/// Whose, and of what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WatchedQuery {
    /// For services and operators: which customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    pub customer_id: Option<String>,
    /// Only this currency.
    #[param(pattern = "^[A-Z]{3}$", max_length = 3)]
    pub currency: Option<String>,
    /// Only this product; empty: only the main wallet.
    #[param(max_length = 32, pattern = "^[a-z0-9_-]{0,32}$")]
    pub product: Option<String>,
}

/// Caps as they shall be: at least one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"daily_cap": "20.00", "monthly_cap": "300.00"}))]
pub struct SpendGuardRequest {
    /// Greater than zero, up to 8 decimals; absent: no cap per day.
    #[schema(value_type = Option<crate::http::edge::amount::Amount>, nullable = false)]
    daily_cap: Option<String>,
    /// Greater than zero, up to 8 decimals; absent: no cap per month.
    #[schema(value_type = Option<crate::http::edge::amount::Amount>, nullable = false)]
    monthly_cap: Option<String>,
}

/// Caps, and what of them is used.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpendGuard {
    #[schema(max_length = 64, example = "demo")]
    customer_id: String,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Null for the main wallet.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    daily_cap: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    monthly_cap: Option<Amount>,
    /// Consumed in this UTC day, less what was given back of that.
    spent_today: Amount,
    /// Consumed in this UTC month, less what was given back of that.
    spent_this_month: Amount,
    /// Reserved by open holds: it counts as spent.
    held: Amount,
    day_ends_at: DateTime<Utc>,
    month_ends_at: DateTime<Utc>,
    #[schema(max_length = 100, example = "operator:ops")]
    set_by: String,
    updated_at: DateTime<Utc>,
}

impl From<GuardedWallet> for SpendGuard {
    fn from(guarded: GuardedWallet) -> Self {
        let currency = guarded.wallet.currency;
        let (today, this_month) = guarded.guard.spent(guarded.now);
        Self {
            customer_id: guarded.wallet.customer.to_string(),
            currency: currency.code().to_owned(),
            product: guarded.wallet.product.code().map(str::to_owned),
            daily_cap: guarded.guard.daily_cap.map(|cap| Amount::of(cap, currency)),
            monthly_cap: guarded.guard.monthly_cap.map(|cap| Amount::of(cap, currency)),
            spent_today: Amount::of(today, currency),
            spent_this_month: Amount::of(this_month, currency),
            held: Amount::of(guarded.held, currency),
            day_ends_at: day_ends(guarded.now),
            month_ends_at: month_ends(guarded.now),
            set_by: guarded.set_by.actor,
            updated_at: guarded.set_by.at,
        }
    }
}

/// The caps of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpendGuardList {
    #[schema(max_items = 1000)]
    data: Vec<SpendGuard>,
}

/// List spend guards
///
/// The customer's caps, and what of them is used.
#[utoipa::path(
    tag = "spend-guards",
    operation_id = "listSpendGuards",
    params(WatchedQuery),
    responses((status = 200, description = "The caps", body = SpendGuardList)),
    security(("bearer" = []))
)]
#[get("/v1/spend-guards")]
pub async fn list_spend_guards(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<WatchedQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let currency = filters::currency(query.currency.as_deref())?;
    let product = filters::product(query.product.as_deref())?;
    let found = spend_guards::list(&app, &customer, currency, product.as_ref().map(Product::as_column)).await?;
    Ok(HttpResponse::Ok().json(SpendGuardList { data: found.into_iter().map(SpendGuard::from).collect() }))
}

/// Save a spend guard
///
/// Caps what the customer may consume of a product, or from the main wallet, per UTC day and month. Obeyed by every
/// usage and hold from the answer on: 402 `spend_cap_reached`. What was consumed in this day and month before counts,
/// open holds count as spent, and a product's usage counts for the product whichever wallet pays. Usage with
/// `on_insufficient: "book"` has happened already: it counts, and is booked above the cap.
#[utoipa::path(
    tag = "spend-guards",
    operation_id = "saveSpendGuard",
    params(
        ("currency" = String, Path, description = "The currency", max_length = 3, pattern = "^[A-Z]{3}$",
            example = "CNY"),
        WalletQuery
    ),
    request_body = SpendGuardRequest,
    responses(
        (status = 200, description = "Replaced", body = SpendGuard),
        (status = 201, description = "Made", body = SpendGuard)
    ),
    security(("bearer" = ["service", "operator"]))
)]
#[put("/v1/spend-guards/{currency}")]
pub async fn save_spend_guard(
    Allowed(caller): AsStaff,
    currency: web::Path<String>,
    QueryParams(query): QueryParams<WalletQuery>,
    body: JsonBody<SpendGuardRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = query.wallet(&caller, &currency)?;
    let mut problems = Problems::new();
    let mut cap = |pointer: &str, asked: Option<String>| {
        asked.and_then(|asked| above_zero(&mut problems, pointer, &asked, key.currency))
    };
    let (daily, monthly) = (cap("/daily_cap", body.value.daily_cap), cap("/monthly_cap", body.value.monthly_cap));
    problems.finish()?;
    if daily.is_none() && monthly.is_none() {
        return Err(Error::field("/daily_cap", "required", "name a daily_cap, a monthly_cap, or both").into());
    }
    let saved = spend_guards::set(&app, &caller, &key, Caps { daily, monthly }).await?;
    let status = if saved.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(HttpResponse::build(status).json(SpendGuard::from(saved.value)))
}

/// Reads an amount above zero.
pub(super) fn above_zero(problems: &mut Problems, pointer: &str, asked: &str, currency: Currency) -> Option<Money> {
    problems.money(pointer, parse_plain_decimal(asked).and_then(|amount| Money::positive(amount, currency)))
}

/// Remove a spend guard
///
/// The wallet has no caps any more.
#[utoipa::path(
    tag = "spend-guards",
    operation_id = "removeSpendGuard",
    params(
        ("currency" = String, Path, description = "The currency", max_length = 3, pattern = "^[A-Z]{3}$",
            example = "CNY"),
        WalletQuery
    ),
    responses((status = 204, description = "Removed")),
    security(("bearer" = ["service", "operator"]))
)]
#[delete("/v1/spend-guards/{currency}")]
pub async fn remove_spend_guard(
    Allowed(caller): AsStaff,
    currency: web::Path<String>,
    QueryParams(query): QueryParams<WalletQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    spend_guards::remove(&app, &caller, &query.wallet(&caller, &currency)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
