//! The `Idempotency-Key` header.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};

use super::problem::Failure;
use crate::app::{Caller, IdempotencyKey};
use crate::domain::code::Code;

/// The most characters of a key.
pub const MAX_KEY: usize = 255;

/// The `Idempotency-Key` header of an operation that requires one: 1 to 255 visible ASCII characters.
#[derive(Debug)]
pub struct IdempotencyHeader(String);

impl IdempotencyHeader {
    /// The key in its scope: the caller, the operation, and the content that the key stands for.
    #[must_use]
    pub fn scoped(&self, caller: &Caller, operation: &'static str, path: &str, body: &[u8]) -> IdempotencyKey {
        // Two bodies that differ only in spacing are the same request.
        let body = serde_json::from_slice::<serde_json::Value>(body)
            .map_or_else(|_| body.to_vec(), |json| json.to_string().into_bytes());
        let content = [path.as_bytes(), b"\n", &body].concat();
        IdempotencyKey::new(&caller.actor(), operation, &self.0, &content)
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
        // A proxy or a library added the other one. Whichever were taken, a retry might be taken for a new request.
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

/// An operation names the header; the document's shared parameter describes it (`openapi::shared`).
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
