//! Partners' endpoints for events, and their secrets. A deleted endpoint keeps its row, because deliveries refer to it.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::clock::{NowOnce, ledger_now};
use super::columns::corrupt;
use super::page::in_page;
use super::schema::{webhook_endpoints as endpoints, webhook_secrets as secrets};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::event::EventKind;
use crate::domain::page::{Page, Rows};
use crate::domain::webhook::{DeliveryTarget, EndpointStatus, WebhookEndpoint};

/// The status of an endpoint that is no longer shown.
const DELETED: &str = "deleted";

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = endpoints, check_for_backend(Pg))]
pub(super) struct EndpointRow {
    id: Uuid,
    owner: String,
    url: String,
    description: Option<String>,
    types: Vec<String>,
    status: String,
    disabled_because: Option<String>,
    failing_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<EndpointRow> for WebhookEndpoint {
    type Error = StorageError;

    fn try_from(row: EndpointRow) -> Result<Self, StorageError> {
        let status = EndpointStatus::parse(&row.status, row.disabled_because.as_deref());
        let kind = |name: &String| EventKind::parse(name).ok_or_else(|| corrupt("event type", name));
        Ok(Self {
            id: row.id,
            owner: row.owner,
            url: row.url,
            description: row.description,
            kinds: row.types.iter().map(kind).collect::<Result<_, _>>()?,
            status: status.ok_or_else(|| corrupt("endpoint status", &row.status))?,
            failing_since: row.failing_since,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

fn types(endpoint: &WebhookEndpoint) -> Vec<&'static str> {
    endpoint.kinds.iter().map(|kind| kind.as_str()).collect()
}

/// `api_key` is the caller's key, as in [`note_key`].
///
/// # Errors
/// Database errors.
pub async fn insert(
    conn: &mut AsyncPgConnection,
    endpoint: &WebhookEndpoint,
    api_key: Option<Uuid>,
) -> Result<(), StorageError> {
    diesel::insert_into(endpoints::table)
        .values((
            endpoints::id.eq(endpoint.id),
            endpoints::owner.eq(&endpoint.owner),
            endpoints::api_key.eq(api_key),
            endpoints::url.eq(&endpoint.url),
            endpoints::description.eq(&endpoint.description),
            endpoints::types.eq(types(endpoint)),
            endpoints::status.eq(endpoint.status.as_str()),
            endpoints::created_at.eq(endpoint.created_at),
            endpoints::updated_at.eq(endpoint.updated_at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes what its owner can change of a locked endpoint.
///
/// # Errors
/// Database errors.
pub async fn update(conn: &mut AsyncPgConnection, endpoint: &WebhookEndpoint) -> Result<(), StorageError> {
    let because = match endpoint.status {
        EndpointStatus::Disabled(because) => Some(because.as_str()),
        _ => None,
    };
    diesel::update(endpoints::table.find(endpoint.id))
        .set((
            endpoints::url.eq(&endpoint.url),
            endpoints::description.eq(&endpoint.description),
            endpoints::types.eq(types(endpoint)),
            endpoints::status.eq(endpoint.status.as_str()),
            endpoints::disabled_because.eq(because),
            endpoints::failing_since.eq(endpoint.failing_since),
            endpoints::updated_at.eq(endpoint.updated_at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes the API key with which a locked endpoint was changed; `None` for a token.
///
/// # Errors
/// Database errors.
pub async fn note_key(conn: &mut AsyncPgConnection, id: Uuid, api_key: Option<Uuid>) -> Result<(), StorageError> {
    diesel::update(endpoints::table.find(id)).set(endpoints::api_key.eq(api_key)).execute(conn).await?;
    Ok(())
}

/// Pauses the enabled endpoints that an API key made or changed last, and returns them.
///
/// # Errors
/// Database errors.
pub async fn pause_of_key(
    conn: &mut AsyncPgConnection,
    api_key: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<WebhookEndpoint>, StorageError> {
    let enabled = endpoints::status.eq(EndpointStatus::Enabled.as_str());
    let rows: Vec<EndpointRow> = diesel::update(endpoints::table.filter(endpoints::api_key.eq(api_key).and(enabled)))
        .set((endpoints::status.eq(EndpointStatus::Paused.as_str()), endpoints::updated_at.eq(now)))
        .returning(EndpointRow::as_returning())
        .get_results(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Takes an endpoint out of use, with its secrets.
///
/// # Errors
/// Database errors.
pub async fn delete(conn: &mut AsyncPgConnection, id: Uuid) -> Result<(), StorageError> {
    diesel::update(endpoints::table.find(id))
        .set((endpoints::status.eq(DELETED), endpoints::disabled_because.eq(None::<String>)))
        .execute(conn)
        .await?;
    diesel::delete(secrets::table.filter(secrets::endpoint_id.eq(id))).execute(conn).await?;
    Ok(())
}

/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<WebhookEndpoint>, StorageError> {
    let row: Option<EndpointRow> = endpoints::table
        .find(id)
        .filter(endpoints::status.ne(DELETED))
        .select(EndpointRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(TryInto::try_into).transpose()
}

/// Reads an endpoint and locks its row until the transaction ends.
///
/// # Errors
/// Database errors.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<WebhookEndpoint>, StorageError> {
    let row: Option<EndpointRow> = endpoints::table
        .find(id)
        .filter(endpoints::status.ne(DELETED))
        .select(EndpointRow::as_select())
        .for_no_key_update()
        .first(conn)
        .await
        .optional()?;
    row.map(TryInto::try_into).transpose()
}

/// A page of the endpoints of an owner, or of all, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    owner: Option<&str>,
    page: &Page,
) -> Result<Rows<WebhookEndpoint>, StorageError> {
    let mut query =
        endpoints::table.filter(endpoints::status.ne(DELETED)).select(EndpointRow::as_select()).into_boxed();
    if let Some(owner) = owner {
        query = query.filter(endpoints::owner.eq(owner.to_owned()));
    }
    let query = in_page!(query, page, endpoints::created_at, endpoints::id);
    let rows: Vec<EndpointRow> = query.limit(page.to_read()).load(conn).await?;
    page.cut(rows).try_map(TryInto::try_into)
}

/// How many endpoints an owner has. It takes an advisory lock, so that parallel requests count each other's.
///
/// # Errors
/// Database errors.
pub async fn count(conn: &mut AsyncPgConnection, owner: &str) -> Result<i64, StorageError> {
    let scope = format!("webhook endpoints\n{owner}");
    let key = super::idempotency::hashtextextended(scope, 0);
    diesel::select(super::orders::pg_advisory_xact_lock(key)).execute(conn).await?;
    Ok(endpoints::table
        .filter(endpoints::owner.eq(owner).and(endpoints::status.ne(DELETED)))
        .count()
        .get_result(conn)
        .await?)
}

/// Makes a secret the current one. The previous one signs until `ends`. An even older one ends now.
///
/// # Errors
/// Database errors.
pub async fn add_secret(
    conn: &mut AsyncPgConnection,
    endpoint: Uuid,
    secret: &str,
    now: DateTime<Utc>,
    ends: DateTime<Utc>,
) -> Result<(), StorageError> {
    let mine = secrets::endpoint_id.eq(endpoint);
    diesel::delete(secrets::table.filter(mine.and(secrets::ends_at.is_not_null()))).execute(conn).await?;
    diesel::update(secrets::table.filter(mine)).set(secrets::ends_at.eq(ends)).execute(conn).await?;
    diesel::insert_into(secrets::table)
        .values((mine, secrets::secret.eq(secret), secrets::made_at.eq(now)))
        .execute(conn)
        .await?;
    Ok(())
}

/// The secrets that sign now, the current one first.
///
/// # Errors
/// Database errors.
async fn secrets(conn: &mut AsyncPgConnection, endpoint: Uuid) -> Result<Vec<String>, StorageError> {
    Ok(secrets::table
        .filter(secrets::endpoint_id.eq(endpoint))
        .filter(secrets::ends_at.is_null().or(secrets::ends_at.gt(NowOnce.nullable())))
        .order(secrets::made_at.desc())
        .select(secrets::secret)
        .load(conn)
        .await?)
}

struct Test(Uuid);

impl Statement for Test {
    const TEXT: &'static str = include_str!("sql/tell_test.sql");
    type Row = SqlUuid;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<SqlUuid, _>(&self.0)
    }
}

/// Writes a test event for one endpoint. Returns the event's id.
///
/// # Errors
/// Database errors.
pub async fn tell_test(conn: &mut AsyncPgConnection, endpoint: Uuid) -> Result<Uuid, StorageError> {
    Ok(Cached(Test(endpoint)).get_result(conn).await?)
}

struct ClaimEndpoints {
    holder: Uuid,
    seconds: i64,
    limit: i64,
}

impl Statement for ClaimEndpoints {
    const TEXT: &'static str = include_str!("sql/claim_webhook_endpoints.sql");
    type Row = SqlUuid;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<SqlUuid, _>(&self.holder)?;
        parameters.add::<BigInt, _>(&self.seconds)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

/// Claims enabled endpoints that have something to deliver and to which no other process delivers, those first that
/// have waited longest.
///
/// # Errors
/// Database errors.
pub async fn claim(
    conn: &mut AsyncPgConnection,
    holder: Uuid,
    seconds: i64,
    limit: i64,
) -> Result<Vec<Uuid>, StorageError> {
    Ok(Cached(ClaimEndpoints { holder, seconds, limit }).load(conn).await?)
}

/// The URL and secrets of an endpoint, while it is enabled and `holder` has its lease.
///
/// # Errors
/// Database errors.
pub async fn target(
    conn: &mut AsyncPgConnection,
    holder: Uuid,
    endpoint: Uuid,
) -> Result<Option<DeliveryTarget>, StorageError> {
    let found: Option<(String, String)> = endpoints::table
        .find(endpoint)
        .filter(endpoints::lease.eq(holder).and(endpoints::status.eq(EndpointStatus::Enabled.as_str())))
        .select((endpoints::owner, endpoints::url))
        .first(conn)
        .await
        .optional()?;
    let Some((owner, url)) = found else { return Ok(None) };
    let secrets = secrets(conn, endpoint).await?;
    Ok(Some(DeliveryTarget { owner, url, secrets }))
}

/// Extends a lease. Returns false if it is lost, or the endpoint takes no more events.
///
/// # Errors
/// Database errors.
pub async fn renew(
    conn: &mut AsyncPgConnection,
    holder: Uuid,
    endpoint: Uuid,
    seconds: i32,
) -> Result<bool, StorageError> {
    let mine = endpoints::table.find(endpoint).filter(endpoints::lease.eq(holder));
    let until = super::clock::later(ledger_now(), super::clock::seconds(seconds));
    let renewed = diesel::update(mine.filter(endpoints::status.eq(EndpointStatus::Enabled.as_str())))
        .set(endpoints::leased_until.eq(until.nullable()))
        .execute(conn)
        .await?;
    Ok(renewed == 1)
}

/// Gives leases back: that of one endpoint, or all of a holder.
///
/// # Errors
/// Database errors.
pub async fn release(conn: &mut AsyncPgConnection, holder: Uuid, endpoint: Option<Uuid>) -> Result<(), StorageError> {
    // The time stays, so that endpoints take turns.
    let freed = (endpoints::lease.eq(None::<Uuid>), endpoints::leased_until.eq(ledger_now().nullable()));
    let mine = endpoints::table.filter(endpoints::lease.eq(holder));
    match endpoint {
        Some(id) => diesel::update(mine.filter(endpoints::id.eq(id))).set(freed).execute(conn).await?,
        None => diesel::update(mine).set(freed).execute(conn).await?,
    };
    Ok(())
}

struct Answered {
    endpoint: Uuid,
    succeeded: bool,
    gone: bool,
    failing_before: DateTime<Utc>,
}

impl Statement for Answered {
    const TEXT: &'static str = include_str!("sql/webhook_endpoint_answered.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<SqlUuid, _>(&self.endpoint)?;
        parameters.add::<Bool, _>(&self.succeeded)?;
        parameters.add::<Bool, _>(&self.gone)?;
        parameters.add::<Timestamptz, _>(&self.failing_before)
    }
}

/// Notes how an attempt ended. An endpoint that answered 410, or has failed since before a moment, is disabled.
///
/// # Errors
/// Database errors.
pub async fn answered(
    conn: &mut AsyncPgConnection,
    endpoint: Uuid,
    (succeeded, gone): (bool, bool),
    failing_before: DateTime<Utc>,
) -> Result<(), StorageError> {
    Cached(Answered { endpoint, succeeded, gone, failing_before }).execute(conn).await?;
    Ok(())
}
