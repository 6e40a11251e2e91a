//! Notifications of providers, as they came.

use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::schema::provider_events as events;

/// A verified notification, about to be processed.
#[derive(Debug, Insertable)]
#[diesel(table_name = events)]
pub struct ProviderEvent<'a> {
    pub id: Uuid,
    pub provider: &'a str,
    pub event_id: &'a str,
    pub event_type: &'a str,
    pub headers: serde_json::Value,
    pub query: &'a str,
    pub body: &'a [u8],
}

/// Stores a notification unless its event is known; answers our id of it and, when it was processed before,
/// what became of it.
///
/// # Errors
/// Of the database.
pub async fn store(
    conn: &mut AsyncPgConnection,
    event: &ProviderEvent<'_>,
) -> Result<(Uuid, Option<String>), StorageError> {
    diesel::insert_into(events::table)
        .values(event)
        .on_conflict((events::provider, events::event_id))
        .do_nothing()
        .execute(conn)
        .await?;
    Ok(events::table
        .filter(events::provider.eq(event.provider).and(events::event_id.eq(event.event_id)))
        .select((events::id, events::outcome))
        .first(conn)
        .await?)
}

/// Notes what became of a notification.
///
/// # Errors
/// Of the database.
pub async fn finish(conn: &mut AsyncPgConnection, id: Uuid, outcome: &str) -> Result<(), StorageError> {
    diesel::update(events::table.find(id))
        .set((
            events::processed_at.eq(now.into_sql::<Timestamptz>().nullable()),
            events::outcome.eq(outcome),
            events::error.eq(None::<String>),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes that processing failed; the provider's repetition is processed again.
///
/// # Errors
/// Of the database.
pub async fn fail(conn: &mut AsyncPgConnection, id: Uuid, error: &str) -> Result<(), StorageError> {
    diesel::update(events::table.find(id)).set(events::error.eq(error)).execute(conn).await?;
    Ok(())
}
