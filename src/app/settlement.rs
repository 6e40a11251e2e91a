//! Settlement: the one path on which an order learns about its money.
//!
//! Notification, return page, poll and the customer's `verify` all end in [`observe`], which decides under
//! the order's row lock and commits payment, credit and the order's move together. Whoever comes second
//! finds the payment recorded and changes nothing.

use crate::storage::Connection;
use chrono::{Duration, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{App, Error};
use crate::domain::money::Money;
use crate::domain::movement::OfOrder;
use crate::domain::movement::top_up::{AppliedPayment, Bonus, top_up};
use crate::domain::order::{Order, OrderStatus, Verdict, judge};
use crate::domain::payment::{Observation, PaymentFact};
use crate::domain::posting::PostingOutcome;
use crate::providers::{AttemptRef, CardFlow};
use crate::storage::attempts::{self, Attempt};
use crate::storage::orders;
use crate::storage::payments::{self, Application, Payment};
use crate::storage::transaction::transact;
use crate::storage::{disputes, ledger, payments as payment_store};

/// What an observation came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    pub order: Order,
    pub step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The order moved, or money or news of an open one were recorded.
    Recorded,
    /// The money was recorded before.
    Known,
    /// Money arrived that does not fit the order; it waits for an operator.
    Mismatch,
    /// Money is said to have arrived and is on record, but who said so is not enough to credit it.
    Unconfirmed,
    /// `processing` is committed: the money may be taken now.
    Capture,
    /// Nothing to do.
    Unchanged,
}

/// Whose word an observation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The provider's own signed word.
    Notification,
    /// The same, of a provider that is asked before a failed order is believed to be paid.
    UncheckedNotification,
    /// The provider's answer to our question.
    Answer,
    /// The same, of an operator's question: a person has looked into it.
    AnswerToOperator,
}

/// Asks the provider about an order and settles what it says, capturing where the provider wants that.
/// `actor` names who asked, for the timeline; `source` is one of the answers.
///
/// # Errors
/// 404 for an unknown order; of the provider (the order stays as it was).
pub async fn settle(app: &App, order_id: Uuid, source: Source, actor: &str) -> Result<Settled, Error> {
    let (order, attempt) = {
        let mut conn = app.pool.get().await?;
        let order = orders::find(&mut conn, order_id).await?.ok_or(Error::NotFound("order"))?;
        (order, attempts::last_attempt(&mut conn, order_id).await?)
    };
    // Completed is final: no answer could change it, and questions are scarce at some companies (VNPay).
    let attempt = attempt.filter(|_| order.status != OrderStatus::Completed);
    let Some(reference) = attempt.as_ref().and_then(attempt_ref(&order)) else {
        return Ok(Settled { order, step: Step::Unchanged });
    };
    let Some(provider) = app.providers.by_name(&order.provider) else {
        return Err(Error::Unavailable {
            code: "channel_not_offered",
            detail: format!("{} is not configured at the moment", order.provider),
            retry_after_seconds: 300,
        });
    };
    let mut observation = provider.read(&reference).await?;
    // Given up here, yet still payable there: ending it failed before, so it is ended now.
    let given_up = matches!(order.status, OrderStatus::Cancelled | OrderStatus::Expired);
    if given_up && matches!(observation, Observation::Pending { .. }) && provider.capabilities().can_cancel {
        observation = provider.cancel(&reference).await?;
    }
    let settled = observe(app, order_id, &observation, source, actor).await?;
    if settled.step != Step::Capture {
        return Ok(settled);
    }
    // `processing` is committed, so a cancellation cannot come between.
    let observation = provider.capture(&reference).await?;
    observe(app, order_id, &observation, source, actor).await
}

/// The attempt as providers take it; `None` while the provider has not been reached.
pub fn attempt_ref(order: &Order) -> impl Fn(&Attempt) -> Option<AttemptRef> + '_ {
    |attempt| {
        Some(AttemptRef {
            order_id: order.id,
            attempt: attempt.n,
            request_key: attempt.request_key.clone(),
            provider_reference: attempt.provider_reference.clone()?,
            amount: order.money().ok()?,
            flow: card_flow(order),
            created_at: attempt.created_at,
        })
    }
}

/// How the order's card is taken.
#[must_use]
pub fn card_flow(order: &Order) -> CardFlow {
    if order.card_flow.as_deref() == Some("elements") { CardFlow::Elements } else { CardFlow::Checkout }
}

/// Settles one observation of an order, in one transaction.
///
/// # Errors
/// 404 for an unknown order; of the database.
pub async fn observe(
    app: &App,
    order_id: Uuid,
    observation: &Observation,
    source: Source,
    actor: &str,
) -> Result<Settled, Error> {
    transact(&app.pool, async |conn| {
        let order = orders::lock(conn, order_id).await?.ok_or(Error::NotFound("order"))?;
        record(conn, order, observation, source, app.settings.live, actor).await
    })
    .await
}

async fn record(
    conn: &mut Connection,
    mut order: Order,
    observation: &Observation,
    source: Source,
    live: bool,
    actor: &str,
) -> Result<Settled, Error> {
    let mut held = false;
    if let Observation::Review { reason } = observation
        && matches!(source, Source::Notification | Source::UncheckedNotification)
        && order.status != OrderStatus::Completed
        && !orders::happened(conn, order.id, HELD).await?
    {
        orders::note(conn, &order, HELD, actor, Some(reason)).await?;
        held = true;
    }
    let step = match judge(&order, observation, live) {
        Verdict::Complete(fact) => {
            let doubt = doubt(conn, &order, source).await?.map(|why| (why, Step::Unconfirmed));
            money(conn, &mut order, &fact, doubt, actor).await?
        }
        Verdict::Keep(fact, why) => money(conn, &mut order, &fact, Some((why, Step::Mismatch)), actor).await?,
        Verdict::Become(status, reason) => {
            move_to(conn, &mut order, status, Some(reason), actor).await?;
            Step::Recorded
        }
        Verdict::Capture => {
            // Of a declined one the reason goes with it: while money is being taken, nobody gives the order up.
            if order.status == OrderStatus::Pending || order.was_declined() {
                move_to(conn, &mut order, OrderStatus::Processing, Some("taking the payment".to_owned()), actor)
                    .await?;
            }
            Step::Capture
        }
        Verdict::Note(text) => {
            let last = orders::timeline(conn, order.id).await?.pop();
            if last.is_none_or(|last| last.detail.as_deref() != Some(&text)) {
                orders::note(conn, &order, "checked", actor, Some(&text)).await?;
            }
            // News of a closed order change nothing; those of an open one are recorded, said before or not.
            if order.status.is_open() { Step::Recorded } else { Step::Unchanged }
        }
        Verdict::Nothing => Step::Unchanged,
    };
    let step = if held && step == Step::Unchanged { Step::Recorded } else { step };
    Ok(Settled { order, step })
}

/// On the timeline of an order whose money a provider wants looked at.
const HELD: &str = "held_for_review";

/// Why money that fits the order is not credited on this word alone.
async fn doubt(conn: &mut Connection, order: &Order, source: Source) -> Result<Option<String>, Error> {
    let why = match source {
        Source::UncheckedNotification if order.status == OrderStatus::Failed => {
            "paid after it had failed, which the provider, asked, has not confirmed yet"
        }
        // An answer may know less than the notification that held the money (VNPay's has no response code), so it
        // does not release it; a later signed word does, or an operator who asks.
        Source::Answer if orders::happened(conn, order.id, HELD).await? => {
            "held for review, which the provider's answer alone does not end"
        }
        _ => return Ok(None),
    };
    Ok(Some(why.to_owned()))
}

/// Credits a payment to the locked order, or only records it: `kept` says why, and what that comes to.
async fn money(
    conn: &mut Connection,
    order: &mut Order,
    fact: &PaymentFact,
    kept: Option<(String, Step)>,
    actor: &str,
) -> Result<Step, Error> {
    let mut payment = payment_of(order, fact, kept.as_ref().map(|(why, _)| why.clone()));
    let new = payments::insert(conn, &payment).await?;
    if !new {
        let known = payments::lock(conn, &payment.provider, &payment.merchant_account, &payment.payment_id)
            .await?
            .ok_or(Error::NotFound("payment"))?;
        // Another sum under a known id does not say what we know.
        let same = known.amount == payment.amount && known.currency == payment.currency;
        if same && !known.applied.is_zero() {
            return Ok(Step::Known);
        }
        // What was kept before is judged anew: who it is for may have become known since.
        if !same || !is_free(conn, &known, order.id).await? {
            return Ok(Step::Mismatch);
        }
        payment = known;
    }
    if let Some((why, step)) = kept {
        if new {
            orders::note(conn, order, "payment_unapplied", actor, Some(&why)).await?;
        }
        return Ok(step);
    }
    if payment.order_id.is_none() {
        payments::name_order(conn, payment.id, order.id).await?;
    }
    complete(conn, order, &payment, payment.amount, actor).await?;
    Ok(Step::Recorded)
}

/// Whether a payment of which nothing was applied may serve this order: it names no other one, and no part of it
/// went back or is claimed back, which would be credited money that we do not have.
async fn is_free(conn: &mut Connection, payment: &Payment, order_id: Uuid) -> Result<bool, Error> {
    let unclaimed = payment.order_id.is_none_or(|named| named == order_id) && payment.refunded.is_zero();
    Ok(unclaimed && disputes::of_payment(conn, payment.id).await?.is_empty())
}

fn payment_of(order: &Order, fact: &PaymentFact, unapplied: Option<String>) -> Payment {
    Payment {
        id: Uuid::now_v7(),
        provider: order.provider.clone(),
        merchant_account: fact.merchant_account.clone(),
        payment_id: fact.payment_id.clone(),
        currency: fact.amount.currency().code().to_owned(),
        amount: fact.amount.amount(),
        applied: Decimal::ZERO,
        refunded: Decimal::ZERO,
        order_id: Some(order.id),
        // Until it is applied, in the same transaction, this is what it is.
        unapplied_reason: Some(unapplied.unwrap_or_else(|| "being applied".to_owned())),
        live: fact.live,
        received_at: Utc::now(),
    }
}

/// Keeps a verified payment that belongs to no order that we know.
///
/// # Errors
/// Of the database.
pub async fn keep_unmatched(app: &App, provider: &str, fact: &PaymentFact, reason: &str) -> Result<bool, Error> {
    let payment = Payment {
        id: Uuid::now_v7(),
        provider: provider.to_owned(),
        merchant_account: fact.merchant_account.clone(),
        payment_id: fact.payment_id.clone(),
        currency: fact.amount.currency().code().to_owned(),
        amount: fact.amount.amount(),
        applied: Decimal::ZERO,
        refunded: Decimal::ZERO,
        order_id: None,
        unapplied_reason: Some(reason.to_owned()),
        live: fact.live,
        received_at: Utc::now(),
    };
    let mut conn = app.pool.get().await?;
    Ok(payment_store::insert(&mut conn, &payment).await?)
}

/// Completes a locked order with `received` of a recorded payment: credit, bonus, application, move and
/// timeline, all in the caller's transaction.
///
/// # Errors
/// Of the database; a ledger that refuses the credit refuses all of it.
pub async fn complete(
    conn: &mut Connection,
    order: &mut Order,
    payment: &Payment,
    received: Decimal,
    actor: &str,
) -> Result<(), Error> {
    let (credited, fee, tax, bonus) = order.split(received);
    let n = payments::count_applications(conn, payment.id).await? + 1;
    let money =
        |amount| Money::new(amount, order.currency).map_err(|_| Error::Internal("a share of an order is money"));
    let bonus_grant = (bonus > Decimal::ZERO)
        .then(|| money(bonus).map(|amount| Bonus { grant_id: Uuid::now_v7(), amount }))
        .transpose()?;
    let applied = AppliedPayment {
        id: payment.id,
        application: n,
        provider: &order.provider,
        merchant_account: &payment.merchant_account,
    };
    let postings = top_up(OfOrder::from(&*order), applied, money(credited)?, bonus_grant);
    let mut wallet_id = None;
    for outcome in ledger::post(conn, &postings).await? {
        match outcome {
            PostingOutcome::Booked(booked) => wallet_id = wallet_id.or(booked.entry.map(|entry| entry.wallet_id)),
            PostingOutcome::Replayed(_) => {
                return Err(Error::conflict("already_credited", "this payment was credited before"));
            }
            PostingOutcome::Refused(refusal) => return Err(Error::refused(refusal)),
        }
    }
    let application = Application {
        payment_id: payment.id,
        n: i32::try_from(n).map_err(|_| Error::Internal("a payment has few applications"))?,
        order_id: Some(order.id),
        customer_id: order.customer.as_str().to_owned(),
        wallet_id: wallet_id.ok_or(Error::Internal("a booked credit has an entry"))?,
        amount: received,
        fee,
        tax,
        applied_by: actor.to_owned(),
        applied_at: Utc::now(),
        reversed_at: None,
    };
    let rest = payment.amount - payment.applied - received;
    let unapplied = (rest > Decimal::ZERO).then_some("a rest of the transfer serves no order yet");
    payments::apply(conn, &application, unapplied).await?;

    order.credited_amount = credited;
    order.received_amount = Some(received);
    order.bonus = bonus;
    let late = !order.status.is_open();
    let detail = format!(
        "{} {} credited{}",
        credited.normalize(),
        order.currency,
        if late { format!(", although the order was {}", order.status) } else { String::new() }
    );
    move_to(conn, order, OrderStatus::Completed, None, actor).await?;
    orders::note(conn, order, "credited", actor, Some(&detail)).await?;
    Ok(())
}

/// Moves a locked order, with its timeline and what follows from the move.
///
/// # Errors
/// 409 when the table of moves does not allow it.
pub async fn move_to(
    conn: &mut Connection,
    order: &mut Order,
    status: OrderStatus,
    reason: Option<String>,
    actor: &str,
) -> Result<(), Error> {
    if order.status != status && !order.status.may_become(status) {
        return Err(Error::conflict(
            "order_moved_on",
            format!("the order is {} and cannot become {status}", order.status),
        ));
    }
    let now = orders::clock(conn).await?;
    order.status = status;
    order.reason = reason;
    order.updated_at = now;
    order.version += 1;
    order.completed_at = (status == OrderStatus::Completed).then_some(now);
    match status {
        OrderStatus::Completed => {
            order.ask_at = None;
            attempts::close_attempt(conn, order.id, true).await?;
        }
        // Money may still come, even for a failed one (VNPay's link can be tried again): the provider is asked for
        // a while.
        OrderStatus::Cancelled | OrderStatus::Expired | OrderStatus::Failed => {
            order.asked = 0;
            order.ask_at = (order.provider != "bank").then(|| now + Duration::seconds(60));
        }
        OrderStatus::Pending | OrderStatus::Processing => {}
    }
    if status == OrderStatus::Failed {
        attempts::close_attempt(conn, order.id, false).await?;
    }
    orders::update(conn, order).await?;
    let reason = order.reason.clone();
    orders::note(conn, order, status.as_str(), actor, reason.as_deref()).await?;
    crate::storage::events::order_updated(conn, order).await?;
    Ok(())
}
