//! The bookkeeping of refunds and disputes: the payment, the wallet, the order and its timeline.
//!
//! Locks are taken in this order: order, payment, refund or dispute, wallet. The caller holds all but the last.

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::app::{App, Error};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::money::{Money, format_amount};
use crate::domain::movement::bonus::{bonus_restored, bonus_revoked};
use crate::domain::movement::dispute::{dispute, dispute_returned};
use crate::domain::movement::refund::{RefundMode, refund, refund_returned};
use crate::domain::movement::{OfOrder, TakeBackId};
use crate::domain::order::Order;
use crate::domain::payment::{ProviderName, RefundStatus};
use crate::domain::posting::{Posting, PostingOutcome};
use crate::domain::refund::{Due, Refund, RefundState};
use crate::storage::transaction::transact;
use crate::storage::{Connection, clock, events, ledger, orders, payments, refunds};

/// The refund or dispute that takes money back from a wallet. Each one takes once and gives back once.
#[derive(Debug, Clone, Copy)]
pub(in crate::app) struct TakeBackSource {
    pub id: TakeBackId,
    pub provider: ProviderName,
}

impl TakeBackSource {
    fn refund(refund: &Refund) -> Self {
        Self { id: TakeBackId::Refund(refund.id), provider: refund.provider }
    }
}

/// How an order's wallet is brought in line with what went back to the payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum TakeBackMode {
    /// Take unheld paid money, or refuse.
    Request,
    /// Take unheld paid money, and the rest as debt: the money has left already, or an operator overrides the balance.
    Force,
    GiveBack,
}

/// Moves the wallet of an order by what is due for its refunds and disputes, in one direction. Returns what the wallet
/// gave; a negative amount went back to the wallet.
///
/// # Errors
/// 402 or 409 of the wallet, for [`TakeBackMode::Request`].
pub(in crate::app) async fn align_wallet(
    conn: &mut Connection,
    order: &Order,
    source: TakeBackSource,
    mode: TakeBackMode,
) -> Result<Due, Error> {
    let due = refunds::returned_so_far(conn, order.id).await?.due(order);
    let in_direction = |due: Decimal| match mode {
        TakeBackMode::GiveBack => due.min(Decimal::ZERO),
        TakeBackMode::Request | TakeBackMode::Force => due.max(Decimal::ZERO),
    };
    let (money, bonus) = (in_direction(due.money), in_direction(due.bonus));
    let part =
        |amount| Money::new(amount, order.currency).map_err(|_| Error::Internal("an amount for each part of an order"));
    let of_order = OfOrder::from(order);
    let mut postings = Vec::new();
    if money > Decimal::ZERO {
        postings.push(taken(of_order, source, mode, part(money)?));
    } else if money < Decimal::ZERO {
        postings.push(given_back(of_order, source, part(-money)?));
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
            PostingOutcome::Replayed(_) => return Err(Error::conflict(Code::AlreadyBooked, "this was booked before")),
            PostingOutcome::Refused(refusal) => return Err(Error::refused(refusal)),
        }
    }
    Ok(moved)
}

fn taken(order: OfOrder<'_>, source: TakeBackSource, mode: TakeBackMode, amount: Money) -> Posting {
    let provider = source.provider;
    match source.id {
        TakeBackId::Refund(id) => {
            let mode = match mode {
                TakeBackMode::Request => RefundMode::Request,
                TakeBackMode::Force | TakeBackMode::GiveBack => RefundMode::Force,
            };
            refund(order, id, provider, amount, mode)
        }
        TakeBackId::Dispute(id) => dispute(order, id, provider, amount),
    }
}

fn given_back(order: OfOrder<'_>, source: TakeBackSource, amount: Money) -> Posting {
    let provider = source.provider;
    match source.id {
        TakeBackId::Refund(id) => refund_returned(order, id, provider, amount),
        TakeBackId::Dispute(id) => dispute_returned(order, id, provider, amount),
    }
}

/// Records on an order what happened to its money: its refunded amount, its timeline and an event.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn record_on_order(
    conn: &mut Connection,
    order: &mut Order,
    event: &str,
    actor: &str,
    detail: &str,
) -> Result<(), Error> {
    let returned = refunds::returned_so_far(conn, order.id).await?;
    order.refunded_amount = returned.refunded.min(order.received());
    order.updated_at = clock::now(conn).await?;
    order.version += 1;
    orders::update(conn, order).await?;
    orders::add_to_timeline(conn, order, event, actor, Some(detail)).await?;
    Ok(events::order_updated(conn, order).await?)
}

/// Books a refund that has just become pending, or that succeeded before we knew of it: the payment counts it as
/// refunded and the wallet gives its share.
///
/// # Errors
/// 402 or 409 of the wallet, unless an operator overrides the balance or the money has left already.
pub(super) async fn start(conn: &mut Connection, order: Option<&Order>, refund: &mut Refund) -> Result<(), Error> {
    // A refund from the provider's dashboard has left already, whatever the wallet holds.
    let mode = if refund.override_balance || !refund.ours { TakeBackMode::Force } else { TakeBackMode::Request };
    payments::add_refunded(conn, refund.payment_id, refund.amount).await?;
    let Some(order) = order else { return Ok(()) };
    move_wallet(conn, order, refund, mode).await
}

async fn move_wallet(
    conn: &mut Connection,
    order: &Order,
    refund: &mut Refund,
    mode: TakeBackMode,
) -> Result<(), Error> {
    let moved = align_wallet(conn, order, TakeBackSource::refund(refund), mode).await?;
    refund.debited += moved.money;
    refund.bonus_taken += moved.bonus;
    Ok(refunds::update(conn, refund).await?)
}

/// What is reported about a refund that we know.
#[derive(Debug)]
pub(super) struct RefundUpdate {
    pub status: RefundStatus,
    /// `None` when the provider made no refund of our request.
    pub provider_refund_id: Option<String>,
    /// Why it failed, or what it waits for.
    pub reason: Option<String>,
}

/// Records an update of a refund. A success is noted. A failure gives the wallet its money back, once. An out-of-date
/// update changes nothing. Returns whether something changed.
///
/// # Errors
/// Database errors.
pub(super) async fn record_update(app: &App, id: Uuid, update: &RefundUpdate, actor: &str) -> Result<bool, Error> {
    transact(&app.pool, async |conn| {
        let (mut order, mut refund) = lock_with_order(conn, id).await?;
        // A refusal says that our request made no refund. If the provider has reported one meanwhile, it made one.
        if update.provider_refund_id.is_none() && refund.provider_refund_id.is_some() {
            return Ok(false);
        }
        record_update_locked(conn, order.as_mut(), &mut refund, update, actor).await
    })
    .await
}

/// Locks a refund that is known to exist, after its order and its payment.
pub(super) async fn lock_with_order(conn: &mut Connection, id: Uuid) -> Result<(Option<Order>, Refund), Error> {
    let expected = Error::Internal("a refund that was found before");
    let Some(known) = refunds::find(conn, id).await? else { return Err(expected) };
    let order = match known.order_id {
        Some(order) => orders::lock(conn, order).await?,
        None => None,
    };
    payments::lock_by_id(conn, known.payment_id).await?;
    let refund = refunds::lock(conn, id).await?.ok_or(expected)?;
    Ok((order, refund))
}

/// Like [`record_update`], for a caller that holds the locks.
///
/// # Errors
/// Database errors.
pub(super) async fn record_update_locked(
    conn: &mut Connection,
    order: Option<&mut Order>,
    refund: &mut Refund,
    update: &RefundUpdate,
    actor: &str,
) -> Result<bool, Error> {
    let now = clock::now(conn).await?;
    let (from, next) = (refund.state, RefundState::from(update.status));
    let moves = from.may_become(next);
    if let Some(id) = &update.provider_refund_id
        && from.is_in_force()
    {
        refund.provider_refund_id = Some(id.clone());
    }
    if moves {
        refund.state = next;
        refund.failure = update.reason.clone().filter(|_| next == RefundState::Failed);
        refund.updated_at = now;
    } else if from == next && from == RefundState::Pending {
        refund.failure.clone_from(&update.reason);
    }
    refund.ask_at = refund.next_question_at(now);
    refunds::update(conn, refund).await?;
    if !moves {
        return Ok(false);
    }
    let comes_back = next == RefundState::Failed && from.is_in_force();
    if comes_back {
        payments::add_refunded(conn, refund.payment_id, -refund.amount).await?;
    }
    let Some(order) = order else { return Ok(true) };
    if comes_back {
        move_wallet(conn, order, refund, TakeBackMode::GiveBack).await?;
    }
    let event = if next == RefundState::Failed { "refund_failed" } else { "refund_succeeded" };
    let why = refund.failure.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let detail = format!("{}{why}", describe_refund(order, refund));
    record_on_order(conn, order, event, actor, &detail).await?;
    Ok(true)
}

/// A refund on a timeline: `rfd_… over 10.00 USD`.
pub(super) fn describe_refund(order: &Order, refund: &Refund) -> String {
    let amount = format_amount(refund.amount, order.currency);
    format!("{} over {amount} {}", IdKind::Refund.show(refund.id), order.currency)
}
