//! Starting the payment of an order: the call that creates an attempt at the provider, after the order is committed.

use super::cancel::end_at_provider;
use crate::app::{App, Error, settlement};
use crate::domain::attempt::{Attempt, AttemptStatus};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::order::{FailedBy, Order, OrderState, OrderStatus};
use crate::providers::{AttemptRequest, Created, ProviderError};
use crate::storage::transaction::transact;
use crate::storage::{attempts, orders};

/// How long one process may be calling the provider for an attempt before another one may.
const LEASE_SECONDS: i32 = 40;

/// Calls the provider for an order's open attempt, unless it has answered before. A call that was cut off is repeated
/// with the same request and the same key, so it makes the same payment.
///
/// # Errors
/// 409 while another request is calling. Errors of the provider: a final refusal makes the order fail; after any other
/// error it stays as it was.
pub async fn start(app: &App, order: &Order, actor: &str) -> Result<(), Error> {
    let Some(attempt) = lease(app, order).await? else { return Ok(()) };
    let provider = app.providers.by_name(order.provider).ok_or_else(|| settlement::not_offered(order.provider))?;
    let kept = match provider.create(&request(app, order, &attempt)?).await {
        Ok(created) => keep(app, order, &attempt, &created, actor).await,
        Err(error) => Err(error.into()),
    };
    match kept {
        Ok(order) => {
            // The customer may have cancelled the order during the call.
            if order.status() == OrderStatus::Cancelled {
                end_at_provider(app, &order, actor).await;
            }
            Ok(())
        }
        Err(Error::Provider(error)) => {
            record_failure(app, order, &attempt, &error).await?;
            Err(error.into())
        }
        Err(error) => Err(error),
    }
}

/// Takes the right to call the provider. `None` when no call is needed.
async fn lease(app: &App, order: &Order) -> Result<Option<Attempt>, Error> {
    let mut conn = app.pool.get().await?;
    let Some(attempt) = attempts::last(&mut conn, order.id).await? else { return Ok(None) };
    let is_answered = attempt.provider_reference.is_some();
    if is_answered || attempt.status != AttemptStatus::Open || !order.status().is_open() {
        return Ok(None);
    }
    if !attempts::lease(&mut conn, order.id, attempt.n, LEASE_SECONDS).await? {
        return Err(Error::conflict(
            Code::IdempotencyInFlight,
            "a request with this Idempotency-Key is still being processed; try again in a moment",
        ));
    }
    Ok(Some(attempt))
}

/// Gives the right to call back. A final refusal makes the order fail.
async fn record_failure(app: &App, order: &Order, attempt: &Attempt, error: &ProviderError) -> Result<(), Error> {
    let is_refused = matches!(error, ProviderError::Refused { .. } | ProviderError::Unsupported { .. });
    let reason = customer_text(error);
    transact(&app.pool, async |conn| {
        let mut order = orders::lock(conn, order.id).await?.ok_or(Error::Internal("the order that is being paid"))?;
        attempts::release(conn, order.id, attempt.n).await?;
        if is_refused && order.status().is_open() {
            let failed = OrderState::Failed(FailedBy::Provider);
            settlement::move_to(conn, &mut order, failed, Some(reason.clone()), "system").await
        } else {
            Ok(orders::add_to_timeline(conn, &order, "provider_unreachable", "system", Some(&reason)).await?)
        }
    })
    .await
}

/// Stores the provider's answer. A reference that another attempt has cannot be the answer to this one.
async fn keep(app: &App, order: &Order, attempt: &Attempt, created: &Created, actor: &str) -> Result<Order, Error> {
    let kept = transact(&app.pool, async |conn| {
        let order = orders::lock(conn, order.id).await?.ok_or(Error::Internal("the order that is being paid"))?;
        let reference = &created.provider_reference;
        attempts::save_answer(conn, order.id, attempt.n, reference, &created.next_action).await?;
        orders::add_to_timeline(conn, &order, "payment_started", actor, None).await?;
        Ok::<_, Error>(order)
    })
    .await;
    match kept {
        Err(Error::Storage(error)) if error.violates("attempts_reference_once") => {
            let detail = "a reference that another order has".to_owned();
            Err(ProviderError::Mismatch { provider: order.provider, detail }.into())
        }
        kept => kept,
    }
}

/// The text about a failed call that the customer reads. Status, code and the state of our credentials go to the log
/// only.
fn customer_text(error: &ProviderError) -> String {
    match error {
        ProviderError::Unavailable { provider, .. } | ProviderError::Mismatch { provider, .. } => {
            format!("{provider} did not answer properly; the same request can be repeated")
        }
        ProviderError::Busy { provider, .. } => format!("{provider} is busy; the same request can be repeated later"),
        ProviderError::Credentials { provider } => format!("{provider} cannot be used at the moment"),
        ProviderError::Refused { provider, .. } => format!("{provider} refused this payment"),
        ProviderError::Unsupported { provider, .. } => format!("{provider} does not support this payment"),
    }
}

fn request(app: &App, order: &Order, attempt: &Attempt) -> Result<AttemptRequest, Error> {
    let amount = order.payable().map_err(|_| Error::Internal("an amount of money on every order"))?;
    let shown = IdKind::TopUpOrder.show(order.id);
    let back = order.return_url.clone().unwrap_or_else(|| format!("{}/docs", app.settings.public_url));
    Ok(AttemptRequest {
        order_id: order.id,
        attempt: attempt.n,
        request_key: attempt.request_key.clone(),
        amount,
        description: format!("Top-up {}", order.reference),
        flow: order.card_flow.unwrap_or_default(),
        return_url: with_order(&back, &shown),
        cancel_url: with_order(&back, &shown),
        customer_email: attempt.customer_email.clone(),
        locale: order.locale.clone(),
        payer_ip: order.payer_ip,
        bank_code: order.vnpay_bank_code.clone(),
        created_at: attempt.created_at,
        expires_at: order.expires_at,
    })
}

/// Adds the order's id to the query of the caller's page.
fn with_order(url: &str, order: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| url.to_owned(),
        |mut url| {
            url.query_pairs_mut().append_pair("order", order);
            url.to_string()
        },
    )
}
