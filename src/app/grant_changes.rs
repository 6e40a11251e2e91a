//! Changes of grants: an operator moves the expiry, or revokes what is left.
//!
//! Either counts as a move of all that is left of the grant ([`crate::domain::own_word`]). Above the threshold it is a
//! proposal until a second operator approves it; meanwhile no other change of the grant's end is accepted.
//!
//! The part of a grant that holds have reserved stays capturable until the holds end, as after any expiry. What a hold
//! then gives back expires.
//!
//! Locks are taken in this order: the operator's lock (`own_word`), the grant's wallet, the change.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{App, Caller, Error, own_word};
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::grant::{Grant, GrantChange, NewEnd, WalletGrant};
use crate::domain::id::IdKind;
use crate::domain::movement::expiry::sweep;
use crate::domain::order::TimeRange;
use crate::domain::own_word::{MoveKind, ProposalEnd};
use crate::domain::page::{Page, Rows};
use crate::domain::wallet_key::WalletKey;
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, clock, grant_changes as store, grants, ledger, own_word as moves};

/// The result of a request to change the end of a grant.
#[derive(Debug, Clone)]
pub enum GrantChanged {
    Made(WalletGrant),
    /// It waits for a second operator. The grant is as it was.
    Proposed(GrantChange),
}

/// Moves the expiry of a grant, or revokes what is left of it, so that it expires now. Above the threshold the change
/// is only proposed. Repeating the request changes nothing.
///
/// # Errors
/// 404; 422 for a moment that is not in the future; 409 `grant_ended` when the expiry is to move and nothing is left of
/// the grant, or its time is over; 409 `change_proposed` while another change of it waits; 403 `own_account`.
#[tracing::instrument(name = "grants.change_end", skip_all, fields(customer = %customer, grant = ?id))]
pub async fn change(
    app: &App,
    caller: &Caller,
    customer: &CustomerId,
    id: Option<Uuid>,
    new_end: NewEnd,
    reason: &str,
) -> Result<GrantChanged, Error> {
    caller.require_not_own(customer)?;
    let missing = || Error::NotFound("grant");
    let id = id.ok_or_else(missing)?;
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let wallet = grants::find(conn, customer, id).await?.ok_or_else(missing)?.wallet;
        moves::lock_operator(conn, &actor, wallet.currency).await?;
        let (known, now) = lock(conn, &wallet, id).await?;
        require_future(new_end, now)?;
        match new_end {
            NewEnd::Revoked if known.grant.has_ended(now) => return Ok(GrantChanged::Made(known)),
            NewEnd::Moved(_) if known.grant.has_ended(now) => return Err(ended()),
            NewEnd::Moved(at) if at == known.grant.expires_at => return Ok(GrantChanged::Made(known)),
            NewEnd::Revoked | NewEnd::Moved(_) => {}
        }
        if let Some(waiting) = store::waiting_of(conn, customer, id).await? {
            return match waiting.proposed_by == actor && waiting.new_end == new_end {
                true => Ok(GrantChanged::Proposed(waiting)),
                false => Err(Error::conflict(
                    Code::ChangeProposed,
                    format!("{} proposed a change of this grant; approve or withdraw it first", waiting.proposed_by),
                )),
            };
        }
        let (change_id, amount) = (Uuid::now_v7(), known.grant.remaining);
        let alone = own_word::is_enough(conn, app, caller, MoveKind::GrantChange, change_id, customer, amount).await?;
        let change = GrantChange {
            id: change_id,
            customer: customer.clone(),
            grant_id: id,
            amount,
            new_end,
            reason: reason.to_owned(),
            second_needed: !alone,
            proposed_by: actor.clone(),
            proposed_at: now,
            end: None,
        };
        store::insert(conn, &change).await?;
        if alone {
            return Ok(GrantChanged::Made(make(conn, &actor, &known, &change).await?));
        }
        record(conn, "grant.change_proposed", &actor, &change, Some(&known.grant)).await?;
        Ok(GrantChanged::Proposed(change))
    })
    .await
}

/// Approves a change, and carries it out. The proposer cannot approve it. Approving it again changes nothing.
///
/// # Errors
/// 404; 409 `nothing_proposed`, `second_operator_needed`, or `grant_ended` when nothing is left of the grant any more;
/// 403 `own_account`; 422 when the new expiry has passed.
#[tracing::instrument(name = "grants.approve_change", skip_all, fields(change = ?id))]
pub async fn approve(app: &App, caller: &Caller, id: Option<Uuid>) -> Result<GrantChange, Error> {
    let id = id.ok_or_else(missing)?;
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let asked = store::find(conn, id).await?.ok_or_else(missing)?;
        caller.require_not_own(&asked.customer)?;
        let wallet = find(conn, &asked.customer, asked.grant_id).await?.wallet;
        let (known, now) = lock(conn, &wallet, asked.grant_id).await?;
        let change = store::lock(conn, id).await?.ok_or_else(missing)?;
        if matches!(&change.end, Some(ProposalEnd::Approved { by, .. }) if *by == actor) {
            return Ok(change);
        }
        require_waiting(&change)?;
        if change.proposed_by == actor {
            return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must approve this change"));
        }
        require_future(change.new_end, now)?;
        if known.grant.has_ended(now) {
            return Err(ended());
        }
        let end = ProposalEnd::Approved { by: actor.clone(), at: now };
        let approved = GrantChange { end: Some(end), ..change };
        store::end(conn, &approved).await?;
        make(conn, &actor, &known, &approved).await?;
        Ok(approved)
    })
    .await
}

/// Withdraws a waiting change. Withdrawing it again changes nothing.
///
/// # Errors
/// 404; 409 `nothing_proposed` when it was carried out.
#[tracing::instrument(name = "grants.withdraw_change", skip_all, fields(change = ?id))]
pub async fn withdraw(app: &App, caller: &Caller, id: Option<Uuid>) -> Result<GrantChange, Error> {
    let id = id.ok_or_else(missing)?;
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let change = store::lock(conn, id).await?.ok_or_else(missing)?;
        if matches!(change.end, Some(ProposalEnd::Withdrawn { .. })) {
            return Ok(change);
        }
        require_waiting(&change)?;
        let end = ProposalEnd::Withdrawn { by: actor.clone(), at: clock::now(conn).await? };
        let withdrawn = GrantChange { end: Some(end), ..change };
        store::end(conn, &withdrawn).await?;
        record(conn, "grant.change_withdrawn", &actor, &withdrawn, None).await?;
        Ok(withdrawn)
    })
    .await
}

/// A page of the changes that wait for a second operator, newest first.
///
/// # Errors
/// Database errors.
pub async fn waiting(app: &App, page: &Page) -> Result<Rows<GrantChange>, Error> {
    Ok(store::waiting(&mut *app.pool.get().await?, page).await?)
}

/// A page of all customers' grants that expire in a range, and of which something is left.
///
/// # Errors
/// Database errors.
pub async fn expiring(app: &App, range: TimeRange, page: &Page) -> Result<Rows<WalletGrant>, Error> {
    Ok(grants::expiring(&mut *app.pool.get().await?, range, page).await?)
}

fn missing() -> Error {
    Error::NotFound("change of a grant")
}

fn ended() -> Error {
    Error::conflict(Code::GrantEnded, "nothing is left of this grant, or its time is over")
}

fn require_future(new_end: NewEnd, now: DateTime<Utc>) -> Result<(), Error> {
    match new_end {
        NewEnd::Moved(Some(at)) if at <= now => {
            Err(Error::field("/expires_at", Code::NotInTheFuture, "must be in the future"))
        }
        NewEnd::Moved(_) | NewEnd::Revoked => Ok(()),
    }
}

fn require_waiting(change: &GrantChange) -> Result<(), Error> {
    let detail = match &change.end {
        None if change.second_needed => return Ok(()),
        None => "the change was made".to_owned(),
        Some(ProposalEnd::Approved { by, .. }) => format!("the change was approved by {by}"),
        Some(ProposalEnd::Withdrawn { by, .. }) => format!("the change was withdrawn by {by}"),
    };
    Err(Error::conflict(Code::NothingProposed, detail))
}

/// Locks the wallet of a grant, and reads the grant as it is now.
async fn lock(conn: &mut Connection, wallet: &WalletKey, id: Uuid) -> Result<(WalletGrant, DateTime<Utc>), Error> {
    ledger::lock_wallet(conn, wallet).await?;
    Ok((find(conn, &wallet.customer, id).await?, clock::now(conn).await?))
}

async fn find(conn: &mut Connection, customer: &CustomerId, id: Uuid) -> Result<WalletGrant, Error> {
    grants::find(conn, customer, id).await?.ok_or(Error::Internal("a grant that was found before"))
}

/// Carries out a change in the caller's transaction, which holds the lock of the grant's wallet.
async fn make(
    conn: &mut Connection,
    actor: &str,
    known: &WalletGrant,
    change: &GrantChange,
) -> Result<WalletGrant, Error> {
    grants::set_expiry(conn, &change.customer, change.grant_id, change.expires_at()).await?;
    // The change may alter the burn order, and the wallet's row names the next grant.
    ledger::post(conn, &[sweep(known.wallet.clone())]).await?;
    let action = match change.new_end {
        NewEnd::Revoked => "grant.revoked",
        NewEnd::Moved(_) => "grant.expiry_changed",
    };
    record(conn, action, actor, change, Some(&known.grant)).await?;
    find(conn, &change.customer, change.grant_id).await
}

async fn record(
    conn: &mut Connection,
    action: &str,
    actor: &str,
    change: &GrantChange,
    before: Option<&Grant>,
) -> Result<(), Error> {
    let target = format!("grant:{}", IdKind::Grant.show(change.grant_id));
    let was = before.map(|grant| json!({ "expires_at": grant.expires_at, "remaining": grant.remaining.to_string() }));
    let asked = json!({
        "change_id": IdKind::GrantChange.show(change.id),
        "revoke": change.new_end == NewEnd::Revoked,
        "expires_at": change.expires_at(),
        "proposed_by": change.proposed_by,
    });
    let record = AuditRecord::new(actor, action, target).of(&change.customer).because(&change.reason);
    Ok(audit::write(conn, &record.from(was).to(asked)).await?)
}
