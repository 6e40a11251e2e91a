//! Changes of grants that were given: an operator moves the expiry, or revokes what is left.
//!
//! The part of a grant that holds have reserved stays capturable until the holds end, as after any expiry. What a hold
//! then gives back expires.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{App, Caller, Error};
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::grant::WalletGrant;
use crate::domain::id::IdKind;
use crate::domain::movement::expiry::sweep;
use crate::domain::order::TimeRange;
use crate::domain::page::{Page, Rows};
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, clock, grants, ledger};

/// Moves the expiry of a grant; `None`: it never expires.
///
/// # Errors
/// 404; 409 `grant_ended` when nothing is left of it, or its time is over; 422 for a moment that is not in the future;
/// 403 `own_account`.
#[tracing::instrument(name = "grants.change_expiry", skip_all, fields(customer = %customer, grant = ?id))]
pub async fn change_expiry(
    app: &App,
    caller: &Caller,
    customer: &CustomerId,
    id: Option<Uuid>,
    expires_at: Option<DateTime<Utc>>,
    reason: &str,
) -> Result<WalletGrant, Error> {
    caller.require_not_own(customer)?;
    transact(&app.pool, async |conn| {
        let (known, now) = lock(conn, customer, id).await?;
        if expires_at.is_some_and(|at| at <= now) {
            return Err(Error::field("/expires_at", Code::NotInTheFuture, "must be in the future"));
        }
        if known.grant.is_lapsed(now) || !known.grant.remaining.is_positive() {
            return Err(Error::conflict(Code::GrantEnded, "nothing is left of this grant, or its time is over"));
        }
        if known.grant.expires_at == expires_at {
            return Ok(known);
        }
        grants::set_expiry(conn, customer, known.grant.id, expires_at).await?;
        // The grants may burn in another order now. The wallet's row stores which one is next.
        ledger::post(conn, &[sweep(known.wallet.clone())]).await?;
        record(conn, "expiry_changed", caller, &known, expires_at, reason).await?;
        find(conn, customer, known.grant.id).await
    })
    .await
}

/// Revokes what is left of a grant: it expires now. Repeating it changes nothing.
///
/// # Errors
/// 404; 403 `own_account`.
#[tracing::instrument(name = "grants.revoke", skip_all, fields(customer = %customer, grant = ?id))]
pub async fn revoke(
    app: &App,
    caller: &Caller,
    customer: &CustomerId,
    id: Option<Uuid>,
    reason: &str,
) -> Result<WalletGrant, Error> {
    caller.require_not_own(customer)?;
    transact(&app.pool, async |conn| {
        let (known, now) = lock(conn, customer, id).await?;
        if known.grant.is_lapsed(now) || !known.grant.remaining.is_positive() {
            return Ok(known);
        }
        grants::set_expiry(conn, customer, known.grant.id, Some(now)).await?;
        ledger::post(conn, &[sweep(known.wallet.clone())]).await?;
        record(conn, "revoked", caller, &known, Some(now), reason).await?;
        find(conn, customer, known.grant.id).await
    })
    .await
}

/// A page of all customers' grants that expire in a range, and of which something is left.
///
/// # Errors
/// Database errors.
pub async fn expiring(app: &App, range: TimeRange, page: &Page) -> Result<Rows<WalletGrant>, Error> {
    Ok(grants::expiring(&mut *app.pool.get().await?, range, page).await?)
}

/// Locks the wallet of a grant, and reads the grant as it is now.
async fn lock(
    conn: &mut Connection,
    customer: &CustomerId,
    id: Option<Uuid>,
) -> Result<(WalletGrant, DateTime<Utc>), Error> {
    let missing = || Error::NotFound("grant");
    let id = id.ok_or_else(missing)?;
    let wallet = grants::find(conn, customer, id).await?.ok_or_else(missing)?.wallet;
    ledger::lock_wallet(conn, &wallet).await?;
    Ok((find(conn, customer, id).await?, clock::now(conn).await?))
}

async fn find(conn: &mut Connection, customer: &CustomerId, id: Uuid) -> Result<WalletGrant, Error> {
    grants::find(conn, customer, id).await?.ok_or(Error::Internal("a grant that was found before"))
}

async fn record(
    conn: &mut Connection,
    action: &str,
    caller: &Caller,
    before: &WalletGrant,
    expires_at: Option<DateTime<Utc>>,
    reason: &str,
) -> Result<(), Error> {
    let target = format!("grant:{}", IdKind::Grant.show(before.grant.id));
    let record = AuditRecord::new(&caller.actor(), &format!("grant.{action}"), target).of(&before.wallet.customer);
    let was = json!({ "expires_at": before.grant.expires_at, "remaining": before.grant.remaining.to_string() });
    let record = record.because(reason).from(Some(was)).to(json!({ "expires_at": expires_at }));
    Ok(audit::write(conn, &record).await?)
}
