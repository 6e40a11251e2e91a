//! `/openapi.json`, Swagger UI at `/docs/` with the guides in Markdown, and the answer to requests that no route takes.
//! An installation can switch all of these off except the last.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::SwaggerUi;

use super::{guides, openapi};
use crate::domain::code::Code;
use crate::http::edge::problem::Failure;

const SWAGGER_UI: &str = "/docs/";

/// Registers the answer to requests that no route takes, after the routes that the document describes.
pub fn no_other(config: &mut ServiceConfig) {
    config.default_service(web::to(no_route));
}

/// Registers the document and Swagger UI. They are not part of the document themselves.
pub fn configure(config: &mut ServiceConfig) {
    guides::configure(config);
    let reader = SwaggerUi::new("/docs/{_:.*}");
    config.map(|config| {
        config
            .route("/openapi.json", web::get().to(document))
            .route("/", web::get().to(to_docs))
            .route("/docs", web::get().to(to_docs))
            .route("/docs/swagger-initializer.js", web::get().to(initializer))
            .service(reader)
    });
}

/// Registers a plain page in place of Swagger UI, for payers whose order names no page to return to.
pub fn plain(config: &mut ServiceConfig) {
    config.map(|config| config.route("/", web::get().to(front_page)));
}

async fn front_page() -> HttpResponse {
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Top-up</title>\
                <p>This is the address of a top-up service. You can close this page.";
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page)
}

async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(openapi::text())
}

/// The script that starts Swagger UI, instead of the library's own: the library's settings cannot hold an interceptor.
async fn initializer() -> HttpResponse {
    HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(include_str!("swagger/initializer.js"))
}

async fn to_docs() -> HttpResponse {
    HttpResponse::Found().insert_header((header::LOCATION, SWAGGER_UI)).finish()
}

/// Answers requests that no route takes: 405 for a known path with another method, and 404 otherwise. Each route takes
/// one method of its path, so both cases end here.
async fn no_route(request: HttpRequest) -> HttpResponse {
    let Some(route) = request.match_pattern() else {
        return Failure::new(StatusCode::NOT_FOUND, Code::NotFound, "there is nothing at this path").error_response();
    };
    let mut allowed = openapi::methods(&route);
    if allowed.is_empty() {
        allowed.push("GET".to_owned());
    }
    if allowed.iter().any(|method| method == "GET") {
        allowed.push("HEAD".to_owned());
    }
    let detail = format!("this path accepts {}", allowed.join(", "));
    let mut response = Failure::new(StatusCode::METHOD_NOT_ALLOWED, Code::MethodNotAllowed, detail).error_response();
    if let Ok(allowed) = header::HeaderValue::from_str(&allowed.join(", ")) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}
