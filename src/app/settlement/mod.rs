//! Settlement: the one path by which an order learns about its money.
//!
//! A notification, a return page, a worker's question and the customer's `verify` all call [`observe`]. It decides
//! under the order's row lock and commits payment, credit and the order's move together. A second observation of the
//! same payment finds it recorded and changes nothing.

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

mod crediting;
pub(in crate::app) mod further;
pub(in crate::app) mod recording;

use self::crediting::{NotCredited, credit};
use super::catalogue::bonus_tiers;
use super::{App, Error};
use crate::domain::attempt::{Attempt, AttemptStatus};
use crate::domain::code::Code;
use crate::domain::money::Money;
use crate::domain::order::{Awaited, Completion, FailedBy, Order, OrderState, OrderStatus, Verdict, judge};
use crate::domain::payment::{Observation, Payment, ProviderName};
use crate::providers::AttemptRef;
use crate::storage::transaction::transact;
use crate::storage::{Connection, attempts, clock, disputes, orders, payments};

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
    /// The money is recorded, but this source alone is not enough to credit it.
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
    /// A signed notification of a provider that must be asked before a failed order completes.
    UncheckedNotification,
    /// The provider's answer to our question.
    Answer,
    /// The provider's answer to an operator's question. A person has looked into the payment.
    AnswerToOperator,
}

/// Asks the provider about an order and settles its answer. If the provider requires it, the money is captured. `actor`
/// is who asked, for the timeline. `source` says whose question is answered.
///
/// # Errors
/// 404 for an unknown order. Errors of the provider; then the order stays as it was.
#[tracing::instrument(name = "settlement.settle", skip_all, fields(order = %order_id))]
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
    // The order is closed here but still payable at the provider: ending it there failed before, so end it now.
    let is_closed = matches!(order.status(), OrderStatus::Cancelled | OrderStatus::Expired);
    if is_closed && matches!(observation, Observation::Pending { .. }) && provider.capabilities().can_cancel {
        observation = provider.cancel(&reference).await?;
    }
    let settlement = observe(app, order_id, &observation, source, actor).await?;
    if settlement.step != SettlementStep::Capture {
        return Ok(settlement);
    }
    // `processing` is committed, so no cancellation can interfere.
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
/// When the order's amount is not money.
pub fn attempt_ref(order: &Order, attempt: &Attempt) -> Result<Option<AttemptRef>, Error> {
    let Some(provider_reference) = attempt.provider_reference.clone() else { return Ok(None) };
    Ok(Some(AttemptRef {
        order_id: order.id,
        attempt: attempt.n,
        request_key: attempt.capture_key(order),
        provider_reference,
        amount: order.payable,
        flow: order.card_flow.unwrap_or_default(),
        created_at: attempt.created_at,
    }))
}

/// Settles one observation of an order in one transaction.
///
/// # Errors
/// 404 for an unknown order.
#[tracing::instrument(name = "settlement.observe", skip_all, fields(order = %order_id))]
pub async fn observe(
    app: &App,
    order_id: Uuid,
    observation: &Observation,
    source: EvidenceSource,
    actor: &str,
) -> Result<Settlement, Error> {
    transact(&app.pool, async |conn| {
        let mut order =
            orders::lock(conn, order_id).await?.ok_or(Error::Internal("the order that was found before"))?;
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

/// Why verified money is not credited.
#[derive(Debug, Clone)]
pub(super) enum Withheld {
    /// It fits the order, but this evidence alone is not enough.
    Unconfirmed(String),
    /// It does not concern this order in its present state.
    NotMeant(String),
    /// It is meant for this order and does not complete it.
    Short(String),
}

impl Withheld {
    pub fn why(&self) -> &str {
        match self {
            Self::Unconfirmed(why) | Self::NotMeant(why) | Self::Short(why) => why,
        }
    }

    pub fn step(&self) -> SettlementStep {
        match self {
            Self::Unconfirmed(_) => SettlementStep::Unconfirmed,
            Self::NotMeant(_) | Self::Short(_) => SettlementStep::Mismatch,
        }
    }
}

/// Makes a pending order wait for the rest when money is recorded that does not complete it. After a payment, the order
/// must not expire, and the payer must not cancel it.
///
/// # Errors
/// Database errors.
pub(super) async fn wait_for_rest(
    conn: &mut Connection,
    order: &mut Order,
    why: &str,
    actor: &str,
) -> Result<(), Error> {
    if order.state != OrderState::Pending {
        return Ok(());
    }
    move_to(conn, order, OrderState::Processing(Awaited::Rest), Some(why.to_owned()), actor).await
}

/// Ends an order that waits for the rest when all that was recorded for it went back, or was taken back for good. The
/// caller holds the order's lock.
///
/// # Errors
/// Database errors.
pub(super) async fn end_if_returned(conn: &mut Connection, payment: &Payment, actor: &str) -> Result<(), Error> {
    let Some(id) = payment.order_id else { return Ok(()) };
    let Some(mut order) = orders::lock(conn, id).await?.filter(Order::is_short) else { return Ok(()) };
    if !payments::rest_of_order(conn, id).await?.is_empty() || disputes::are_open_about(conn, id).await? {
        return Ok(());
    }
    let reason = Some("the money that arrived was returned, or credited to a wallet".to_owned());
    move_to(conn, &mut order, OrderState::Failed(FailedBy::Return), reason, actor).await
}

/// Applies a verdict to the locked order.
async fn follow(
    conn: &mut Connection,
    order: &mut Order,
    verdict: Verdict,
    source: EvidenceSource,
    actor: &str,
) -> Result<SettlementStep, Error> {
    match verdict {
        Verdict::Complete(fact) => {
            let withhold = reason_to_withhold(order, source).map(Withheld::Unconfirmed);
            recording::apply(conn, order, &fact, withhold, actor).await
        }
        Verdict::Keep(fact, why) => recording::apply(conn, order, &fact, Some(Withheld::NotMeant(why)), actor).await,
        Verdict::KeepShort(fact, why) => recording::apply(conn, order, &fact, Some(Withheld::Short(why)), actor).await,
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
            // A declined order waits for the provider again, so that the customer cannot give it up during the capture.
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

/// Completes a locked order with `received` of a payment, in the caller's transaction. The caller has written the
/// payment with `received` counted as applied.
///
/// # Errors
/// 409 when the payment was credited before. A refusal of the ledger refuses everything.
pub async fn complete(
    conn: &mut Connection,
    order: &mut Order,
    payment: &Payment,
    received: Money,
    actor: &str,
) -> Result<(), Error> {
    try_complete(conn, order, payment, received, actor).await.map_err(NotCredited::into_error)
}

/// Like [`complete`], for a caller that goes on when the ledger refuses. That caller must undo what was written before.
///
/// # Errors
/// A refusal of the ledger, apart from all other errors.
pub(super) async fn try_complete(
    conn: &mut Connection,
    order: &mut Order,
    payment: &Payment,
    received: Money,
    actor: &str,
) -> Result<(), NotCredited> {
    bonus_tiers::withhold_reserved(conn, order).await?;
    let division = order.divide(received);
    let credited = credit(conn, order, payment, (received, division), actor).await?;
    let detail = credit_detail(order, division.credited);
    (order.credited_amount, order.bonus) = (division.credited, division.bonus);
    let completed = OrderState::Completed(Completion { at: credited.applied_at, received });
    move_to(conn, order, completed, None, actor).await?;
    Ok(orders::add_to_timeline(conn, order, "credited", actor, Some(&detail)).await?)
}

/// The timeline's text for a credit. It says so when the order was closed before the money arrived.
fn credit_detail(order: &Order, credited: Money) -> String {
    let late = match order.status() {
        status if status.is_open() => String::new(),
        status => format!(", although the order was {status}"),
    };
    format!("{} {} credited{late}", credited.amount().normalize(), credited.currency())
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
    Ok(orders::add_to_timeline(conn, order, status.as_str(), actor, order.reason.as_deref()).await?)
}

/// Money may still arrive for a closed order, so its provider is asked for some days. A bank cannot be asked.
fn ask_for_a_while(order: &mut Order, now: DateTime<Utc>) {
    order.asked = 0;
    order.ask_at = (order.provider != ProviderName::BankTransfer).then(|| now + Duration::seconds(60));
}
