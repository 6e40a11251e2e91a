//! `/v1/admin/channel-rules`: the terms on which each channel is offered.

use actix_web::{HttpResponse, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::catalogue::channel_rules::{self, NewRule};
use crate::app::{App, Error, Problems};
use crate::domain::catalogue::ChannelRule;
use crate::domain::code::Code;
use crate::domain::payment::Channel;
use crate::http::edge::answers::saved;
use crate::http::edge::auth::{ADMIN, Allowed, AsOperator};
use crate::http::edge::etag::IfMatch;
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::ProductQuery;
use crate::http::edge::wire::{
    Actor, Amount, CountryCode, CurrencyCode, PaymentChannel, PercentText, ProductCode, ProductFilter,
};

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
    /// The smallest amount; null for the one of the top-up options.
    minimum: Option<Amount>,
    /// The largest amount; null for the one of the top-up options.
    maximum: Option<Amount>,
    /// The place among the channels. Of the channels that a customer can use, the lowest one is recommended.
    #[schema(minimum = 0, maximum = 1_000_000, example = 10)]
    rank: i32,
    /// The fee in percent of the amount. It reduces what is credited.
    fee_percent: PercentText,
    /// Whether a refund gives the fee back to the payer, in proportion. Tax always goes back.
    fee_refundable: bool,
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
    /// Who changed it last. The audit log has its history, under its `target`.
    updated_by: Actor,
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
            fee_refundable: rule.fee_refundable,
            tax_percent: PercentText::new(rule.tax.to_string()),
            bonus_percent: PercentText::new(rule.bonus.to_string()),
            processing_time: rule.processing_time,
            version: rule.version,
            updated_at: rule.updated_at,
            updated_by: Actor::new(rule.updated_by),
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
    minimum: Option<Amount>,
    /// The largest amount; absent for the one of the top-up options.
    maximum: Option<Amount>,
    /// The place among the channels. Of the channels that a customer can use, the lowest one is recommended.
    #[schema(minimum = 0, maximum = 1_000_000, example = 10)]
    rank: i32,
    /// The fee in percent of the amount. It reduces what is credited.
    #[serde(default = "zero")]
    #[schema(default = "0")]
    fee_percent: PercentText,
    /// Whether a refund gives the fee back to the payer, in proportion. Tax always goes back.
    #[serde(default = "yes")]
    #[schema(default = true)]
    fee_refundable: bool,
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

impl ChannelRuleRequest {
    fn read(self, path: &RulePath, query: &ProductQuery) -> Result<NewRule, Error> {
        let mut problems = Problems::new();
        let channel: Option<Channel> = path.channel.parse().ok();
        if channel.is_none() {
            let rule = "must be card, paypal, vnpay, bank_transfer or balance";
            problems.add("/channel", Code::UnknownChannel, rule);
        }
        let currency = path.currency.read(&mut problems, "/currency");
        let product = ProductFilter::read_or_main(query.product.as_ref(), &mut problems, "?product");
        let (Some(channel), Some(currency), Some(product)) = (channel, currency, product) else {
            return Err(problems.into_error());
        };
        let mut bound = |pointer, amount: Option<Amount>| amount?.in_minor_unit(&mut problems, pointer, currency);
        let (minimum, maximum) = (bound("/minimum", self.minimum), bound("/maximum", self.maximum));
        let countries = self.countries.iter().take(250).enumerate();
        let countries =
            countries.filter_map(|(at, country)| country.read(&mut problems, &format!("/countries/{at}"))).collect();
        if self.countries.len() > 250 {
            problems.add("/countries", Code::TooMany, "must have 250 items at most");
        }
        let fee = self.fee_percent.read(&mut problems, "/fee_percent");
        let tax = self.tax_percent.read(&mut problems, "/tax_percent");
        let bonus = self.bonus_percent.read(&mut problems, "/bonus_percent");
        let processing_time = problems.text("/processing_time", &self.processing_time, 1, 100);
        let all = fee.zip(tax).zip(bonus).zip(processing_time);
        let (((fee, tax), bonus), processing_time) = problems.into_result(all)?;
        let (enabled, rank) = (self.enabled, self.rank);
        Ok(NewRule {
            channel,
            currency,
            product,
            enabled,
            countries,
            minimum,
            maximum,
            rank,
            fee,
            fee_refundable: self.fee_refundable,
            tax,
            bonus,
            processing_time,
        })
    }
}

fn yes() -> bool {
    true
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
    security(("bearer" = ["operator:admin"]))
)]
#[put("/v1/admin/channel-rules/{channel}/{currency}")]
pub async fn admin_save_channel_rule(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<RulePath>,
    QueryParams(query): QueryParams<ProductQuery>,
    IfMatch(expected): IfMatch,
    body: JsonBody<ChannelRuleRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let done = channel_rules::put(&app, &caller, &expected, body.value.read(&path, &query)?).await?;
    Ok(saved(done.created, done.value.version, &AdminChannelRule::from(done.value)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_broken_field_is_named_at_once() {
        let request: ChannelRuleRequest = serde_json::from_value(serde_json::json!({
            "enabled": true, "countries": ["VN", "vn"], "minimum": "10.001", "rank": 1,
            "fee_percent": "2.90001", "tax_percent": "-1", "processing_time": "",
        }))
        .unwrap();
        let path = RulePath { channel: "card".to_owned(), currency: CurrencyCode::new("USD") };
        let Err(Error::Invalid(errors)) = request.read(&path, &ProductQuery { product: None }) else {
            panic!("accepted")
        };
        let expected = [
            ("/minimum", Code::TooPrecise),
            ("/countries/1", Code::UnknownCountry),
            ("/fee_percent", Code::OutOfRange),
            ("/tax_percent", Code::NotAPlainDecimal),
            ("/processing_time", Code::Required),
        ];
        let broken: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code)).collect();
        assert_eq!(broken, expected);
    }
}
