//! The steps of a closing: what each state does, and what must hold before the next one.

use chrono::{DateTime, Duration, Utc};

use super::record;
use crate::app::orders::cancel::cancel_for_closing;
use crate::app::transfers::{self, NewTransfer};
use crate::app::{App, Caller, Error, refund_requests, refunds, write_offs};
use crate::domain::actor::{Actor, SYSTEM};
use crate::domain::client_data::ClientData;
use crate::domain::closing::{Closing, ClosingState};
use crate::domain::customer::CustomerId;
use crate::domain::movement::expiry::sweep;
use crate::domain::payout::rest_of;
use crate::domain::permission::Permission;
use crate::domain::posting::Posting;
use crate::domain::product::Product;
use crate::domain::refund::RefundState;
use crate::domain::wallet::Wallet;
use crate::storage::transaction::transact;
use crate::storage::{Connection, closings as store, grants, ledger, refunds as refund_rows};

/// How long one process has for the steps of a closing.
const LEASE_SECONDS: i32 = 90;
/// How long a waiting closing rests.
const PAUSE: Duration = Duration::minutes(1);
/// The pause before the next step of a closing that waits for people, who have days for it.
const LONG_PAUSE: Duration = Duration::minutes(10);
/// The most steps of one turn: a closing has three, and may be reopened meanwhile.
const MOST: usize = 8;

/// Takes the steps of the closings that are due, at most `limit` of them. Several processes share them, and one that
/// fails does not stop the others. Returns how many there were.
///
/// # Errors
/// Database errors, when none can be claimed.
pub async fn advance_due(app: &App, limit: i64) -> Result<usize, Error> {
    let due =
        transact(&app.pool, async |conn| Ok::<_, Error>(store::claim_due(conn, limit, LEASE_SECONDS).await?)).await?;
    for closing in &due {
        if let Err(error) = advance(app, &closing.customer, SYSTEM).await {
            tracing::warn!(closing = %closing.id, %error, "A step of a closing failed; the next turn tries again");
        }
    }
    Ok(due.len())
}

/// Takes the next steps of an account's closing, as far as they can be taken now.
///
/// # Errors
/// A refusal of the ledger; database errors. What was committed before stays.
#[tracing::instrument(name = "closings.advance", skip_all, fields(customer = %customer))]
pub async fn advance(app: &App, customer: &CustomerId, actor: &str) -> Result<(), Error> {
    for _ in 0..MOST {
        let closing = store::of_customer(&mut *app.pool.get().await?, customer).await?;
        let Some(closing) = closing else { return Ok(()) };
        let has_moved = match closing.state {
            ClosingState::Waiting | ClosingState::Reopened => leave_waiting(app, &closing, actor).await?,
            ClosingState::Refunding => refund(app, &closing, actor).await?,
            ClosingState::Payout => finish(app, &closing, actor, None).await?,
            ClosingState::Closed | ClosingState::Withdrawn => false,
        };
        if !has_moved {
            break;
        }
    }
    Ok(())
}

/// The wallets of an account under their locks, and its closing, if it is still the one that was read.
async fn lock(conn: &mut Connection, known: &Closing) -> Result<Option<(Vec<Wallet>, Closing, DateTime<Utc>)>, Error> {
    let (wallets, now) = ledger::lock_all_wallets(conn, &known.customer).await?;
    let closing = store::lock(conn, &known.customer).await?;
    let closing = closing.filter(|closing| closing.id == known.id && closing.state == known.state);
    Ok(closing.map(|closing| (wallets, closing, now)))
}

/// Cancels the orders whose payment has not begun, and ends refund requests. When nothing is open any more, promotional
/// credit is forfeited, the money is moved to the main wallets, and the account takes no more money. All of that is one
/// transaction. So money that arrives either comes before it, and goes back with the rest, or is kept unapplied.
async fn leave_waiting(app: &App, known: &Closing, actor: &str) -> Result<bool, Error> {
    let open = store::open_orders(&mut *app.pool.get().await?, &known.customer).await?;
    for order in open {
        cancel_for_closing(app, order, actor).await?;
    }
    refund_requests::end_for_closing(app, &known.customer, actor).await?;
    transact(&app.pool, async |conn| {
        let Some((wallets, mut closing, now)) = lock(conn, known).await? else { return Ok(false) };
        let waits = store::waits(conn, &known.customer).await?;
        if !waits.is_nothing() || wallets.iter().any(|wallet| wallet.held().is_positive()) {
            closing.due_at = Some(now + PAUSE);
            store::update(conn, &closing).await?;
            return Ok(false);
        }
        closing.become_state(ClosingState::Refunding, now);
        store::update(conn, &closing).await?;
        // The marks are written before anything is booked, because a booking increases the version of a wallet.
        for mut wallet in wallets {
            wallet.mark_closing(true, true, now);
            ledger::save_marks(conn, &wallet).await?;
        }
        tidy(conn, &known.customer).await?;
        record(conn, actor, "refunding", &closing).await?;
        Ok::<_, Error>(true)
    })
    .await
}

/// Forfeits promotional credit, and moves the money of an account that is being closed to its main wallets, in the
/// caller's transaction. Credit and money can come back later, too, by usage that is reversed or a refund that fails.
///
/// # Errors
/// A refusal of the ledger; database errors.
pub(in crate::app) async fn tidy(conn: &mut Connection, customer: &CustomerId) -> Result<(), Error> {
    let (wallets, now) = ledger::lock_all_wallets(conn, customer).await?;
    forfeit(conn, &wallets, now).await?;
    gather(conn, customer).await
}

/// Forfeits promotional credit: it expires now, with ordinary expiry entries.
async fn forfeit(conn: &mut Connection, wallets: &[Wallet], now: DateTime<Utc>) -> Result<(), Error> {
    let with_credit = || wallets.iter().filter(|wallet| wallet.granted().is_positive());
    for wallet in with_credit() {
        for grant in wallet.grants().iter().filter(|grant| grant.remaining.is_positive() && !grant.is_lapsed(now)) {
            grants::set_expiry(conn, &wallet.key.customer, grant.id, Some(now)).await?;
        }
    }
    let sweeps: Vec<Posting> = with_credit().map(|wallet| sweep(wallet.key.clone())).collect();
    if !sweeps.is_empty() {
        ledger::post(conn, &sweeps).await?;
    }
    Ok(())
}

/// Moves the money of products to the main wallet of its currency. Then it pays what products owe, and what was written
/// off before.
async fn gather(conn: &mut Connection, customer: &CustomerId) -> Result<(), Error> {
    let main = Product::main();
    let (wallets, _) = ledger::lock_all_wallets(conn, customer).await?;
    for wallet in wallets.iter().filter(|wallet| !wallet.key.product.is_main() && wallet.movable().is_positive()) {
        let (from, to) = (wallet.key.product.clone(), main.clone());
        let moved =
            NewTransfer { customer: customer.clone(), amount: wallet.movable(), from, to, client: ClientData::none() };
        transfers::book_gathered(conn, &moved).await?;
    }
    for owing in wallets.iter().filter(|wallet| !wallet.key.product.is_main() && wallet.debt().is_positive()) {
        let (wallets, _) = ledger::lock_all_wallets(conn, customer).await?;
        let is_main = |wallet: &&Wallet| wallet.key.currency == owing.key.currency && wallet.key.product.is_main();
        let Some(there) = wallets.iter().find(is_main).map(Wallet::movable) else { continue };
        let amount = there.min(owing.debt());
        if amount.is_positive() {
            let (from, to) = (main.clone(), owing.key.product.clone());
            let moved = NewTransfer { customer: customer.clone(), amount, from, to, client: ClientData::none() };
            transfers::book_gathered(conn, &moved).await?;
        }
    }
    write_offs::recover_from(conn, customer).await
}

/// Refunds payments, newest first, each in a transaction of its own, and asks the companies afterwards. A refund that
/// waits for a second operator stops the others, because its money is not taken yet. A disputed payment for which the
/// wallets have given nothing stops them, too: it cannot be refunded, and its money must not leave through another
/// payment meanwhile.
async fn refund(app: &App, known: &Closing, actor: &str) -> Result<bool, Error> {
    let starter = starter(known)?;
    refund_requests::end_for_closing(app, &known.customer, actor).await?;
    let orders = {
        let mut conn = app.pool.get().await?;
        let waits = store::waits(&mut conn, &known.customer).await?;
        let is_stopped = waits.freezes > 0
            || waits.open_disputes > 0
            || refund_rows::has_proposal(&mut conn, &known.customer).await?;
        if is_stopped { None } else { Some(store::orders_to_refund(&mut conn, known).await?) }
    };
    let Some(orders) = orders else { return rest(app, known, PAUSE).await };
    // A refund that failed has given its money back to the wallet of its order.
    transact(&app.pool, async |conn| match lock(conn, known).await? {
        Some(_) => tidy(conn, &known.customer).await,
        None => Ok(()),
    })
    .await?;
    for of in orders {
        // An account may have thousands of orders whose money is spent.
        if !has_money(app, &known.customer).await? {
            break;
        }
        let made =
            transact(&app.pool, async |conn| refunds::closing::make(conn, app, &starter, known, of).await).await?;
        match made {
            Some(refund) if refund.state == RefundState::AwaitingSecondApproval => {
                return rest(app, known, PAUSE).await;
            }
            Some(refund) => refunds::send(app, refund.id).await,
            None => {}
        }
    }
    finish(app, known, actor, Some(ClosingState::Payout)).await
}

/// Ends the closing if nothing is left and nothing is on its way. Goes on to `next` if something is left that no
/// dispute can take.
async fn finish(app: &App, known: &Closing, actor: &str, next: Option<ClosingState>) -> Result<bool, Error> {
    transact(&app.pool, async |conn| {
        let Some((_, mut closing, now)) = lock(conn, known).await? else { return Ok(false) };
        tidy(conn, &known.customer).await?;
        let waits = store::waits(conn, &known.customer).await?;
        let (wallets, _) = ledger::lock_all_wallets(conn, &known.customer).await?;
        let is_left = wallets.iter().any(|wallet| rest_of(wallet).is_some() || wallet.granted().is_positive());
        let is_under_way = waits.open_refund_requests > 0 || waits.open_refunds > 0 || waits.open_payouts > 0;
        let state = match (is_under_way, is_left, next) {
            (false, false, _) => Some(ClosingState::Closed),
            (false, true, Some(next)) if waits.open_disputes == 0 => Some(next),
            _ => None,
        };
        match state {
            Some(state) => closing.become_state(state, now),
            None => closing.due_at = Some(now + if next.is_some() { PAUSE } else { LONG_PAUSE }),
        }
        store::update(conn, &closing).await?;
        if let Some(state) = state {
            record(conn, actor, state.as_str(), &closing).await?;
        }
        Ok::<_, Error>(state.is_some())
    })
    .await
}

/// Whether a wallet has money that can go back.
async fn has_money(app: &App, customer: &CustomerId) -> Result<bool, Error> {
    let wallets = ledger::read_wallets(&mut *app.pool.get().await?, customer).await?;
    Ok(wallets.iter().any(|wallet| rest_of(wallet).is_some()))
}

/// Lets a closing rest.
async fn rest(app: &App, known: &Closing, pause: Duration) -> Result<bool, Error> {
    transact(&app.pool, async |conn| {
        if let Some((_, mut closing, now)) = lock(conn, known).await? {
            closing.due_at = Some(now + pause);
            store::update(conn, &closing).await?;
        }
        Ok::<_, Error>(false)
    })
    .await
}

/// The operator who started a closing: its refunds count as moved by this operator. If this operator could not have
/// made a refund, it waits for another one.
fn starter(closing: &Closing) -> Result<Caller, Error> {
    let subject = Actor::operator(&closing.started_by).ok_or(Error::Internal("an operator who closes"))?;
    let permission = if closing.starter_has_finance { Permission::Finance } else { Permission::Admin };
    Ok(Caller::operator(subject, permission.into()))
}
