//! `/v1/transfers`: money between the wallets of one customer.

pub mod body;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::Transfer;
use crate::app::transfers::{self, NewTransfer};
use crate::app::{App, Problems};
use crate::domain::customer::CustomerId;
use crate::domain::page::Sort;
use crate::http::edge::answers::{created, located};
use crate::http::edge::auth::{Allowed, AsCustomer, SUPPORT};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CustomerQuery, customer_of};
use crate::http::edge::wire::{
    Amount, ClientReference, CurrencyCode, CursorText, CustomerIdText, Limit, Metadata, ProductCode, TransferId,
    read_client_data,
};

/// Money to move between two wallets of one customer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"currency": "CNY", "amount": "20.00", "from_product": null, "to_product": "whatsapp"}))]
pub struct CreateTransfer {
    currency: CurrencyCode,
    /// The amount, which fits the currency's minor unit. Only paid money that no hold reserves can move.
    amount: Amount,
    /// The product that gives the money; null for the main wallet.
    from_product: Option<ProductCode>,
    /// The product that gets the money. Null for the main wallet, if the product that gives it allows that.
    to_product: Option<ProductCode>,
    /// Your own reference, for example of a cart. It need not be unique, and the customer sees it.
    client_reference: Option<ClientReference>,
    metadata: Option<Metadata>,
}

/// A page of transfers.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferPage {
    #[schema(max_items = 100)]
    data: Vec<Transfer>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

fn read(asked: CreateTransfer, customer: CustomerId, problems: &mut Problems) -> Option<NewTransfer> {
    let currency = asked.currency.read(problems, "/currency");
    let amount = currency.and_then(|currency| asked.amount.in_minor_unit(problems, "/amount", currency));
    let from = ProductCode::read_or_main(asked.from_product.as_ref(), problems, "/from_product");
    let to = ProductCode::read_or_main(asked.to_product.as_ref(), problems, "/to_product");
    let client = read_client_data(asked.client_reference.as_ref(), asked.metadata, problems);
    Some(NewTransfer { customer, amount: amount?, from: from?, to: to?, client })
}

/// Move money between wallets
///
/// Moves money from the main wallet to a product, or back if the product allows that. Either both sides are booked or
/// none.
#[utoipa::path(
    tag = "transfers",
    operation_id = "createTransfer",
    params(CustomerQuery, IdempotencyHeader),
    request_body = CreateTransfer,
    responses(
        (status = 201, description = "The new transfer", body = Transfer),
        (status = 200, description = "The transfer that the same request made before", body = Transfer),
        (status = 402, description = "The wallet has too little paid money that no hold reserves, or \
            `taken_back_debt`"),
        (status = 409, description = "The same request is still being processed"),
    ),
    security(("bearer" = ["customer", "service", "operator:support"]))
)]
#[post("/v1/transfers")]
pub async fn create_transfer(
    Allowed(caller): AsCustomer<SUPPORT>,
    key: IdempotencyHeader,
    QueryParams(query): QueryParams<CustomerQuery>,
    body: JsonBody<CreateTransfer>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let key = key.scoped(&caller, "create_transfer", customer.as_str(), &body.bytes);
    let mut problems = Problems::new();
    let new = read(body.value, customer, &mut problems);
    let made = transfers::create(&app, &problems.into_result(new)?, &key).await?;
    let answer = created(&Transfer::from(&made.value), made.replayed, StatusCode::OK);
    Ok(located(answer, "/v1/transfers", &TransferId::of(made.value.id)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct TransferPath {
    /// The transfer's id.
    transfer_id: TransferId,
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
    let transfer = transfers::get(&app, &query.customer(&caller)?, path.transfer_id.named()).await?;
    Ok(HttpResponse::Ok().json(Transfer::from(&transfer)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TransfersQuery {
    customer_id: Option<CustomerIdText>,
    currency: Option<CurrencyCode>,
    /// Only transfers with exactly this client reference.
    client_reference: Option<ClientReference>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List transfers
///
/// The customer's transfers, newest first.
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
    let customer = customer_of(&caller, query.customer_id.as_ref())?;
    let limit = Limit::read(query.limit)?;
    let currency = CurrencyCode::filter(query.currency.as_ref(), "?currency")?;
    let reference = ClientReference::filter(query.client_reference.as_ref(), "?client_reference")?;
    let filters = Filters::of(request.path())
        .with("customer_id", &customer)
        .with_optional("currency", currency)
        .with_optional("client_reference", reference.as_ref());
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let found = transfers::list(&app, &customer, (currency, reference.as_deref()), &asked).await?;
    let cursors = page::cursors(&found, &filters, |row| (row.created_at, row.id))?;
    let data = found.rows.iter().map(Transfer::from).collect();
    Ok(HttpResponse::Ok().json(TransferPage {
        data,
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}
