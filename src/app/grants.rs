//! Grants: promotional credit that an operator or a service gives to a customer.
//!
//! An operator's grant above the threshold is a proposal until a second operator approves it. A service's grant has a
//! limit instead ([`crate::domain::own_word`]).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{App, Caller, Error, IdempotencyKey, Made, own_word};
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::grant::{GrantProposal, WalletGrant};
use crate::domain::id::IdKind;
use crate::domain::own_word::{Move, MoveKind, ProposalEnd};
use crate::domain::page::{Page, Rows};
use crate::domain::posting::PostingOutcome;
use crate::storage::grants as store;
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, catalogue, clock, grant_proposals, ledger, worker_marks};

pub use crate::domain::movement::grant::NewGrant;

/// The result of a request for a grant.
#[derive(Debug, Clone)]
pub enum Granted {
    Given(WalletGrant),
    /// It waits for a second operator. Nothing is given yet.
    Proposed(GrantProposal),
}

/// Gives promotional credit to a wallet, or proposes to give it.
///
/// # Errors
/// 422 for an unknown product, or for an expiry that is not in the future; 403 `grant_above_limit` or
/// `own_account`.
#[tracing::instrument(name = "grants.create", skip_all, fields(customer = %new.customer))]
pub async fn create(app: &App, caller: &Caller, new: &NewGrant, key: &IdempotencyKey) -> Result<Made<Granted>, Error> {
    transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            return Ok(Made::again(found(conn, &new.customer, id).await?));
        }
        caller.require_not_own(&new.customer)?;
        if !new.product.is_main() && catalogue::products::find(conn, &new.product).await?.is_none() {
            return Err(Error::field("/product", Code::UnknownProduct, "is not a product of this platform"));
        }
        let id = Uuid::now_v7();
        let granted = match caller.is_operator {
            true => propose(conn, app, caller, new, id).await?,
            false => serve(conn, app, new, id).await?,
        };
        key.record_resource(conn, id, &new.customer).await?;
        Ok(Made::new(granted))
    })
    .await
}

/// An operator's grant: given at once, or proposed.
async fn propose(
    conn: &mut Connection,
    app: &App,
    caller: &Caller,
    new: &NewGrant,
    id: Uuid,
) -> Result<Granted, Error> {
    let now = require_future_expiry(conn, new).await?;
    own_word::require_within_goodwill(conn, app, caller, &new.customer, new.amount).await?;
    if own_word::is_enough(conn, app, caller, MoveKind::Grant, id, &new.customer, new.amount).await? {
        record(conn, "grant.given", &caller.actor(), new, id).await?;
        return Ok(Granted::Given(give(conn, new, id).await?));
    }
    record(conn, "grant.proposed", &caller.actor(), new, id).await?;
    let proposal = GrantProposal { id, grant: new.clone(), proposed_at: now, end: None };
    grant_proposals::insert(conn, &proposal).await?;
    Ok(Granted::Proposed(proposal))
}

/// A service's grant, within its limits.
async fn serve(conn: &mut Connection, app: &App, new: &NewGrant, id: Uuid) -> Result<Granted, Error> {
    require_future_expiry(conn, new).await?;
    own_word::require_service_may_grant(conn, app, &new.customer, new.amount).await?;
    let given = give(conn, new, id).await?;
    let moved = Move {
        kind: MoveKind::ServiceGrant,
        subject: id,
        actor: new.created_by.clone(),
        customer: new.customer.clone(),
        amount: new.amount,
    };
    own_word::record_service_grant(conn, app, &moved, given.grant.created_at).await?;
    Ok(Granted::Given(given))
}

async fn require_future_expiry(conn: &mut Connection, new: &NewGrant) -> Result<DateTime<Utc>, Error> {
    let now = clock::now(conn).await?;
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::field("/expires_at", Code::NotInTheFuture, "must be in the future"));
    }
    Ok(now)
}

async fn give(conn: &mut Connection, new: &NewGrant, id: Uuid) -> Result<WalletGrant, Error> {
    for outcome in ledger::post(conn, &[new.posting(id)]).await? {
        if let PostingOutcome::Refused(refusal) = outcome {
            return Err(Error::refused(refusal));
        }
    }
    find(conn, &new.customer, id).await
}

/// Approves a proposed grant, and gives it. The proposer cannot approve it.
///
/// # Errors
/// 404; 409 `nothing_proposed` or `second_operator_needed`; 403 `own_account`; 422 when the grant's time is over.
#[tracing::instrument(name = "grants.approve", skip_all, fields(grant = %id))]
pub async fn approve(app: &App, caller: &Caller, id: Uuid, key: &IdempotencyKey) -> Result<Made<WalletGrant>, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let missing = || Error::NotFound("grant");
        if key.claim(conn).await?.is_some() {
            let missing = Error::Internal("the grant of a recorded idempotency key");
            let known = grant_proposals::find(conn, id).await?.ok_or(missing)?;
            return Ok(Made::again(find(conn, &known.grant.customer, id).await?));
        }
        let proposal = grant_proposals::lock(conn, id).await?.ok_or_else(missing)?;
        caller.require_not_own(&proposal.grant.customer)?;
        require_waiting(&proposal)?;
        if proposal.grant.created_by == actor {
            return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must approve this grant"));
        }
        let now = require_future_expiry(conn, &proposal.grant).await?;
        let approved = GrantProposal { end: Some(ProposalEnd::Approved { by: actor.clone(), at: now }), ..proposal };
        grant_proposals::end(conn, &approved).await?;
        record(conn, "grant.approved", &actor, &approved.grant, id).await?;
        let given = give(conn, &approved.grant, id).await?;
        key.record_resource(conn, id, &approved.grant.customer).await?;
        Ok::<_, Error>(Made::new(given))
    })
    .await
}

/// Withdraws a proposed grant. Withdrawing it again changes nothing.
///
/// # Errors
/// 404; 409 `nothing_proposed` when it was given.
#[tracing::instrument(name = "grants.withdraw", skip_all, fields(grant = %id))]
pub async fn withdraw(app: &App, caller: &Caller, id: Uuid) -> Result<GrantProposal, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let proposal = grant_proposals::lock(conn, id).await?.ok_or(Error::NotFound("grant"))?;
        if matches!(proposal.end, Some(ProposalEnd::Withdrawn { .. })) {
            return Ok(proposal);
        }
        require_waiting(&proposal)?;
        let end = ProposalEnd::Withdrawn { by: actor.clone(), at: clock::now(conn).await? };
        let withdrawn = GrantProposal { end: Some(end), ..proposal };
        grant_proposals::end(conn, &withdrawn).await?;
        record(conn, "grant.withdrawn", &actor, &withdrawn.grant, id).await?;
        Ok(withdrawn)
    })
    .await
}

/// Records in the audit log what an operator decided about a grant.
async fn record(conn: &mut Connection, action: &str, actor: &str, new: &NewGrant, id: Uuid) -> Result<(), Error> {
    let record = AuditRecord::new(actor, action, format!("grant:{}", IdKind::Grant.show(id)));
    let terms = json!({
        "amount": new.amount.to_string(),
        "product": new.product.as_column(),
        "priority": new.priority,
        "expires_at": new.expires_at,
        "granted_by": new.created_by,
    });
    Ok(audit::write(conn, &record.of(&new.customer).because(&new.reason).to(terms)).await?)
}

fn require_waiting(proposal: &GrantProposal) -> Result<(), Error> {
    let detail = match &proposal.end {
        None => return Ok(()),
        Some(ProposalEnd::Approved { by, .. }) => format!("the grant was approved by {by}"),
        Some(ProposalEnd::Withdrawn { by, .. }) => format!("the grant was withdrawn by {by}"),
    };
    Err(Error::conflict(Code::NothingProposed, detail))
}

/// A page of the grants that wait for a second operator, newest first.
///
/// # Errors
/// Database errors.
pub async fn proposals(app: &App, page: &Page) -> Result<Rows<GrantProposal>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(grant_proposals::waiting(&mut conn, page).await?)
}

/// What an idempotency key made: a grant, or a proposal that waits or was withdrawn.
async fn found(conn: &mut Connection, customer: &CustomerId, id: Uuid) -> Result<Granted, Error> {
    match store::find(conn, customer, id).await? {
        Some(given) => Ok(Granted::Given(given)),
        None => {
            let missing = Error::Internal("the grant of a recorded idempotency key");
            Ok(Granted::Proposed(grant_proposals::find(conn, id).await?.ok_or(missing)?))
        }
    }
}

/// The grant with this id, which was written before or in this transaction.
async fn find(conn: &mut Connection, customer: &CustomerId, id: Uuid) -> Result<WalletGrant, Error> {
    store::find(conn, customer, id).await?.ok_or(Error::Internal("a grant that was given"))
}

/// Reads a grant of a customer.
///
/// # Errors
/// 404.
pub async fn get(app: &App, customer: &CustomerId, id: Option<Uuid>) -> Result<WalletGrant, Error> {
    let missing = || Error::NotFound("grant");
    let mut conn = app.pool.get().await?;
    store::find(&mut conn, customer, id.ok_or_else(missing)?).await?.ok_or_else(missing)
}

/// A page of a customer's grants, newest first. The list includes used-up and expired grants.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    client_reference: Option<&str>,
    page: &Page,
) -> Result<Rows<WalletGrant>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, customer, client_reference, page).await?)
}

/// How long before its expiry a grant is announced.
const EXPIRING: TimeDelta = TimeDelta::days(7);
/// The pause after a round that found all such grants.
const ROUND: TimeDelta = TimeDelta::seconds(60);
/// How far a round looks back into the range of the previous round: a grant may have been committed late, or skipped.
const LATE: TimeDelta = TimeDelta::hours(1);

/// Writes events about grants that expire soon, at most `limit` of them. Several processes share the rounds. Returns
/// how many there were.
///
/// # Errors
/// Database errors.
pub async fn tell_expiring(app: &App, limit: i64) -> Result<usize, Error> {
    const NEXT: &str = "expiring_grants_next";
    const REACHED: &str = "expiring_grants";
    transact(&app.pool, async |conn| {
        let now = clock::now(conn).await?;
        // The mark stays locked until the transaction ends, so rounds follow one another.
        if !worker_marks::claim(conn, NEXT, now, now + ROUND).await? {
            return Ok(0);
        }
        let until = now + EXPIRING;
        let from = worker_marks::find(conn, REACHED).await?.map_or(now, |reached| now.max(reached - LATE));
        let (told, last) = store::tell_expiring(conn, (from, until), limit).await?;
        match last.filter(|_| told >= limit) {
            Some(last) => {
                worker_marks::set(conn, REACHED, last).await?;
                worker_marks::set(conn, NEXT, now).await?;
            }
            None => worker_marks::set(conn, REACHED, until).await?,
        }
        Ok::<_, Error>(usize::try_from(told).unwrap_or(usize::MAX))
    })
    .await
}
