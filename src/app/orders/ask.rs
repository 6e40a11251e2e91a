//! A worker asks providers about orders, so a lost notification costs minutes, not a support ticket.

use chrono::{DateTime, Duration, Utc};

use crate::app::settlement::{self, EvidenceSource};
use crate::app::{App, Error};
use crate::domain::actor::SYSTEM;
use crate::domain::order::{Order, OrderStatus};
use crate::storage::clock;
use crate::storage::orders;
use crate::storage::transaction::transact;

/// For how long other processes do not take a claimed order.
const LEASE_SECONDS: i32 = 120;

/// Claims the orders whose next question is due, at most `limit`. No other process gets them meanwhile.
///
/// # Errors
/// Database errors.
pub async fn claim_due(app: &App, limit: i64) -> Result<Vec<Order>, Error> {
    transact(&app.pool, async |conn| Ok(orders::claim_to_ask(conn, limit, LEASE_SECONDS).await?)).await
}

/// Asks the provider about a claimed order, settles the answer and sets the next question. If the provider cannot be
/// asked, the order stays as it is.
///
/// # Errors
/// Database errors.
#[tracing::instrument(name = "orders.ask", skip_all, fields(order = %order.id))]
pub async fn ask(app: &App, order: &Order) -> Result<(), Error> {
    let status = match settlement::settle(app, order.id, EvidenceSource::Answer, SYSTEM).await {
        Ok(settlement) => settlement.order.status(),
        Err(error) => {
            tracing::info!(order = %order.id, error = %error, "The provider could not be asked about an order");
            order.status()
        }
    };
    let mut conn = app.pool.get().await?;
    let next = next_question(order, status, clock::now(&mut conn).await?);
    Ok(orders::schedule(&mut conn, order.id, next).await?)
}

/// The first question follows after one minute. The pause doubles up to an hour. An order that is closed without money
/// is asked about until a week after its end.
fn next_question(order: &Order, status: OrderStatus, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let last = order.expires_at + Duration::days(7);
    match status {
        OrderStatus::Completed => None,
        OrderStatus::Cancelled | OrderStatus::Expired | OrderStatus::Failed if now > last => None,
        _ => {
            let doublings = u32::try_from(order.asked.clamp(0, 6)).unwrap_or(6);
            let minutes = 2_i64.saturating_pow(doublings).min(60);
            Some(now + Duration::minutes(minutes))
        }
    }
}
