//! `/v1/admin/payouts`: two operators pay out the rest of an account that is being closed.

pub mod body;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::Payout;
use crate::app::payouts::{self, NewPayout};
use crate::app::{App, Error, Made, Problems};
use crate::domain::page::Sort;
use crate::domain::payout::{self, PayoutFilter};
use crate::domain::refund::RefundState;
use crate::http::edge::answers::{located, repeatable};
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{
    BankAccountId, BankTransactionId, CurrencyCode, CursorText, CustomerIdText, Limit, PayoutId, Reason,
};
use crate::http::v1::admin::refunds::body::RefundStatusName;

/// A page of payouts.
#[derive(Debug, Serialize, ToSchema)]
pub struct PayoutPage {
    #[schema(max_items = 100)]
    data: Vec<Payout>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

/// A payout of all that is left of an account in one currency.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "customer_id": "demo", "currency": "CNY", "bank_account_id": "bac_01930000000070008000000000000001"
}))]
pub struct CreatePayout {
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    /// Our account that sends the money, in the same currency.
    bank_account_id: BankAccountId,
    /// The customer's account, if the billing profile names none. The name is always that of the profile.
    #[schema(max_length = 64, example = "6216600100001234567")]
    account: Option<String>,
}

impl CreatePayout {
    fn read(&self) -> Result<NewPayout, Error> {
        let mut problems = Problems::new();
        let customer = self.customer_id.read(&mut problems, "/customer_id");
        let currency = self.currency.read(&mut problems, "/currency");
        let account = problems.optional_text("/account", self.account.as_deref(), 64);
        let ours = self.bank_account_id.read(&mut problems, "/bank_account_id");
        let read = problems.into_result(customer.zip(currency).zip(ours))?;
        let ((customer, currency), bank_account_id) = read;
        Ok(NewPayout { customer, currency, bank_account_id, account })
    }
}

fn answer(made: &Made<payout::Payout>) -> HttpResponse {
    let status = match made.value.state {
        RefundState::AwaitingSecondApproval => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    };
    repeatable(&Payout::from(&made.value), made.replayed, status)
}

/// Propose a payout
///
/// Proposes to pay out all that is left of an account in one currency, to the name in the billing profile. The closing
/// must be in the status `payout`, and no payment may be disputed. A configured number of days must have passed since
/// the last payment that can be contested. Nothing moves until a second operator approves it.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminCreatePayout",
    params(IdempotencyHeader),
    request_body = CreatePayout,
    responses(
        (status = 202, description = "`awaiting_second_approval`: another operator must approve it", body = Payout),
        (status = 200, description = "The payout that the same request made before, which has moved on", body = Payout),
        (status = 404, description = "The account is not being closed"),
        (status = 409, description = "`closing_moved_on`, `payout_moved_on` or `payout_too_early`"),
        (
            status = 422,
            description = "`billing_profile_required`: there is no name to which it could be paid; or `errors` names \
                `/account`: neither the request nor the billing profile names the customer's bank account",
        ),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/payouts")]
pub async fn create_payout(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    body: JsonBody<CreatePayout>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "create_payout", "", &body.bytes);
    let made = payouts::propose(&app, &caller, &body.value.read()?, &key).await?;
    let id = PayoutId::of(made.value.id);
    Ok(located(answer(&made), "/v1/admin/payouts", &id))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PayoutsQuery {
    /// Only payouts of this customer.
    customer_id: Option<CustomerIdText>,
    /// Only payouts with this status. Repeat the parameter for several.
    #[serde(default)]
    #[param(max_items = 4)]
    status: Vec<RefundStatusName>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List payouts
///
/// The payouts of all accounts, newest first.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminListPayouts",
    params(PayoutsQuery),
    responses((status = 200, description = "A page of payouts", body = PayoutPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/payouts")]
pub async fn list_payouts(
    _: AsOperator,
    QueryParams(query): QueryParams<PayoutsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = PayoutFilter {
        customer: CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?,
        states: query.status.iter().map(|name| (*name).into()).collect(),
    };
    let filters = Filters::of(request.path())
        .with_optional("customer_id", filter.customer.as_ref())
        .with_each("status", filter.states.iter().map(|state| state.as_str()));
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, Limit::read(query.limit)?, &filters)?;
    let found = payouts::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, |payout| (payout.proposed_at, payout.id))?;
    Ok(HttpResponse::Ok().json(PayoutPage {
        data: found.rows.iter().map(Payout::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct PayoutPath {
    /// The payout's id.
    payout_id: PayoutId,
}

impl PayoutPath {
    fn id(&self) -> Result<uuid::Uuid, Error> {
        self.payout_id.named().ok_or(Error::NotFound("payout"))
    }
}

/// Get a payout
///
/// One payout, with the account that it goes to.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminGetPayout",
    params(PayoutPath),
    responses((status = 200, description = "The payout", body = Payout)),
    security(("bearer" = []))
)]
#[get("/v1/admin/payouts/{payout_id}")]
pub async fn get_payout(
    _: AsOperator,
    path: web::Path<PayoutPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let payout = payouts::get(&app, path.payout_id.named()).await?;
    Ok(HttpResponse::Ok().json(Payout::from(&payout)))
}

/// Approve a payout
///
/// The main wallet gives the money, and the payout is `pending`: an operator makes the transfer at the bank. The
/// operator who proposed it cannot approve it.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminApprovePayout",
    params(PayoutPath, IdempotencyHeader),
    responses(
        (status = 200, description = "The money has left the wallet", body = Payout),
        (status = 202, description = "The same request was repeated while it waits", body = Payout),
        (status = 409, description = "`payout_moved_on`, `second_operator_needed` or `payout_too_early`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/payouts/{payout_id}/approve")]
pub async fn approve_payout(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    path: web::Path<PayoutPath>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "approve_payout", request.path(), b"");
    Ok(answer(&payouts::approve(&app, &caller, path.id()?, &key).await?))
}

/// The bank transfer by which the money was sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"bank_transaction_id": "20261122-000045"}))]
pub struct MarkPayoutSent {
    /// The bank's own id of the outgoing transfer. It can serve only one payout.
    bank_transaction_id: BankTransactionId,
}

/// Mark a payout as sent
///
/// Records the bank transfer that an operator made. The same call again changes nothing.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminMarkPayoutSent",
    params(PayoutPath),
    request_body = MarkPayoutSent,
    responses(
        (status = 200, description = "The payout, which has succeeded", body = Payout),
        (status = 409, description = "`payout_moved_on` or `bank_transaction_used`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/payouts/{payout_id}/mark-sent")]
pub async fn mark_payout_sent(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<PayoutPath>,
    body: JsonBody<MarkPayoutSent>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let transaction = body.value.bank_transaction_id.read(&mut problems, "/bank_transaction_id");
    let transaction = problems.into_result(transaction)?;
    let payout = payouts::mark_sent(&app, &caller, path.id()?, &transaction).await?;
    Ok(HttpResponse::Ok().json(Payout::from(&payout)))
}

/// Why a payout is rejected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the bank sent the money back: the account is closed"}))]
pub struct RejectPayout {
    reason: Reason,
}

/// Reject a payout
///
/// Ends a payout that waits, or records that its transfer was not made, or came back: the wallet has the money again,
/// and a closed account is reopened. If the money has left the wallet, it must be another operator than the one who
/// approved the payout. The same call again changes nothing.
#[utoipa::path(
    tag = "admin-closings",
    operation_id = "adminRejectPayout",
    params(PayoutPath),
    request_body = RejectPayout,
    responses(
        (status = 200, description = "The payout, which has failed", body = Payout),
        (status = 409, description = "`second_operator_needed`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/payouts/{payout_id}/reject")]
pub async fn reject_payout(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<PayoutPath>,
    body: JsonBody<RejectPayout>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let reason = body.value.reason.read(&mut problems, "/reason");
    let reason = problems.into_result(reason)?;
    let payout = payouts::reject(&app, &caller, path.id()?, &reason).await?;
    Ok(HttpResponse::Ok().json(Payout::from(&payout)))
}
