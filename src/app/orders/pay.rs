//! Starting the payment of an order: the call that creates an attempt at the provider, after the order is committed.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::cancel::end_at_provider;
use crate::app::{App, Error, settlement};
use crate::domain::actor::SYSTEM;
use crate::domain::attempt::{Attempt, AttemptStatus};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::order::{FailedBy, Order, OrderState, OrderStatus};
use crate::providers::{AttemptRequest, Created, ProviderError};
use crate::storage::attempts::Lease;
use crate::storage::transaction::transact;
use crate::storage::{StorageError, attempts, orders};

/// How long a lease lasts without being renewed: after a crash, the same request goes on when that time is over.
const LEASE_SECONDS: i32 = 3;
/// How often a lease is renewed while the provider is being called.
const RENEWED_EVERY: Duration = Duration::from_secs(1);

/// Calls the provider for an [`unanswered`] attempt of an order. An interrupted call is repeated with the same request
/// and the same key, so it makes the same payment.
///
/// While the provider is being called, the request has a lease on the attempt, and renews it every second. If its owner
/// ends, a lease ends a moment later, whichever process owned it. A session's lock would end just as soon, but would
/// occupy a connection of the pool for as long as the company takes.
///
/// # Errors
/// 409 while another request is calling. Errors of the provider: a final refusal makes the order fail; after any other
/// error it stays as it was.
pub(super) async fn start(app: &App, order: &Order, attempt: &Attempt, actor: &str) -> Result<(), Error> {
    let provider = app.providers.by_name(order.provider).ok_or_else(|| settlement::not_offered(order.provider))?;
    let request = request(app, order, attempt)?;
    let order = if provider.capabilities().creates_by_call {
        let held = Held::take(app, attempt).await?;
        let kept = match held.during(provider.create(&request)).await {
            Ok(created) => keep(app, order, attempt, &created, actor).await,
            Err(error) => Err(error.into()),
        };
        match kept {
            Ok(order) => order,
            Err(error) => return Err(give_up(app, order, held, error).await),
        }
    } else {
        let created = provider.create(&request).await;
        match created {
            Ok(created) => keep(app, order, attempt, &created, actor).await?,
            Err(error) => {
                record_failure(app, order, &error).await?;
                return Err(error.into());
            }
        }
    };
    // The customer may have cancelled the order during the call.
    if order.status() == OrderStatus::Cancelled {
        end_at_provider(app, &order, actor).await;
    }
    Ok(())
}

/// The open attempt of an order that the provider has not answered. `None` when no call is needed.
///
/// # Errors
/// Database errors.
pub(super) async fn unanswered(app: &App, order: &Order) -> Result<Option<Attempt>, Error> {
    let mut conn = app.pool.get().await?;
    let attempt = attempts::last(&mut conn, order.id).await?;
    Ok(attempt.filter(|attempt| {
        let is_answered = attempt.provider_reference.is_some();
        !is_answered && attempt.status == AttemptStatus::Open && order.status().is_open()
    }))
}

/// The right to call the provider for an attempt.
struct Held<'a> {
    app: &'a App,
    attempt: &'a Attempt,
    lease: Mutex<Lease>,
}

impl<'a> Held<'a> {
    async fn take(app: &'a App, attempt: &'a Attempt) -> Result<Self, Error> {
        let mut conn = app.pool.get().await?;
        let Some(lease) = attempts::lease(&mut conn, attempt.order_id, attempt.n, LEASE_SECONDS).await? else {
            return Err(Error::conflict(
                Code::IdempotencyInFlight,
                "a request with this Idempotency-Key is still being processed; try again in a moment",
            ));
        };
        Ok(Self { app, attempt, lease: Mutex::new(lease) })
    }

    fn lease(&self) -> MutexGuard<'_, Lease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews the lease while `call` runs. If a renewal is in progress when the call ends, it is awaited: dropping it
    /// could leave a lease that nothing here knows and gives back.
    async fn during<T>(&self, call: impl Future<Output = T>) -> T {
        let ended = Notify::new();
        let calling = async {
            let answer = call.await;
            ended.notify_one();
            answer
        };
        tokio::join!(calling, self.renew_until(&ended)).0
    }

    async fn renew_until(&self, ended: &Notify) {
        while tokio::time::timeout(RENEWED_EVERY, ended.notified()).await.is_err() {
            // A call whose lease was lost is harmless: the new owner sends the same request with the same key.
            if let Err(error) = self.renew_once().await {
                tracing::warn!(%error, "The lease on a call to a payment company was not renewed");
            }
        }
    }

    async fn renew_once(&self) -> Result<(), StorageError> {
        let mut conn = self.app.pool.get().await?;
        let lease = *self.lease();
        let Attempt { order_id, n, .. } = self.attempt;
        if let Some(renewed) = attempts::renew(&mut conn, *order_id, *n, lease, LEASE_SECONDS).await? {
            *self.lease() = renewed;
        }
        Ok(())
    }

    async fn release(self) -> Result<(), StorageError> {
        let mut conn = self.app.pool.get().await?;
        let lease = *self.lease();
        attempts::release(&mut conn, self.attempt.order_id, self.attempt.n, lease).await
    }
}

/// Gives the right to call back after any error, so that the same request can go on at once. A final refusal makes the
/// order fail. Returns the error that the caller gets.
async fn give_up(app: &App, order: &Order, held: Held<'_>, error: Error) -> Error {
    if let Err(error) = held.release().await {
        tracing::warn!(%error, "The lease on a call to a payment company was not given back; it ends by itself");
    }
    match error {
        Error::Provider(error) => match record_failure(app, order, &error).await {
            Ok(()) => error.into(),
            Err(error) => error,
        },
        error => error,
    }
}

/// Records that a call failed. A final refusal makes the order fail.
async fn record_failure(app: &App, order: &Order, error: &ProviderError) -> Result<(), Error> {
    let is_refused = matches!(error, ProviderError::Refused { .. } | ProviderError::Unsupported { .. });
    let reason = customer_text(error);
    transact(&app.pool, async |conn| {
        let mut order = orders::lock(conn, order.id).await?.ok_or(Error::Internal("the order that is being paid"))?;
        if is_refused && order.status().is_open() {
            let failed = OrderState::Failed(FailedBy::Provider);
            settlement::move_to(conn, &mut order, failed, Some(reason.clone()), SYSTEM).await
        } else {
            Ok(orders::add_to_timeline(conn, &order, "provider_unreachable", SYSTEM, Some(&reason)).await?)
        }
    })
    .await
}

/// Stores the provider's answer. A reference of another attempt cannot be the answer to this one.
async fn keep(app: &App, order: &Order, attempt: &Attempt, created: &Created, actor: &str) -> Result<Order, Error> {
    let kept = transact(&app.pool, async |conn| {
        let order = orders::lock(conn, order.id).await?.ok_or(Error::Internal("the order that is being paid"))?;
        let reference = &created.provider_reference;
        if attempts::save_answer(conn, order.id, attempt.n, reference, &created.next_action).await? {
            orders::add_to_timeline(conn, &order, "payment_started", actor, None).await?;
        }
        Ok::<_, Error>(order)
    })
    .await;
    match kept {
        Err(Error::Storage(error)) if error.violates("attempts_reference_once") => {
            let detail = "its reference already belongs to another order".to_owned();
            Err(ProviderError::Mismatch { provider: order.provider, detail }.into())
        }
        kept => kept,
    }
}

/// The text about a failed call that the customer reads. Status, code and the state of our credentials go to the log
/// only.
fn customer_text(error: &ProviderError) -> String {
    match error {
        ProviderError::Unavailable { provider, .. }
        | ProviderError::StoredError { provider, .. }
        | ProviderError::Mismatch { provider, .. } => {
            format!("{provider} did not answer properly; the same request can be repeated")
        }
        ProviderError::Busy { provider, .. } => format!("{provider} is busy; the same request can be repeated later"),
        ProviderError::Credentials { provider } => format!("{provider} cannot be used at the moment"),
        ProviderError::Refused { provider, .. } => format!("{provider} refused this payment"),
        ProviderError::Unsupported { provider, .. } => format!("{provider} does not support this payment"),
    }
}

fn request(app: &App, order: &Order, attempt: &Attempt) -> Result<AttemptRequest, Error> {
    let amount = order.payable;
    let shown = IdKind::TopUpOrder.show(order.id);
    let back = order.return_url.clone().unwrap_or_else(|| format!("{}/paid", app.settings.public_url));
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
