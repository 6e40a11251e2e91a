//! Completes the generated document: what all operations have in common, and the shape that generators understand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::codes::{self, Takes};
use super::{about, examples, inline, nullable, open_lists, shared, webhooks};
use crate::domain::code::Code;
use crate::http::v1::balances::body::messages::MESSAGES;

const METHODS: [&str; 7] = ["get", "put", "post", "patch", "delete", "head", "options"];
/// The place of the content in the answer of a stream, as a JSON pointer.
const STREAM: &str = "/content/text~1event-stream";
const SCOPES: [&str; 3] = ["customer", "service", "operator"];

pub(super) fn finish(mut generated: Value) -> Value {
    inline::inline(&mut generated);
    let mut paths: Vec<(String, Value)> = generated
        .get("paths")
        .and_then(Value::as_object)
        .map(|paths| paths.iter().map(|(path, item)| (path.clone(), item.clone())).collect())
        .unwrap_or_default();
    paths.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut tags = BTreeSet::new();
    let read: BTreeSet<String> =
        paths.iter().filter(|(_, item)| item.get("get").is_some()).map(|(path, _)| path.clone()).collect();
    for (path, item) in &mut paths {
        for (_, operation) in item.as_object_mut().into_iter().flatten().filter(|(m, _)| METHODS.contains(&m.as_str()))
        {
            tags.extend(texts(operation.get("tags")));
            finish_operation(path, operation, &read);
        }
    }
    let tags: Vec<Value> = shared::TAGS
        .iter()
        .filter(|(name, _)| tags.contains(*name) || *name == webhooks::TAG)
        .map(|(name, description)| json!({ "name": name, "description": description }))
        .collect();
    let mut schemas: Vec<(String, Value)> = generated
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .map(|schemas| schemas.iter().map(|(name, schema)| (name.clone(), schema.clone())).collect())
        .unwrap_or_default();
    schemas.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut document = json!({
        "openapi": "3.1.0",
        "info": about::info(),
        "servers": [{ "url": "/", "description": "This server" }],
        "tags": tags,
        "paths": Map::from_iter(paths),
        "webhooks": webhooks::webhooks(),
        "components": {
            "schemas": Map::from_iter(schemas),
            "responses": shared::responses(),
            "headers": shared::headers(),
            "parameters": shared::parameters(),
            "securitySchemes": { "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A JSON Web Token with `sub`, `exp` and `scope` (`customer`, `service`, `operator`). \
                                On a development server `topup token --role customer --sub demo` prints one. \
                                Operators and services can send an API key of the service instead (`tk_…`).",
            } },
        },
    });
    for name in schemas_of_answers(&document) {
        if let Some(schema) = document.pointer_mut(name.trim_start_matches('#')) {
            require_nulls(schema);
            open_lists::describe(schema);
        }
    }
    examples::add(&mut document);
    document
}

/// The schemas that only answers, messages and events have, as references.
fn schemas_of_answers(document: &Value) -> Vec<String> {
    let (mut sent, mut got) = (BTreeSet::new(), BTreeSet::from(["#/components/schemas/Event".to_owned()]));
    let operations = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    for operation in operations.filter_map(|(_, item)| item.as_object()).flatten().map(|(_, operation)| operation) {
        references(document, operation.get("requestBody"), &mut sent);
        references(document, operation.get("responses"), &mut got);
    }
    references(document, document.pointer("/components/schemas/Event"), &mut got);
    got.difference(&sent).cloned().collect()
}

/// Makes the fields of an answer that may be null required: the service always sends them. Only unions have optional
/// fields left: `data` of an event has the object that its type is about, and a problem has the fields of its code.
fn require_nulls(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let nulls: Vec<Value> =
        properties.filter(|(_, field)| nullable::may_be_null(field)).map(|(name, _)| json!(name)).collect();
    if let Some(required) = schema.entry("required").or_insert_with(|| json!([])).as_array_mut() {
        required.extend(nulls);
    }
    if schema.get("required").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        schema.remove("required");
    }
}

/// Collects the schemas that a part of the document refers to, directly or through others.
fn references(document: &Value, part: Option<&Value>, found: &mut BTreeSet<String>) {
    match part {
        Some(Value::Object(fields)) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str)
                && reference.starts_with("#/components/schemas/")
                && found.insert(reference.to_owned())
            {
                references(document, document.pointer(reference.trim_start_matches('#')), found);
            }
            fields.values().for_each(|field| references(document, Some(field), found));
        }
        Some(Value::Array(items)) => items.iter().for_each(|item| references(document, Some(item), found)),
        _ => {}
    }
}

fn finish_operation(path: &str, operation: &mut Value, read: &BTreeSet<String>) {
    let scopes = secure(path, operation);
    share_parameters(operation);
    let codes = codes_of(path, operation, &scopes);
    let answers = |status: &str| operation.pointer(&format!("/responses/{status}")).is_some();
    let success = Success {
        replays: has_parameter(operation, "header", "Idempotency-Key") || (answers("200") && answers("201")),
        located: answers("201") && has_one(read, path),
        tagged: has_parameter(operation, "header", "If-None-Match"),
    };
    if let Some(operation) = operation.as_object_mut().filter(|_| !codes.is_empty()) {
        operation.insert("x-error-codes".to_owned(), codes::extension(&codes));
    }
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    let handlers = responses.keys().filter_map(|status| status.parse().ok()).filter(|status| *status >= 400);
    let failures: BTreeSet<u16> = handlers.chain(codes.keys().copied()).collect();
    for status in failures {
        if let Some(mut reference) = shared::failure_ref(status) {
            if let (Some(reference), Some(codes)) = (reference.as_object_mut(), codes.get(&status)) {
                reference.insert("description".to_owned(), json!(codes::listed(codes)));
            }
            responses.insert(status.to_string(), reference);
        }
    }
    let stream = responses.get_mut("200").filter(|response| response.pointer(STREAM).is_some());
    if let Some(stream) = stream.and_then(Value::as_object_mut) {
        stream.insert("x-messages".to_owned(), messages());
    }
    for (status, response) in responses.iter_mut().filter(|(status, _)| !status.starts_with(['4', '5'])) {
        succeed(status, response, success);
    }
    if success.tagged {
        responses.insert("304".to_owned(), shared::unchanged());
    }
    let mut sorted: Vec<(String, Value)> = std::mem::take(responses).into_iter().collect();
    sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    responses.extend(sorted);
}

/// The schema of each message of the stream, by the message's name.
fn messages() -> Value {
    let named = MESSAGES
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), json!({ "$ref": format!("#/components/schemas/{schema}") })));
    Value::Object(named.collect())
}

/// The error codes of an operation by status.
fn codes_of(path: &str, operation: &Value, scopes: &[String]) -> BTreeMap<u16, Vec<Code>> {
    let described = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
    let named: Vec<(u16, Code)> = described
        .filter_map(|(status, response)| Some((status.parse().ok()?, response.get("description")?.as_str()?)))
        .flat_map(|(status, description)| codes::named(status, description))
        .collect();
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let answers = |status: &str| operation.pointer(&format!("/responses/{status}")).is_some();
    let takes_json = operation.pointer("/requestBody/content/application~1json").is_some();
    codes::of(
        Takes {
            id: operation.get("operationId").and_then(Value::as_str).unwrap_or_default(),
            scopes: &scopes,
            body: takes_json && !scopes.is_empty(),
            query: parameters(operation).any(|one| one.get("in").and_then(Value::as_str) == Some("query")),
            named: !scopes.is_empty() && (path.contains('{') || has_parameter(operation, "query", "customer_id")),
            key: has_parameter(operation, "header", "Idempotency-Key"),
            condition: has_parameter(operation, "header", "If-Match"),
            repeats: takes_json && answers("200") && answers("201") && !has_parameter(operation, "header", "If-Match"),
        },
        &named,
    )
}

/// Whether one object of a list can be read: at the list's path with one more part.
fn has_one(read: &BTreeSet<String>, list: &str) -> bool {
    let rest = |path: &String| path.strip_prefix(list)?.strip_prefix("/{")?.strip_suffix('}').map(str::to_owned);
    read.iter().filter_map(rest).any(|name| !name.contains('/'))
}

/// The headers of an operation's successes.
#[derive(Clone, Copy)]
struct Success {
    /// The mark of an answer to a repeated request.
    replays: bool,
    /// The path of a new object.
    located: bool,
    /// A tag, so that an unchanged answer need not be sent again.
    tagged: bool,
}

/// Adds the headers of a success: the request's id, and others that the operation has.
fn succeed(status: &str, response: &mut Value, success: Success) {
    let Some(response) = response.as_object_mut() else { return };
    let headers = response.entry("headers").or_insert_with(|| json!({}));
    if let Some(headers) = headers.as_object_mut() {
        headers.insert("X-Request-Id".to_owned(), shared::header_ref("XRequestId"));
        if success.replays {
            headers.insert("Idempotent-Replayed".to_owned(), shared::header_ref("IdempotentReplayed"));
        }
        if success.located && status == "201" {
            headers.insert("Location".to_owned(), shared::header_ref("Location"));
        }
        if success.tagged {
            headers.insert("ETag".to_owned(), shared::header_ref("ETag"));
        }
    }
}

/// Writes the scopes that a handler names into `security`, each as an alternative of its own, because several in one
/// alternative would mean that all are needed. `x-scopes` and `x-permission` have them for programs, and the
/// description for people. Returns the scopes; an operation without one needs no token.
fn secure(path: &str, operation: &mut Value) -> Vec<String> {
    let Some(operation) = operation.as_object_mut() else { return Vec::new() };
    let named = operation.get("security").and_then(|security| security.pointer("/0/bearer")).cloned();
    let Some(named) = named else {
        operation.insert("security".to_owned(), json!([]));
        return Vec::new();
    };
    let named = match texts(Some(&named)) {
        usual if usual.is_empty() && path.starts_with("/v1/admin/") => vec!["operator".to_owned()],
        usual if usual.is_empty() => SCOPES.map(str::to_owned).to_vec(),
        named => named,
    };
    let scope_of = |name: &str| name.split(':').next().map(str::to_owned);
    let permission = named.iter().filter_map(|name| name.strip_prefix("operator:")).next().unwrap_or("read").to_owned();
    let named: Vec<String> = named.iter().filter_map(|name| scope_of(name)).collect();
    let scopes: Vec<&str> = SCOPES.into_iter().filter(|scope| named.iter().any(|name| name == scope)).collect();
    let description = operation.get("description").and_then(Value::as_str).unwrap_or_default().trim_end();
    let mut description = format!("{description}\n\nToken scope: {}.", scopes.join(", ")).trim_start().to_owned();
    if scopes.contains(&"operator") {
        description.push_str(&format!(" An operator needs the permission `{permission}`."));
        operation.insert("x-permission".to_owned(), json!(permission));
    }
    operation.insert("description".to_owned(), json!(description));
    let alternatives: Vec<Value> = scopes.iter().map(|scope| json!({ "bearer": [scope] })).collect();
    operation.insert("security".to_owned(), json!(alternatives));
    operation.insert("x-scopes".to_owned(), json!(scopes));
    scopes.into_iter().map(str::to_owned).collect()
}

fn share_parameters(operation: &mut Value) {
    let customer_is_in_path = has_parameter(operation, "path", "customer_id");
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if is_parameter(parameter, "header", "Idempotency-Key") {
            *parameter = json!({ "$ref": "#/components/parameters/IdempotencyKey" });
            continue;
        }
        let stands_for_path = customer_is_in_path && is_parameter(parameter, "query", "customer_id");
        if let Some(parameter) = parameter.as_object_mut() {
            if stands_for_path {
                parameter.insert("description".to_owned(), json!(shared::CUSTOMER_BESIDE_PATH));
            }
            describe_parameter(parameter);
        }
    }
}

/// Gives a parameter its usual description, or the one of its schema. The example of a schema is kept for a required
/// parameter only: Swagger UI sends examples, and an unwanted optional filter would hide entries of a list.
fn describe_parameter(parameter: &mut Map<String, Value>) {
    let place = parameter.get("in").and_then(Value::as_str);
    let name = parameter.get("name").and_then(Value::as_str).filter(|_| place == Some("query"));
    if let Some(usual) = shared::PARAMETERS.iter().find(|usual| Some(usual.name) == name) {
        // If a handler describes the parameter itself, it has another meaning there.
        if let (false, Some(example)) = (parameter.contains_key("description"), usual.example) {
            parameter.entry("example").or_insert_with(|| json!(example));
        }
        parameter.entry("description").or_insert_with(|| json!(usual.description));
    }
    let is_required = parameter.get("required").and_then(Value::as_bool).unwrap_or_default();
    let Some(schema) = parameter.get_mut("schema").and_then(Value::as_object_mut) else { return };
    let (description, example) = (schema.remove("description"), schema.remove("example"));
    if let Some(description) = description {
        parameter.entry("description").or_insert(description);
    }
    if let Some(example) = example.filter(|_| is_required) {
        parameter.entry("example").or_insert(example);
    }
}

fn parameters(operation: &Value) -> impl Iterator<Item = &Value> {
    operation.get("parameters").and_then(Value::as_array).into_iter().flatten()
}

fn has_parameter(operation: &Value, place: &str, name: &str) -> bool {
    let shared = name == "Idempotency-Key";
    parameters(operation)
        .any(|parameter| is_parameter(parameter, place, name) || (shared && parameter.get("$ref").is_some()))
}

fn is_parameter(parameter: &Value, place: &str, name: &str) -> bool {
    let is = |key: &str, wanted: &str| {
        parameter.get(key).and_then(Value::as_str).is_some_and(|found| found.eq_ignore_ascii_case(wanted))
    };
    is("in", place) && is("name", name)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
