//! `/v1/admin/channel-rules`.

use actix_web::{HttpResponse, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::top_up_options::ProductQuery;
use crate::app::App;
use crate::app::catalogue::channel_rules::{self, RuleInput, RuleName};
use crate::domain::catalogue::ChannelRule;
use crate::http::edge::amount::Amount;
use crate::http::edge::auth::{Allowed, AsOperator};
use crate::http::edge::etag::{IfMatch, saved};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::v1::top_up_orders::PaymentChannel;

/// All rules.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminChannelRuleList {
    #[schema(max_items = 1000)]
    data: Vec<AdminChannelRule>,
}

/// On which terms a channel is offered.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminChannelRule {
    channel: PaymentChannel,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Null for the main wallet, and products that have no rule of their own.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    enabled: bool,
    /// Countries of the billing profile that it is for; empty: all.
    #[schema(max_items = 250, example = json!(["VN"]))]
    countries: Vec<String>,
    /// Absent: as the top-up options.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    minimum: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    maximum: Option<Amount>,
    /// The lowest rank that a customer can use is recommended.
    #[schema(minimum = 0, maximum = 1_000_000, example = 10)]
    rank: i32,
    #[schema(max_length = 8, pattern = r"^[0-9]{1,3}(\.[0-9]{1,4})?$", example = "2.9")]
    fee_percent: String,
    #[schema(max_length = 8, pattern = r"^[0-9]{1,3}(\.[0-9]{1,4})?$", example = "0")]
    tax_percent: String,
    #[schema(max_length = 8, pattern = r"^[0-9]{1,3}(\.[0-9]{1,4})?$", example = "0")]
    bonus_percent: String,
    #[schema(max_length = 100, example = "1 to 2 working days")]
    processing_time: String,
    /// `"<version>"` is the ETag.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
}

impl From<ChannelRule> for AdminChannelRule {
    fn from(rule: ChannelRule) -> Self {
        let show = |amount| Amount::of(amount, rule.currency);
        Self {
            channel: rule.channel.into(),
            currency: rule.currency.code().to_owned(),
            product: rule.product.code().map(str::to_owned),
            enabled: rule.enabled,
            countries: rule.countries.iter().map(|country| country.code().to_owned()).collect(),
            minimum: rule.minimum.map(|minimum| show(minimum.amount())),
            maximum: rule.maximum.map(|maximum| show(maximum.amount())),
            rank: rule.rank,
            fee_percent: rule.fee.to_string(),
            tax_percent: rule.tax.to_string(),
            bonus_percent: rule.bonus.to_string(),
            processing_time: rule.processing_time,
            version: rule.version,
            updated_at: rule.updated_at,
        }
    }
}

/// A rule as it shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "enabled": true, "countries": [], "minimum": "50", "rank": 30, "processing_time": "1 to 2 working days"
}))]
pub struct ChannelRuleRequest {
    enabled: bool,
    /// Countries of the billing profile that it is for, ISO 3166-1; empty: all.
    #[serde(default)]
    #[schema(max_items = 250, example = json!(["VN"]))]
    countries: Vec<String>,
    /// Absent: as the top-up options.
    #[schema(nullable = false)]
    minimum: Option<Amount>,
    #[schema(nullable = false)]
    maximum: Option<Amount>,
    /// The lowest rank that a customer can use is recommended.
    #[schema(minimum = 0, maximum = 1_000_000, example = 10)]
    rank: i32,
    /// Of the amount, taken off what is credited.
    #[serde(default = "zero")]
    #[schema(max_length = 8, pattern = r"^[0-9]{1,3}(\.[0-9]{1,4})?$", example = "2.9", default = "0")]
    fee_percent: String,
    /// Of the amount, taken off what is credited.
    #[serde(default = "zero")]
    #[schema(max_length = 8, pattern = r"^[0-9]{1,3}(\.[0-9]{1,4})?$", example = "0", default = "0")]
    tax_percent: String,
    /// Of the amount, granted on top.
    #[serde(default = "zero")]
    #[schema(max_length = 8, pattern = r"^[0-9]{1,3}(\.[0-9]{1,4})?$", example = "0", default = "0")]
    bonus_percent: String,
    /// How long the money takes, for the customer.
    #[schema(min_length = 1, max_length = 100, example = "1 to 2 working days")]
    processing_time: String,
}

fn zero() -> String {
    "0".to_owned()
}

/// List all channel rules
///
/// By currency, product and rank. The rule of a product comes before the one without.
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

/// Save a channel rule
///
/// Of a channel and currency, for the main wallet or one product: makes it (201), or replaces the version that
/// `If-Match` names (200). 428 `if_match_required` without `If-Match` when it is there already; 412 when it has
/// changed since. Orders keep the price that they were made with.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminSaveChannelRule",
    params(
        ("channel" = String, Path, description = "The channel", max_length = 32,
            pattern = "^(card|paypal|vnpay|bank_transfer|balance)$", example = "bank_transfer"),
        ("currency" = String, Path, description = "The currency", max_length = 3, pattern = "^[A-Z]{3}$",
            example = "CNY"),
        ProductQuery,
        ("If-Match" = Option<String>, Header, max_length = 200, example = "*",
            description = "The ETag of the version to replace, or * for any")
    ),
    request_body = ChannelRuleRequest,
    responses(
        (status = 200, description = "Replaced", body = AdminChannelRule,
            headers(("ETag" = String, description = "The version, for If-Match"))),
        (status = 201, description = "Made", body = AdminChannelRule,
            headers(("ETag" = String, description = "The version, for If-Match")))
    ),
    security(("bearer" = []))
)]
#[put("/v1/admin/channel-rules/{channel}/{currency}")]
pub async fn admin_save_channel_rule(
    Allowed(caller): AsOperator,
    path: web::Path<(String, String)>,
    QueryParams(query): QueryParams<ProductQuery>,
    IfMatch(expected): IfMatch,
    body: JsonBody<ChannelRuleRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let (channel, currency) = path.into_inner();
    let rule = body.value;
    let input = RuleInput {
        enabled: rule.enabled,
        countries: rule.countries,
        minimum: rule.minimum.map(|minimum| minimum.0),
        maximum: rule.maximum.map(|maximum| maximum.0),
        rank: rule.rank,
        fee_percent: rule.fee_percent,
        tax_percent: rule.tax_percent,
        bonus_percent: rule.bonus_percent,
        processing_time: rule.processing_time,
    };
    let name = RuleName { channel, currency, product: query.product };
    let done = channel_rules::put(&app, &caller, &name, &expected, &input).await?;
    Ok(saved(done.created, done.value.version, &AdminChannelRule::from(done.value)))
}
