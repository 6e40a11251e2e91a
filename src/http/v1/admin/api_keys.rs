//! `/v1/admin/api-keys`: keys for operators and services that have no identity provider.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::api_keys::{self, NewKey, WithText};
use crate::app::{App, Error, Problems};
use crate::domain::api_key;
use crate::domain::code::Code;
use crate::domain::page::Sort;
use crate::domain::permission::{Permission, Permissions};
use crate::http::edge::auth::{Allowed, AsStaff};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Actor, ApiKeyDescription, ApiKeyId, CursorText, Limit};

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperatorPermission {
    Read,
    Support,
    Finance,
    Admin,
}

impl From<OperatorPermission> for Permission {
    fn from(permission: OperatorPermission) -> Self {
        match permission {
            OperatorPermission::Read => Self::Read,
            OperatorPermission::Support => Self::Support,
            OperatorPermission::Finance => Self::Finance,
            OperatorPermission::Admin => Self::Admin,
        }
    }
}

impl From<Permission> for OperatorPermission {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::Read => Self::Read,
            Permission::Support => Self::Support,
            Permission::Finance => Self::Finance,
            Permission::Admin => Self::Admin,
        }
    }
}

/// A request for a key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "description": "the script that reads the reports", "permissions": ["read"], "expires_in_days": 30
}))]
pub struct CreateApiKey {
    /// What it is for.
    description: ApiKeyDescription,
    /// What the key permits: nothing that you may not do yourself. An operator names at least one permission; a service
    /// has none.
    #[serde(default)]
    #[schema(max_items = 4)]
    permissions: Vec<OperatorPermission>,
    /// For how many days the key is valid: at most 90, if the installation sets no other limit.
    #[schema(minimum = 1, maximum = 3650, example = 30)]
    expires_in_days: u16,
}

impl CreateApiKey {
    fn read(&self) -> Result<NewKey, Error> {
        let mut problems = Problems::new();
        let description = self.description.read(&mut problems, "/description");
        if self.permissions.len() > Permission::ALL.len() {
            problems.add("/permissions", Code::TooMany, "must have 4 items at most");
        }
        let permissions = self.permissions.iter().map(|permission| Permission::from(*permission)).collect();
        problems.into_result(description.map(|description| NewKey {
            description,
            permissions,
            days: self.expires_in_days,
        }))
    }
}

/// An API key.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKey {
    id: ApiKeyId,
    /// Whom it acts as.
    owner: Actor,
    /// The beginning of the key, which distinguishes keys.
    #[schema(max_length = 32, example = "tk_test_4f9c01")]
    hint: String,
    description: ApiKeyDescription,
    /// What the key permits; a key of a service needs no permissions.
    #[schema(max_items = 4)]
    permissions: Vec<OperatorPermission>,
    /// Who made it: its owner, or `system` for the command line.
    created_by: Actor,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// Since when it is refused; null if nobody revoked it.
    revoked_at: Option<DateTime<Utc>>,
    /// Who revoked it; null if nobody did.
    revoked_by: Option<Actor>,
    /// When it was used last, to the minute; null if it never was.
    last_used_at: Option<DateTime<Utc>>,
    /// The address from which it was used last.
    #[schema(max_length = 64, example = "203.0.113.7")]
    last_used_from: Option<String>,
    /// The key itself. It is shown only once; afterwards it is null.
    #[schema(
        max_length = 100,
        example = "tk_test_4f9c01d2e8a7b3654f9c01d2e8a7b3654f9c01d2e8a7b3654f9c01d2e8a7b365e0c1f2a3"
    )]
    key: Option<String>,
}

fn words(permissions: Permissions) -> Vec<OperatorPermission> {
    permissions.iter().map(OperatorPermission::from).collect()
}

impl From<&api_key::ApiKey> for ApiKey {
    fn from(key: &api_key::ApiKey) -> Self {
        let (revoked, used) = (key.revoked.as_ref(), key.last_used.as_ref());
        Self {
            id: ApiKeyId::of(key.id),
            owner: Actor::new(key.owner.to_string()),
            hint: key.hint.clone(),
            description: ApiKeyDescription::new(&key.description),
            permissions: words(key.permissions),
            created_by: Actor::new(&key.created_by),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: revoked.map(|revoked| revoked.at),
            revoked_by: revoked.map(|revoked| Actor::new(&revoked.by)),
            last_used_at: used.map(|used| used.at),
            last_used_from: used.map(|used| used.from.clone()),
            key: None,
        }
    }
}

impl From<&WithText> for ApiKey {
    fn from(made: &WithText) -> Self {
        Self { key: Some(made.text.expose().to_owned()), ..Self::from(&made.key) }
    }
}

/// A page of API keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeyPage {
    #[schema(max_items = 100)]
    data: Vec<ApiKey>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

/// Make an API key
///
/// Makes a key for yourself: send it like a token, as `Authorization: Bearer tk_…`. It acts as you: if two operators
/// are needed, you and your keys count as one. It permits nothing that you may not do yourself, and a key cannot create
/// further keys (403 `made_with_key`). It is shown only once. Nobody may have more than 20 valid keys.
#[utoipa::path(
    tag = "api-keys",
    operation_id = "adminCreateApiKey",
    request_body = CreateApiKey,
    responses(
        (status = 201, description = "The key", body = ApiKey),
        (status = 409, description = "`too_many_api_keys`"),
    ),
    security(("bearer" = ["service", "operator"]))
)]
#[post("/v1/admin/api-keys")]
pub async fn create_api_key(
    Allowed(caller): AsStaff,
    body: JsonBody<CreateApiKey>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let made = api_keys::create(&app, &caller, &body.value.read()?).await?;
    Ok(HttpResponse::Created().json(ApiKey::from(&made)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ApiKeysQuery {
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List API keys
///
/// Your own keys, newest first, also those that have ended. An operator with the permission `admin` sees everybody's.
#[utoipa::path(
    tag = "api-keys",
    operation_id = "adminListApiKeys",
    params(ApiKeysQuery),
    responses((status = 200, description = "A page of keys", body = ApiKeyPage)),
    security(("bearer" = ["service", "operator"]))
)]
#[get("/v1/admin/api-keys")]
pub async fn list_api_keys(
    Allowed(caller): AsStaff,
    QueryParams(query): QueryParams<ApiKeysQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let limit = Limit::read(query.limit)?;
    let filters = Filters::of(request.path());
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let found = api_keys::list(&app, &caller, &asked).await?;
    let cursors = page::cursors(&found, &filters, |key| (key.created_at, key.id))?;
    Ok(HttpResponse::Ok().json(ApiKeyPage {
        data: found.rows.iter().map(ApiKey::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct KeyPath {
    /// The key's id.
    key_id: ApiKeyId,
}

/// Revoke an API key
///
/// Ends a key: one of your own, or anybody's with the permission `admin`. Every process of the service refuses it
/// within five seconds, streams that it opened end, and webhook endpoints that it made or changed last are paused until
/// their owner enables them. A revoked key stays revoked.
#[utoipa::path(
    tag = "api-keys",
    operation_id = "adminRevokeApiKey",
    params(KeyPath),
    responses((status = 200, description = "The key, which is revoked", body = ApiKey)),
    security(("bearer" = ["service", "operator"]))
)]
#[post("/v1/admin/api-keys/{key_id}/revoke")]
pub async fn revoke_api_key(
    Allowed(caller): AsStaff,
    path: web::Path<KeyPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = api_keys::revoke(&app, &caller, path.key_id.named()).await?;
    Ok(HttpResponse::Ok().json(ApiKey::from(&key)))
}
