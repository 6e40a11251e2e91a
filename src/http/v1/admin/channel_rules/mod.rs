//! `/v1/admin/channel-rules`: the terms on which each channel is offered.

pub mod body;

use actix_web::{HttpResponse, get, put, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::{AdminChannelRule, ChannelRuleRequest};
use crate::app::catalogue::channel_rules::{self, NewRule};
use crate::app::{App, Error, Problems};
use crate::domain::code::Code;
use crate::domain::payment::Channel;
use crate::http::edge::answers::saved;
use crate::http::edge::auth::{ADMIN, Allowed, AsOperator};
use crate::http::edge::etag::IfMatch;
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::ProductQuery;
use crate::http::edge::wire::{CurrencyCode, ProductFilter};

/// All channel rules.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminChannelRuleList {
    #[schema(max_items = 1000)]
    data: Vec<AdminChannelRule>,
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

fn read(asked: ChannelRuleRequest, path: &RulePath, query: &ProductQuery) -> Result<NewRule, Error> {
    let mut problems = Problems::new();
    let channel: Option<Channel> = path.channel.parse().ok();
    if channel.is_none() {
        problems.add("/channel", Code::UnknownChannel, "must be card, paypal, vnpay, bank_transfer or balance");
    }
    let currency = path.currency.read(&mut problems, "/currency");
    let product = ProductFilter::read_or_main(query.product.as_ref(), &mut problems, "?product");
    let (Some(channel), Some(currency), Some(product)) = (channel, currency, product) else {
        return Err(problems.into_error());
    };
    let rule = asked.read((channel, currency, product), &mut problems, "");
    problems.into_result(rule)
}

/// Save a channel rule
///
/// Saves the rule of a channel in a currency, for the main wallet or one product. A new rule is created (201); for an
/// existing one the call replaces the version that `If-Match` names (200). It fails with 428 `if_match_required` if the
/// rule exists and `If-Match` is missing, and with 412 if the rule has changed since then. Orders keep the price with
/// which they were created.
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
    let done = channel_rules::put(&app, &caller, &expected, read(body.value, &path, &query)?).await?;
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
            "fee_percent": "2.90001", "bonus_percent": "-1", "processing_time": "",
        }))
        .unwrap();
        let path = RulePath { channel: "card".to_owned(), currency: CurrencyCode::new("USD") };
        let Err(Error::Invalid(errors)) = read(request, &path, &ProductQuery { product: None }) else {
            panic!("accepted")
        };
        let expected = [
            ("/minimum", Code::TooPrecise),
            ("/countries/1", Code::UnknownCountry),
            ("/fee_percent", Code::OutOfRange),
            ("/bonus_percent", Code::NotAPlainDecimal),
            ("/processing_time", Code::Required),
        ];
        let broken: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code)).collect();
        assert_eq!(broken, expected);
    }
}
