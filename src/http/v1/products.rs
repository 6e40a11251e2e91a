//! `GET /v1/products`.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::app::catalogue::products;
use crate::http::edge::auth::AsCustomer;
use crate::http::edge::problem::Failure;

/// The products that take money.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductList {
    #[schema(max_items = 1000)]
    data: Vec<Product>,
}

/// Something that can hold its own balance.
#[derive(Debug, Serialize, ToSchema)]
pub struct Product {
    #[schema(max_length = 32, pattern = "^[a-z0-9_-]{1,32}$", example = "whatsapp")]
    code: String,
    #[schema(max_length = 100, example = "WhatsApp messages")]
    name: String,
    /// Whether paid money may go back to the main wallet.
    returnable: bool,
}

/// List products
///
/// The products that take money, by code.
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
        .map(|info| Product { code: info.product.as_column().to_owned(), name: info.name, returnable: info.returnable })
        .collect();
    Ok(HttpResponse::Ok().json(ProductList { data }))
}
