//! Notifications of providers: each one is verified, stored as it came, and then settled.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::ownership::{self, Located, PaymentOwner};
use super::settlement::recording::{NAMES_NO_ORDER, keep_unmatched};
use super::settlement::{self, EvidenceSource, SettlementStep};
use super::{App, Error, disputes, refunds};
use crate::domain::actor::Actor;
use crate::domain::attempt::Attempt;
use crate::domain::code::Code;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::payment::{AttemptLocator, Fact, Notification, NotificationOutcome, Observation, ProviderName};
use crate::providers::{
    NotificationError, NotificationSubject, PaymentProvider, RawNotification, Reply, UnreadableNotification,
};
use crate::storage::provider_events::{self as store, ReceivedEvent};

/// Takes one notification and returns the reply that its company expects.
///
/// # Errors
/// 503 when the provider is not configured: nothing is verified with an empty key.
#[tracing::instrument(name = "notifications.receive", skip_all, fields(provider = %provider))]
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
        // The error's sentence is also the answer, because the company shows the answer to its account's operator.
        Err(NotificationError::WrongForm(sentence)) => {
            tracing::error!(provider = %name, "{sentence}");
            let body = format!("{sentence}\n");
            return Ok(Reply { status: 400, content_type: "text/plain; charset=utf-8", body });
        }
        Err(NotificationError::Malformed(unread)) => {
            keep_unread(app, name, raw, &unread).await.unwrap_or_else(|error| {
                tracing::error!(provider = %name, error = %error,
                    "An unreadable notification was not kept; the company sends it again");
                NotificationOutcome::TryAgain
            })
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
/// notification is recorded before it is processed.
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
    // A notification that was recorded, or is foreign, is not processed again. Any other outcome may change, above all
    // a failure.
    match before {
        Some(NotificationOutcome::Recorded) => return Ok(NotificationOutcome::AlreadySettled),
        Some(NotificationOutcome::Foreign) => return Ok(NotificationOutcome::Foreign),
        _ => {}
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

/// Stores a notification that has a valid signature but cannot be read. Repetitions of it are one event. Its company
/// stops sending it after some time. A notification about a payment that is not ours need not be read.
async fn keep_unread(
    app: &App,
    provider: ProviderName,
    raw: &RawNotification,
    unread: &UnreadableNotification,
) -> Result<NotificationOutcome, Error> {
    let by_content = || {
        let digest = Sha256::new().chain_update(&raw.query).chain_update([0]).chain_update(&raw.body).finalize();
        (format!("sha256:{}", hex::encode(digest)), "unread".to_owned())
    };
    let (event_id, event_type) = unread.event.clone().unwrap_or_else(by_content);
    let (event, before) = {
        let mut conn = app.pool.get().await?;
        store::store(&mut conn, &as_it_came(provider, raw, &event_id, &event_type)).await?
    };
    if before.is_none() {
        let mut conn = app.pool.get().await?;
        store::fail(&mut conn, event, &unread.reason).await?;
    }
    let is_foreign = match unread.about.as_deref() {
        Some(NotificationSubject::Attempt(locator)) => {
            matches!(ownership::locate(app, provider, locator).await?, Located::Foreign)
        }
        Some(NotificationSubject::Payment(id)) => {
            ownership::of_payment(app, provider, Some(id)).await? == PaymentOwner::Foreign
        }
        None => false,
    };
    if is_foreign {
        let mut conn = app.pool.get().await?;
        store::finish(&mut conn, event, NotificationOutcome::Foreign).await?;
        return Ok(NotificationOutcome::Foreign);
    }
    tracing::error!(provider = %provider, %unread, "A signed notification cannot be read; it is kept as it came");
    Ok(NotificationOutcome::TryAgain)
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
        Fact::Dispute(fact) => disputes::observe(app, name, fact).await,
        Fact::Foreign => Ok(NotificationOutcome::Foreign),
        Fact::Ignored => Ok(NotificationOutcome::Ignored),
    }
}

async fn settle_attempt(
    app: &App,
    provider: &dyn PaymentProvider,
    locator: &AttemptLocator,
    observation: &Observation,
) -> Result<NotificationOutcome, Error> {
    let (order, attempt) = match ownership::locate(app, provider.name(), locator).await? {
        Located::Foreign => return Ok(NotificationOutcome::Foreign),
        Located::UnknownOrder => return keep_if_paid(app, provider.name(), observation).await,
        // The order waits for a later attempt. Of the earlier attempt only money matters to it.
        Located::Ours { is_superseded: true, .. } if !matches!(observation, Observation::Paid(_)) => {
            return Ok(NotificationOutcome::AlreadySettled);
        }
        Located::Ours { order, attempt, .. } => (order, attempt),
    };
    // A statement about another amount is not about this order. Money of another amount is settled, because it is kept.
    let is_other_amount = locator.amount.is_some_and(|stated| stated != order.payable);
    if is_other_amount && !matches!(observation, Observation::Paid(_)) {
        return Ok(NotificationOutcome::AmountMismatch);
    }
    let actor = Actor::Provider(provider.name()).to_string();
    let source = match provider.must_confirm_revival() {
        true => EvidenceSource::UncheckedNotification,
        false => EvidenceSource::Notification,
    };
    let mut settlement = match observation {
        Observation::ReadyToCapture => settlement::settle(app, order.id, EvidenceSource::Answer, &actor).await?,
        _ => settlement::observe(app, order.id, observation, source, &actor).await?,
    };
    if settlement.step == SettlementStep::Unconfirmed
        && provider_confirms(provider, &order, attempt.as_deref(), observation).await?
    {
        settlement = settlement::observe(app, order.id, observation, EvidenceSource::Notification, &actor).await?;
    }
    let is_second_payment = settlement.order.status() == OrderStatus::Completed
        && matches!(observation, Observation::Paid(fact) if fact.amount == order.payable);
    Ok(match settlement.step {
        // The second payment is kept, and its order is settled: the company need not send it again.
        SettlementStep::Mismatch if is_second_payment => NotificationOutcome::AlreadySettled,
        SettlementStep::Recorded | SettlementStep::Capture => NotificationOutcome::Recorded,
        SettlementStep::Known | SettlementStep::Unchanged => NotificationOutcome::AlreadySettled,
        SettlementStep::Mismatch => NotificationOutcome::AmountMismatch,
        SettlementStep::Unconfirmed => NotificationOutcome::TryAgain,
    })
}

/// Records money that carries our marks but names no order of this provider, so that an operator can decide about it.
async fn keep_if_paid(
    app: &App,
    provider: ProviderName,
    observation: &Observation,
) -> Result<NotificationOutcome, Error> {
    if let Observation::Paid(fact) = observation {
        keep_unmatched(app, provider, fact, NAMES_NO_ORDER).await?;
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
