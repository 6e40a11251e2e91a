//! Expiring orders whose time is over.

use uuid::Uuid;

use super::cancel::end_at_provider;
use crate::app::{App, Error, settlement};
use crate::domain::actor::SYSTEM;
use crate::domain::order::{FailedBy, OrderState};
use crate::storage::clock;
use crate::storage::orders;
use crate::storage::transaction::transact;

/// The orders that wait for their payer although their time is over, at most `limit`.
///
/// # Errors
/// Database errors.
pub async fn overdue(app: &App, limit: i64) -> Result<Vec<Uuid>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(orders::overdue(&mut conn, limit).await?)
}

/// Expires one order and ends it at its provider. A declined order is `processing`, so it becomes `failed`. Returns
/// false when the order was paid, cancelled or expired in the meantime.
///
/// # Errors
/// Database errors.
#[tracing::instrument(name = "orders.expire", skip_all, fields(order = %id))]
pub async fn expire(app: &App, id: Uuid) -> Result<bool, Error> {
    let expired = transact(&app.pool, async |conn| {
        let Some(mut order) = orders::lock(conn, id).await? else { return Ok(None) };
        if !order.awaits_payer() || order.expires_at > clock::now(conn).await? {
            return Ok(None);
        }
        let (end, reason) = if order.was_declined() {
            (OrderState::Failed(FailedBy::Clock), "declined, and not paid in another way in time")
        } else {
            (OrderState::Expired, "not paid in time")
        };
        settlement::move_to(conn, &mut order, end, Some(reason.to_owned()), SYSTEM).await?;
        Ok::<_, Error>(Some(order))
    })
    .await?;
    let Some(order) = expired else { return Ok(false) };
    end_at_provider(app, &order, SYSTEM).await;
    Ok(true)
}
