//! API keys: operators and services make them for themselves, and the command line makes them for anybody.
//!
//! A key acts as its owner and permits no more than its maker could do. A key cannot create another key, so none
//! remains after a revocation. The webhook endpoints that a revoked key made or changed last are paused.

mod ring;

use chrono::TimeDelta;
use rand::Rng;
use serde_json::json;
use uuid::Uuid;

pub use self::ring::KeyRing;

use super::{App, Caller, Error, webhook_endpoints};
use crate::domain::actor::SYSTEM;
use crate::domain::api_key::{ApiKey, KEYS, KeyOwner, KeyRole, KeyText, Revoked};
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::environment::Environment;
use crate::domain::id::IdKind;
use crate::domain::page::{Page, Rows};
use crate::domain::permission::{Permission, Permissions};
use crate::storage::pool::Pool;
use crate::storage::transaction::transact;
use crate::storage::{Connection, api_keys as store, audit, clock};

/// What the maker of a key decides.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub description: String,
    /// The permissions of an operator's key; none for a service's key.
    pub permissions: Permissions,
    /// How long it lives.
    pub days: u16,
}

/// A key with its text, which is shown only once.
#[derive(Debug)]
pub struct WithText {
    pub key: ApiKey,
    pub text: KeyText,
}

/// Makes a key for the caller.
///
/// # Errors
/// 403 `made_with_key`, `insufficient_permission`; 409 `too_many_api_keys`; 422.
pub async fn create(app: &App, caller: &Caller, new: &NewKey) -> Result<WithText, Error> {
    if caller.api_key.is_some() {
        let detail = "a key cannot create a key: call with a token of your identity provider";
        return Err(Error::Forbidden { code: Code::MadeWithKey, detail: detail.to_owned() });
    }
    let owner = owner_of(caller)?;
    if let Some(lacking) = new.permissions.iter().find(|wanted| !caller.permissions.contains(*wanted)) {
        let detail = format!("you do not have the permission `{lacking}` yourself");
        return Err(Error::Forbidden { code: Code::InsufficientPermission, detail });
    }
    let environment = if app.settings.live { Environment::Live } else { Environment::Test };
    let maker = Maker { name: &owner.to_string(), own_customer: caller.own_customer.as_ref() };
    make(&app.pool, &owner, &maker, environment, app.settings.key_max_days, new).await
}

fn owner_of(caller: &Caller) -> Result<KeyOwner, Error> {
    KeyOwner::parse(&caller.actor()).ok_or(Error::Internal("an operator or a service, whom only the edge lets in"))
}

/// Makes a key for anybody, on the command line. `own_customer` is the customer that the owner is, if its id differs
/// from the owner's name.
///
/// # Errors
/// 409 `too_many_api_keys`; 422.
pub async fn create_for(
    pool: &Pool,
    owner: &KeyOwner,
    own_customer: Option<&CustomerId>,
    environment: Environment,
    max_days: u16,
    new: &NewKey,
) -> Result<WithText, Error> {
    make(pool, owner, &Maker { name: SYSTEM, own_customer }, environment, max_days, new).await
}

struct Maker<'m> {
    name: &'m str,
    /// The customer that the key's owner is.
    own_customer: Option<&'m CustomerId>,
}

async fn make(
    pool: &Pool,
    owner: &KeyOwner,
    maker: &Maker<'_>,
    environment: Environment,
    max_days: u16,
    new: &NewKey,
) -> Result<WithText, Error> {
    if new.days == 0 || new.days > max_days {
        let detail = format!("must be 1 to {max_days}");
        return Err(Error::field("/expires_in_days", Code::OutOfRange, detail));
    }
    match (owner.role(), new.permissions == Permissions::NONE) {
        (KeyRole::Operator, true) => {
            return Err(Error::field("/permissions", Code::Required, "must name what the key permits"));
        }
        (KeyRole::Service, false) => {
            return Err(Error::field("/permissions", Code::InvalidValue, "must be absent: services have none"));
        }
        _ => {}
    }
    let text = KeyText::new(environment, rand::rng().random());
    let key = transact(pool, async |conn| {
        if store::count(conn, owner).await? >= KEYS {
            let detail = format!("nobody may have more than {KEYS} keys: revoke one first");
            return Err(Error::conflict(Code::TooManyApiKeys, detail));
        }
        let now = clock::now(conn).await?;
        let key = ApiKey {
            id: Uuid::now_v7(),
            owner: owner.clone(),
            hint: text.hint(),
            description: new.description.clone(),
            permissions: new.permissions,
            created_by: maker.name.to_owned(),
            created_at: now,
            expires_at: now + TimeDelta::days(new.days.into()),
            revoked: None,
            last_used: None,
        };
        store::insert(conn, &key, maker.own_customer, &text.digest()).await?;
        write_audit(conn, maker.name, "created", &key).await?;
        Ok(key)
    })
    .await?;
    Ok(WithText { key, text })
}

/// A page of keys, newest first: the caller's own, and everybody's for an operator who has `admin`.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, caller: &Caller, page: &Page) -> Result<Rows<ApiKey>, Error> {
    let owner = (!sees_all(caller)).then(|| caller.actor());
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, owner.as_deref(), page).await?)
}

fn sees_all(caller: &Caller) -> bool {
    caller.is_operator && caller.permissions.contains(Permission::Admin)
}

/// Revokes a key: one of the caller's own, or anybody's for an operator who has `admin`. A revoked key stays revoked.
///
/// # Errors
/// 404.
pub async fn revoke(app: &App, caller: &Caller, id: Option<Uuid>) -> Result<ApiKey, Error> {
    let missing = || Error::NotFound("API key");
    let id = id.ok_or_else(missing)?;
    transact(&app.pool, async |conn| {
        let key = store::lock(conn, id).await?.ok_or_else(missing)?;
        if !sees_all(caller) && key.owner.to_string() != caller.actor() {
            return Err(missing());
        }
        end(conn, &caller.actor(), key).await
    })
    .await
}

/// Revokes all keys of an owner, on the command line. Returns them.
///
/// # Errors
/// Database errors.
pub async fn revoke_all(pool: &Pool, owner: &KeyOwner) -> Result<Vec<ApiKey>, Error> {
    transact(pool, async |conn| {
        let mut ended = Vec::new();
        for key in store::lock_all(conn, owner).await? {
            ended.push(end(conn, SYSTEM, key).await?);
        }
        Ok(ended)
    })
    .await
}

/// Revokes one key, on the command line.
///
/// # Errors
/// 404.
pub async fn revoke_one(pool: &Pool, id: Uuid) -> Result<ApiKey, Error> {
    transact(pool, async |conn| {
        let key = store::lock(conn, id).await?.ok_or(Error::NotFound("API key"))?;
        end(conn, SYSTEM, key).await
    })
    .await
}

async fn end(conn: &mut Connection, by: &str, key: ApiKey) -> Result<ApiKey, Error> {
    if key.revoked.is_some() {
        return Ok(key);
    }
    let revoked = Revoked { at: clock::now(conn).await?, by: by.to_owned() };
    store::revoke(conn, key.id, &revoked).await?;
    webhook_endpoints::pause_of_key(conn, by, key.id).await?;
    write_audit(conn, by, "revoked", &key).await?;
    Ok(ApiKey { revoked: Some(revoked), ..key })
}

async fn write_audit(conn: &mut Connection, by: &str, action: &str, key: &ApiKey) -> Result<(), Error> {
    let target = format!("api_key:{}", IdKind::ApiKey.show(key.id));
    let permissions: Vec<&str> = key.permissions.iter().map(Permission::as_str).collect();
    let shown = json!({
        "owner": key.owner.to_string(), "hint": key.hint, "permissions": permissions, "expires_at": key.expires_at,
    });
    let record = AuditRecord::new(by, &format!("api_key.{action}"), target).because(&key.description);
    Ok(audit::write(conn, &record.to(shown)).await?)
}

/// Does some work for a caller, so that its audit entries name the caller's API key.
pub async fn acting_with<F: Future>(key: Option<Uuid>, work: F) -> F::Output {
    match key {
        Some(key) => audit::acting_with(key, work).await,
        None => work.await,
    }
}
