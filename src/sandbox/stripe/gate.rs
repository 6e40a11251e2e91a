//! Checks a call to Stripe's API (key, version, form, idempotency key) before its operation runs.

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::Stripe;
use super::form::{Form, Rule};
use super::model::{Books, Metadata};
use super::problem::Problem;
use super::rules::Version;
use crate::sandbox::replays::{Claimed, ReplayClaim};
use crate::sandbox::reply::Reply;
use crate::sandbox::tools::{random_id, same_secret};

/// The simulated Stripe, as a handler receives it.
pub(super) type Here = web::Data<Stripe>;
/// The id in the path of a call.
pub(super) type Id = web::Path<String>;

/// Refuses metadata with more keys than Stripe accepts.
pub(super) fn check_size(metadata: &Metadata, param: &str) -> Result<(), Problem> {
    if metadata.len() > 50 {
        return Err(Problem::invalid("Metadata can have up to 50 keys.").param(param));
    }
    Ok(())
}

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Only the secret key.
    Secret,
    /// Also a browser, with the publishable key and the client secret of the payment.
    Browser,
}

/// A request that passed the checks.
#[derive(Debug)]
pub(super) struct Call {
    pub form: Form,
    pub version: Option<Version>,
    /// Whether the publishable key was used, so that the client secret must match.
    pub browser: bool,
    request_id: String,
    key: Option<String>,
}

impl Call {
    /// The fields to expand.
    pub fn expand(&self) -> impl Iterator<Item = String> + use<> {
        self.form.map("expand").into_values()
    }
}

struct Ready {
    call: Call,
    claim: Option<ReplayClaim<Reply>>,
}

impl Stripe {
    /// Handles one API call. `rules` are the parameters that the endpoint knows.
    pub(super) async fn call(
        &self,
        operation: &'static str,
        request: &HttpRequest,
        body: &[u8],
        access: Access,
        rules: fn(&Version) -> Vec<Rule>,
        work: impl FnOnce(&Stripe, &mut Books, &Call) -> Result<Value, Problem>,
    ) -> HttpResponse {
        let prepare = || self.admit(request, body, access, rules);
        let run = |ready: Ready, forced: Option<Reply>| {
            let Ready { call, claim } = ready;
            let (reply, keep) = match forced {
                Some(forced) => (forced, true),
                None => self.execute(&call, work),
            };
            let reply = decorated(reply, &call);
            if let (Some(claim), true) = (claim, keep) {
                claim.remember(reply.clone());
            }
            reply
        };
        self.shared.answer(operation, request, body, prepare, run).await
    }

    fn execute(
        &self,
        call: &Call,
        work: impl FnOnce(&Stripe, &mut Books, &Call) -> Result<Value, Problem>,
    ) -> (Reply, bool) {
        let cause = (call.request_id.as_str(), call.key.as_deref());
        let result = self.with_books(Some(cause), |books| {
            if let Some(version) = &call.version {
                books.api_version = Some(version.as_str().to_owned());
            }
            work(self, books, call)
        });
        match result {
            Ok(object) => (Reply::json(200, object), true),
            Err(problem) => {
                let keep = !problem.validation;
                (problem.into_reply(), keep)
            }
        }
    }

    fn admit(
        &self,
        request: &HttpRequest,
        body: &[u8],
        access: Access,
        rules: fn(&Version) -> Vec<Rule>,
    ) -> Result<Ready, Reply> {
        let browser = self.authorize(request, access).map_err(Problem::into_reply)?;
        let (form, version) = read(request, body, browser).map_err(Problem::into_reply)?;
        let key = idempotency_key(request).map_err(Problem::into_reply)?;
        let call = Call { form, version, browser, request_id: random_id("req_", 14), key };
        let mut claim = None;
        if let Some(key) = &call.key {
            let fingerprint = format!("{} {} {}", request.method(), request.path(), call.form.fingerprint());
            match self.replays.claim(key, &fingerprint) {
                Claimed::First(first) => claim = Some(first),
                Claimed::Again(reply) => {
                    return Err(reply.with_header("Idempotent-Replayed", "true"));
                }
                Claimed::InFlight => {
                    return Err(decorated(Problem::key_in_use(key).into_reply(), &call));
                }
                Claimed::Different => {
                    return Err(decorated(Problem::other_parameters(key).into_reply(), &call));
                }
            }
        }
        // The parameters are checked after the key, because a key with other parameters is refused in any case. A
        // refusal here drops the claim, so that the key can be used again.
        match check(&call, rules) {
            Ok(()) => Ok(Ready { call, claim }),
            Err(problem) => Err(decorated(problem.into_reply(), &call)),
        }
    }

    /// Whether the caller is a browser with the publishable key.
    fn authorize(&self, request: &HttpRequest, access: Access) -> Result<bool, Problem> {
        let Some(key) = presented_key(request) else {
            return Err(Problem::unauthorized(
                "You did not provide an API key. You need to provide your API key in the \
                 Authorization header, using Bearer auth (e.g. 'Authorization: Bearer \
                 YOUR_SECRET_KEY').",
            ));
        };
        if same_secret(&key, self.credentials.secret_key.expose_secret()) {
            return Ok(false);
        }
        if same_secret(&key, &self.credentials.publishable_key) {
            return match access {
                Access::Browser => Ok(true),
                Access::Secret => Err(Problem::forbidden(
                    "This API call cannot be made with a publishable API key. Please use a \
                     secret API key.",
                )
                .code("secret_key_required")),
            };
        }
        let shown: String = key.chars().take(7).collect();
        Err(Problem::unauthorized(format!("Invalid API Key provided: {shown}****")))
    }
}

fn presented_key(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    if let Some(key) = header.strip_prefix("Bearer ") {
        return Some(key.trim().to_owned());
    }
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    Some(text.split(':').next().unwrap_or("").to_owned())
}

fn read(request: &HttpRequest, body: &[u8], browser: bool) -> Result<(Form, Option<Version>), Problem> {
    let header = request.headers().get("stripe-version").and_then(|value| value.to_str().ok());
    let version = match header {
        Some(text) => {
            Some(Version::parse(text).ok_or_else(|| Problem::invalid(format!("Invalid Stripe API version: {text}")))?)
        }
        // Stripe.js sends no version; the account decides it.
        None if browser => None,
        None => {
            return Err(Problem::invalid(
                "This sandbox wants the Stripe-Version header on every call, so that an account's \
                 default version can never change what is sent.",
            ));
        }
    };
    let post = request.method() == actix_web::http::Method::POST;
    let raw = if post { body } else { request.query_string().as_bytes() };
    if post && !body.is_empty() {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
            return Err(Problem::invalid(
                "Invalid request (check that your POST content type is \
                 application/x-www-form-urlencoded). If you have questions, we can help at \
                 https://support.stripe.com/.",
            ));
        }
    }
    if post && !request.query_string().is_empty() {
        return Err(Problem::invalid("A POST carries its parameters in the body."));
    }
    let form = Form::decode(raw)?;
    Ok((form, version))
}

fn check(call: &Call, rules: fn(&Version) -> Vec<Rule>) -> Result<(), Problem> {
    // A browser without a version gets the rules of the newest one.
    let newest = Version::parse("2026-10-28.endive");
    match call.version.as_ref().or(newest.as_ref()) {
        Some(version) => call.form.check(&rules(version)),
        None => call.form.check(&[]),
    }
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut values = request.headers().get_all("idempotency-key");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::invalid("The Idempotency-Key header was sent more than once."));
    }
    // On GET and DELETE the header has no effect.
    if request.method() != actix_web::http::Method::POST {
        return Ok(None);
    }
    let key = value.to_str().unwrap_or("");
    if key.is_empty() || key.len() > 255 {
        return Err(Problem::invalid("Idempotency keys must be between 1 and 255 characters long."));
    }
    Ok(Some(key.to_owned()))
}

fn decorated(reply: Reply, call: &Call) -> Reply {
    let reply = reply.with_header("Request-Id", call.request_id.clone());
    let reply = match &call.version {
        Some(version) => reply.with_header("Stripe-Version", version.as_str()),
        None => reply,
    };
    match &call.key {
        Some(key) => reply.with_header("Idempotency-Key", key.clone()),
        None => reply,
    }
}
