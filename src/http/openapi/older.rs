//! The document in the older format 3.0, for tools that do not read 3.1.
//!
//! 3.0 knows no type `null`, no fields next to a reference, no webhooks, no roles of a bearer token, and one example a
//! schema. The rest is kept: a reference with fields next to it moves into an `allOf`, and so does one that may be
//! null.

use serde_json::{Map, Value, json};

use super::nullable;

/// The document in 3.0.
pub(super) fn older(document: &Value) -> Value {
    let mut document = document.clone();
    let Some(fields) = document.as_object_mut() else { return document };
    fields.insert("openapi".to_owned(), json!("3.0.3"));
    fields.remove("webhooks");
    if let Some(license) = fields.get_mut("info").and_then(|info| info.get_mut("license")) {
        *license = json!({ "name": "MIT OR Apache-2.0" });
    }
    for (place, value) in fields.iter_mut() {
        walk(place, value);
    }
    document
}

fn walk(name: &str, value: &mut Value) {
    if let Some(mut reference) = nullable::reference(value).cloned() {
        if let Some(fields) = reference.as_object_mut() {
            fields.insert("nullable".to_owned(), json!(true));
        }
        *value = reference;
    }
    match value {
        Value::Object(fields) => {
            // The content of an example is not a schema.
            for (name, field) in fields.iter_mut().filter(|(name, _)| !matches!(name.as_str(), "example" | "examples"))
            {
                walk(name, field);
            }
            rewrite(name, fields);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(name, item)),
        _ => {}
    }
}

fn rewrite(name: &str, fields: &mut Map<String, Value>) {
    // A name of a field, such as a property that is called `type`, holds an object and not a schema's keyword.
    if name == "properties" {
        return;
    }
    if let Some(Value::Array(types)) = fields.get("type").cloned() {
        let (nulls, others): (Vec<Value>, Vec<Value>) = types.into_iter().partition(|kind| kind == "null");
        if let Some(first) = others.into_iter().next() {
            fields.insert("type".to_owned(), first);
        }
        if !nulls.is_empty() {
            fields.insert("nullable".to_owned(), json!(true));
        }
    }
    if fields.get("type").is_some_and(Value::is_string)
        && let Some(Value::Array(examples)) = fields.remove("examples")
        && let Some(first) = examples.into_iter().next()
    {
        fields.entry("example").or_insert(first);
    }
    if let Some(Value::Array(alternatives)) = fields.get_mut("security") {
        for scheme in alternatives.iter_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
            *scheme = json!([]);
        }
        alternatives.dedup();
    }
    if fields.len() > 1 && fields.get("$ref").is_some_and(Value::is_string) {
        let reference = fields.remove("$ref").unwrap_or_default();
        let is_schema = reference.as_str().is_some_and(|to| to.starts_with("#/components/schemas/"));
        if is_schema {
            fields.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
        } else {
            *fields = Map::from_iter([("$ref".to_owned(), reference)]);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn what_only_3_1_knows_is_written_in_another_way() {
        let older = older(&json!({
            "openapi": "3.1.0", "info": {}, "webhooks": {},
            "paths": { "/": { "get": {
                "security": [{ "bearer": ["customer"] }, { "bearer": ["operator"] }],
                "responses": { "404": { "$ref": "#/components/responses/NotFound", "description": "d" } },
            } } },
            "components": { "schemas": { "A": { "type": "object", "properties": {
                "type": { "type": ["string", "null"], "examples": ["x", "y"] },
                "b": { "$ref": "#/components/schemas/B", "description": "d" },
                "c": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/B" }] },
            } } } },
        }));
        assert_eq!(older["openapi"], "3.0.3");
        assert!(older.get("webhooks").is_none());
        let get = &older["paths"]["/"]["get"];
        assert_eq!(get["security"], json!([{ "bearer": [] }]));
        assert_eq!(get["responses"]["404"], json!({ "$ref": "#/components/responses/NotFound" }));
        let fields = &older["components"]["schemas"]["A"]["properties"];
        assert_eq!(fields["type"], json!({ "type": "string", "nullable": true, "example": "x" }));
        assert_eq!(fields["b"], json!({ "allOf": [{ "$ref": "#/components/schemas/B" }], "description": "d" }));
        assert_eq!(fields["c"], json!({ "allOf": [{ "$ref": "#/components/schemas/B" }], "nullable": true }));
    }
}
