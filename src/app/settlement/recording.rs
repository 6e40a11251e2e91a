//! Recording verified payments: each once, corrected while nothing of it has become money, and applied to its order.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::crediting::NotCredited;
use super::{SettlementStep, Withheld};
use crate::app::{App, Error, closings, settlement};
use crate::domain::closing;
use crate::domain::order::Order;
use crate::domain::payment::{Payment, PaymentFact, ProviderName};
use crate::domain::posting::Refusal;
use crate::storage::transaction::{savepoint, transact};
use crate::storage::{Connection, clock, disputes, orders, payments};

/// Records a payment that concerns a locked order. Credits the order unless it is withheld; the reason is stored as the
/// unapplied reason.
///
/// # Errors
/// Database errors.
pub(super) async fn apply(
    conn: &mut Connection,
    order: &mut Order,
    fact: &PaymentFact,
    withhold: Option<Withheld>,
    actor: &str,
) -> Result<SettlementStep, Error> {
    let now = clock::now(conn).await?;
    let payment = match &withhold {
        Some(held) => Payment::unapplied(order.provider, fact, Some(order.id), held.why().to_owned(), now),
        None => Payment::applied(order.provider, fact, order.id, now),
    };
    let is_new = payments::insert(conn, &payment).await?;
    match (withhold, is_new) {
        (Some(held), true) => {
            orders::add_to_timeline(conn, order, "payment_unapplied", actor, Some(held.why())).await?;
            keep(conn, order, &held, actor).await
        }
        (None, true) => credit(conn, order, payment, None, actor).await,
        (withhold, false) => apply_known(conn, order, fact, withhold, actor).await,
    }
}

/// Leaves a recorded payment unapplied.
async fn keep(conn: &mut Connection, order: &mut Order, held: &Withheld, actor: &str) -> Result<SettlementStep, Error> {
    if let Withheld::Short(why) = held {
        wait_for_rest(conn, order, why, actor).await?;
    }
    Ok(held.step())
}

/// Makes an order wait for the rest. A closed account takes no rest: the order ends as one without money.
async fn wait_for_rest(conn: &mut Connection, order: &mut Order, why: &str, actor: &str) -> Result<(), Error> {
    if closings::is_shut(conn, &order.customer).await? {
        return Ok(());
    }
    settlement::wait_for_rest(conn, order, why, actor).await
}

/// Judges a recorded payment again: its order may have become known since then, or its first statement may have been
/// wrong.
async fn apply_known(
    conn: &mut Connection,
    order: &mut Order,
    fact: &PaymentFact,
    withhold: Option<Withheld>,
    actor: &str,
) -> Result<SettlementStep, Error> {
    let known = payments::lock(conn, order.provider, &fact.merchant_account, &fact.payment_id).await?;
    let mut payment = known.ok_or(Error::Internal("the payment that an insert found"))?;
    if !payment.applied.is_zero() {
        // An amount that differs from the recorded one is no repetition of it.
        let is_same = payment.agrees_with(fact);
        return Ok(if is_same { SettlementStep::Known } else { SettlementStep::Mismatch });
    }
    if !is_free(conn, &payment, order.id).await? {
        return Ok(SettlementStep::Mismatch);
    }
    let why = withhold.as_ref().map(Withheld::why);
    if let Some(detail) = correct(conn, &mut payment, fact, why).await? {
        orders::add_to_timeline(conn, order, "payment_corrected", actor, Some(&detail)).await?;
    }
    if let Some(held) = withhold {
        return keep(conn, order, &held, actor).await;
    }
    payment.order_id = Some(order.id);
    let kept_for = payment.unapplied_reason.clone();
    payment.apply(payment.amount);
    payments::update_applied(conn, &payment).await?;
    credit(conn, order, payment, kept_for, actor).await
}

/// Credits a payment that is recorded as applied. If a rule of the ledger refuses that, only the credit is undone: the
/// payment stays recorded, unapplied with the reason, and the next statement about it tries again. A temporary error
/// undoes everything. `kept_for` is the reason for which the payment was unapplied before.
async fn credit(
    conn: &mut Connection,
    order: &mut Order,
    mut payment: Payment,
    kept_for: Option<String>,
    actor: &str,
) -> Result<SettlementStep, Error> {
    let (before, received) = (&*order, &payment);
    let credited = savepoint(conn, async |conn| {
        let mut order = before.clone();
        settlement::try_complete(conn, &mut order, received, received.amount, actor).await?;
        Ok::<_, NotCredited>(order)
    })
    .await;
    match credited {
        Ok(completed) => {
            *order = completed;
            Ok(SettlementStep::Recorded)
        }
        Err(NotCredited::Refused(refusal)) => {
            let why = match refusal {
                Refusal::AccountClosed => closing::KEPT_UNAPPLIED.to_owned(),
                refusal => format!("the ledger refuses the credit: {refusal}"),
            };
            payment.unapply(payment.amount, why.clone());
            payments::update_applied(conn, &payment).await?;
            if kept_for.as_ref() != Some(&why) {
                orders::add_to_timeline(conn, order, "payment_unapplied", actor, Some(&why)).await?;
            }
            wait_for_rest(conn, order, &why, actor).await?;
            Ok(SettlementStep::Mismatch)
        }
        Err(NotCredited::Failed(error)) => Err(error),
    }
}

/// Corrects the first statement about a locked payment, none of which was applied, refunded or disputed, by a later
/// verified one. Returns the contradiction in words, if there is one. `why` is the reason why the payment stays
/// unapplied.
async fn correct(
    conn: &mut Connection,
    payment: &mut Payment,
    fact: &PaymentFact,
    why: Option<&str>,
) -> Result<Option<String>, Error> {
    let before = payment.clone();
    payment.correct(fact);
    if *payment == before {
        return Ok(None);
    }
    if let Some(why) = why {
        payment.unapplied_reason = Some(why.to_owned());
    }
    payments::correct(conn, payment).await?;
    let said = |payment: &Payment| {
        let live = if payment.live { "live" } else { "test" };
        let (amount, currency, account) =
            (payment.amount.amount().normalize(), payment.currency(), &payment.merchant_account);
        format!("{amount} {currency} on account {account} ({live})")
    };
    Ok(Some(format!("{}: first stated as {}, now as {}", payment.payment_id, said(&before), said(payment))))
}

/// Whether an unapplied payment may serve this order: it names no other order, and no part of it was refunded or is
/// disputed. Crediting such a part would credit money that we do not have.
async fn is_free(conn: &mut Connection, payment: &Payment, order_id: Uuid) -> Result<bool, Error> {
    Ok(payment.order_id.is_none_or(|named| named == order_id) && is_whole(conn, payment).await?)
}

/// Whether no part of a payment was refunded or disputed.
async fn is_whole(conn: &mut Connection, payment: &Payment) -> Result<bool, Error> {
    Ok(payment.refunded.is_zero() && disputes::of_payment(conn, payment.id).await?.is_empty())
}

/// Why a payment is unapplied that carries our marks, but names no order.
pub(in crate::app) const NAMES_NO_ORDER: &str = "the payment names no order of this provider";

/// Records a verified payment that carries our marks but belongs to no order. A later statement corrects it.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn keep_unmatched(
    app: &App,
    provider: ProviderName,
    fact: &PaymentFact,
    reason: &str,
) -> Result<(), Error> {
    transact(&app.pool, async |conn| {
        let now = clock::now(conn).await?;
        let payment = Payment::unapplied(provider, fact, None, reason.to_owned(), now);
        if payments::insert(conn, &payment).await? {
            return Ok(());
        }
        let known = payments::lock(conn, provider, &fact.merchant_account, &fact.payment_id).await?;
        let mut known = known.ok_or(Error::Internal("the payment that an insert found"))?;
        let is_untouched = known.order_id.is_none() && known.applied.is_zero() && is_whole(conn, &known).await?;
        if is_untouched && let Some(detail) = correct(conn, &mut known, fact, None).await? {
            tracing::warn!(payment = %known.id, detail, "A payment was corrected by a later statement");
        }
        Ok(())
    })
    .await
}

/// Locks the order that the money serves, and the one that the payment names, which may end with it. Orders are locked
/// before payments, and two orders by their ids. Returns the first, or else the second.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn lock_orders(
    conn: &mut Connection,
    target: Option<Uuid>,
    payment_id: Uuid,
) -> Result<Option<Order>, Error> {
    let named = payments::find(conn, payment_id).await?.and_then(|payment| payment.order_id);
    let ids: BTreeSet<Uuid> = target.into_iter().chain(named).collect();
    let mut wanted = None;
    for id in ids {
        let order = orders::lock(conn, id).await?;
        if Some(id) == target.or(named) {
            wanted = order;
        }
    }
    Ok(wanted)
}
