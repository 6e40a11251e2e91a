//! Reversing a wrong approval: the money never came, or it was for another order.
//!
//! The credit stays in the book. Compensating entries take it back: from the order's wallet, into debt where the money
//! is spent; or from all wallets of the customer, as a dispute does. The bank transfer is unapplied again, so it can
//! serve the right order. The stated amount may be the mistake, so the operator who uses the transfer next states it
//! anew ([`crate::domain::bank_transaction`]).

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
use crate::domain::order::{Completion, Order};
use crate::domain::own_word::MoveKind;
use crate::domain::payment::{Application, Channel, Payment};
use crate::storage::transaction::transact;
use crate::storage::{
    Connection, StorageError, adjustments, applications, bank_lines, bank_transactions, clock, ledger, orders,
    payments, refunds,
};

/// The result of a reversal.
#[derive(Debug, Clone)]
pub struct Reversed {
    pub order: OrderView,
    /// True while a second operator must confirm. Nothing is taken back yet.
    pub awaiting_second: bool,
}

/// Reverses the approval of a bank transfer. Above the threshold it is a proposal until a second operator asks for the
/// same. The order stays completed; its reason and its timeline say that the approval was reversed. Both operators
/// name the same `reach`.
///
/// # Errors
/// 404; 409 `not_a_bank_transfer`, `order_not_completed`, `approval_reversed`, `second_operator_needed`,
/// `approval_mismatch`; 409
/// `order_refunded` when money of the order went back to the payer or is on its way.
#[tracing::instrument(name = "orders.reverse", skip_all, fields(order = %id))]
pub async fn reverse(
    app: &App,
    caller: &Caller,
    id: Uuid,
    reason: &str,
    reach: ReversalReach,
    key: &IdempotencyKey,
) -> Result<Made<Reversed>, Error> {
    let actor = caller.actor();
    let replayed = transact(&app.pool, async |conn| {
        if key.claim(conn).await?.is_some() {
            return Ok(true);
        }
        let mut order = orders::lock(conn, id).await?.ok_or(Error::NotFound("order"))?;
        caller.require_not_own(&order.customer)?;
        let completion = check_state(conn, &order).await?;
        let (applied, payment) = lock_payment(conn, &order).await?;
        let adjustment = match adjustments::of_order(conn, id).await? {
            None => {
                let reversal = draft(conn, &order, reason, &actor).await?;
                let kind = MoveKind::Reversal;
                let alone =
                    own_word::is_enough(conn, app, caller, kind, reversal.id, &order.customer, completion.received)
                        .await?;
                Adjustment { second_needed: !alone, reach, ..reversal }
            }
            Some(known) if known.proposed_by == actor => {
                return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must confirm this reversal"));
            }
            Some(known) if reach != known.reach => {
                let detail = format!("the first operator chose the reach {}; choose the same", known.reach.as_str());
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
            undo_approval(conn, &mut order, adjustment, &applied, payment, &actor).await?;
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

async fn check_state(conn: &mut Connection, order: &Order) -> Result<Completion, Error> {
    if order.channel != Channel::BankTransfer {
        return Err(Error::conflict(Code::NotABankTransfer, "only bank transfers are approved, and reversed, by hand"));
    }
    let Some(completion) = order.completion() else {
        return Err(Error::conflict(Code::OrderNotCompleted, format!("the order is {}", order.status())));
    };
    let returned = refunds::returned_so_far(conn, order).await?;
    if !(returned.refunded + returned.disputed).is_zero() {
        let detail = "money of this order has been refunded; reject that refund first";
        return Err(Error::conflict(Code::OrderRefunded, detail));
    }
    Ok(completion)
}

async fn draft(conn: &mut Connection, order: &Order, reason: &str, actor: &str) -> Result<Adjustment, Error> {
    Ok(Adjustment {
        id: Uuid::now_v7(),
        customer: order.customer.clone(),
        product: order.product.clone(),
        amount: -order.credited_amount,
        reason: reason.to_owned(),
        second_needed: true,
        proposed_by: actor.to_owned(),
        approved_by: None,
        created_at: clock::now(conn).await?,
        booked_at: None,
        order_id: Some(order.id),
        reach: ReversalReach::default(),
        allow_debt: false,
        withdrawn: None,
    })
}

/// Locks the transfer that completed the order, before the lock that an operator's own word takes: refunds take both in
/// this order. Once the reversal is booked, no transfer serves the order any more.
async fn lock_payment(conn: &mut Connection, order: &Order) -> Result<(Application, Payment), Error> {
    let corrupt = |what: &str| StorageError::Corrupt(format!("completed order {} without {what}", order.id));
    let reversed = || Error::conflict(Code::ApprovalReversed, "the approval of this order has been reversed");
    let applied = applications::standing(conn, order).await?.pop().ok_or_else(reversed)?;
    bank_transactions::lock(conn, applied.payment_id).await?.ok_or_else(|| corrupt("a line"))?;
    let payment = payments::lock_by_id(conn, applied.payment_id).await?.ok_or_else(|| corrupt("a payment"))?;
    Ok((applied, payment))
}

/// Takes back the credit and what is left of the bonus, and unapplies the transfer.
async fn undo_approval(
    conn: &mut Connection,
    order: &mut Order,
    adjustment: Adjustment,
    applied: &Application,
    mut payment: Payment,
    actor: &str,
) -> Result<(), Error> {
    take_back_credit(conn, order, &adjustment, &payment).await?;

    let now = clock::now(conn).await?;
    let shown = IdKind::TopUpOrder.show(order.id);
    payment.unapply(applied.amount, format!("the approval of {shown} was reversed: {}", adjustment.reason));
    payments::update_applied(conn, &payment).await?;
    applications::reverse(conn, applied, now).await?;
    // Where the bank's file has the line, it is known what arrived.
    if bank_lines::of_payment(conn, payment.id).await?.is_none() {
        bank_transactions::open_amount(conn, payment.id).await?;
    }
    let adjustment = Adjustment { booked_at: Some(now), ..adjustment };
    adjustments::save(conn, &adjustment).await?;

    order.reason = Some("the approval was reversed".to_owned());
    order.updated_at = now;
    order.version += 1;
    orders::update(conn, order).await?;
    let detail = format!("{} taken back: {}", order.credited_amount, adjustment.reason);
    orders::add_to_timeline(conn, order, "approval_reversed", actor, Some(&detail)).await?;
    audit(conn, order, &adjustment, &payment, actor).await
}

/// Books the entries that take back the credit and the bonus.
async fn take_back_credit(
    conn: &mut Connection,
    order: &Order,
    adjustment: &Adjustment,
    payment: &Payment,
) -> Result<(), Error> {
    sweep_bonus(conn, order).await?;
    let bonus = ledger::bonus_of_order(conn, order).await?;
    let bonus = bonus.map(|bonus| (bonus.grant_id, order.bonus - bonus.expired));
    let origin = of_reversed_approval(order.into(), adjustment.id, &payment.merchant_account, &adjustment.reason);
    let asked = Asked { money: order.credited_amount, bonus, reach: adjustment.reach.into() };
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
