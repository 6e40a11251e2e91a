//! What providers tell about refunds by themselves.

use crate::storage::Connection;
use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::book::{self, News};
use crate::app::{App, Error, disputes};
use crate::domain::order::Order;
use crate::domain::payment::{RefundFact, RefundStatus};
use crate::domain::refund::RefundState;
use crate::providers::Outcome;
use crate::storage::orders;
use crate::storage::payments::{self, Payment};
use crate::storage::refunds::{self, Refund};
use crate::storage::transaction::transact;

/// Takes a verified word about a refund. One that we do not know was started at the provider's dashboard: it is
/// adopted, and the wallet gives for it, by force.
///
/// # Errors
/// 503 when it must be told again: the payment may be on its way to us, or the refund may be one of ours whose
/// name we do not know yet.
pub async fn observe(
    app: &App,
    provider: &str,
    fact: &RefundFact,
    told_at: Option<DateTime<Utc>>,
) -> Result<Outcome, Error> {
    let actor = format!("provider:{provider}");
    let known = {
        let mut conn = app.pool.get().await?;
        find(&mut conn, provider, fact).await?
    };
    let refund = match known {
        Some(refund) => refund,
        None => match adopt(app, provider, fact, told_at, &actor).await? {
            Adopted::Done(outcome) => return Ok(outcome),
            Adopted::KnownMeanwhile(refund) => *refund,
        },
    };
    if refund.amount != fact.amount.amount() || refund.currency != fact.amount.currency().code() {
        // One that was larger than what was left of the payment was adopted over less.
        if refund.ours {
            tracing::error!(refund = %refund.id, told = %fact.amount, "a refund of ours is told with another amount");
            return Ok(Outcome::AmountMismatch);
        }
    }
    let changed = book::conclude(app, refund.id, &news(fact), &actor).await?;
    Ok(if changed { Outcome::Recorded } else { Outcome::AlreadySettled })
}

fn news(fact: &RefundFact) -> News {
    News { status: fact.status, provider_refund_id: Some(fact.refund_id.clone()), reason: fact.reason.clone() }
}

async fn find(conn: &mut Connection, provider: &str, fact: &RefundFact) -> Result<Option<Refund>, Error> {
    let ours = match fact.our_refund_id {
        Some(id) => refunds::find(conn, id).await?.filter(|refund| refund.provider == provider),
        None => None,
    };
    match ours {
        // We took an answer for a refusal and gave the money back, yet the refund was made: it is a new one to us.
        Some(refused) if was_given_up(&refused)? && fact.status != RefundStatus::Failed => {
            Ok(refunds::by_provider_id(conn, provider, &fact.refund_id).await?)
        }
        Some(refund) => Ok(Some(refund)),
        None => Ok(refunds::by_provider_id(conn, provider, &fact.refund_id).await?),
    }
}

/// Whether a refund failed without ever having had a name at its provider.
fn was_given_up(refund: &Refund) -> Result<bool, Error> {
    Ok(refund.state()? == RefundState::Failed && refund.provider_refund_id.is_none())
}

enum Adopted {
    Done(Outcome),
    /// Another notification about it was faster.
    KnownMeanwhile(Box<Refund>),
}

async fn adopt(
    app: &App,
    provider: &str,
    fact: &RefundFact,
    told_at: Option<DateTime<Utc>>,
    actor: &str,
) -> Result<Adopted, Error> {
    let Some(payment_id) = payment(app, provider, fact.payment_id.as_deref(), told_at).await? else {
        return Ok(Adopted::Done(Outcome::UnknownOrder));
    };
    transact(&app.pool, async |conn| {
        let (order, payment) = lock(conn, payment_id).await?;
        if let Some(known) = find(conn, provider, fact).await? {
            return Ok(Adopted::KnownMeanwhile(Box::new(known)));
        }
        record(conn, order, &payment, fact, told_at, actor).await.map(Adopted::Done)
    })
    .await
}

/// The payment that a provider speaks of. `None`: it is not ours.
///
/// # Errors
/// 503 for a fresh word about an unknown payment: that payment's own notification may be late.
pub(in crate::app) async fn payment(
    app: &App,
    provider: &str,
    payment_id: Option<&str>,
    told_at: Option<DateTime<Utc>>,
) -> Result<Option<Uuid>, Error> {
    let Some(payment_id) = payment_id else { return Ok(None) };
    let mut conn = app.pool.get().await?;
    match payments::by_provider_id(&mut conn, provider, payment_id).await? {
        Some(payment) => Ok(Some(payment.id)),
        None if told_at.is_some_and(|at| Utc::now() - at < Duration::hours(1)) => {
            Err(try_again("the payment that this is about is not known yet"))
        }
        None => Ok(None),
    }
}

/// Locks the order that a payment completed, if any, and the payment.
///
/// # Errors
/// Of the database.
pub(in crate::app) async fn lock(conn: &mut Connection, payment_id: Uuid) -> Result<(Option<Order>, Payment), Error> {
    let order = match payments::order_served(conn, payment_id).await? {
        Some(order) => orders::lock(conn, order).await?,
        None => None,
    };
    let payment = payments::lock_by_id(conn, payment_id).await?.ok_or(Error::NotFound("payment"))?;
    if order.is_none() && payments::order_served(conn, payment_id).await?.is_some() {
        return Err(try_again("the payment was given to an order just now"));
    }
    Ok((order, payment))
}

fn try_again(detail: &str) -> Error {
    Error::Unavailable { code: "try_again", detail: detail.to_owned(), retry_after_seconds: 60 }
}

async fn record(
    conn: &mut Connection,
    mut order: Option<Order>,
    payment: &Payment,
    fact: &RefundFact,
    told_at: Option<DateTime<Utc>>,
    actor: &str,
) -> Result<Outcome, Error> {
    if fact.reversal {
        return disputes::reversed(conn, order, payment, fact, told_at, actor).await;
    }
    if refunds::has_unnamed(conn, payment.id, fact.amount.amount()).await? {
        return Err(try_again("this may be a refund of ours that is being sent"));
    }
    let failed = fact.status == RefundStatus::Failed;
    let left = if failed { payment.amount } else { payment.amount - payment.refunded };
    let amount = fact.amount.amount().min(left);
    if fact.amount.currency().code() != payment.currency || amount <= Decimal::ZERO {
        let detail = format!("{} was refunded at the provider, which is not left of the payment", fact.amount);
        note(conn, order.as_ref(), payment, "refund_unexplained", actor, &detail).await?;
        return Ok(Outcome::AmountMismatch);
    }
    let now = orders::clock(conn).await?;
    let mut refund = Refund {
        id: Uuid::now_v7(),
        order_id: order.as_ref().map(|order| order.id),
        payment_id: payment.id,
        customer_id: order.as_ref().map(|order| order.customer.as_str().to_owned()),
        provider: payment.provider.clone(),
        provider_refund_id: Some(fact.refund_id.clone()),
        currency: payment.currency.clone(),
        amount,
        debited: Decimal::ZERO,
        bonus_taken: Decimal::ZERO,
        status: RefundState::from(fact.status).as_str().to_owned(),
        reason: "started at the provider".to_owned(),
        failure: fact.reason.clone().filter(|_| failed),
        ours: false,
        override_balance: false,
        proposed_by: actor.to_owned(),
        approved_by: None,
        second_needed: false,
        created_at: now,
        started_at: Some(now),
        updated_at: now,
        ask_at: Some(now),
        asked: 0,
    };
    refund.ask_at = book::question_at(&refund, now)?;
    refunds::insert(conn, &refund).await?;
    if !failed {
        book::start(conn, order.as_ref(), &mut refund).await?;
    }
    let beyond = if amount < fact.amount.amount() { format!(", told as {}", fact.amount) } else { String::new() };
    match &mut order {
        Some(order) => {
            let detail = format!("{}, {}{beyond}", book::said(order, &refund), refund.status);
            book::tell(conn, order, "refund_adopted", actor, &detail).await?;
        }
        None => note(conn, None, payment, "payment_refunded", actor, &fact.amount.to_string()).await?,
    }
    Ok(Outcome::Recorded)
}

/// A line on the timeline of the order that a payment served, or at least named.
///
/// # Errors
/// Of the database.
pub(in crate::app) async fn note(
    conn: &mut Connection,
    order: Option<&Order>,
    payment: &Payment,
    event: &str,
    actor: &str,
    detail: &str,
) -> Result<(), Error> {
    let named = match (order, payment.order_id) {
        (None, Some(id)) => orders::find(conn, id).await?,
        _ => None,
    };
    if let Some(order) = order.or(named.as_ref()) {
        orders::note(conn, order, event, actor, Some(detail)).await?;
    }
    Ok(())
}
