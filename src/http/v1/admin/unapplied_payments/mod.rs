//! `/v1/admin/unapplied-payments`: payments that serve no order, and what operators decide about them.

pub mod body;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use self::body::{
    ApplyUnappliedPayment, DismissUnappliedPayment, ReturnUnappliedPayment, UnappliedDecision, UnappliedDecisionPage,
    UnappliedPayment, UnappliedPaymentPage,
};
use crate::app::unapplied_payments::decide::{self, NewDecision, Wanted};
use crate::app::{App, Error, Made, Problems, unapplied_payments};
use crate::domain::code::Code;
use crate::domain::order::TimeRange;
use crate::domain::page::Sort;
use crate::domain::unapplied::{Decision, UnappliedFilter};
use crate::http::edge::answers::repeatable;
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::page::{self, Filters, SortName};
use crate::http::edge::problem::Failure;
use crate::http::edge::times;
use crate::http::edge::wire::{
    BankTransactionId, CurrencyCode, CursorText, CustomerIdText, DecisionId, Limit, PaymentIdText, ProductCode,
    ProviderText, TopUpOrderId,
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UnappliedPaymentsQuery {
    /// Only payments through this provider.
    provider: Option<ProviderText>,
    currency: Option<CurrencyCode>,
    /// Only payments that name this order.
    order: Option<TopUpOrderId>,
    /// Only payments that name an order of this customer.
    customer_id: Option<CustomerIdText>,
    /// Only payments that arrived at this moment or later.
    #[serde(default, deserialize_with = "times::moment")]
    received_from: Option<DateTime<Utc>>,
    /// Only payments that arrived before this moment.
    #[serde(default, deserialize_with = "times::moment")]
    received_to: Option<DateTime<Utc>>,
    /// `true`: the payments that were dismissed, instead of those that wait for an operator.
    #[serde(default)]
    dismissed: bool,
    /// The order of the list: `newest` first, which is the default, or `oldest`.
    sort: Option<SortName>,
    /// `true`: the answer has the sums of the whole list.
    #[serde(default)]
    with_total: bool,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List unapplied payments
///
/// All payments with unapplied money: payments of too little or too much, in another currency, paid twice, or for an
/// order that the platform does not know. Other sales of the same merchant account are not listed, and neither is money
/// that the company has given back.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminListUnappliedPayments",
    params(UnappliedPaymentsQuery),
    responses((status = 200, description = "A page of payments", body = UnappliedPaymentPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/unapplied-payments")]
pub async fn list_unapplied_payments(
    _: AsOperator,
    QueryParams(query): QueryParams<UnappliedPaymentsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = UnappliedFilter {
        provider: ProviderText::filter(query.provider.as_ref(), "?provider")?,
        currency: CurrencyCode::filter(query.currency.as_ref(), "?currency")?,
        order: TopUpOrderId::filter(query.order.as_ref(), "?order")?,
        customer: CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?,
        received: TimeRange { from: query.received_from, to: query.received_to },
        is_dismissed: query.dismissed,
    };
    let limit = Limit::read(query.limit)?;
    let sort = query.sort.map_or(Sort::Newest, Sort::from);
    let filters = Filters::of(request.path())
        .with_optional("provider", filter.provider)
        .with_optional("currency", filter.currency)
        .with_optional("order", filter.order)
        .with_optional("customer_id", filter.customer.as_ref())
        .with_moment("received_from", filter.received.from)
        .with_moment("received_to", filter.received.to)
        .with_optional("dismissed", filter.is_dismissed.then_some("true"))
        .with_optional("sort", (sort == Sort::Oldest).then_some("oldest"));
    let asked = page::read(query.cursor.as_ref(), sort, limit, &filters)?;
    let found = unapplied_payments::list(&app, &filter, &asked).await?;
    let totals = match query.with_total {
        true => Some(unapplied_payments::totals(&app, &filter).await?.into_iter().map(Into::into).collect()),
        false => None,
    };
    let cursors = page::cursors(&found, &filters, |payment| (payment.received_at, payment.id))?;
    Ok(HttpResponse::Ok().json(UnappliedPaymentPage {
        data: found.rows.iter().map(UnappliedPayment::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
        totals,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct PaymentPath {
    /// The payment's id.
    payment_id: PaymentIdText,
}

impl PaymentPath {
    fn id(&self) -> Result<Uuid, Error> {
        self.payment_id.named().ok_or(Error::NotFound("payment"))
    }
}

fn answer(made: &Made<Decision>) -> HttpResponse {
    let status = if made.value.waits() { StatusCode::ACCEPTED } else { StatusCode::OK };
    repeatable(&UnappliedDecision::from(&made.value), made.replayed, status)
}

/// Apply an unapplied payment
///
/// Applies unapplied money to an order, which it completes, or to a customer's wallet. Each part is applied once. Above
/// the threshold it is only proposed (202) until a second operator approves it.
///
/// A bank transfer can be applied to an order by bank transfer that is completed: it adds what it would have added if
/// all had come at once, except a bonus, which belongs to the money that completed the order. Status and time of
/// completion stay.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminApplyUnappliedPayment",
    params(PaymentPath, IdempotencyHeader),
    request_body = ApplyUnappliedPayment,
    responses(
        (status = 200, description = "It is applied", body = UnappliedDecision),
        (status = 202, description = "`awaiting_second_approval`: nothing is applied yet", body = UnappliedDecision),
        (status = 409, description = "`nothing_unapplied`, `decision_waiting`, `order_already_completed`, or \
            `order_refunded` while money of the order has gone back"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/unapplied-payments/{payment_id}/apply")]
pub async fn apply_unapplied_payment(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    path: web::Path<PaymentPath>,
    request: HttpRequest,
    body: JsonBody<ApplyUnappliedPayment>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "apply_unapplied_payment", request.path(), &body.bytes);
    let (payment_id, asked) = (path.id()?, &body.value);
    let mut problems = Problems::new();
    let order = TopUpOrderId::read_optional(asked.order_id.as_ref(), &mut problems, "/order_id");
    let customer = CustomerIdText::read_optional(asked.customer_id.as_ref(), &mut problems, "/customer_id");
    let product = ProductCode::read_or_main(asked.product.as_ref(), &mut problems, "/product");
    let amount = asked.amount.as_ref().map(|amount| amount.decimal(&mut problems, "/amount"));
    let reason = asked.reason.read(&mut problems, "/reason");
    let wanted = match (&asked.order_id, &asked.customer_id) {
        (Some(_), None) => order.map(Wanted::Order),
        (None, Some(_)) => customer.zip(product).map(|(customer, product)| Wanted::Wallet { customer, product }),
        (Some(_), Some(_)) => {
            problems.add("/customer_id", Code::InvalidValue, "must be absent if order_id is sent");
            None
        }
        (None, None) => {
            problems.add("/order_id", Code::Required, "is required, or else customer_id");
            None
        }
    };
    let new =
        wanted.zip(reason).map(|(wanted, reason)| NewDecision { payment_id, wanted, amount: amount.flatten(), reason });
    Ok(answer(&decide::decide(&app, &caller, &problems.into_result(new)?, &key).await?))
}

/// Return an unapplied payment
///
/// Sends unapplied money back to its payer: by the company that took it, or, with `bank_transaction_id`, by the bank
/// transfer that you have made. A transfer that you have made always needs a second operator (202), and so does money
/// that names no order.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminReturnUnappliedPayment",
    params(PaymentPath, IdempotencyHeader),
    request_body = ReturnUnappliedPayment,
    responses(
        (status = 200, description = "It goes back: `refund_id` is the refund", body = UnappliedDecision),
        (status = 202, description = "`awaiting_second_approval`: nothing is recorded yet", body = UnappliedDecision),
        (status = 409, description = "`nothing_unapplied`, `decision_waiting`, `not_refundable` if the company \
            cannot send it back, or `bank_transaction_used`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/unapplied-payments/{payment_id}/return")]
pub async fn return_unapplied_payment(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    path: web::Path<PaymentPath>,
    request: HttpRequest,
    body: JsonBody<ReturnUnappliedPayment>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "return_unapplied_payment", request.path(), &body.bytes);
    let (payment_id, asked) = (path.id()?, &body.value);
    let mut problems = Problems::new();
    let sent = asked.bank_transaction_id.as_ref();
    let bank_transaction_id = BankTransactionId::read_optional(sent, &mut problems, "/bank_transaction_id");
    let amount = asked.amount.as_ref().and_then(|amount| amount.decimal(&mut problems, "/amount"));
    let reason = asked.reason.read(&mut problems, "/reason");
    let wanted = Wanted::Payer { bank_transaction_id };
    let new = reason.map(|reason| NewDecision { payment_id, wanted, amount, reason });
    Ok(answer(&decide::decide(&app, &caller, &problems.into_result(new)?, &key).await?))
}

/// Dismiss an unapplied payment
///
/// The money stays recorded, and the payment leaves the list. It can still be applied or returned. Repeating it
/// changes nothing.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminDismissUnappliedPayment",
    params(PaymentPath),
    request_body = DismissUnappliedPayment,
    responses(
        (status = 200, description = "The payment", body = UnappliedPayment),
        (status = 409, description = "`nothing_unapplied`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/unapplied-payments/{payment_id}/dismiss")]
pub async fn dismiss_unapplied_payment(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<PaymentPath>,
    body: JsonBody<DismissUnappliedPayment>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let reason = body.value.reason.read(&mut problems, "/reason");
    let reason = problems.into_result(reason)?;
    let payment = unapplied_payments::dismiss(&app, &caller, path.id()?, &reason).await?;
    Ok(HttpResponse::Ok().json(UnappliedPayment::from(&payment)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DecisionsQuery {
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List proposed decisions about unapplied money
///
/// The decisions about unapplied money that wait for a second operator, newest first.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminListUnappliedDecisions",
    params(DecisionsQuery),
    responses((status = 200, description = "A page of decisions", body = UnappliedDecisionPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/unapplied-decisions")]
pub async fn list_unapplied_decisions(
    _: AsOperator,
    QueryParams(query): QueryParams<DecisionsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let limit = Limit::read(query.limit)?;
    let filters = Filters::of(request.path());
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let found = decide::waiting(&app, &asked).await?;
    let cursors = page::cursors(&found, &filters, |decision| (decision.proposed_at, decision.id))?;
    Ok(HttpResponse::Ok().json(UnappliedDecisionPage {
        data: found.rows.iter().map(UnappliedDecision::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct DecisionPath {
    /// The decision's id.
    decision_id: DecisionId,
}

impl DecisionPath {
    fn id(&self) -> Result<Uuid, Error> {
        self.decision_id.named().ok_or(Error::NotFound("decision"))
    }
}

/// Approve a decision about unapplied money
///
/// Carries it out. The operator who proposed it cannot approve it, and it is refused if less is left now.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminApproveUnappliedDecision",
    params(DecisionPath, IdempotencyHeader),
    responses(
        (status = 200, description = "It is done", body = UnappliedDecision),
        (status = 409, description = "`nothing_proposed`, `second_operator_needed`, `nothing_unapplied`, \
            `order_already_completed` or `order_refunded`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/unapplied-decisions/{decision_id}/approve")]
pub async fn approve_unapplied_decision(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    path: web::Path<DecisionPath>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "approve_unapplied_decision", request.path(), b"");
    Ok(answer(&decide::approve(&app, &caller, path.id()?, &key).await?))
}

/// Withdraw a decision about unapplied money
///
/// Ends a waiting decision; the money stays where it is. Withdrawing it again changes nothing.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminWithdrawUnappliedDecision",
    params(DecisionPath),
    responses(
        (status = 200, description = "The withdrawn decision", body = UnappliedDecision),
        (status = 409, description = "`nothing_proposed`: it was carried out"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/unapplied-decisions/{decision_id}/withdraw")]
pub async fn withdraw_unapplied_decision(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<DecisionPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let withdrawn = decide::withdraw(&app, &caller, path.id()?).await?;
    Ok(HttpResponse::Ok().json(UnappliedDecision::from(&withdrawn)))
}
