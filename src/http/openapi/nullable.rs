//! The one use of `oneOf` in the document: a reference that may be null. An answer has it if an object, or a value of
//! an enum, may not apply. Generators understand this form of `oneOf` and no other.

use serde_json::{Value, json};

/// The reference, if the schema is a `oneOf` of a reference and null.
pub(super) fn reference(schema: &Value) -> Option<&Value> {
    let one_of = schema.get("oneOf")?.as_array()?;
    let reference = one_of.iter().find(|item| item.get("$ref").is_some())?;
    (one_of.len() == 2 && one_of.contains(&json!({ "type": "null" }))).then_some(reference)
}

/// Whether a value with this schema may be null.
pub(super) fn may_be_null(schema: &Value) -> bool {
    let kinds = schema.get("type").and_then(Value::as_array);
    reference(schema).is_some() || kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"))
}
