//! Cancelling an order: first in our books, then at the provider.

use uuid::Uuid;

use super::audited;
use super::read::{OrderView, owned, view};
use crate::app::settlement::{self, EvidenceSource};
use crate::app::{App, Caller, Error};
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::order::{FailedBy, Order, OrderState, OrderStatus};
use crate::domain::payment::Observation;
use crate::storage::transaction::transact;
use crate::storage::{attempts, orders};

/// Cancels a pending order: first here, under its lock, then at the provider. If the provider says that the payer has
/// paid, the order completes instead. If the provider cannot be reached, a worker asks it later. Cancelling a cancelled
/// order again changes nothing.
///
/// An order whose payment was declined is `processing`, which never becomes `cancelled`: it becomes `failed`.
///
/// # Errors
/// 404; 409 `order_not_cancellable` in any other state, and when the money turns out to have arrived.
pub async fn cancel(
    app: &App,
    caller: &Caller,
    customer: Option<&CustomerId>,
    id: Option<Uuid>,
) -> Result<OrderView, Error> {
    let actor = caller.actor();
    let found = {
        let mut conn = app.pool.get().await?;
        owned(&mut conn, caller, customer, id).await?
    };
    let order = transact(&app.pool, async |conn| {
        let mut order = orders::lock(conn, found.id).await?.ok_or(Error::Internal("the order that was just read"))?;
        let before = order.status();
        match order.state {
            OrderState::Pending => {
                settlement::move_to(conn, &mut order, OrderState::Cancelled, None, &actor).await?;
            }
            OrderState::Processing(_) if order.was_declined() => {
                let reason = Some("given up by the customer after a declined payment".to_owned());
                let failed = OrderState::Failed(FailedBy::Customer);
                settlement::move_to(conn, &mut order, failed, reason, &actor).await?;
            }
            // Repeating it changes nothing.
            OrderState::Cancelled | OrderState::Failed(FailedBy::Customer) => {}
            _ => return Err(not_cancellable(order.status())),
        }
        if caller.is_operator && order.status() != before {
            audited::record(conn, &order, &actor, "cancelled", None, None).await?;
        }
        Ok(order)
    })
    .await?;
    end_at_provider(app, &order, &actor).await;

    let mut conn = app.pool.get().await?;
    let order = orders::find(&mut conn, order.id).await?.ok_or(Error::Internal("the order that was cancelled"))?;
    if order.status() == OrderStatus::Completed {
        return Err(not_cancellable(order.status()));
    }
    view(&mut conn, order).await
}

/// Cancels an order of an account that is being closed, if its payment has not begun. Returns whether it did.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn cancel_for_closing(app: &App, id: Uuid, actor: &str) -> Result<bool, Error> {
    let reason = || Some("the account is being closed".to_owned());
    let cancelled = transact(&app.pool, async |conn| {
        let Some(mut order) = orders::lock(conn, id).await? else { return Ok(None) };
        let end = match order.state {
            OrderState::Pending => OrderState::Cancelled,
            OrderState::Processing(_) if order.was_declined() => OrderState::Failed(FailedBy::Operator),
            _ => return Ok(None),
        };
        settlement::move_to(conn, &mut order, end, reason(), actor).await?;
        Ok::<_, Error>(Some(order))
    })
    .await?;
    let Some(order) = cancelled else { return Ok(false) };
    end_at_provider(app, &order, actor).await;
    Ok(true)
}

fn not_cancellable(status: OrderStatus) -> Error {
    Error::conflict(Code::OrderNotCancellable, format!("only a pending order can be cancelled; this one is {status}"))
}

/// Ends the attempt at the provider. If the payer has paid meanwhile, the order is settled. A failure loses nothing: a
/// worker asks the provider about the order for some days.
pub async fn end_at_provider(app: &App, order: &Order, actor: &str) {
    let ended = async {
        let attempt = {
            let mut conn = app.pool.get().await?;
            attempts::last(&mut conn, order.id).await?
        };
        let reference = attempt.as_ref().map(|attempt| settlement::attempt_ref(order, attempt)).transpose()?.flatten();
        if let (Some(reference), Some(provider)) = (reference, app.providers.by_name(order.provider)) {
            let observation = provider.cancel(&reference).await?;
            if matches!(observation, Observation::Paid(_) | Observation::InFlight { .. } | Observation::Review { .. }) {
                settlement::observe(app, order.id, &observation, EvidenceSource::Answer, actor).await?;
            }
        }
        Ok::<(), Error>(())
    };
    if let Err(error) = ended.await {
        tracing::warn!(order = %order.id, error = %error,
            "A payment was not ended at its provider; a worker asks about it");
    }
}
