//! `GET /v1/balances`.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, balances};
use crate::domain::id::IdKind;
use crate::domain::product::Product;
use crate::domain::wallet::Wallet;
use crate::http::edge::amount::{Amount, SignedAmount};
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::filters;
use crate::http::edge::problem::Failure;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BalancesQuery {
    /// Whose balances: for services and operators only, who must name the customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: Option<String>,
    /// Only this currency.
    #[param(pattern = "^[A-Z]{3}$", max_length = 3)]
    currency: Option<String>,
    /// Only this product's wallet; empty: only the main wallet.
    #[param(max_length = 32, pattern = "^[a-z0-9_-]{0,32}$")]
    product: Option<String>,
}

/// A customer's wallets.
#[derive(Debug, Serialize, ToSchema)]
pub struct BalanceList {
    #[schema(max_length = 64, example = "demo")]
    customer_id: String,
    #[schema(max_items = 1000)]
    balances: Vec<Balance>,
}

/// One wallet: a currency, and the main wallet or one product.
#[derive(Debug, Serialize, ToSchema)]
pub struct Balance {
    #[schema(max_length = 64, pattern = "^wal_[0-9a-f]{32}$", example = "wal_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    wallet_id: String,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Null for the main wallet.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    /// paid + granted.
    total: Amount,
    /// Topped-up money.
    paid: Amount,
    /// Promotional credit; may expire.
    granted: Amount,
    /// Reserved by holds.
    held: Amount,
    /// Owed; repaid by the next payment or transfer in.
    debt: Amount,
    /// paid + granted − held − debt.
    available: SignedAmount,
    /// Counts every change of the wallet.
    #[schema(minimum = 0, example = 7)]
    version: i64,
    updated_at: DateTime<Utc>,
}

impl From<&Wallet> for Balance {
    fn from(wallet: &Wallet) -> Self {
        let currency = wallet.key.currency;
        Self {
            wallet_id: IdKind::Wallet.show(wallet.id),
            currency: currency.code().to_owned(),
            product: wallet.key.product.code().map(str::to_owned),
            total: wallet.total().into(),
            paid: wallet.paid().into(),
            granted: wallet.granted().into(),
            held: wallet.held().into(),
            debt: wallet.debt().into(),
            available: wallet.available().into(),
            version: wallet.version,
            updated_at: wallet.updated_at,
        }
    }
}

/// List balances
///
/// The customer's wallets: the main wallet and one per product, per currency. A wallet appears with its first movement.
#[utoipa::path(
    tag = "balances",
    operation_id = "listBalances",
    params(BalancesQuery),
    responses((status = 200, description = "The wallets", body = BalanceList)),
    security(("bearer" = ["customer", "service", "operator"]))
)]
#[get("/v1/balances")]
pub async fn list_balances(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<BalancesQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let currency = filters::currency(query.currency.as_deref())?;
    let product = filters::product(query.product.as_deref())?;
    let wallets = balances::list(&app, &customer, currency, product.as_ref().map(Product::as_column)).await?;
    let body = BalanceList { customer_id: customer.to_string(), balances: wallets.iter().map(Balance::from).collect() };
    Ok(HttpResponse::Ok().json(body))
}
