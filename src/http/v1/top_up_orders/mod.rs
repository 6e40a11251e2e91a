//! `/v1/top-up-orders`: create, read, cancel and verify an order; list a customer's orders.

pub mod body;
mod new_order;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use self::body::list::{OrderPage, OrdersOf, OrdersQuery, order_page};
use self::body::{TopUpOrder, order_body};
use crate::app::{App, orders};
use crate::domain::payment::CardFlow;
use crate::http::edge::answers::{created, located};
use crate::http::edge::auth::{Allowed, AsCustomer, SUPPORT};
use crate::http::edge::etag::IfNoneMatch;
use crate::http::edge::extract::{ClientIp, JsonBody, QueryParams};
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::language::Speaks;
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CustomerQuery, OrderPath, customer_of};
use crate::http::edge::wire::{
    AgreementVersion, Amount, ClientReference, CurrencyCode, LanguageTag, Metadata, PaymentChannel, ProductCode,
    QuoteId, RemitterBank, RemitterName, RemitterRemarks, TopUpOrderId,
};

/// A top-up order. The service computes fee, tax and bonus, so the request does not name them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "currency": "CNY", "amount": "100.00", "channel": "bank_transfer", "agreement_accepted": true,
    "bank_transfer": {"remitter_name": "Nguyen Van A", "remitter_bank": "Bank of China", "remarks": "first top-up"}
}))]
pub struct CreateTopUpOrder {
    currency: CurrencyCode,
    /// What the wallet is to get before fees: one of the presets, or any other amount whose payment is within the
    /// limits. It fits the currency's minor unit.
    amount: Amount,
    channel: PaymentChannel,
    /// The product that gets the money; null or absent for the main wallet.
    product: Option<ProductCode>,
    /// Must be true.
    #[schema(example = true)]
    agreement_accepted: bool,
    /// The version of the agreement that the customer has read. If another one is active, the order is refused (409
    /// `agreement_changed`). Absent: the active one is recorded.
    agreement_version: Option<AgreementVersion>,
    /// The quote that the customer was shown. It fixes fee, tax, bonus and what is credited. If it cannot be kept, the
    /// order is refused (409 `price_changed`). Absent: the current price applies.
    quote_id: Option<QuoteId>,
    /// What the wallet gets, as the customer was shown. If it would get another amount, the order is refused (409
    /// `price_changed`). Absent: the current price applies.
    expected_credited_amount: Option<Amount>,
    /// What the payer pays, as the customer was shown. If it is another amount, the order is refused (409
    /// `price_changed`). Absent: the current price applies.
    expected_payable_amount: Option<Amount>,
    /// The page that the payer's browser goes to afterwards, on a site that the operator of the service allows. The
    /// service adds `order=<id>` to its query.
    #[schema(max_length = 1000, example = "https://app.example.com/wallet")]
    return_url: Option<String>,
    /// The language of the payment page, as BCP 47 writes it.
    locale: Option<LanguageTag>,
    /// Your own reference, for example of a cart. It need not be unique, and the customer sees it.
    client_reference: Option<ClientReference>,
    metadata: Option<Metadata>,
    #[schema(nullable = false)]
    card: Option<CardOptions>,
    #[schema(nullable = false)]
    bank_transfer: Option<BankTransferOptions>,
    #[schema(nullable = false)]
    vnpay: Option<VnpayOptions>,
}

/// Options of the channel `card`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardOptions {
    flow: CardFlowName,
}

/// How the payer enters the card: `checkout` on the company's own page, `elements` in a form on your page.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CardFlowName {
    Checkout,
    Elements,
}

impl From<CardFlowName> for CardFlow {
    fn from(flow: CardFlowName) -> Self {
        match flow {
            CardFlowName::Checkout => Self::Checkout,
            CardFlowName::Elements => Self::Elements,
        }
    }
}

/// Options of the channel `bank_transfer`: who will send the money.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BankTransferOptions {
    remitter_name: RemitterName,
    remitter_bank: RemitterBank,
    remarks: Option<RemitterRemarks>,
}

/// Options of the channel `vnpay`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VnpayOptions {
    /// The bank or payment method to preselect, for example `VNPAYQR`, `VNBANK`, `INTCARD` or `NCB`.
    #[schema(min_length = 3, max_length = 20, pattern = "^[A-Za-z0-9]{3,20}$", example = "NCB")]
    bank_code: Option<String>,
}

/// Create a top-up order
///
/// Stores the order and then starts its payment. `next_action` says what the payer has to do. The channel `balance`
/// pays for a product from the main wallet and completes the order at once.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "createTopUpOrder",
    params(CustomerQuery, IdempotencyHeader, Speaks),
    request_body = CreateTopUpOrder,
    responses(
        (status = 201, description = "The new order", body = TopUpOrder),
        (status = 200, description = "The order that the same request made before", body = TopUpOrder),
        (status = 402, description = "Channel `balance`: the main wallet has too little money, or `taken_back_debt`"),
        (status = 409, description = "`too_many_open_orders`, `agreement_changed`, `price_changed`, or the same \
            request is still being processed"),
        (status = 502, description = "The payment company did not answer"),
    ),
    security(("bearer" = ["customer", "service", "operator:support"]))
)]
#[post("/v1/top-up-orders")]
pub async fn create_top_up_order(
    Allowed(caller): AsCustomer<SUPPORT>,
    key: IdempotencyHeader,
    QueryParams(query): QueryParams<CustomerQuery>,
    ClientIp(payer_ip): ClientIp,
    body: JsonBody<CreateTopUpOrder>,
    Speaks(language): Speaks,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let key = key.scoped(&caller, "create_top_up_order", customer.as_str(), &body.bytes);
    let new = new_order::read(customer, body.value, payer_ip)?;
    let made = orders::create::create(&app, &new, &key, &caller).await?;
    let body = order_body(&app, &made.value).await?.told_in(&made.value.order, language);
    let id = TopUpOrderId::of(made.value.order.id);
    Ok(located(created(&body, made.replayed, StatusCode::OK), "/v1/top-up-orders", &id))
}

/// Get a top-up order
///
/// The order with its timeline: everything that happened to it, who caused it and, if the order is stuck, why.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "getTopUpOrder",
    params(OrderPath, CustomerQuery, Speaks, IfNoneMatch),
    responses((status = 200, description = "The order", body = TopUpOrder)),
    security(("bearer" = []))
)]
#[get("/v1/top-up-orders/{order_id}")]
pub async fn get_top_up_order(
    Allowed(caller): AsCustomer,
    path: web::Path<OrderPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    known: IfNoneMatch,
    Speaks(language): Speaks,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let view = orders::read::get(&app, &caller, query.named()?.as_ref(), path.order_id.named()).await?;
    known.answer(&order_body(&app, &view).await?.told_in(&view.order, language))
}

/// Cancel a top-up order
///
/// Only a pending order can be cancelled. Cancelling it again changes nothing. If the payer paid in the meantime, the
/// order completes and this call returns 409.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "cancelTopUpOrder",
    params(OrderPath, CustomerQuery, Speaks),
    responses(
        (status = 200, description = "The cancelled order", body = TopUpOrder),
        (status = 409, description = "`order_not_cancellable`"),
    ),
    security(("bearer" = ["customer", "service", "operator:support"]))
)]
#[post("/v1/top-up-orders/{order_id}/cancel")]
pub async fn cancel_top_up_order(
    Allowed(caller): AsCustomer<SUPPORT>,
    path: web::Path<OrderPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    Speaks(language): Speaks,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let view = orders::cancel::cancel(&app, &caller, query.named()?.as_ref(), path.order_id.named()).await?;
    Ok(HttpResponse::Ok().json(order_body(&app, &view).await?.told_in(&view.order, language)))
}

/// Verify a top-up order
///
/// Asks the payment company for the state of the payment now. It helps a payer who has paid and still sees a pending
/// order. If an operator calls it, it also releases money that the company held for review, once the company says that
/// the money is paid. For a completed order it then also records the refunds and disputes that the company shows.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "verifyTopUpOrder",
    params(OrderPath, CustomerQuery, Speaks),
    responses(
        (status = 200, description = "The order as it is now", body = TopUpOrder),
        (status = 502, description = "The payment company did not answer"),
    ),
    security(("bearer" = ["customer", "service", "operator:support"]))
)]
#[post("/v1/top-up-orders/{order_id}/verify")]
pub async fn verify_top_up_order(
    Allowed(caller): AsCustomer<SUPPORT>,
    path: web::Path<OrderPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    Speaks(language): Speaks,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let view = orders::read::verify(&app, &caller, query.named()?.as_ref(), path.order_id.named()).await?;
    Ok(HttpResponse::Ok().json(order_body(&app, &view).await?.told_in(&view.order, language)))
}

/// Ask for the bank account that takes transfers now
///
/// For an order by bank transfer whose `next_action` is `bank_account_closed`: the order gets the account that takes
/// transfers in its currency now, and its timeline says so. An order whose account is open keeps it.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "renewTopUpOrderBankAccount",
    params(OrderPath, CustomerQuery, Speaks),
    responses(
        (status = 200, description = "The order with the account to transfer to", body = TopUpOrder),
        (status = 409, description = "`bank_account_closed`: no account takes transfers in this currency; or \
            `order_not_open`, `not_a_bank_transfer`"),
    ),
    security(("bearer" = ["customer", "service", "operator:support"]))
)]
#[post("/v1/top-up-orders/{order_id}/bank-account")]
pub async fn renew_top_up_order_bank_account(
    Allowed(caller): AsCustomer<SUPPORT>,
    path: web::Path<OrderPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    Speaks(language): Speaks,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.named()?;
    let view = orders::bank_account::renew(&app, &caller, customer.as_ref(), path.order_id.named()).await?;
    Ok(HttpResponse::Ok().json(order_body(&app, &view).await?.told_in(&view.order, language)))
}

/// List top-up orders
///
/// The customer's orders, newest first.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "listTopUpOrders",
    params(OrdersQuery, Speaks, IfNoneMatch),
    responses((status = 200, description = "A page of orders", body = OrderPage)),
    security(("bearer" = []))
)]
#[get("/v1/top-up-orders")]
pub async fn list_top_up_orders(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<OrdersQuery>,
    known: IfNoneMatch,
    request: HttpRequest,
    Speaks(language): Speaks,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = customer_of(&caller, query.customer_id.as_ref())?;
    known.answer(&order_page(&app, request.path(), OrdersOf::Customer(customer), &query, language).await?)
}
