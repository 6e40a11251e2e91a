//! `/v1/statements` and `/v1/past-balances`: a customer's month, and what a customer had at a moment of the past.

mod body;

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use self::body::{AccountStatement, PastBalance, PastBalanceList};
use crate::app::{App, Caller, Error, account_statements};
use crate::domain::account_statement::{self as statement, WalletStatement};
use crate::domain::calendar::Month;
use crate::domain::customer::CustomerId;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::csv::{self, Cell, Sheet};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::customer_of;
use crate::http::edge::times;
use crate::http::edge::wire::{CurrencyCode, CustomerIdText, MonthText, ProductFilter};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct MonthPath {
    /// The month.
    month: MonthText,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StatementQuery {
    customer_id: Option<CustomerIdText>,
    currency: Option<CurrencyCode>,
}

async fn read(
    caller: &Caller,
    path: &MonthPath,
    query: &StatementQuery,
    app: &App,
) -> Result<(CustomerId, Month, statement::AccountStatement), Error> {
    let month = path.month.named().ok_or(Error::NotFound("statement"))?;
    let customer = customer_of(caller, query.customer_id.as_ref())?;
    let currency = CurrencyCode::filter(query.currency.as_ref(), "?currency")?;
    let found = account_statements::of_month(app, &customer, month, currency).await?;
    Ok((customer, month, found))
}

/// Get an account statement
///
/// What the customer had at the beginning of a month, what moved in it, and what was left: for each currency, and for
/// each of its wallets. The figures are sums of account flows, to the last digit. Promotional credit that expired
/// counts when it was written off, some seconds after its expiry. A month that is not over has a statement up to now.
#[utoipa::path(
    tag = "account-flows",
    operation_id = "getAccountStatement",
    params(MonthPath, StatementQuery),
    responses((status = 200, description = "The statement", body = AccountStatement)),
    security(("bearer" = []))
)]
#[get("/v1/statements/{month}")]
pub async fn get_account_statement(
    Allowed(caller): AsCustomer,
    path: web::Path<MonthPath>,
    QueryParams(query): QueryParams<StatementQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let (customer, month, found) = read(&caller, &path, &query, &app).await?;
    Ok(HttpResponse::Ok().json(AccountStatement::of(&customer, month, &found)))
}

/// Export an account statement
///
/// The statement of `GET /v1/statements/{month}` as CSV: for each wallet a line with its opening balance, a line for
/// each type of flow, and a line with its closing balance.
#[utoipa::path(
    tag = "account-flows",
    operation_id = "exportAccountStatement",
    params(MonthPath, StatementQuery),
    responses((status = 200, description = "The statement", body = String, content_type = "text/csv",
        example = json!("customer_id,month,currency,product,line,count,amount\r\n\
            alice,2026-11,CNY,,opening,,100.00\r\nalice,2026-11,CNY,,consume,12,-20.00\r\n\
            alice,2026-11,CNY,,closing,,80.00\r\n"))),
    security(("bearer" = []))
)]
#[get("/v1/statements/{month}/export")]
pub async fn export_account_statement(
    Allowed(caller): AsCustomer,
    path: web::Path<MonthPath>,
    QueryParams(query): QueryParams<StatementQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let (customer, month, found) = read(&caller, &path, &query, &app).await?;
    let month = month.to_string();
    let mut sheet = Sheet::with_head(&["customer_id", "month", "currency", "product", "line", "count", "amount"])?;
    for wallet in found.currencies.iter().flat_map(|currency| &currency.wallets) {
        write_wallet(&mut sheet, &customer, &month, wallet)?;
    }
    Ok(csv::answer(&format!("statement-{month}.csv")).body(sheet.finish()?))
}

fn write_wallet(sheet: &mut Sheet, customer: &CustomerId, month: &str, wallet: &WalletStatement) -> Result<(), Error> {
    let currency = wallet.opening.balance.currency().code();
    let mut line = |name: &'static str, count: Option<i64>, amount| {
        sheet.row([
            Cell::text(customer.as_str()),
            Cell::word(month),
            Cell::word(currency),
            Cell::text(wallet.product.as_column()),
            Cell::word(name),
            count.map_or(Cell::word(""), Cell::number),
            Cell::money(amount),
        ])
    };
    line("opening", None, wallet.opening.balance)?;
    for movement in &wallet.movements {
        line(movement.flow.as_str(), Some(movement.count), movement.amount)?;
    }
    line("closing", None, wallet.closing.balance)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PastBalancesQuery {
    customer_id: Option<CustomerIdText>,
    /// The moment. It must be so far back that no entry of that moment can still be added: a moment ago is enough,
    /// unless a booking takes unusually long.
    #[serde(deserialize_with = "times::required_moment")]
    #[param(example = "2026-11-21T09:00:00Z")]
    at: DateTime<Utc>,
    currency: Option<CurrencyCode>,
    product: Option<ProductFilter>,
}

/// List past balances
///
/// What the customer's wallets had at a moment of the past, by the last flow at or before it. Promotional credit counts
/// as expired from the second of its expiry. The figures include what holds reserved then.
#[utoipa::path(
    tag = "balances",
    operation_id = "listPastBalances",
    params(PastBalancesQuery),
    responses(
        (status = 200, description = "The wallets", body = PastBalanceList),
        (status = 409, description = "The moment is too recent (`too_recent`): flows of it may still be added"),
    ),
    security(("bearer" = []))
)]
#[get("/v1/past-balances")]
pub async fn list_past_balances(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<PastBalancesQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = customer_of(&caller, query.customer_id.as_ref())?;
    let currency = CurrencyCode::filter(query.currency.as_ref(), "?currency")?;
    let product = ProductFilter::filter(query.product.as_ref(), "?product")?;
    let found = account_statements::at_moment(&app, &customer, query.at, currency, product).await?;
    Ok(HttpResponse::Ok().json(PastBalanceList {
        customer_id: CustomerIdText::of(&customer),
        at: query.at,
        balances: found.iter().map(PastBalance::from).collect(),
    }))
}
