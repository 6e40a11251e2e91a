//! Notifications of providers: each one is verified, stored as it came, and then settled.

use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::settlement::{self, EvidenceSource, SettlementStep};
use super::{App, Error, disputes, refunds};
use crate::domain::attempt::Attempt;
use crate::domain::code::Code;
use crate::domain::order::Order;
use crate::domain::payment::{AttemptLocator, Fact, Notification, NotificationOutcome, Observation, ProviderName};
use crate::providers::{NotificationError, PaymentProvider, RawNotification, Reply, UnreadableNotification};
use crate::storage::provider_events::{self as store, ReceivedEvent};
use crate::storage::{attempts, orders};

/// Takes one notification and returns the reply that its company expects.
///
/// # Errors
/// 503 when the provider is not configured: nothing is verified with an empty key.
pub async fn receive(app: &App, provider: ProviderName, raw: &RawNotification) -> Result<Reply, Error> {
    let Some(provider) = app.providers.by_name(provider) else {
        return Err(Error::Unavailable {
            code: Code::ChannelNotOffered,
            detail: "this provider is not configured".to_owned(),
            retry_after_seconds: 300,
        });
    };
    let name = provider.name();
    let outcome = match provider.verify(raw).await {
        // A badly signed notification writes nothing, and no later notification is taken for its repetition.
        Err(NotificationError::BadSignature(why)) => {
            tracing::warn!(provider = %name, why, "A notification has a bad signature; it is not processed");
            NotificationOutcome::BadSignature
        }
        Err(error @ NotificationError::CouldNotVerify(_)) => {
            tracing::warn!(provider = %name, error = %error,
                "A notification could not be verified and will come again");
            NotificationOutcome::TryAgain
        }
        Err(NotificationError::Malformed(unread)) => {
            tracing::error!(provider = %name, %unread, "A signed notification cannot be read; it is kept as it came");
            if let Err(error) = keep_unread(app, name, raw, &unread).await {
                tracing::error!(provider = %name, error = %error, "An unreadable notification could not be stored");
            }
            NotificationOutcome::TryAgain
        }
        Ok(notification) => match process(app, provider.as_ref(), raw, &notification).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::error!(provider = %name, error = %error,
                    "A notification was not processed and will come again");
                NotificationOutcome::TryAgain
            }
        },
    };
    let labels = [("provider", name.as_str()), ("outcome", outcome.as_str())];
    metrics::counter!("topup_notifications_total", &labels).increment(1);
    Ok(provider.reply(outcome))
}

/// Stores a notification, settles it and records the outcome. Each step commits before the next one begins, so a
/// notification is on record before it is processed.
async fn process(
    app: &App,
    provider: &dyn PaymentProvider,
    raw: &RawNotification,
    notification: &Notification,
) -> Result<NotificationOutcome, Error> {
    let (event, before) = {
        let mut conn = app.pool.get().await?;
        let stored = as_it_came(provider.name(), raw, &notification.event_id, &notification.event_type);
        store::store(&mut conn, &stored).await?
    };
    // Only a recorded notification is not processed again. Every other outcome, above all a failure, may change.
    if before == Some(NotificationOutcome::Recorded) {
        return Ok(NotificationOutcome::AlreadySettled);
    }
    match apply(app, provider, notification).await {
        Ok(outcome) => {
            let mut conn = app.pool.get().await?;
            store::finish(&mut conn, event, outcome).await?;
            Ok(outcome)
        }
        Err(error) => {
            let mut conn = app.pool.get().await?;
            store::fail(&mut conn, event, &error.to_string()).await?;
            Err(error)
        }
    }
}

fn as_it_came<'a>(
    provider: ProviderName,
    raw: &'a RawNotification,
    event_id: &'a str,
    event_type: &'a str,
) -> ReceivedEvent<'a> {
    ReceivedEvent {
        provider,
        event_id,
        event_type,
        headers: raw.headers.iter().map(|(name, value)| json!([name, value])).collect(),
        query: &raw.query,
        body: &raw.body,
    }
}

/// Stores a notification that is signed but cannot be read. However often it is sent, it is one event. Its company
/// stops sending it after some time.
async fn keep_unread(
    app: &App,
    provider: ProviderName,
    raw: &RawNotification,
    unread: &UnreadableNotification,
) -> Result<(), Error> {
    let by_content = || {
        let digest = Sha256::new().chain_update(&raw.query).chain_update([0]).chain_update(&raw.body).finalize();
        (format!("sha256:{}", hex::encode(digest)), "unread".to_owned())
    };
    let (event_id, event_type) = unread.event.clone().unwrap_or_else(by_content);
    let mut conn = app.pool.get().await?;
    let (event, before) = store::store(&mut conn, &as_it_came(provider, raw, &event_id, &event_type)).await?;
    if before.is_none() {
        store::fail(&mut conn, event, &unread.reason).await?;
    }
    Ok(())
}

async fn apply(
    app: &App,
    provider: &dyn PaymentProvider,
    notification: &Notification,
) -> Result<NotificationOutcome, Error> {
    let name = provider.name();
    match &notification.fact {
        Fact::Attempt { locator, observation } => settle_attempt(app, provider, locator, observation).await,
        Fact::Refund(fact) => refunds::observe(app, name, fact, notification.created_at).await,
        Fact::Dispute(fact) => disputes::observe(app, name, fact, notification.created_at).await,
        Fact::Ignored => Ok(NotificationOutcome::AlreadySettled),
    }
}

async fn settle_attempt(
    app: &App,
    provider: &dyn PaymentProvider,
    locator: &AttemptLocator,
    observation: &Observation,
) -> Result<NotificationOutcome, Error> {
    let Some((order, attempt)) = locate(app, provider.name(), locator).await? else {
        return keep_if_paid(app, provider.name(), observation).await;
    };
    // A statement about another amount is not about this order. Money of another amount is settled: it is kept.
    let is_other_amount = locator.amount.is_some_and(|stated| Ok(stated) != order.payable());
    if is_other_amount && !matches!(observation, Observation::Paid(_)) {
        return Ok(NotificationOutcome::AmountMismatch);
    }
    let actor = format!("provider:{}", provider.name());
    let source = match provider.must_confirm_revival() {
        true => EvidenceSource::UncheckedNotification,
        false => EvidenceSource::Notification,
    };
    let mut settlement = match observation {
        Observation::ReadyToCapture => settlement::settle(app, order.id, EvidenceSource::Answer, &actor).await?,
        _ => settlement::observe(app, order.id, observation, source, &actor).await?,
    };
    if settlement.step == SettlementStep::Unconfirmed
        && provider_confirms(provider, &order, attempt.as_ref(), observation).await?
    {
        settlement = settlement::observe(app, order.id, observation, EvidenceSource::Notification, &actor).await?;
    }
    Ok(match settlement.step {
        SettlementStep::Recorded | SettlementStep::Capture => NotificationOutcome::Recorded,
        SettlementStep::Known | SettlementStep::Unchanged => NotificationOutcome::AlreadySettled,
        SettlementStep::Mismatch => NotificationOutcome::AmountMismatch,
        SettlementStep::Unconfirmed => NotificationOutcome::TryAgain,
    })
}

/// Records money that names no order of ours, so that an operator can decide about it.
async fn keep_if_paid(
    app: &App,
    provider: ProviderName,
    observation: &Observation,
) -> Result<NotificationOutcome, Error> {
    if let Observation::Paid(fact) = observation {
        settlement::keep_unmatched(app, provider, fact, "the payment names no order of this provider").await?;
    }
    Ok(NotificationOutcome::UnknownOrder)
}

/// Asks the provider about the attempt, and compares its answer with the notification.
async fn provider_confirms(
    provider: &dyn PaymentProvider,
    order: &Order,
    attempt: Option<&Attempt>,
    notified: &Observation,
) -> Result<bool, Error> {
    let reference = attempt.map(|attempt| settlement::attempt_ref(order, attempt)).transpose()?.flatten();
    let Some(reference) = reference else { return Ok(false) };
    Ok(provider.read(&reference).await? == *notified)
}

/// The order and the attempt that the notification names. An order of another provider is not found.
async fn locate(
    app: &App,
    provider: ProviderName,
    locator: &AttemptLocator,
) -> Result<Option<(Order, Option<Attempt>)>, Error> {
    let mut conn = app.pool.get().await?;
    let attempt = match &locator.provider_reference {
        Some(reference) => attempts::by_reference(&mut conn, provider, reference).await?,
        None => None,
    };
    let named: Option<Uuid> = attempt.as_ref().map(|attempt| attempt.order_id).or(locator.order_id);
    let Some(id) = named else { return Ok(None) };
    let order = orders::find(&mut conn, id).await?.filter(|order| order.provider == provider);
    Ok(order.map(|order| (order, attempt)))
}
