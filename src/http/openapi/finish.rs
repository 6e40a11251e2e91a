//! Completes the generated document: what all operations have in common, and the shape that generators like.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{inline, shared, webhooks};

const METHODS: [&str; 7] = ["get", "put", "post", "patch", "delete", "head", "options"];
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
    for (path, item) in &mut paths {
        for (_, operation) in item.as_object_mut().into_iter().flatten().filter(|(m, _)| METHODS.contains(&m.as_str()))
        {
            tags.extend(texts(operation.get("tags")));
            finish_operation(path, operation);
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
    json!({
        "openapi": "3.1.0",
        "info": info(),
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
    })
}

fn info() -> Value {
    json!({
        "title": "topup",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Wallets and top-ups: customers add money by card, PayPal, VNPay or bank transfer, move it to \
                        products, and spend it as usage.\n\n\
                        **Amounts** are decimal strings beside a `currency`. **Lists** show the newest item first, \
                        page by page; a cursor is opaque and belongs to the filters that it was made with. \
                        **Failures** are `application/problem+json` (RFC 9457); your program should branch on `code`. \
                        **Times** are RFC 3339 in UTC. The service refuses a request with an unknown field or \
                        parameter. Answers may get more fields over time, so ignore those that you do not know. \
                        HEAD is answered like GET, without the body. Bodies are sent without `Content-Encoding`.\n\n\
                        A customer's token reaches only the objects of that customer. A service or an operator names \
                        the customer with `customer_id`.\n\n\
                        **Permissions.** Each operation for operators names the permission that it needs: `read` \
                        (everything that only shows something), `support` (what a customer can do himself, questions \
                        to payment companies, goodwill up to a limit), `finance` (approvals, refunds, money; contains \
                        `support`), `admin` (catalogue, bank accounts, freezes). `support`, `finance` and `admin` \
                        contain `read`. Where the installation names no claim for permissions, every operator has \
                        all of them.",
        "contact": { "name": "The operator of this installation" },
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    })
}

fn finish_operation(path: &str, operation: &mut Value) {
    let secured = secure(path, operation);
    share_parameters(operation);
    let statuses = statuses(path, operation, secured);
    let answers = |status: &str| operation.pointer(&format!("/responses/{status}")).is_some();
    let replays = has_parameter(operation, "header", "Idempotency-Key") || (answers("200") && answers("201"));
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, response) in responses.iter_mut() {
        match shared_failure(status) {
            Some(reference) => *response = reference,
            None => succeed(response, replays),
        }
    }
    for status in statuses {
        if let Some(reference) = shared::failure_ref(status) {
            responses.insert(status.to_string(), reference);
        }
    }
    let mut sorted: Vec<(String, Value)> = std::mem::take(responses).into_iter().collect();
    sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    responses.extend(sorted);
}

fn shared_failure(status: &str) -> Option<Value> {
    status.parse::<u16>().ok().filter(|status| *status >= 400).and_then(shared::failure_ref)
}

/// Adds the headers of a success: the request's id, and the mark of an answer to a repeated request.
fn succeed(response: &mut Value, replays: bool) {
    let Some(response) = response.as_object_mut() else { return };
    let headers = response.entry("headers").or_insert_with(|| json!({}));
    if let Some(headers) = headers.as_object_mut() {
        headers.insert("X-Request-Id".to_owned(), shared::header_ref("XRequestId"));
        if replays {
            headers.insert("Idempotent-Replayed".to_owned(), shared::header_ref("IdempotentReplayed"));
        }
    }
}

/// Turns the scopes that a handler names into `x-scopes`, the operator's permission into `x-permission`, and both into
/// sentences: OpenAPI gives the scopes of an `http` scheme no meaning, and reads several of them as "all of these".
/// Returns whether the operation needs a token.
fn secure(path: &str, operation: &mut Value) -> bool {
    let Some(operation) = operation.as_object_mut() else { return false };
    let named = operation.get("security").and_then(|security| security.pointer("/0/bearer")).cloned();
    let Some(named) = named else {
        operation.insert("security".to_owned(), json!([]));
        return false;
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
    operation.insert("security".to_owned(), json!([{ "bearer": [] }]));
    operation.insert("x-scopes".to_owned(), json!(scopes));
    true
}

fn share_parameters(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if is_parameter(parameter, "header", "Idempotency-Key") {
            *parameter = json!({ "$ref": "#/components/parameters/IdempotencyKey" });
        } else if let Some(parameter) = parameter.as_object_mut() {
            describe_parameter(parameter);
        }
    }
}

/// Gives a parameter its usual description, or the one of its schema. The example of a schema is kept for a required
/// parameter only: Swagger UI sends examples, and an optional filter that nobody asked for would hide what a list has.
fn describe_parameter(parameter: &mut Map<String, Value>) {
    let place = parameter.get("in").and_then(Value::as_str);
    let name = parameter.get("name").and_then(Value::as_str).filter(|_| place == Some("query"));
    if let Some(usual) = shared::PARAMETERS.iter().find(|usual| Some(usual.name) == name) {
        // A handler that describes the parameter itself means something else by it.
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

/// The statuses of the failures that follow from the request's shape.
fn statuses(path: &str, operation: &Value, secured: bool) -> BTreeSet<u16> {
    let mut statuses = BTreeSet::new();
    if secured {
        statuses.extend([401, 403, 429, 500, 503]);
    }
    if operation.get("requestBody").is_some() {
        statuses.extend([400, 408, 413, 415, 422]);
    }
    let has_query = parameters(operation).any(|parameter| parameter.get("in").and_then(Value::as_str) == Some("query"));
    if has_query {
        statuses.insert(422);
    }
    if path.contains('{') || has_parameter(operation, "query", "customer_id") {
        statuses.insert(404);
    }
    if has_parameter(operation, "header", "Idempotency-Key") {
        statuses.extend([400, 409, 422]);
    }
    if has_parameter(operation, "header", "If-Match") {
        statuses.extend([412, 428]);
    }
    statuses
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
