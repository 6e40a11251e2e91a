//! Arbitrary bytes in every place of every request: never an internal error.

use reqwest::header::HeaderValue;
use serde_json::Value;

use crate::every_operation::{Operation, all, role};
use crate::support::{Caller, TestApp, token};

/// Percent-encoded for paths and queries: NUL, no UTF-8, overlong, a surrogate, line breaks, half escapes, quotes.
const ENCODED: [&str; 18] = [
    "%00",
    "a%00b",
    "%01",
    "%7f",
    "%ff",
    "%fe%ff",
    "%c0%80",
    "%ed%a0%80",
    "%0d%0aset-cookie:%20a=b",
    "%25%30%30",
    "%2500",
    "%",
    "%zz",
    "'%22%5c;--",
    "%F0%9F%98%80",
    "%2e%2e%2f%2e%2e%2f",
    "-9223372036854775809",
    "tuo_ffffffffffffffffffffffffffffffff",
];

/// The text between the quotes of a JSON string.
const IN_TEXTS: [&[u8]; 9] = [
    br"\u0000",
    br"a\u0000b",
    br"\ud800",
    br"\udfff\ud800",
    br"\u001b[0m",
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    br"\u202e",
];

const IN_HEADERS: [&[u8]; 6] = [b"", b"\x80\xff", b"\t\t", b"a\xc3\x28", b"%00", br#"""\"""#];

const HEADERS: [&str; 16] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "content-type",
    "cookie",
    "forwarded",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "origin",
    "paypal-cert-url",
    "paypal-transmission-sig",
    "stripe-signature",
    "x-forwarded-for",
    "x-request-id",
];

fn long(encoded: &str) -> Vec<String> {
    vec![encoded.to_owned(), encoded.repeat(500)]
}

/// The path with something in each of its places.
fn path_with(template: &str, text: &str) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        path.push_str(before);
        path.push_str(text);
        rest = after.split_once('}').unwrap().1;
    }
    path + rest
}

fn query_names(operation: &Operation) -> Vec<String> {
    let parameters = operation.document["parameters"].as_array().into_iter().flatten();
    let named = parameters.filter(|parameter| parameter["in"] == "query");
    named.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
}

/// The example of the operation's body.
fn example(operation: &Operation) -> Option<Value> {
    let content = operation.document.pointer("/requestBody/content/application~1json")?;
    let name = content.pointer("/schema/$ref")?.as_str()?.trim_start_matches('#');
    let schema = topup::http::openapi::document().pointer(name)?;
    Some(content.get("example").or_else(|| schema.get("example"))?.clone())
}

/// The pointers of all texts in a body.
fn texts(body: &Value, at: &str, found: &mut Vec<String>) {
    match body {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| texts(field, &format!("{at}/{name}"), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| texts(item, &format!("{at}/{n}"), found));
        }
        Value::String(_) => found.push(at.to_owned()),
        _ => {}
    }
}

const PLACE: &str = "\u{1}place\u{1}";

/// The body with bytes in the place of one text.
fn body_with(example: &Value, pointer: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body = example.clone();
    *body.pointer_mut(pointer).unwrap() = PLACE.into();
    let written = serde_json::to_string(&body).unwrap();
    let place = serde_json::to_string(PLACE).unwrap();
    let (before, after) = written.split_once(place.trim_matches('"')).unwrap();
    [before.as_bytes(), bytes, after.as_bytes()].concat()
}

/// The requests that ended in an internal error.
#[derive(Default)]
struct Failed(Vec<String>);

impl Failed {
    async fn send(&mut self, request: reqwest::RequestBuilder, what: String) {
        let (client, request) = request.build_split();
        let mut answer = client.execute(request.unwrap()).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        // The first part is enough: a stream does not end.
        answer.chunk().await.unwrap();
        if answer.status().as_u16() == 500 {
            self.0.push(what);
        }
    }

    fn must_be_empty(self) {
        assert!(self.0.is_empty(), "{} internal errors: {:#?}", self.0.len(), self.0);
    }
}

fn caller<'a>(app: &'a TestApp, operation: &Operation) -> Caller<'a> {
    match operation.scopes().first() {
        Some(scope) => app.bearer(token("alice", role(scope))),
        None => app.anonymous(),
    }
}

#[tokio::test]
async fn no_bytes_in_a_path_or_a_query_are_an_internal_error() {
    let app = TestApp::spawn().await;
    let mut failed = Failed::default();
    for operation in all() {
        let caller = caller(&app, &operation);
        let names = query_names(&operation);
        for text in ENCODED.iter().flat_map(|text| long(text)) {
            let mut paths = vec![format!("{}?{text}={text}", operation.path)];
            if operation.template.contains('{') {
                paths.push(path_with(&operation.template, &text));
            }
            paths.extend(names.iter().map(|name| format!("{}?{name}={text}", operation.path)));
            for path in paths {
                let request = caller.request(operation.method.clone(), &path).header("idempotency-key", "k");
                failed.send(request, format!("{} {path}", operation.method)).await;
            }
        }
    }
    failed.must_be_empty();
    app.finish().await;
}

#[tokio::test]
async fn no_bytes_in_a_header_or_a_body_are_an_internal_error() {
    let app = TestApp::spawn().await;
    let mut failed = Failed::default();
    for operation in all() {
        let caller = caller(&app, &operation);
        let request = || caller.request(operation.method.clone(), &operation.path);
        for name in HEADERS {
            for value in IN_HEADERS {
                let value = HeaderValue::from_bytes(value).unwrap();
                let what = format!("{} with {name}: {value:?}", operation.id);
                failed.send(request().header(name, value).body("{}"), what).await;
            }
        }
        let json = || request().header("content-type", "application/json").header("if-match", "\"0\"");
        let Some(example) = example(&operation) else { continue };
        let mut places = Vec::new();
        texts(&example, "", &mut places);
        for place in &places {
            for bytes in IN_TEXTS {
                let key = uuid::Uuid::now_v7().to_string();
                let request = json().header("idempotency-key", key).body(body_with(&example, place, bytes));
                failed.send(request, format!("{} with {bytes:?} at {place}", operation.id)).await;
            }
        }
    }
    failed.must_be_empty();
    app.finish().await;
}

/// Nobody has a reference with NUL, which PostgreSQL cannot even compare.
#[tokio::test]
async fn a_return_with_nul_names_nothing() {
    let app = TestApp::spawn().await;
    for path in ["/v1/providers/paypal/return?token=%00", "/v1/providers/paypal/return?order=%00&token=a%00b"] {
        app.anonymous().get(path).await.problem(404, "not_found");
    }
    app.finish().await;
}
