//! What of an order can be refunded now, in parts that a person can follow.

use crate::app::Error;
use crate::domain::money::Money;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::payment::{Channel, Payment};
use crate::domain::refund::refundable::{RefundBasis, Refundable};
use crate::storage::{Connection, clock, ledger, payments, refunds};

/// What the payer of an order would get if all of it were refunded now, and its wallet had the money. `None` for an
/// order that cannot be refunded.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn at_most(conn: &mut Connection, order: &Order) -> Result<Option<Money>, Error> {
    let Some(payment) = payment_of(conn, order).await? else { return Ok(None) };
    let bonus = ledger::bonus_of_order(conn, order).await?;
    let returned = refunds::returned_so_far(conn, order).await?.with_bonus(bonus);
    Ok(Some(returned.refundable(order, payment.amount, payment.refunded)))
}

/// What can be refunded of an order, in parts, and what the order's wallet has. `None` for an order that cannot be
/// refunded.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn of_order(conn: &mut Connection, order: &Order) -> Result<Option<Refundable>, Error> {
    let Some(payment) = payment_of(conn, order).await? else { return Ok(None) };
    let bonus = ledger::bonus_of_order(conn, order).await?;
    let returned = refunds::returned_so_far(conn, order).await?.with_bonus(bonus);
    let now = clock::now(conn).await?;
    let wallets = ledger::read_wallets(conn, &order.customer).await?;
    let wallet = wallets.into_iter().find(|wallet| wallet.key == order.wallet());
    let wallet = wallet.map(|wallet| wallet.without_lapsed_grants(now));
    let (paid, refunded) = (payment.amount, payment.refunded);
    let basis = RefundBasis { order, paid, refunded, returned, bonus, wallet: wallet.as_ref() };
    Ok(Some(Refundable::of(&basis)))
}

/// The payment that a completed order was paid with; `None` where there is none to give back.
async fn payment_of(conn: &mut Connection, order: &Order) -> Result<Option<Payment>, Error> {
    if order.status() != OrderStatus::Completed || order.channel == Channel::Balance {
        return Ok(None);
    }
    let Some(applied) = payments::application_to_order(conn, order).await? else { return Ok(None) };
    Ok(payments::find(conn, applied.payment_id).await?)
}
