//! The parts of the document that operations share: tags, parameters, headers and failures.

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::domain::code::Code;
use crate::http::edge::words;

/// Tags in the order in which readers see them, with their descriptions.
pub(super) const TAGS: [(&str, &str); 34] = [
    ("balances", "A customer's wallets: their parts, and how they change."),
    ("top-up-options", "What a customer can top up: presets, limits, channels, the agreement, prices."),
    ("products", "Products that can hold a balance of their own."),
    ("billing-profile", "The payer's name and address. A customer needs one before the first order."),
    ("top-up-orders", "Orders that add money to a wallet, from creation to completion."),
    ("refund-requests", "A customer asks for money back, and follows refunds and disputes."),
    ("transfers", "Transfers between a customer's main wallet and products."),
    ("account-closing", "A customer follows the closing of the customer's account."),
    ("account-flows", "Every movement of a customer's money, and what paid for it."),
    ("ledger", "The sealed entries of a customer, and the public keys that verify them."),
    ("usage", "Deductions for consumption, and their reversals."),
    ("holds", "Amounts that are reserved for running calls."),
    ("grants", "Promotional credit."),
    ("spend-guards", "Spending caps and low-balance alerts."),
    ("admin-search", "For operators: find an order, a payment, a refund, a dispute or a customer."),
    ("admin-customers", "For operators: everything about one customer."),
    ("events", "For services and operators: what happened, to all customers."),
    ("webhook-endpoints", "For services and operators: the addresses of partners to which events are posted."),
    ("webhooks", "What the service posts to the endpoints of partners: one entry for each type of event."),
    ("admin-catalogue", "For operators: products, top-up options, channels, bank accounts, agreements."),
    ("admin-top-up-orders", "For operators: the orders of all customers, and the approval of bank transfers."),
    ("admin-payments", "For operators: bank statements, and payments that serve no order."),
    ("admin-adjustments", "For operators: corrections of wallets."),
    ("admin-refunds", "For operators: money that goes back to the payer."),
    ("admin-disputes", "For operators: payments that a payer contests."),
    ("admin-freezes", "For operators: stop a customer or one wallet."),
    ("admin-closings", "For operators: close an account, pay out its rest, write off what it owes."),
    ("api-keys", "Keys for operators and services that have no identity provider."),
    ("papers", "Receipts for orders, and credit notes for what went back of them."),
    ("admin-papers", "For operators: all receipts and credit notes, and the numbers of the state's invoices."),
    ("admin-reports", "For operators: what is owed to customers, what happened, and the journal for accounting."),
    ("admin-audit", "For operators: who changed what, and whether the books agree."),
    ("provider-webhooks", "For payment companies: their notifications, and the pages that payers return to."),
    ("operations", "For the platform that runs the service: health and metrics."),
];

/// A query parameter that means the same wherever it occurs. A parameter without a description of its own gets this
/// one.
pub(super) struct UsualParameter {
    pub name: &'static str,
    pub description: &'static str,
    pub example: Option<&'static str>,
}

const fn usual(name: &'static str, description: &'static str) -> UsualParameter {
    UsualParameter { name, description, example: None }
}

pub(super) const PARAMETERS: [UsualParameter; 7] = [
    UsualParameter {
        name: "customer_id",
        description: "The customer that the call is about. Services and operators must name one; the call of a \
                      customer is about that customer.",
        example: Some("demo"),
    },
    usual("currency", "Only this currency."),
    usual("product", "Only this product; the empty text means only the main wallet."),
    usual("limit", "The most items of a page; 20 when absent."),
    usual("cursor", "The `next_cursor` of the page before; it needs the same filters."),
    usual("created_from", "Only objects that were created at this moment or later."),
    usual("created_to", "Only objects that were created before this moment."),
];

/// The query parameter `customer_id` beside a path that has one. It has no example, because both together are refused.
pub(super) const CUSTOMER_BESIDE_PATH: &str = "The customer, if the path has `~`; otherwise it must be absent.";

/// A failure that operations share.
struct SharedFailure {
    status: u16,
    name: &'static str,
    code: Code,
    description: &'static str,
    detail: &'static str,
    retry_after: bool,
}

const fn failure(
    status: u16,
    name: &'static str,
    code: Code,
    description: &'static str,
    detail: &'static str,
) -> SharedFailure {
    SharedFailure { status, name, code, description, detail, retry_after: matches!(status, 409 | 429 | 502 | 503) }
}

const FAILURES: [SharedFailure; 17] = [
    failure(
        400,
        "BadRequest",
        Code::MalformedJson,
        "The request cannot be read: the body is not JSON, or a header is missing or malformed.",
        "The body is not JSON: expected value at line 1 column 1.",
    ),
    failure(
        401,
        "Unauthorized",
        Code::Unauthorized,
        "The token is missing or not valid.",
        "Send Authorization: Bearer <token>.",
    ),
    failure(
        402,
        "PaymentRequired",
        Code::InsufficientFunds,
        "The wallet has too little money, or the request would exceed a spending cap.",
        "The balance of the main wallet is too low.",
    ),
    failure(
        403,
        "Forbidden",
        Code::InsufficientScope,
        "The token's scope does not allow this operation.",
        "The token's scope does not allow this operation.",
    ),
    failure(
        404,
        "NotFound",
        Code::NotFound,
        "The object does not exist, or it belongs to another customer.",
        "There is no such order.",
    ),
    failure(
        408,
        "RequestTimeout",
        Code::BodyTooSlow,
        "The body did not arrive in time.",
        "The body did not arrive in time.",
    ),
    failure(
        409,
        "Conflict",
        Code::OrderNotCancellable,
        "The object's state does not allow the operation, or the same request is still being processed \
         (`idempotency_in_flight`, with `Retry-After`).",
        "Only a pending order can be cancelled; this one is completed.",
    ),
    failure(
        410,
        "Gone",
        Code::CursorExpired,
        "What the request names no longer exists.",
        "The feed does not go on from this cursor: read the objects again, and start without a cursor.",
    ),
    failure(
        412,
        "PreconditionFailed",
        Code::PreconditionFailed,
        "The object has changed since you read it.",
        "The resource has changed since it was read.",
    ),
    failure(
        413,
        "PayloadTooLarge",
        Code::BodyTooLarge,
        "The body is larger than this operation accepts.",
        "The body is larger than this operation accepts: at most 65536 bytes.",
    ),
    failure(
        415,
        "UnsupportedMediaType",
        Code::UnsupportedMediaType,
        "The body's media type is not one that this operation accepts, or the body is compressed (send it without \
         `Content-Encoding`).",
        "Send Content-Type: application/json.",
    ),
    failure(
        422,
        "UnprocessableContent",
        Code::ValidationFailed,
        "The request breaks a rule. `errors` names each field and the rule that it breaks.",
        "The request is not valid: /amount has more decimals than the currency keeps.",
    ),
    failure(
        428,
        "PreconditionRequired",
        Code::IfMatchRequired,
        "A change needs `If-Match` with the ETag of the version that you read.",
        "Send If-Match with the ETag of the version that you replace.",
    ),
    failure(
        429,
        "TooManyRequests",
        Code::RateLimited,
        "The caller has sent too many requests to this process; each process of the service counts for itself. \
         `Retry-After` says when to try again.",
        "The caller has sent too many requests; slow down.",
    ),
    failure(
        500,
        "InternalServerError",
        Code::InternalError,
        "An internal error happened. Its details are in the service's log only; quote `request_id` when you report it.",
        "An internal error happened.",
    ),
    failure(
        502,
        "BadGateway",
        Code::ProviderUnavailable,
        "The payment company did not answer properly. What the service stored before the call stays stored.",
        "Stripe did not answer properly: the order is kept; repeat the request with the same Idempotency-Key to go on.",
    ),
    failure(
        503,
        "ServiceUnavailable",
        Code::DatabaseUnavailable,
        "The service cannot process the request now, for example because it has too much to do (`overloaded`). \
         `Retry-After` says when to repeat it; with the same id or `Idempotency-Key`, nothing is done twice.",
        "The database is busy or unreachable.",
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

fn response(failure: &SharedFailure) -> Value {
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

fn example(failure: &SharedFailure) -> Value {
    let title = StatusCode::from_u16(failure.status).map(words::title).unwrap_or_default();
    let mut problem = json!({
        "type": format!("http://127.0.0.1:8080/problems/{}", failure.code),
        "title": title,
        "status": failure.status,
        "detail": failure.detail,
        "instance": "/v1/top-up-orders",
        "code": failure.code.as_str(),
        "request_id": "019336f2b0a87c0e8f6f5a2f4c1d9e3b",
    });
    let more = match failure.status {
        402 => Some((
            "insufficient_funds",
            json!({
                "currency": "CNY", "product": null, "required": "100.00", "available": "12.50", "held": "0.00",
                "shortfall": "87.50", "transferable": null,
            }),
        )),
        422 => Some((
            "errors",
            json!([{
                "pointer": "/amount",
                "code": Code::TooPrecise.as_str(),
                "detail": "has more decimals than the currency keeps",
            }]),
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
            "description": "The request's id: yours if you sent one, otherwise one that the service made. Quote it \
                            when you report a problem.",
            "schema": { "type": "string", "maxLength": 128 },
            "example": "019336f2b0a87c0e8f6f5a2f4c1d9e3b",
        },
        "IdempotentReplayed": {
            "description": "`true` when the request repeats an earlier one and this is the answer to that one; \
                            otherwise absent.",
            "schema": { "type": "string", "maxLength": 5 },
            "example": "true",
        },
        "Location": {
            "description": "The path of the new object.",
            "schema": { "type": "string", "maxLength": 500 },
            "example": "/v1/top-up-orders/tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b",
        },
        "ETag": {
            "description": "A tag of this answer: send it as `If-None-Match` to learn whether anything has changed.",
            "schema": { "type": "string", "maxLength": 100 },
            "example": "\"3f2a9c41b7d05e68\"",
        },
        "RetryAfter": number("Seconds to wait before you try again.", 1),
        "RateLimitLimit": number("How many requests the caller may send in a minute.", 600),
        "RateLimitRemaining": number("How many of them are left now.", 599),
        "RateLimitReset": number("Seconds until the whole limit is available again.", 1),
    })
}

/// The answer to a request that names the tag of an answer that it already has.
pub(super) fn unchanged() -> Value {
    json!({
        "description": "Nothing has changed since the answer with this ETag.",
        "headers": { "ETag": header_ref("ETag"), "X-Request-Id": header_ref("XRequestId") },
    })
}

pub(super) fn parameters() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": true,
            "description": "A key that you choose, for example a UUID. When you repeat a request with the same key, \
                            nothing is done twice: the answer shows what the first request made, with \
                            `Idempotent-Replayed: true`. Another request with the same key is refused (422). A repeat \
                            while the first request is still being processed is refused, too (409). A refused request \
                            does not use up its key.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$" },
            "example": "0193a5a2-7c0e-7f6f-9a2f-4c1d9e3b0001",
        },
    })
}
