//! Reversing a wrong approval: the money never came, or it was for another order.
//!
//! The credit stays in the book. Compensating entries take it back: from the order's wallet, into debt where the money
//! is spent; or from all wallets of the customer, as a dispute does. The bank transfer is unapplied again, so it can
//! serve the right order. The stated amount may be the mistake, so the operator who uses the transfer next states it
//! anew ([`crate::domain::bank_transaction`]).
//!
//! A reversal takes back one application: of several, the one that was applied last. The bonus came with the first one,
//! and goes with it. Because a second reversal would take the one before, the operator names the version of the order.

use serde_json::json;
use uuid::Uuid;

use super::audited;
use super::read::{OrderView, view_for_operator};
use crate::app::idempotency::{IdempotencyKey, Made};
use crate::app::refunds::book::sweep_bonus;
use crate::app::refunds::source::post_all;
use crate::app::{App, Caller, Error, own_word};
use crate::domain::adjustment::{Adjustment, ReversalReach};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::movement::reversed_approval::of_reversed_approval;
use crate::domain::movement::take_back::{Asked, take_back};
use crate::domain::order::{Order, OrderStatus};
use crate::domain::own_word::MoveKind;
use crate::domain::payment::{Application, Channel, Payment};
use crate::storage::transaction::transact;
use crate::storage::{
    Connection, StorageError, adjustments, applications, bank_lines, bank_transactions, clock, ledger, orders,
    payments, refunds,
};

/// A reversal as an operator asks for it.
#[derive(Debug, Clone)]
pub struct WantedReversal {
    pub reason: String,
    pub reach: ReversalReach,
    /// The version of the order that the operator has seen. It is needed where several transfers have served the order.
    pub version: Option<i64>,
}

/// The result of a reversal.
#[derive(Debug, Clone)]
pub struct Reversed {
    pub order: OrderView,
    /// True while a second operator must confirm. Nothing is taken back yet.
    pub awaiting_second: bool,
}

/// Reverses the approval of a bank transfer; of several transfers, the one that was applied last. Above the threshold
/// it is a proposal until a second operator asks for the same. The order stays completed; its timeline says that the
/// approval was reversed, and its reason, too, once no transfer serves it any more. Both operators name the same
/// `reach`.
///
/// # Errors
/// 404; 409 `not_a_bank_transfer`, `order_not_completed`, `approval_reversed`, `second_operator_needed`,
/// `order_moved_on`, or `approval_mismatch`, also when another transfer was applied since the proposal; 409
/// `order_refunded` when money of the order went back to the payer or is on its way; 422 without a version that is
/// needed.
#[tracing::instrument(name = "orders.reverse", skip_all, fields(order = %id))]
pub async fn reverse(
    app: &App,
    caller: &Caller,
    id: Uuid,
    new: &WantedReversal,
    key: &IdempotencyKey,
) -> Result<Made<Reversed>, Error> {
    let (actor, reach) = (caller.actor(), new.reach);
    let replayed = transact(&app.pool, async |conn| {
        if key.claim(conn).await?.is_some() {
            return Ok(true);
        }
        let mut order = orders::lock(conn, id).await?.ok_or(Error::NotFound("order"))?;
        caller.require_not_own(&order.customer)?;
        check_state(conn, &order).await?;
        let last = lock_last(conn, &order, new.version).await?;
        let waiting = adjustments::of_order(conn, id).await?.filter(Adjustment::waits);
        let adjustment = match waiting {
            None => {
                let reversal = draft(conn, &order, &last.applied, &new.reason, &actor).await?;
                let (kind, amount) = (MoveKind::Reversal, last.applied.amount);
                let alone = own_word::is_enough(conn, app, caller, kind, reversal.id, &order.customer, amount).await?;
                Adjustment { second_needed: !alone, reach, ..reversal }
            }
            Some(known) if known.proposed_by == actor => {
                return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must confirm this reversal"));
            }
            Some(known) if reach != known.reach => {
                let detail = format!("the first operator chose the reach {}; choose the same", known.reach.as_str());
                return Err(Error::conflict(Code::ApprovalMismatch, detail));
            }
            Some(known) if known.application != Some((last.applied.payment_id, last.applied.n)) => {
                let detail = "another transfer was applied to the order since the proposal; withdraw the proposal";
                return Err(Error::conflict(Code::ApprovalMismatch, detail));
            }
            Some(known) => Adjustment { approved_by: Some(actor.clone()), ..known },
        };
        if adjustment.second_needed && adjustment.approved_by.is_none() {
            adjustments::save(conn, &adjustment).await?;
            orders::add_to_timeline(conn, &order, "reversal_proposed", &actor, Some(&adjustment.reason)).await?;
            let asked = Some(json!({ "reach": adjustment.reach.as_str() }));
            let reason = Some(adjustment.reason.as_str());
            audited::record(conn, &order, &actor, "reversal_proposed", reason, asked).await?;
        } else {
            undo_approval(conn, &mut order, adjustment, last, &actor).await?;
        }
        key.record_resource(conn, id, &order.customer).await?;
        Ok::<_, Error>(false)
    })
    .await?;
    let mut conn = app.pool.get().await?;
    let order = orders::find(&mut conn, id).await?.ok_or(Error::Internal("the order whose approval was reversed"))?;
    let order = view_for_operator(&mut conn, order).await?;
    let awaiting_second = order.reversal.as_ref().is_some_and(|reversal| reversal.booked_at.is_none());
    Ok(Made { value: Reversed { order, awaiting_second }, replayed })
}

async fn check_state(conn: &mut Connection, order: &Order) -> Result<(), Error> {
    if order.channel != Channel::BankTransfer {
        let reason = "only bank transfers are approved, and reversed, by operators";
        return Err(Error::conflict(Code::NotABankTransfer, reason));
    }
    if order.status() != OrderStatus::Completed {
        return Err(Error::conflict(Code::OrderNotCompleted, format!("the order is {}", order.status())));
    }
    let returned = refunds::returned_so_far(conn, order).await?;
    if !(returned.refunded + returned.disputed).is_zero() {
        let detail = "money of this order has been refunded; reject that refund first";
        return Err(Error::conflict(Code::OrderRefunded, detail));
    }
    Ok(())
}

async fn draft(
    conn: &mut Connection,
    order: &Order,
    applied: &Application,
    reason: &str,
    actor: &str,
) -> Result<Adjustment, Error> {
    Ok(Adjustment {
        id: Uuid::now_v7(),
        customer: order.customer.clone(),
        product: order.product.clone(),
        amount: -applied.credited(),
        reason: reason.to_owned(),
        second_needed: true,
        proposed_by: actor.to_owned(),
        approved_by: None,
        created_at: clock::now(conn).await?,
        booked_at: None,
        order_id: Some(order.id),
        application: Some((applied.payment_id, applied.n)),
        reach: ReversalReach::default(),
        allow_debt: false,
        withdrawn: None,
    })
}

/// The application to an order that came last of those that stand, with its locked payment.
struct LastApplied {
    applied: Application,
    payment: Payment,
    /// Whether it is the only one.
    is_only: bool,
}

/// Locks the transfer that was applied last, before the lock that an operator's own word takes: refunds take both in
/// this order.
async fn lock_last(conn: &mut Connection, order: &Order, seen: Option<i64>) -> Result<LastApplied, Error> {
    let corrupt = |what: &str| StorageError::Corrupt(format!("completed order {} without {what}", order.id));
    let reversed = || Error::conflict(Code::ApprovalReversed, "the approval of this order has been reversed");
    let all = applications::of_order(conn, order).await?;
    let several = all.len() > 1;
    let mut standing: Vec<Application> = all.into_iter().filter(Application::stands).collect();
    let applied = standing.pop().ok_or_else(reversed)?;
    require_seen(order, several, seen)?;
    bank_transactions::lock(conn, applied.payment_id).await?.ok_or_else(|| corrupt("a line"))?;
    let payment = payments::lock_by_id(conn, applied.payment_id).await?.ok_or_else(|| corrupt("a payment"))?;
    Ok(LastApplied { applied, payment, is_only: standing.is_empty() })
}

/// Requires that the operator has seen the order as it is: where several transfers have served it, the repetition of a
/// reversal would take back another one.
fn require_seen(order: &Order, several: bool, seen: Option<i64>) -> Result<(), Error> {
    match seen {
        None if several => {
            let detail = "is required where several transfers have served the order";
            Err(Error::field("/version", Code::Required, detail))
        }
        Some(seen) if seen != order.version => {
            let detail = format!("the order has changed; its version is {}", order.version);
            Err(Error::conflict(Code::OrderMovedOn, detail))
        }
        _ => Ok(()),
    }
}

/// Takes back the credit, and with the last transfer what is left of the bonus, and unapplies the transfer.
async fn undo_approval(
    conn: &mut Connection,
    order: &mut Order,
    adjustment: Adjustment,
    last: LastApplied,
    actor: &str,
) -> Result<(), Error> {
    take_back_credit(conn, order, &adjustment, &last).await?;

    let LastApplied { applied, mut payment, is_only } = last;
    let now = clock::now(conn).await?;
    let shown = IdKind::TopUpOrder.show(order.id);
    payment.unapply(applied.amount, format!("the approval of {shown} was reversed: {}", adjustment.reason));
    payments::update_applied(conn, &payment).await?;
    applications::reverse(conn, &applied, now).await?;
    // Where the bank's file has the line, it is known what arrived.
    if bank_lines::of_payment(conn, payment.id).await?.is_none() {
        bank_transactions::open_amount(conn, payment.id).await?;
    }
    let adjustment = Adjustment { booked_at: Some(now), ..adjustment };
    adjustments::save(conn, &adjustment).await?;

    match is_only {
        true => order.reason = Some("the approval was reversed".to_owned()),
        false => order.reverse_further(&applied),
    }
    order.updated_at = now;
    order.version += 1;
    orders::update(conn, order).await?;
    let detail = format!("{} taken back: {}", applied.credited(), adjustment.reason);
    orders::add_to_timeline(conn, order, "approval_reversed", actor, Some(&detail)).await?;
    audit(conn, order, &adjustment, &payment, actor).await
}

/// Books the entries that take back the credit and the bonus.
async fn take_back_credit(
    conn: &mut Connection,
    order: &Order,
    adjustment: &Adjustment,
    last: &LastApplied,
) -> Result<(), Error> {
    let mut bonus = None;
    if last.is_only {
        sweep_bonus(conn, order).await?;
        let brought = ledger::bonus_of_order(conn, order).await?;
        bonus = brought.map(|brought| (brought.grant_id, order.bonus - brought.expired));
    }
    let account = &last.payment.merchant_account;
    let origin = of_reversed_approval(order.into(), adjustment.id, account, &adjustment.reason);
    let asked = Asked { money: last.applied.credited(), bonus, reach: adjustment.reach.into() };
    post_all(conn, &[take_back(order, origin, asked)]).await
}

async fn audit(
    conn: &mut Connection,
    order: &Order,
    adjustment: &Adjustment,
    payment: &Payment,
    actor: &str,
) -> Result<(), Error> {
    let booked = json!({
        "adjustment_id": IdKind::Adjustment.show(adjustment.id),
        "amount": adjustment.amount.amount().normalize().to_string(),
        "currency": adjustment.amount.currency().code(),
        "reach": adjustment.reach.as_str(),
        "proposed_by": adjustment.proposed_by,
        "bank_transaction_id": payment.payment_id,
    });
    audited::record(conn, order, actor, "approval_reversed", Some(&adjustment.reason), Some(booked)).await
}
