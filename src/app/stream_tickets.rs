//! Tickets for the balance stream: a browser's `EventSource` cannot send a token, so its page asks for a ticket, which
//! opens one stream within half a minute.
//!
//! A ticket is a random text that only its page knows; the database has its digest. It is valid once, for one customer,
//! and from one site.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{App, Error};
use crate::domain::customer::CustomerId;
use crate::storage::audit;
use crate::storage::stream_tickets::{self, StreamTicket};

/// How long a ticket is valid.
const SECONDS: i32 = 30;

/// A new ticket.
#[derive(Clone)]
pub struct NewStreamTicket {
    pub text: String,
    pub expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for NewStreamTicket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewStreamTicket").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// The stream that a ticket has opened.
#[derive(Debug, Clone)]
pub struct OpenedStream {
    pub customer: CustomerId,
    pub token_ends_at: DateTime<Utc>,
    /// The API key that made the ticket: the stream ends with the key.
    pub api_key: Option<Uuid>,
}

/// Makes a ticket for a customer's stream. `origin` is the site of the page that asks; `None` if no page does.
///
/// # Errors
/// Database errors.
#[tracing::instrument(name = "stream_tickets.create", skip_all, fields(customer = %customer))]
pub async fn create(
    app: &App,
    customer: &CustomerId,
    origin: Option<String>,
    token_ends_at: DateTime<Utc>,
) -> Result<NewStreamTicket, Error> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Error::Internal("random bytes from the system"))?;
    let text = URL_SAFE_NO_PAD.encode(bytes);
    let api_key = audit::acting_key();
    let ticket = StreamTicket { customer: customer.clone(), origin, token_ends_at, api_key };
    let mut conn = app.pool.get().await?;
    let expires_at = stream_tickets::insert(&mut conn, &Sha256::digest(&text), &ticket, SECONDS).await?;
    Ok(NewStreamTicket { text, expires_at })
}

/// Takes a ticket. A page of our own site sends no origin when it reads. `None` for a ticket that was used, is too old,
/// or comes from another site; the ticket is deleted in any case.
///
/// # Errors
/// Database errors.
pub async fn take(app: &App, ticket: &str, origin: Option<&str>) -> Result<Option<OpenedStream>, Error> {
    let mut conn = app.pool.get().await?;
    let Some(taken) = stream_tickets::take(&mut conn, &Sha256::digest(ticket)).await? else { return Ok(None) };
    let own = url::Url::parse(&app.settings.public_url).ok().map(|url| url.origin().ascii_serialization());
    let is_meant = origin == taken.origin.as_deref() || (origin.is_none() && taken.origin == own);
    Ok(is_meant.then_some(OpenedStream {
        customer: taken.customer,
        token_ends_at: taken.token_ends_at,
        api_key: taken.api_key,
    }))
}
