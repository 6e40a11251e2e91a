//! API keys: their digests, and what they permit.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::clock::{NowOnce, ledger_now};
use super::columns::corrupt;
use super::page::in_page;
use super::schema::api_keys;
use crate::domain::api_key::{ApiKey, KeyDigest, KeyOwner, LastUse, Revoked};
use crate::domain::customer::CustomerId;
use crate::domain::page::{Page, Rows};
use crate::domain::permission::{Permission, Permissions};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = api_keys, check_for_backend(Pg))]
struct KeyRow {
    id: Uuid,
    owner: String,
    hint: String,
    description: String,
    permissions: Vec<String>,
    created_by: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
    revoked_by: Option<String>,
    last_used_at: Option<DateTime<Utc>>,
    last_used_from: Option<String>,
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = StorageError;

    fn try_from(row: KeyRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: row.id,
            owner: owner_from_column(&row.owner)?,
            hint: row.hint,
            description: row.description,
            permissions: Permissions::parse(row.permissions.iter().map(String::as_str)),
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked: row.revoked_at.zip(row.revoked_by).map(|(at, by)| Revoked { at, by }),
            last_used: row.last_used_at.zip(row.last_used_from).map(|(at, from)| LastUse { at, from }),
        })
    }
}

fn owner_from_column(text: &str) -> Result<KeyOwner, StorageError> {
    KeyOwner::parse(text).ok_or_else(|| corrupt("owner of an API key", text))
}

/// # Errors
/// Database errors.
pub async fn insert(
    conn: &mut AsyncPgConnection,
    key: &ApiKey,
    own_customer: Option<&CustomerId>,
    digest: &KeyDigest,
) -> Result<(), StorageError> {
    diesel::insert_into(api_keys::table)
        .values((
            api_keys::id.eq(key.id),
            api_keys::owner.eq(key.owner.to_string()),
            api_keys::own_customer.eq(own_customer.map(CustomerId::as_str)),
            api_keys::digest.eq(digest.as_slice()),
            api_keys::hint.eq(&key.hint),
            api_keys::description.eq(&key.description),
            api_keys::permissions.eq(key.permissions.iter().map(Permission::as_str).collect::<Vec<_>>()),
            api_keys::created_by.eq(&key.created_by),
            api_keys::created_at.eq(key.created_at),
            api_keys::expires_at.eq(key.expires_at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// How many valid keys an owner has. It takes an advisory lock, so that parallel requests count each other's.
///
/// # Errors
/// Database errors.
pub async fn count(conn: &mut AsyncPgConnection, owner: &KeyOwner) -> Result<i64, StorageError> {
    let lock = super::idempotency::hashtextextended(format!("API keys\n{owner}"), 0);
    diesel::select(super::orders::pg_advisory_xact_lock(lock)).execute(conn).await?;
    let usable = api_keys::revoked_at.is_null().and(api_keys::expires_at.gt(NowOnce));
    let count = api_keys::table.filter(api_keys::owner.eq(owner.to_string()).and(usable)).count();
    Ok(count.get_result(conn).await?)
}

/// A valid key.
#[derive(Debug, Clone)]
pub struct LiveKey {
    pub id: Uuid,
    pub owner: KeyOwner,
    /// The customer that the owner is, by the token that made the key.
    pub own_customer: Option<CustomerId>,
    pub permissions: Permissions,
    pub expires_at: DateTime<Utc>,
}

#[derive(Queryable)]
struct LiveRow {
    digest: Vec<u8>,
    id: Uuid,
    owner: String,
    own_customer: Option<String>,
    permissions: Vec<String>,
    expires_at: DateTime<Utc>,
}

/// All valid keys, by their digests, and the time.
///
/// # Errors
/// Database errors.
pub async fn live(conn: &mut AsyncPgConnection) -> Result<(Vec<(KeyDigest, LiveKey)>, DateTime<Utc>), StorageError> {
    // The time is read first, so that no key seems to live longer than it does.
    let now = super::clock::now(conn).await?;
    let rows: Vec<LiveRow> = api_keys::table
        .filter(api_keys::revoked_at.is_null().and(api_keys::expires_at.gt(NowOnce)))
        .select((
            api_keys::digest,
            api_keys::id,
            api_keys::owner,
            api_keys::own_customer,
            api_keys::permissions,
            api_keys::expires_at,
        ))
        .load(conn)
        .await?;
    let read = |row: LiveRow| {
        let digest: KeyDigest = row.digest.try_into().map_err(|_| corrupt("digest of the API key", row.id))?;
        let key = LiveKey {
            id: row.id,
            owner: owner_from_column(&row.owner)?,
            own_customer: row.own_customer.as_deref().and_then(CustomerId::new),
            permissions: Permissions::parse(row.permissions.iter().map(String::as_str)),
            expires_at: row.expires_at,
        };
        Ok((digest, key))
    };
    Ok((rows.into_iter().map(read).collect::<Result<_, StorageError>>()?, now))
}

/// Notes that a key was used now.
///
/// # Errors
/// Database errors.
pub async fn note_use(conn: &mut AsyncPgConnection, id: Uuid, from: &str) -> Result<(), StorageError> {
    diesel::update(api_keys::table.find(id))
        .set((api_keys::last_used_at.eq(ledger_now().nullable()), api_keys::last_used_from.eq(from)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Reads a key for the rest of the transaction, so that no other transaction revokes it meanwhile.
///
/// # Errors
/// Database errors.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<ApiKey>, StorageError> {
    let row: Option<KeyRow> =
        api_keys::table.find(id).select(KeyRow::as_select()).for_no_key_update().first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// Whether a key has not been revoked. No other transaction revokes it until this one ends.
///
/// # Errors
/// Database errors.
pub async fn stays(conn: &mut AsyncPgConnection, id: Uuid) -> Result<bool, StorageError> {
    let revoked_at: Option<Option<DateTime<Utc>>> =
        api_keys::table.find(id).select(api_keys::revoked_at).for_share().first(conn).await.optional()?;
    Ok(revoked_at == Some(None))
}

/// Reads all keys of an owner that are not revoked, in the order in which they were made, like [`lock`].
///
/// # Errors
/// Database errors.
pub async fn lock_all(conn: &mut AsyncPgConnection, owner: &KeyOwner) -> Result<Vec<ApiKey>, StorageError> {
    let rows: Vec<KeyRow> = api_keys::table
        .filter(api_keys::owner.eq(owner.to_string()).and(api_keys::revoked_at.is_null()))
        .order((api_keys::created_at, api_keys::id))
        .select(KeyRow::as_select())
        .for_no_key_update()
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Ends a locked key.
///
/// # Errors
/// Database errors.
pub async fn revoke(conn: &mut AsyncPgConnection, id: Uuid, revoked: &Revoked) -> Result<(), StorageError> {
    diesel::update(api_keys::table.find(id))
        .set((api_keys::revoked_at.eq(revoked.at), api_keys::revoked_by.eq(&revoked.by)))
        .execute(conn)
        .await?;
    Ok(())
}

/// A page of the keys of an owner, or of all, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    owner: Option<&str>,
    page: &Page,
) -> Result<Rows<ApiKey>, StorageError> {
    let mut query = api_keys::table.select(KeyRow::as_select()).into_boxed();
    if let Some(owner) = owner {
        query = query.filter(api_keys::owner.eq(owner.to_owned()));
    }
    let query = in_page!(query, page, api_keys::created_at, api_keys::id);
    let rows: Vec<KeyRow> = query.limit(page.to_read()).load(conn).await?;
    page.cut(rows).try_map(TryInto::try_into)
}
