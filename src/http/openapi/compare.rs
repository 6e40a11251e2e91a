//! Finds breaking changes between a released document and this one: changes for which a working client would have to be
//! changed.
//!
//! A client that follows the document's policy takes new operations, new optional parameters and fields of requests,
//! new fields of answers, new statuses of failures, and new values of open lists. It cannot take the changes that this
//! module finds. It reads plain schemas as this service writes them: objects, lists, enums, references, and references
//! that may be null.

use std::collections::BTreeSet;

use serde_json::Value;

use super::nullable;

/// The direction of a schema: what clients send, or what they get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Sent,
    Got,
}

/// The breaking changes, one a line, in the order of the released document. Empty when there are none.
#[must_use]
pub fn breaking(released: &Value, current: &Value) -> Vec<String> {
    let mut found = Comparison { released, current, found: Vec::new(), open: Vec::new() };
    for (path, item) in objects(released.get("paths")) {
        for (method, operation) in objects(Some(item)) {
            let at = format!("{} {path}", method.to_uppercase());
            match current.get("paths").and_then(|paths| paths.get(path)?.get(method)) {
                Some(now) => found.operation(&at, operation, now),
                None => found.add(&at, "is gone"),
            }
        }
    }
    for (name, _) in objects(released.get("webhooks")) {
        if current.get("webhooks").and_then(|webhooks| webhooks.get(name)).is_none() {
            found.add(&format!("webhook {name}"), "is gone");
        }
    }
    found.found
}

fn objects(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

fn texts<'v>(schema: &'v Value, name: &str) -> BTreeSet<&'v str> {
    match schema.get(name) {
        Some(Value::String(one)) => BTreeSet::from([one.as_str()]),
        several => several.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect(),
    }
}

struct Comparison<'d> {
    released: &'d Value,
    current: &'d Value,
    found: Vec<String>,
    /// The pairs of references that are being compared: schemas may contain themselves.
    open: Vec<(String, String)>,
}

impl<'d> Comparison<'d> {
    fn add(&mut self, at: &str, what: &str) {
        self.found.push(format!("{at} {what}"));
    }

    fn operation(&mut self, at: &str, before: &'d Value, now: &'d Value) {
        if before.get("operationId") != now.get("operationId") {
            self.add(at, "has another operationId, from which generated clients take its name");
        }
        let lost: Vec<&str> = texts(before, "x-scopes").difference(&texts(now, "x-scopes")).copied().collect();
        for scope in lost {
            self.add(at, &format!("no longer takes tokens with the scope {scope}"));
        }
        let (of_before, of_now) = (parameters(self.released, before), parameters(self.current, now));
        for (name, parameter) in &of_before {
            match of_now.iter().find(|(other, _)| other == name) {
                Some((_, other)) => {
                    self.schema(&format!("{at} {name}"), parameter.get("schema"), other.get("schema"), Direction::Sent);
                }
                None => self.add(at, &format!("no longer takes {name}")),
            }
        }
        for (name, parameter) in &of_now {
            let was_required = of_before.iter().any(|(other, before)| other == name && is_true(before, "required"));
            if is_true(parameter, "required") && !was_required {
                self.add(at, &format!("needs {name}"));
            }
        }
        let body = |operation: &'d Value| operation.pointer("/requestBody/content/application~1json/schema");
        if let Some(now) = body(now) {
            match body(before) {
                Some(before) => self.schema(&format!("{at} body"), Some(before), Some(now), Direction::Sent),
                None => self.add(at, "needs a body"),
            }
        }
        for (status, response) in objects(before.get("responses")).filter(|(status, _)| status.starts_with(['2', '3']))
        {
            let at = format!("{at} {status}");
            let Some(other) = now.get("responses").and_then(|responses| responses.get(status)) else {
                self.add(&at, "is gone");
                continue;
            };
            for (kind, content) in objects(response.get("content")) {
                match other.get("content").and_then(|contents| contents.get(kind)) {
                    Some(other) => self.schema(&at, content.get("schema"), other.get("schema"), Direction::Got),
                    None => self.add(&at, &format!("is no longer {kind}")),
                }
            }
        }
    }

    fn schema(&mut self, at: &str, before: Option<&'d Value>, now: Option<&'d Value>, way: Direction) {
        let (Some(before), Some(now)) = (before, now) else { return };
        let (inner_before, inner_now) = (nullable::reference(before), nullable::reference(now));
        if way == Direction::Got && inner_now.is_some() && !nullable::may_be_null(before) {
            self.add(at, "may now be null");
        }
        let (before, now) = (inner_before.unwrap_or(before), inner_now.unwrap_or(now));
        let name = |schema: &Value| schema.get("$ref").and_then(Value::as_str).unwrap_or_default().to_owned();
        let pair = (name(before), name(now));
        if !pair.0.is_empty() && self.open.contains(&pair) {
            return;
        }
        self.open.push(pair);
        self.resolved(at, resolve(self.released, before), resolve(self.current, now), way);
        self.open.pop();
    }

    fn resolved(&mut self, at: &str, before: &'d Value, now: &'d Value, way: Direction) {
        let (was, is) = (texts(before, "type"), texts(now, "type"));
        // A reader must be ready for all values that come; a server must still take all values that came before.
        let (wide, narrow) = if way == Direction::Got { (&was, &is) } else { (&is, &was) };
        if !narrow.is_subset(wide) {
            self.add(at, &format!("was of type {} and is of type {}", list(&was), list(&is)));
            return;
        }
        self.values(at, &texts(before, "enum"), &texts(now, "enum"), way);
        if way == Direction::Sent {
            self.limits(at, before, now);
        }
        self.properties(at, before, now, way);
        self.schema(&format!("{at}[]"), before.get("items"), now.get("items"), way);
    }

    /// The values of a closed list. A schema without such a list allows any value.
    fn values(&mut self, at: &str, was: &BTreeSet<&str>, is: &BTreeSet<&str>, way: Direction) {
        match way {
            Direction::Got if was.is_empty() => {}
            Direction::Got if is.is_empty() => self.add(at, "may now have any value"),
            Direction::Got => {
                for value in is.difference(was) {
                    self.add(at, &format!("may now have the value {value}"));
                }
            }
            Direction::Sent if is.is_empty() => {}
            Direction::Sent if was.is_empty() => self.add(at, "takes only some values now"),
            Direction::Sent => {
                for value in was.difference(is) {
                    self.add(at, &format!("no longer takes the value {value}"));
                }
            }
        }
    }

    /// The limits of what is sent must not become narrower.
    fn limits(&mut self, at: &str, before: &Value, now: &Value) {
        for (limit, is_upper) in [
            ("maximum", true),
            ("maxLength", true),
            ("maxItems", true),
            ("minimum", false),
            ("minLength", false),
            ("minItems", false),
        ] {
            let number = |schema: &Value| schema.get(limit).and_then(Value::as_i64);
            let narrower = match (number(before), number(now)) {
                (Some(was), Some(is)) => {
                    if is_upper {
                        is < was
                    } else {
                        is > was
                    }
                }
                (None, Some(_)) => true,
                (_, None) => false,
            };
            if narrower {
                self.add(at, &format!("has a narrower {limit}"));
            }
        }
        if let Some(pattern) = now.get("pattern").filter(|pattern| before.get("pattern") != Some(pattern)) {
            self.add(at, &format!("has another pattern {pattern}"));
        }
    }

    fn properties(&mut self, at: &str, before: &'d Value, now: &'d Value, way: Direction) {
        let (required_before, required_now) = (texts(before, "required"), texts(now, "required"));
        let fields = now.get("properties");
        for (name, field) in objects(before.get("properties")) {
            let at = format!("{at}/{name}");
            match fields.and_then(|fields| fields.get(name)) {
                Some(other) => self.schema(&at, Some(field), Some(other), way),
                None => self.add(&at, "is gone"),
            }
            let may_be_left_out = required_before.contains(name.as_str()) && !required_now.contains(name.as_str());
            if way == Direction::Got && may_be_left_out && fields.is_some_and(|fields| fields.get(name).is_some()) {
                self.add(&at, "may now be left out");
            }
        }
        if way == Direction::Sent {
            for name in required_now.difference(&required_before) {
                self.add(&format!("{at}/{name}"), "is required now");
            }
        }
    }
}

fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(schema)
}

fn parameters<'d>(document: &'d Value, operation: &'d Value) -> Vec<(String, &'d Value)> {
    let all = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    all.map(|parameter| resolve(document, parameter))
        .filter_map(|parameter| {
            let text = |name| parameter.get(name).and_then(Value::as_str);
            Some((format!("the {} parameter {}", text("in")?, text("name")?), parameter))
        })
        .collect()
}

fn is_true(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or_default()
}

fn list(texts: &BTreeSet<&str>) -> String {
    texts.iter().copied().collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use serde_json::json;

    use super::*;
    use crate::http::openapi::document;

    /// The document with one place changed.
    fn changed(pointer: &str, change: impl Fn(&mut Value)) -> Value {
        let mut changed = document().clone();
        change(changed.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is not in the document")));
        changed
    }

    fn without(name: &'static str) -> impl Fn(&mut Value) {
        move |value| match value {
            Value::Object(fields) => drop(fields.remove(name)),
            Value::Array(items) => items.retain(|item| item != name),
            _ => {}
        }
    }

    #[test]
    fn what_did_not_change_breaks_nothing() {
        assert_eq!(breaking(document(), document()), Vec::<String>::new());
    }

    #[test]
    fn what_is_added_breaks_nothing() {
        let schemas = "/components/schemas";
        for added in [
            changed("/paths", |paths| paths["/v1/new"] = json!({ "get": {} })),
            changed(&format!("{schemas}/Balance/properties"), |fields| fields["new"] = json!({ "type": "string" })),
            changed(&format!("{schemas}/CreateTransfer/properties"), |fields| {
                fields["new"] = json!({ "type": "string" })
            }),
            changed("/paths/~1v1~1transfers/get/responses", |responses| responses["418"] = json!({})),
            changed(&format!("{schemas}/Balance/properties/currency"), |field| field["enum"] = json!(["CNY"])),
        ] {
            assert_eq!(breaking(document(), &added), Vec::<String>::new());
        }
    }

    #[test]
    fn every_kind_of_breaking_change_is_found() {
        let schema = |name: &str, rest: &str| format!("/components/schemas/{name}{rest}");
        let balance = schema("Balance", "/properties");
        let cases: Vec<(Value, &str)> = vec![
            (changed("/paths", without("/v1/transfers")), "GET /v1/transfers is gone"),
            (changed("/paths/~1v1~1transfers", without("post")), "POST /v1/transfers is gone"),
            (
                changed("/paths/~1v1~1transfers/post", |operation| operation["operationId"] = json!("move")),
                "POST /v1/transfers has another operationId",
            ),
            (
                changed("/paths/~1v1~1transfers/post/x-scopes", without("customer")),
                "POST /v1/transfers no longer takes tokens with the scope customer",
            ),
            (
                changed("/paths/~1v1~1transfers/get/parameters", |all| *all = json!([])),
                "GET /v1/transfers no longer takes the query parameter limit",
            ),
            (
                changed("/paths/~1v1~1transfers/get/parameters", |all| {
                    all.as_array_mut().unwrap().push(json!({ "name": "colour", "in": "query", "required": true }));
                }),
                "GET /v1/transfers needs the query parameter colour",
            ),
            (changed("/paths/~1v1~1transfers/post/responses", without("201")), "POST /v1/transfers 201 is gone"),
            (changed(&balance, without("total")), "GET /v1/balances 200/balances[]/total is gone"),
            (
                changed(&schema("Balance", "/required"), without("total")),
                "GET /v1/balances 200/balances[]/total may now be left out",
            ),
            (
                changed(&format!("{balance}/version"), |field| field["type"] = json!("string")),
                "GET /v1/balances 200/balances[]/version was of type integer and is of type string",
            ),
            (
                changed(&format!("{balance}/currency"), |field| field["type"] = json!(["string", "null"])),
                "GET /v1/balances 200/balances[]/currency was of type string and is of type null or string",
            ),
            (
                changed(&schema("CreateTransfer", "/required"), |all| {
                    all.as_array_mut().unwrap().push(json!("reason"))
                }),
                "POST /v1/transfers body/reason is required now",
            ),
            (
                changed(&schema("CreateTransfer", "/properties"), without("to_product")),
                "POST /v1/transfers body/to_product is gone",
            ),
            (
                changed(&schema("CreateTransfer", "/properties/currency"), |field| field["maxLength"] = json!(2)),
                "POST /v1/transfers body/currency has a narrower maxLength",
            ),
            (
                changed(&schema("CreateTransfer", "/properties/currency"), |field| field["pattern"] = json!("^C")),
                "POST /v1/transfers body/currency has another pattern",
            ),
            (
                changed(&schema("PaymentChannel", "/enum"), without("vnpay")),
                "POST /v1/top-up-orders body/channel no longer takes the value vnpay",
            ),
            (
                changed(&schema("TopUpOrderStatus", "/enum"), |all| all.as_array_mut().unwrap().push(json!("new"))),
                "GET /v1/top-up-orders 200/data[]/status may now have the value new",
            ),
            (
                changed(&schema("TopUpOrderStatus", ""), without("enum")),
                "GET /v1/top-up-orders 200/data[]/status may now have any value",
            ),
            (
                changed(&schema("CreateTransfer", "/properties/currency"), |field| field["enum"] = json!(["CNY"])),
                "POST /v1/transfers body/currency takes only some values now",
            ),
            (
                changed(&schema("TopUpOrder", "/properties/status"), |field| {
                    *field = json!({ "oneOf": [field.take(), { "type": "null" }] });
                }),
                "GET /v1/top-up-orders 200/data[]/status may now be null",
            ),
            (changed("/webhooks", without("order.completed")), "webhook order.completed is gone"),
        ];
        for (current, expected) in cases {
            let found = breaking(document(), &current);
            assert!(found.iter().any(|line| line.starts_with(expected)), "{expected}: {found:#?}");
        }
    }
}
