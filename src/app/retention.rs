//! What is needed only for a while is deleted by age.
//!
//! A late repetition moves no money: a key that made a transfer, an order paid from the wallet, a grant or a refund
//! stays on the row of that movement, so the repetition is answered from there.

use super::{App, Error};
use crate::storage::transaction::transact;
use crate::storage::{retention, stream_tickets};

const DAY: i64 = 24 * 60 * 60;

/// How many days things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Idempotency keys whose resource is at rest. At least two days: clients repeat requests for that long.
    pub idempotency_keys: u16,
    /// Events.
    pub events: u16,
    /// Deliveries of webhooks.
    pub webhook_deliveries: u16,
    /// Notifications of payment companies.
    pub notifications: u16,
    /// Notifications that concerned nothing of ours.
    pub foreign_notifications: u16,
    /// Closed holds.
    pub holds: u16,
}

/// Deletes at most `limit` of each kind. Returns how many rows were deleted.
///
/// # Errors
/// Database errors.
pub async fn prune(app: &App, limit: i64) -> Result<usize, Error> {
    let keep = app.settings.retention;
    let days = |days: u16| i64::from(days) * DAY;
    let keys = transact(&app.pool, async |conn| {
        Ok::<_, Error>(retention::prune_idempotency_keys(conn, days(keep.idempotency_keys), limit).await?)
    });
    let keys = keys.await?;
    let mut conn = app.pool.get().await?;
    let events = retention::prune_events(&mut conn, days(keep.events), limit).await?;
    let deliveries = retention::prune_webhook_deliveries(&mut conn, days(keep.webhook_deliveries), limit).await?;
    let (foreign, all) = (days(keep.foreign_notifications), days(keep.notifications));
    let notifications = retention::prune_provider_events(&mut conn, foreign, all, limit).await?;
    let tickets = stream_tickets::prune(&mut conn).await?;
    drop(conn);
    let holds =
        transact(&app.pool, async |conn| Ok::<_, Error>(retention::prune_holds(conn, days(keep.holds), limit).await?));
    let rows = usize::try_from(keys + events + deliveries + notifications).unwrap_or(usize::MAX);
    Ok(rows.saturating_add(tickets).saturating_add(holds.await?))
}
