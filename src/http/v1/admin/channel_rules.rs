//! `/v1/admin/channel-rules`: the terms on which each channel is offered.

use actix_web::{HttpResponse, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::app::catalogue::channel_rules::{self, RuleInput, RuleName};
use crate::domain::catalogue::ChannelRule;
use crate::http::edge::answers::saved;
use crate::http::edge::auth::{Allowed, AsOperator};
use crate::http::edge::etag::IfMatch;
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::ProductQuery;
use crate::http::edge::wire::{Amount, CountryCode, CurrencyCode, PercentText, ProductCode, ProductFilter};
use crate::http::v1::top_up_orders::body::PaymentChannel;

/// All channel rules.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminChannelRuleList {
    #[schema(max_items = 1000)]
    data: Vec<AdminChannelRule>,
}

/// The terms on which a channel is offered.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminChannelRule {
    channel: PaymentChannel,
    currency: CurrencyCode,
    /// The product; null for the main wallet, and for every product without a rule of its own.
    product: Option<ProductCode>,
    enabled: bool,
    /// The channel is offered to customers with a billing profile of these countries. Empty: to all customers.
    #[schema(max_items = 250)]
    countries: Vec<CountryCode>,
    /// The smallest amount; absent for the one of the top-up options.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    minimum: Option<Amount>,
    /// The largest amount; absent for the one of the top-up options.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    maximum: Option<Amount>,
    /// The place among the channels. Of the channels that a customer can use, the lowest one is recommended.
    #[schema(minimum = 0, maximum = 1_000_000, example = 10)]
    rank: i32,
    /// The fee in percent of the amount. It reduces what is credited.
    fee_percent: PercentText,
    /// The tax in percent of the amount. It reduces what is credited.
    tax_percent: PercentText,
    /// The bonus in percent of the amount, granted in addition.
    bonus_percent: PercentText,
    /// How long the money takes to arrive, in words for the customer.
    #[schema(max_length = 100, example = "1 to 2 working days")]
    processing_time: String,
    /// A number that grows with every change. It is also the ETag: `"<version>"`.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
}

impl From<ChannelRule> for AdminChannelRule {
    fn from(rule: ChannelRule) -> Self {
        Self {
            channel: rule.channel.into(),
            currency: CurrencyCode::of(rule.currency),
            product: ProductCode::of_product(&rule.product),
            enabled: rule.enabled,
            countries: rule.countries.iter().map(|country| CountryCode::new(country.code())).collect(),
            minimum: rule.minimum.map(Amount::from),
            maximum: rule.maximum.map(Amount::from),
            rank: rule.rank,
            fee_percent: PercentText::new(rule.fee.to_string()),
            tax_percent: PercentText::new(rule.tax.to_string()),
            bonus_percent: PercentText::new(rule.bonus.to_string()),
            processing_time: rule.processing_time,
            version: rule.version,
            updated_at: rule.updated_at,
        }
    }
}

/// The rule to save.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "enabled": true, "countries": [], "minimum": "50", "rank": 30, "processing_time": "1 to 2 working days"
}))]
pub struct ChannelRuleRequest {
    enabled: bool,
    /// The channel is offered to customers with a billing profile of these countries. Empty: to all customers.
    #[serde(default)]
    #[schema(max_items = 250)]
    countries: Vec<CountryCode>,
    /// The smallest amount; absent for the one of the top-up options.
    #[schema(nullable = false)]
    minimum: Option<Amount>,
    /// The largest amount; absent for the one of the top-up options.
    #[schema(nullable = false)]
    maximum: Option<Amount>,
    /// The place among the channels. Of the channels that a customer can use, the lowest one is recommended.
    #[schema(minimum = 0, maximum = 1_000_000, example = 10)]
    rank: i32,
    /// The fee in percent of the amount. It reduces what is credited.
    #[serde(default = "zero")]
    #[schema(default = "0")]
    fee_percent: PercentText,
    /// The tax in percent of the amount. It reduces what is credited.
    #[serde(default = "zero")]
    #[schema(default = "0")]
    tax_percent: PercentText,
    /// The bonus in percent of the amount, granted in addition.
    #[serde(default = "zero")]
    #[schema(default = "0")]
    bonus_percent: PercentText,
    /// How long the money takes to arrive, in words for the customer.
    #[schema(min_length = 1, max_length = 100, example = "1 to 2 working days")]
    processing_time: String,
}

fn zero() -> PercentText {
    PercentText::new("0")
}

/// List all channel rules
///
/// All rules, sorted by currency, product and rank. A product's own rule takes precedence over the rule without a
/// product.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminListChannelRules",
    responses((status = 200, description = "The rules", body = AdminChannelRuleList)),
    security(("bearer" = []))
)]
#[get("/v1/admin/channel-rules")]
pub async fn admin_list_channel_rules(_: AsOperator, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let data = channel_rules::list(&app).await?.into_iter().map(AdminChannelRule::from).collect();
    Ok(HttpResponse::Ok().json(AdminChannelRuleList { data }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct RulePath {
    /// The channel.
    #[param(max_length = 32, pattern = "^(card|paypal|vnpay|bank_transfer|balance)$", example = "bank_transfer")]
    channel: String,
    /// The currency.
    currency: CurrencyCode,
}

/// Save a channel rule
///
/// Saves the rule of a channel in a currency, for the main wallet or one product. A new rule is created (201); for an
/// existing one the call replaces the version that `If-Match` names (200). It fails with 428 `if_match_required` if the
/// rule exists and `If-Match` is missing, and with 412 if the rule has changed since. Orders keep the price with which
/// they were created.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminSaveChannelRule",
    params(RulePath, ProductQuery, IfMatch),
    request_body = ChannelRuleRequest,
    responses(
        (status = 200, description = "The rule was replaced", body = AdminChannelRule,
            headers(("ETag" = String, description = "The version, to send as `If-Match`"))),
        (status = 201, description = "The rule is new", body = AdminChannelRule,
            headers(("ETag" = String, description = "The version, to send as `If-Match`")))
    ),
    security(("bearer" = []))
)]
#[put("/v1/admin/channel-rules/{channel}/{currency}")]
pub async fn admin_save_channel_rule(
    Allowed(caller): AsOperator,
    path: web::Path<RulePath>,
    QueryParams(query): QueryParams<ProductQuery>,
    IfMatch(expected): IfMatch,
    body: JsonBody<ChannelRuleRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let RulePath { channel, currency } = path.into_inner();
    let rule = body.value;
    let input = RuleInput {
        enabled: rule.enabled,
        countries: rule.countries.into_iter().map(CountryCode::into_string).collect(),
        minimum: rule.minimum.map(|minimum| minimum.0),
        maximum: rule.maximum.map(|maximum| maximum.0),
        rank: rule.rank,
        fee_percent: rule.fee_percent.into_string(),
        tax_percent: rule.tax_percent.into_string(),
        bonus_percent: rule.bonus_percent.into_string(),
        processing_time: rule.processing_time,
    };
    let (currency, product) = (currency.into_string(), query.product.map(ProductFilter::into_string));
    let name = RuleName { channel, currency, product };
    let done = channel_rules::put(&app, &caller, &name, &expected, &input).await?;
    Ok(saved(done.created, done.value.version, &AdminChannelRule::from(done.value)))
}
