//! Checks a call to PayPal's API (token, headers, schema, request id) before its operation runs.

use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::Paypal;
use super::check::{self, Rule};
use super::model::Books;
use super::problem::Problem;
use crate::sandbox::replays::{Claimed, ReplayClaim};
use crate::sandbox::reply::Reply;
use crate::sandbox::tools::now;

/// A request that passed the checks.
#[derive(Debug)]
pub(super) struct Call {
    pub body: Value,
    /// Whether the request has `Prefer: return=representation`.
    pub representation: bool,
    /// The resource that an earlier request with the same `PayPal-Request-Id` created.
    pub replayed: Option<String>,
}

/// The result of an operation: its resource and its response.
pub(super) struct Done {
    pub id: String,
    pub body: Value,
}

struct Ready {
    call: Call,
    claim: Option<ReplayClaim<String>>,
    status: u16,
}

/// Whether an operation remembers its `PayPal-Request-Id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Reads,
    /// The status is 201, and 200 for a repetition.
    Creates,
}

impl Paypal {
    /// Handles one API call. `rules` is the schema of the body.
    pub(super) async fn call(
        &self,
        operation: &'static str,
        request: &HttpRequest,
        body: &[u8],
        effect: Effect,
        rules: &[Rule],
        work: impl FnOnce(&Paypal, &mut Books, &Call) -> Result<Done, Problem>,
    ) -> HttpResponse {
        let prepare = || self.admit(request, body, effect, rules);
        let run = |ready: Ready, forced: Option<Reply>| {
            if let Some(forced) = forced {
                return forced;
            }
            let Ready { call, claim, status } = ready;
            match self.with_books(|books| work(self, books, &call)) {
                Ok(done) => {
                    if let Some(claim) = claim {
                        claim.remember(done.id);
                    }
                    Reply::json(status, done.body)
                }
                Err(problem) => problem.into_reply(),
            }
        };
        self.shared.answer(operation, request, body, prepare, run).await
    }

    fn admit(&self, request: &HttpRequest, body: &[u8], effect: Effect, rules: &[Rule]) -> Result<Ready, Reply> {
        self.authorize(request)?;
        let representation = prefers_representation(request).map_err(Problem::into_reply)?;
        let body = read(request, body, rules).map_err(Problem::into_reply)?;
        let key = request_id(request).map_err(Problem::into_reply)?;
        let mut call = Call { body, representation, replayed: None };
        if effect == Effect::Reads {
            return Ok(Ready { call, claim: None, status: 200 });
        }
        let Some(key) = key else {
            if call.body.get("payment_source").is_some() {
                let name = "PayPal-Request-Id";
                return Err(Problem::header("PAYPAL_REQUEST_ID_REQUIRED", name).into_reply());
            }
            return Ok(Ready { call, claim: None, status: 201 });
        };
        // The same id may be used for another operation. The parameters are not compared, because PayPal returns the
        // resource of the first call.
        match self.replays.claim(&format!("{} {key}", request.path()), "") {
            Claimed::First(claim) => Ok(Ready { call, claim: Some(claim), status: 201 }),
            Claimed::Again(id) => {
                call.replayed = Some(id);
                Ok(Ready { call, claim: None, status: 200 })
            }
            Claimed::InFlight | Claimed::Different => Err(Problem::in_progress().into_reply()),
        }
    }

    /// Requires a bearer token of this sandbox that has not expired.
    fn authorize(&self, request: &HttpRequest) -> Result<(), Reply> {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = header.and_then(|header| header.strip_prefix("Bearer ")) else {
            return Err(Problem::unauthorized().into_reply());
        };
        let known = self.with_books(|books| books.tokens.get(token).copied());
        if known.is_some_and(|until| now() < until) {
            return Ok(());
        }
        // An unknown token gets an error in the form of the gateway.
        let text = "Access Token not found in cache";
        Err(Reply::json(401, json!({ "error": "invalid_token", "error_description": text })))
    }
}

fn prefers_representation(request: &HttpRequest) -> Result<bool, Problem> {
    match request.headers().get("prefer").and_then(|value| value.to_str().ok()) {
        None | Some("return=minimal") => Ok(false),
        Some("return=representation") => Ok(true),
        Some(_) => Err(Problem::header("INVALID_PARAMETER_VALUE", "Prefer")),
    }
}

/// Requires that a POST declares its body as JSON, even an empty body, which means `{}`.
fn read(request: &HttpRequest, body: &[u8], rules: &[Rule]) -> Result<Value, Problem> {
    if request.method() == Method::GET {
        return Ok(Value::Null);
    }
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(Problem::unsupported_media());
    }
    if body.is_empty() {
        return Ok(json!({}));
    }
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        let detail = super::problem::Detail::body("MALFORMED_REQUEST_JSON", "/", None);
        return Err(Problem::malformed(vec![detail]));
    };
    match check::details(rules, &value) {
        details if details.is_empty() => Ok(value),
        details => Err(Problem::malformed(details)),
    }
}

fn request_id(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get("paypal-request-id") else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(text) if (1..=108).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => Err(Problem::header("INVALID_STRING_LENGTH", "PayPal-Request-Id")),
    }
}
