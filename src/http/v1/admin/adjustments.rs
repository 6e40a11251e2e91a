//! `/v1/admin/adjustments`: operators correct a wallet, up or down.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::adjustments::{self, Correction};
use crate::app::{App, Error, Made, Problems};
use crate::domain::adjustment::{Adjustment as Corrected, AdjustmentFilter};
use crate::domain::page::Sort;
use crate::http::edge::answers::{located, repeatable};
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{
    Actor, AdjustmentId, Amount, CurrencyCode, CursorText, CustomerIdText, Limit, ProductCode, Reason,
};

/// Whether money comes into the wallet or is taken from it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentDirection {
    Up,
    Down,
}

/// A correction of a wallet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "customer_id": "demo", "currency": "CNY", "direction": "up", "amount": "10.00", "reason": "billed twice in May"
}))]
pub struct CreateAdjustment {
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    /// The product whose wallet is corrected; null for the main wallet.
    product: Option<ProductCode>,
    direction: AdjustmentDirection,
    /// The amount: greater than zero, with up to 8 decimals.
    amount: Amount,
    /// Why it is corrected. The customer reads it in the account flows.
    reason: Reason,
    /// `down` only: whether to take more than the wallet has. The rest becomes its debt, which the next money repays.
    #[serde(default)]
    allow_debt: bool,
}

/// The status of an adjustment.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentStatus {
    AwaitingSecondApproval,
    Booked,
    Withdrawn,
}

/// A correction of a wallet.
#[derive(Debug, Serialize, ToSchema)]
pub struct Adjustment {
    id: AdjustmentId,
    status: AdjustmentStatus,
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    direction: AdjustmentDirection,
    amount: Amount,
    reason: Reason,
    allow_debt: bool,
    proposed_by: Actor,
    created_at: DateTime<Utc>,
    /// The second operator; null if none was needed, or none has approved.
    approved_by: Option<Actor>,
    /// When it was booked; null until then.
    booked_at: Option<DateTime<Utc>>,
    withdrawn_by: Option<Actor>,
}

/// A page of adjustments.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdjustmentPage {
    #[schema(max_items = 100)]
    data: Vec<Adjustment>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

impl From<&Corrected> for Adjustment {
    fn from(adjustment: &Corrected) -> Self {
        let is_down = adjustment.amount.amount().is_sign_negative();
        let (direction, amount) = match is_down {
            true => (AdjustmentDirection::Down, -adjustment.amount),
            false => (AdjustmentDirection::Up, adjustment.amount),
        };
        let status = match (adjustment.booked_at, &adjustment.withdrawn) {
            (Some(_), _) => AdjustmentStatus::Booked,
            (None, Some(_)) => AdjustmentStatus::Withdrawn,
            (None, None) => AdjustmentStatus::AwaitingSecondApproval,
        };
        Self {
            id: AdjustmentId::of(adjustment.id),
            status,
            customer_id: CustomerIdText::of(&adjustment.customer),
            currency: CurrencyCode::of(adjustment.amount.currency()),
            product: ProductCode::of_product(&adjustment.product),
            direction,
            amount: amount.into(),
            reason: Reason::new(&adjustment.reason),
            allow_debt: adjustment.allow_debt,
            proposed_by: Actor::new(&adjustment.proposed_by),
            created_at: adjustment.created_at,
            approved_by: adjustment.approved_by.as_deref().map(Actor::new),
            booked_at: adjustment.booked_at,
            withdrawn_by: adjustment.withdrawn.as_ref().map(|(by, _)| Actor::new(by)),
        }
    }
}

fn read(asked: &CreateAdjustment, problems: &mut Problems) -> Option<Correction> {
    let customer = asked.customer_id.read(problems, "/customer_id");
    let currency = asked.currency.read(problems, "/currency");
    let amount = currency.and_then(|currency| asked.amount.positive_money(problems, "/amount", currency));
    let product = ProductCode::read_or_main(asked.product.as_ref(), problems, "/product");
    let reason = asked.reason.read(problems, "/reason");
    let amount = match asked.direction {
        AdjustmentDirection::Up => amount?,
        AdjustmentDirection::Down => -amount?,
    };
    Some(Correction { customer: customer?, product: product?, amount, reason: reason?, allow_debt: asked.allow_debt })
}

fn answer(made: &Made<Corrected>, done: StatusCode) -> HttpResponse {
    let status = match (made.value.waits(), made.replayed) {
        (true, _) => StatusCode::ACCEPTED,
        (false, true) => StatusCode::OK,
        (false, false) => done,
    };
    repeatable(&Adjustment::from(&made.value), made.replayed, status)
}

/// Correct a wallet
///
/// Adds paid money to a wallet, or takes some from it. Above the threshold it is only proposed (202) until a second
/// operator approves it.
#[utoipa::path(
    tag = "admin-adjustments",
    operation_id = "adminCreateAdjustment",
    params(IdempotencyHeader),
    request_body = CreateAdjustment,
    responses(
        (status = 201, description = "It is booked", body = Adjustment),
        (status = 200, description = "The adjustment that the same request made before", body = Adjustment),
        (status = 202, description = "`awaiting_second_approval`: nothing is booked yet", body = Adjustment),
        (status = 402, description = "The wallet has less unheld paid money, and `allow_debt` is not set"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/adjustments")]
pub async fn create_adjustment(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    body: JsonBody<CreateAdjustment>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "create_adjustment", "", &body.bytes);
    let mut problems = Problems::new();
    let new = read(&body.value, &mut problems);
    let made = adjustments::create(&app, &caller, &problems.into_result(new)?, &key).await?;
    let id = AdjustmentId::of(made.value.id);
    Ok(located(answer(&made, StatusCode::CREATED), "/v1/admin/adjustments", &id))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AdjustmentsQuery {
    /// Only adjustments of this customer.
    customer_id: Option<CustomerIdText>,
    /// `true`: only proposals that wait for a second operator.
    #[serde(default)]
    awaiting_second_approval: bool,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List adjustments
///
/// All corrections of wallets, newest first. The reversal of an approval is shown by its order.
#[utoipa::path(
    tag = "admin-adjustments",
    operation_id = "adminListAdjustments",
    params(AdjustmentsQuery),
    responses((status = 200, description = "A page of adjustments", body = AdjustmentPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/adjustments")]
pub async fn list_adjustments(
    _: AsOperator,
    QueryParams(query): QueryParams<AdjustmentsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = AdjustmentFilter {
        customer: CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?,
        is_waiting: query.awaiting_second_approval,
    };
    let filters = Filters::of(request.path())
        .with_optional("customer_id", filter.customer.as_ref())
        .with_optional("awaiting_second_approval", filter.is_waiting.then_some("true"));
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, Limit::read(query.limit)?, &filters)?;
    let found = adjustments::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, |adjustment| (adjustment.created_at, adjustment.id))?;
    Ok(HttpResponse::Ok().json(AdjustmentPage {
        data: found.rows.iter().map(Adjustment::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct AdjustmentPath {
    /// The adjustment's id.
    adjustment_id: AdjustmentId,
}

/// Get an adjustment
///
/// One correction of a wallet.
#[utoipa::path(
    tag = "admin-adjustments",
    operation_id = "adminGetAdjustment",
    params(AdjustmentPath),
    responses((status = 200, description = "The adjustment", body = Adjustment)),
    security(("bearer" = []))
)]
#[get("/v1/admin/adjustments/{adjustment_id}")]
pub async fn get_adjustment(
    _: AsOperator,
    path: web::Path<AdjustmentPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let adjustment = adjustments::get(&app, path.adjustment_id.named()).await?;
    Ok(HttpResponse::Ok().json(Adjustment::from(&adjustment)))
}

/// Approve an adjustment
///
/// Books it. The operator who proposed it cannot approve it.
#[utoipa::path(
    tag = "admin-adjustments",
    operation_id = "adminApproveAdjustment",
    params(AdjustmentPath, IdempotencyHeader),
    responses(
        (status = 200, description = "It is booked", body = Adjustment),
        (status = 402, description = "The wallet has less unheld paid money, and `allow_debt` is not set"),
        (status = 409, description = "`nothing_proposed` or `second_operator_needed`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/adjustments/{adjustment_id}/approve")]
pub async fn approve_adjustment(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    path: web::Path<AdjustmentPath>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.adjustment_id.named().ok_or(Error::NotFound("adjustment"))?;
    let key = key.scoped(&caller, "approve_adjustment", request.path(), b"");
    Ok(answer(&adjustments::approve(&app, &caller, id, &key).await?, StatusCode::OK))
}

/// Withdraw an adjustment
///
/// Ends a proposal; nothing is booked. Withdrawing it again changes nothing.
#[utoipa::path(
    tag = "admin-adjustments",
    operation_id = "adminWithdrawAdjustment",
    params(AdjustmentPath),
    responses(
        (status = 200, description = "The withdrawn adjustment", body = Adjustment),
        (status = 409, description = "`nothing_proposed`: it was booked"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/adjustments/{adjustment_id}/withdraw")]
pub async fn withdraw_adjustment(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<AdjustmentPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.adjustment_id.named().ok_or(Error::NotFound("adjustment"))?;
    let withdrawn = adjustments::withdraw(&app, &caller, id).await?;
    Ok(HttpResponse::Ok().json(Adjustment::from(&withdrawn)))
}
