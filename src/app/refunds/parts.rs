//! How much of an order can be refunded now, in parts that a person can follow.

use crate::app::Error;
use crate::domain::money::Money;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::payment::Channel;
use crate::domain::refund::payment_left::PaymentLeft;
use crate::domain::refund::refundable::{RefundBasis, Refundable};
use crate::storage::{Connection, applications, clock, ledger, payments, refunds};

/// The most that the payer of an order would get by the next refund, if its wallet had the money. `None` for an order
/// that cannot be refunded.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn at_most(conn: &mut Connection, order: &Order) -> Result<Option<Money>, Error> {
    let Some(next) = next_payment(conn, order).await? else { return Ok(None) };
    let bonus = ledger::bonus_of_order(conn, order).await?;
    let returned = refunds::returned_so_far(conn, order).await?.with_bonus(bonus);
    Ok(Some(returned.refundable(order, next.left())))
}

/// How large the next refund of an order can be, in parts, and what the order's wallet has. `None` for an order that
/// cannot be refunded.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn of_order(conn: &mut Connection, order: &Order) -> Result<Option<Refundable>, Error> {
    let Some(next) = next_payment(conn, order).await? else { return Ok(None) };
    let bonus = ledger::bonus_of_order(conn, order).await?;
    let returned = refunds::returned_so_far(conn, order).await?.with_bonus(bonus);
    let now = clock::now(conn).await?;
    let wallets = ledger::read_wallets(conn, &order.customer).await?;
    let wallet = wallets.into_iter().find(|wallet| wallet.key == order.wallet());
    let wallet = wallet.map(|wallet| wallet.without_lapsed_grants(now));
    let basis = RefundBasis { order, left: next.left(), returned, bonus, wallet: wallet.as_ref() };
    Ok(Some(Refundable::of(&basis)))
}

/// The payment that the next refund of a completed order takes; `None` where there is none to give back.
async fn next_payment(conn: &mut Connection, order: &Order) -> Result<Option<PaymentLeft>, Error> {
    if order.status() != OrderStatus::Completed || order.channel == Channel::Balance {
        return Ok(None);
    }
    Ok(PaymentLeft::next(lefts(conn, order).await?))
}

/// The payments that serve an order, the last applied first, with what of each can go back for it.
///
/// # Errors
/// Database errors.
pub(super) async fn lefts(conn: &mut Connection, order: &Order) -> Result<Vec<PaymentLeft>, Error> {
    let applied = applications::standing(conn, order).await?;
    let returned = refunds::returned_of_payments(conn, order).await?;
    let mut lefts: Vec<PaymentLeft> = Vec::new();
    for id in applied.iter().rev().map(|one| one.payment_id) {
        if lefts.iter().all(|known| known.payment.id != id) {
            let payment = payments::find(conn, id).await?;
            let payment = payment.ok_or(Error::Internal("the payment of an application"))?;
            lefts.push(PaymentLeft::new(payment, &applied, &returned));
        }
    }
    Ok(lefts)
}
