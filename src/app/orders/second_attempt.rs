//! A second attempt for an order whose first attempt can never be paid.

use super::pay;
use crate::app::{App, Error};
use crate::domain::actor::SYSTEM;
use crate::domain::attempt::AttemptStatus;
use crate::domain::order::Order;
use crate::providers::ProviderError;
use crate::storage::transaction::transact;
use crate::storage::{attempts, clock, orders};

/// Starts the payment of an order ([`pay::start`]), unless its attempt has been answered before. If the company returns
/// a stored error for the attempt, and would return it for every repetition, the next attempt is sent at once, with a
/// new key.
///
/// The first attempt cannot be paid: its answer, and so its payment page, never reached us or anybody else. If money
/// arrives for it nevertheless, our marks name the order.
///
/// # Errors
/// As [`pay::start`].
pub async fn start(app: &App, order: &Order, actor: &str) -> Result<(), Error> {
    let Some(tried) = pay::unanswered(app, order).await? else { return Ok(()) };
    let error = match pay::start(app, order, &tried, actor).await {
        Err(Error::Provider(error @ ProviderError::StoredError { .. })) => error,
        started => return started,
    };
    if !replace(app, order, tried.n).await? {
        return Err(error.into());
    }
    match pay::unanswered(app, order).await? {
        Some(next) => pay::start(app, order, &next, actor).await,
        None => Ok(()),
    }
}

/// Ends the attempt that was tried and adds the next one, unless another request has done that. Returns false if there
/// is no attempt to continue with: the order was closed, or the attempt was answered meanwhile.
async fn replace(app: &App, order: &Order, tried: i32) -> Result<bool, Error> {
    transact(&app.pool, async |conn| {
        let order = orders::lock(conn, order.id).await?.ok_or(Error::Internal("the order that is being paid"))?;
        let dead = attempts::last(conn, order.id).await?.filter(|attempt| {
            order.status().is_open() && attempt.status == AttemptStatus::Open && attempt.provider_reference.is_none()
        });
        let Some(dead) = dead else { return Ok(false) };
        if dead.n != tried {
            return Ok(true);
        }
        attempts::close(conn, order.id, AttemptStatus::Dead).await?;
        let next = dead.next(clock::now(conn).await?);
        attempts::insert(conn, &next).await?;
        let detail = format!("{} keeps an error for attempt {}; attempt {} follows", order.provider, dead.n, next.n);
        orders::add_to_timeline(conn, &order, "attempt_replaced", SYSTEM, Some(&detail)).await?;
        Ok(true)
    })
    .await
}
