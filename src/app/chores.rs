//! What workers do, a bounded share at a time. Each answers how much it did.

use chrono::{DateTime, Duration, Utc};

use super::orders::cancel::end_at_provider;
use super::settlement::{self, Source};
use super::{App, Error};
use crate::domain::movement::expiry::sweep;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::posting::{Posting, WalletKey};
use crate::storage::transaction::transact;
use crate::storage::{grants, ledger, orders};

/// How many items one turn takes.
const SHARE: i64 = 50;
/// How long a claimed order is left alone by other processes.
const LEASE_SECONDS: i32 = 120;

/// Expires pending orders whose time is over, and ends them at their provider. One whose payment was declined is
/// `processing`, so it has failed then.
///
/// # Errors
/// Of the database.
pub async fn expire_orders(app: &App) -> Result<usize, Error> {
    let due = {
        let mut conn = app.pool.get().await?;
        orders::overdue(&mut conn, SHARE).await?
    };
    let mut done = 0;
    for id in due {
        let expired = transact(&app.pool, async |conn| {
            let Some(mut order) = orders::lock(conn, id).await? else { return Ok(None) };
            // Somebody may have been faster: paid, cancelled, expired by another process.
            if !order.awaits_payer() || order.expires_at > orders::clock(conn).await? {
                return Ok(None);
            }
            let (end, reason) = if order.was_declined() {
                (OrderStatus::Failed, "declined, and not paid in another way in time")
            } else {
                (OrderStatus::Expired, "not paid in time")
            };
            settlement::move_to(conn, &mut order, end, Some(reason.to_owned()), "system").await?;
            Ok::<_, Error>(Some(order))
        })
        .await;
        match expired {
            Ok(Some(order)) => {
                end_at_provider(app, &order, "system").await;
                done += 1;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(order = %id, error = %error, "an order could not be expired"),
        }
    }
    Ok(done)
}

/// Asks providers about orders that have been pending too long, and for a week about expired, cancelled and
/// failed ones: a lost notification costs minutes, not a ticket.
///
/// # Errors
/// Of the database. One order's broken answer never stops the others.
pub async fn ask_providers(app: &App) -> Result<usize, Error> {
    let claimed =
        transact(&app.pool, async |conn| Ok::<_, Error>(orders::claim_to_ask(conn, SHARE, LEASE_SECONDS).await?))
            .await?;
    let count = claimed.len();
    futures_util::future::join_all(claimed.into_iter().map(|order| ask(app, order))).await;
    Ok(count)
}

async fn ask(app: &App, order: Order) {
    let status = match settlement::settle(app, order.id, Source::Answer, "system").await {
        Ok(settled) => settled.order.status,
        Err(error) => {
            tracing::info!(order = %order.id, error = %error, "the provider could not be asked");
            order.status
        }
    };
    let next = next_question(&order, status, Utc::now());
    let noted = async {
        let mut conn = app.pool.get().await?;
        Ok::<_, Error>(orders::schedule(&mut conn, order.id, next).await?)
    };
    if let Err(error) = noted.await {
        tracing::warn!(order = %order.id, error = %error, "the next question could not be scheduled");
    }
}

/// One minute, doubling up to an hour; an order that is closed without money is given up after a week.
fn next_question(order: &Order, status: OrderStatus, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let given_up = order.expires_at + Duration::days(7);
    match status {
        OrderStatus::Completed => None,
        OrderStatus::Cancelled | OrderStatus::Expired | OrderStatus::Failed if now > given_up => None,
        _ => {
            let doublings = u32::try_from(order.asked.clamp(0, 6)).unwrap_or(6);
            let minutes = 2_i64.saturating_pow(doublings).min(60);
            Some(now + Duration::minutes(minutes))
        }
    }
}

/// Writes down what has lapsed: expired holds free what they reserved, expired grants are taken out. Balances
/// showed that before; running it twice makes nothing twice.
///
/// # Errors
/// Of the database.
pub async fn sweep_wallets(app: &App) -> Result<usize, Error> {
    let mut wallets: Vec<WalletKey> = {
        let mut conn = app.pool.get().await?;
        let mut found = ledger::wallets_with_lapsed_holds(&mut conn, SHARE).await?;
        found.extend(grants::wallets_with_lapsed_grants(&mut conn, SHARE).await?);
        found
    };
    wallets.sort();
    wallets.dedup();
    let count = wallets.len();
    let sweeps: Vec<Posting> = wallets.into_iter().map(sweep).collect();
    if !sweeps.is_empty() {
        transact(&app.pool, async |conn| Ok::<_, Error>(ledger::post(conn, &sweeps).await?)).await?;
    }
    Ok(count)
}
