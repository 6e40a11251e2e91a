//! `/v1/transfers`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::transfers::{self, NewTransfer};
use crate::app::{App, Problems};
use crate::domain::id::IdKind;
use crate::domain::money::{Currency, Money, parse_plain_decimal};
use crate::domain::product::Product;
use crate::domain::transfer;
use crate::http::edge::amount::Amount;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::{IdempotencyHeader, JsonBody, QueryParams};
use crate::http::edge::filters;
use crate::http::edge::page;
use crate::http::edge::problem::Failure;
use crate::http::edge::respond::created;
use crate::http::v1::top_up_orders::CustomerQuery;

/// Money to move between two wallets of one customer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"currency": "CNY", "amount": "20.00", "from_product": null, "to_product": "whatsapp"}))]
pub struct CreateTransfer {
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Fits the currency's minor unit. Only unheld paid money moves.
    #[schema(value_type = crate::http::edge::amount::Amount)]
    amount: String,
    /// Null: from the main wallet.
    #[schema(max_length = 32, pattern = "^[a-z0-9_-]{1,32}$", example = "whatsapp")]
    from_product: Option<String>,
    /// Null: to the main wallet, where the product allows it.
    #[schema(max_length = 32, pattern = "^[a-z0-9_-]{1,32}$", example = "whatsapp")]
    to_product: Option<String>,
}

/// A transfer that was booked.
#[derive(Debug, Serialize, ToSchema)]
pub struct Transfer {
    #[schema(max_length = 64, pattern = "^trf_[0-9a-f]{32}$", example = "trf_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    id: String,
    #[schema(max_length = 64, example = "demo")]
    customer_id: String,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    amount: Amount,
    #[schema(max_length = 32, example = "sms")]
    from_product: Option<String>,
    #[schema(max_length = 32, example = "whatsapp")]
    to_product: Option<String>,
    /// The order that it paid, for channel `balance`.
    #[schema(max_length = 64, example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    order_id: Option<String>,
    created_at: DateTime<Utc>,
}

/// A page of transfers.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferPage {
    #[schema(max_items = 100)]
    data: Vec<Transfer>,
    #[schema(max_length = 512, example = "WyI5ZjM1IiwiLi4uIl0")]
    next_cursor: Option<String>,
    has_more: bool,
}

impl From<&transfer::Transfer> for Transfer {
    fn from(transfer: &transfer::Transfer) -> Self {
        Self {
            id: IdKind::Transfer.show(transfer.id),
            customer_id: transfer.customer.to_string(),
            currency: transfer.amount.currency().code().to_owned(),
            amount: transfer.amount.into(),
            from_product: transfer.from.code().map(str::to_owned),
            to_product: transfer.to.code().map(str::to_owned),
            order_id: transfer.order_id.map(|id| IdKind::TopUpOrder.show(id)),
            created_at: transfer.created_at,
        }
    }
}

/// Move money between wallets
///
/// From the main wallet to a product, or back where the product allows it. Either both sides are booked or none.
#[utoipa::path(
    tag = "transfers",
    operation_id = "createTransfer",
    params(CustomerQuery, ("Idempotency-Key" = String, Header, description = "Makes a repeat find the same transfer. 1 to 255 visible ASCII characters.", max_length = 255, min_length = 1, example = "6f0b9d0a-1f2e-4d4c-8b6a-3f1c0e8e6a4d")),
    request_body = CreateTransfer,
    responses(
        (status = 201, description = "The transfer", body = Transfer),
        (status = 200, description = "The same transfer again (`Idempotent-Replayed: true`)", body = Transfer),
        (status = 402, description = "Unheld paid money is short"),
        (status = 409, description = "The same key in flight"),
    ),
    security(("bearer" = []))
)]
#[post("/v1/transfers")]
pub async fn create_transfer(
    Allowed(caller): AsCustomer,
    key: IdempotencyHeader,
    QueryParams(query): QueryParams<CustomerQuery>,
    body: JsonBody<CreateTransfer>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let key = key.scoped(&caller, "create_transfer", customer.as_str(), &body.bytes);
    let asked = body.value;
    let mut problems = Problems::new();
    let currency = problems.money("/currency", asked.currency.parse::<Currency>());
    let amount = currency.and_then(|currency| {
        let amount = parse_plain_decimal(&asked.amount)
            .and_then(|amount| Money::positive(amount, currency))
            .and_then(Money::require_minor_unit);
        problems.money("/amount", amount)
    });
    let from = product(&mut problems, "/from_product", asked.from_product.as_deref());
    let to = product(&mut problems, "/to_product", asked.to_product.as_deref());
    let fields = amount.zip(from).zip(to);
    let ((amount, from), to) = problems.into_result(fields)?;
    let made = transfers::create(&app, &NewTransfer { customer, amount, from, to }, &key).await?;
    Ok(created(&Transfer::from(&made.value), made.replayed, StatusCode::OK))
}

/// Reads a product's code; `None` in the request is the main wallet.
pub(super) fn product(problems: &mut Problems, pointer: &str, code: Option<&str>) -> Option<Product> {
    let Some(code) = code else { return Some(Product::main()) };
    Product::new(code).or_else(|| {
        problems.add(pointer, "unknown_product", "there is no such product");
        None
    })
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct TransferPath {
    /// The transfer's id.
    #[param(max_length = 64, pattern = "^trf_[0-9a-f]{32}$", example = "trf_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    transfer_id: String,
}

/// Get a transfer
///
/// One transfer of the customer.
#[utoipa::path(
    tag = "transfers",
    operation_id = "getTransfer",
    params(TransferPath, CustomerQuery),
    responses((status = 200, description = "The transfer", body = Transfer)),
    security(("bearer" = []))
)]
#[get("/v1/transfers/{transfer_id}")]
pub async fn get_transfer(
    Allowed(caller): AsCustomer,
    path: web::Path<TransferPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let transfer = transfers::get(&app, &customer, IdKind::Transfer.parse(&path.transfer_id)).await?;
    Ok(HttpResponse::Ok().json(Transfer::from(&transfer)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TransfersQuery {
    /// For services and operators: which customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: Option<String>,
    #[param(pattern = "^[A-Z]{3}$", max_length = 3)]
    currency: Option<String>,
    /// As `next_cursor` said; with the same filters.
    #[param(max_length = 512)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, example = 20)]
    limit: Option<i64>,
}

/// List transfers
///
/// Newest first.
#[utoipa::path(
    tag = "transfers",
    operation_id = "listTransfers",
    params(TransfersQuery),
    responses((status = 200, description = "A page of transfers", body = TransferPage)),
    security(("bearer" = []))
)]
#[get("/v1/transfers")]
pub async fn list_transfers(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<TransfersQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let limit = page::limit(query.limit)?;
    let currency = filters::currency(query.currency.as_deref())?;
    let tag = format!("{} {customer} {currency:?}", request.path());
    let after = page::decode_cursor(query.cursor.as_deref(), &tag)?;
    let mut found = transfers::list(&app, &customer, currency, after, limit + 1).await?;
    let (rows, next_cursor) = page::cut(&mut found, limit, &tag, |row| (row.created_at, row.id));
    let data = rows.iter().map(Transfer::from).collect();
    Ok(HttpResponse::Ok().json(TransferPage { data, has_more: next_cursor.is_some(), next_cursor }))
}
