//! Strict reading of requests: what is wrong is named by field and rule.

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

use super::body_budget::{Place, Room};
use super::problem::Failure;
use crate::app::{Caller, Error, IdempotencyKey};

/// A JSON body. Unknown fields are refused by the type (`deny_unknown_fields`). It may have `LIMIT` bytes, unpacked;
/// 0 stands for the configured limit of ordinary requests. A larger one than those is read only where the [`Room`]
/// has a place for it, which it keeps until it is dropped.
#[derive(Debug)]
pub struct JsonBody<T, const LIMIT: usize = 0> {
    pub value: T,
    /// The bytes as sent: what an idempotency fingerprint is made of.
    pub bytes: web::Bytes,
    pub place: Option<Place>,
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
                return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
            }
            let (bytes, place) = bytes.await?;
            let value = parse(&bytes)?;
            Ok(Self { value, bytes, place })
        })
    }
}

type ReadBody = Pin<Box<dyn Future<Output = Result<(web::Bytes, Option<Place>), Failure>>>>;

/// How long a large body may take to arrive: less than others wait for the place that it keeps from them.
const LARGE_BODY: Duration = Duration::from_secs(8);

/// What ordinary requests may have, in bytes; configured.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

fn read(request: &HttpRequest, payload: &mut Payload, limit: usize) -> ReadBody {
    let misconfigured = || Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "no limit of bodies");
    let (room, most) = if limit == 0 {
        (None, request.app_data::<web::Data<BodyLimit>>().map(|limit| limit.0))
    } else {
        let room = request.app_data::<web::Data<Room>>().cloned();
        let most = room.is_some().then_some(limit);
        (room, most)
    };
    let Some(most) = most else { return Box::pin(ready(Err(misconfigured()))) };
    let headers = request.headers();
    // What says no length, or is packed, may become as large as allowed.
    let length = headers.get(CONTENT_LENGTH).filter(|_| !headers.contains_key(CONTENT_ENCODING));
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(most);
    let body = Decompress::from_headers(payload.take(), headers);
    Box::pin(async move {
        if length > most {
            return Err(too_large(most));
        }
        let Some(room) = room else { return Ok((collect(body, most).await?, None)) };
        let mut place = room.take(length).await?;
        let bytes = timeout(LARGE_BODY, collect(body, most)).await.map_err(|_| {
            Failure::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body did not arrive in time")
        })??;
        place.shrink_to(bytes.len());
        Ok((bytes, Some(place)))
    })
}

fn too_large(most: usize) -> Failure {
    let detail = format!("the body is larger than this operation takes: at most {most} bytes");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}

/// Most bodies come in one piece, which is taken as it is.
async fn collect(mut body: Decompress<Payload>, most: usize) -> Result<web::Bytes, Failure> {
    let unreadable = |_| Failure::new(StatusCode::BAD_REQUEST, "unreadable_body", "the body could not be read");
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
    // Serde would read an array as the fields in their order, which nobody promises.
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if is_object && let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    // Where it is wrong is only kept track of where it matters, which takes time.
    Err(what_is_wrong::<T>(bytes, is_object))
}

fn what_is_wrong<T: DeserializeOwned>(bytes: &[u8], is_object: bool) -> Failure {
    let malformed = |error: &serde_json::Error| {
        Failure::new(StatusCode::BAD_REQUEST, "malformed_json", format!("the body is not JSON: {error}"))
    };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
        return malformed(&error);
    }
    if !is_object {
        return Error::field("/", "invalid_value", "must be a JSON object").into();
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Err(error) if error.inner().is_data() => {
            let (pointer, detail) = locate(error.path(), &error.inner().to_string());
            Error::field(pointer, "invalid_value", detail).into()
        }
        Err(error) => malformed(error.inner()),
        Ok(_) => Failure::new(StatusCode::BAD_REQUEST, "malformed_json", "the body is not JSON"),
    }
}

/// A JSON pointer for a serde error. Serde reports a missing field at its parent and names it in the text,
/// the only place where it does; an unknown field likewise.
fn locate(path: &Path, message: &str) -> (String, String) {
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{key}")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    // serde_json appends where it stood; the pointer says it better.
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

/// Query parameters; a repeated one is a list. Unknown ones are refused by the type.
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
            Failure::from(Error::field(format!("?{name}"), "invalid_value", detail))
        }))
    }
}

/// The `Idempotency-Key` header, where an operation requires it: 1–255 visible ASCII characters.
#[derive(Debug)]
pub struct IdempotencyHeader(String);

impl IdempotencyHeader {
    /// The key in its scope: who calls, which operation, and the content that it stands for.
    #[must_use]
    pub fn scoped(&self, caller: &Caller, operation: &'static str, path: &str, body: &[u8]) -> IdempotencyKey {
        // Two bodies with the same meaning are the same request, whatever their spacing.
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
        let Some(value) = request.headers().get("idempotency-key") else {
            return bad("idempotency_key_required", "send an Idempotency-Key header, for example a UUID");
        };
        match value.to_str() {
            Ok(key) if (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) => {
                ready(Ok(Self(key.to_owned())))
            }
            _ => bad("idempotency_key_malformed", "Idempotency-Key must be 1 to 255 visible ASCII characters"),
        }
    }
}

/// The address of the caller: of the connection, or of the trusted proxy's `X-Forwarded-For`.
#[derive(Debug, Clone, Copy)]
pub struct ClientIp(pub IpAddr);

/// Whether a proxy in front of us is trusted to say who calls.
#[derive(Debug, Clone, Copy)]
pub struct TrustProxy(pub bool);

impl FromRequest for ClientIp {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let peer = request.peer_addr().map(|address| address.ip());
        let trusted = request.app_data::<web::Data<TrustProxy>>().is_some_and(|trust| trust.0);
        // The last address was written by the proxy itself; those before it are the caller's word.
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
