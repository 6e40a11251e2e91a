//! What a refund or dispute does to the books: the payment, the wallet, the order and its timeline.
//!
//! Locks are taken in this order: order, payment, refund or dispute, wallet. The caller holds all but the last.

use crate::storage::Connection;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::app::{App, Error};
use crate::domain::id::IdKind;
use crate::domain::money::{Money, format_amount};
use crate::domain::movement::bonus::{bonus_restored, bonus_revoked};
use crate::domain::movement::dispute::{dispute, dispute_returned};
use crate::domain::movement::refund::{RefundMode, refund, refund_returned};
use crate::domain::movement::{OfOrder, TakeBackId};
use crate::domain::order::Order;
use crate::domain::payment::RefundStatus;
use crate::domain::posting::{Posting, PostingOutcome};
use crate::domain::refund::{Due, RefundState, next_question};
use crate::storage::refunds::{self, Refund};
use crate::storage::transaction::transact;
use crate::storage::{events, ledger, orders, payments};

/// The refund or dispute that moves the wallet.
#[derive(Debug)]
pub(in crate::app) struct Source {
    /// Takes once and gives back once.
    pub id: TakeBackId,
    pub provider: String,
}

impl Source {
    fn refund(refund: &Refund) -> Self {
        Self { id: TakeBackId::Refund(refund.id), provider: refund.provider.clone() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Direction {
    /// Unheld paid money, or a refusal.
    Ask,
    /// Unheld paid money, the rest as debt: the money is gone, or an operator overrides.
    Force,
    GiveBack,
}

/// Brings the wallet of an order in line with what has gone back of it, in one direction. Answers what the
/// wallet gave; negative: got back.
///
/// # Errors
/// 402 or 409 of the wallet, for [`Direction::Ask`].
pub(in crate::app) async fn align(
    conn: &mut Connection,
    order: &Order,
    source: &Source,
    direction: Direction,
) -> Result<Due, Error> {
    let due = refunds::gone(conn, order.id).await?.due(order);
    let towards = |due: Decimal| match direction {
        Direction::GiveBack => due.min(Decimal::ZERO),
        Direction::Ask | Direction::Force => due.max(Decimal::ZERO),
    };
    let (money, bonus) = (towards(due.money), towards(due.bonus));
    let of_order = OfOrder::from(order);
    let part = |amount| Money::new(amount, order.currency).map_err(|_| Error::Internal("a share of an order is money"));
    let mut postings = Vec::new();
    if money > Decimal::ZERO {
        postings.push(taken(of_order, source, direction, part(money)?));
    } else if money < Decimal::ZERO {
        let amount = part(-money)?;
        postings.push(match source.id {
            TakeBackId::Refund(id) => refund_returned(of_order, id, &source.provider, amount),
            TakeBackId::Dispute(id) => dispute_returned(of_order, id, &source.provider, amount),
        });
    }
    if !bonus.is_zero()
        && let Some(grant_id) = ledger::grant_of_order(conn, &order.customer, order.id).await?
    {
        postings.push(if bonus > Decimal::ZERO {
            bonus_revoked(of_order, source.id, grant_id, part(bonus)?)
        } else {
            bonus_restored(of_order, source.id, grant_id, part(-bonus)?)
        });
    }
    let mut moved = Due::default();
    for outcome in ledger::post(conn, &postings).await? {
        match outcome {
            PostingOutcome::Booked(booked) => {
                let Some(entry) = booked.entry else { continue };
                moved.bonus -= entry.granted;
                moved.money -= entry.amount - entry.granted;
            }
            PostingOutcome::Replayed(_) => return Err(Error::conflict("already_booked", "this was booked before")),
            PostingOutcome::Refused(refusal) => return Err(Error::refused(refusal)),
        }
    }
    Ok(moved)
}

fn taken(order: OfOrder<'_>, source: &Source, direction: Direction, amount: Money) -> Posting {
    match source.id {
        TakeBackId::Refund(id) => {
            let mode = if direction == Direction::Ask { RefundMode::Request } else { RefundMode::Force };
            refund(order, id, &source.provider, amount, mode)
        }
        TakeBackId::Dispute(id) => dispute(order, id, &source.provider, amount),
    }
}

/// Tells an order what happened to its money: its own sum, its timeline, the event stream.
///
/// # Errors
/// Of the database.
pub(in crate::app) async fn tell(
    conn: &mut Connection,
    order: &mut Order,
    event: &str,
    actor: &str,
    detail: &str,
) -> Result<(), Error> {
    let gone = refunds::gone(conn, order.id).await?;
    order.refunded_amount = gone.refunded.min(order.received_amount.unwrap_or_default());
    order.updated_at = orders::clock(conn).await?;
    order.version += 1;
    orders::update(conn, order).await?;
    orders::note(conn, order, event, actor, Some(detail)).await?;
    events::order_updated(conn, order).await?;
    Ok(())
}

/// Counts a refund that is in force, and stored as such, against its payment and wallet.
///
/// # Errors
/// 402 or 409 of the wallet, unless an operator overrides it or the money is gone already.
pub(super) async fn start(conn: &mut Connection, order: Option<&Order>, refund: &mut Refund) -> Result<(), Error> {
    // Money that left at the provider's dashboard is gone, whatever the wallet says.
    let direction = if refund.override_balance || !refund.ours { Direction::Force } else { Direction::Ask };
    payments::add_refunded(conn, refund.payment_id, refund.amount).await?;
    let Some(order) = order else { return Ok(()) };
    let moved = align(conn, order, &Source::refund(refund), direction).await?;
    refund.debited += moved.money;
    refund.bonus_taken += moved.bonus;
    Ok(refunds::update(conn, refund).await?)
}

/// News of a refund that we know.
#[derive(Debug)]
pub(super) struct News {
    pub status: RefundStatus,
    pub provider_refund_id: Option<String>,
    /// Why it failed or waits.
    pub reason: Option<String>,
}

/// Takes news of a refund: success is noted, failure gives the wallet its money back, once, and what is old
/// news changes nothing. True when something changed.
///
/// # Errors
/// 404; of the database.
pub(super) async fn conclude(app: &App, id: Uuid, news: &News, actor: &str) -> Result<bool, Error> {
    transact(&app.pool, async |conn| {
        let known = refunds::find(conn, id).await?.ok_or(Error::NotFound("refund"))?;
        let mut order = match known.order_id {
            Some(order) => orders::lock(conn, order).await?,
            None => None,
        };
        payments::lock_by_id(conn, known.payment_id).await?;
        let mut refund = refunds::lock(conn, id).await?.ok_or(Error::NotFound("refund"))?;
        // A refusal says that our request made no refund. One that the provider has told us of meanwhile was made.
        if news.provider_refund_id.is_none() && refund.provider_refund_id.is_some() {
            return Ok(false);
        }
        take_news(conn, order.as_mut(), &mut refund, news, actor).await
    })
    .await
}

/// As [`conclude`], for a caller that holds the locks.
///
/// # Errors
/// Of the database.
pub(super) async fn take_news(
    conn: &mut Connection,
    order: Option<&mut Order>,
    refund: &mut Refund,
    news: &News,
    actor: &str,
) -> Result<bool, Error> {
    let now = orders::clock(conn).await?;
    let (from, next) = (refund.state()?, RefundState::from(news.status));
    let moves = from.may_become(next);
    if let Some(id) = &news.provider_refund_id
        && from.is_in_force()
    {
        refund.provider_refund_id = Some(id.clone());
    }
    if moves {
        next.as_str().clone_into(&mut refund.status);
        refund.failure = news.reason.clone().filter(|_| next == RefundState::Failed);
        refund.updated_at = now;
    } else if from == next && from == RefundState::Pending {
        refund.failure.clone_from(&news.reason);
    }
    refund.ask_at = question_at(refund, now)?;
    refunds::update(conn, refund).await?;
    if !moves {
        return Ok(false);
    }
    if next == RefundState::Failed && from.is_in_force() {
        payments::add_refunded(conn, refund.payment_id, -refund.amount).await?;
    }
    let Some(order) = order else { return Ok(true) };
    if next == RefundState::Failed && from.is_in_force() {
        let moved = align(conn, order, &Source::refund(refund), Direction::GiveBack).await?;
        refund.debited += moved.money;
        refund.bonus_taken += moved.bonus;
        refunds::update(conn, refund).await?;
    }
    let event = if next == RefundState::Failed { "refund_failed" } else { "refund_succeeded" };
    let why = refund.failure.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let detail = format!("{}{why}", said(order, refund));
    tell(conn, order, event, actor, &detail).await?;
    Ok(true)
}

/// When the provider is asked about a refund next; a refund that only an operator can report is never asked for.
pub(super) fn question_at(refund: &Refund, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Error> {
    if refund.ask_at.is_none() {
        return Ok(None);
    }
    Ok(next_question(refund.state()?, refund.asked, now - refund.since()).map(|wait| now + wait))
}

/// A refund on a timeline: `rfd_… over 10.00 USD`.
pub(super) fn said(order: &Order, refund: &Refund) -> String {
    let amount = format_amount(refund.amount, order.currency);
    format!("{} over {amount} {}", IdKind::Refund.show(refund.id), order.currency)
}
