//! Refund requests: a customer asks for money of an order, an operator approves or refuses, and the customer follows.
//!
//! Locks are taken in the order of refunds: the order, its payment, then the request, and the refund.

use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use super::orders::read::owned;
use super::refunds::{self, NewRefund, parts};
use super::{App, Caller, Error, IdempotencyKey, Made, closings};
use crate::domain::actor::Actor;
use crate::domain::audit::AuditRecord;
use crate::domain::closing::ANSWER_TO_REFUND_REQUESTS;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::page::{Page, Rows};
use crate::domain::refund::refundable::Refundable;
use crate::domain::refund::{Refund, RefundState};
use crate::domain::refund_request::{RefundRequest, RefundRequestFilter, RefundRequestState};
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, clock, orders, refund_requests as store};

/// What a customer asks for.
#[derive(Debug, Clone)]
pub struct NewRefundRequest {
    pub order_id: Uuid,
    /// `None`: all that can be refunded.
    pub amount: Option<Decimal>,
    pub reason: String,
}

/// The terms on which an operator approves a request.
#[derive(Debug, Clone, Default)]
pub struct ApprovalTerms {
    /// Less than was requested; `None`: all of it.
    pub amount: Option<Decimal>,
    pub override_balance: bool,
    pub from_products: bool,
}

/// How much of an order can be refunded now, in parts.
///
/// # Errors
/// 404; 409 `order_not_completed` or `not_refundable`.
pub async fn refundable(
    app: &App,
    caller: &Caller,
    customer: Option<&CustomerId>,
    id: Option<Uuid>,
) -> Result<Refundable, Error> {
    let mut conn = app.pool.get().await?;
    let order = owned(&mut conn, caller, customer, id).await?;
    parts_of(&mut conn, &order).await
}

async fn parts_of(conn: &mut Connection, order: &Order) -> Result<Refundable, Error> {
    if order.status() != OrderStatus::Completed {
        let detail = format!("only a completed order is refunded; this one is {}", order.status());
        return Err(Error::conflict(Code::OrderNotCompleted, detail));
    }
    let none = || Error::conflict(Code::NotRefundable, "this order has no payment that could go back");
    parts::of_order(conn, order).await?.ok_or_else(none)
}

/// Asks for a refund. Nothing moves until an operator approves it.
///
/// # Errors
/// 404; 409 `account_closed`, `order_not_completed`, `not_refundable`, `refund_exceeds_payment` or
/// `refund_request_waiting`; 422 for an impossible amount.
#[tracing::instrument(name = "refund_requests.create", skip_all, fields(order = %new.order_id))]
pub async fn create(
    app: &App,
    caller: &Caller,
    customer: &CustomerId,
    new: &NewRefundRequest,
    key: &IdempotencyKey,
) -> Result<Made<RefundRequest>, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            let known = store::find(conn, id).await?;
            return Ok(Made::again(known.ok_or(Error::Internal("the request of a recorded idempotency key"))?));
        }
        let order = orders::lock(conn, new.order_id).await?.filter(|order| order.customer == *customer);
        let order = order.ok_or(Error::NotFound("order"))?;
        closings::require_open(conn, customer).await?;
        let parts = parts_of(conn, &order).await?;
        let amount = wanted(&order, &parts, new.amount)?;
        let request = RefundRequest {
            id: Uuid::now_v7(),
            order_id: order.id,
            customer: order.customer.clone(),
            amount,
            reason: new.reason.clone(),
            state: RefundRequestState::Waiting,
            asked_by: actor.clone(),
            created_at: clock::now(conn).await?,
            refund_id: None,
            decided: None,
            answer: None,
        };
        store::insert(conn, &request).await.map_err(|error| match error.violates("refund_requests_one_waiting") {
            true => Error::conflict(Code::RefundRequestWaiting, "a refund request of this order waits already"),
            false => error.into(),
        })?;
        record(conn, &order, &request, "refund_requested", &actor).await?;
        key.record_resource(conn, request.id, &order.customer).await?;
        Ok::<_, Error>(Made::new(request))
    })
    .await
}

/// The amount of a new request: what the customer names, or all that the wallet has money for.
fn wanted(order: &Order, parts: &Refundable, asked: Option<Decimal>) -> Result<Money, Error> {
    let amount = match asked {
        None => parts.amount,
        Some(asked) => Money::positive(asked, order.currency())
            .and_then(Money::require_minor_unit)
            .map_err(|error| Error::field("/amount", error.code(), error.to_string()))?,
    };
    let most = parts.at_most();
    if amount.is_positive() && amount <= most {
        return Ok(amount);
    }
    let detail = format!("{} can be refunded now, and {most} at most", parts.amount);
    Err(Error::conflict(Code::RefundExceedsPayment, detail))
}

/// Approves a request: makes its refund. If the operator cannot decide alone, the refund waits for a second operator,
/// and the request with it.
///
/// # Errors
/// 404; 409 `refund_request_decided`, `refund_proposed`; 422 `/amount`; as [`refunds::request`].
#[tracing::instrument(name = "refund_requests.approve", skip_all, fields(request = %id))]
pub async fn approve(
    app: &App,
    caller: &Caller,
    id: Uuid,
    terms: &ApprovalTerms,
    key: &IdempotencyKey,
) -> Result<Made<RefundRequest>, Error> {
    let actor = caller.actor();
    let made = transact(&app.pool, async |conn| {
        if key.claim(conn).await?.is_some() {
            return Ok(None);
        }
        let (_, mut request) = lock_waiting(conn, id).await?;
        let amount = terms.amount.unwrap_or(request.amount.amount());
        if amount > request.amount.amount() {
            let detail = format!("must be at most the requested amount, {}", request.amount);
            return Err(Error::field("/amount", Code::AboveMaximum, detail));
        }
        let new = NewRefund {
            order_id: request.order_id,
            amount,
            // Without the customer's words, because the request can be erased.
            reason: format!("the customer asked for it: {}", IdKind::RefundRequest.show(request.id)),
            override_balance: terms.override_balance,
            from_products: terms.from_products,
        };
        let (refund, customer) = refunds::make(conn, app, caller, &new).await?;
        request.refund_id = Some(refund.id);
        store::update(conn, &request).await?;
        note(conn, &request, "approved", &actor, None).await?;
        follow(conn, &refund, &actor).await?;
        key.record_resource(conn, id, &customer).await?;
        Ok(Some(refund))
    })
    .await?;
    if let Some(refund) = made.as_ref().filter(|refund| refund.state == RefundState::Pending) {
        refunds::send(app, refund.id).await;
    }
    Ok(Made { value: get(app, None, Some(id)).await?, replayed: made.is_none() })
}

/// Refuses a request; the customer reads the reason. Refusing it again for the same reason changes nothing.
///
/// # Errors
/// 404; 409 `refund_request_decided`, `refund_proposed`.
#[tracing::instrument(name = "refund_requests.refuse", skip_all, fields(request = %id))]
pub async fn refuse(app: &App, caller: &Caller, id: Uuid, reason: &str) -> Result<RefundRequest, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let known = store::find(conn, id).await?.ok_or(Error::NotFound("refund request"))?;
        if known.state == RefundRequestState::Refused && known.answer.as_deref() == Some(reason) {
            return Ok(known);
        }
        caller.require_not_own(&known.customer)?;
        let (order, request) = lock_waiting(conn, id).await?;
        book_refusal(conn, &order, request, &actor, reason).await
    })
    .await
}

async fn book_refusal(
    conn: &mut Connection,
    order: &Order,
    request: RefundRequest,
    actor: &str,
    reason: &str,
) -> Result<RefundRequest, Error> {
    let now = clock::now(conn).await?;
    let request = request.decide(RefundRequestState::Refused, actor, now, Some(reason));
    store::update(conn, &request).await?;
    orders::add_to_timeline(conn, order, "refund_request_refused", actor, Some(reason)).await?;
    note(conn, &request, "refused", actor, Some(reason)).await?;
    Ok(request)
}

/// Refuses the requests of an account that is being closed, each in a transaction of its own: the closing gives back
/// what is left. A request whose refund waits for a second operator is left to that operator, and ends here once the
/// refund is rejected.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn end_for_closing(app: &App, customer: &CustomerId, actor: &str) -> Result<(), Error> {
    let undecided = store::undecided(&mut *app.pool.get().await?, customer).await?;
    for id in undecided {
        transact(&app.pool, async |conn| {
            let (order, request) = match lock_waiting(conn, id).await {
                Ok(found) => found,
                // Another request has decided it meanwhile.
                Err(Error::Conflict { .. }) => return Ok(()),
                Err(error) => return Err(error),
            };
            if closings::is_closing(conn, customer).await? {
                book_refusal(conn, &order, request, actor, ANSWER_TO_REFUND_REQUESTS).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    }
    Ok(())
}

/// Withdraws a request of the customer. Withdrawing it again changes nothing.
///
/// # Errors
/// 404; 409 `refund_request_decided`, `refund_proposed`.
#[tracing::instrument(name = "refund_requests.withdraw", skip_all, fields(customer = %customer))]
pub async fn withdraw(
    app: &App,
    caller: &Caller,
    customer: &CustomerId,
    id: Option<Uuid>,
) -> Result<RefundRequest, Error> {
    let actor = caller.actor();
    let known = get(app, Some(customer), id).await?;
    if known.state == RefundRequestState::Withdrawn {
        return Ok(known);
    }
    transact(&app.pool, async |conn| {
        let (order, request) = lock_waiting(conn, known.id).await?;
        let now = clock::now(conn).await?;
        let request = request.decide(RefundRequestState::Withdrawn, &actor, now, None);
        store::update(conn, &request).await?;
        record(conn, &order, &request, "refund_request_withdrawn", &actor).await?;
        Ok::<_, Error>(request)
    })
    .await
}

/// Locks a request that waits, after its order.
async fn lock_waiting(conn: &mut Connection, id: Uuid) -> Result<(Order, RefundRequest), Error> {
    let missing = || Error::NotFound("refund request");
    let known = store::find(conn, id).await?.ok_or_else(missing)?;
    let order = orders::lock(conn, known.order_id).await?.ok_or_else(missing)?;
    let request = store::lock(conn, id).await?.ok_or_else(missing)?;
    if !request.waits() {
        let detail = format!("the request is {}", request.state.as_str());
        return Err(Error::conflict(Code::RefundRequestDecided, detail));
    }
    if let Some(refund) = request.refund_id {
        let detail = format!("{} waits for a second operator", IdKind::Refund.show(refund));
        return Err(Error::conflict(Code::RefundProposed, detail));
    }
    Ok((order, request))
}

/// Updates the request that led to a refund: it is approved once the money leaves, and waits for another decision if
/// the proposal is rejected. The caller holds the locks of the order and the refund.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn follow(conn: &mut Connection, refund: &Refund, actor: &str) -> Result<(), Error> {
    let Some(request) = store::of_refund(conn, refund.id).await?.filter(RefundRequest::waits) else { return Ok(()) };
    let request = match refund.state {
        RefundState::AwaitingSecondApproval => return Ok(()),
        RefundState::Failed => RefundRequest { refund_id: None, ..request },
        RefundState::Pending | RefundState::Succeeded => {
            let now = clock::now(conn).await?;
            request.decide(RefundRequestState::Approved, actor, now, None)
        }
    };
    Ok(store::update(conn, &request).await?)
}

/// Records on the order's timeline what a customer, or an operator for the customer, did. Records in the audit log what
/// operators did.
async fn record(
    conn: &mut Connection,
    order: &Order,
    request: &RefundRequest,
    event: &str,
    actor: &str,
) -> Result<(), Error> {
    orders::add_to_timeline(conn, order, event, actor, Some(&request.amount.to_string())).await?;
    if !Actor::is_operator(actor) {
        return Ok(());
    }
    let action = if request.waits() { "asked" } else { "withdrawn" };
    note(conn, request, action, actor, Some(&request.reason)).await
}

async fn note(
    conn: &mut Connection,
    request: &RefundRequest,
    action: &str,
    actor: &str,
    reason: Option<&str>,
) -> Result<(), Error> {
    let target = format!("refund_request:{}", IdKind::RefundRequest.show(request.id));
    let after = json!({
        "order_id": IdKind::TopUpOrder.show(request.order_id),
        "amount": request.amount.amount().normalize().to_string(),
        "currency": request.amount.currency().code(),
        "refund_id": request.refund_id.map(|id| IdKind::Refund.show(id)),
    });
    let record = AuditRecord::new(actor, &format!("refund_request.{action}"), target).of(&request.customer).to(after);
    Ok(audit::write(conn, &AuditRecord { reason: reason.map(str::to_owned), ..record }).await?)
}

/// Reads a request; if a customer is given, only that customer's.
///
/// # Errors
/// 404.
pub async fn get(app: &App, customer: Option<&CustomerId>, id: Option<Uuid>) -> Result<RefundRequest, Error> {
    let missing = || Error::NotFound("refund request");
    let mut conn = app.pool.get().await?;
    let found = store::find(&mut conn, id.ok_or_else(missing)?).await?;
    found.filter(|request| customer.is_none_or(|customer| request.customer == *customer)).ok_or_else(missing)
}

/// Reads a request, and what can be refunded of its order now.
///
/// # Errors
/// 404.
pub async fn get_with_parts(app: &App, id: Option<Uuid>) -> Result<(RefundRequest, Option<Refundable>), Error> {
    let request = get(app, None, id).await?;
    let mut conn = app.pool.get().await?;
    let order = orders::find(&mut conn, request.order_id).await?;
    let order = order.ok_or(Error::Internal("the order of a refund request"))?;
    let parts = parts::of_order(&mut conn, &order).await?;
    Ok((request, parts))
}

/// A page of requests.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &RefundRequestFilter, page: &Page) -> Result<Rows<RefundRequest>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, filter, page).await?)
}
