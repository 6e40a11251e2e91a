//! Gives each success and each webhook an example as a whole, composed of the examples of its fields.
//!
//! A handler's own example stays.

use serde_json::{Map, Value, json};

use super::nullable;

/// How many levels of nested objects an example shows.
const DEPTH: usize = 12;
/// What a webhook carries and the feed lists.
const EVENT: &str = "#/components/schemas/Event";
/// The type of the event that the feed shows.
const LISTED: &str = "transfer.created";

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
    let webhooks = document.get_mut("webhooks").and_then(Value::as_object_mut).into_iter().flatten();
    for (kind, webhook) in webhooks {
        let content = webhook.pointer_mut("/post/requestBody/content/application~1json").and_then(Value::as_object_mut);
        if let (Some(content), Some(example)) = (content, event(&known, kind)) {
            content.insert("example".to_owned(), example);
        }
    }
}

/// The example of an event of this type: `data` has the object that it is about, in the state that the type names.
fn event(document: &Value, kind: &str) -> Option<Value> {
    let (noun, state) = kind.split_once('.')?;
    let mut event = compose(document, target(document, &json!({ "$ref": EVENT }))?, DEPTH)?;
    let field = document.pointer(&format!("/components/schemas/EventData/properties/{noun}"))?;
    let mut subject = compose(document, field, DEPTH)?;
    let status = target(document, field)?.pointer("/properties/status").and_then(|status| target(document, status));
    let states = status.and_then(|status| status.get("enum")?.as_array());
    let fields = subject.as_object_mut()?;
    if states.is_some_and(|states| states.iter().any(|known| known == state)) {
        fields.insert("status".to_owned(), json!(state));
    }
    // No event has the payer's next step.
    if let Some(action) = fields.get_mut("next_action") {
        *action = Value::Null;
    }
    let fields = event.as_object_mut()?;
    fields.insert("type".to_owned(), json!(kind));
    fields.insert("data".to_owned(), json!({ noun: subject }));
    Some(event)
}

/// The example of a schema: its own, or else one that is composed. `None` if it is nested too deep.
fn compose(document: &Value, schema: &Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    if let Some(example) = own(schema) {
        return Some(example);
    }
    if let Some(target) = target(document, schema) {
        let is_event = schema.get("$ref").is_some_and(|to| to == EVENT);
        return if is_event { event(document, LISTED) } else { compose(document, target, depth + 1) };
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
    let target = target(document, reference);
    target.and_then(|target| own(target).or_else(|| target.pointer("/enum/0").cloned())).unwrap_or_default()
}

/// What a reference refers to.
fn target<'d>(document: &'d Value, reference: &Value) -> Option<&'d Value> {
    document.pointer(reference.get("$ref")?.as_str()?.strip_prefix('#')?)
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
