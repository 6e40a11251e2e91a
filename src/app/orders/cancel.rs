//! Cancelling an order.

use uuid::Uuid;

use super::read::{OrderView, owned, view};
use crate::app::settlement::{self, Source};
use crate::app::{App, Caller, Error};
use crate::domain::order::{Order, OrderStatus};
use crate::domain::payment::Observation;
use crate::storage::transaction::transact;
use crate::storage::{attempts, orders};

/// Why an order failed that its customer gave up after a declined payment.
const GIVEN_UP: &str = "given up by the customer after a declined payment";

/// Cancels a pending order: first here, under its lock, then at the provider. If the provider says that the
/// payer was faster, the order completes instead; if it cannot be reached, a worker goes on asking.
/// Cancelling a cancelled order again changes nothing.
///
/// An order whose payment was declined is `processing` and never becomes `cancelled`; given up, it is `failed`.
///
/// # Errors
/// 404; 409 `order_not_cancellable` in any other state, and when the money turns out to have arrived.
pub async fn cancel(app: &App, caller: &Caller, customer: Option<&str>, id: Option<Uuid>) -> Result<OrderView, Error> {
    let actor = caller.actor();
    let found = {
        let mut conn = app.pool.get().await?;
        owned(&mut conn, caller, customer, id).await?
    };
    let order = transact(&app.pool, async |conn| {
        let mut order = orders::lock(conn, found.id).await?.ok_or(Error::NotFound("order"))?;
        match order.status {
            OrderStatus::Pending => {
                settlement::move_to(conn, &mut order, OrderStatus::Cancelled, None, &actor).await?;
                Ok(order)
            }
            OrderStatus::Processing if order.was_declined() => {
                let reason = Some(GIVEN_UP.to_owned());
                settlement::move_to(conn, &mut order, OrderStatus::Failed, reason, &actor).await?;
                Ok(order)
            }
            OrderStatus::Cancelled => Ok(order),
            OrderStatus::Failed if order.reason.as_deref() == Some(GIVEN_UP) => Ok(order),
            other => Err(not_cancellable(other)),
        }
    })
    .await?;
    end_at_provider(app, &order, &actor).await;

    let mut conn = app.pool.get().await?;
    let order = orders::find(&mut conn, order.id).await?.ok_or(Error::NotFound("order"))?;
    if order.status == OrderStatus::Completed {
        return Err(not_cancellable(order.status));
    }
    view(&mut conn, order).await
}

fn not_cancellable(status: OrderStatus) -> Error {
    Error::conflict("order_not_cancellable", format!("only a pending order can be cancelled; this one is {status}"))
}

/// Ends the attempt at the provider and settles what it turned out to be. Nothing is lost when this fails:
/// the order is asked about for a while.
pub async fn end_at_provider(app: &App, order: &Order, actor: &str) {
    let ended = async {
        let attempt = {
            let mut conn = app.pool.get().await?;
            attempts::last_attempt(&mut conn, order.id).await?
        };
        let reference = attempt.as_ref().and_then(settlement::attempt_ref(order));
        if let (Some(reference), Some(provider)) = (reference, app.providers.by_name(&order.provider)) {
            let observation = provider.cancel(&reference).await?;
            if matches!(observation, Observation::Paid(_) | Observation::InFlight { .. } | Observation::Review { .. }) {
                settlement::observe(app, order.id, &observation, Source::Answer, actor).await?;
            }
        }
        Ok::<(), Error>(())
    };
    if let Err(error) = ended.await {
        tracing::warn!(order = %order.id, error = %error, "the payment could not be ended at the provider");
    }
}
