//! The journal of received requests, for tests and for a person who wants to see what was sent.

use std::collections::VecDeque;
use std::sync::Mutex;

use actix_web::HttpRequest;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::tools::{lock, now};

/// The number of requests kept: enough for a test or a demo, and few enough to run for weeks.
const KEPT: usize = 2_000;

/// The parameters whose values are secrets, or signatures made with a secret.
const HIDDEN: &[&str] = &["client_secret", "vnp_SecureHash"];

/// A received request.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Received {
    pub at: DateTime<Utc>,
    pub method: String,
    pub path: String,
    pub operation: &'static str,
    /// Only the names, because `Authorization` is among them.
    pub headers: Vec<String>,
    /// `Idempotency-Key` or `PayPal-Request-Id`.
    pub idempotency_key: Option<String>,
    pub body: String,
    /// The status of the response; absent if there was none.
    pub status: Option<u16>,
}

#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: Mutex<VecDeque<Received>>,
}

impl Received {
    pub fn of(operation: &'static str, request: &HttpRequest, body: &[u8]) -> Self {
        let header = |name: &str| {
            let value = request.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let mut headers: Vec<String> = request.headers().keys().map(|name| name.as_str().to_owned()).collect();
        headers.sort();
        let path = match request.query_string() {
            "" => request.path().to_owned(),
            query => format!("{}?{}", request.path(), hide(query)),
        };
        Self {
            at: now(),
            method: request.method().to_string(),
            path,
            operation,
            headers,
            idempotency_key: header("idempotency-key").or_else(|| header("paypal-request-id")),
            body: hide(&String::from_utf8_lossy(body)),
            status: None,
        }
    }
}

/// Replaces the values of secret parameters in a query, a form or a JSON text.
fn hide(text: &str) -> String {
    if let Ok(mut json) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        for name in HIDDEN {
            if let Some(value) = json.get_mut(*name) {
                *value = "(hidden)".into();
            }
        }
        return serde_json::Value::Object(json).to_string();
    }
    let parts: Vec<String> = text
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if HIDDEN.contains(&name) => format!("{name}=(hidden)"),
            _ => pair.to_owned(),
        })
        .collect();
    parts.join("&")
}

impl Journal {
    pub fn note(&self, received: Received) {
        let mut entries = lock(&self.entries);
        if entries.len() >= KEPT {
            entries.pop_front();
        }
        entries.push_back(received);
    }

    /// All requests, oldest first.
    pub fn list(&self) -> Vec<Received> {
        lock(&self.entries).iter().cloned().collect()
    }
}
