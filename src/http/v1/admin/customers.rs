//! `/v1/admin/customers`: the list of customers, and everything about one.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::customers::{self, CustomerView, ListedCustomer};
use crate::app::orders::read::NextStep;
use crate::app::spend_guards::GuardedWallet;
use crate::app::{App, orders};
use crate::domain::billing_profile::BillingProfile;
use crate::domain::freeze::Freeze;
use crate::domain::hold::Hold;
use crate::domain::page::Sort;
use crate::http::edge::auth::AsOperator;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::{Failure, TakenBackDebt};
use crate::http::edge::queries::{CustomerPath, CustomerQuery};
use crate::http::edge::wire::{
    Actor, Amount, CountryCode, CurrencyCode, CursorText, CustomerIdText, DedupeId, HoldIdText, Limit, ProductCode,
    Reason, WalletId,
};
use crate::http::v1::account_flows::body::AccountFlow;
use crate::http::v1::balances::body::Balance;
use crate::http::v1::grants::body::Grant;
use crate::http::v1::top_up_orders::body::{TopUpOrder, order_bodies_for_operators};

/// Whom a customer is billed as.
#[derive(Serialize, ToSchema)]
pub struct CustomerProfile {
    #[schema(max_length = 200, example = "Demo Customer")]
    name: String,
    #[schema(max_length = 254, example = "demo@example.com")]
    email: String,
    country: CountryCode,
    /// Street and house.
    #[schema(max_length = 500, example = "1 Example Street")]
    address: Option<String>,
    #[schema(max_length = 100, example = "Hanoi")]
    city: Option<String>,
    /// The state or the province.
    #[schema(max_length = 100, example = "Hanoi")]
    region: Option<String>,
    #[schema(max_length = 20, example = "100000")]
    postal_code: Option<String>,
    #[schema(max_length = 30, example = "+84 24 0000 0000")]
    phone: Option<String>,
    #[schema(max_length = 50, example = "0100109106")]
    tax_id: Option<String>,
    #[schema(max_length = 200, example = "Example JSC")]
    company: Option<String>,
    /// The registered address of the company. A special invoice of China names it, with phone, bank and account.
    #[schema(max_length = 500, example = "1 Example Street, Hanoi")]
    registered_address: Option<String>,
    #[schema(max_length = 200, example = "Bank of China")]
    bank_name: Option<String>,
    #[schema(max_length = 64, example = "6216600100001234567")]
    bank_account: Option<String>,
    /// When the tax id was verified; null until then.
    tax_id_verified_at: Option<DateTime<Utc>>,
    /// Who verified it, or stored the answer of the checker.
    tax_id_verified_by: Option<Actor>,
    /// The checker that gave the answer; null if an operator verified it.
    #[schema(max_length = 50, example = "VIES")]
    tax_id_checker: Option<String>,
    tax_id_checked_at: Option<DateTime<Utc>>,
    /// The number under which the checker keeps its answer.
    #[schema(max_length = 100, example = "WAPIAAAAY0jnJxk5")]
    tax_id_consultation: Option<String>,
}

// Personal data must not appear in logs.
impl std::fmt::Debug for CustomerProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomerProfile").finish_non_exhaustive()
    }
}

impl From<BillingProfile> for CustomerProfile {
    fn from(profile: BillingProfile) -> Self {
        let (details, verified) = (profile.details, profile.tax_id_verified);
        let check = verified.as_ref().and_then(|verified| verified.check.as_ref());
        Self {
            name: profile.name,
            email: profile.email.as_str().to_owned(),
            country: CountryCode::new(profile.country.code()),
            address: details.address,
            city: details.city,
            region: details.region,
            postal_code: details.postal_code,
            phone: details.phone,
            tax_id: details.tax_id,
            company: details.company,
            registered_address: details.registered_address,
            bank_name: details.bank_name,
            bank_account: details.bank_account,
            tax_id_verified_at: verified.as_ref().map(|verified| verified.at),
            tax_id_checker: check.map(|check| check.checker.clone()),
            tax_id_checked_at: check.map(|check| check.checked_at),
            tax_id_consultation: check.and_then(|check| check.consultation.clone()),
            tax_id_verified_by: verified.map(|verified| Actor::new(verified.by)),
        }
    }
}

/// A customer in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedCustomerBody {
    customer_id: CustomerIdText,
    /// Whether an operator has frozen the customer, or one of the wallets.
    frozen: bool,
    /// Null until the customer has saved one.
    profile: Option<CustomerProfile>,
}

/// A page of customers.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerPage {
    #[schema(max_items = 100)]
    data: Vec<ListedCustomerBody>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

impl From<ListedCustomer> for ListedCustomerBody {
    fn from(listed: ListedCustomer) -> Self {
        Self {
            customer_id: CustomerIdText::of(&listed.customer),
            frozen: listed.is_frozen,
            profile: listed.profile.map(Into::into),
        }
    }
}

/// A freeze that has not ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerFreeze {
    /// The wallet; null for all wallets of the customer.
    wallet_id: Option<WalletId>,
    reason: Reason,
    frozen_by: Actor,
    frozen_at: DateTime<Utc>,
}

impl From<Freeze> for CustomerFreeze {
    fn from(freeze: Freeze) -> Self {
        Self {
            wallet_id: freeze.frozen.wallet().map(WalletId::of),
            reason: Reason::new(freeze.reason),
            frozen_by: Actor::new(freeze.frozen_by),
            frozen_at: freeze.frozen_at,
        }
    }
}

/// An open hold.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerHold {
    hold_id: HoldIdText,
    /// The id that the service gave it.
    id: DedupeId,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    amount: Amount,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<Hold> for CustomerHold {
    fn from(hold: Hold) -> Self {
        let currency = hold.wallet.currency;
        Self {
            hold_id: HoldIdText::of(hold.id),
            id: DedupeId::new(&hold.key),
            currency: CurrencyCode::of(currency),
            product: ProductCode::of_product(&hold.wallet.product),
            amount: hold.amount.into(),
            created_at: hold.created_at,
            expires_at: hold.expires_at,
        }
    }
}

/// The caps of one wallet.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerGuard {
    currency: CurrencyCode,
    product: Option<ProductCode>,
    daily_cap: Option<Amount>,
    monthly_cap: Option<Amount>,
    spent_today: Amount,
    spent_this_month: Amount,
    set_by: Actor,
}

impl From<GuardedWallet> for CustomerGuard {
    fn from(guarded: GuardedWallet) -> Self {
        let currency = guarded.wallet.currency;
        let (today, this_month) = guarded.guard.spent(guarded.now);
        Self {
            currency: CurrencyCode::of(currency),
            product: ProductCode::of_product(&guarded.wallet.product),
            daily_cap: guarded.guard.daily_cap.map(Into::into),
            monthly_cap: guarded.guard.monthly_cap.map(Into::into),
            spent_today: today.into(),
            spent_this_month: this_month.into(),
            set_by: Actor::new(guarded.set_by.actor),
        }
    }
}

/// Everything about one customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Customer {
    customer_id: CustomerIdText,
    /// Null until the customer has saved one.
    profile: Option<CustomerProfile>,
    #[schema(max_items = 1000)]
    balances: Vec<Balance>,
    /// Taken-back money that is claimed from the customer, one sum for each currency.
    #[schema(max_items = 200)]
    taken_back_debt: Vec<TakenBackDebt>,
    /// The freezes that have not ended. Empty: nothing is frozen.
    #[schema(max_items = 1000)]
    freezes: Vec<CustomerFreeze>,
    /// The orders that wait for money, newest first, up to 50.
    #[schema(max_items = 50)]
    open_orders: Vec<TopUpOrder>,
    /// The open holds, up to 50, the earliest expiry first.
    #[schema(max_items = 50)]
    open_holds: Vec<CustomerHold>,
    /// The grants of which something is left, newest first, up to 50.
    #[schema(max_items = 50)]
    grants: Vec<Grant>,
    #[schema(max_items = 1000)]
    spend_guards: Vec<CustomerGuard>,
    /// The last movements, newest first, up to 20.
    #[schema(max_items = 20)]
    last_flows: Vec<AccountFlow>,
}

fn render(app: &App, view: CustomerView, steps: &HashMap<Uuid, NextStep>, now: DateTime<Utc>) -> Customer {
    Customer {
        customer_id: CustomerIdText::of(&view.customer),
        profile: view.profile.map(Into::into),
        balances: view.balances.wallets.iter().map(Balance::from).collect(),
        taken_back_debt: view.balances.taken_back_debt.into_iter().map(Into::into).collect(),
        freezes: view.freezes.into_iter().map(Into::into).collect(),
        open_orders: order_bodies_for_operators(app, &view.open_orders, steps, now),
        open_holds: view.open_holds.into_iter().map(Into::into).collect(),
        grants: view.grants.iter().map(Grant::from).collect(),
        spend_guards: view.guards.into_iter().map(Into::into).collect(),
        last_flows: view.flows.iter().map(AccountFlow::from).collect(),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CustomersQuery {
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List customers
///
/// All customers with a wallet, a billing profile or an order, in the order of their ids.
#[utoipa::path(
    tag = "admin-customers",
    operation_id = "adminListCustomers",
    params(CustomersQuery),
    responses((status = 200, description = "A page of customers", body = CustomerPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/customers")]
pub async fn list_customers(
    _: AsOperator,
    QueryParams(query): QueryParams<CustomersQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let limit = Limit::read(query.limit)?;
    let filters = Filters::of(request.path());
    let asked = page::read::<String>(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let found = customers::list(&app, &asked).await?;
    let cursors = page::cursors(&found, &filters, |listed| listed.customer.to_string())?;
    Ok(HttpResponse::Ok().json(CustomerPage {
        data: found.rows.into_iter().map(Into::into).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

/// Show a customer
///
/// Everything about one customer: profile, balances, freezes, what is owed, open orders and holds, grants, caps, and
/// the last movements.
#[utoipa::path(
    tag = "admin-customers",
    operation_id = "adminGetCustomer",
    params(CustomerPath, CustomerQuery),
    responses((status = 200, description = "The customer", body = Customer)),
    security(("bearer" = []))
)]
#[get("/v1/admin/customers/{customer_id}")]
pub async fn get_customer(
    _: AsOperator,
    path: web::Path<CustomerPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let view = customers::get(&app, &path.customer(&query)?).await?;
    let now = orders::read::now(&app).await?;
    let steps = orders::read::next_steps(&app, &view.open_orders).await?;
    Ok(HttpResponse::Ok().json(render(&app, view, &steps, now)))
}
