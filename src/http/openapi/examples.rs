//! Gives each success an example as a whole, composed of the examples of its fields.
//!
//! A handler may write an example of its own, which stays.

use serde_json::{Map, Value, json};

use super::nullable;

/// How many levels of nested objects an example shows.
const DEPTH: usize = 12;

pub(super) fn add(document: &mut Value) {
    let known = document.clone();
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    let operations = paths.filter_map(|(_, item)| item.as_object_mut()).flatten().map(|(_, operation)| operation);
    for responses in operations.filter_map(|operation| operation.get_mut("responses")?.as_object_mut()) {
        for (_, response) in responses.iter_mut().filter(|(status, _)| status.starts_with('2')) {
            let content = response.pointer_mut("/content/application~1json").and_then(Value::as_object_mut);
            let Some(content) = content.filter(|content| !content.contains_key("example")) else { continue };
            if let Some(example) = content.get("schema").and_then(|schema| compose(&known, schema, DEPTH)) {
                content.insert("example".to_owned(), example);
            }
        }
    }
}

/// The example of a schema: its own, or else one that is composed. `None` where it goes too deep.
fn compose(document: &Value, schema: &Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    if let Some(example) = own(schema) {
        return Some(example);
    }
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
    if let Some(pointer) = reference {
        return compose(document, document.pointer(pointer)?, depth + 1);
    }
    if let Some(first) = schema.pointer("/enum/0") {
        return Some(first.clone());
    }
    if let Some(reference) = nullable::reference(schema) {
        return Some(of_nullable(document, reference));
    }
    if nullable::may_be_null(schema) {
        return Some(Value::Null);
    }
    let kind = match schema.get("type")? {
        Value::Array(kinds) => kinds.first()?.as_str()?,
        one => one.as_str()?,
    };
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    Some(match (kind, format) {
        ("object", _) => Value::Object(object(document, schema, depth)),
        ("array", _) => {
            schema.get("items").and_then(|items| compose(document, items, depth)).into_iter().collect::<Vec<_>>().into()
        }
        ("string", "date-time") => json!("2026-11-21T08:30:00Z"),
        ("string", "date") => json!("2026-11-21"),
        ("string", _) => json!("text"),
        ("integer", _) => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        ("boolean", _) => json!(true),
        _ => return None,
    })
}

/// The example of a reference that may be null. An object is not composed, because whether it applies depends on the
/// fields beside it: it is shown where it has an example of its own.
fn of_nullable(document: &Value, reference: &Value) -> Value {
    let pointer = reference.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
    let target = pointer.and_then(|pointer| document.pointer(pointer));
    target.and_then(|target| own(target).or_else(|| target.pointer("/enum/0").cloned())).unwrap_or_default()
}

fn own(schema: &Value) -> Option<Value> {
    schema.get("example").or_else(|| schema.pointer("/examples/0")).cloned()
}

/// The fields that are always there, and those others that have an example of their own.
fn object(document: &Value, schema: &Value, depth: usize) -> Map<String, Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    fields
        .filter(|(name, _)| required.is_some_and(|required| required.iter().any(|one| one == *name)))
        .filter_map(|(name, field)| Some((name.clone(), compose(document, field, depth)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_may_be_null_shows_what_stands_for_itself() {
        let document = json!({ "components": { "schemas": {
            "Status": { "type": "string", "enum": ["open", "closed"] },
            "Step": { "type": "object", "example": { "type": "redirect" } },
            "Part": { "type": "object", "properties": { "id": { "type": "string" } }, "required": ["id"] },
        } } });
        let shown = [("Status", json!("open")), ("Step", json!({ "type": "redirect" })), ("Part", Value::Null)];
        for (name, expected) in shown {
            let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
            let schema = json!({ "oneOf": [{ "type": "null" }, reference] });
            assert_eq!(compose(&document, &schema, DEPTH), Some(expected), "{name}");
        }
    }
}
