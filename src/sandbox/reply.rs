//! The response of a simulated company, before it becomes an HTTP response.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use serde_json::Value;

#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    Json(Value),
    Text { content_type: &'static str, text: String },
}

impl Reply {
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub fn html(status: u16, text: String) -> Self {
        Self { status, headers: Vec::new(), body: Body::Text { content_type: "text/html; charset=utf-8", text } }
    }

    /// A redirect with 303. The browser follows it with GET, so that a reload never repeats a payment.
    pub fn see_other(location: &str) -> Self {
        let mut reply = Self::html(303, String::new());
        reply.headers.push(("Location", location.to_owned()));
        reply
    }

    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn into_response(self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_str(value)) {
                response.insert_header((name, value));
            }
        }
        match self.body {
            Body::Json(value) => response.json(value),
            Body::Text { content_type, text } => response.content_type(content_type).body(text),
        }
    }
}
