//! Settlement: the one path on which an order learns about its money.
//!
//! A notification, a return page, a worker's question and the customer's `verify` all end in [`observe`]. It decides
//! under the order's row lock and commits payment, credit and the order's move together. A second observation of the
//! same payment finds it recorded and changes nothing.

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{App, Error};
use crate::domain::attempt::{Attempt, AttemptStatus};
use crate::domain::code::Code;
use crate::domain::money::Money;
use crate::domain::movement::OfOrder;
use crate::domain::movement::top_up::{AppliedPayment, Bonus, top_up};
use crate::domain::order::{Awaited, Completion, Division, Order, OrderState, OrderStatus, Verdict, judge};
use crate::domain::payment::{Application, Observation, Payment, PaymentFact, ProviderName};
use crate::domain::posting::PostingOutcome;
use crate::providers::AttemptRef;
use crate::storage::transaction::transact;
use crate::storage::{Connection, attempts, clock, disputes, events, ledger, orders, payments};

/// What an observation led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    pub order: Order,
    pub step: SettlementStep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettlementStep {
    /// The order moved, or something about an open order was recorded.
    Recorded,
    /// The money was recorded before.
    Known,
    /// Money arrived that does not fit the order. It waits for an operator.
    Mismatch,
    /// The money is on record, but this source alone is not enough to credit it.
    Unconfirmed,
    /// `processing` is committed: the money may be captured now.
    Capture,
    /// Nothing changed.
    Unchanged,
}

/// Where an observation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidenceSource {
    /// A signed notification.
    Notification,
    /// A signed notification of a provider whose word alone does not complete a failed order: it is asked first.
    UncheckedNotification,
    /// The provider's answer to our question.
    Answer,
    /// The provider's answer to an operator's question. A person has looked into the payment.
    AnswerToOperator,
}

/// Asks the provider about an order and settles its answer. Where the provider wants it, the money is captured.
/// `actor` is who asked, for the timeline; `source` is one of the answers.
///
/// # Errors
/// 404 for an unknown order. Errors of the provider; then the order stays as it was.
pub async fn settle(app: &App, order_id: Uuid, source: EvidenceSource, actor: &str) -> Result<Settlement, Error> {
    let (order, attempt) = {
        let mut conn = app.pool.get().await?;
        let order = orders::find(&mut conn, order_id).await?.ok_or(Error::NotFound("order"))?;
        (order, attempts::last(&mut conn, order_id).await?)
    };
    // Completed is final. No answer could change it, and some companies limit questions (VNPay).
    let attempt = attempt.filter(|_| order.status() != OrderStatus::Completed);
    let Some(reference) = attempt.as_ref().map(|attempt| attempt_ref(&order, attempt)).transpose()?.flatten() else {
        return Ok(Settlement { order, step: SettlementStep::Unchanged });
    };
    let provider = app.providers.by_name(order.provider).ok_or_else(|| not_offered(order.provider))?;
    let mut observation = provider.read(&reference).await?;
    // The order is closed here but still payable there: ending it at the provider failed before, so end it now.
    let is_closed = matches!(order.status(), OrderStatus::Cancelled | OrderStatus::Expired);
    if is_closed && matches!(observation, Observation::Pending { .. }) && provider.capabilities().can_cancel {
        observation = provider.cancel(&reference).await?;
    }
    let settlement = observe(app, order_id, &observation, source, actor).await?;
    if settlement.step != SettlementStep::Capture {
        return Ok(settlement);
    }
    // `processing` is committed, so no cancellation can come between.
    let observation = provider.capture(&reference).await?;
    observe(app, order_id, &observation, source, actor).await
}

pub(super) fn not_offered(provider: ProviderName) -> Error {
    Error::Unavailable {
        code: Code::ChannelNotOffered,
        detail: format!("{provider} is not configured at the moment"),
        retry_after_seconds: 300,
    }
}

/// The attempt in the form that providers take. `None` while the provider has not answered to its creation.
///
/// # Errors
/// An order whose amount is not money.
pub fn attempt_ref(order: &Order, attempt: &Attempt) -> Result<Option<AttemptRef>, Error> {
    let Some(provider_reference) = attempt.provider_reference.clone() else { return Ok(None) };
    Ok(Some(AttemptRef {
        order_id: order.id,
        attempt: attempt.n,
        request_key: attempt.capture_key(order),
        provider_reference,
        amount: order.payable().map_err(|_| Error::Internal("an amount of money on every order"))?,
        flow: order.card_flow.unwrap_or_default(),
        created_at: attempt.created_at,
    }))
}

/// Settles one observation of an order in one transaction.
///
/// # Errors
/// 404 for an unknown order.
pub async fn observe(
    app: &App,
    order_id: Uuid,
    observation: &Observation,
    source: EvidenceSource,
    actor: &str,
) -> Result<Settlement, Error> {
    transact(&app.pool, async |conn| {
        let mut order = orders::lock(conn, order_id).await?.ok_or(Error::NotFound("order"))?;
        let was_held = hold_for_review(conn, &mut order, observation, source, actor).await?;
        let verdict = judge(&order, observation, app.settings.live);
        let step = match follow(conn, &mut order, verdict, source, actor).await? {
            SettlementStep::Unchanged if was_held => SettlementStep::Recorded,
            step => step,
        };
        Ok(Settlement { order, step })
    })
    .await
}

/// Marks an order as held when a notification asks for a review of its money. Returns whether it was marked now.
async fn hold_for_review(
    conn: &mut Connection,
    order: &mut Order,
    observation: &Observation,
    source: EvidenceSource,
    actor: &str,
) -> Result<bool, Error> {
    let Observation::Review { reason } = observation else { return Ok(false) };
    let is_notified = matches!(source, EvidenceSource::Notification | EvidenceSource::UncheckedNotification);
    if !is_notified || order.held_for_review || order.status() == OrderStatus::Completed {
        return Ok(false);
    }
    order.held_for_review = true;
    orders::update(conn, order).await?;
    orders::add_to_timeline(conn, order, "held_for_review", actor, Some(reason)).await?;
    Ok(true)
}

/// Carries out a verdict on the locked order.
async fn follow(
    conn: &mut Connection,
    order: &mut Order,
    verdict: Verdict,
    source: EvidenceSource,
    actor: &str,
) -> Result<SettlementStep, Error> {
    match verdict {
        Verdict::Complete(fact) => {
            let withhold = reason_to_withhold(order, source).map(|why| (why, SettlementStep::Unconfirmed));
            apply_payment(conn, order, &fact, withhold, actor).await
        }
        Verdict::Keep(fact, why) => {
            apply_payment(conn, order, &fact, Some((why, SettlementStep::Mismatch)), actor).await
        }
        Verdict::Become(state, reason) => {
            move_to(conn, order, state, Some(reason), actor).await?;
            Ok(SettlementStep::Recorded)
        }
        Verdict::Decline(reason) => {
            order.declines += 1;
            move_to(conn, order, OrderState::Processing(Awaited::Payer), Some(reason), actor).await?;
            Ok(SettlementStep::Recorded)
        }
        Verdict::Capture => {
            // A declined order waits for the provider again, so that nobody gives it up during the capture.
            if order.awaits_payer() {
                let reason = Some("taking the payment".to_owned());
                move_to(conn, order, OrderState::Processing(Awaited::Provider), reason, actor).await?;
            }
            Ok(SettlementStep::Capture)
        }
        Verdict::Note(text) => {
            let last = orders::timeline(conn, order.id).await?.pop();
            if last.is_none_or(|last| last.detail.as_deref() != Some(&text)) {
                orders::add_to_timeline(conn, order, "checked", actor, Some(&text)).await?;
            }
            // A repeated observation of an open order still counts as recorded; of a closed one it changes nothing.
            Ok(if order.status().is_open() { SettlementStep::Recorded } else { SettlementStep::Unchanged })
        }
        Verdict::Nothing => Ok(SettlementStep::Unchanged),
    }
}

/// Why money that fits the order is not credited on this evidence alone.
fn reason_to_withhold(order: &Order, source: EvidenceSource) -> Option<String> {
    let why = match source {
        EvidenceSource::UncheckedNotification if order.status() == OrderStatus::Failed => {
            "paid after it had failed; the provider has not confirmed this yet"
        }
        // An answer may know less than the notification that asked for the review: VNPay's has no response code.
        // Therefore it does not end the review. A later signed notification does, or an operator who asks.
        EvidenceSource::Answer if order.held_for_review => {
            "held for review; the provider's answer alone does not end the review"
        }
        _ => return None,
    };
    Some(why.to_owned())
}

/// Records the payment. Credits the order unless `withhold` gives a reason, which is stored as the unapplied reason.
async fn apply_payment(
    conn: &mut Connection,
    order: &mut Order,
    fact: &PaymentFact,
    withhold: Option<(String, SettlementStep)>,
    actor: &str,
) -> Result<SettlementStep, Error> {
    let now = clock::now(conn).await?;
    let payment = match &withhold {
        Some((why, _)) => Payment::unapplied(order.provider, fact, Some(order.id), why.clone(), now),
        None => Payment::applied(order.provider, fact, order.id, now),
    };
    let is_new = payments::insert(conn, &payment).await?;
    match (withhold, is_new) {
        (Some((why, step)), true) => {
            orders::add_to_timeline(conn, order, "payment_unapplied", actor, Some(&why)).await?;
            Ok(step)
        }
        (None, true) => {
            complete(conn, order, &payment, payment.amount, actor).await?;
            Ok(SettlementStep::Recorded)
        }
        (withhold, false) => apply_known_payment(conn, order, fact, withhold.map(|(_, step)| step), actor).await,
    }
}

/// Judges a payment anew that was recorded before: its order may have become known since.
async fn apply_known_payment(
    conn: &mut Connection,
    order: &mut Order,
    fact: &PaymentFact,
    withhold: Option<SettlementStep>,
    actor: &str,
) -> Result<SettlementStep, Error> {
    let known = payments::lock(conn, order.provider, &fact.merchant_account, &fact.payment_id).await?;
    let mut payment = known.ok_or(Error::Internal("the payment that an insert found"))?;
    // An amount that differs from the recorded one is no repetition of it.
    let is_same = payment.amount == fact.amount.amount() && payment.currency == fact.amount.currency();
    if is_same && !payment.applied.is_zero() {
        return Ok(SettlementStep::Known);
    }
    if !is_same || !is_free(conn, &payment, order.id).await? {
        return Ok(SettlementStep::Mismatch);
    }
    if let Some(step) = withhold {
        return Ok(step);
    }
    payment.order_id = Some(order.id);
    payment.apply(payment.amount);
    payments::update_applied(conn, &payment).await?;
    complete(conn, order, &payment, payment.amount, actor).await?;
    Ok(SettlementStep::Recorded)
}

/// Whether an unapplied payment may serve this order: it names no other order, and no part of it was refunded or is
/// disputed. Crediting such a part would credit money that we do not have.
async fn is_free(conn: &mut Connection, payment: &Payment, order_id: Uuid) -> Result<bool, Error> {
    let is_unclaimed = payment.order_id.is_none_or(|named| named == order_id) && payment.refunded.is_zero();
    Ok(is_unclaimed && disputes::of_payment(conn, payment.id).await?.is_empty())
}

/// Records a verified payment that belongs to no order of ours. Returns false when it is known.
///
/// # Errors
/// Database errors.
pub async fn keep_unmatched(
    app: &App,
    provider: ProviderName,
    fact: &PaymentFact,
    reason: &str,
) -> Result<bool, Error> {
    let mut conn = app.pool.get().await?;
    let now = clock::now(&mut conn).await?;
    let payment = Payment::unapplied(provider, fact, None, reason.to_owned(), now);
    Ok(payments::insert(&mut conn, &payment).await?)
}

/// Completes a locked order with `received` of a payment, in the caller's transaction. The caller has written the
/// payment with `received` counted as applied.
///
/// # Errors
/// 409 when the payment was credited before. A refusal of the ledger refuses everything.
pub async fn complete(
    conn: &mut Connection,
    order: &mut Order,
    payment: &Payment,
    received: Decimal,
    actor: &str,
) -> Result<(), Error> {
    let division = order.divide(received);
    let n = payments::next_application(conn, payment.id).await?;
    let wallet_id = credit(conn, order, payment, n, division).await?;
    let now = clock::now(conn).await?;
    let application = Application {
        payment_id: payment.id,
        n,
        order_id: Some(order.id),
        customer: order.customer.clone(),
        wallet_id,
        amount: received,
        fee: division.fee,
        tax: division.tax,
        applied_by: actor.to_owned(),
        applied_at: now,
        reversed_at: None,
    };
    payments::insert_application(conn, &application).await?;

    let detail = credit_detail(order, division.credited);
    order.credited_amount = division.credited;
    order.bonus = division.bonus;
    move_to(conn, order, OrderState::Completed(Completion { at: now, received }), None, actor).await?;
    Ok(orders::add_to_timeline(conn, order, "credited", actor, Some(&detail)).await?)
}

/// Books the credit and the bonus of an order. Returns the wallet.
async fn credit(
    conn: &mut Connection,
    order: &Order,
    payment: &Payment,
    n: i32,
    division: Division,
) -> Result<Uuid, Error> {
    let money =
        |amount| Money::new(amount, order.currency).map_err(|_| Error::Internal("an amount for each part of an order"));
    let bonus = match division.bonus > Decimal::ZERO {
        true => Some(Bonus { grant_id: Uuid::now_v7(), amount: money(division.bonus)? }),
        false => None,
    };
    let applied = AppliedPayment {
        id: payment.id,
        application: i64::from(n),
        provider: payment.provider,
        merchant_account: &payment.merchant_account,
    };
    let postings = top_up(OfOrder::from(order), applied, money(division.credited)?, bonus);
    let mut wallet_id = None;
    for outcome in ledger::post(conn, &postings).await? {
        match outcome {
            PostingOutcome::Booked(booked) => wallet_id = wallet_id.or(booked.entry.map(|entry| entry.wallet_id)),
            PostingOutcome::Replayed(_) => {
                return Err(Error::conflict(Code::AlreadyCredited, "this payment was credited before"));
            }
            PostingOutcome::Refused(refusal) => return Err(Error::refused(refusal)),
        }
    }
    wallet_id.ok_or(Error::Internal("an entry for the credit of an order"))
}

/// The timeline's text for a credit. It says so when the order was closed before the money arrived.
fn credit_detail(order: &Order, credited: Decimal) -> String {
    let late = match order.status() {
        status if status.is_open() => String::new(),
        status => format!(", although the order was {status}"),
    };
    format!("{} {} credited{late}", credited.normalize(), order.currency)
}

/// Moves a locked order, writes its timeline, and does what follows from the move.
///
/// # Errors
/// 409 when the table of moves does not allow it.
pub async fn move_to(
    conn: &mut Connection,
    order: &mut Order,
    state: OrderState,
    reason: Option<String>,
    actor: &str,
) -> Result<(), Error> {
    let (from, status) = (order.status(), state.status());
    if !order.state.may_become(state) {
        return Err(Error::conflict(Code::OrderMovedOn, format!("the order is {from} and cannot become {status}")));
    }
    let now = match state {
        OrderState::Completed(completion) => completion.at,
        _ => clock::now(conn).await?,
    };
    order.state = state;
    order.reason = reason;
    order.updated_at = now;
    order.version += 1;
    match state {
        OrderState::Completed(_) => {
            order.ask_at = None;
            order.held_for_review = false;
            attempts::close(conn, order.id, AttemptStatus::Paid).await?;
        }
        OrderState::Cancelled | OrderState::Expired => ask_for_a_while(order, now),
        // Money may still arrive for a failed order: a VNPay link can be tried again.
        OrderState::Failed(_) => {
            ask_for_a_while(order, now);
            attempts::close(conn, order.id, AttemptStatus::Dead).await?;
        }
        OrderState::Pending | OrderState::Processing(_) => {}
    }
    orders::update(conn, order).await?;
    orders::add_to_timeline(conn, order, status.as_str(), actor, order.reason.as_deref()).await?;
    Ok(events::order_updated(conn, order).await?)
}

/// Money may still arrive for a closed order, so its provider is asked for some days. At a bank nobody can be asked.
fn ask_for_a_while(order: &mut Order, now: DateTime<Utc>) {
    order.asked = 0;
    order.ask_at = (order.provider != ProviderName::BankTransfer).then(|| now + Duration::seconds(60));
}
