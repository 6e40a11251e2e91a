//! A response that has been read completely.

use std::ops::Index;

use reqwest::header::HeaderMap;
use serde_json::Value;
use topup::domain::code::{Appearance, Code};

use super::documented;

#[derive(Debug)]
pub struct Reply {
    pub method: String,
    pub path: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// Null if the response is not JSON.
    pub body: Value,
}

impl Reply {
    /// Sends a request and reads the response.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let response = client.execute(request).await.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        let reply = Self { method, path, status, headers, text, body };
        documented::check(&reply);
        reply
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Requires that the response has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}: {}", self.method, self.path, self.text);
        self
    }

    /// Requires a complete problem (RFC 9457) with this status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let reply = self.expect(status).must_be_a_problem();
        assert_eq!(reply.body["code"], code, "{} {}: {}", reply.method, reply.path, reply.text);
        reply
    }

    /// Requires a complete problem (RFC 9457).
    #[track_caller]
    pub fn must_be_a_problem(self) -> Self {
        let context = format!("{} {}: {} {}", self.method, self.path, self.status, self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{context}");
        assert_eq!(self.body["status"], self.status, "{context}");
        assert_eq!(self.body["instance"], self.path, "{context}");
        let code = self.body["code"].as_str().unwrap_or_else(|| panic!("no code: {context}"));
        let page = self.body["type"].as_str().unwrap_or_default();
        assert!(page.starts_with("http") && page.ends_with(&format!("/problems/{code}")), "{context}");
        let usual = [Appearance::Problem(self.status), Appearance::OtherProblem];
        assert!(
            places(code).iter().any(|place| usual.contains(place)),
            "{code} is not defined for this status: {context}"
        );
        for error in self.body["errors"].as_array().into_iter().flatten() {
            let code = error["code"].as_str().unwrap_or_else(|| panic!("no code: {context}"));
            assert!(places(code).contains(&Appearance::Field), "{code} is not defined for a field: {context}");
        }
        for field in ["title", "detail", "request_id"] {
            assert!(self.body[field].as_str().is_some_and(|text| !text.is_empty()), "no {field}: {context}");
        }
        let detail = self.body["detail"].as_str().unwrap();
        let begins_well = !detail.starts_with(char::is_lowercase) || detail.contains([':', '_']);
        assert!(begins_well && detail.ends_with(['.', '!', '?']), "not a sentence: {context}");
        assert_eq!(self.header("x-request-id"), self.body["request_id"].as_str(), "{context}");
        self
    }

    /// Requires a 422 that names this field with this code.
    #[track_caller]
    pub fn names(self, pointer: &str, code: &str) -> Self {
        let reply = self.problem(422, "validation_failed");
        let named = reply.body["errors"].as_array().into_iter().flatten();
        let found = named.clone().any(|error| error["pointer"] == pointer && error["code"] == code);
        assert!(found, "{pointer} {code} is not named: {}", reply.text);
        reply
    }
}

impl Index<&str> for Reply {
    type Output = Value;

    fn index(&self, field: &str) -> &Value {
        &self.body[field]
    }
}

/// The places of a code by its definition; none for a text that is not a code.
fn places(code: &str) -> &'static [Appearance] {
    Code::ALL.iter().find(|known| known.as_str() == code).map_or(&[], |code| code.places())
}
