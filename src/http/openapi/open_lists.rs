//! Completes the description of each text whose list of values may grow: it names the known values, and says what to do
//! with others.

use serde_json::{Value, json};

use crate::http::edge::wire::KNOWN_VALUES;

/// Completes the descriptions in a schema of an answer.
pub(super) fn describe(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(known) = fields.get(KNOWN_VALUES).and_then(Value::as_array) {
                let known: Vec<String> =
                    known.iter().filter_map(Value::as_str).map(|value| format!("`{value}`")).collect();
                let meaning = fields.get("description").and_then(Value::as_str).unwrap_or_default();
                let policy = "This list may grow: a client must accept a value that it does not know.";
                let description = format!("{meaning} Known values: {}. {policy}", known.join(", "));
                fields.insert("description".to_owned(), json!(description.trim_start()));
            }
            fields.values_mut().for_each(describe);
        }
        Value::Array(items) => items.iter_mut().for_each(describe),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn the_values_and_the_policy_stand_in_the_description() {
        let mut schema = json!({ "properties": {
            "why": { "type": ["string", "null"], "description": "Why.", "x-extensible-enum": ["a", "b"] },
            "who": { "type": "string", "description": "Who." },
        } });
        describe(&mut schema);
        let policy = "This list may grow: a client must accept a value that it does not know.";
        let why = format!("Why. Known values: `a`, `b`. {policy}");
        assert_eq!(schema["properties"]["why"]["description"], why);
        assert_eq!(schema["properties"]["who"]["description"], "Who.");
    }
}
