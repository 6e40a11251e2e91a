//! `/v1/admin/grants` and `/v1/admin/grant-proposals`: grants that were given, or wait for a second operator.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::{App, Error, grant_changes, grants};
use crate::domain::order::TimeRange;
use crate::domain::page::Sort;
use crate::http::edge::answers::created;
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE, SUPPORT};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::times;
use crate::http::edge::wire::{CursorText, GrantId, Limit};
use crate::http::v1::grants::body::{Grant, GrantPage};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct GrantProposalsQuery {
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List proposed grants
///
/// The grants that wait for a second operator, newest first.
#[utoipa::path(
    tag = "grants",
    operation_id = "adminListGrantProposals",
    params(GrantProposalsQuery),
    responses((status = 200, description = "A page of proposed grants", body = GrantPage)),
    security(("bearer" = ["operator"]))
)]
#[get("/v1/admin/grant-proposals")]
pub async fn list_grant_proposals(
    _: AsOperator,
    QueryParams(query): QueryParams<GrantProposalsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let limit = Limit::read(query.limit)?;
    let filters = Filters::of(request.path());
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let found = grants::proposals(&app, &asked).await?;
    let cursors = page::cursors(&found, &filters, |found| (found.proposed_at, found.id))?;
    let data = found.rows.iter().map(Grant::from).collect();
    Ok(HttpResponse::Ok().json(GrantPage {
        data,
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct GrantProposalPath {
    /// The grant's id.
    grant_id: GrantId,
}

/// Approve a proposed grant
///
/// Gives the credit. The operator who proposed it cannot approve it.
#[utoipa::path(
    tag = "grants",
    operation_id = "adminApproveGrant",
    params(GrantProposalPath, IdempotencyHeader),
    responses(
        (status = 201, description = "The new grant", body = Grant),
        (status = 200, description = "The grant that the same request gave before", body = Grant),
        (status = 409, description = "`nothing_proposed` or `second_operator_needed`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/grant-proposals/{grant_id}/approve")]
pub async fn approve_grant(
    Allowed(caller): AsOperator<FINANCE>,
    key: IdempotencyHeader,
    path: web::Path<GrantProposalPath>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.grant_id.named().ok_or(Error::NotFound("grant"))?;
    let key = key.scoped(&caller, "approve_grant", request.path(), b"");
    let made = grants::approve(&app, &caller, id, &key).await?;
    Ok(created(&Grant::from(&made.value), made.replayed, StatusCode::OK))
}

/// Withdraw a proposed grant
///
/// Ends the proposal; nothing is given. Withdrawing it again changes nothing.
#[utoipa::path(
    tag = "grants",
    operation_id = "adminWithdrawGrant",
    params(GrantProposalPath),
    responses(
        (status = 200, description = "The withdrawn grant", body = Grant),
        (status = 409, description = "`nothing_proposed`: the grant was given"),
    ),
    security(("bearer" = ["operator:support"]))
)]
#[post("/v1/admin/grant-proposals/{grant_id}/withdraw")]
pub async fn withdraw_grant(
    Allowed(caller): AsOperator<SUPPORT>,
    path: web::Path<GrantProposalPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.grant_id.named().ok_or(Error::NotFound("grant"))?;
    let withdrawn = grants::withdraw(&app, &caller, id).await?;
    Ok(HttpResponse::Ok().json(Grant::from(&withdrawn)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExpiringGrantsQuery {
    /// Only grants that expire at this moment or later.
    #[serde(default, deserialize_with = "times::moment")]
    expires_from: Option<DateTime<Utc>>,
    /// Only grants that expire before this moment.
    #[serde(default, deserialize_with = "times::moment")]
    expires_to: Option<DateTime<Utc>>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List grants by expiry
///
/// The grants of all customers that expire and of which something is left, the earliest expiry first.
#[utoipa::path(
    tag = "grants",
    operation_id = "adminListExpiringGrants",
    params(ExpiringGrantsQuery),
    responses((status = 200, description = "A page of grants", body = GrantPage)),
    security(("bearer" = ["operator"]))
)]
#[get("/v1/admin/grants")]
pub async fn list_expiring_grants(
    _: AsOperator,
    QueryParams(query): QueryParams<ExpiringGrantsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let range = TimeRange { from: query.expires_from, to: query.expires_to };
    let filters = Filters::of(request.path())
        .with_moment("expires_from", query.expires_from)
        .with_moment("expires_to", query.expires_to);
    let asked = page::read(query.cursor.as_ref(), Sort::Oldest, Limit::read(query.limit)?, &filters)?;
    let found = grant_changes::expiring(&app, range, &asked).await?;
    let cursors = page::cursors(&found, &filters, |found| (found.grant.expires_at, found.grant.id))?;
    Ok(HttpResponse::Ok().json(GrantPage {
        data: found.rows.iter().map(Grant::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}
