//! `POST /v1/quotes`.

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::app::quotes::{self, QuoteInput};
use crate::domain::catalogue::Price;
use crate::domain::offer::Eligibility;
use crate::domain::payment::Channel;
use crate::http::edge::amount::Amount;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::v1::top_up_options::amount;
use crate::http::v1::top_up_orders::PaymentChannel;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct QuoteQuery {
    /// Whose price: for services and operators only, who must name the customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: Option<String>,
}

/// What to price.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"currency": "CNY", "amount": "100.00", "channel": "bank_transfer"}))]
pub struct QuoteRequest {
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    amount: Amount,
    /// The channel to price; absent: the recommended one.
    #[schema(nullable = false)]
    channel: Option<PaymentChannel>,
    /// The product to top up; absent: the main wallet.
    #[schema(max_length = 32, pattern = "^[a-z0-9_-]{0,32}$", example = "whatsapp")]
    product: Option<String>,
}

/// What an amount costs and brings. The order freezes its own price when it is made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Quote {
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Null for the main wallet.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    /// What the payer pays.
    amount: Amount,
    /// The channel asked for, or else the recommended one; absent when no channel can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    channel: Option<PaymentChannel>,
    /// Through that channel; absent, as the other figures, where it has no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    fee: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tax: Option<Amount>,
    /// Granted on top.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bonus: Option<Amount>,
    /// amount − fee − tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    credited_amount: Option<Amount>,
    /// Every channel, the ones that this customer cannot use for this amount included.
    #[schema(max_items = 10)]
    channels: Vec<QuotedChannel>,
}

/// A channel and its price.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuotedChannel {
    channel: PaymentChannel,
    eligible: bool,
    /// Why not, for the customer; null when eligible.
    #[schema(max_length = 5000, example = "VNPay takes VND only.")]
    reason: Option<String>,
    /// The one to preselect.
    recommended: bool,
    minimum: Amount,
    maximum: Amount,
    /// How long the money takes; null where the channel is not offered at all.
    #[schema(max_length = 100, example = "1 to 2 working days")]
    processing_time: Option<String>,
    /// Absent, as the other figures, where the channel has no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    fee: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tax: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bonus: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    credited_amount: Option<Amount>,
}

fn quoted(one: &Eligibility, price: Option<Price>) -> QuotedChannel {
    QuotedChannel {
        channel: one.channel.into(),
        eligible: one.is_eligible(),
        reason: one.reason(),
        recommended: one.recommended,
        minimum: amount(one.minimum),
        maximum: amount(one.maximum),
        processing_time: one.processing_time.clone(),
        fee: price.map(|price| amount(price.fee)),
        tax: price.map(|price| amount(price.tax)),
        bonus: price.map(|price| amount(price.bonus)),
        credited_amount: price.map(|price| amount(price.credited)),
    }
}

impl From<quotes::Quote> for Quote {
    fn from(quote: quotes::Quote) -> Self {
        let price = quote.price();
        Self {
            currency: quote.amount.currency().code().to_owned(),
            product: quote.product.code().map(str::to_owned),
            amount: amount(quote.amount),
            channel: quote.chosen.map(PaymentChannel::from),
            fee: price.map(|price| amount(price.fee)),
            tax: price.map(|price| amount(price.tax)),
            bonus: price.map(|price| amount(price.bonus)),
            credited_amount: price.map(|price| amount(price.credited)),
            channels: quote.channels.iter().map(|(one, price)| quoted(one, *price)).collect(),
        }
    }
}

/// Quote a top-up
///
/// Fee, tax, bonus and credited amount before the order, and per channel whether this customer can use it for
/// this amount, and why not. Nothing is stored.
#[utoipa::path(
    tag = "top-up-options",
    operation_id = "createQuote",
    params(QuoteQuery),
    request_body = QuoteRequest,
    responses((status = 200, description = "The price", body = Quote)),
    security(("bearer" = []))
)]
#[post("/v1/quotes")]
pub async fn create_quote(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<QuoteQuery>,
    body: JsonBody<QuoteRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let QuoteRequest { currency, amount, channel, product } = body.value;
    let channel = channel.map(Channel::from);
    let quote = quotes::quote(&app, &customer, &QuoteInput { currency, amount: amount.0, channel, product }).await?;
    Ok(HttpResponse::Ok().json(Quote::from(quote)))
}
