//! `GET /v1/top-up-options`.

use actix_web::{HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, top_up_options};
use crate::domain::catalogue::Agreement;
use crate::domain::money::Money;
use crate::domain::offer::{Eligibility, Offer};
use crate::http::edge::amount::Amount;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::v1::top_up_orders::PaymentChannel;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OptionsQuery {
    /// Whose options: for services and operators only, who must name the customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: Option<String>,
    /// The currency to top up in.
    #[param(pattern = "^[A-Z]{3}$", max_length = 3, example = "CNY")]
    currency: String,
    /// The product to top up; absent or empty: the main wallet.
    #[param(max_length = 32, pattern = "^[a-z0-9_-]{0,32}$")]
    product: Option<String>,
}

/// What the customer may choose.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopUpOptions {
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Null for the main wallet.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    /// Amounts to offer, in their shortest form; any other amount in range is taken too.
    #[schema(max_items = 20, example = json!(["50", "100", "500", "1000"]))]
    presets: Vec<Amount>,
    minimum: Amount,
    maximum: Amount,
    /// What the customer accepts with an order. Absent: nothing can be ordered yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    agreement: Option<AgreementLink>,
    /// Every channel, the ones that this customer cannot use included.
    #[schema(max_items = 10)]
    channels: Vec<ChannelOption>,
}

/// The agreement that an order accepts.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgreementLink {
    #[schema(max_length = 32, example = "2026-11-01")]
    version: String,
    #[schema(max_length = 500, example = "https://example.com/agreements/2026-11-01")]
    url: String,
}

impl From<Agreement> for AgreementLink {
    fn from(agreement: Agreement) -> Self {
        Self { version: agreement.version, url: agreement.url }
    }
}

/// Whether a channel can be chosen.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelOption {
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
}

impl From<&Eligibility> for ChannelOption {
    fn from(one: &Eligibility) -> Self {
        Self {
            channel: one.channel.into(),
            eligible: one.is_eligible(),
            reason: one.reason(),
            recommended: one.recommended,
            minimum: amount(one.minimum),
            maximum: amount(one.maximum),
            processing_time: one.processing_time.clone(),
        }
    }
}

impl From<Offer> for TopUpOptions {
    fn from(offer: Offer) -> Self {
        Self {
            currency: offer.currency.code().to_owned(),
            product: offer.product.code().map(str::to_owned),
            presets: offer.options.presets.iter().map(|preset| Amount(preset.amount().to_string())).collect(),
            minimum: amount(offer.options.minimum),
            maximum: amount(offer.options.maximum),
            channels: offer.channels(None).iter().map(ChannelOption::from).collect(),
            agreement: offer.agreement.map(AgreementLink::from),
        }
    }
}

pub(super) fn amount(money: Money) -> Amount {
    Amount::of(money.amount(), money.currency())
}

/// Show top-up options
///
/// Amounts to offer, and every channel: whether this customer can use it, in which range, and the reason where
/// not. Some channels depend on the country of the billing profile.
#[utoipa::path(
    tag = "top-up-options",
    operation_id = "getTopUpOptions",
    params(OptionsQuery),
    responses((status = 200, description = "The options", body = TopUpOptions)),
    security(("bearer" = []))
)]
#[get("/v1/top-up-options")]
pub async fn get_top_up_options(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<OptionsQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let offer = top_up_options::get(&app, &customer, &query.currency, query.product.as_deref()).await?;
    Ok(HttpResponse::Ok().json(TopUpOptions::from(offer)))
}
