//! Refunds: money of a completed order goes back through its channel.
//!
//! The wallet is debited first and that is committed; then the provider is called, with our refund id as its key.
//! What the provider says is a fact that is concluded in a transaction of its own: failure gives the wallet its
//! money back, once. Nothing that is unclear moves money: it is asked again by [`ask_due`].

mod ask;
pub(in crate::app) mod book;
mod observe;

pub use ask::ask_due;
pub use observe::observe;
pub(in crate::app) use observe::{lock, note, payment};

use crate::storage::Connection;
use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use self::book::News;
use super::{App, Caller, Error, IdempotencyKey, Made};
use crate::domain::id::IdKind;
use crate::domain::money::{Money, format_amount};
use crate::domain::order::{Order, OrderStatus};
use crate::domain::payment::{Channel, RefundStatus};
use crate::domain::refund::RefundState;
use crate::storage::payments::{self, Payment};
use crate::storage::refunds;
use crate::storage::transaction::transact;
use crate::storage::{StorageError, audit, orders};

pub use crate::storage::refunds::{Refund, RefundFilter};

/// A refund as an operator asks for it.
#[derive(Debug, Clone)]
pub struct NewRefund {
    pub order_id: Uuid,
    /// In the order's currency: what the payer gets.
    pub amount: Decimal,
    pub reason: String,
    /// Let the wallet go into debt where its paid money is spent.
    pub override_balance: bool,
}

/// Asks for a refund. Above the threshold it is a proposal until a second operator approves.
///
/// # Errors
/// 404; 409 `order_not_completed`, `not_refundable`, `refund_exceeds_payment`; 402 when the wallet's unheld paid
/// money is less than its share and `override_balance` is not set; 422 for an amount that cannot be.
pub async fn request(app: &App, caller: &Caller, new: &NewRefund, key: &IdempotencyKey) -> Result<Made<Refund>, Error> {
    let actor = caller.actor();
    let made = transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            return Ok(Made::again(id));
        }
        let (mut order, payment) = refundable_order(conn, new.order_id).await?;
        Money::positive(new.amount, order.currency)
            .and_then(Money::require_minor_unit)
            .map_err(|error| Error::field("/amount", error.code(), error.to_string()))?;
        require_left(conn, &order, &payment, new.amount).await?;
        let second_needed = app.settings.needs_second_operator(order.currency, new.amount);
        let mut refund = draft(conn, new, &order, &payment, second_needed, &actor).await?;
        if !second_needed {
            set_out(app, &mut refund);
        }
        refunds::insert(conn, &refund).await?;
        if !second_needed {
            book::start(conn, Some(&order), &mut refund).await?;
        }
        let event = if second_needed { "refund_proposed" } else { "refund_started" };
        let detail = format!("{}: {}", book::said(&order, &refund), refund.reason);
        book::tell(conn, &mut order, event, &actor, &detail).await?;
        on_record(conn, &actor, event, &refund).await?;
        key.record(conn, refund.id).await?;
        Ok::<_, Error>(Made::new(refund.id))
    })
    .await?;
    if !made.replayed {
        ask::send(app, made.value).await;
    }
    Ok(Made { value: get(app, Some(made.value)).await?, replayed: made.replayed })
}

/// Approves a proposed refund, as another operator than the one who proposed it.
///
/// # Errors
/// 404; 409 `refund_not_awaiting_approval`, `second_operator_needed`; as [`request`].
pub async fn approve(app: &App, caller: &Caller, id: Uuid, key: &IdempotencyKey) -> Result<Made<Refund>, Error> {
    let actor = caller.actor();
    let replayed = transact(&app.pool, async |conn| {
        if key.claim(conn).await?.is_some() {
            return Ok(true);
        }
        let missing = || Error::NotFound("refund");
        let known = refunds::find(conn, id).await?.ok_or_else(missing)?;
        not_awaiting(&known)?;
        let order_id = known.order_id.ok_or_else(missing)?;
        let (mut order, payment) = refundable_order(conn, order_id).await?;
        let mut refund = refunds::lock(conn, id).await?.ok_or_else(missing)?;
        not_awaiting(&refund)?;
        if refund.proposed_by == actor {
            return Err(Error::conflict("second_operator_needed", "another operator must approve this refund"));
        }
        require_left(conn, &order, &payment, refund.amount).await?;
        refund.approved_by = Some(actor.clone());
        set_out(app, &mut refund);
        refunds::update(conn, &refund).await?;
        book::start(conn, Some(&order), &mut refund).await?;
        let detail = book::said(&order, &refund);
        book::tell(conn, &mut order, "refund_approved", &actor, &detail).await?;
        on_record(conn, &actor, "refund_approved", &refund).await?;
        key.record(conn, id).await?;
        Ok::<_, Error>(false)
    })
    .await?;
    if !replayed {
        ask::send(app, id).await;
    }
    Ok(Made { value: get(app, Some(id)).await?, replayed })
}

fn not_awaiting(refund: &Refund) -> Result<(), Error> {
    if refund.state()? == RefundState::AwaitingSecondApproval {
        return Ok(());
    }
    Err(Error::conflict("refund_not_awaiting_approval", format!("the refund is {}", refund.status)))
}

/// Rejects a proposed refund, or says that a refund by bank transfer did not arrive: the wallet gets back what
/// it gave. Repeating it changes nothing.
///
/// # Errors
/// 404; 409 `refund_not_rejectable` for one that its provider decides.
pub async fn reject(app: &App, caller: &Caller, id: Uuid, reason: &str) -> Result<Refund, Error> {
    let refund = get(app, Some(id)).await?;
    let by_hand = refund.state()? == RefundState::AwaitingSecondApproval || !is_sent_by_provider(app, &refund);
    if !by_hand {
        let detail = format!("{} decides what becomes of this refund; it is {}", refund.provider, refund.status);
        return Err(Error::conflict("refund_not_rejectable", detail));
    }
    settle_by_hand(app, caller, id, RefundStatus::Failed, None, Some(reason)).await
}

/// Says that the bank transfer of a refund was sent. Repeating it changes nothing.
///
/// # Errors
/// 404; 409 `refund_not_by_hand` where the provider sends it, `refund_moved_on`, `bank_transaction_used`.
pub async fn mark_sent(app: &App, caller: &Caller, id: Uuid, bank_transaction_id: &str) -> Result<Refund, Error> {
    let refund = get(app, Some(id)).await?;
    if is_sent_by_provider(app, &refund) {
        return Err(Error::conflict("refund_not_by_hand", format!("{} sends this refund itself", refund.provider)));
    }
    let known = {
        let mut conn = app.pool.get().await?;
        refunds::by_provider_id(&mut conn, &refund.provider, bank_transaction_id).await?
    };
    match known {
        Some(known) if known.id != id => {
            Err(Error::conflict("bank_transaction_used", "this bank transaction belongs to another refund"))
        }
        Some(known) if known.state()? == RefundState::Succeeded => Ok(known),
        _ => settle_by_hand(app, caller, id, RefundStatus::Succeeded, Some(bank_transaction_id), None).await,
    }
}

async fn settle_by_hand(
    app: &App,
    caller: &Caller,
    id: Uuid,
    status: RefundStatus,
    bank_transaction_id: Option<&str>,
    reason: Option<&str>,
) -> Result<Refund, Error> {
    let actor = caller.actor();
    let news =
        News { status, provider_refund_id: bank_transaction_id.map(str::to_owned), reason: reason.map(str::to_owned) };
    transact(&app.pool, async |conn| {
        let missing = || Error::NotFound("refund");
        let known = refunds::find(conn, id).await?.ok_or_else(missing)?;
        let mut order = match known.order_id {
            Some(order) => orders::lock(conn, order).await?,
            None => None,
        };
        payments::lock_by_id(conn, known.payment_id).await?;
        let mut refund = refunds::lock(conn, id).await?.ok_or_else(missing)?;
        let state = refund.state()?;
        if state == RefundState::Failed && status == RefundStatus::Failed {
            return Ok(());
        }
        // Approval is the one way out of a proposal.
        if state == RefundState::AwaitingSecondApproval && status != RefundStatus::Failed
            || !state.may_become(RefundState::from(status))
        {
            return Err(Error::conflict("refund_moved_on", format!("the refund is {}", refund.status)));
        }
        book::take_news(conn, order.as_mut(), &mut refund, &news, &actor).await?;
        on_record(conn, &actor, if reason.is_some() { "refund_rejected" } else { "refund_sent" }, &refund).await
    })
    .await?;
    get(app, Some(id)).await
}

/// One refund.
///
/// # Errors
/// 404.
pub async fn get(app: &App, id: Option<Uuid>) -> Result<Refund, Error> {
    let missing = || Error::NotFound("refund");
    let mut conn = app.pool.get().await?;
    refunds::find(&mut conn, id.ok_or_else(missing)?).await?.ok_or_else(missing)
}

/// A page of refunds, newest first.
///
/// # Errors
/// Of the database.
pub async fn list(
    app: &App,
    filter: &RefundFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Refund>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(refunds::list(&mut conn, filter, after, limit).await?)
}

/// Locks a completed order and the payment that completed it.
async fn refundable_order(conn: &mut Connection, id: Uuid) -> Result<(Order, Payment), Error> {
    let order = orders::lock(conn, id).await?.ok_or(Error::NotFound("order"))?;
    if order.status != OrderStatus::Completed {
        let detail = format!("only a completed order is refunded; this one is {}", order.status);
        return Err(Error::conflict("order_not_completed", detail));
    }
    if order.channel == Channel::Balance {
        let detail = "this order was paid from the wallet; transfer the money back instead";
        return Err(Error::conflict("not_refundable", detail));
    }
    let corrupt = || StorageError::Corrupt(format!("completed order {id} without a payment"));
    let reversed = || Error::conflict("approval_reversed", "the approval of this order has been reversed");
    let applied = payments::application_to_order(conn, id).await?.ok_or_else(reversed)?;
    let payment = payments::lock_by_id(conn, applied.payment_id).await?.ok_or_else(corrupt)?;
    Ok((order, payment))
}

async fn require_left(conn: &mut Connection, order: &Order, payment: &Payment, amount: Decimal) -> Result<(), Error> {
    let gone = refunds::gone(conn, order.id).await?;
    let left = gone.refundable(order, payment.amount, payment.refunded);
    if amount <= left {
        return Ok(());
    }
    let shown = format_amount(left, order.currency);
    let disputed = if gone.disputed.is_zero() { "" } else { "; disputed money is not refunded" };
    Err(Error::conflict(
        "refund_exceeds_payment",
        format!("{shown} {} of this order's payment is left to refund{disputed}", order.currency),
    ))
}

async fn draft(
    conn: &mut Connection,
    new: &NewRefund,
    order: &Order,
    payment: &Payment,
    second_needed: bool,
    actor: &str,
) -> Result<Refund, Error> {
    let now = orders::clock(conn).await?;
    Ok(Refund {
        id: Uuid::now_v7(),
        order_id: Some(order.id),
        payment_id: payment.id,
        customer_id: Some(order.customer.as_str().to_owned()),
        provider: payment.provider.clone(),
        provider_refund_id: None,
        currency: order.currency.code().to_owned(),
        amount: new.amount,
        debited: Decimal::ZERO,
        bonus_taken: Decimal::ZERO,
        status: RefundState::AwaitingSecondApproval.as_str().to_owned(),
        reason: new.reason.clone(),
        failure: None,
        ours: true,
        override_balance: new.override_balance,
        proposed_by: actor.to_owned(),
        approved_by: None,
        second_needed,
        created_at: now,
        started_at: None,
        updated_at: now,
        ask_at: None,
        asked: 0,
    })
}

/// Makes a refund pending. Should we crash before the provider is called, [`ask_due`] does it.
fn set_out(app: &App, refund: &mut Refund) {
    RefundState::Pending.as_str().clone_into(&mut refund.status);
    let now = Utc::now();
    refund.started_at = Some(now);
    refund.updated_at = now;
    refund.ask_at = is_sent_by_provider(app, refund).then(|| now + Duration::seconds(i64::from(ask::LEASE_SECONDS)));
}

/// Whether the provider sends the money; bank transfers are sent by people. One that is not configured at the
/// moment is waited for.
fn is_sent_by_provider(app: &App, refund: &Refund) -> bool {
    app.providers.by_name(&refund.provider).is_none_or(|provider| provider.capabilities().can_refund)
}

async fn on_record(conn: &mut Connection, actor: &str, action: &str, refund: &Refund) -> Result<(), Error> {
    let detail = json!({
        "order_id": refund.order_id.map(|id| IdKind::TopUpOrder.show(id)),
        "amount": refund.amount.normalize().to_string(),
        "currency": refund.currency,
        "reason": refund.reason,
        "failure": refund.failure,
        "override_balance": refund.override_balance,
        "debited": refund.debited.normalize().to_string(),
    });
    Ok(audit::record(conn, actor, action, &format!("refund:{}", IdKind::Refund.show(refund.id)), &detail).await?)
}
