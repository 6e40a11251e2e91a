//! `/v1/admin/audit-log`: who changed what, when and why.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, audit};
use crate::domain::audit::{AuditFilter, AuditPosition};
use crate::domain::page::Sort;
use crate::http::edge::auth::AsOperator;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::times;
use crate::http::edge::wire::{Actor, ApiKeyId, AuditAction, AuditTarget, CursorText, CustomerIdText, Limit};

/// A line of the audit log. It is never changed or removed.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditLogEntry {
    /// The number of the entry.
    #[schema(minimum = 1, example = 1)]
    seq: i64,
    created_at: DateTime<Utc>,
    /// Who did it.
    actor: Actor,
    /// The API key that the actor acted with; null for a token.
    api_key_id: Option<ApiKeyId>,
    /// What was done: a noun and a verb. This list may grow: a client must accept a value that it does not know.
    action: AuditAction,
    /// What it was done to.
    target: AuditTarget,
    /// The customer whose money or data it concerns; null if it concerns no customer.
    customer_id: Option<CustomerIdText>,
    /// Why, in the words of who did it.
    #[schema(max_length = 2000, example = "the customer asked for it")]
    reason: Option<String>,
    /// What the change replaced; null if nothing was there.
    #[schema(value_type = Option<Object>)]
    before: Option<Map<String, Value>>,
    /// The value after the change, or what was asked for; null if nothing is there any more.
    #[schema(value_type = Option<Object>)]
    after: Option<Map<String, Value>>,
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditLogPage {
    #[schema(max_items = 100)]
    data: Vec<AuditLogEntry>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

fn object(value: &Value) -> Option<Map<String, Value>> {
    value.as_object().cloned()
}

impl From<&crate::domain::audit::AuditEntry> for AuditLogEntry {
    fn from(entry: &crate::domain::audit::AuditEntry) -> Self {
        let record = &entry.record;
        Self {
            seq: entry.seq,
            created_at: entry.at,
            actor: Actor::new(&record.actor),
            api_key_id: entry.api_key.map(ApiKeyId::of),
            action: AuditAction::new(&record.action),
            target: AuditTarget::new(&record.target),
            customer_id: record.customer.as_ref().map(CustomerIdText::of),
            reason: record.reason.clone(),
            before: record.before.as_ref().and_then(object),
            after: record.after.as_ref().and_then(object),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditLogQuery {
    /// Only actions of this caller.
    actor: Option<Actor>,
    /// Only this action.
    action: Option<AuditAction>,
    /// Only actions on this target: the history of one object.
    target: Option<AuditTarget>,
    /// Only entries that concern this customer.
    customer_id: Option<CustomerIdText>,
    #[serde(default, deserialize_with = "times::moment")]
    created_from: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "times::moment")]
    created_to: Option<DateTime<Utc>>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// Read the audit log
///
/// Who changed what, when and why, newest first. With `target` it is the history of one object, for example of
/// `product:whatsapp`, `channel_rule:card:CNY:`, `bank_account:bac_…`, `top_up_order:tuo_…` or `customer:alice`.
#[utoipa::path(
    tag = "admin-audit",
    operation_id = "adminListAuditLog",
    params(AuditLogQuery),
    responses((status = 200, description = "A page of the audit log", body = AuditLogPage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/audit-log")]
pub async fn list_audit_log(
    _: AsOperator,
    QueryParams(query): QueryParams<AuditLogQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filter = AuditFilter {
        actor: Actor::filter(query.actor.as_ref(), "?actor")?,
        action: AuditAction::filter(query.action.as_ref(), "?action")?,
        target: AuditTarget::filter(query.target.as_ref(), "?target")?,
        customer: CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?,
        from: query.created_from,
        to: query.created_to,
    };
    let limit = Limit::read(query.limit)?;
    let filters = Filters::of(request.path())
        .with_optional("actor", filter.actor.as_ref())
        .with_optional("action", filter.action.as_ref())
        .with_optional("target", filter.target.as_ref())
        .with_optional("customer_id", filter.customer.as_ref())
        .with_moment("created_from", filter.from)
        .with_moment("created_to", filter.to);
    let asked = page::read::<AuditPosition>(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let found = audit::list(&app, &filter, &asked).await?;
    let cursors = page::cursors(&found, &filters, |entry| (entry.at, entry.seq))?;
    Ok(HttpResponse::Ok().json(AuditLogPage {
        data: found.rows.iter().map(AuditLogEntry::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}
