//! Refunds that the closing of an account makes: what is left goes back to where it came from.

use uuid::Uuid;

use super::{book, draft, mark_started, refundable_order};
use crate::app::{App, Caller, Error, own_word};
use crate::domain::closing::{Closing, ClosingState};
use crate::domain::money::Money;
use crate::domain::own_word::MoveKind;
use crate::domain::permission::Permission;
use crate::domain::product::Product;
use crate::domain::refund::Refund;
use crate::domain::refund::refundable::RefundBasis;
use crate::storage::{Connection, closings, ledger, own_word as moves, refunds};

/// Refunds as much of an order as this payment can give back and the account has, in the caller's transaction. The
/// refund counts as moved by the operator who started the closing. If that operator may not move so much alone, or may
/// not move money at all, the refund waits for a second operator. `None` if nothing of the payment can go back.
///
/// Locks are taken in the order of every refund: order, payment, the operator's lock (`own_word`), wallets, closing.
///
/// # Errors
/// A refusal of the ledger; database errors.
pub(in crate::app) async fn make(
    conn: &mut Connection,
    app: &App,
    starter: &Caller,
    closing: &Closing,
    (order_id, payment): (Uuid, Uuid),
) -> Result<Option<Refund>, Error> {
    let (mut order, taken) = match refundable_order(conn, order_id, Some(payment)).await {
        Ok(found) => found,
        // Its approval was reversed, for example.
        Err(Error::Conflict { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (currency, actor) = (order.currency(), starter.actor());
    moves::lock_operator(conn, &actor, currency).await?;
    let (wallets, now) = ledger::lock_all_wallets(conn, &closing.customer).await?;
    let is_at_it = |known: &Closing| known.id == closing.id && known.state == ClosingState::Refunding;
    if !closings::lock(conn, &closing.customer).await?.as_ref().is_some_and(is_at_it) {
        return Ok(None);
    }
    // The money of a proposal, or of a disputed payment, is not taken yet, so nothing else may use it.
    let is_disputed = closings::waits(conn, &closing.customer).await?.open_disputes > 0;
    if is_disputed || refunds::has_proposal(conn, &closing.customer).await? {
        return Ok(None);
    }
    let home = order.wallet();
    let gives = wallets.iter().filter(|wallet| {
        wallet.key.currency == currency && (wallet.key == home || wallet.key.product == Product::main())
    });
    let money = Money::sum(currency, gives.map(|wallet| wallet.movable()));
    let bonus = ledger::bonus_of_order(conn, &order).await?;
    let returned = refunds::returned_so_far(conn, &order).await?.with_bonus(bonus);
    let wallet = wallets.iter().find(|wallet| wallet.key == home);
    let basis = RefundBasis { order: &order, left: taken.left(), returned, bonus, wallet };
    let amount = basis.at_most(money);
    if !amount.is_positive() || !money.is_positive() {
        return Ok(None);
    }
    let new = super::NewRefund {
        order_id,
        amount: amount.amount(),
        // Without the operator's words about the customer, because the closing can be erased.
        reason: "the account is being closed".to_owned(),
        override_balance: false,
        from_products: false,
    };
    let mut refund =
        Refund { closing_id: Some(closing.id), ..draft(&new, &order, &taken.payment, amount, &actor, now) };
    let is_enough = starter.permissions.contains(Permission::Finance)
        && own_word::is_enough(conn, app, starter, MoveKind::Refund, refund.id, &order.customer, amount).await?;
    refund.second_needed = !is_enough;
    if is_enough {
        mark_started(app, &mut refund, now);
    }
    refunds::insert(conn, &refund).await?;
    if is_enough {
        book::start(conn, Some(&order), &taken.payment, &mut refund).await?;
    }
    let action = if is_enough { "started" } else { "proposed" };
    let detail = format!("{}: {}", book::describe_refund(&refund), refund.reason);
    book::record_on_order(conn, &mut order, &format!("refund_{action}"), &actor, &detail).await?;
    super::audit(conn, &actor, action, &refund).await?;
    Ok(Some(refund))
}
