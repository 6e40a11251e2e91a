//! Stripe's error object (docs.stripe.com/api/errors).

use serde_json::{Map, Value, json};

use crate::sandbox::reply::Reply;

#[derive(Debug)]
pub(super) struct Problem {
    status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    param: Option<String>,
    more: Map<String, Value>,
    /// Whether the request was refused before it had an effect. Such a response is not stored under the idempotency key
    /// (docs.stripe.com/api/idempotent_requests).
    pub validation: bool,
}

impl Problem {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, message: message.into(), param: None, more: Map::new(), validation: false }
    }

    /// The request is malformed.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { validation: true, ..Self::new(400, "invalid_request_error", message) }
    }

    /// The request is well formed, but not possible now.
    pub fn impossible(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message).code(code)
    }

    /// Like [`Problem::impossible`], but without a code of Stripe.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self { validation: true, ..Self::new(401, "invalid_request_error", message) }
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self { validation: true, ..Self::new(403, "invalid_request_error", message) }
    }

    pub fn missing(object: &str, id: &str, param: &str) -> Self {
        Self::new(404, "invalid_request_error", format!("No such {object}: '{id}'"))
            .code("resource_missing")
            .param(param)
    }

    /// A 402 for a declined card.
    pub fn card(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(402, "card_error", message).code(code)
    }

    pub fn other_parameters(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were \
             first used with. Try using a key other than '{key}' if you meant to execute a \
             different request."
        );
        Self { validation: true, ..Self::new(400, "idempotency_error", message) }
    }

    pub fn key_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that \
             probably means you submitted twice, and the other request is still going through): \
             {key}. Please try again later."
        );
        Self { validation: true, ..Self::new(409, "idempotency_error", message) }.code("idempotency_key_in_use")
    }

    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn into_reply(self) -> Reply {
        let mut error = self.more;
        error.insert("type".to_owned(), self.kind.into());
        error.insert("message".to_owned(), self.message.into());
        if let Some(code) = self.code {
            error.insert("code".to_owned(), code.into());
            let page = format!("https://docs.stripe.com/error-codes#{}", code.replace('_', "-"));
            error.insert("doc_url".to_owned(), page.into());
        }
        if let Some(param) = self.param {
            error.insert("param".to_owned(), param.into());
        }
        let reply = Reply::json(self.status, json!({ "error": error }));
        match self.status {
            409 => reply.with_header("Stripe-Should-Retry", "true"),
            _ => reply,
        }
    }
}

/// The body of an internal error of Stripe.
pub(in crate::sandbox) fn failure(status: u16) -> Value {
    let (kind, code, message) = match status {
        429 => ("invalid_request_error", Some("rate_limit"), "Request rate limit exceeded."),
        409 => (
            "invalid_request_error",
            Some("lock_timeout"),
            "This object cannot be accessed right now because another API request is currently accessing it.",
        ),
        401 => ("invalid_request_error", None, "Invalid API Key provided."),
        402 => ("card_error", Some("card_declined"), "Your card was declined."),
        status if status >= 500 => ("api_error", None, "An unknown error occurred."),
        _ => ("invalid_request_error", None, "The request was refused."),
    };
    let mut error = json!({ "type": kind, "message": message });
    if let (Some(code), Some(fields)) = (code, error.as_object_mut()) {
        fields.insert("code".to_owned(), code.into());
    }
    json!({ "error": error })
}
