//! Reads requests strictly: a problem names the field and the rule that it breaks.

use std::future::{Future, Ready, ready};
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::{Decompress, Payload};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use tokio::time::timeout;

use super::body_budget::{BodyBudget, BodyPermit};
use super::problem::Failure;
use crate::app::Error;
use crate::domain::code::Code;

/// A JSON body. The body's type refuses unknown fields (`deny_unknown_fields`).
///
/// `LIMIT` is the most bytes that the unpacked body may have; 0 stands for the configured limit of ordinary requests.
/// An operation with a limit of its own takes large bodies: such a body is read only when the [`BodyBudget`] has a
/// permit for it, and keeps the permit until it is dropped.
#[derive(Debug)]
pub struct JsonBody<T, const LIMIT: usize = 0> {
    pub value: T,
    /// The bytes as sent, from which an idempotency fingerprint is made.
    pub bytes: web::Bytes,
    pub permit: Option<BodyPermit>,
}

impl<T: DeserializeOwned + 'static, const LIMIT: usize> FromRequest for JsonBody<T, LIMIT> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        let bytes = read(request, payload, LIMIT);
        Box::pin(async move {
            if !is_json {
                let detail = "send Content-Type: application/json";
                return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::UnsupportedMediaType, detail));
            }
            let (bytes, permit) = bytes.await?;
            let value = parse(&bytes)?;
            Ok(Self { value, bytes, permit })
        })
    }
}

type ReadBody = Pin<Box<dyn Future<Output = Result<(web::Bytes, Option<BodyPermit>), Failure>>>>;

/// The deadline for a large body to arrive. It is shorter than other requests wait for a permit, so that one slow
/// upload cannot make them all give up.
const LARGE_BODY: Duration = Duration::from_secs(8);

/// The configured limit of ordinary bodies, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

fn read(request: &HttpRequest, payload: &mut Payload, limit: usize) -> ReadBody {
    let misconfigured = || Failure::from(Error::Internal("a configured limit for request bodies"));
    let (budget, most) = if limit == 0 {
        (None, request.app_data::<web::Data<BodyLimit>>().map(|limit| limit.0))
    } else {
        let budget = request.app_data::<web::Data<BodyBudget>>().cloned();
        let most = budget.is_some().then_some(limit);
        (budget, most)
    };
    let Some(most) = most else { return Box::pin(ready(Err(misconfigured()))) };
    let headers = request.headers();
    // A body without a length, or a compressed one, may become as large as the limit.
    let length = headers.get(CONTENT_LENGTH).filter(|_| !headers.contains_key(CONTENT_ENCODING));
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(most);
    let body = Decompress::from_headers(payload.take(), headers);
    Box::pin(async move {
        if length > most {
            return Err(too_large(most));
        }
        let Some(budget) = budget else { return Ok((collect(body, most).await?, None)) };
        let mut permit = budget.take(length).await?;
        let bytes = timeout(LARGE_BODY, collect(body, most)).await.map_err(|_| {
            Failure::new(StatusCode::REQUEST_TIMEOUT, Code::BodyTooSlow, "the body did not arrive in time")
        })??;
        permit.shrink_to(bytes.len());
        Ok((bytes, Some(permit)))
    })
}

fn too_large(most: usize) -> Failure {
    let detail = format!("the body is larger than this operation accepts: at most {most} bytes");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, Code::BodyTooLarge, detail)
}

/// Reads the whole body. Most bodies arrive in one piece, which is not copied.
async fn collect(mut body: Decompress<Payload>, most: usize) -> Result<web::Bytes, Failure> {
    let unreadable = |_| Failure::new(StatusCode::BAD_REQUEST, Code::UnreadableBody, "the body could not be read");
    let mut first = web::Bytes::new();
    let mut all = web::BytesMut::new();
    while let Some(piece) = body.try_next().await.map_err(unreadable)? {
        if first.len() + all.len() + piece.len() > most {
            return Err(too_large(most));
        }
        if first.is_empty() && all.is_empty() {
            first = piece;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&piece);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    // Serde would also read an array as the fields in their order, which is no part of the API.
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if is_object && let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    // Keeping track of the position costs time, so a broken body is parsed a second time to find it.
    Err(what_is_wrong::<T>(bytes, is_object))
}

fn what_is_wrong<T: DeserializeOwned>(bytes: &[u8], is_object: bool) -> Failure {
    let malformed = |error: &serde_json::Error| {
        Failure::new(StatusCode::BAD_REQUEST, Code::MalformedJson, format!("the body is not JSON: {error}"))
    };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
        return malformed(&error);
    }
    if !is_object {
        return Error::field("/", Code::InvalidValue, "must be a JSON object").into();
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Err(error) if error.inner().is_data() => {
            let (pointer, detail) = locate(error.path(), &error.inner().to_string());
            Error::field(pointer, Code::InvalidValue, detail).into()
        }
        Err(error) => malformed(error.inner()),
        Ok(_) => Failure::new(StatusCode::BAD_REQUEST, Code::MalformedJson, "the body is not JSON"),
    }
}

/// The JSON pointer of a serde error. Serde reports a missing or unknown field at the parent object, and names the
/// field only in its message.
fn locate(path: &Path, message: &str) -> (String, String) {
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{key}")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    // serde_json appends line and column, which the pointer replaces.
    let detail = message.split(" at line ").next().unwrap_or(message).to_owned();
    let named = |prefix: &str| detail.strip_prefix(prefix).and_then(|rest| rest.split('`').next());
    if let Some(missing) = named("missing field `") {
        return (format!("{pointer}/{missing}"), "is required".to_owned());
    }
    if let Some(unknown) = named("unknown field `") {
        let suffix = format!("/{unknown}");
        let pointer = if pointer.ends_with(&suffix) { pointer } else { format!("{pointer}{suffix}") };
        return (pointer, "is not a field of this request".to_owned());
    }
    (if pointer.is_empty() { "/".to_owned() } else { pointer }, detail)
}

/// Query parameters; a repeated parameter is a list. The query's type refuses unknown parameters.
#[derive(Debug)]
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned> FromRequest for QueryParams<T> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = form_urlencoded::parse(request.query_string().as_bytes());
        let parsed = serde_path_to_error::deserialize(serde_html_form::Deserializer::new(pairs));
        ready(parsed.map(Self).map_err(|error| {
            let (pointer, detail) = locate(error.path(), &error.inner().to_string());
            let name = pointer.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
            Failure::from(Error::field(format!("?{name}"), Code::InvalidValue, detail))
        }))
    }
}

/// The caller's address: the connection's peer, or the one that a trusted proxy names in `X-Forwarded-For`.
#[derive(Debug, Clone, Copy)]
pub struct ClientIp(pub IpAddr);

/// Whether the service runs behind a proxy that names the caller's address.
#[derive(Debug, Clone, Copy)]
pub struct TrustProxy(pub bool);

impl FromRequest for ClientIp {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let peer = request.peer_addr().map(|address| address.ip());
        let trusted = request.app_data::<web::Data<TrustProxy>>().is_some_and(|trust| trust.0);
        // The proxy wrote the last address; the caller may have sent the ones before it.
        let forwarded = request
            .headers()
            .get("x-forwarded-for")
            .filter(|_| trusted)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.rsplit(',').next())
            .and_then(|address| address.trim().parse().ok());
        let ip = forwarded.or(peer).unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
        ready(Ok(Self(ip)))
    }
}
