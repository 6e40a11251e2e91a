//! Reads requests strictly: a problem names the field and the rule that it breaks.

use std::future::{Future, Ready, ready};
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use tokio::time::timeout;

use super::body_budget::{BodyBudget, BodyPermit};
use super::problem::Failure;
use super::shape;
use crate::app::Error;
use crate::domain::code::Code;

/// A JSON body. The body's type refuses unknown fields (`deny_unknown_fields`).
///
/// `LIMIT` is the most bytes that the body may have; 0 means the configured limit of ordinary requests. An
/// operation with a limit of its own takes large bodies: such a body is read only when the [`BodyBudget`] has a permit
/// for it, and keeps the permit until it is dropped.
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
        let arriving =
            Arriving::of(
                request,
                payload,
                |rules| {
                    if LIMIT == 0 { Room::small(rules) } else { Room::reserved(rules, LIMIT) }
                },
            );
        let request = request.clone();
        Box::pin(async move {
            let arriving = arriving?;
            if !is_json {
                let detail = "send Content-Type: application/json";
                return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::UnsupportedMediaType, detail));
            }
            let (bytes, permit) = arriving.read().await?;
            let value = parse(&request, &bytes)?;
            Ok(Self { value, bytes, permit })
        })
    }
}

/// A body as it was sent, for callers without a token.
///
/// It may have up to `LIMIT` bytes. A body within the limit of ordinary requests is simply read. The rest of a larger
/// one is read step by step, each when the budget for strangers has a permit for it: nobody reserves memory without
/// sending bytes.
#[derive(Debug)]
pub struct RawBody<const LIMIT: usize> {
    pub bytes: web::Bytes,
    pub permit: Option<BodyPermit>,
}

impl<const LIMIT: usize> FromRequest for RawBody<LIMIT> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let arriving = Arriving::of(request, payload, |rules| Room::grown(rules, LIMIT));
        Box::pin(async move {
            let (bytes, permit) = arriving?.read().await?;
            Ok(Self { bytes, permit })
        })
    }
}

/// A file as it was sent, of a caller with a token. Its media type is not read.
#[derive(Debug)]
pub struct FileBody<const LIMIT: usize> {
    pub bytes: web::Bytes,
    pub permit: Option<BodyPermit>,
}

impl<const LIMIT: usize> FromRequest for FileBody<LIMIT> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let arriving = Arriving::of(request, payload, |rules| Room::reserved(rules, LIMIT));
        Box::pin(async move {
            let (bytes, permit) = arriving?.read().await?;
            Ok(Self { bytes, permit })
        })
    }
}

/// The rules for the bodies of all requests.
#[derive(Debug, Clone)]
pub struct BodyRules {
    /// The most bytes of an ordinary body.
    pub limit: usize,
    /// How long a body may take to arrive, from the head of its request or from the permit for it.
    pub deadline: Duration,
    /// The memory for the large bodies of callers with a token.
    pub callers: BodyBudget,
    /// The memory for the large bodies of payment companies, and of anybody who pretends to be one.
    pub strangers: BodyBudget,
}

/// How much of a body is read, and what it needs a permit for.
struct Room {
    most: usize,
    /// The bytes that need no permit.
    free: usize,
    /// Whether the permit is taken before anything is read.
    is_reserved: bool,
    budget: BodyBudget,
}

impl Room {
    fn small(rules: &BodyRules) -> Self {
        Self { most: rules.limit, free: rules.limit, is_reserved: false, budget: rules.callers.clone() }
    }

    fn reserved(rules: &BodyRules, most: usize) -> Self {
        Self { most, free: 0, is_reserved: true, budget: rules.callers.clone() }
    }

    fn grown(rules: &BodyRules, most: usize) -> Self {
        Self { most, free: rules.limit.min(most), is_reserved: false, budget: rules.strangers.clone() }
    }
}

/// A body that has not been read yet.
struct Arriving {
    body: Payload,
    /// `None` for a body whose length the head does not state.
    length: Option<usize>,
    room: Room,
    deadline: Duration,
}

impl Arriving {
    /// Refuses a compressed body: a few bytes may unpack to many, and their number is known only afterwards.
    fn of(
        request: &HttpRequest,
        payload: &mut Payload,
        room: impl FnOnce(&BodyRules) -> Room,
    ) -> Result<Self, Failure> {
        let rules = request.app_data::<web::Data<BodyRules>>();
        let rules = rules.ok_or(Error::Internal("the rules for request bodies among the application's data"))?;
        let headers = request.headers();
        let is_plain = |encoding: &[u8]| encoding.trim_ascii().eq_ignore_ascii_case(b"identity");
        if headers.get_all(CONTENT_ENCODING).any(|encoding| !is_plain(encoding.as_bytes())) {
            let detail = "send the body without Content-Encoding: compressed bodies are not unpacked";
            let code = Code::UnsupportedContentEncoding;
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, detail));
        }
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        Ok(Self { body: payload.take(), length, room: room(rules), deadline: rules.deadline })
    }

    async fn read(self) -> Result<(web::Bytes, Option<BodyPermit>), Failure> {
        let most = self.room.most;
        if self.length.is_some_and(|length| length > most) {
            return Err(too_large(most));
        }
        let permit = match self.room.is_reserved {
            true => Some(self.room.budget.take(self.length.unwrap_or(most)).await?),
            false => None,
        };
        let (bytes, permit) =
            timeout(self.deadline, collect(self.body, &self.room, permit)).await.map_err(|_| {
                Failure::new(StatusCode::REQUEST_TIMEOUT, Code::BodyTooSlow, "the body did not arrive in time")
            })??;
        let permit = permit.map(|mut permit| {
            permit.shrink_to(bytes.len());
            permit
        });
        Ok((bytes, permit))
    }
}

fn too_large(most: usize) -> Failure {
    let detail = format!("the body is larger than this operation accepts: at most {most} bytes");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, Code::BodyTooLarge, detail)
}

/// How much of the budget a stranger's large body takes at a time.
const STEP: usize = 64 << 10;

/// Reads the whole body. Most bodies arrive in one piece, which is not copied.
async fn collect(
    mut body: Payload,
    room: &Room,
    mut permit: Option<BodyPermit>,
) -> Result<(web::Bytes, Option<BodyPermit>), Failure> {
    let unreadable = |_| Failure::new(StatusCode::BAD_REQUEST, Code::UnreadableBody, "the body could not be read");
    let mut first = web::Bytes::new();
    let mut all = web::BytesMut::new();
    while let Some(piece) = body.try_next().await.map_err(unreadable)? {
        let size = first.len() + all.len() + piece.len();
        if size > room.most {
            return Err(too_large(room.most));
        }
        while !room.is_reserved && size > room.free + permit.as_ref().map_or(0, BodyPermit::bytes) {
            let step = room.budget.take(STEP).await?;
            match &mut permit {
                Some(permit) => permit.join(step),
                None => permit = Some(step),
            }
        }
        if first.is_empty() && all.is_empty() {
            first = piece;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&piece);
        }
    }
    Ok((if all.is_empty() { first } else { all.freeze() }, permit))
}

fn parse<T: DeserializeOwned>(request: &HttpRequest, bytes: &[u8]) -> Result<T, Failure> {
    // Serde would also read an array as the fields in their order, which the API does not allow.
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if is_object && let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    // To find everything that is wrong costs time, so only a broken body is parsed a second time.
    Err(what_is_wrong::<T>(request, bytes, is_object))
}

fn what_is_wrong<T: DeserializeOwned>(request: &HttpRequest, bytes: &[u8], is_object: bool) -> Failure {
    let malformed = |error: &serde_json::Error| {
        Failure::new(StatusCode::BAD_REQUEST, Code::MalformedJson, format!("the body is not JSON: {error}"))
    };
    let body: Value = match serde_json::from_slice(bytes) {
        Ok(body) => body,
        Err(error) => return malformed(&error),
    };
    if !is_object {
        return Error::field("", Code::InvalidValue, "must be a JSON object").into();
    }
    let found = shape::of_body(request, &body);
    if !found.is_empty() {
        return Error::Invalid(found).into();
    }
    // Mistakes that the schema does not show: a field that occurs twice, a number that does not fit.
    let mut json = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Err(error) if error.inner().is_data() => {
            let (pointer, code, detail) = locate(error.path(), &error.inner().to_string());
            Error::field(pointer, code, detail).into()
        }
        Err(error) => malformed(error.inner()),
        Ok(_) => Failure::new(StatusCode::BAD_REQUEST, Code::MalformedJson, "the body is not JSON"),
    }
}

/// The JSON pointer of a serde error, and the rule in the API's words. Serde reports a missing or repeated field at the
/// parent object, and names it only in its message.
fn locate(path: &Path, message: &str) -> (String, Code, &'static str) {
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{key}")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    let named = |prefix: &str| message.strip_prefix(prefix).and_then(|rest| rest.split('`').next());
    if let Some(name) = named("missing field `") {
        return (format!("{pointer}/{name}"), Code::Required, "is required");
    }
    if let Some(name) = named("duplicate field `") {
        let suffix = format!("/{name}");
        let pointer = if pointer.ends_with(&suffix) { pointer } else { pointer + &suffix };
        return (pointer, Code::InvalidValue, "must stand once");
    }
    let is_null = message.starts_with("invalid type: null");
    let detail = if is_null { "must not be null" } else { "has a value that this field cannot have" };
    (pointer, Code::InvalidValue, detail)
}

/// Query parameters; a repeated parameter is a list. The query's type refuses unknown parameters.
#[derive(Debug)]
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned> FromRequest for QueryParams<T> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = form_urlencoded::parse(request.query_string().as_bytes());
        let parsed = T::deserialize(serde_html_form::Deserializer::new(pairs));
        ready(parsed.map(Self).map_err(|error| {
            let found = shape::of_query(request);
            if found.is_empty() {
                tracing::warn!(%error, "A query fits its schema and cannot be read");
                let detail = "the query cannot be read";
                return Failure::new(StatusCode::BAD_REQUEST, Code::BadRequest, detail);
            }
            Error::Invalid(found).into()
        }))
    }
}

/// The caller's address: the connection's peer, or the one that a trusted proxy names in `X-Forwarded-For`.
#[derive(Debug, Clone, Copy)]
pub struct ClientIp(pub IpAddr);

/// Whether the service runs behind a proxy that names the caller's address.
#[derive(Debug, Clone, Copy)]
pub struct TrustProxy(pub bool);

impl ClientIp {
    /// The address of the client that sent a request.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let peer = request.peer_addr().map(|address| address.ip());
        let trusted = request.app_data::<web::Data<TrustProxy>>().is_some_and(|trust| trust.0);
        // The proxy wrote the last address of the last line; the caller may have sent all before it.
        let forwarded = request
            .headers()
            .get_all("x-forwarded-for")
            .filter(|_| trusted)
            .last()
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.rsplit(',').next())
            .and_then(|address| address.trim().parse().ok());
        Self(forwarded.or(peer).unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)))
    }
}

impl FromRequest for ClientIp {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}
