//! `GET /v1/products`: what customers can top up besides the main wallet.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::app::catalogue::products;
use crate::http::edge::auth::AsCustomer;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::ProductCode;

/// The products that accept money.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductList {
    #[schema(max_items = 1000)]
    data: Vec<Product>,
}

/// A part of the platform that can hold its own balance.
#[derive(Debug, Serialize, ToSchema)]
pub struct Product {
    code: ProductCode,
    #[schema(max_length = 100, example = "WhatsApp messages")]
    name: String,
    /// Whether paid money can be transferred back to the main wallet.
    returnable: bool,
}

/// List products
///
/// The products that accept money, sorted by code.
#[utoipa::path(
    tag = "products",
    operation_id = "listProducts",
    responses((status = 200, description = "The products", body = ProductList)),
    security(("bearer" = []))
)]
#[get("/v1/products")]
pub async fn list_products(_: AsCustomer, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let data = products::list_active(&app)
        .await?
        .into_iter()
        .map(|info| Product {
            code: ProductCode::new(info.product.as_column()),
            name: info.name,
            returnable: info.returnable,
        })
        .collect();
    Ok(HttpResponse::Ok().json(ProductList { data }))
}
