//! Puts the schemas of [`wire`] in place of references to them.
//!
//! The derive macros write a newtype as a reference, and an optional one as a `oneOf` of the reference and null.
//! Generators turn both into a class around a text. All of them understand a plain text with a pattern. Amounts have a
//! schema with a name; only one that may be null is written out in its place.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::nullable;
use crate::http::edge::wire::{self, Inlined};

const SCHEMAS: &str = "#/components/schemas/";
/// The named schemas that are written out where null is also allowed.
const NULLABLE: [&str; 2] = ["Amount", "SignedAmount"];

/// Replaces the references, and takes the schemas out of the components.
pub(super) fn inline(document: &mut Value) {
    let texts = wire::inlined().into_iter();
    let mut texts: BTreeMap<&str, Inlined> = texts.map(|text| (text.name, text)).collect();
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.retain(|name, _| !texts.contains_key(name.as_str()));
        for name in NULLABLE {
            if let Some(schema) = schemas.get(name).cloned() {
                texts.insert(name, Inlined { name, schema, is_exception: false, null: None });
            }
        }
    }
    replace(document, &texts);
}

fn replace(value: &mut Value, texts: &BTreeMap<&str, Inlined>) {
    if let Some(schema) = optional(value, texts).or_else(|| required(value, texts)) {
        *value = Value::Object(schema);
        return;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, texts)),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, texts)),
        _ => {}
    }
}

/// The schema for a reference. A field next to the reference (a description, a default) replaces the schema's own.
fn required(value: &Value, texts: &BTreeMap<&str, Inlined>) -> Option<Map<String, Value>> {
    let reference = value.as_object()?;
    let text = referred(reference, texts).filter(|text| !NULLABLE.contains(&text.name))?;
    written_out(reference, text)
}

/// The schema, with the fields next to the reference to it.
fn written_out(reference: &Map<String, Value>, text: &Inlined) -> Option<Map<String, Value>> {
    let mut schema = text.schema.as_object()?.clone();
    let beside = reference.iter().filter(|(name, _)| *name != "$ref");
    schema.extend(beside.map(|(name, value)| (name.clone(), value.clone())));
    Some(schema)
}

/// The schema for a `oneOf` of a reference and null.
fn optional(value: &Value, texts: &BTreeMap<&str, Inlined>) -> Option<Map<String, Value>> {
    let reference = nullable::reference(value)?.as_object()?;
    let text = referred(reference, texts)?;
    let mut schema = written_out(reference, text)?;
    let kind = schema.get("type").cloned()?;
    schema.insert("type".to_owned(), json!([kind, "null"]));
    if text.is_exception {
        schema.insert("example".to_owned(), Value::Null);
    }
    if let Some(meaning) = text.null.filter(|_| reference.get("description").is_none()) {
        schema.insert("description".to_owned(), json!(meaning));
    }
    Some(schema)
}

fn referred<'t>(reference: &Map<String, Value>, texts: &'t BTreeMap<&str, Inlined>) -> Option<&'t Inlined> {
    texts.get(reference.get("$ref")?.as_str()?.strip_prefix(SCHEMAS)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn references_to_texts_become_texts() {
        let currency = "#/components/schemas/CurrencyCode";
        let product = "#/components/schemas/ProductCode";
        let reason = "#/components/schemas/DisabledReason";
        let mut document = json!({
            "components": { "schemas": {
                "CurrencyCode": {},
                "Balance": { "properties": {
                    "currency": { "$ref": currency, "description": "Of the wallet." },
                    "product": { "oneOf": [{ "$ref": product }, { "type": "null" }] },
                    "named": { "oneOf": [{ "type": "null" }, { "$ref": product, "description": "Its name." }] },
                    "reason": { "oneOf": [{ "type": "null" }, { "$ref": reason }] },
                    "other": { "$ref": "#/components/schemas/Balance" },
                } },
            } },
        });
        inline(&mut document);
        let schemas = &document["components"]["schemas"];
        assert!(schemas.get("CurrencyCode").is_none());
        let fields = &schemas["Balance"]["properties"];
        assert_eq!(fields["currency"]["pattern"], "^[A-Z]{3}$");
        assert_eq!(fields["currency"]["description"], "Of the wallet.");
        assert_eq!(fields["product"]["type"], json!(["string", "null"]));
        assert_eq!(fields["product"]["description"], "The product; null for the main wallet.");
        assert_eq!(fields["named"]["description"], "Its name.");
        assert_eq!((&fields["named"]["example"], &fields["reason"]["example"]), (&json!("whatsapp"), &Value::Null));
        assert_eq!(fields["other"]["$ref"], "#/components/schemas/Balance");
    }
}
