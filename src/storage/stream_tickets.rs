//! Tickets for the balance stream. Only their digests are stored.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::columns::customer_from_column;
use super::schema::stream_tickets as tickets;
use super::{StorageError, clock};
use crate::domain::customer::CustomerId;

/// What a ticket opens.
#[derive(Debug, Clone)]
pub struct StreamTicket {
    pub customer: CustomerId,
    /// The site whose page requested it; `None` if no page did.
    pub origin: Option<String>,
    /// When the token that made it expires.
    pub token_ends_at: DateTime<Utc>,
    /// The API key that made it; `None` for a token.
    pub api_key: Option<Uuid>,
}

/// Stores a ticket by its digest, and returns when it expires.
///
/// # Errors
/// Database errors.
pub async fn insert(
    conn: &mut AsyncPgConnection,
    digest: &[u8],
    ticket: &StreamTicket,
    seconds: i32,
) -> Result<DateTime<Utc>, StorageError> {
    Ok(diesel::insert_into(tickets::table)
        .values((
            tickets::digest.eq(digest),
            tickets::customer_id.eq(ticket.customer.as_str()),
            tickets::origin.eq(ticket.origin.as_deref()),
            tickets::expires_at.eq(clock::later(clock::ledger_now(), clock::seconds(seconds))),
            tickets::token_ends_at.eq(ticket.token_ends_at),
            tickets::api_key.eq(ticket.api_key),
        ))
        .returning(tickets::expires_at)
        .get_result(conn)
        .await?)
}

/// Takes and deletes a ticket. `None` if it was used, or its time is over.
///
/// # Errors
/// Database errors.
pub async fn take(conn: &mut AsyncPgConnection, digest: &[u8]) -> Result<Option<StreamTicket>, StorageError> {
    type Row = (String, Option<String>, DateTime<Utc>, Option<Uuid>);
    let row: Option<Row> = diesel::delete(tickets::table.find(digest).filter(tickets::expires_at.gt(clock::NowOnce)))
        .returning((tickets::customer_id, tickets::origin, tickets::token_ends_at, tickets::api_key))
        .get_result(conn)
        .await
        .optional()?;
    row.map(|(id, origin, token_ends_at, api_key)| {
        Ok(StreamTicket { customer: customer_from_column(&id)?, origin, token_ends_at, api_key })
    })
    .transpose()
}

/// Deletes the tickets that were not used in time. Returns how many there were.
///
/// # Errors
/// Database errors.
pub async fn prune(conn: &mut AsyncPgConnection) -> Result<usize, StorageError> {
    Ok(diesel::delete(tickets::table.filter(tickets::expires_at.le(clock::NowOnce))).execute(conn).await?)
}
