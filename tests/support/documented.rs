//! Holds every answer that a test sees against the document: its status, its media type, the code of a problem, its
//! fields, and whether it varies by language.

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
        let content = response["content"].get(&kind);
        let content = content.unwrap_or_else(|| panic!("the media type {kind} is not documented: {context}"));
        // Answers in the form that payment companies expect are not described.
        if kind.ends_with("json") && content["schema"].get("$ref").is_some() {
            let mut found = Vec::new();
            misfits(document, &content["schema"], &reply.body, "", &mut found);
            assert!(found.is_empty(), "not as documented: {found:#?} {context}");
        }
    }
    if let Some(code) = code {
        let codes = operation["x-error-codes"][&status].as_array().into_iter().flatten();
        assert!(codes.clone().any(|known| known == code), "the code is not documented: {context}");
    }
    let mut parameters = operation["parameters"].as_array().into_iter().flatten();
    if reply.status < 400 && parameters.any(|parameter| parameter["name"] == "Accept-Language") {
        assert!(varies_by_language(reply), "no Vary: {context}");
    }
    if reply.status == 201 && response["headers"].get("Location").is_some() {
        assert!(reply.header("location").is_some_and(|path| path.starts_with(&reply.path)), "no Location: {context}");
    }
}

/// Whether an answer says to caches that it depends on the language that the caller prefers.
pub fn varies_by_language(reply: &Reply) -> bool {
    let mut lines = reply.headers.get_all("vary").iter().map(|line| line.to_str().unwrap());
    lines.any(|line| line.split(',').any(|name| name.trim().eq_ignore_ascii_case("accept-language")))
}

/// What of a value is not as its schema says: fields that are missing or unknown, values of other types or of no list.
pub fn misfits(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap();
        return misfits(document, target, value, at, found);
    }
    if let Some(one_of) = schema["oneOf"].as_array() {
        let reference = one_of.iter().find(|one| one.get("$ref").is_some() && !value.is_null());
        return reference.into_iter().for_each(|reference| misfits(document, reference, value, at, found));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = &schema["type"];
    if *kinds != kind && kinds.as_array().is_none_or(|kinds| !kinds.iter().any(|one| one == kind)) {
        return found.push(format!("{at} is {kind}, and not {kinds}"));
    }
    for list in ["enum", "x-extensible-enum"] {
        if schema[list].as_array().is_some_and(|values| !values.contains(value) && !value.is_null()) {
            found.push(format!("{at} is {value}, which the list does not name"));
        }
    }
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        misfits(document, &schema["items"], item, &format!("{at}/{n}"), found);
    }
    let Some(fields) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()) {
        if !fields.contains_key(name) {
            found.push(format!("{at}/{name} is missing"));
        }
    }
    // Some objects have what others wrote into them.
    let is_described = schema.get("properties").is_some() || schema.get("additionalProperties").is_some();
    for (name, field) in fields.iter().filter(|_| is_described) {
        let of_field = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
        match of_field.filter(|of_field| of_field.is_object()) {
            Some(of_field) => misfits(document, of_field, field, &format!("{at}/{name}"), found),
            None => found.push(format!("{at}/{name} is unknown")),
        }
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
