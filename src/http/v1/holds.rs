//! `/v1/holds`: reserve before a call, capture what it cost.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::holds::{self, HoldDone, NewHold};
use crate::app::{App, Error, Problems};
use crate::domain::customer::CustomerId;
use crate::domain::hold::{Hold as Held, HoldStatus as Status, MAX_HOLD_SECONDS};
use crate::domain::id::IdKind;
use crate::domain::money::{Currency, Money, parse_plain_decimal};
use crate::http::edge::amount::{Amount, SignedAmount};
use crate::http::edge::auth::AsService;
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::respond::created;
use crate::http::v1::transfers::product;
use crate::http::v1::usage::{key, metadata};

/// An amount to reserve.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "call-0001", "customer_id": "demo", "currency": "CNY", "amount": "1.50", "expires_in": 300
}))]
pub struct CreateHold {
    /// Yours, unique per customer; it only deduplicates.
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]{1,128}$", example = "call-0001")]
    id: String,
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: String,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Greater than zero, up to 8 decimals.
    #[schema(value_type = crate::http::edge::amount::Amount)]
    amount: String,
    /// The product's wallet; null: the main wallet.
    #[schema(max_length = 32, pattern = "^[a-z0-9_-]{1,32}$", example = "whatsapp")]
    product: Option<String>,
    /// Seconds until what is not captured is free again.
    #[schema(minimum = 1, maximum = 86400, example = 300)]
    expires_in: i64,
    #[schema(max_length = 500, example = "chat completion")]
    description: Option<String>,
    /// Yours, up to 2,048 bytes of JSON.
    metadata: Option<std::collections::BTreeMap<String, String>>,
}

/// Where a hold stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldStatus {
    Open,
    Captured,
    Released,
    Expired,
}

/// A reserved amount.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hold {
    /// Ours: the paths take it.
    #[schema(max_length = 64, pattern = "^hold_[0-9a-f]{32}$", example = "hold_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    hold_id: String,
    /// Yours.
    #[schema(max_length = 128, example = "call-0001")]
    id: String,
    #[schema(max_length = 64, example = "demo")]
    customer_id: String,
    status: HoldStatus,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Null for the main wallet.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    amount: Amount,
    /// What was captured, beyond the hold included.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    captured: Option<Amount>,
    /// Of the wallet, after a capture that took something just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    balance_after: Option<SignedAmount>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
}

fn render(hold: &Held, done: Option<&HoldDone>) -> Hold {
    let currency = hold.wallet.currency;
    let balance_after = done.and_then(|done| done.balance_after);
    Hold {
        hold_id: IdKind::Hold.show(hold.id),
        id: hold.key.clone(),
        customer_id: hold.wallet.customer.to_string(),
        status: match hold.status {
            Status::Open => HoldStatus::Open,
            Status::Captured => HoldStatus::Captured,
            Status::Released => HoldStatus::Released,
            Status::Expired => HoldStatus::Expired,
        },
        currency: currency.code().to_owned(),
        product: hold.wallet.product.code().map(str::to_owned),
        amount: Amount::of(hold.amount, currency),
        captured: hold.captured.map(|captured| Amount::of(captured, currency)),
        balance_after: balance_after.map(|balance| SignedAmount::of(balance, currency)),
        created_at: hold.created_at,
        expires_at: hold.expires_at,
        closed_at: hold.closed_at,
    }
}

fn lifetime(problems: &mut Problems, seconds: i64) -> Option<Duration> {
    if (1..=MAX_HOLD_SECONDS).contains(&seconds) {
        return Some(Duration::seconds(seconds));
    }
    problems.add("/expires_in", "out_of_range", "must be 1 to 86400 seconds");
    None
}

fn answer(done: &HoldDone) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if done.replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    response.json(render(&done.hold, Some(done)))
}

/// Open a hold
///
/// Reserves an amount for a running call: it counts against what is available until it is captured, released or expired.
#[utoipa::path(
    tag = "holds",
    operation_id = "createHold",
    request_body = CreateHold,
    responses(
        (status = 201, description = "The hold", body = Hold),
        (status = 200, description = "The same hold again (`Idempotent-Replayed: true`)", body = Hold),
        (status = 402, description = "`insufficient_funds` or `spend_cap_reached`"),
        (status = 409, description = "The wallet is frozen"),
    ),
    security(("bearer" = ["service"]))
)]
#[post("/v1/holds")]
pub async fn create_hold(
    _: AsService,
    body: JsonBody<CreateHold>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let asked = body.value;
    let mut problems = Problems::new();
    let id = key(&mut problems, "/id", &asked.id);
    let customer = CustomerId::new(&asked.customer_id);
    if customer.is_none() {
        problems.add("/customer_id", "malformed", "must be 1 to 64 of A-Z a-z 0-9 _ . : @ -");
    }
    let currency = problems.money("/currency", asked.currency.parse::<Currency>());
    let amount = currency.and_then(|currency| {
        let amount = parse_plain_decimal(&asked.amount).and_then(|amount| Money::positive(amount, currency));
        problems.money("/amount", amount)
    });
    let product = product(&mut problems, "/product", asked.product.as_deref());
    let lifetime = lifetime(&mut problems, asked.expires_in);
    let description = problems.optional_text("/description", asked.description.as_deref(), 500);
    let metadata = metadata(&mut problems, "/metadata", asked.metadata);
    problems.finish()?;
    let (Some(id), Some(customer), Some(amount), Some(product), Some(lifetime)) =
        (id, customer, amount, product, lifetime)
    else {
        return Err(Error::NotFound("hold").into());
    };
    let new = NewHold { id, customer, amount, product, lifetime, description, metadata };
    let done = holds::open(&app, new).await?;
    Ok(created(&render(&done.hold, None), done.replayed, StatusCode::OK))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct HoldPath {
    /// Our id of the hold.
    #[param(max_length = 64, pattern = "^hold_[0-9a-f]{32}$", example = "hold_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    hold_id: String,
}

/// Get a hold
///
/// As it is now: an open one whose time is over shows as expired.
#[utoipa::path(
    tag = "holds",
    operation_id = "getHold",
    params(HoldPath),
    responses((status = 200, description = "The hold", body = Hold)),
    security(("bearer" = ["service"]))
)]
#[get("/v1/holds/{hold_id}")]
pub async fn get_hold(_: AsService, path: web::Path<HoldPath>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let hold = holds::get(&app, IdKind::Hold.parse(&path.hold_id)).await?;
    Ok(HttpResponse::Ok().json(render(&hold, None)))
}

/// What the call cost.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "0.92"}))]
pub struct CaptureHold {
    /// Zero or more, up to 8 decimals. Less than was held frees the rest; more takes the rest from what is available, or is refused and leaves the hold open.
    #[schema(value_type = crate::http::edge::amount::Amount)]
    amount: String,
}

/// Capture a hold
///
/// Deducts the actual amount and closes the hold. Repeating it with the same amount changes nothing.
#[utoipa::path(
    tag = "holds",
    operation_id = "captureHold",
    params(HoldPath),
    request_body = CaptureHold,
    responses(
        (status = 200, description = "The captured hold", body = Hold),
        (status = 402, description = "The part beyond the hold is not available"),
        (status = 409, description = "`hold_expired` or `hold_closed`"),
    ),
    security(("bearer" = ["service"]))
)]
#[post("/v1/holds/{hold_id}/capture")]
pub async fn capture_hold(
    _: AsService,
    path: web::Path<HoldPath>,
    body: JsonBody<CaptureHold>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let amount = problems.money("/amount", parse_plain_decimal(&body.value.amount));
    problems.finish()?;
    let done = holds::capture(&app, IdKind::Hold.parse(&path.hold_id), amount.unwrap_or_default()).await?;
    Ok(answer(&done))
}

/// Release a hold
///
/// Frees what it reserves. Repeating it, and releasing one that has expired, changes nothing.
#[utoipa::path(
    tag = "holds",
    operation_id = "releaseHold",
    params(HoldPath),
    responses(
        (status = 200, description = "The released (or expired) hold", body = Hold),
        (status = 409, description = "`hold_closed`: it was captured"),
    ),
    security(("bearer" = ["service"]))
)]
#[post("/v1/holds/{hold_id}/release")]
pub async fn release_hold(
    _: AsService,
    path: web::Path<HoldPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let done = holds::release(&app, IdKind::Hold.parse(&path.hold_id)).await?;
    Ok(answer(&done))
}

/// How much longer a hold lives.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"expires_in": 600}))]
pub struct ExtendHold {
    /// Seconds from now; a hold never gets shorter.
    #[schema(minimum = 1, maximum = 86400, example = 600)]
    expires_in: i64,
}

/// Extend a hold
///
/// Lets it live so long from now, if that is later than it would; at most seven days from its opening.
#[utoipa::path(
    tag = "holds",
    operation_id = "extendHold",
    params(HoldPath),
    request_body = ExtendHold,
    responses(
        (status = 200, description = "The extended hold", body = Hold),
        (status = 409, description = "`hold_expired` or `hold_closed`"),
    ),
    security(("bearer" = ["service"]))
)]
#[post("/v1/holds/{hold_id}/extend")]
pub async fn extend_hold(
    _: AsService,
    path: web::Path<HoldPath>,
    body: JsonBody<ExtendHold>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let lifetime = lifetime(&mut problems, body.value.expires_in);
    problems.finish()?;
    let done = holds::extend(&app, IdKind::Hold.parse(&path.hold_id), lifetime.unwrap_or_default()).await?;
    Ok(answer(&done))
}
