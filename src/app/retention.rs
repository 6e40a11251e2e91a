//! Data that is needed only for a while is deleted by age.
//!
//! A late repetition moves no money: a key that made a transfer, an order paid from the wallet, a grant, a refund or an
//! adjustment stays on the row of that movement, so the repetition is answered from there.

use super::{App, Error};
use crate::storage::transaction::transact;
use crate::storage::{StorageError, retention, stream_tickets};

const DAY: i64 = 24 * 60 * 60;

/// How many days things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Idempotency keys whose resource no longer changes. At least two days: clients repeat requests for that long.
    pub idempotency_keys: u16,
    /// Events.
    pub events: u16,
    /// Deliveries of webhooks.
    pub webhook_deliveries: u16,
    /// Notifications of payment companies.
    pub notifications: u16,
    /// Notifications about things that are not ours.
    pub foreign_notifications: u16,
    /// Closed holds.
    pub holds: u16,
}

/// Deletes at most `limit` of each kind. A kind that fails does not stop the others. Returns how many rows were
/// deleted.
///
/// # Errors
/// The first failure, after every kind was tried.
pub async fn prune(app: &App, limit: i64) -> Result<usize, Error> {
    let keep = app.settings.retention;
    let days = |days: u16| i64::from(days) * DAY;
    let (foreign, all) = (days(keep.foreign_notifications), days(keep.notifications));
    let pool = &app.pool;
    let turns = [
        ("idempotency keys", {
            let age = days(keep.idempotency_keys);
            transact(pool, async |conn| rows(retention::prune_idempotency_keys(conn, age, limit).await)).await
        }),
        ("events", {
            let age = days(keep.events);
            transact(pool, async |conn| rows(retention::prune_events(conn, age, limit).await)).await
        }),
        ("deliveries of webhooks", {
            let age = days(keep.webhook_deliveries);
            transact(pool, async |conn| rows(retention::prune_webhook_deliveries(conn, age, limit).await)).await
        }),
        ("webhook endpoints", {
            transact(pool, async |conn| rows(retention::prune_webhook_endpoints(conn, limit).await)).await
        }),
        ("notifications", {
            transact(pool, async |conn| rows(retention::prune_provider_events(conn, foreign, all, limit).await)).await
        }),
        ("stream tickets", transact(pool, async |conn| Ok::<_, Error>(stream_tickets::prune(conn).await?)).await),
        ("holds", {
            let age = days(keep.holds);
            transact(pool, async |conn| Ok::<_, Error>(retention::prune_holds(conn, age, limit).await?)).await
        }),
    ];
    let (mut deleted, mut failure) = (0_usize, None);
    for (what, turn) in turns {
        match turn {
            Ok(rows) => deleted = deleted.saturating_add(rows),
            Err(error) => {
                tracing::warn!(%error, what, "Pruning failed; the next turn tries again");
                failure = failure.or(Some(error));
            }
        }
    }
    failure.map_or(Ok(deleted), Err)
}

fn rows(counted: Result<i64, StorageError>) -> Result<usize, Error> {
    Ok(usize::try_from(counted?).unwrap_or(usize::MAX))
}
