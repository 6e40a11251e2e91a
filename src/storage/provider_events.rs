//! Notifications of providers, stored as they came.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::clock::ledger_now;
use super::columns::corrupt;
use super::schema::provider_events as events;
use crate::domain::payment::{NotificationOutcome, ProviderName};

/// A verified notification that is about to be processed.
#[derive(Debug)]
pub struct ReceivedEvent<'a> {
    pub provider: ProviderName,
    pub event_id: &'a str,
    pub event_type: &'a str,
    pub headers: serde_json::Value,
    pub query: &'a str,
    pub body: &'a [u8],
}

/// Stores a notification unless its event is known. Returns our id of the event and, when it was processed before, its
/// outcome.
///
/// # Errors
/// Database errors.
pub async fn store(
    conn: &mut AsyncPgConnection,
    event: &ReceivedEvent<'_>,
) -> Result<(Uuid, Option<NotificationOutcome>), StorageError> {
    let provider = event.provider.as_str();
    diesel::insert_into(events::table)
        .values((
            events::id.eq(Uuid::now_v7()),
            events::provider.eq(provider),
            events::event_id.eq(event.event_id),
            events::event_type.eq(event.event_type),
            events::headers.eq(&event.headers),
            events::query.eq(event.query),
            events::body.eq(event.body),
        ))
        .on_conflict((events::provider, events::event_id))
        .do_nothing()
        .execute(conn)
        .await?;
    let (id, outcome): (Uuid, Option<String>) = events::table
        .filter(events::provider.eq(provider).and(events::event_id.eq(event.event_id)))
        .select((events::id, events::outcome))
        .first(conn)
        .await?;
    let read = |word: String| NotificationOutcome::parse(&word).ok_or_else(|| corrupt("notification outcome", word));
    Ok((id, outcome.map(read).transpose()?))
}

/// Records the outcome of a notification.
///
/// # Errors
/// Database errors.
pub async fn finish(conn: &mut AsyncPgConnection, id: Uuid, outcome: NotificationOutcome) -> Result<(), StorageError> {
    diesel::update(events::table.find(id))
        .set((
            events::processed_at.eq(ledger_now().nullable()),
            events::outcome.eq(outcome.as_str()),
            events::error.eq(None::<String>),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Records that processing failed. The provider sends the notification again, and then it is processed again.
///
/// # Errors
/// Database errors.
pub async fn fail(conn: &mut AsyncPgConnection, id: Uuid, error: &str) -> Result<(), StorageError> {
    diesel::update(events::table.find(id)).set(events::error.eq(error)).execute(conn).await?;
    Ok(())
}
