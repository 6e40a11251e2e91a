//! `/v1/admin/top-up-options`: the amounts that customers can choose.

pub mod body;

use actix_web::{HttpResponse, get, put, web};
use serde::Serialize;
use utoipa::ToSchema;

use self::body::{AdminTopUpOptions, TopUpOptionsRequest};
use crate::app::catalogue::top_up_options;
use crate::app::{App, Problems};
use crate::http::edge::answers::saved;
use crate::http::edge::auth::{ADMIN, Allowed, AsOperator};
use crate::http::edge::etag::IfMatch;
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CurrencyPath, ProductQuery};
use crate::http::edge::wire::ProductFilter;

/// All top-up options.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminTopUpOptionsList {
    #[schema(max_items = 1000)]
    data: Vec<AdminTopUpOptions>,
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
/// exist and `If-Match` is missing, and with 412 if they have changed since then.
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
    let mut problems = Problems::new();
    let currency = path.currency.read(&mut problems, "/currency");
    let product = ProductFilter::read_or_main(query.product.as_ref(), &mut problems, "?product");
    let Some(of) = currency.zip(product) else { return Err(problems.into_error().into()) };
    let new = body.value.read(of, &mut problems, "");
    let done = top_up_options::put(&app, &caller, &expected, problems.into_result(new)?).await?;
    Ok(saved(done.created, done.value.version, &AdminTopUpOptions::from(done.value)))
}
