//! `/v1/admin/top-up-options`: the amounts that customers can choose.

use actix_web::{HttpResponse, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::catalogue::top_up_options::{self, NewOptions};
use crate::app::{App, Error, Problems};
use crate::domain::catalogue::TopUpOptions;
use crate::domain::code::Code;
use crate::http::edge::answers::saved;
use crate::http::edge::auth::{ADMIN, Allowed, AsOperator};
use crate::http::edge::etag::IfMatch;
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CurrencyPath, ProductQuery};
use crate::http::edge::wire::{Actor, Amount, CurrencyCode, ProductCode, ProductFilter};

/// All top-up options.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminTopUpOptionsList {
    #[schema(max_items = 1000)]
    data: Vec<AdminTopUpOptions>,
}

/// The amounts that customers can choose, as an operator sees them.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminTopUpOptions {
    currency: CurrencyCode,
    /// The product; null for the main wallet, and for every product without options of its own.
    product: Option<ProductCode>,
    #[schema(max_items = 20, example = json!(["50.00", "100.00"]))]
    presets: Vec<Amount>,
    minimum: Amount,
    maximum: Amount,
    /// How long an order waits for its money. Orders by bank transfer wait 14 days instead.
    #[schema(minimum = 30, maximum = 1440, example = 1440)]
    order_ttl_minutes: i32,
    /// A number that grows with every change. It is also the ETag: `"<version>"`.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
    /// Who changed it last. The audit log has its history, under its `target`.
    updated_by: Actor,
}

impl From<TopUpOptions> for AdminTopUpOptions {
    fn from(options: TopUpOptions) -> Self {
        Self {
            currency: CurrencyCode::of(options.currency()),
            product: ProductCode::of_product(&options.product),
            presets: options.presets.iter().copied().map(Amount::from).collect(),
            minimum: Amount::from(options.minimum),
            maximum: Amount::from(options.maximum),
            order_ttl_minutes: options.order_ttl_minutes,
            version: options.version,
            updated_at: options.updated_at,
            updated_by: Actor::new(options.updated_by),
        }
    }
}

/// The options to save.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "presets": ["50", "100", "500", "1000"], "minimum": "10", "maximum": "200000", "order_ttl_minutes": 1440
}))]
pub struct TopUpOptionsRequest {
    /// The amounts to offer, in the order in which customers see them. They lie between minimum and maximum.
    #[schema(max_items = 20)]
    presets: Vec<Amount>,
    minimum: Amount,
    maximum: Amount,
    /// How long an order waits for its money. Orders by bank transfer wait 14 days instead.
    #[schema(minimum = 30, maximum = 1440, example = 1440)]
    order_ttl_minutes: i32,
}

impl TopUpOptionsRequest {
    fn read(self, path: &CurrencyPath, query: &ProductQuery) -> Result<NewOptions, Error> {
        let mut problems = Problems::new();
        let currency = path.currency.read(&mut problems, "/currency");
        let product = ProductFilter::read_or_main(query.product.as_ref(), &mut problems, "?product");
        let Some((currency, product)) = currency.zip(product) else { return Err(problems.into_error()) };
        let minimum = self.minimum.in_minor_unit(&mut problems, "/minimum", currency);
        let maximum = self.maximum.in_minor_unit(&mut problems, "/maximum", currency);
        if self.presets.len() > 20 {
            problems.add("/presets", Code::TooMany, "must have 20 items at most");
        }
        let presets = self.presets.iter().take(20).enumerate();
        let presets = presets
            .filter_map(|(at, preset)| preset.in_minor_unit(&mut problems, &format!("/presets/{at}"), currency))
            .collect();
        let (minimum, maximum) = problems.into_result(minimum.zip(maximum))?;
        Ok(NewOptions { product, presets, minimum, maximum, order_ttl_minutes: self.order_ttl_minutes })
    }
}

/// List all top-up options
///
/// All options, sorted by currency; the main wallet's come first.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminListTopUpOptions",
    responses((status = 200, description = "The options", body = AdminTopUpOptionsList)),
    security(("bearer" = []))
)]
#[get("/v1/admin/top-up-options")]
pub async fn admin_list_top_up_options(_: AsOperator, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let data = top_up_options::list(&app).await?.into_iter().map(AdminTopUpOptions::from).collect();
    Ok(HttpResponse::Ok().json(AdminTopUpOptionsList { data }))
}

/// Save top-up options
///
/// Saves the options of a currency, for the main wallet or one product. New options are created (201); for existing
/// ones the call replaces the version that `If-Match` names (200). It fails with 428 `if_match_required` if the options
/// exist and `If-Match` is missing, and with 412 if they have changed since.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminSaveTopUpOptions",
    params(CurrencyPath, ProductQuery, IfMatch),
    request_body = TopUpOptionsRequest,
    responses(
        (status = 200, description = "The options were replaced", body = AdminTopUpOptions,
            headers(("ETag" = String, description = "The version, to send as `If-Match`"))),
        (status = 201, description = "The options are new", body = AdminTopUpOptions,
            headers(("ETag" = String, description = "The version, to send as `If-Match`")))
    ),
    security(("bearer" = ["operator:admin"]))
)]
#[put("/v1/admin/top-up-options/{currency}")]
pub async fn admin_save_top_up_options(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<CurrencyPath>,
    QueryParams(query): QueryParams<ProductQuery>,
    IfMatch(expected): IfMatch,
    body: JsonBody<TopUpOptionsRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let done = top_up_options::put(&app, &caller, &expected, body.value.read(&path, &query)?).await?;
    Ok(saved(done.created, done.value.version, &AdminTopUpOptions::from(done.value)))
}
