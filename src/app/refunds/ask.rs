//! Calls to providers about refunds: sending a refund, and reading its state. No transaction is open meanwhile.

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::book::{self, RefundUpdate};
use super::observe;
use crate::app::{App, Error, settlement};
use crate::domain::actor::Actor;
use crate::domain::payment::RefundStatus;
use crate::domain::refund::{Refund, RefundState, next_question, refusal_is_final};
use crate::providers::{ProviderError, RefundInstruction};
use crate::storage::transaction::transact;
use crate::storage::{attempts, clock, orders, payments, refunds};

/// How long a process that asks about a refund keeps it from other processes. It is longer than any call.
pub(super) const LEASE_SECONDS: i32 = 90;

/// The largest number of refunds of one round.
const ROUND: i64 = 20;

/// Sends a refund that has just been committed. After a failure a worker sends it again.
pub(in crate::app) async fn send(app: &App, id: Uuid) {
    let sent = async {
        let refund = {
            let mut conn = app.pool.get().await?;
            refunds::find(&mut conn, id).await?.ok_or(Error::Internal("the refund that was committed"))?
        };
        // A refund that operators send has no next question.
        let is_theirs_to_send = refund.ask_at.is_some() && refund.provider_refund_id.is_none();
        if refund.state == RefundState::Pending && is_theirs_to_send {
            ask(app, &refund).await?;
        }
        Ok::<(), Error>(())
    };
    if let Err(error) = sent.await {
        tracing::error!(refund = %id, error = %error, "A refund was not sent; a worker sends it again");
    }
}

/// Asks the providers about the refunds whose next question is due, and returns how many there were. Several processes
/// share the work. A failure of one refund does not stop the others.
///
/// # Errors
/// Database errors, when no refund could be claimed.
pub async fn ask_due(app: &App) -> Result<usize, Error> {
    // One transaction, so that no other process can claim a refund between its lock and its lease.
    let due =
        transact(&app.pool, async |conn| Ok::<_, Error>(refunds::claim_to_ask(conn, ROUND, LEASE_SECONDS).await?))
            .await?;
    // All at the same time: one after the other could take longer than the lease.
    let asked = due.iter().map(async |refund| {
        if let Err(error) = ask(app, refund).await {
            tracing::error!(refund = %refund.id, error = %error, "A question about a refund failed; it is asked again");
        }
    });
    futures_util::future::join_all(asked).await;
    Ok(due.len())
}

/// Sends a refund, or reads its status, and records the answer. A refund can be sent again safely, because our id is
/// the provider's idempotency key.
#[tracing::instrument(name = "refunds.ask", skip_all, fields(refund = %refund.id))]
async fn ask(app: &App, refund: &Refund) -> Result<(), Error> {
    let Some(provider) = app.providers.by_name(refund.provider) else {
        return ask_later(app, refund, "the provider is not configured at the moment", None).await;
    };
    let (request, now) = request(app, refund).await?;
    let Some(request) = request else {
        return ask_later(app, refund, "the provider cannot be asked about this payment", None).await;
    };
    let answer = match &refund.provider_refund_id {
        Some(id) => provider.read_refund(&request, id).await,
        None => provider.refund(&request).await,
    };
    let is_refusal_final = refund.provider_refund_id.is_none() && refusal_is_final(refund.since(), now);
    let made = answer.as_ref().ok().cloned();
    let update = match answer {
        Ok(fact) => RefundUpdate { status: fact.status, provider_refund_id: Some(fact.refund_id), reason: fact.reason },
        Err(error @ (ProviderError::Refused { .. } | ProviderError::Unsupported { .. })) if is_refusal_final => {
            let reason = Some(error.to_string());
            RefundUpdate { status: RefundStatus::Failed, provider_refund_id: None, reason }
        }
        Err(error) => {
            tracing::warn!(refund = %refund.id, error = %error, "The provider gave no usable answer about a refund");
            let wait = match &error {
                ProviderError::Busy { retry_after_seconds, .. } => *retry_after_seconds,
                _ => None,
            };
            return ask_later(app, refund, &error.to_string(), wait).await;
        }
    };
    let changed = book::record_update(app, refund.id, &update, &Actor::Provider(refund.provider).to_string()).await?;
    if let Some(made) = made.filter(|made| !changed && made.status != RefundStatus::Failed) {
        // An operator may have ended the refund during the call. If the company made it nevertheless, it is taken back
        // like one that was started there.
        observe::observe(app, refund.provider, &made, None).await?;
    }
    Ok(())
}

/// Sets the next question about a refund, not earlier than the provider asked for.
async fn ask_later(app: &App, refund: &Refund, why: &str, wait_seconds: Option<u64>) -> Result<(), Error> {
    let mut conn = app.pool.get().await?;
    let now = clock::now(&mut conn).await?;
    let at_least =
        wait_seconds.and_then(|seconds| i64::try_from(seconds).ok()).map_or(Duration::zero(), Duration::seconds);
    let wait = next_question(refund.state, refund.asked, now - refund.since()).map(|wait| wait.max(at_least));
    let failure = match refund.state {
        RefundState::Pending => Some(why),
        _ => refund.failure.as_deref(),
    };
    Ok(refunds::schedule(&mut conn, refund, wait.map(|wait| now + wait), failure).await?)
}

/// The refund in the form that its provider takes, and the time. `None` when the payment came without an attempt of
/// ours.
async fn request(app: &App, refund: &Refund) -> Result<(Option<RefundInstruction>, DateTime<Utc>), Error> {
    let mut conn = app.pool.get().await?;
    let now = clock::now(&mut conn).await?;
    let payment = payments::find(&mut conn, refund.payment_id).await?;
    let payment = payment.ok_or(Error::Internal("the payment of a refund"))?;
    let Some(order_id) = payment.order_id.or(refund.order_id) else { return Ok((None, now)) };
    let order = orders::find(&mut conn, order_id).await?.ok_or(Error::Internal("the order of a payment"))?;
    let attempt = attempts::paid_or_last(&mut conn, order.id).await?;
    let attempt = attempt.map(|attempt| settlement::attempt_ref(&order, &attempt)).transpose()?.flatten();
    let Some(attempt) = attempt else { return Ok((None, now)) };
    let request = RefundInstruction {
        refund_id: refund.id,
        payment_id: payment.payment_id,
        attempt,
        paid: payment.amount,
        amount: refund.amount,
        reason: refund.reason.clone(),
        requested_by: plain_name(&refund.proposed_by),
        created_at: refund.since(),
    };
    Ok((Some(request), now))
}

/// `operator:alice` as `operator.alice`.
fn plain_name(actor: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '.' };
    actor.chars().map(plain).collect()
}
