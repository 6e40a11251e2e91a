//! Checks JSON bodies against PayPal's schemas (paypal-rest-api-specifications: checkout_orders_v2,
//! payments_payment_v2). Only the fields that a top-up needs are known; any other field is refused.

use serde_json::Value;

use super::money;
use super::problem::Detail;

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A text with a number of characters in this range.
    Text(usize, usize),
    OneOf(&'static [&'static str]),
    Currency,
    Value,
    Url,
    Locale,
}

/// A leaf of the schema. `path` is a JSON pointer with `#` for an index. A `required` leaf must be present if the
/// nearest array item or object above it is present.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub path: &'static str,
    pub kind: Kind,
    pub required: bool,
}

const fn need(path: &'static str, kind: Kind) -> Rule {
    Rule { path, kind, required: true }
}

const fn may(path: &'static str, kind: Kind) -> Rule {
    Rule { path, kind, required: false }
}

const SHIPPING: Kind = Kind::OneOf(&["GET_FROM_FILE", "NO_SHIPPING", "SET_PROVIDED_ADDRESS"]);
const ACTION: Kind = Kind::OneOf(&["CONTINUE", "PAY_NOW"]);

pub(super) const ORDER: &[Rule] = &[
    need("/intent", Kind::OneOf(&["CAPTURE"])),
    may("/purchase_units/#/reference_id", Kind::Text(1, 256)),
    may("/purchase_units/#/custom_id", Kind::Text(1, 127)),
    may("/purchase_units/#/invoice_id", Kind::Text(1, 127)),
    may("/purchase_units/#/description", Kind::Text(1, 127)),
    may("/purchase_units/#/soft_descriptor", Kind::Text(1, 22)),
    need("/purchase_units/#/amount/currency_code", Kind::Currency),
    need("/purchase_units/#/amount/value", Kind::Value),
    may("/payment_source/paypal/email_address", Kind::Text(3, 254)),
    may("/payment_source/paypal/experience_context/return_url", Kind::Url),
    may("/payment_source/paypal/experience_context/cancel_url", Kind::Url),
    may("/payment_source/paypal/experience_context/user_action", ACTION),
    may("/payment_source/paypal/experience_context/shipping_preference", SHIPPING),
    may(
        "/payment_source/paypal/experience_context/payment_method_preference",
        Kind::OneOf(&["UNRESTRICTED", "IMMEDIATE_PAYMENT_REQUIRED"]),
    ),
    may("/payment_source/paypal/experience_context/brand_name", Kind::Text(1, 127)),
    may("/payment_source/paypal/experience_context/locale", Kind::Locale),
    may(
        "/payment_source/paypal/experience_context/landing_page",
        Kind::OneOf(&["LOGIN", "GUEST_CHECKOUT", "NO_PREFERENCE"]),
    ),
    // Deprecated, but an order without a payment source still has it.
    may("/application_context/return_url", Kind::Url),
    may("/application_context/cancel_url", Kind::Url),
    may("/application_context/user_action", ACTION),
    may("/application_context/shipping_preference", SHIPPING),
    may("/application_context/brand_name", Kind::Text(1, 127)),
    may("/application_context/locale", Kind::Locale),
    may("/application_context/landing_page", Kind::OneOf(&["LOGIN", "BILLING", "NO_PREFERENCE"])),
];

pub(super) const CAPTURE: &[Rule] = &[];

/// The amount may be missing, which refunds everything, but it must not be incomplete.
pub(super) const REFUND: &[Rule] = &[
    may("/amount/currency_code", Kind::Currency),
    may("/amount/value", Kind::Value),
    may("/custom_id", Kind::Text(1, 127)),
    may("/invoice_id", Kind::Text(1, 127)),
    may("/note_to_payer", Kind::Text(1, 255)),
];

pub(super) const VERIFY: &[Rule] = &[
    need("/auth_algo", Kind::Text(1, 100)),
    need("/cert_url", Kind::Text(1, 500)),
    need("/transmission_id", Kind::Text(1, 50)),
    need("/transmission_sig", Kind::Text(1, 500)),
    need("/transmission_time", Kind::Text(1, 100)),
    need("/webhook_id", Kind::Text(1, 50)),
];

/// All errors in the form of `body`.
pub(super) fn details(rules: &[Rule], body: &Value) -> Vec<Detail> {
    let mut found = Vec::new();
    if !body.is_object() {
        found.push(Detail::body("MALFORMED_REQUEST_JSON", "/", None));
        return found;
    }
    walk(rules, body, "", "", &mut found);
    for rule in rules.iter().filter(|rule| rule.required) {
        missing(body, rule.path, String::new(), &mut found);
    }
    if let Some(units) = body.get("purchase_units").and_then(Value::as_array)
        && !(1..=10).contains(&units.len())
    {
        let issue = if units.is_empty() { "INVALID_ARRAY_MIN_ITEMS" } else { "INVALID_ARRAY_MAX_ITEMS" };
        found.push(Detail::body(issue, "/purchase_units", None));
    }
    if let Some(amount) = body.get("amount").and_then(Value::as_object) {
        for name in ["currency_code", "value"] {
            if !amount.contains_key(name) {
                let field = format!("/amount/{name}");
                found.push(Detail::body("MISSING_REQUIRED_PARAMETER", field, None));
            }
        }
    }
    found
}

/// Checks one value. `at` is its pointer, `pattern` the same with `#` for indexes.
fn walk(rules: &[Rule], value: &Value, at: &str, pattern: &str, found: &mut Vec<Detail>) {
    let below = format!("{pattern}/");
    let branch = rules.iter().any(|rule| rule.path.starts_with(&below));
    let array = rules.iter().any(|rule| rule.path.starts_with(&format!("{below}#")));
    if let Some(rule) = rules.iter().find(|rule| rule.path == pattern) {
        if let Some(issue) = check_leaf(rule.kind, value) {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            found.push(Detail::body(issue, at, Some(shown)));
        }
        return;
    }
    match value {
        Value::Array(items) if array => {
            for (index, item) in items.iter().enumerate() {
                walk(rules, item, &format!("{at}/{index}"), &format!("{pattern}/#"), found);
            }
        }
        Value::Object(fields) if branch && !array || pattern.is_empty() => {
            for (name, field) in fields {
                walk(rules, field, &format!("{at}/{name}"), &format!("{pattern}/{name}"), found);
            }
        }
        _ if branch => found.push(Detail::body("INVALID_PARAMETER_SYNTAX", at, None)),
        _ => found.push(Detail::body("NOT_SUPPORTED", at, None)),
    }
}

/// The missing required fields. A field is missing if its array item or object is present without it. At the top level,
/// its whole path is required.
fn missing(value: &Value, path: &str, at: String, found: &mut Vec<Detail>) {
    let Some(rest) = path.strip_prefix('/') else { return };
    let (step, rest) = match rest.find('/') {
        Some(end) => rest.split_at(end),
        None => (rest, ""),
    };
    if step == "#" {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            missing(item, rest, format!("{at}/{index}"), found);
        }
        return;
    }
    let at = format!("{at}/{step}");
    match value.get(step) {
        Some(next) => missing(next, rest, at, found),
        None if !value.is_object() => {}
        // Two required fields below one missing object count as one missing object.
        None if found.iter().any(|detail| detail.field.as_deref() == Some(&at)) => {}
        None => found.push(Detail::body("MISSING_REQUIRED_PARAMETER", at, None)),
    }
}

fn check_leaf(kind: Kind, value: &Value) -> Option<&'static str> {
    let Some(text) = value.as_str() else {
        return Some("INVALID_PARAMETER_SYNTAX");
    };
    let length = text.chars().count();
    let (good, issue) = match kind {
        Kind::Text(least, most) => ((least..=most).contains(&length), "INVALID_STRING_LENGTH"),
        Kind::OneOf(values) => (values.contains(&text), "INVALID_PARAMETER_VALUE"),
        Kind::Currency => (length == 3, "INVALID_STRING_LENGTH"),
        Kind::Value => (money::is_value(text), "INVALID_PARAMETER_SYNTAX"),
        Kind::Url => {
            let url = url::Url::parse(text);
            let good = url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            (good, "INVALID_PARAMETER_SYNTAX")
        }
        Kind::Locale => {
            let mut parts = text.split('-');
            let language = parts.next().unwrap_or("");
            let good = language.len() == 2
                && language.bytes().all(|byte| byte.is_ascii_lowercase())
                && parts.all(|part| (2..=4).contains(&part.len()) && part.is_ascii());
            (good && length <= 10, "INVALID_PARAMETER_SYNTAX")
        }
    };
    (!good).then_some(issue)
}
