//! Authenticates callers by their tokens or API keys, and checks their scopes.
//!
//! Every path needs a token or a key unless [`PUBLIC`] lists it. A handler's first argument is an [`Allowed`]; it
//! checks the scope, and an operator's permission, before the handler reads anything else of the request.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;

use actix_web::body::{BodySize, BodyStream, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, ResponseError, web};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;

use super::connections::Connection;
use super::extract::ClientIp;
use super::problem::Failure;
use crate::app::api_keys::KeyRing;
use crate::app::{Caller, Error};
use crate::domain::api_key::{self, KeyText};
use crate::domain::code::Code;
use crate::domain::environment::Environment;
use crate::domain::permission::{Permission, Permissions};
use crate::identity::{Limiter, Principal, RateDecision, Scope, Scopes, TokenVerifier};

/// The paths that need no token: exact paths, and prefixes, which end with a slash. Payment companies prove who they
/// are by their signatures.
pub const PUBLIC: [&str; 13] = [
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/llms.txt",
    "/docs",
    "/docs/",
    "/paid",
    "/problems/",
    "/v1/balances/stream-by-ticket",
    "/v1/ledger/keys",
    "/v1/providers/",
];

/// Whether a path needs no token.
#[must_use]
pub fn is_public(path: &str) -> bool {
    PUBLIC
        .iter()
        .any(|public| path == *public || (public.len() > 1 && public.ends_with('/') && path.starts_with(public)))
}

/// What the authentication needs: the verifier of tokens, the API keys, and a rate limit for each kind of caller.
#[derive(Clone)]
pub struct Gate {
    pub verifier: Arc<TokenVerifier>,
    pub keys: KeyRing,
    /// The environment whose keys are accepted.
    pub environment: Environment,
    pub customers: Arc<Limiter>,
    pub services: Arc<Limiter>,
}

/// Middleware: verifies the token and counts the call. Without a valid token it answers 401, beyond the rate limit 429,
/// and 503 when the keys for verifying cannot be loaded.
///
/// # Errors
/// The inner service's error.
pub async fn authenticate<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if is_public(request.path()) || request.method() == actix_web::http::Method::OPTIONS {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let Some(gate) = request.app_data::<web::Data<Gate>>().cloned() else {
        return Ok(refuse(request, &Error::Internal("the gate among the application's data").into()));
    };
    let (principal, key) = match principal(&gate, request.request()).await {
        Ok(known) => known,
        Err(failure) => {
            let challenge = failure.status_code() == StatusCode::UNAUTHORIZED;
            let mut response = refuse(request, &failure);
            if challenge {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            return Ok(response);
        }
    };
    let staff = principal.scopes.contains(Scope::Service) || principal.scopes.contains(Scope::Operator);
    let limiter = if staff { &gate.services } else { &gate.customers };
    let decision = limiter.check(&principal.credential);
    if let Some(decision) = decision.as_ref().filter(|decision| !decision.allowed) {
        let failure = Failure::new(
            StatusCode::TOO_MANY_REQUESTS,
            Code::RateLimited,
            "the caller has sent too many requests; slow down",
        )
        .retry_after(decision.retry_after_seconds.unwrap_or(1));
        let mut response = refuse(request, &failure);
        limit_headers(response.headers_mut(), decision);
        return Ok(response);
    }
    request.extensions_mut().insert(principal);
    if let Some(connection) = request.conn_data::<Arc<Connection>>() {
        connection.know();
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    if let Some(decision) = decision {
        limit_headers(response.headers_mut(), &decision);
    }
    Ok(match key {
        Some(key) => response.map_body(|_, body| while_good(body, gate.keys.clone(), key)),
        None => response,
    })
}

fn unauthorized(detail: String) -> Failure {
    Failure::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, detail)
}

/// The caller, and the API key, if one was sent.
async fn principal(gate: &Gate, request: &HttpRequest) -> Result<(Arc<Principal>, Option<KeyText>), Failure> {
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| unauthorized("send Authorization: Bearer <token>".to_owned()))?;
    if token.starts_with(api_key::PREFIX) {
        let (principal, key) = key_principal(gate, request, token).await?;
        return Ok((principal, Some(key)));
    }
    if let Some(principal) = gate.verifier.cached(token) {
        return Ok((principal, None));
    }
    let verified = gate.verifier.verify(token).await.map_err(|error| {
        if error.is_unavailable() {
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, Code::KeysUnavailable, error.to_string()).retry_after(5)
        } else {
            unauthorized(error.to_string())
        }
    });
    verified.map(|principal| (principal, None))
}

/// The owner of a valid API key. The refusal does not say whether the key is unknown, expired or revoked.
async fn key_principal(gate: &Gate, request: &HttpRequest, text: &str) -> Result<(Arc<Principal>, KeyText), Failure> {
    let text = KeyText::read(text, gate.environment).map_err(|refusal| unauthorized(refusal.to_string()))?;
    let unknown = || unauthorized("the API key is unknown, expired or revoked".to_owned());
    let key = gate.keys.find(&text).await?.ok_or_else(unknown)?;
    gate.keys.note(key.id, ClientIp::of(request).0);
    Ok((
        Arc::new(Principal::of_key(key.id, &key.owner, key.own_customer.clone(), key.permissions, key.expires_at)),
        text,
    ))
}

/// A stream that ends when the API key with which it was opened ends. Other bodies are sent at once.
fn while_good(body: BoxBody, keys: KeyRing, key: KeyText) -> BoxBody {
    if body.size() != BodySize::Stream {
        return body;
    }
    let ended = async move { keys.ended(&key).await };
    let pieces = futures_util::stream::unfold(body, |mut body| async move {
        let piece = std::future::poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await?;
        Some((piece, body))
    });
    BodyStream::new(pieces.take_until(Box::pin(ended))).boxed()
}

fn refuse(request: ServiceRequest, failure: &Failure) -> ServiceResponse<BoxBody> {
    request.into_response(failure.error_response())
}

/// Adds the RateLimit headers of draft-ietf-httpapi-ratelimit-headers-07.
fn limit_headers(headers: &mut HeaderMap, decision: &RateDecision) {
    for (name, value) in [
        ("ratelimit-limit", u64::from(decision.limit)),
        ("ratelimit-remaining", u64::from(decision.remaining)),
        ("ratelimit-reset", decision.reset_after_seconds),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
}

const CUSTOMER: u8 = 1;
const SERVICE: u8 = 2;
const OPERATOR: u8 = 4;

/// What an operator needs to call an operation, as a parameter of the types below.
pub const READ: u8 = Permission::Read.bit();
pub const SUPPORT: u8 = Permission::Support.bit();
pub const FINANCE: u8 = Permission::Finance.bit();
pub const ADMIN: u8 = Permission::Admin.bit();

/// The verified caller, who has one of the scopes in the mask. A caller without one gets 403, and so does an operator
/// without the permission. A caller who also has another scope of the mask acts in that one.
#[derive(Debug)]
pub struct Allowed<const SCOPES: u8, const PERMISSION: u8 = READ>(pub Caller);

/// A customer who acts for itself, or a service or operator who names a customer.
pub type AsCustomer<const PERMISSION: u8 = READ> = Allowed<{ CUSTOMER | SERVICE | OPERATOR }, PERMISSION>;
pub type AsService = Allowed<SERVICE>;
pub type AsStaff<const PERMISSION: u8 = READ> = Allowed<{ SERVICE | OPERATOR }, PERMISSION>;
pub type AsOperator<const PERMISSION: u8 = READ> = Allowed<OPERATOR, PERMISSION>;

impl<const SCOPES: u8, const PERMISSION: u8> FromRequest for Allowed<SCOPES, PERMISSION> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        let Some(principal) = extensions.get::<Arc<Principal>>() else {
            return ready(Err(Failure::new(
                StatusCode::UNAUTHORIZED,
                Code::Unauthorized,
                "send Authorization: Bearer <token>",
            )));
        };
        let held = mask(principal.scopes) & SCOPES;
        if held == 0 {
            let detail = "the token's scope does not allow this operation";
            return ready(Err(Failure::new(StatusCode::FORBIDDEN, Code::InsufficientScope, detail)));
        }
        let is_permitted = permission(PERMISSION).is_some_and(|needed| principal.permissions.contains(needed));
        if held == OPERATOR && !is_permitted {
            return ready(Err(not_permitted(PERMISSION, principal.permissions)));
        }
        let is_operator = principal.scopes.contains(Scope::Operator) && is_permitted;
        ready(Ok(Self(Caller {
            subject: principal.subject.clone(),
            own_customer: principal.customer.clone(),
            is_customer: principal.scopes.contains(Scope::Customer),
            is_service: principal.scopes.contains(Scope::Service),
            is_operator,
            permissions: if is_operator { principal.permissions } else { Permissions::NONE },
            api_key: principal.api_key,
        })))
    }
}

/// When the caller's token expires.
#[derive(Debug, Clone, Copy)]
pub struct TokenEnd(pub DateTime<Utc>);

impl FromRequest for TokenEnd {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing =
            || Failure::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, "send Authorization: Bearer <token>");
        let ends = request.extensions().get::<Arc<Principal>>().map(|principal| Self(principal.expires_at));
        ready(ends.ok_or_else(missing))
    }
}

fn permission(bit: u8) -> Option<Permission> {
    Permission::ALL.into_iter().find(|permission| permission.bit() == bit)
}

fn not_permitted(needed: u8, held: Permissions) -> Failure {
    let needed = permission(needed).map_or("", Permission::as_str);
    let held = if held == Permissions::NONE { "none".to_owned() } else { held.to_string() };
    let detail = format!("this operation needs the permission `{needed}`; the token's permissions: {held}");
    Failure::new(StatusCode::FORBIDDEN, Code::InsufficientPermission, detail)
}

fn mask(scopes: Scopes) -> u8 {
    let bit = |scope, bit| if scopes.contains(scope) { bit } else { 0 };
    bit(Scope::Customer, CUSTOMER) | bit(Scope::Service, SERVICE) | bit(Scope::Operator, OPERATOR)
}
