//! Notifications of providers: verified, stored as they came, then settled.

use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::settlement::{self, Source, Step};
use super::{App, Error, disputes, refunds};
use crate::domain::order::Order;
use crate::domain::payment::{AttemptLocator, Fact, Notification, Observation};
use crate::providers::{NotificationError, Outcome, PaymentProvider, RawNotification, Reply, Riddle};
use crate::storage::attempts::{self, Attempt};
use crate::storage::orders;
use crate::storage::provider_events::{self as store, ProviderEvent};

/// Takes one notification and answers it in the provider's own words.
///
/// # Errors
/// 503 when the provider is not configured: nothing is verified with an empty key.
pub async fn receive(app: &App, provider: &str, raw: &RawNotification) -> Result<Reply, Error> {
    let Some(provider) = app.providers.by_name(provider) else {
        return Err(Error::Unavailable {
            code: "channel_not_offered",
            detail: "this provider is not configured".to_owned(),
            retry_after_seconds: 300,
        });
    };
    let outcome = match provider.verify(raw).await {
        // A badly signed notification writes nothing, dedupe state included.
        Err(NotificationError::BadSignature(why)) => {
            tracing::warn!(provider = provider.name(), why, "a notification with a bad signature");
            Outcome::BadSignature
        }
        Err(error @ NotificationError::CouldNotVerify(_)) => {
            tracing::warn!(provider = provider.name(), error = %error, "a notification could not be taken");
            Outcome::TryAgain
        }
        Err(NotificationError::Malformed(riddle)) => {
            tracing::error!(provider = provider.name(), %riddle, "a signed notification cannot be read");
            if let Err(error) = keep_unread(app, provider.name(), raw, &riddle).await {
                tracing::error!(provider = provider.name(), error = %error, "a notification was not kept");
            }
            Outcome::TryAgain
        }
        Ok(notification) => match process(app, provider.as_ref(), raw, &notification).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::error!(provider = provider.name(), error = %error, "a notification was not processed");
                Outcome::TryAgain
            }
        },
    };
    metrics::counter!("topup_notifications_total", "provider" => provider.name(), "outcome" => word(outcome))
        .increment(1);
    Ok(provider.reply(outcome))
}

async fn process(
    app: &App,
    provider: &dyn PaymentProvider,
    raw: &RawNotification,
    notification: &Notification,
) -> Result<Outcome, Error> {
    let (event, before) = {
        let mut conn = app.pool.get().await?;
        let stored = as_it_came(provider.name(), raw, &notification.event_id, &notification.event_type);
        store::store(&mut conn, &stored).await?
    };
    // What was recorded needs no second look. Everything else, a failure above all, is processed again.
    if before.as_deref() == Some(word(Outcome::Recorded)) {
        return Ok(Outcome::AlreadySettled);
    }
    match apply(app, provider, notification).await {
        Ok(outcome) => {
            let mut conn = app.pool.get().await?;
            store::finish(&mut conn, event, word(outcome)).await?;
            Ok(outcome)
        }
        Err(error) => {
            let mut conn = app.pool.get().await?;
            store::fail(&mut conn, event, &error.to_string()).await?;
            Err(error)
        }
    }
}

fn as_it_came<'a>(provider: &'a str, raw: &'a RawNotification, id: &'a str, kind: &'a str) -> ProviderEvent<'a> {
    ProviderEvent {
        id: Uuid::now_v7(),
        provider,
        event_id: id,
        event_type: kind,
        headers: raw.headers.iter().map(|(name, value)| json!([name, value])).collect(),
        query: &raw.query,
        body: &raw.body,
    }
}

/// Keeps what is signed but not understood, as one event however often it is sent: its company gives up in the end.
async fn keep_unread(app: &App, provider: &str, raw: &RawNotification, riddle: &Riddle) -> Result<(), Error> {
    let bytes = || {
        let digest = Sha256::new().chain_update(&raw.query).chain_update([0]).chain_update(&raw.body).finalize();
        (format!("sha256:{}", hex::encode(digest)), "unread".to_owned())
    };
    let (id, kind) = riddle.event.clone().unwrap_or_else(bytes);
    let mut conn = app.pool.get().await?;
    let (event, before) = store::store(&mut conn, &as_it_came(provider, raw, &id, &kind)).await?;
    if before.is_none() {
        store::fail(&mut conn, event, &riddle.reason).await?;
    }
    Ok(())
}

async fn apply(app: &App, provider: &dyn PaymentProvider, notification: &Notification) -> Result<Outcome, Error> {
    let actor = format!("provider:{}", provider.name());
    match &notification.fact {
        Fact::Attempt { locator, observation } => attempt(app, provider, locator, observation, &actor).await,
        Fact::Refund(fact) => refunds::observe(app, provider.name(), fact, notification.created_at).await,
        Fact::Dispute(fact) => disputes::observe(app, provider.name(), fact, notification.created_at).await,
        Fact::Ignored => Ok(Outcome::AlreadySettled),
    }
}

async fn attempt(
    app: &App,
    provider: &dyn PaymentProvider,
    locator: &AttemptLocator,
    observation: &Observation,
    actor: &str,
) -> Result<Outcome, Error> {
    let Some((order, attempt)) = locate(app, provider.name(), locator).await? else {
        if let Observation::Paid(fact) = observation {
            let reason = "the payment names no order of this provider";
            settlement::keep_unmatched(app, provider.name(), fact, reason).await?;
        }
        return Ok(Outcome::UnknownOrder);
    };
    // News about another sum are not about this order. Money of another sum is settled: it is kept.
    let another_sum = locator.amount.is_some_and(|stated| Ok(stated) != order.money());
    if another_sum && !matches!(observation, Observation::Paid(_)) {
        return Ok(Outcome::AmountMismatch);
    }
    let source = if provider.is_asked_before_reviving() { Source::UncheckedNotification } else { Source::Notification };
    let mut settled = match observation {
        Observation::ReadyToCapture => settlement::settle(app, order.id, Source::Answer, actor).await?,
        _ => settlement::observe(app, order.id, observation, source, actor).await?,
    };
    if settled.step == Step::Unconfirmed && says_so_too(provider, &order, attempt.as_ref(), observation).await? {
        settled = settlement::observe(app, order.id, observation, Source::Notification, actor).await?;
    }
    Ok(match settled.step {
        Step::Recorded | Step::Capture => Outcome::Recorded,
        Step::Known | Step::Unchanged => Outcome::AlreadySettled,
        Step::Mismatch => Outcome::AmountMismatch,
        Step::Unconfirmed => Outcome::TryAgain,
    })
}

/// Whether the provider, asked about the attempt, answers what it notified us of.
async fn says_so_too(
    provider: &dyn PaymentProvider,
    order: &Order,
    attempt: Option<&Attempt>,
    told: &Observation,
) -> Result<bool, Error> {
    let Some(reference) = attempt.and_then(settlement::attempt_ref(order)) else { return Ok(false) };
    Ok(provider.read(&reference).await? == *told)
}

/// The order of this very provider that the notification is about, and its attempt; one of another provider is
/// nobody's.
async fn locate(
    app: &App,
    provider: &str,
    locator: &AttemptLocator,
) -> Result<Option<(Order, Option<Attempt>)>, Error> {
    let mut conn = app.pool.get().await?;
    let attempt = match &locator.provider_reference {
        Some(reference) => attempts::attempt_by_reference(&mut conn, provider, reference).await?,
        None => None,
    };
    let Some(id) = attempt.as_ref().map(|attempt| attempt.order_id).or(locator.order_id) else { return Ok(None) };
    let order = orders::find(&mut conn, id).await?.filter(|order| order.provider == provider);
    Ok(order.map(|order| (order, attempt)))
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Recorded => "recorded",
        Outcome::AlreadySettled => "already_settled",
        Outcome::UnknownOrder => "unknown_order",
        Outcome::AmountMismatch => "amount_mismatch",
        Outcome::BadSignature => "bad_signature",
        Outcome::TryAgain => "try_again",
    }
}
