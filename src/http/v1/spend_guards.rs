//! `/v1/spend-guards`: caps on what a customer may consume.

use actix_web::{HttpResponse, delete, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::spend_guards::{self, Caps, GuardedWallet};
use crate::app::{App, Error, Problems, Reader};
use crate::domain::code::Code;
use crate::domain::guard::{day_ends, month_ends};
use crate::domain::money::{Currency, Money};
use crate::http::edge::answers::replaced;
use crate::http::edge::auth::{Allowed, AsCustomer, AsStaff, SUPPORT};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CurrencyPath, WalletQuery, WalletsQuery};
use crate::http::edge::wire::{Actor, Amount, CurrencyCode, CustomerIdText, ProductCode};

/// The caps to save, at least one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"daily_cap": "20.00", "monthly_cap": "300.00"}))]
pub struct SpendGuardRequest {
    /// The cap for each day: greater than zero, with up to 8 decimals. Absent: no cap for the day.
    daily_cap: Option<Amount>,
    /// The cap for each month: greater than zero, with up to 8 decimals. Absent: no cap for the month.
    monthly_cap: Option<Amount>,
}

/// The caps of a wallet, and how much of them is used.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpendGuard {
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    daily_cap: Option<Amount>,
    monthly_cap: Option<Amount>,
    /// What was consumed in this UTC day, less what was given back of it.
    spent_today: Amount,
    /// What was consumed in this UTC month, less what was given back of it.
    spent_this_month: Amount,
    /// What open holds reserve. It counts as spent.
    held: Amount,
    day_ends_at: DateTime<Utc>,
    month_ends_at: DateTime<Utc>,
    /// Who saved the caps; only operators learn which operator it was.
    set_by: Actor,
    updated_at: DateTime<Utc>,
}

impl SpendGuard {
    /// The caps as this caller may read them.
    fn told_to(self, reader: Reader) -> Self {
        Self { set_by: Actor::new(reader.told(&self.set_by)), ..self }
    }
}

impl From<GuardedWallet> for SpendGuard {
    fn from(guarded: GuardedWallet) -> Self {
        let (today, this_month) = guarded.guard.spent(guarded.now);
        Self {
            customer_id: CustomerIdText::of(&guarded.wallet.customer),
            currency: CurrencyCode::of(guarded.wallet.currency),
            product: ProductCode::of_product(&guarded.wallet.product),
            daily_cap: guarded.guard.daily_cap.map(Amount::from),
            monthly_cap: guarded.guard.monthly_cap.map(Amount::from),
            spent_today: Amount::from(today),
            spent_this_month: Amount::from(this_month),
            held: Amount::from(guarded.held),
            day_ends_at: day_ends(guarded.now),
            month_ends_at: month_ends(guarded.now),
            set_by: Actor::new(guarded.set_by.actor),
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
/// The caps of the customer's wallets, and how much of them is used.
#[utoipa::path(
    tag = "spend-guards",
    operation_id = "listSpendGuards",
    params(WalletsQuery),
    responses((status = 200, description = "The caps", body = SpendGuardList)),
    security(("bearer" = []))
)]
#[get("/v1/spend-guards")]
pub async fn list_spend_guards(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<WalletsQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = query.filter(&caller)?;
    let found = spend_guards::list(&app, &filter.customer, filter.currency, filter.product.as_ref()).await?;
    let data = found.into_iter().map(|guarded| SpendGuard::from(guarded).told_to(caller.reader())).collect();
    Ok(HttpResponse::Ok().json(SpendGuardList { data }))
}

/// Save a spend guard
///
/// Limits what the customer may consume of a product, or from the main wallet, in a UTC day and month. As soon as the
/// call has answered, every usage and hold that would exceed a cap is refused (402 `spend_cap_reached`). What was
/// consumed earlier in the same day and month counts, and open holds count as spent. Usage of a product counts for that
/// product, even if another wallet pays. Usage with `on_insufficient: "book"` has already happened: it counts, and it
/// is booked even above the cap.
#[utoipa::path(
    tag = "spend-guards",
    operation_id = "saveSpendGuard",
    params(CurrencyPath, WalletQuery),
    request_body = SpendGuardRequest,
    responses(
        (status = 200, description = "The caps were replaced", body = SpendGuard),
        (status = 201, description = "The caps are new", body = SpendGuard)
    ),
    security(("bearer" = ["service", "operator:support"]))
)]
#[put("/v1/spend-guards/{currency}")]
pub async fn save_spend_guard(
    Allowed(caller): AsStaff<SUPPORT>,
    path: web::Path<CurrencyPath>,
    QueryParams(query): QueryParams<WalletQuery>,
    body: JsonBody<SpendGuardRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let wallet = query.wallet(&caller, &path)?;
    let caps = read(&body.value, wallet.currency)?;
    let saved = spend_guards::set(&app, &caller, &wallet, caps).await?;
    Ok(replaced(saved.created, &SpendGuard::from(saved.value).told_to(caller.reader())))
}

fn read(asked: &SpendGuardRequest, currency: Currency) -> Result<Caps, Error> {
    let mut problems = Problems::new();
    let mut cap = |pointer: &str, cap: Option<&Amount>| -> Option<Money> {
        cap.and_then(|cap| cap.positive_money(&mut problems, pointer, currency))
    };
    let daily = cap("/daily_cap", asked.daily_cap.as_ref());
    let monthly = cap("/monthly_cap", asked.monthly_cap.as_ref());
    problems.finish()?;
    if daily.is_none() && monthly.is_none() {
        return Err(Error::field("/daily_cap", Code::Required, "is required, or else monthly_cap"));
    }
    Ok(Caps { daily, monthly })
}

/// Remove a spend guard
///
/// Removes both caps of the wallet.
#[utoipa::path(
    tag = "spend-guards",
    operation_id = "removeSpendGuard",
    params(CurrencyPath, WalletQuery),
    responses((status = 204, description = "The wallet has no caps now")),
    security(("bearer" = ["service", "operator:support"]))
)]
#[delete("/v1/spend-guards/{currency}")]
pub async fn remove_spend_guard(
    Allowed(caller): AsStaff<SUPPORT>,
    path: web::Path<CurrencyPath>,
    QueryParams(query): QueryParams<WalletQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    spend_guards::remove(&app, &caller, &query.wallet(&caller, &path)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
