//! Finds refunds and disputes whose notification was lost: companies are asked for them.
//!
//! Where a company lists them by time, its list is read every half hour, from a mark that moves only when everything on
//! the list was recorded. The same round reads some hundreds of open disputes one by one. They take turns, so none is
//! never asked about. Where a company has no list, each payment is asked about on days 1, 3, 7, 14 and 30. No call is
//! made while a transaction is open.

use chrono::Duration;
use uuid::Uuid;

use super::settlement::attempt_ref;
use super::{App, Error, disputes, refunds};
use crate::domain::order::{Order, OrderStatus};
use crate::domain::payment::{Payment, ProviderName, next_look};
use crate::providers::{AttemptRef, PaymentProvider, TakeBack};
use crate::storage::transaction::transact;
use crate::storage::{applications, attempts, clock, disputes as known_disputes, orders, payments, worker_marks};

/// The pause between two rounds, so that a lost take-back is found within the hour.
const ROUND: Duration = Duration::minutes(30);
/// After a round that failed.
const AGAIN: Duration = Duration::minutes(5);
/// How far a list reaches back before its mark: clocks differ, and a company may list late.
const OVERLAP: Duration = Duration::hours(2);
/// How far the first list reaches back.
const FIRST: Duration = Duration::days(30);
/// The largest number of payments of one turn.
const SHARE: i64 = 20;
/// The largest number of open disputes of one round.
const DISPUTES: i64 = 500;
/// For how long other processes do not take a claimed payment. It is longer than any call.
const LEASE_SECONDS: i32 = 120;

/// Reads the lists of the companies whose round is due. Several processes share the work. Returns how many rounds there
/// were.
///
/// # Errors
/// Database errors.
pub async fn read_due_lists(app: &App) -> Result<usize, Error> {
    let mut rounds = 0;
    for provider in app.providers.iter().filter(|provider| provider.capabilities().notifies) {
        let name = provider.name();
        let is_due = {
            let mut conn = app.pool.get().await?;
            let now = clock::now(&mut conn).await?;
            worker_marks::claim(&mut conn, &format!("take_backs_next:{name}"), now, now + ROUND).await?
        };
        if !is_due {
            continue;
        }
        rounds += 1;
        if let Err(error) = read_lists(app, provider.as_ref()).await {
            tracing::warn!(provider = %name, error = %error,
                "The refunds and disputes at a company were not all read; they are read again");
            let mut conn = app.pool.get().await?;
            let now = clock::now(&mut conn).await?;
            worker_marks::set(&mut conn, &format!("take_backs_next:{name}"), now + AGAIN).await?;
        }
    }
    Ok(rounds)
}

/// One round of one company: its list since the mark, and its disputes that are open here.
async fn read_lists(app: &App, provider: &dyn PaymentProvider) -> Result<(), Error> {
    let name = provider.name();
    let mark = format!("take_backs:{name}");
    let (since, started, open) = {
        let mut conn = app.pool.get().await?;
        let now = clock::now(&mut conn).await?;
        let reached = worker_marks::find(&mut conn, &mark).await?;
        let since = reached.map_or(now - FIRST, |reached| reached - OVERLAP);
        (since, now, known_disputes::next_to_ask(&mut conn, name, DISPUTES).await?)
    };
    let mut failed = None;
    for found in provider.take_backs_since(since).await? {
        // A take-back that cannot be recorded now does not stop the others, but the mark waits for it.
        failed = record(app, name, &found).await.err().or(failed);
    }
    for (id, dispute) in open {
        failed = ask_about_dispute(app, provider, id, &dispute).await.err().or(failed);
    }
    match failed {
        Some(error) => Err(error),
        None => {
            let mut conn = app.pool.get().await?;
            Ok(worker_marks::set(&mut conn, &mark, started).await?)
        }
    }
}

/// Asks about one open dispute. Whatever the company answers, the other disputes come first from now on.
async fn ask_about_dispute(app: &App, provider: &dyn PaymentProvider, id: Uuid, dispute: &str) -> Result<(), Error> {
    let asked = match provider.read_dispute(dispute).await {
        Ok(Some(fact)) => disputes::observe(app, provider.name(), &fact).await.map(|_| ()),
        Ok(None) => Ok(()),
        Err(error) => Err(error.into()),
    };
    let mut conn = app.pool.get().await?;
    known_disputes::note_asked(&mut conn, id).await?;
    asked
}

async fn record(app: &App, provider: ProviderName, found: &TakeBack) -> Result<(), Error> {
    match found {
        // Nothing is booked for an inquiry of the payer's bank, so its lost notification does not matter.
        TakeBack::Dispute(fact) if fact.inquiry => return Ok(()),
        TakeBack::Refund(fact) => refunds::observe(app, provider, fact, None).await?,
        TakeBack::Dispute(fact) => disputes::observe(app, provider, fact).await?,
    };
    Ok(())
}

/// Asks companies without a list about the payments that are due. Returns how many payments there were.
///
/// # Errors
/// Database errors, when no payment could be claimed.
pub async fn ask_due_payments(app: &App) -> Result<usize, Error> {
    let due =
        transact(&app.pool, async |conn| Ok::<_, Error>(payments::claim_to_ask(conn, SHARE, LEASE_SECONDS).await?))
            .await?;
    for payment in &due {
        let asked = ask_about(app, payment).await;
        if let Err(error) = &asked {
            tracing::info!(payment = %payment.id, error = %error, "A payment's take-backs were not read; asked again");
        }
        let mut conn = app.pool.get().await?;
        let now = clock::now(&mut conn).await?;
        let next = match asked {
            Ok(()) => next_look(payment.provider, payment.received_at, now),
            Err(_) => Some(now + Duration::hours(1)),
        };
        payments::schedule(&mut conn, payment.id, next).await?;
    }
    Ok(due.len())
}

/// Asks a company for the refunds and disputes of one payment, and records what it says.
///
/// # Errors
/// Errors of the provider; then nothing is known.
#[tracing::instrument(name = "take_back_search.ask_about", skip_all, fields(payment = %payment.id))]
pub async fn ask_about(app: &App, payment: &Payment) -> Result<(), Error> {
    let Some(provider) = app.providers.by_name(payment.provider) else { return Ok(()) };
    if !provider.capabilities().notifies {
        return Ok(());
    }
    let attempt = attempt_of(app, payment).await?;
    for found in provider.take_backs_of(&payment.payment_id, attempt.as_ref()).await? {
        record(app, payment.provider, &found).await?;
    }
    Ok(())
}

/// Asks about every payment of a completed order, for an operator who looks into it: those that name the order, and
/// those that serve it, which may name another.
///
/// # Errors
/// Errors of the provider.
pub async fn ask_about_order(app: &App, order: &Order) -> Result<(), Error> {
    if order.status() != OrderStatus::Completed {
        return Ok(());
    }
    let of_order = {
        let mut conn = app.pool.get().await?;
        let mut found = payments::of_order(&mut conn, order.id).await?;
        for served in applications::standing(&mut conn, order).await? {
            if found.iter().all(|payment| payment.id != served.payment_id) {
                found.extend(payments::find(&mut conn, served.payment_id).await?);
            }
        }
        found
    };
    for payment in &of_order {
        ask_about(app, payment).await?;
    }
    Ok(())
}

/// The attempt by which a payment was made, if it is known.
pub(super) async fn attempt_of(app: &App, payment: &Payment) -> Result<Option<AttemptRef>, Error> {
    let Some(order_id) = payment.order_id else { return Ok(None) };
    let mut conn = app.pool.get().await?;
    let Some(order) = orders::find(&mut conn, order_id).await? else { return Ok(None) };
    let attempt = attempts::paid_or_last(&mut conn, order_id).await?;
    Ok(attempt.map(|attempt| attempt_ref(&order, &attempt)).transpose()?.flatten())
}
