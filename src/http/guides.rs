//! The document in words: Markdown of its guides and operations, the pages about errors and identity, and `/llms.txt`,
//! which names them all. They are made from the document and the guides in `src/docs`.

use std::fmt::Write;
use std::sync::LazyLock;

use actix_web::{HttpResponse, web};
use serde_json::Value;
use utoipa_actix_web::service_config::ServiceConfig;

use super::openapi;

const MARKDOWN: &str = "text/markdown; charset=utf-8";

/// Registers the pages.
pub fn configure(config: &mut ServiceConfig) {
    config.map(|config| {
        config
            .route("/llms.txt", web::get().to(index))
            .route("/docs/api.md", web::get().to(operations))
            .route("/docs/errors.md", web::get().to(errors))
            .route("/docs/identity.md", web::get().to(identity))
    });
}

async fn index() -> HttpResponse {
    page("text/plain; charset=utf-8", INDEX)
}

async fn operations() -> HttpResponse {
    page(MARKDOWN, OPERATIONS.as_str())
}

async fn errors() -> HttpResponse {
    page(MARKDOWN, include_str!("../docs/error_codes.md"))
}

async fn identity() -> HttpResponse {
    page(MARKDOWN, include_str!("../docs/identity_providers.md"))
}

fn page(kind: &str, body: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(kind).body(body)
}

/// What a program that writes against this API should read (llmstxt.org).
const INDEX: &str = "\
# topup

> Wallets and top-ups over HTTP: customers add money by card, PayPal, VNPay or bank transfer, move it to products, and \
spend it as metered usage. Amounts are decimal strings beside a currency; failures are RFC 9457 problems with a `code`.

## Reference

- [OpenAPI 3.1 document](/openapi.json): every operation with its schemas, examples and failures
- [The same in Markdown](/docs/api.md): conventions, and every operation with its path, scopes and description
- [Error codes](/docs/errors.md): every `code`, what it means, and what to do

## Guides

- [Identity](/docs/identity.md): tokens of Auth0, Okta, Azure, Google, Supabase and Keycloak, and how to sign your own
- [Swagger UI](/docs/): every operation, to try
";

static OPERATIONS: LazyLock<String> = LazyLock::new(|| markdown(openapi::document()));

/// The conventions, and every operation under its tag.
fn markdown(document: &Value) -> String {
    let text = |part: &Value, name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let info = document.get("info").cloned().unwrap_or_default();
    let mut page = format!("# {} {}\n\n{}\n", text(&info, "title"), text(&info, "version"), text(&info, "description"));
    let paths = document.get("paths").and_then(Value::as_object);
    let operations: Vec<(&String, &String, &Value)> = paths
        .into_iter()
        .flatten()
        .flat_map(|(path, item)| {
            item.as_object().into_iter().flatten().map(move |(method, operation)| (path, method, operation))
        })
        .filter(|(_, _, operation)| operation.get("operationId").is_some())
        .collect();
    for tag in document.get("tags").and_then(Value::as_array).into_iter().flatten() {
        let name = text(tag, "name");
        let has_tag = |operation: &Value| operation.pointer("/tags/0").and_then(Value::as_str) == Some(&name);
        let tagged: Vec<_> = operations.iter().filter(|(_, _, operation)| has_tag(operation)).collect();
        if tagged.is_empty() {
            continue;
        }
        // Writing to a text cannot fail.
        let _ = write!(page, "\n## {name}\n\n{}\n", text(tag, "description"));
        for (path, method, operation) in tagged {
            let (summary, described) = (text(operation, "summary"), text(operation, "description"));
            let _ = write!(page, "\n### {summary}\n\n`{} {path}`\n\n{described}\n", method.to_uppercase());
        }
    }
    page
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_operation_stands_in_the_page() {
        let page = OPERATIONS.as_str();
        let paths = openapi::document()["paths"].as_object().unwrap();
        let mut count = 0;
        for (path, item) in paths {
            for (method, operation) in item.as_object().unwrap() {
                if operation.get("operationId").is_some() {
                    count += 1;
                    assert!(page.contains(&format!("\n`{} {path}`\n", method.to_uppercase())), "{method} {path}");
                }
            }
        }
        assert!(count > 100 && page.matches("\n### ").count() >= count, "{count} operations");
        assert!(page.contains("**Amounts** are decimal strings"));
    }

    #[test]
    fn the_index_names_pages_of_ours() {
        let links = INDEX.matches("](/").count();
        assert_eq!(links, 5);
        for page in ["/openapi.json", "/docs/api.md", "/docs/errors.md", "/docs/identity.md", "/docs/"] {
            assert!(INDEX.contains(&format!("]({page})")), "{page}");
        }
    }
}
