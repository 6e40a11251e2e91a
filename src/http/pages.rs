//! Plain pages: `/problems/{code}` about each kind of problem, to which the `type` of a problem leads, and `/paid` for
//! payers whose order names no page to return to.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::domain::code::{Appearance, Code};
use crate::http::edge::problem::Failure;

/// Registers the pages. They need no token, and are not part of the document.
pub fn configure(config: &mut ServiceConfig) {
    config.map(|config| {
        config
            .route("/problems/", web::get().to(list))
            .route("/problems/{code}", web::get().to(page))
            .route("/paid", web::get().to(paid))
    });
}

async fn list() -> HttpResponse {
    let lines: String =
        Code::ALL.iter().map(|code| format!("<li><a href=\"{code}\">{code}</a>: {}", text(*code))).collect();
    html("Problems", &format!("<h1>Problems</h1>\n<ul>{lines}</ul>"))
}

async fn page(code: web::Path<String>) -> HttpResponse {
    let Some(code) = Code::ALL.iter().find(|known| known.as_str() == *code).copied() else {
        return Failure::new(StatusCode::NOT_FOUND, Code::NotFound, "there is no problem with this code")
            .error_response();
    };
    let places: Vec<String> = code.places().iter().map(|place| place_in_words(*place)).collect();
    let body = format!(
        "<h1><code>{code}</code></h1>\n<p>{}\n<p>Where it stands: {}.\n<p><a href=\"./\">All problems</a>",
        text(code),
        places.join("; ")
    );
    html(code.as_str(), &body)
}

fn place_in_words(place: Appearance) -> String {
    match place {
        Appearance::Problem(status) => format!("as the <code>code</code> of an answer with the status {status}"),
        Appearance::OtherProblem => "as the <code>code</code> of an answer with a status of 4xx".to_owned(),
        Appearance::Field => "in <code>errors</code> of an answer with the status 422, beside the field".to_owned(),
    }
}

/// What a code means, as HTML.
fn text(code: Code) -> String {
    let escaped = code.meaning().replace('&', "&amp;").replace('<', "&lt;");
    // Every second part is code, because it was between backticks.
    let parts = escaped.split('`').enumerate();
    parts.map(|(n, part)| if n % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

fn html(title: &str, body: &str) -> HttpResponse {
    let head = "<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">";
    let page = format!("<!doctype html>\n<html lang=\"en\">{head}<title>{title}</title>\n{body}\n</html>\n");
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page)
}

/// The page for a payer who comes back from a payment company, if the order names no page of the shop. It says nothing
/// about the order, because its visitor has sent no token.
async fn paid() -> HttpResponse {
    html(
        "Top-up",
        "<h1>You can close this page</h1>\n\
         <p>Your balance is updated as soon as the payment is confirmed.\n\
         <p lang=\"zh-CN\">您可以关闭此页面。付款确认后，余额会自动更新。\n\
         <p lang=\"vi\">Bạn có thể đóng trang này. Số dư được cập nhật ngay khi thanh toán được xác nhận.",
    )
}
