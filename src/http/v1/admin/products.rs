//! `/v1/admin/products`: the products that can hold a balance.

use actix_web::{HttpResponse, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::catalogue::products::{self, NewProduct};
use crate::app::{App, Error, Problems};
use crate::domain::catalogue::ProductInfo;
use crate::domain::code::Code;
use crate::domain::product::Product;
use crate::http::edge::answers::saved;
use crate::http::edge::auth::{ADMIN, Allowed, AsOperator};
use crate::http::edge::etag::IfMatch;
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Actor, ProductCode};

/// All products, including inactive ones.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminProductList {
    #[schema(max_items = 1000)]
    data: Vec<AdminProduct>,
}

/// A product, as an operator sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminProduct {
    code: ProductCode,
    #[schema(max_length = 100, example = "WhatsApp messages")]
    name: String,
    /// Whether money can be added to the product.
    active: bool,
    /// Whether paid money can be transferred back to the main wallet.
    returnable: bool,
    /// A number that grows with every change. It is also the ETag: `"<version>"`.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
    /// Who changed it last. The audit log has its history.
    updated_by: Actor,
}

impl From<ProductInfo> for AdminProduct {
    fn from(info: ProductInfo) -> Self {
        Self {
            code: ProductCode::new(info.product.as_column()),
            name: info.name,
            active: info.active,
            returnable: info.returnable,
            version: info.version,
            updated_at: info.updated_at,
            updated_by: Actor::new(info.updated_by),
        }
    }
}

/// The product to save.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "WhatsApp messages", "active": true, "returnable": false}))]
pub struct ProductRequest {
    #[schema(min_length = 1, max_length = 100, example = "WhatsApp messages")]
    name: String,
    /// Whether money can be added to the product. Its present money can be spent in any case.
    active: bool,
    /// Whether paid money can be transferred back to the main wallet.
    returnable: bool,
}

/// List all products
///
/// All products, including inactive ones, sorted by code.
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

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct ProductPath {
    /// The code of the product.
    code: ProductCode,
}

impl ProductRequest {
    fn read(self, path: &ProductPath) -> Result<NewProduct, Error> {
        let mut problems = Problems::new();
        // The code may be new, so a code that breaks the rule is not reported as an unknown product.
        let product = Product::new(&path.code);
        if product.is_none() {
            problems.add("/code", Code::Malformed, "must be 1 to 32 of a-z 0-9 _ -");
        }
        let name = problems.text("/name", &self.name, 1, 100);
        let (product, name) = problems.into_result(product.zip(name))?;
        Ok(NewProduct { product, name, active: self.active, returnable: self.returnable })
    }
}

/// Save a product
///
/// Creates a new product (201). For an existing one the call replaces the version that `If-Match` names (200). It fails
/// with 428 `if_match_required` if the product exists and `If-Match` is missing, and with 412 if the product has
/// changed since then.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminSaveProduct",
    params(ProductPath, IfMatch),
    request_body = ProductRequest,
    responses(
        (status = 200, description = "The product was replaced", body = AdminProduct,
            headers(("ETag" = String, description = "The version, to send as `If-Match`"))),
        (status = 201, description = "The product is new", body = AdminProduct,
            headers(("ETag" = String, description = "The version, to send as `If-Match`")))
    ),
    security(("bearer" = ["operator:admin"]))
)]
#[put("/v1/admin/products/{code}")]
pub async fn admin_save_product(
    Allowed(caller): AsOperator<ADMIN>,
    path: web::Path<ProductPath>,
    IfMatch(expected): IfMatch,
    body: JsonBody<ProductRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let done = products::put(&app, &caller, &expected, body.value.read(&path)?).await?;
    Ok(saved(done.created, done.value.version, &AdminProduct::from(done.value)))
}
