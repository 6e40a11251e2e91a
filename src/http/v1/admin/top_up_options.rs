//! `/v1/admin/top-up-options`.

use actix_web::{HttpResponse, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::app::catalogue::top_up_options::{self, OptionsInput};
use crate::domain::catalogue::TopUpOptions;
use crate::http::edge::amount::Amount;
use crate::http::edge::auth::{Allowed, AsOperator};
use crate::http::edge::etag::{IfMatch, saved};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;

/// Which wallet: the product's, or the main one.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ProductQuery {
    /// The product that it is for; absent or empty: the main wallet, and products that have nothing of their own.
    #[param(max_length = 32, pattern = "^[a-z0-9_-]{0,32}$")]
    pub(super) product: Option<String>,
}

/// All options.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminTopUpOptionsList {
    #[schema(max_items = 1000)]
    data: Vec<AdminTopUpOptions>,
}

/// Which amounts customers may choose, as an operator sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminTopUpOptions {
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Null for the main wallet, and products that have none of their own.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    #[schema(max_items = 20, example = json!(["50.00", "100.00"]))]
    presets: Vec<Amount>,
    minimum: Amount,
    maximum: Amount,
    /// How long an order waits for its money; bank transfers have 14 days instead.
    #[schema(minimum = 30, maximum = 1440, example = 1440)]
    order_ttl_minutes: i32,
    /// `"<version>"` is the ETag.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
}

impl From<TopUpOptions> for AdminTopUpOptions {
    fn from(options: TopUpOptions) -> Self {
        let show = |amount| Amount::of(amount, options.currency);
        Self {
            currency: options.currency.code().to_owned(),
            product: options.product.code().map(str::to_owned),
            presets: options.presets.iter().map(|preset| show(preset.amount())).collect(),
            minimum: show(options.minimum.amount()),
            maximum: show(options.maximum.amount()),
            order_ttl_minutes: options.order_ttl_minutes,
            version: options.version,
            updated_at: options.updated_at,
        }
    }
}

/// Options as they shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "presets": ["50", "100", "500", "1000"], "minimum": "10", "maximum": "200000", "order_ttl_minutes": 1440
}))]
pub struct TopUpOptionsRequest {
    /// In the order in which they are shown, between minimum and maximum.
    #[schema(max_items = 20)]
    presets: Vec<Amount>,
    minimum: Amount,
    maximum: Amount,
    /// How long an order waits for its money; bank transfers have 14 days instead.
    #[schema(minimum = 30, maximum = 1440, example = 1440)]
    order_ttl_minutes: i32,
}

/// List all top-up options
///
/// By currency, the main wallet's first.
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
/// Of a currency, for the main wallet or one product: makes them (201), or replaces the version that `If-Match`
/// names (200). 428 `if_match_required` without `If-Match` when they are there already; 412 when they have
/// changed since.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminSaveTopUpOptions",
    params(
        ("currency" = String, Path, description = "The currency", max_length = 3, pattern = "^[A-Z]{3}$",
            example = "CNY"),
        ProductQuery,
        ("If-Match" = Option<String>, Header, max_length = 200, example = "*",
            description = "The ETag of the version to replace, or * for any")
    ),
    request_body = TopUpOptionsRequest,
    responses(
        (status = 200, description = "Replaced", body = AdminTopUpOptions,
            headers(("ETag" = String, description = "The version, for If-Match"))),
        (status = 201, description = "Made", body = AdminTopUpOptions,
            headers(("ETag" = String, description = "The version, for If-Match")))
    ),
    security(("bearer" = []))
)]
#[put("/v1/admin/top-up-options/{currency}")]
pub async fn admin_save_top_up_options(
    Allowed(caller): AsOperator,
    currency: web::Path<String>,
    QueryParams(query): QueryParams<ProductQuery>,
    IfMatch(expected): IfMatch,
    body: JsonBody<TopUpOptionsRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let TopUpOptionsRequest { presets, minimum, maximum, order_ttl_minutes } = body.value;
    let presets = presets.into_iter().map(|preset| preset.0).collect();
    let input = OptionsInput { presets, minimum: minimum.0, maximum: maximum.0, order_ttl_minutes };
    let product = query.product.as_deref();
    let done = top_up_options::put(&app, &caller, &currency, product, &expected, &input).await?;
    Ok(saved(done.created, done.value.version, &AdminTopUpOptions::from(done.value)))
}
