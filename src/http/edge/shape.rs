//! What is wrong with the shape of a request: every field at once, in the words of this API.
//!
//! Serde stops at the first field that it cannot read, and its messages name Rust's types. So a request that serde
//! refuses is compared with its operation's schema in the document. A request that serde reads is not checked here.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, web};
use chrono::{DateTime, Datelike, NaiveDate};
use serde_json::{Map, Value};

use super::times::YEARS;
use crate::app::error::FieldError;
use crate::domain::code::Code;

/// The longest name that a pointer repeats; a longer one is cut.
const LONGEST_NAME: usize = 100;

/// The document whose schemas judge requests. The server passes it in, because it is made from the handlers.
#[derive(Debug, Clone, Copy)]
pub struct Document(pub fn() -> &'static Value);

/// What is wrong with a body. Nothing if the body fits its schema, or the operation is not in the document.
pub(super) fn of_body(request: &HttpRequest, body: &Value) -> Vec<FieldError> {
    let Some((operation, mut found)) = operation(request) else { return Vec::new() };
    if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
        found.check(schema, body, "");
    }
    found.errors
}

/// What is wrong with a query.
pub(super) fn of_query(request: &HttpRequest) -> Vec<FieldError> {
    let Some((operation, mut found)) = operation(request) else { return Vec::new() };
    let pairs: Vec<(String, String)> = form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
    let known: Vec<(&str, &Value)> = operation.get("parameters").map(query_parameters).unwrap_or_default();
    let unknown: BTreeSet<&str> = pairs
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| known.iter().all(|(known, _)| known != name))
        .collect();
    for name in unknown {
        found.add(format!("?{}", cut(name)), Code::UnknownParameter, "is not a parameter of this operation");
    }
    for (name, parameter) in known {
        let values: Vec<&str> =
            pairs.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect();
        found.check_parameter(name, parameter, &values);
    }
    found.errors
}

/// The operation of a request, and an empty list of what is wrong.
fn operation(request: &HttpRequest) -> Option<(&'static Value, ShapeCheck)> {
    let Some(document) = request.app_data::<web::Data<Document>>() else {
        tracing::error!("The document is missing, so the errors of requests are less exact");
        return None;
    };
    let Document(document) = ***document;
    let document = document();
    let path = document.get("paths")?.get(request.match_pattern()?)?;
    let operation = path.get(request.method().as_str().to_ascii_lowercase())?;
    Some((operation, ShapeCheck { document, errors: Vec::new() }))
}

fn query_parameters(parameters: &Value) -> Vec<(&str, &Value)> {
    let of_query = |parameter: &&Value| parameter.get("in").and_then(Value::as_str) == Some("query");
    let named = |parameter| Value::get(parameter, "name").and_then(Value::as_str).map(|name| (name, parameter));
    parameters.as_array().into_iter().flatten().filter(of_query).filter_map(named).collect()
}

/// A name as a pointer shows it (RFC 6901).
fn token(name: &str) -> String {
    cut(name).replace('~', "~0").replace('/', "~1")
}

fn cut(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

/// A schema, with the fields next to the reference to it.
struct Resolved<'s> {
    beside: &'s Value,
    schema: &'s Value,
}

impl<'s> Resolved<'s> {
    fn of(schema: &'s Value, document: &'s Value) -> Self {
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
        let target = reference.and_then(|pointer| document.pointer(pointer));
        Self { beside: schema, schema: target.unwrap_or(schema) }
    }

    fn types(&self) -> Vec<&str> {
        match self.schema.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    fn names(&self) -> Option<String> {
        let names = self.schema.get("enum")?.as_array()?;
        Some(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
    }

    fn format(&self) -> &str {
        self.schema.get("format").and_then(Value::as_str).unwrap_or_default()
    }

    fn example(&self) -> Option<&str> {
        [self.beside, self.schema]
            .into_iter()
            .find_map(|schema| schema.get("example").or_else(|| schema.pointer("/examples/0")))
            .and_then(Value::as_str)
    }

    fn bound(&self, name: &str) -> Option<i64> {
        self.schema.get(name).and_then(Value::as_i64)
    }

    fn is_within(&self, number: i64) -> bool {
        self.bound("minimum").is_none_or(|least| least <= number)
            && self.bound("maximum").is_none_or(|most| number <= most)
    }

    fn is_required(&self, name: &str) -> bool {
        let required = self.schema.get("required").and_then(Value::as_array);
        required.into_iter().flatten().any(|required| required == name)
    }

    /// The rule for values of this kind, as "must be …".
    fn rule(&self) -> String {
        if let Some(names) = self.names() {
            return format!("must be one of: {names}");
        }
        match (self.types().first().copied().unwrap_or_default(), self.format()) {
            ("string", "date-time") => "must be an RFC 3339 time such as 2026-11-01T00:00:00Z".to_owned(),
            ("string", "date") => "must be a date such as 2026-11-01".to_owned(),
            ("string", _) => match self.example() {
                Some(example) => format!("must be a string such as \"{example}\""),
                None => "must be a string".to_owned(),
            },
            ("boolean", _) => "must be true or false".to_owned(),
            ("integer", _) => match (self.bound("minimum"), self.bound("maximum")) {
                (Some(least), Some(most)) => format!("must be a whole number from {least} to {most}"),
                _ => "must be a whole number".to_owned(),
            },
            ("number", _) => "must be a number".to_owned(),
            ("array", _) => "must be a list".to_owned(),
            _ => "must be a JSON object".to_owned(),
        }
    }
}

/// The kind of a JSON value, for "not a number".
const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a JSON number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

struct ShapeCheck {
    document: &'static Value,
    errors: Vec<FieldError>,
}

impl ShapeCheck {
    fn add(&mut self, pointer: impl Into<String>, code: Code, detail: impl Into<String>) {
        self.errors.push(FieldError { pointer: pointer.into(), code, detail: detail.into() });
    }

    fn check(&mut self, schema: &Value, value: &Value, at: &str) {
        let schema = Resolved::of(schema, self.document);
        let types = schema.types();
        match value {
            Value::Null if types.contains(&"null") => {}
            Value::Object(fields) if types.contains(&"object") => self.check_object(&schema, fields, at),
            Value::Array(items) if types.contains(&"array") => {
                let Some(of_items) = schema.schema.get("items") else { return };
                for (n, item) in items.iter().enumerate() {
                    self.check(of_items, item, &format!("{at}/{n}"));
                }
            }
            Value::String(text) if types.contains(&"string") => self.check_text(&schema, text, at),
            Value::Bool(_) if types.contains(&"boolean") => {}
            Value::Number(number)
                if types.contains(&"integer") && number.as_i64().is_some_and(|n| schema.is_within(n)) => {}
            Value::Number(_) if types.contains(&"number") => {}
            Value::Number(_) if types.contains(&"integer") => self.add(at, Code::InvalidValue, schema.rule()),
            _ if types.is_empty() => {}
            other => self.add(at, Code::InvalidValue, format!("{}, not {}", schema.rule(), kind(other))),
        }
    }

    fn check_object(&mut self, schema: &Resolved<'_>, fields: &Map<String, Value>, at: &str) {
        let known = schema.schema.get("properties").and_then(Value::as_object);
        for name in known.into_iter().flatten().map(|(name, _)| name).filter(|name| schema.is_required(name)) {
            if !fields.contains_key(name) {
                self.add(format!("{at}/{name}"), Code::Required, "is required");
            }
        }
        let others = schema.schema.get("additionalProperties");
        for (name, value) in fields {
            let at = format!("{at}/{}", token(name));
            match (known.and_then(|known| known.get(name)), others) {
                // An optional field may be null.
                (Some(_), _) if value.is_null() && !schema.is_required(name) => {}
                (Some(field), _) => self.check(field, value, &at),
                (None, Some(Value::Bool(false))) => {
                    self.add(at, Code::UnknownField, "is not a field of this request");
                }
                (None, Some(of_others)) => self.check(of_others, value, &at),
                (None, None) => {}
            }
        }
    }

    fn check_text(&mut self, schema: &Resolved<'_>, text: &str, at: &str) {
        let names = schema.schema.get("enum").and_then(Value::as_array);
        let year = match schema.format() {
            "date-time" => DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.year()),
            "date" => text.parse::<NaiveDate>().ok().map(|day| day.year()),
            _ if names.is_none_or(|names| names.iter().any(|name| name == text)) => return,
            _ => None,
        };
        match year {
            Some(year) if YEARS.contains(&year) => {}
            Some(_) => self.add(at, Code::InvalidValue, "must be in the years 2000 to 9999"),
            None => self.add(at, Code::InvalidValue, schema.rule()),
        }
    }

    fn check_parameter(&mut self, name: &str, parameter: &Value, values: &[&str]) {
        let at = format!("?{name}");
        let Some(schema) = parameter.get("schema").map(|schema| Resolved::of(schema, self.document)) else { return };
        if values.is_empty() {
            if parameter.get("required").and_then(Value::as_bool).unwrap_or_default() {
                self.add(at, Code::Required, "is required");
            }
            return;
        }
        let (item, is_list) = match schema.schema.get("items") {
            Some(items) => (Resolved::of(items, self.document), true),
            None => (schema, false),
        };
        if values.len() > 1 && !is_list {
            self.add(&at, Code::InvalidValue, "may be given once");
            return;
        }
        let types = item.types();
        for value in values {
            let before = self.errors.len();
            let is_read = match types.first().copied() {
                Some("integer") => value.parse::<i64>().is_ok(),
                Some("boolean") => matches!(*value, "true" | "false"),
                _ => {
                    self.check_text(&item, value, &at);
                    true
                }
            };
            if !is_read {
                self.add(&at, Code::InvalidValue, item.rule());
            }
            if let Some(noted) = self.errors.get_mut(before).filter(|_| is_list) {
                noted.detail.push_str("; leave it out for all");
            }
        }
    }
}
