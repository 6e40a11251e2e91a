//! RFC 9457 problem details for every failure, including those of actix itself.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::request_id::RequestId;
use super::shortfalls::{insufficient_funds, spend_cap};
use super::{security, words};
use crate::app::Error;
use crate::app::error::FieldError;
use crate::domain::code::Code;
use crate::providers::ProviderError;

pub use super::shortfalls::{ChangedPrice, InsufficientFunds, SpendCap, SpendCapPeriod, TakenBackDebt};

/// Why a request failed (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// The address of the page about this kind of problem. It ends with `code`.
    #[serde(rename = "type")]
    #[schema(max_length = 500, example = "http://127.0.0.1:8080/problems/validation_failed")]
    pub kind: String,
    /// A short text for the HTTP status.
    #[schema(max_length = 128, example = "Unprocessable Content")]
    pub title: String,
    /// The HTTP status code.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    pub status: u16,
    /// What happened, as a sentence for people.
    #[schema(max_length = 2000, example = "The request is not valid: /amount must be greater than zero.")]
    pub detail: String,
    /// The path of the request.
    #[schema(max_length = 2000, example = "/v1/top-up-orders")]
    pub instance: String,
    /// The stable code of the problem. Programs should branch on it. New codes may be added: a client must accept one
    /// that it does not know, and can then use `status`.
    #[schema(max_length = 64, pattern = "^[a-z0-9_]+$", example = "validation_failed")]
    pub code: String,
    /// The request's id. Quote it when you report the problem.
    #[schema(max_length = 128, example = "019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    pub request_id: String,
    /// The fields that break a rule, with `validation_failed`: at most 100 of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub errors: Vec<ProblemField>,
    /// The wallet that has too little money, with `insufficient_funds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub insufficient_funds: Option<InsufficientFunds>,
    /// The cap that is reached, with `spend_cap_reached`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub spend_cap: Option<SpendCap>,
    /// What the order costs now, with `price_changed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub price_changed: Option<ChangedPrice>,
    /// The sum that must be paid first, with `taken_back_debt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub taken_back_debt: Option<TakenBackDebt>,
}

/// A field that breaks a rule.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemField {
    /// A JSON pointer into the body (`/amount`; the empty text is the whole body), or `?name` for a query parameter.
    #[schema(max_length = 1000, example = "/amount")]
    pub pointer: String,
    /// The stable code of the rule. New codes may be added: a client must accept one that it does not know.
    #[schema(max_length = 64, pattern = "^[a-z0-9_]+$", example = "too_precise")]
    pub code: String,
    /// The rule, in words for people. It continues a sentence that begins with the name of the field, or is a sentence
    /// of its own.
    #[schema(max_length = 1000, example = "has more decimals than the currency keeps")]
    pub detail: String,
}

/// How many broken rules a problem names at most.
const MOST_ERRORS: usize = 100;

/// The public address of the pages about problems.
#[derive(Debug, Clone, Default)]
pub struct ProblemPages(String);

impl ProblemPages {
    /// The pages below the service's public address.
    #[must_use]
    pub fn below(public_url: &str) -> Self {
        Self(public_url.trim_end_matches('/').to_owned())
    }

    /// The pages to which the problems of a request refer.
    #[must_use]
    pub fn told(request: &HttpRequest) -> Self {
        request.app_data::<web::Data<Self>>().map(|pages| pages.get_ref().clone()).unwrap_or_default()
    }

    fn of(&self, code: Code) -> String {
        format!("{}/problems/{code}", self.0)
    }
}

/// A problem before [`fill_in`] adds the path and the request id.
#[derive(Debug, Clone)]
pub struct Failure {
    status: StatusCode,
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    insufficient_funds: Option<Box<InsufficientFunds>>,
    spend_cap: Option<Box<SpendCap>>,
    price_changed: Option<Box<ChangedPrice>>,
    taken_back_debt: Option<Box<TakenBackDebt>>,
    retry_after: Option<u64>,
}

impl Failure {
    #[must_use]
    pub fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            insufficient_funds: None,
            spend_cap: None,
            price_changed: None,
            taken_back_debt: None,
            retry_after: None,
        }
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The problem as the caller sees it.
    #[must_use]
    pub fn problem(&self, pages: &ProblemPages, instance: &str, request_id: &str) -> Problem {
        Problem {
            kind: pages.of(self.code),
            title: words::title(self.status).to_owned(),
            status: self.status.as_u16(),
            detail: words::sentence(&self.detail),
            instance: instance.to_owned(),
            code: self.code.to_string(),
            request_id: request_id.to_owned(),
            errors: self
                .errors
                .iter()
                .take(MOST_ERRORS)
                .map(|error| ProblemField {
                    pointer: error.pointer.clone(),
                    code: error.code.to_string(),
                    detail: error.detail.clone(),
                })
                .collect(),
            insufficient_funds: self.insufficient_funds.as_deref().cloned(),
            spend_cap: self.spend_cap.as_deref().cloned(),
            price_changed: self.price_changed.as_deref().cloned(),
            taken_back_debt: self.taken_back_debt.as_deref().cloned(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Invalid(errors) => {
                let detail = words::of_errors(&errors);
                Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, Code::ValidationFailed, detail) }
            }
            Error::NotFound(_) => Self::new(StatusCode::NOT_FOUND, Code::NotFound, detail),
            Error::Conflict { code: code @ Code::IdempotencyInFlight, detail } => {
                Self::new(StatusCode::CONFLICT, code, detail).retry_after(1)
            }
            Error::PriceChanged { price, .. } => Self {
                price_changed: Some(Box::new((*price).into())),
                ..Self::new(StatusCode::CONFLICT, Code::PriceChanged, detail)
            },
            Error::Conflict { code, detail } => Self::new(StatusCode::CONFLICT, code, detail),
            Error::Unprocessable { code, detail } => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail),
            Error::BadRequest { code, detail } => Self::new(StatusCode::BAD_REQUEST, code, detail),
            Error::Forbidden { code, detail } => Self::new(StatusCode::FORBIDDEN, code, detail),
            Error::Gone { code, detail } => Self::new(StatusCode::GONE, code, detail),
            Error::PreconditionFailed => Self::new(StatusCode::PRECONDITION_FAILED, Code::PreconditionFailed, detail),
            Error::PreconditionRequired => Self::new(StatusCode::PRECONDITION_REQUIRED, Code::IfMatchRequired, detail),
            Error::InsufficientFunds(short) => Self {
                insufficient_funds: Some(Box::new(insufficient_funds(&short))),
                ..Self::new(StatusCode::PAYMENT_REQUIRED, Code::InsufficientFunds, detail)
            },
            Error::NotTransferable(short) => Self {
                insufficient_funds: Some(Box::new(InsufficientFunds {
                    transferable: Some(short.available.or_zero().into()),
                    ..insufficient_funds(&short)
                })),
                ..Self::new(StatusCode::PAYMENT_REQUIRED, Code::InsufficientFunds, detail)
            },
            Error::TakenBackDebt(sum) => Self {
                taken_back_debt: Some(Box::new(sum.into())),
                ..Self::new(StatusCode::PAYMENT_REQUIRED, Code::TakenBackDebt, detail)
            },
            Error::SpendCap(reached) => Self {
                spend_cap: Some(Box::new(spend_cap(&reached))),
                ..Self::new(StatusCode::PAYMENT_REQUIRED, Code::SpendCapReached, detail)
            },
            Error::Provider(error) => provider_failure(&error),
            Error::Unavailable { code, detail, retry_after_seconds } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(retry_after_seconds)
            }
            Error::Internal(expected) => {
                tracing::error!(expected, "An invariant is broken; the request fails with 500");
                internal()
            }
            Error::Storage(error) => {
                // The caller does not learn the cause; only the log has it.
                if error.is_of_caller() {
                    let detail = "too many requests of this caller are being processed; repeat this one in a moment";
                    Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Overloaded, detail).retry_after(1)
                } else if error.passing().is_some() || error.is_transient() {
                    tracing::error!(error = %error, "The database cannot be used now; the request fails with 503");
                    let detail = "the database is busy or unreachable";
                    Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::DatabaseUnavailable, detail).retry_after(1)
                } else {
                    tracing::error!(error = %error, "A database statement failed; the request fails with 500");
                    internal()
                }
            }
        }
    }
}

fn internal() -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, Code::InternalError, "an internal error happened")
}

fn provider_failure(error: &ProviderError) -> Failure {
    tracing::warn!(error = %error, "A call to a payment company failed; the request fails, and its order is kept");
    let again = "the order is kept; repeat the request with the same Idempotency-Key to go on";
    match error {
        ProviderError::Unavailable { provider, .. }
        | ProviderError::StoredError { provider, .. }
        | ProviderError::Mismatch { provider, .. } => Failure::new(
            StatusCode::BAD_GATEWAY,
            Code::ProviderUnavailable,
            format!("{provider} did not answer properly: {again}"),
        )
        .retry_after(5),
        ProviderError::Busy { provider, retry_after_seconds, .. } => Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Code::ProviderBusy,
            format!("{provider} asks to try later: {again}"),
        )
        .retry_after(retry_after_seconds.unwrap_or(5)),
        ProviderError::Credentials { provider } => Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Code::ProviderMisconfigured,
            format!("{provider} cannot be used at the moment; choose another channel"),
        )
        .retry_after(300),
        ProviderError::Refused { provider, code, .. } => Failure::new(
            StatusCode::BAD_GATEWAY,
            Code::ProviderRefused,
            format!("{provider} refused this request ({code})"),
        ),
        ProviderError::Unsupported { provider, .. } => Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            Code::ProviderUnsupported,
            format!("{provider} does not support this"),
        ),
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status);
        response.extensions_mut().insert(self.clone());
        response
    }
}

/// The problem for a failure of actix itself, such as an unknown route, a wrong method or a body that is too large.
fn by_status(status: StatusCode) -> Failure {
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => (Code::NotFound, "there is nothing at this path"),
        StatusCode::METHOD_NOT_ALLOWED => (Code::MethodNotAllowed, "this path does not accept this method"),
        StatusCode::PAYLOAD_TOO_LARGE => (Code::BodyTooLarge, "the body is larger than this operation accepts"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (Code::UnsupportedMediaType, "the body must be application/json"),
        StatusCode::BAD_REQUEST => (Code::BadRequest, "the request cannot be read"),
        StatusCode::NOT_ACCEPTABLE => {
            (Code::NotAcceptable, "the answer has a media type that the request does not accept")
        }
        _ if status.is_server_error() => (Code::InternalError, "an internal error happened"),
        _ => (Code::RequestFailed, "the request failed"),
    };
    Failure::new(status, code, detail)
}

/// Middleware: renders every failure as `application/problem+json`, with the path and the request id.
///
/// # Errors
/// The inner service's error, as one that renders as a problem.
pub async fn fill_in<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let instance = request.path().to_owned();
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let pages = request.app_data::<web::Data<ProblemPages>>().map(|pages| pages.get_ref().clone()).unwrap_or_default();
    match next.call(request).await {
        Ok(response) if !is_ours(response.response()) => Ok(response.map_into_boxed_body()),
        Ok(response) => {
            let (request, response) = response.into_parts();
            let filled = fill(&response.map_into_boxed_body(), &pages, &instance, &request_id);
            Ok(ServiceResponse::new(request, filled))
        }
        // The service that failed has consumed the request. Keeping a clone of it would make actix's routing panic,
        // because routing must be the only holder.
        Err(error) => {
            let filled = fill(&error.error_response(), &pages, &instance, &request_id);
            Err(InternalError::from_response(error, filled).into())
        }
    }
}

fn fill(response: &HttpResponse, pages: &ProblemPages, instance: &str, request_id: &str) -> HttpResponse {
    let failure = response.extensions().get::<Failure>().cloned().unwrap_or_else(|| by_status(response.status()));
    let mut filled = HttpResponse::build(response.status());
    // These headers described the old body.
    let dropped = [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING];
    for (name, value) in response.headers().iter().filter(|(name, _)| !dropped.contains(name)) {
        filled.append_header((name.clone(), value.clone()));
    }
    if let Some(seconds) = failure.retry_after {
        filled.insert_header((header::RETRY_AFTER, seconds));
    }
    let is_cut_off = matches!(failure.code, Code::BodyTooSlow | Code::BodyTooLarge | Code::UnsupportedContentEncoding);
    if is_cut_off {
        filled.force_close();
    }
    let body = serde_json::to_vec(&failure.problem(pages, instance, request_id)).unwrap_or_default();
    let mut filled = filled
        .insert_header((header::CONTENT_TYPE, "application/problem+json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-request-id", request_id))
        .body(body);
    if is_cut_off {
        filled.extensions_mut().insert(CutOff);
    }
    security::add_to(filled.headers_mut(), instance);
    filled
}

/// Whether a response is a failure that needs a problem as its body. A reply that a provider expects, or a page, keeps
/// its own body.
fn is_ours<B: MessageBody>(response: &HttpResponse<B>) -> bool {
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let marked = response.extensions().get::<Failure>().is_some();
    failed && (marked || !response.extensions().contains::<OwnBody>())
}

/// Marks the answer to a request whose body is not read to its end. The connection is closed after it.
#[derive(Debug, Clone, Copy)]
pub struct CutOff;

/// Marks an error response that keeps its own body.
#[derive(Debug, Clone, Copy)]
pub struct OwnBody;
