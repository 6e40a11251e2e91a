//! Talking to the provider about refunds, always outside a transaction.

use chrono::{Duration, Utc};
use uuid::Uuid;

use super::book::{self, News};
use crate::app::{App, Error, settlement};
use crate::domain::money::{Currency, Money};
use crate::domain::payment::RefundStatus;
use crate::domain::refund::{RefundState, next_question, refusal_is_final};
use crate::providers::{ProviderError, RefundRequest};
use crate::storage::refunds::{self, Refund};
use crate::storage::transaction::transact;
use crate::storage::{StorageError, attempts, currency_from_column, orders, payments};

/// How long one process may be talking about a refund before another one may; more than any call takes.
pub(super) const LEASE_SECONDS: i32 = 90;

/// How many refunds one round takes at most.
const ROUND: i64 = 20;

/// Sends a refund that has just been committed. What goes wrong here is asked again later.
pub(super) async fn send(app: &App, id: Uuid) {
    let sent = async {
        let refund = {
            let mut conn = app.pool.get().await?;
            refunds::find(&mut conn, id).await?.ok_or(Error::NotFound("refund"))?
        };
        // What people send by hand has no time to be asked about.
        let is_theirs = refund.ask_at.is_some() && refund.provider_refund_id.is_none();
        if refund.state()? == RefundState::Pending && is_theirs {
            ask(app, &refund).await?;
        }
        Ok::<(), Error>(())
    };
    if let Err(error) = sent.await {
        tracing::error!(refund = %id, error = %error, "a refund was not sent; it is tried again");
    }
}

/// Asks the providers about the refunds whose time has come; several processes share them. One refund's
/// broken answer holds up no other. Answers how many were asked about.
///
/// # Errors
/// Of the database, when nothing could be claimed.
pub async fn ask_due(app: &App) -> Result<usize, Error> {
    // One transaction: what is locked here is leased before anybody else may look.
    let due =
        transact(&app.pool, async |conn| Ok::<_, Error>(refunds::claim_to_ask(conn, ROUND, LEASE_SECONDS).await?))
            .await?;
    // At the same time: one after the other could take longer than the lease.
    let asked = due.iter().map(async |refund| {
        if let Err(error) = ask(app, refund).await {
            tracing::error!(refund = %refund.id, error = %error, "a refund was not asked about");
        }
    });
    futures_util::future::join_all(asked).await;
    Ok(due.len())
}

/// Sends a refund, or reads where it stands, and concludes what the provider says. Sending again is safe: our
/// refund id is the provider's key.
async fn ask(app: &App, refund: &Refund) -> Result<(), Error> {
    let Some(provider) = app.providers.by_name(&refund.provider) else {
        return later(app, refund, "the provider is not configured at the moment", None).await;
    };
    let Some(request) = request(app, refund).await? else {
        return later(app, refund, "the provider cannot be asked about this payment", None).await;
    };
    let answer = match &refund.provider_refund_id {
        Some(id) => provider.read_refund(&request, id).await,
        None => provider.refund(&request).await,
    };
    let final_refusal = refund.provider_refund_id.is_none() && refusal_is_final(refund.since(), Utc::now());
    let news = match answer {
        Ok(fact) => News { status: fact.status, provider_refund_id: Some(fact.refund_id), reason: fact.reason },
        Err(error @ (ProviderError::Refused { .. } | ProviderError::Unsupported { .. })) if final_refusal => {
            News { status: RefundStatus::Failed, provider_refund_id: None, reason: Some(error.to_string()) }
        }
        Err(error) => {
            tracing::warn!(refund = %refund.id, error = %error, "a refund is asked about again");
            let wait = match &error {
                ProviderError::Busy { retry_after_seconds, .. } => *retry_after_seconds,
                _ => None,
            };
            return later(app, refund, &error.to_string(), wait).await;
        }
    };
    book::conclude(app, refund.id, &news, &format!("provider:{}", refund.provider)).await?;
    Ok(())
}

async fn later(app: &App, refund: &Refund, why: &str, wait_seconds: Option<u64>) -> Result<(), Error> {
    let now = Utc::now();
    let state = refund.state()?;
    let asked_for = wait_seconds.and_then(|seconds| i64::try_from(seconds).ok()).map(Duration::seconds);
    let wait = next_question(state, refund.asked, now - refund.since());
    let wait = wait.map(|wait| wait.max(asked_for.unwrap_or_default()));
    let failure = if state == RefundState::Pending { Some(why) } else { refund.failure.as_deref() };
    let mut conn = app.pool.get().await?;
    Ok(refunds::schedule(&mut conn, refund, wait.map(|wait| now + wait), failure).await?)
}

/// The refund as its provider takes it; `None` when the payment came about without an attempt of ours.
async fn request(app: &App, refund: &Refund) -> Result<Option<RefundRequest>, Error> {
    let mut conn = app.pool.get().await?;
    let payment = payments::find(&mut conn, refund.payment_id).await?.ok_or(Error::NotFound("payment"))?;
    let Some(order_id) = payment.order_id.or(refund.order_id) else { return Ok(None) };
    let order = orders::find(&mut conn, order_id).await?.ok_or(Error::NotFound("order"))?;
    let attempt = attempts::paid_attempt(&mut conn, order.id).await?;
    let Some(attempt) = attempt.as_ref().and_then(settlement::attempt_ref(&order)) else { return Ok(None) };
    let currency = currency_from_column(&refund.currency)?;
    Ok(Some(RefundRequest {
        refund_id: refund.id,
        payment_id: payment.payment_id,
        attempt,
        paid: money(payment.amount, currency)?,
        amount: money(refund.amount, currency)?,
        reason: refund.reason.clone(),
        requested_by: plain_name(&refund.proposed_by),
        created_at: refund.since(),
    }))
}

fn money(amount: rust_decimal::Decimal, currency: Currency) -> Result<Money, Error> {
    Money::new(amount, currency).map_err(|error| StorageError::Corrupt(format!("amount of a refund: {error}")).into())
}

/// `operator:alice` as `operator.alice`.
fn plain_name(actor: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '.' };
    actor.chars().map(plain).collect()
}
