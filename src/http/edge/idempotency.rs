//! The `Idempotency-Key` header.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest};
use serde_json::Value;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};

use super::problem::Failure;
use crate::app::{Caller, IdempotencyKey};
use crate::domain::code::Code;
use crate::domain::money::parse_plain_decimal;

/// The most characters of a key.
pub const MAX_KEY: usize = 255;

/// The `Idempotency-Key` header of an operation that requires one: 1 to 255 visible ASCII characters.
#[derive(Debug)]
pub struct IdempotencyHeader(String);

impl IdempotencyHeader {
    /// The key in its scope: the caller, the operation, and the content that the key belongs to.
    #[must_use]
    pub fn scoped(&self, caller: &Caller, operation: &'static str, path: &str, body: &[u8]) -> IdempotencyKey {
        let body = serde_json::from_slice::<Value>(body)
            .map_or_else(|_| body.to_vec(), |json| canonical(None, json).to_string().into_bytes());
        let content = [path.as_bytes(), b"\n", &body].concat();
        IdempotencyKey::new(&caller.actor(), operation, &self.0, &content)
    }
}

/// The form in which two bodies that mean the same are equal, whatever library wrote them: without spaces, fields in
/// the order of their names, no field that is null (as if it were absent), amounts without trailing zeros. The content
/// of `metadata` belongs to the caller, and is not changed.
fn canonical(name: Option<&str>, json: Value) -> Value {
    match json {
        Value::Object(fields) if name != Some("metadata") => {
            let mut kept: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_null()).collect();
            kept.sort_by(|(a, _), (b, _)| a.cmp(b));
            let fields = kept.into_iter().map(|(name, value)| {
                let value = canonical(Some(&name), value);
                (name, value)
            });
            Value::Object(fields.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| canonical(None, item)).collect()),
        Value::String(text) if name.is_some_and(|name| name.ends_with("amount")) => match parse_plain_decimal(&text) {
            Ok(amount) => Value::String(amount.normalize().to_string()),
            Err(_) => Value::String(text),
        },
        other => other,
    }
}

impl FromRequest for IdempotencyHeader {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let bad = |code, detail: &str| ready(Err(Failure::new(StatusCode::BAD_REQUEST, code, detail)));
        let mut sent = request.headers().get_all("idempotency-key");
        let Some(value) = sent.next() else {
            return bad(Code::IdempotencyKeyRequired, "send an Idempotency-Key header, for example a UUID");
        };
        // A proxy or a library has added a second key. Whichever of the two the service used, a retry might count as a
        // new request.
        if sent.any(|other| other != value) {
            return bad(Code::IdempotencyKeyMalformed, "two different Idempotency-Key headers were sent; send one");
        }
        match value.to_str() {
            Ok(key) if (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) => {
                ready(Ok(Self(key.to_owned())))
            }
            _ => bad(Code::IdempotencyKeyMalformed, "Idempotency-Key must be 1 to 255 visible ASCII characters"),
        }
    }
}

/// An operation only names the header; the document's shared parameter describes it (`openapi::shared`).
impl IntoParams for IdempotencyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            ParameterBuilder::new()
                .name("Idempotency-Key")
                .parameter_in(ParameterIn::Header)
                .required(Required::True)
                .build(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_is_the_same_request() {
        let form = |text: &str| canonical(None, serde_json::from_str(text).unwrap_or_default());
        let same = form(r#"{"amount": "5.0", "note": null, "bank": {"b": 1, "a": null}, "metadata": {"k": null}}"#);
        assert_eq!(same.to_string(), r#"{"amount":"5","bank":{"b":1},"metadata":{"k":null}}"#);
        assert_eq!(form(r#"{"metadata": {"k": null}, "bank": {"b": 1}, "amount": "5.00"}"#), same);
        assert_ne!(form(r#"{"metadata": {}, "bank": {"b": 1}, "amount": "5.00"}"#), same);
        assert_ne!(form(r#"{"metadata": {"k": null}, "bank": {"b": 1}, "amount": "5.01"}"#), same);
        // Only amounts are compared as numbers: a name or a reference is compared as text.
        assert_ne!(form(r#"{"note": "5.0"}"#), form(r#"{"note": "5.00"}"#));
    }
}
