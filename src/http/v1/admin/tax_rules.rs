//! `/v1/admin/tax-rules`: how top-ups are taxed.

use actix_web::{HttpResponse, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::catalogue::tax_rules;
use crate::app::{App, Error, Problems};
use crate::domain::code::Code;
use crate::domain::tax::{TaxKey, TaxRule, TaxTerms};
use crate::http::edge::answers::saved;
use crate::http::edge::auth::{ADMIN, Allowed, AsOperator};
use crate::http::edge::etag::IfMatch;
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Actor, CountryCode, PercentText, TaxedAtName};

/// How the top-ups of some customers are taxed.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminTaxRule {
    seller_country: CountryCode,
    /// The country of the customers; null for all countries without a rule of their own.
    customer_country: Option<CountryCode>,
    /// The rule is for businesses whose tax id was verified; otherwise for all other customers.
    business: bool,
    rate_percent: PercentText,
    /// Whether the price contains the tax. Otherwise the payer pays it on top.
    inclusive: bool,
    at: TaxedAtName,
    /// Whether the business itself owes the tax, in its own country.
    reverse_charge: bool,
    enabled: bool,
    /// A number that grows with every change. It is also the ETag: `"<version>"`.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
    /// Who changed it last. The audit log has its history.
    updated_by: Actor,
}

impl From<TaxRule> for AdminTaxRule {
    fn from(rule: TaxRule) -> Self {
        Self {
            seller_country: CountryCode::new(rule.key.seller.code()),
            customer_country: rule.key.customer.map(|country| CountryCode::new(country.code())),
            business: rule.key.business,
            rate_percent: PercentText::new(rule.terms.rate.to_string()),
            inclusive: rule.terms.inclusive,
            at: rule.terms.at.into(),
            reverse_charge: rule.terms.reverse_charge,
            enabled: rule.enabled,
            version: rule.version,
            updated_at: rule.updated_at,
            updated_by: Actor::new(rule.updated_by),
        }
    }
}

/// All tax rules.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminTaxRuleList {
    #[schema(max_items = 1000)]
    data: Vec<AdminTaxRule>,
}

/// The rule to save.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rate_percent": "19", "inclusive": false, "at": "top_up"}))]
pub struct TaxRuleRequest {
    rate_percent: PercentText,
    /// Whether the price contains the tax. Otherwise the payer pays it on top.
    #[serde(default)]
    #[schema(default = false)]
    inclusive: bool,
    at: TaxedAtName,
    /// Whether the business itself owes the tax, in its own country. Then the rate is 0. It is only for businesses
    /// outside the seller's country.
    #[serde(default)]
    #[schema(default = false)]
    reverse_charge: bool,
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
}

fn yes() -> bool {
    true
}

/// List all tax rules
///
/// All rules, sorted by the countries of seller and customer. A top-up is taxed by the rules for the country of the
/// setting `TOPUP_SELLER_COUNTRY`; without that setting, or without a rule, it is not taxed.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminListTaxRules",
    responses((status = 200, description = "The rules", body = AdminTaxRuleList)),
    security(("bearer" = []))
)]
#[get("/v1/admin/tax-rules")]
pub async fn admin_list_tax_rules(_: AsOperator, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let data = tax_rules::list(&app).await?.into_iter().map(AdminTaxRule::from).collect();
    Ok(HttpResponse::Ok().json(AdminTaxRuleList { data }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct TaxRulePath {
    seller_country: CountryCode,
    /// The country of the customers, or `other` for all countries without a rule of their own.
    #[param(max_length = 5, pattern = "^([A-Z]{2}|other)$", example = "FR")]
    customer_country: String,
    /// `business` for businesses whose tax id was verified, `consumer` for all other customers.
    #[param(max_length = 8, pattern = "^(business|consumer)$", example = "consumer")]
    buyer: String,
}

fn read(asked: &TaxRuleRequest, path: &TaxRulePath) -> Result<(TaxKey, TaxTerms), Error> {
    let mut problems = Problems::new();
    let seller = path.seller_country.read(&mut problems, "/seller_country");
    let customer = match path.customer_country.as_str() {
        "other" => Some(None),
        code => CountryCode::new(code).read(&mut problems, "/customer_country").map(Some),
    };
    let business = match path.buyer.as_str() {
        "business" => Some(true),
        "consumer" => Some(false),
        _ => {
            problems.add("/buyer", Code::InvalidValue, "must be business or consumer");
            None
        }
    };
    let rate = asked.rate_percent.read(&mut problems, "/rate_percent");
    let key = seller.zip(customer).zip(business);
    let (((seller, customer), business), rate) = problems.into_result(key.zip(rate))?;
    let TaxRuleRequest { inclusive, at, reverse_charge, .. } = *asked;
    Ok((TaxKey { seller, customer, business }, TaxTerms { rate, inclusive, at: at.into(), reverse_charge }))
}

/// Save a tax rule
///
/// Saves how the top-ups of a country's consumers, or of its businesses, are taxed. A new rule is created (201);
/// for an existing one the call replaces the version that `If-Match` names (200). It fails with 428 `if_match_required`
/// if the rule exists and `If-Match` is missing, and with 412 if the rule has changed since then. Orders keep the rule
/// by which they were created.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminSaveTaxRule",
    params(TaxRulePath, IfMatch),
    request_body = TaxRuleRequest,
    responses(
        (status = 200, description = "The rule was replaced", body = AdminTaxRule,
            headers(("ETag" = String, description = "The version, to send as `If-Match`"))),
        (status = 201, description = "The rule is new", body = AdminTaxRule,
            headers(("ETag" = String, description = "The version, to send as `If-Match`")))
    ),
    security(("bearer" = ["operator:admin"]))
)]
#[put("/v1/admin/tax-rules/{seller_country}/{customer_country}/{buyer}")]
pub async fn admin_save_tax_rule(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<TaxRulePath>,
    IfMatch(expected): IfMatch,
    body: JsonBody<TaxRuleRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let (key, terms) = read(&body.value, &path)?;
    let done = tax_rules::put(&app, &caller, &expected, key, terms, body.value.enabled).await?;
    Ok(saved(done.created, done.value.version, &AdminTaxRule::from(done.value)))
}
