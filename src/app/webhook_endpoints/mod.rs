//! Partners' endpoints for events. A service manages its own; an operator manages all.

pub mod deliver;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio::sync::Semaphore;
use url::Url;
use uuid::Uuid;

use super::{App, Caller, Error, Reader};
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::event::{Event, EventKind};
use crate::domain::id::IdKind;
use crate::domain::page::{Page, Rows};
use crate::domain::webhook::{Delivery, ENDPOINTS, EndpointStatus, ROTATION, WebhookEndpoint};
use crate::outbound::{Secret, Sender};
use crate::storage::transaction::transact;
use crate::storage::{
    Connection, api_keys, audit, clock, webhook_deliveries as deliveries, webhook_endpoints as store,
};

/// How many events one request to deliver again checks.
const AT_ONCE: i64 = 10_000;
/// How many deliveries use the database at the same time, so that they leave connections to requests.
const DATABASE: usize = 4;

/// Encodes an event as the API shows it to a reader.
pub type Render = fn(&Event, Reader) -> Result<String, Error>;

/// What deliveries need.
#[derive(Debug, Clone)]
pub struct Webhooks {
    pub sender: Sender,
    pub render: Render,
    database: Arc<Semaphore>,
}

impl Webhooks {
    #[must_use]
    pub fn new(sender: Sender, render: Render) -> Self {
        Self { sender, render, database: Arc::new(Semaphore::new(DATABASE)) }
    }
}

/// What the owner of an endpoint decides.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    pub url: String,
    pub description: Option<String>,
    /// Empty: events of every kind.
    pub kinds: Vec<EventKind>,
}

/// An endpoint with its new secret. The secret is shown only once.
#[derive(Debug)]
pub struct WithSecret {
    pub endpoint: WebhookEndpoint,
    pub secret: Secret,
}

/// What a request to deliver again has done.
#[derive(Debug, Clone, Copy)]
pub struct Redelivered {
    /// How many deliveries were created or started again.
    pub deliveries: i64,
    /// The time from which there may be more; `None` if those were all.
    pub next_since: Option<DateTime<Utc>>,
}

/// Makes an endpoint.
///
/// # Errors
/// 422 for a URL that is not allowed; 409 `too_many_webhook_endpoints`.
pub async fn create(app: &App, caller: &Caller, new: &EndpointSettings) -> Result<WithSecret, Error> {
    let url = check_url(app, &new.url)?;
    let (owner, secret) = (caller.actor(), Secret::generate());
    let endpoint = transact(&app.pool, async |conn| {
        require_key(conn, caller).await?;
        if store::count(conn, &owner).await? >= ENDPOINTS {
            let detail = format!("no caller may have more than {ENDPOINTS} endpoints: delete one first");
            return Err(Error::conflict(Code::TooManyWebhookEndpoints, detail));
        }
        let now = clock::now(conn).await?;
        let endpoint = WebhookEndpoint {
            id: Uuid::now_v7(),
            owner: owner.clone(),
            url: url.clone(),
            description: new.description.clone(),
            kinds: new.kinds.clone(),
            status: EndpointStatus::Enabled,
            failing_since: None,
            created_at: now,
            updated_at: now,
        };
        store::insert(conn, &endpoint, caller.api_key).await?;
        store::add_secret(conn, endpoint.id, secret.expose(), now, now).await?;
        write_audit(conn, &owner, "created", &endpoint).await?;
        Ok(endpoint)
    })
    .await?;
    Ok(WithSecret { endpoint, secret })
}

fn check_url(app: &App, text: &str) -> Result<String, Error> {
    let bad = |detail: &str| Error::field("/url", Code::UrlNotAllowed, detail);
    let url = Url::parse(text).map_err(|_| bad("must be a URL"))?;
    app.webhooks.sender.rule().check(&url).map_err(bad)?;
    Ok(url.into())
}

/// An endpoint.
///
/// # Errors
/// 404.
pub async fn get(app: &App, caller: &Caller, id: Option<Uuid>) -> Result<WebhookEndpoint, Error> {
    let mut conn = app.pool.get().await?;
    let found = store::find(&mut conn, id.ok_or_else(missing)?).await?;
    owned(caller, found)
}

/// A page of endpoints, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, caller: &Caller, page: &Page) -> Result<Rows<WebhookEndpoint>, Error> {
    let owner = (!caller.is_operator).then(|| caller.actor());
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, owner.as_deref(), page).await?)
}

/// Requires that the caller's key has not been revoked, and prevents that until the transaction ends: a revoked key
/// that a process still accepts must not enable endpoints again after they were paused. The key is locked before the
/// endpoint.
async fn require_key(conn: &mut Connection, caller: &Caller) -> Result<(), Error> {
    match caller.api_key {
        Some(key) if !api_keys::stays(conn, key).await? => {
            let detail = "the API key has been revoked".to_owned();
            Err(Error::Forbidden { code: Code::InsufficientScope, detail })
        }
        _ => Ok(()),
    }
}

fn missing() -> Error {
    Error::NotFound("webhook endpoint")
}

fn owned(caller: &Caller, found: Option<WebhookEndpoint>) -> Result<WebhookEndpoint, Error> {
    found.filter(|endpoint| caller.is_operator || endpoint.owner == caller.actor()).ok_or_else(missing)
}

async fn lock(conn: &mut Connection, caller: &Caller, id: Option<Uuid>) -> Result<WebhookEndpoint, Error> {
    let found = store::lock(conn, id.ok_or_else(missing)?).await?;
    owned(caller, found)
}

/// Replaces the settings of an endpoint. Deliveries that wait go to the new URL.
///
/// # Errors
/// 404; 422 for a URL that is not allowed.
pub async fn replace(
    app: &App,
    caller: &Caller,
    id: Option<Uuid>,
    new: &EndpointSettings,
) -> Result<WebhookEndpoint, Error> {
    let url = check_url(app, &new.url)?;
    transact(&app.pool, async |conn| {
        require_key(conn, caller).await?;
        let mut endpoint = lock(conn, caller, id).await?;
        endpoint.url.clone_from(&url);
        endpoint.description.clone_from(&new.description);
        endpoint.kinds.clone_from(&new.kinds);
        endpoint.updated_at = clock::now(conn).await?;
        store::update(conn, &endpoint).await?;
        store::note_key(conn, endpoint.id, caller.api_key).await?;
        write_audit(conn, &caller.actor(), "changed", &endpoint).await?;
        Ok(endpoint)
    })
    .await
}

/// Pauses an endpoint: its deliveries wait. An endpoint that the service has disabled stays disabled.
///
/// # Errors
/// 404; 409 `webhook_endpoint_disabled`.
pub async fn pause(app: &App, caller: &Caller, id: Option<Uuid>) -> Result<WebhookEndpoint, Error> {
    transact(&app.pool, async |conn| {
        let endpoint = lock(conn, caller, id).await?;
        require_not_disabled(&endpoint)?;
        set_status(conn, caller, endpoint, EndpointStatus::Paused, "paused").await
    })
    .await
}

/// Enables an endpoint. Deliveries that waited are tried.
///
/// # Errors
/// 404.
pub async fn enable(app: &App, caller: &Caller, id: Option<Uuid>) -> Result<WebhookEndpoint, Error> {
    transact(&app.pool, async |conn| {
        require_key(conn, caller).await?;
        let mut endpoint = lock(conn, caller, id).await?;
        endpoint.failing_since = None;
        store::note_key(conn, endpoint.id, caller.api_key).await?;
        set_status(conn, caller, endpoint, EndpointStatus::Enabled, "enabled").await
    })
    .await
}

fn require_not_disabled(endpoint: &WebhookEndpoint) -> Result<(), Error> {
    match endpoint.status {
        EndpointStatus::Disabled(_) => Err(Error::conflict(
            Code::WebhookEndpointDisabled,
            "the service has disabled the endpoint: enable it first",
        )),
        EndpointStatus::Enabled | EndpointStatus::Paused => Ok(()),
    }
}

async fn set_status(
    conn: &mut Connection,
    caller: &Caller,
    mut endpoint: WebhookEndpoint,
    status: EndpointStatus,
    word: &str,
) -> Result<WebhookEndpoint, Error> {
    if endpoint.status != status {
        endpoint.status = status;
        endpoint.updated_at = clock::now(conn).await?;
        store::update(conn, &endpoint).await?;
        write_audit(conn, &caller.actor(), word, &endpoint).await?;
    }
    Ok(endpoint)
}

/// Deletes an endpoint, with its secrets and waiting deliveries.
///
/// # Errors
/// 404.
pub async fn delete(app: &App, caller: &Caller, id: Option<Uuid>) -> Result<(), Error> {
    transact(&app.pool, async |conn| {
        let endpoint = lock(conn, caller, id).await?;
        store::delete(conn, endpoint.id).await?;
        write_audit(conn, &caller.actor(), "deleted", &endpoint).await
    })
    .await
}

/// Gives an endpoint a new secret. The old one also signs for 24 hours.
///
/// # Errors
/// 404.
pub async fn rotate_secret(app: &App, caller: &Caller, id: Option<Uuid>) -> Result<WithSecret, Error> {
    let secret = Secret::generate();
    let endpoint = transact(&app.pool, async |conn| {
        require_key(conn, caller).await?;
        let endpoint = lock(conn, caller, id).await?;
        let now = clock::now(conn).await?;
        store::add_secret(conn, endpoint.id, secret.expose(), now, now + ROTATION).await?;
        store::note_key(conn, endpoint.id, caller.api_key).await?;
        write_audit(conn, &caller.actor(), "secret_rotated", &endpoint).await?;
        Ok::<_, Error>(endpoint)
    })
    .await?;
    Ok(WithSecret { endpoint, secret })
}

/// Sends a test event to an endpoint, whatever types it wants. Returns the event's id.
///
/// # Errors
/// 404; 409 `webhook_endpoint_disabled`.
pub async fn test(app: &App, caller: &Caller, id: Option<Uuid>) -> Result<Uuid, Error> {
    transact(&app.pool, async |conn| {
        let endpoint = lock(conn, caller, id).await?;
        require_not_disabled(&endpoint)?;
        Ok(store::tell_test(conn, endpoint.id).await?)
    })
    .await
}

/// A page of an endpoint's deliveries, the newest event first.
///
/// # Errors
/// 404.
pub async fn list_deliveries(
    app: &App,
    caller: &Caller,
    id: Option<Uuid>,
    page: &Page<i64>,
) -> Result<Rows<Delivery>, Error> {
    let endpoint = get(app, caller, id).await?;
    let mut conn = app.pool.get().await?;
    Ok(deliveries::list(&mut conn, endpoint.id, page).await?)
}

/// Tries a delivery again now, with a new schedule of attempts. A waiting delivery is left alone.
///
/// # Errors
/// 404; 409 `webhook_endpoint_disabled`.
pub async fn redeliver(
    app: &App,
    caller: &Caller,
    id: Option<Uuid>,
    delivery: Option<Uuid>,
) -> Result<Delivery, Error> {
    let missing = || Error::NotFound("delivery");
    let endpoint = get(app, caller, id).await?;
    require_not_disabled(&endpoint)?;
    let delivery = delivery.ok_or_else(missing)?;
    let mut conn = app.pool.get().await?;
    if !deliveries::redeliver(&mut conn, endpoint.id, delivery).await? {
        return Err(missing());
    }
    deliveries::find(&mut conn, endpoint.id, delivery).await?.ok_or_else(missing)
}

/// Delivers the events since a moment that an endpoint wants again, the oldest first.
///
/// # Errors
/// 404; 409 `webhook_endpoint_disabled`.
pub async fn redeliver_since(
    app: &App,
    caller: &Caller,
    id: Option<Uuid>,
    since: DateTime<Utc>,
) -> Result<Redelivered, Error> {
    let endpoint = get(app, caller, id).await?;
    require_not_disabled(&endpoint)?;
    let (found, deliveries, last) = transact(&app.pool, async |conn| {
        Ok::<_, Error>(deliveries::redeliver_since(conn, endpoint.id, since, AT_ONCE).await?)
    })
    .await?;
    // All events of the last moment were checked.
    let next_since = last.filter(|_| found >= AT_ONCE).map(|last| last + TimeDelta::microseconds(1));
    Ok(Redelivered { deliveries, next_since })
}

/// Pauses the endpoints that a revoked API key made, or whose URL or secret it changed last: whoever had the key may
/// receive events there. Their deliveries wait until the owner enables them.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn pause_of_key(conn: &mut Connection, actor: &str, api_key: Uuid) -> Result<(), Error> {
    let now = clock::now(conn).await?;
    for endpoint in store::pause_of_key(conn, api_key, now).await? {
        write_audit(conn, actor, "paused", &endpoint).await?;
    }
    Ok(())
}

async fn write_audit(
    conn: &mut Connection,
    actor: &str,
    action: &str,
    endpoint: &WebhookEndpoint,
) -> Result<(), Error> {
    let target = format!("webhook_endpoint:{}", IdKind::WebhookEndpoint.show(endpoint.id));
    let record = AuditRecord::new(actor, &format!("webhook_endpoint.{action}"), target);
    Ok(audit::write(conn, &record.to(json!({ "url": endpoint.url, "owner": endpoint.owner }))).await?)
}
