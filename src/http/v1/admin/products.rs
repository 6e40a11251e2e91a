//! `/v1/admin/products`.

use actix_web::{HttpResponse, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::app::catalogue::products::{self, ProductInput};
use crate::domain::catalogue::ProductInfo;
use crate::http::edge::auth::{Allowed, AsOperator};
use crate::http::edge::etag::{IfMatch, saved};
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;

/// All products.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminProductList {
    #[schema(max_items = 1000)]
    data: Vec<AdminProduct>,
}

/// A product, as an operator sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminProduct {
    #[schema(max_length = 32, pattern = "^[a-z0-9_-]{1,32}$", example = "whatsapp")]
    code: String,
    #[schema(max_length = 100, example = "WhatsApp messages")]
    name: String,
    /// Whether money may be added to it.
    active: bool,
    /// Whether paid money may go back to the main wallet.
    returnable: bool,
    /// `"<version>"` is the ETag.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
}

impl From<ProductInfo> for AdminProduct {
    fn from(info: ProductInfo) -> Self {
        Self {
            code: info.product.as_column().to_owned(),
            name: info.name,
            active: info.active,
            returnable: info.returnable,
            version: info.version,
            updated_at: info.updated_at,
        }
    }
}

/// A product as it shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "WhatsApp messages", "active": true, "returnable": false}))]
pub struct ProductRequest {
    #[schema(min_length = 1, max_length = 100, example = "WhatsApp messages")]
    name: String,
    /// Whether money may be added to it. What it holds can be spent in any case.
    active: bool,
    /// Whether paid money may go back to the main wallet.
    returnable: bool,
}

/// List all products
///
/// By code, inactive ones included.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminListProducts",
    responses((status = 200, description = "The products", body = AdminProductList)),
    security(("bearer" = []))
)]
#[get("/v1/admin/products")]
pub async fn admin_list_products(_: AsOperator, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let data = products::list(&app).await?.into_iter().map(AdminProduct::from).collect();
    Ok(HttpResponse::Ok().json(AdminProductList { data }))
}

/// Save a product
///
/// Makes it (201), or replaces the version that `If-Match` names (200). 428 `if_match_required` without
/// `If-Match` when it is there already; 412 when it has changed since.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminSaveProduct",
    params(
        ("code" = String, Path, description = "The code of the product", max_length = 32,
            pattern = "^[a-z0-9_-]{1,32}$", example = "whatsapp"),
        ("If-Match" = Option<String>, Header, max_length = 200, example = "*",
            description = "The ETag of the version to replace, or * for any")
    ),
    request_body = ProductRequest,
    responses(
        (status = 200, description = "Replaced", body = AdminProduct,
            headers(("ETag" = String, description = "The version, for If-Match"))),
        (status = 201, description = "Made", body = AdminProduct,
            headers(("ETag" = String, description = "The version, for If-Match")))
    ),
    security(("bearer" = []))
)]
#[put("/v1/admin/products/{code}")]
pub async fn admin_save_product(
    Allowed(caller): AsOperator,
    code: web::Path<String>,
    IfMatch(expected): IfMatch,
    body: JsonBody<ProductRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let ProductRequest { name, active, returnable } = body.value;
    let done = products::put(&app, &caller, &code, &expected, &ProductInput { name, active, returnable }).await?;
    Ok(saved(done.created, done.value.version, &AdminProduct::from(done.value)))
}
