//! `GET /v1/balances`: a customer's wallets.

pub mod body;
pub mod stream;

use actix_web::{HttpResponse, get, web};

use self::body::{Balance, BalanceList};
use crate::app::{App, balances};
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::etag::IfNoneMatch;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::WalletsQuery;
use crate::http::edge::wire::CustomerIdText;

/// List balances
///
/// The customer's wallets: for each currency the main wallet, and one wallet for each product. A wallet appears with
/// its first movement. The answer also has the taken-back money that the customer owes, by currency.
#[utoipa::path(
    tag = "balances",
    operation_id = "listBalances",
    params(WalletsQuery, IfNoneMatch),
    responses((status = 200, description = "The wallets", body = BalanceList)),
    security(("bearer" = []))
)]
#[get("/v1/balances")]
pub async fn list_balances(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<WalletsQuery>,
    known: IfNoneMatch,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = query.filter(&caller)?;
    let found = balances::list(&app, &filter.customer, filter.currency, filter.product.as_ref()).await?;
    known.answer(&BalanceList {
        customer_id: CustomerIdText::of(&filter.customer),
        balances: found.wallets.iter().map(Balance::from).collect(),
        taken_back_debt: found.taken_back_debt.into_iter().map(Into::into).collect(),
    })
}
