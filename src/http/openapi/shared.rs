//! What operations share: failures, headers, parameters, tags.

use serde_json::{Map, Value, json};

/// Tags in the order in which they are shown, with what they are about.
pub(super) const TAGS: [(&str, &str); 22] = [
    ("balances", "What a customer has: wallets, their parts, and how they change."),
    ("top-up-options", "What can be topped up, and how: presets, limits, channels, agreement, prices."),
    ("products", "What can hold a balance of its own."),
    ("billing-profile", "Who pays: name and address, needed before the first order."),
    ("top-up-orders", "Orders that add money to a wallet, from creation to completion."),
    ("transfers", "Money moved between the main wallet and products."),
    ("account-flows", "Every movement of a customer's money."),
    ("usage", "Deductions for consumption, and their reversal."),
    ("holds", "Amounts reserved for running calls."),
    ("grants", "Promotional credit."),
    ("spend-guards", "Spending caps and low-balance alerts."),
    ("admin-catalogue", "For operators: products, options, channels, bank accounts."),
    ("admin-top-up-orders", "For operators: orders of all customers, approval of bank transfers."),
    ("admin-payments", "For operators: bank statements, unapplied payments, adjustments."),
    ("admin-refunds", "For operators: money given back to where it came from."),
    ("admin-disputes", "For operators: payments that a payer contests."),
    ("admin-customers", "For operators: everything about one customer."),
    ("admin-integrity", "For operators: the figures that prove the books, and who did what."),
    ("admin-webhooks", "For operators: where events are delivered to, and what became of them."),
    ("webhooks", "Events that are delivered to your endpoints."),
    ("provider-webhooks", "For payment companies: notifications and return pages."),
    ("operations", "For the platform that runs the service."),
];

/// What a parameter of this name means wherever it occurs, for handlers that say nothing else.
pub(super) const PARAMETERS: [(&str, &str); 4] = [
    ("currency", "Only this currency."),
    ("limit", "How many at most; 20 when absent."),
    ("created_from", "Created then or later."),
    ("created_to", "Created before then."),
];

/// A failure that operations share.
struct Failure {
    status: u16,
    name: &'static str,
    code: &'static str,
    description: &'static str,
    detail: &'static str,
    retry_after: bool,
}

const fn failure(
    status: u16,
    name: &'static str,
    code: &'static str,
    description: &'static str,
    detail: &'static str,
) -> Failure {
    Failure { status, name, code, description, detail, retry_after: matches!(status, 429 | 502 | 503) }
}

const FAILURES: [Failure; 16] = [
    failure(
        400,
        "BadRequest",
        "malformed_json",
        "The request cannot be read: not JSON, or a header is missing or malformed.",
        "the body is not JSON: expected value at line 1 column 1",
    ),
    failure(
        401,
        "Unauthorized",
        "unauthorized",
        "No token, or one that is not good.",
        "send Authorization: Bearer <token>",
    ),
    failure(
        402,
        "PaymentRequired",
        "insufficient_funds",
        "The wallet is short, or a spending cap is reached.",
        "the balance of the main wallet is too low",
    ),
    failure(
        403,
        "Forbidden",
        "insufficient_scope",
        "The token's scope does not allow this.",
        "the token's scope does not allow this operation",
    ),
    failure(
        404,
        "NotFound",
        "not_found",
        "There is no such thing, or it is somebody else's.",
        "there is no such order",
    ),
    failure(
        408,
        "RequestTimeout",
        "body_too_slow",
        "The body did not arrive in time.",
        "the body did not arrive in time",
    ),
    failure(
        409,
        "Conflict",
        "order_not_cancellable",
        "The state of the thing does not allow it, or the same request is still under way.",
        "the order is completed and cannot be cancelled",
    ),
    failure(
        412,
        "PreconditionFailed",
        "precondition_failed",
        "Somebody else changed it since you read it.",
        "the resource has changed since it was read",
    ),
    failure(
        413,
        "PayloadTooLarge",
        "body_too_large",
        "The body is larger than this operation takes.",
        "the body is larger than this operation takes",
    ),
    failure(
        415,
        "UnsupportedMediaType",
        "unsupported_media_type",
        "The body has another media type than this operation takes.",
        "send Content-Type: application/json",
    ),
    failure(
        422,
        "UnprocessableContent",
        "validation_failed",
        "The request breaks rules; `errors` names each field and its rule.",
        "the request is not valid",
    ),
    failure(
        428,
        "PreconditionRequired",
        "if_match_required",
        "A change needs `If-Match` with the ETag that you read.",
        "send If-Match with the ETag of what you read",
    ),
    failure(
        429,
        "TooManyRequests",
        "rate_limited",
        "Too many requests of this caller; `Retry-After` says when to go on.",
        "too many requests; slow down",
    ),
    failure(
        500,
        "InternalServerError",
        "internal_error",
        "An error of ours. Nothing of it is told; quote `request_id`.",
        "an internal error happened",
    ),
    failure(
        502,
        "BadGateway",
        "provider_unavailable",
        "The payment company did not answer properly. What was committed before is kept.",
        "stripe did not answer properly: the order is kept; repeat the request with the same Idempotency-Key to go on",
    ),
    failure(
        503,
        "ServiceUnavailable",
        "database_unavailable",
        "Not now; `Retry-After` says when to try again.",
        "the database is busy or away",
    ),
];

/// The reference to the shared failure of a status; `None` for one that has none.
pub(super) fn failure_ref(status: u16) -> Option<Value> {
    let failure = FAILURES.iter().find(|failure| failure.status == status)?;
    Some(json!({ "$ref": format!("#/components/responses/{}", failure.name) }))
}

pub(super) fn responses() -> Value {
    let shown: Map<String, Value> =
        FAILURES.iter().map(|failure| (failure.name.to_owned(), response(failure))).collect();
    Value::Object(shown)
}

fn response(failure: &Failure) -> Value {
    let mut headers = Map::from_iter([("X-Request-Id".to_owned(), header_ref("XRequestId"))]);
    if failure.retry_after {
        headers.insert("Retry-After".to_owned(), header_ref("RetryAfter"));
    }
    if failure.status == 429 {
        headers.insert("RateLimit-Limit".to_owned(), header_ref("RateLimitLimit"));
        headers.insert("RateLimit-Remaining".to_owned(), header_ref("RateLimitRemaining"));
        headers.insert("RateLimit-Reset".to_owned(), header_ref("RateLimitReset"));
    }
    json!({
        "description": failure.description,
        "headers": headers,
        "content": { "application/problem+json": {
            "schema": { "$ref": "#/components/schemas/Problem" },
            "example": example(failure),
        } },
    })
}

fn example(failure: &Failure) -> Value {
    let title = actix_web::http::StatusCode::from_u16(failure.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    let mut problem = json!({
        "type": format!("urn:topup:problem:{}", failure.code),
        "title": title,
        "status": failure.status,
        "detail": failure.detail,
        "instance": "/v1/top-up-orders",
        "code": failure.code,
        "request_id": "019336f2b0a87c0e8f6f5a2f4c1d9e3b",
    });
    let more = match failure.status {
        402 => Some((
            "insufficient_funds",
            json!({
                "currency": "CNY", "product": null, "required": "100.00", "available": "12.50", "held": "0.00",
                "shortfall": "87.50",
            }),
        )),
        422 => Some((
            "errors",
            json!([
                { "pointer": "/amount", "code": "too_precise", "detail": "has more decimals than the currency keeps" },
            ]),
        )),
        _ => None,
    };
    if let (Some((name, value)), Some(problem)) = (more, problem.as_object_mut()) {
        problem.insert(name.to_owned(), value);
    }
    problem
}

pub(super) fn header_ref(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

pub(super) fn headers() -> Value {
    let number = |description: &str, example: u32| {
        json!({
            "description": description,
            "schema": { "type": "integer", "format": "int64", "minimum": 0, "maximum": 4_294_967_295_u32 },
            "example": example,
        })
    };
    json!({
        "XRequestId": {
            "description": "The id of this request: yours if you sent one, else ours. Quote it when you ask for help.",
            "schema": { "type": "string", "maxLength": 128 },
            "example": "019336f2b0a87c0e8f6f5a2f4c1d9e3b",
        },
        "IdempotentReplayed": {
            "description": "`true` when this answers a request that was made before; absent otherwise.",
            "schema": { "type": "string", "maxLength": 5 },
            "example": "true",
        },
        "RetryAfter": number("Seconds to wait before the next try.", 1),
        "RateLimitLimit": number("Requests per minute that this caller may make.", 600),
        "RateLimitRemaining": number("Requests that are left now.", 599),
        "RateLimitReset": number("Seconds until the whole limit is available again.", 1),
    })
}

pub(super) fn parameters() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": true,
            "description": "A key of your choice, for example a UUID, kept at least 24 hours. The same request with the \
                            same key is answered again without doing anything twice (`Idempotent-Replayed: true`); \
                            another request with it is refused (422); while the first is under way, 409.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$" },
            "example": "0193a5a2-7c0e-7f6f-9a2f-4c1d9e3b0001",
        },
    })
}
