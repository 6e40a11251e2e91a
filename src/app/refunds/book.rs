//! The bookkeeping of refunds and disputes: the payment, the wallets, the order and its timeline.
//!
//! Locks are taken in this order: order, payment, refund or dispute, wallets. The caller holds all but the last.

use uuid::Uuid;

use super::source::{TakeBackMode, TakeBackSource, post_all};
use super::wallet_credit;
use crate::app::{App, Error};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::movement::expiry::sweep;
use crate::domain::movement::give_back::give_back;
use crate::domain::movement::take_back::{Asked, take_back};
use crate::domain::order::Order;
use crate::domain::payment::{Payment, RefundStatus};
use crate::domain::product::Product;
use crate::domain::refund::{Demand, Refund, RefundState};
use crate::domain::take_back::{Reach, TakeBackId, TakenFrom};
use crate::storage::transaction::transact;
use crate::storage::{Connection, catalogue, clock, ledger, orders, payments, refunds};

/// Moves the customer's wallets by what is due for the refunds and disputes of an order, in one direction. Returns what
/// the source asks for beyond what it asked before; a negative amount went back to the wallets. What other sources of
/// the order give back is written here, because the money of a refund that failed under a dispute comes back when the
/// dispute is won.
///
/// # Errors
/// 402 or 409 of the wallets, for [`Reach::Request`].
pub(in crate::app) async fn align_wallet(
    conn: &mut Connection,
    order: &Order,
    source: TakeBackSource,
    mode: TakeBackMode,
) -> Result<Demand, Error> {
    let bonus = ledger::bonus_of_order(conn, order).await?;
    let grant_id = bonus.map(|bonus| bonus.grant_id);
    let due = refunds::returned_so_far(conn, order).await?.with_bonus(bonus).due(order);
    let mut moved = Demand::nothing(order.currency());
    let mut postings = Vec::new();
    match mode {
        TakeBackMode::Take(reach) => {
            let bonus = grant_id.map(|id| (id, due.bonus.or_zero()));
            moved.money = due.money.or_zero();
            moved.bonus = bonus.map_or(moved.bonus, |(_, bonus)| bonus);
            if !moved.is_nothing() {
                let asked = Asked { money: moved.money, bonus, reach };
                postings.push(take_back(order, source.origin(TakenFrom::Order(order.id))?, asked));
            }
        }
        TakeBackMode::GiveBack => {
            let mut rest = Demand { money: (-due.money).or_zero(), bonus: (-due.bonus).or_zero() };
            let mut sources = refunds::sources_of_order(conn, order).await?;
            // The source that caused it comes first, then the latest.
            sources.sort_by_key(|known| known.id != source.id);
            for known in sources {
                let back =
                    Demand { money: rest.money.min(known.given.money), bonus: rest.bonus.min(known.given.bonus) };
                if back.is_nothing() {
                    continue;
                }
                rest = Demand { money: rest.money - back.money, bonus: rest.bonus - back.bonus };
                let of_source = TakeBackSource { id: known.id, provider: known.provider };
                let bonus = grant_id.map(|id| (id, back.bonus));
                let origin = of_source.origin(TakenFrom::Order(order.id))?;
                postings.push(give_back(order, &origin, back.money, bonus));
                if known.id == source.id {
                    moved = Demand { money: -back.money, bonus: -back.bonus };
                } else {
                    refunds::lower_given(conn, known.id, back).await?;
                }
            }
        }
    }
    post_all(conn, &postings).await?;
    Ok(moved)
}

/// If the time of an order's bonus is over, books its expiry: what expired unspent is not owed. The customer's wallets
/// of that currency stay locked, so that nothing is spent before it is taken back. Call it before any posting of the
/// transaction, because all gates are taken before a wallet is locked.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn sweep_bonus(conn: &mut Connection, order: &Order) -> Result<(), Error> {
    if order.bonus.is_positive() {
        ledger::lock_wallets_of(conn, &order.customer, order.currency()).await?;
        ledger::post(conn, &[sweep(order.wallet())]).await?;
    }
    Ok(())
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
    let returned = refunds::returned_so_far(conn, order).await?;
    order.refunded_amount = returned.refunded.min(order.received());
    order.updated_at = clock::now(conn).await?;
    order.version += 1;
    orders::update(conn, order).await?;
    Ok(orders::add_to_timeline(conn, order, event, actor, Some(detail)).await?)
}

/// Books a refund that has just become pending, or that succeeded before we knew of it: the payment counts it as
/// refunded and the wallet gives its share.
///
/// # Errors
/// 402 or 409 of the wallet, unless an operator overrides the balance or the money has left already.
pub(super) async fn start(
    conn: &mut Connection,
    order: Option<&Order>,
    payment: &Payment,
    refund: &mut Refund,
) -> Result<(), Error> {
    let reach = match (refund.ours, refund.override_balance) {
        // A refund from the provider's dashboard has left already, whatever the wallets hold.
        (false, _) => Reach::AllWallets,
        (true, _) if refund.closing_id.is_some() => Reach::Closing,
        (true, true) => Reach::OrderWallet,
        (true, false) => Reach::Request { also: also_gives(conn, refund).await? },
    };
    payments::add_refunded(conn, refund.payment_id, refund.amount).await?;
    move_wallets(conn, order, payment, refund, TakeBackMode::Take(reach)).await
}

/// Writes a refund that the unapplied rest of a locked payment gives. No wallet owes anything for it.
///
/// # Errors
/// 409 `bank_transaction_used` when another refund has the same bank id.
pub(in crate::app) async fn record_of_rest(conn: &mut Connection, refund: &Refund) -> Result<(), Error> {
    refunds::insert(conn, refund).await.map_err(|error| {
        if error.violates("refunds_at_provider_once") {
            Error::conflict(Code::BankTransactionUsed, "this bank transaction belongs to another refund")
        } else {
            error.into()
        }
    })?;
    Ok(payments::add_refunded(conn, refund.payment_id, refund.amount).await?)
}

/// The wallets that give what the order's wallet lacks: the main wallet, and products whose money may go back.
async fn also_gives(conn: &mut Connection, refund: &Refund) -> Result<Vec<Product>, Error> {
    if !refund.from_products {
        return Ok(Vec::new());
    }
    let products = catalogue::products::list(conn).await?;
    let mut returnable: Vec<Product> =
        products.into_iter().filter(|info| info.returnable).map(|info| info.product).collect();
    returnable.sort();
    Ok(std::iter::once(Product::main()).chain(returnable).collect())
}

async fn move_wallets(
    conn: &mut Connection,
    order: Option<&Order>,
    payment: &Payment,
    refund: &mut Refund,
    mode: TakeBackMode,
) -> Result<(), Error> {
    let source = TakeBackSource::refund(refund);
    if let Some(order) = order {
        sweep_bonus(conn, order).await?;
    }
    refund.wallet_taken += wallet_credit::align(conn, payment, source, &mode).await?;
    if let Some(order) = order {
        let moved = align_wallet(conn, order, source, mode).await?;
        refund.debited += moved.money;
        refund.bonus_taken += moved.bonus;
    }
    Ok(refunds::update(conn, refund).await?)
}

/// What is reported about a refund that we know.
#[derive(Debug)]
pub(super) struct RefundUpdate {
    pub status: RefundStatus,
    /// `None` if the provider made no refund for our request.
    pub provider_refund_id: Option<String>,
    /// Why it failed, or what it waits for.
    pub reason: Option<String>,
}

/// Records an update of a refund. A success is recorded. A failure gives the wallet its money back, once. An
/// out-of-date update changes nothing. Returns whether something changed.
///
/// # Errors
/// Database errors.
pub(super) async fn record_update(app: &App, id: Uuid, update: &RefundUpdate, actor: &str) -> Result<bool, Error> {
    transact(&app.pool, async |conn| {
        let (mut order, payment, mut refund) = lock_with_order(conn, id).await?;
        // A refusal says that our request made no refund. If the provider has reported one meanwhile, it made one.
        if update.provider_refund_id.is_none() && refund.provider_refund_id.is_some() {
            return Ok(false);
        }
        record_update_locked(conn, order.as_mut(), &payment, &mut refund, update, actor).await
    })
    .await
}

/// Locks a refund that is known to exist, after its order and its payment.
pub(super) async fn lock_with_order(
    conn: &mut Connection,
    id: Uuid,
) -> Result<(Option<Order>, Payment, Refund), Error> {
    let expected = Error::Internal("a refund that was found before");
    let Some(known) = refunds::find(conn, id).await? else { return Err(expected) };
    let order = match known.order_id {
        Some(order) => orders::lock(conn, order).await?,
        None => None,
    };
    let payment =
        payments::lock_by_id(conn, known.payment_id).await?.ok_or(Error::Internal("the payment of a refund"))?;
    let refund = refunds::lock(conn, id).await?.ok_or(expected)?;
    Ok((order, payment, refund))
}

/// Like [`record_update`], for a caller that holds the locks.
///
/// # Errors
/// Database errors.
pub(super) async fn record_update_locked(
    conn: &mut Connection,
    order: Option<&mut Order>,
    payment: &Payment,
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
        wallet_credit::divide(conn, payment, TakeBackId::Refund(refund.id), None).await?;
        payments::add_refunded(conn, refund.payment_id, -refund.amount).await?;
        move_wallets(conn, order.as_deref(), payment, refund, TakeBackMode::GiveBack).await?;
    }
    let Some(order) = order else { return Ok(true) };
    let event = if next == RefundState::Failed { "refund_failed" } else { "refund_succeeded" };
    let why = refund.failure.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let detail = format!("{}{why}", describe_refund(refund));
    record_on_order(conn, order, event, actor, &detail).await?;
    Ok(true)
}

/// A refund on a timeline: `rfd_… of 10.00 USD`.
pub(super) fn describe_refund(refund: &Refund) -> String {
    format!("{} over {}", IdKind::Refund.show(refund.id), refund.amount)
}
