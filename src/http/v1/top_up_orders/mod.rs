//! `/v1/top-up-orders`.

pub mod body;
mod new_order;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Error, orders};
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::order::{OrderFilter, OrderStatus};
use crate::domain::payment::Channel;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::{ClientIp, IdempotencyHeader, JsonBody, QueryParams};
use crate::http::edge::filters;
use crate::http::edge::page;
use crate::http::edge::problem::Failure;
use crate::http::edge::respond::created;
use crate::http::v1::top_up_orders::body::{OrderPage, TopUpOrder, order_bodies, order_body};

/// How an order is paid.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentChannel {
    Card,
    Paypal,
    Vnpay,
    BankTransfer,
    Balance,
}

impl From<PaymentChannel> for Channel {
    fn from(channel: PaymentChannel) -> Self {
        match channel {
            PaymentChannel::Card => Self::Card,
            PaymentChannel::Paypal => Self::Paypal,
            PaymentChannel::Vnpay => Self::Vnpay,
            PaymentChannel::BankTransfer => Self::BankTransfer,
            PaymentChannel::Balance => Self::Balance,
        }
    }
}

impl From<Channel> for PaymentChannel {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Card => Self::Card,
            Channel::Paypal => Self::Paypal,
            Channel::Vnpay => Self::Vnpay,
            Channel::BankTransfer => Self::BankTransfer,
            Channel::Balance => Self::Balance,
        }
    }
}

/// The wish to add money. Fee, tax and bonus are the platform's to decide: they are not part of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "currency": "CNY", "amount": "100.00", "channel": "bank_transfer", "agreement_accepted": true,
    "bank_transfer": {"remitter_name": "Nguyen Van A", "remitter_bank": "Bank of China", "remarks": "first top-up"}
}))]
pub struct CreateTopUpOrder {
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// A preset or any amount within the limits; fits the currency's minor unit.
    #[schema(value_type = crate::http::edge::amount::Amount)]
    amount: String,
    channel: PaymentChannel,
    /// Tops up this product instead of the main wallet.
    #[schema(max_length = 32, pattern = "^[a-z0-9_-]{1,32}$", example = "whatsapp")]
    product: Option<String>,
    /// Must be true.
    #[schema(example = true)]
    agreement_accepted: bool,
    /// Where the payer's browser goes afterwards, with `order=<id>` added to the query.
    #[schema(max_length = 1000, example = "https://app.example.com/wallet")]
    return_url: Option<String>,
    /// The language of the payment page, as BCP 47.
    #[schema(max_length = 16, pattern = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", example = "en")]
    locale: Option<String>,
    #[schema(nullable = false)]
    card: Option<CardOptions>,
    #[schema(nullable = false)]
    bank_transfer: Option<BankTransferOptions>,
    #[schema(nullable = false)]
    vnpay: Option<VnpayOptions>,
}

/// For channel `card`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardOptions {
    flow: CardFlowName,
}

/// `checkout`: the company's hosted page; `elements`: a card form in your own page.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CardFlowName {
    Checkout,
    Elements,
}

/// For channel `bank_transfer`: who will send the money.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BankTransferOptions {
    #[schema(min_length = 1, max_length = 140, example = "Nguyen Van A")]
    remitter_name: String,
    #[schema(min_length = 1, max_length = 140, example = "Bank of China")]
    remitter_bank: String,
    #[schema(max_length = 500, example = "first top-up")]
    remarks: Option<String>,
}

/// For channel `vnpay`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VnpayOptions {
    /// Preselects a bank or method (`VNPAYQR`, `VNBANK`, `INTCARD`, `NCB`, …).
    #[schema(min_length = 3, max_length = 20, pattern = "^[A-Za-z0-9]{3,20}$", example = "NCB")]
    bank_code: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CustomerQuery {
    /// For services and operators: which customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    pub customer_id: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OrderPath {
    /// The order's id.
    #[param(max_length = 64, pattern = "^tuo_[0-9a-f]{32}$", example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    pub order_id: String,
}

/// Create a top-up order
///
/// Commits the order, then starts its payment; `next_action` says what the payer has to do. Channel `balance` pays a product from the main wallet and completes at once.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "createTopUpOrder",
    params(CustomerQuery, ("Idempotency-Key" = String, Header, description = "Makes a repeat find the same order. 1 to 255 visible ASCII characters.", max_length = 255, min_length = 1, example = "3f1c0e8e-6a4d-4f0b-9d0a-1f2e3d4c5b6a")),
    request_body = CreateTopUpOrder,
    responses(
        (status = 201, description = "The order", body = TopUpOrder),
        (status = 200, description = "The same order again (`Idempotent-Replayed: true`)", body = TopUpOrder),
        (status = 402, description = "Channel `balance`: the main wallet is short"),
        (status = 409, description = "Too many open orders, or the same key in flight"),
        (status = 502, description = "The provider did not answer"),
    ),
    security(("bearer" = []))
)]
#[post("/v1/top-up-orders")]
pub async fn create_top_up_order(
    Allowed(caller): AsCustomer,
    key: IdempotencyHeader,
    QueryParams(query): QueryParams<CustomerQuery>,
    ClientIp(payer_ip): ClientIp,
    body: JsonBody<CreateTopUpOrder>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let key = key.scoped(&caller, "create_top_up_order", customer.as_str(), &body.bytes);
    let new = new_order::read(customer, body.value, payer_ip)?;
    let made = orders::create::create(&app, &new, &key, &caller.actor()).await?;
    let body = order_body(&app, &made.value).await?;
    Ok(created(&body, made.replayed, StatusCode::OK))
}

/// Get a top-up order
///
/// One order with its timeline: everything that happened to it, by whom, and the plain reason when it is stuck.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "getTopUpOrder",
    params(OrderPath, CustomerQuery),
    responses((status = 200, description = "The order", body = TopUpOrder)),
    security(("bearer" = []))
)]
#[get("/v1/top-up-orders/{order_id}")]
pub async fn get_top_up_order(
    Allowed(caller): AsCustomer,
    path: web::Path<OrderPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = IdKind::TopUpOrder.parse(&path.order_id);
    let view = orders::read::get(&app, &caller, query.customer_id.as_deref(), id).await?;
    Ok(HttpResponse::Ok().json(order_body(&app, &view).await?))
}

/// Cancel a top-up order
///
/// Only while it is pending. Repeating it changes nothing. If the payer turns out to have been faster, the order completes and this answers 409.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "cancelTopUpOrder",
    params(OrderPath, CustomerQuery),
    responses(
        (status = 200, description = "The cancelled order", body = TopUpOrder),
        (status = 409, description = "`order_not_cancellable`"),
    ),
    security(("bearer" = []))
)]
#[post("/v1/top-up-orders/{order_id}/cancel")]
pub async fn cancel_top_up_order(
    Allowed(caller): AsCustomer,
    path: web::Path<OrderPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = IdKind::TopUpOrder.parse(&path.order_id);
    let view = orders::cancel::cancel(&app, &caller, query.customer_id.as_deref(), id).await?;
    Ok(HttpResponse::Ok().json(order_body(&app, &view).await?))
}

/// Verify a top-up order
///
/// Asks the payment company now, for payers who paid and see nothing yet. Asked by an operator, it also releases money that the company had held for review, if the company says that it is paid.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "verifyTopUpOrder",
    params(OrderPath, CustomerQuery),
    responses(
        (status = 200, description = "The order as it is now", body = TopUpOrder),
        (status = 502, description = "The provider did not answer"),
    ),
    security(("bearer" = []))
)]
#[post("/v1/top-up-orders/{order_id}/verify")]
pub async fn verify_top_up_order(
    Allowed(caller): AsCustomer,
    path: web::Path<OrderPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = IdKind::TopUpOrder.parse(&path.order_id);
    let view = orders::read::verify(&app, &caller, query.customer_id.as_deref(), id).await?;
    Ok(HttpResponse::Ok().json(order_body(&app, &view).await?))
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TopUpOrderStatus {
    Pending,
    Processing,
    Completed,
    Cancelled,
    Failed,
    Expired,
}

impl From<TopUpOrderStatus> for OrderStatus {
    fn from(status: TopUpOrderStatus) -> Self {
        match status {
            TopUpOrderStatus::Pending => Self::Pending,
            TopUpOrderStatus::Processing => Self::Processing,
            TopUpOrderStatus::Completed => Self::Completed,
            TopUpOrderStatus::Cancelled => Self::Cancelled,
            TopUpOrderStatus::Failed => Self::Failed,
            TopUpOrderStatus::Expired => Self::Expired,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OrdersQuery {
    /// For services and operators: which customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    pub customer_id: Option<String>,
    /// Only these; repeat it for several.
    #[serde(default)]
    #[param(max_items = 6)]
    pub status: Vec<TopUpOrderStatus>,
    /// Only these; repeat it for several.
    #[serde(default)]
    #[param(max_items = 5)]
    pub channel: Vec<PaymentChannel>,
    /// Only this product; empty: only the main wallet.
    #[param(max_length = 32, pattern = "^[a-z0-9_-]{0,32}$")]
    pub product: Option<String>,
    #[param(pattern = "^[A-Z]{3}$", max_length = 3)]
    pub currency: Option<String>,
    /// The one with this reference code, as it came through a bank: case, spaces and punctuation do not matter.
    #[param(max_length = 64)]
    pub reference: Option<String>,
    /// From this moment on.
    #[serde(default, deserialize_with = "filters::moment")]
    pub created_from: Option<DateTime<Utc>>,
    /// Before this moment.
    #[serde(default, deserialize_with = "filters::moment")]
    pub created_to: Option<DateTime<Utc>>,
    /// As `next_cursor` said; with the same filters.
    #[param(max_length = 512)]
    pub cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, example = 20)]
    pub limit: Option<i64>,
}

impl OrdersQuery {
    /// The filter for storage, of one customer or all.
    ///
    /// # Errors
    /// 422 for a filter that cannot be.
    pub fn filter(&self, customer: Option<CustomerId>) -> Result<OrderFilter, Error> {
        Ok(OrderFilter {
            customer,
            statuses: self.status.iter().map(|status| OrderStatus::from(*status)).collect(),
            channels: self.channel.iter().map(|channel| Channel::from(*channel)).collect(),
            product: filters::product(self.product.as_deref())?,
            currency: filters::currency(self.currency.as_deref())?,
            created_from: self.created_from,
            created_to: self.created_to,
            reference: filters::reference(self.reference.as_deref())?,
        })
    }
}

/// List top-up orders
///
/// Newest first.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "listTopUpOrders",
    params(OrdersQuery),
    responses((status = 200, description = "A page of orders", body = OrderPage)),
    security(("bearer" = []))
)]
#[get("/v1/top-up-orders")]
pub async fn list_top_up_orders(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<OrdersQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let filter = query.filter(Some(customer))?;
    list_page(&app, &query, &filter, request.path()).await
}

/// A page of orders under a filter, for customers and operators alike.
pub(super) async fn list_page(
    app: &App,
    query: &OrdersQuery,
    filter: &OrderFilter,
    path: &str,
) -> Result<HttpResponse, Failure> {
    let limit = page::limit(query.limit)?;
    let tag = format!("{path} {filter:?}");
    let after = page::decode_cursor(query.cursor.as_deref(), &tag)?;
    let mut found = orders::read::list(app, filter, after, limit + 1).await?;
    let (rows, next_cursor) = page::cut(&mut found, limit, &tag, |order| (order.created_at, order.id));
    let data = order_bodies(rows);
    Ok(HttpResponse::Ok().json(OrderPage { data, has_more: next_cursor.is_some(), next_cursor }))
}
