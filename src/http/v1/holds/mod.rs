//! `/v1/holds`: reserve an amount before a call, and capture what the call cost.

pub mod body;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, post, web};
use chrono::Duration;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use self::body::{Hold, hold_body};
use crate::app::holds::{self, HoldDone, NewHold};
use crate::app::{App, Problems};
use crate::domain::code::Code;
use crate::domain::hold::MAX_HOLD_SECONDS;
use crate::http::edge::answers::{created, located, repeatable};
use crate::http::edge::auth::AsService;
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{
    Amount, CurrencyCode, CustomerIdText, DedupeId, Description, HoldIdText, Metadata, ProductCode,
};

/// An amount to reserve.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "call-0001", "customer_id": "demo", "currency": "CNY", "amount": "1.50", "expires_in": 300
}))]
pub struct CreateHold {
    /// Your own id of the hold, unique for each customer. The same id with the same content opens one hold.
    id: DedupeId,
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    /// The amount: greater than zero, with up to 8 decimals.
    amount: Amount,
    /// The product whose wallet reserves the amount; null for the main wallet.
    product: Option<ProductCode>,
    /// After this many seconds the hold expires, and what was not captured is available again.
    #[schema(minimum = 1, maximum = 86400, example = 300)]
    expires_in: i64,
    /// A text for the customer's account flows.
    description: Option<Description>,
    metadata: Option<Metadata>,
}

fn lifetime(problems: &mut Problems, seconds: i64) -> Option<Duration> {
    if (1..=MAX_HOLD_SECONDS).contains(&seconds) {
        return Some(Duration::seconds(seconds));
    }
    problems.add("/expires_in", Code::OutOfRange, format!("must be 1 to {MAX_HOLD_SECONDS} seconds"));
    None
}

fn read(asked: CreateHold, problems: &mut Problems) -> Option<NewHold> {
    let id = asked.id.read(problems, "/id");
    let customer = asked.customer_id.read(problems, "/customer_id");
    let currency = asked.currency.read(problems, "/currency");
    let amount = currency.and_then(|currency| asked.amount.positive_money(problems, "/amount", currency));
    let product = ProductCode::read_or_main(asked.product.as_ref(), problems, "/product");
    let lifetime = lifetime(problems, asked.expires_in);
    let description = Description::read_optional(asked.description.as_ref(), problems, "/description");
    let metadata = Metadata::read_optional(asked.metadata, problems, "/metadata");
    Some(NewHold {
        id: id?,
        customer: customer?,
        amount: amount?,
        product: product?,
        lifetime: lifetime?,
        description,
        metadata,
    })
}

fn closed(done: &HoldDone) -> HttpResponse {
    repeatable(&hold_body(&done.hold, Some(done)), done.replayed, StatusCode::OK)
}

/// Open a hold
///
/// Reserves an amount for a running call. The amount is not available to others until it is captured or released, or
/// the hold expires.
#[utoipa::path(
    tag = "holds",
    operation_id = "createHold",
    request_body = CreateHold,
    responses(
        (status = 201, description = "The new hold", body = Hold),
        (status = 200, description = "The hold that the same request opened before", body = Hold),
        (status = 402, description = "`insufficient_funds`, `spend_cap_reached` or `taken_back_debt`"),
        (status = 409, description = "`wallet_frozen` or `customer_frozen`"),
    ),
    security(("bearer" = ["service"]))
)]
#[post("/v1/holds")]
pub async fn create_hold(
    _: AsService,
    body: JsonBody<CreateHold>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let new = read(body.value, &mut problems);
    let done = holds::open(&app, problems.into_result(new)?).await?;
    let answer = created(&hold_body(&done.hold, None), done.replayed, StatusCode::OK);
    Ok(located(answer, "/v1/holds", &HoldIdText::of(done.hold.id)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct HoldPath {
    /// The service's id of the hold.
    hold_id: HoldIdText,
}

/// Get a hold
///
/// The hold as it is now. An open hold whose time is over is shown as expired.
#[utoipa::path(
    tag = "holds",
    operation_id = "getHold",
    params(HoldPath),
    responses((status = 200, description = "The hold", body = Hold)),
    security(("bearer" = ["service"]))
)]
#[get("/v1/holds/{hold_id}")]
pub async fn get_hold(_: AsService, path: web::Path<HoldPath>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let hold = holds::get(&app, path.hold_id.named()).await?;
    Ok(HttpResponse::Ok().json(hold_body(&hold, None)))
}

/// What the call cost.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "0.92"}))]
pub struct CaptureHold {
    /// The amount: zero or more, with up to 8 decimals. If it is less than the hold, the rest is available again. If it
    /// is more, the difference is taken from what is available; if that is too little, the capture is refused and the
    /// hold stays open.
    amount: Amount,
}

/// Capture a hold
///
/// Deducts the actual amount and closes the hold. The same capture again changes nothing.
#[utoipa::path(
    tag = "holds",
    operation_id = "captureHold",
    params(HoldPath),
    request_body = CaptureHold,
    responses(
        (status = 200, description = "The captured hold", body = Hold),
        (status = 402, description = "The part of the amount beyond the hold is not available, or `taken_back_debt`"),
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
    let amount = body.value.amount.decimal(&mut problems, "/amount");
    let done = holds::capture(&app, path.hold_id.named(), problems.into_result(amount)?).await?;
    Ok(closed(&done))
}

/// Release a hold
///
/// Makes the reserved amount available again. Releasing a released or expired hold changes nothing.
#[utoipa::path(
    tag = "holds",
    operation_id = "releaseHold",
    params(HoldPath),
    responses(
        (status = 200, description = "The released or expired hold", body = Hold),
        (status = 409, description = "`hold_closed`: the hold was captured"),
    ),
    security(("bearer" = ["service"]))
)]
#[post("/v1/holds/{hold_id}/release")]
pub async fn release_hold(
    _: AsService,
    path: web::Path<HoldPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let done = holds::release(&app, path.hold_id.named()).await?;
    Ok(closed(&done))
}

/// The extension of a hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"expires_in": 600}))]
pub struct ExtendHold {
    /// The new lifetime in seconds from now. It cannot make the hold expire earlier.
    #[schema(minimum = 1, maximum = 86400, example = 600)]
    expires_in: i64,
}

/// Extend a hold
///
/// Moves the hold's expiry to the given time, if that is later. A hold expires at most seven days after its opening.
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
    let done = holds::extend(&app, path.hold_id.named(), problems.into_result(lifetime)?).await?;
    Ok(closed(&done))
}
