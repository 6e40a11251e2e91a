//! Holds every answer that a test sees against the document: its status, its media type, and the code of a problem.

use serde_json::Value;

use super::Reply;

/// What HTTP itself asks for may come from any operation; the document says so once.
const OF_HTTP: [&str; 4] = ["bad_request", "method_not_allowed", "not_acceptable", "request_failed"];

/// Panics for an answer that the document does not name.
#[track_caller]
pub fn check(reply: &Reply) {
    // Where metrics have an address of their own, each address has only its own of these paths.
    if reply.status == 404 && ["/metrics", "/healthz", "/readyz"].contains(&reply.path.as_str()) {
        return;
    }
    let Some(operation) = operation(&reply.method, &reply.path) else { return };
    let code = reply.body["code"].as_str().filter(|_| reply.status >= 400);
    if code.is_some_and(|code| OF_HTTP.contains(&code)) {
        return;
    }
    let context = format!("{} {}: {} {}", reply.method, reply.path, reply.status, reply.text);
    let status = reply.status.to_string();
    let document = topup::http::openapi::document();
    let response =
        operation["responses"].get(&status).unwrap_or_else(|| panic!("the status is not documented: {context}"));
    let response = match response.get("$ref").and_then(Value::as_str) {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => response,
    };
    if !reply.text.is_empty() {
        let kind = reply.header("content-type").unwrap_or_default().split(';').next().unwrap().to_owned();
        assert!(response["content"].get(&kind).is_some(), "the media type {kind} is not documented: {context}");
    }
    if let Some(code) = code {
        let codes = operation["x-error-codes"][&status].as_array().into_iter().flatten();
        assert!(codes.clone().any(|known| known == code), "the code is not documented: {context}");
    }
    if reply.status == 201 && response["headers"].get("Location").is_some() {
        assert!(reply.header("location").is_some_and(|path| path.starts_with(&reply.path)), "no Location: {context}");
    }
}

/// The operation of the document that a request meets; of several templates, the one with the fewest names.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let paths = topup::http::openapi::document()["paths"].as_object().unwrap();
    let fits = |template: &&String| {
        let (wanted, given) = (template.split('/'), path.split('/'));
        wanted.clone().count() == given.clone().count()
            && wanted.zip(given).all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
    };
    let template = paths.keys().filter(fits).min_by_key(|template| template.matches('{').count())?;
    paths[template].get(method.to_lowercase())
}
