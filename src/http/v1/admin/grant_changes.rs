//! `/v1/admin/grants/{grant_id}/revoke` and `…/expiry`, `/v1/admin/grant-changes`: operators change when a grant ends.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::grant_changes::{self, GrantChanged};
use crate::app::{App, Problems};
use crate::domain::grant::{self, NewEnd};
use crate::domain::own_word::ProposalEnd;
use crate::domain::page::Sort;
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::CustomerQuery;
use crate::http::edge::times;
use crate::http::edge::wire::{
    Actor, Amount, CurrencyCode, CursorText, CustomerIdText, GrantChangeId, GrantId, Limit, Reason,
};
use crate::http::v1::grants::body::Grant;

/// Why a grant is revoked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "given to the wrong customer" }))]
pub struct RevokeGrant {
    reason: Reason,
}

/// When a grant shall expire.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "expires_at": "2030-01-01T00:00:00Z", "reason": "the campaign goes on" }))]
pub struct ChangeGrantExpiry {
    /// The credit cannot be spent from this moment on; null if it never expires.
    #[serde(deserialize_with = "times::moment")]
    #[schema(required = true)]
    expires_at: Option<DateTime<Utc>>,
    reason: Reason,
}

/// What is changed about a grant.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantChangeKind {
    /// What is left of the grant expires when the change takes effect.
    Revocation,
    /// The grant expires at another moment, or never.
    Expiry,
}

/// The status of a change of a grant.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantChangeStatus {
    AwaitingSecondApproval,
    Made,
    Withdrawn,
}

/// A change of a grant that a second operator must approve.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantChange {
    id: GrantChangeId,
    status: GrantChangeStatus,
    kind: GrantChangeKind,
    customer_id: CustomerIdText,
    grant_id: GrantId,
    currency: CurrencyCode,
    /// What was left of the grant when the change was requested, including what holds reserve of it.
    amount: Amount,
    /// When the grant expires after the change; null: never. For a revocation, null until it takes effect.
    expires_at: Option<DateTime<Utc>>,
    reason: Reason,
    proposed_by: Actor,
    created_at: DateTime<Utc>,
    /// The second operator; null until one has approved.
    approved_by: Option<Actor>,
    withdrawn_by: Option<Actor>,
}

/// A page of changes of grants.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantChangePage {
    #[schema(max_items = 100)]
    data: Vec<GrantChange>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

impl From<&grant::GrantChange> for GrantChange {
    fn from(change: &grant::GrantChange) -> Self {
        let (approved_by, withdrawn_by) = match &change.end {
            None => (None, None),
            Some(ProposalEnd::Approved { by, .. }) => (Some(by), None),
            Some(ProposalEnd::Withdrawn { by, .. }) => (None, Some(by)),
        };
        let status = match (change.made_at(), withdrawn_by) {
            (Some(_), _) => GrantChangeStatus::Made,
            (None, Some(_)) => GrantChangeStatus::Withdrawn,
            (None, None) => GrantChangeStatus::AwaitingSecondApproval,
        };
        Self {
            id: GrantChangeId::of(change.id),
            status,
            kind: match change.new_end {
                NewEnd::Revoked => GrantChangeKind::Revocation,
                NewEnd::Moved(_) => GrantChangeKind::Expiry,
            },
            customer_id: CustomerIdText::of(&change.customer),
            grant_id: GrantId::of(change.grant_id),
            currency: CurrencyCode::of(change.amount.currency()),
            amount: change.amount.into(),
            expires_at: change.expires_at(),
            reason: Reason::new(&change.reason),
            proposed_by: Actor::new(&change.proposed_by),
            created_at: change.proposed_at,
            approved_by: approved_by.map(Actor::new),
            withdrawn_by: withdrawn_by.map(Actor::new),
        }
    }
}

/// The answer to a change: the grant, or the proposal.
fn answer(changed: &GrantChanged) -> HttpResponse {
    match changed {
        GrantChanged::Made(grant) => HttpResponse::Ok().json(Grant::from(grant)),
        GrantChanged::Proposed(change) => HttpResponse::Accepted().json(GrantChange::from(change)),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct ChangedGrantPath {
    /// The grant's id.
    grant_id: GrantId,
}

/// Revoke a grant
///
/// What is left of the grant expires at once. What open holds reserve of it can still be captured. Above the threshold
/// it is only proposed (202) until a second operator approves it. All that is left of the grant counts towards the
/// threshold. Repeating it changes nothing.
#[utoipa::path(
    tag = "grants",
    operation_id = "adminRevokeGrant",
    params(ChangedGrantPath, CustomerQuery),
    request_body = RevokeGrant,
    responses(
        (status = 200, description = "The grant", body = Grant),
        (status = 202, description = "A second operator must approve it", body = GrantChange),
        (status = 409, description = "`change_proposed`: another change of the grant waits"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/grants/{grant_id}/revoke")]
pub async fn revoke_grant(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<ChangedGrantPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    body: JsonBody<RevokeGrant>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let mut problems = Problems::new();
    let reason = body.value.reason.read(&mut problems, "/reason");
    let reason = problems.into_result(reason)?;
    let id = path.grant_id.named();
    Ok(answer(&grant_changes::change(&app, &caller, &customer, id, NewEnd::Revoked, &reason).await?))
}

/// Change when a grant expires
///
/// Moves the expiry of a grant that has not expired and of which something is left. Above the threshold the change is
/// only proposed (202) until a second operator approves it. All that is left of the grant counts towards the threshold,
/// whether the expiry moves to an earlier or a later time.
#[utoipa::path(
    tag = "grants",
    operation_id = "adminChangeGrantExpiry",
    params(ChangedGrantPath, CustomerQuery),
    request_body = ChangeGrantExpiry,
    responses(
        (status = 200, description = "The grant", body = Grant),
        (status = 202, description = "A second operator must approve it", body = GrantChange),
        (status = 409, description = "`grant_ended`, or `change_proposed`: another change of the grant waits"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/grants/{grant_id}/expiry")]
pub async fn change_grant_expiry(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<ChangedGrantPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    body: JsonBody<ChangeGrantExpiry>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let mut problems = Problems::new();
    let reason = body.value.reason.read(&mut problems, "/reason");
    let reason = problems.into_result(reason)?;
    // The database keeps microseconds, and a repetition must find the same moment.
    let new_end = NewEnd::Moved(body.value.expires_at.map(|at| at.trunc_subsecs(6)));
    let id = path.grant_id.named();
    Ok(answer(&grant_changes::change(&app, &caller, &customer, id, new_end, &reason).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct GrantChangesQuery {
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List proposed changes of grants
///
/// The revocations and changed expiries that wait for a second operator, newest first.
#[utoipa::path(
    tag = "grants",
    operation_id = "adminListGrantChanges",
    params(GrantChangesQuery),
    responses((status = 200, description = "A page of changes", body = GrantChangePage)),
    security(("bearer" = ["operator"]))
)]
#[get("/v1/admin/grant-changes")]
pub async fn list_grant_changes(
    _: AsOperator,
    QueryParams(query): QueryParams<GrantChangesQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let filters = Filters::of(request.path());
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, Limit::read(query.limit)?, &filters)?;
    let found = grant_changes::waiting(&app, &asked).await?;
    let cursors = page::cursors(&found, &filters, |change| (change.proposed_at, change.id))?;
    Ok(HttpResponse::Ok().json(GrantChangePage {
        data: found.rows.iter().map(GrantChange::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct GrantChangePath {
    /// The change's id.
    grant_change_id: GrantChangeId,
}

/// Approve a change of a grant
///
/// Makes the change. The operator who proposed it cannot approve it. Approving it again changes nothing.
#[utoipa::path(
    tag = "grants",
    operation_id = "adminApproveGrantChange",
    params(GrantChangePath),
    responses(
        (status = 200, description = "The change is made", body = GrantChange),
        (status = 409, description = "`nothing_proposed`, `second_operator_needed` or `grant_ended`"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/grant-changes/{grant_change_id}/approve")]
pub async fn approve_grant_change(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<GrantChangePath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let approved = grant_changes::approve(&app, &caller, path.grant_change_id.named()).await?;
    Ok(HttpResponse::Ok().json(GrantChange::from(&approved)))
}

/// Withdraw a change of a grant
///
/// Ends the proposal; the grant stays as it is. Withdrawing it again changes nothing.
#[utoipa::path(
    tag = "grants",
    operation_id = "adminWithdrawGrantChange",
    params(GrantChangePath),
    responses(
        (status = 200, description = "The withdrawn change", body = GrantChange),
        (status = 409, description = "`nothing_proposed`: it was made"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/grant-changes/{grant_change_id}/withdraw")]
pub async fn withdraw_grant_change(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<GrantChangePath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let withdrawn = grant_changes::withdraw(&app, &caller, path.grant_change_id.named()).await?;
    Ok(HttpResponse::Ok().json(GrantChange::from(&withdrawn)))
}
