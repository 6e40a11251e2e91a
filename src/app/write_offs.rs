//! Write-offs: two operators write off what an account owes that is being closed, or is closed.
//!
//! Locks are taken in this order: wallets (all of the customer, by key), closing, write-off.

use serde_json::json;
use uuid::Uuid;

use super::{App, Caller, Error, IdempotencyKey, Made, closings};
use crate::domain::actor::SYSTEM;
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::money::{Currency, Money};
use crate::domain::movement::write_off::{postings, recover};
use crate::domain::own_word::ProposalEnd;
use crate::domain::page::{Page, Rows};
use crate::domain::posting::PostingOutcome;
use crate::domain::write_off::{Owed, WriteOff, WriteOffFilter};
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, clock, closings as closing_rows, ledger, write_offs as store};

/// Proposes to write off all that an account owes in one currency.
///
/// # Errors
/// 404 for an account that is not being closed; 409 `closing_moved_on` while its closing waits and can be withdrawn, or
/// `nothing_owed`; 403 `own_account`.
#[tracing::instrument(name = "write_offs.propose", skip_all, fields(customer = %customer))]
pub async fn propose(
    app: &App,
    caller: &Caller,
    customer: &CustomerId,
    currency: Currency,
    reason: &str,
    key: &IdempotencyKey,
) -> Result<Made<WriteOff>, Error> {
    transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            let known = store::find(conn, id).await?;
            return Ok(Made::again(known.ok_or(Error::Internal("the write-off of a recorded idempotency key"))?));
        }
        caller.require_not_own(customer)?;
        let owed = lock_owed(conn, customer, currency).await?;
        if !owed.total().is_positive() {
            let detail = format!("the account owes nothing in {}", currency.code());
            return Err(Error::conflict(Code::NothingOwed, detail));
        }
        let write_off = WriteOff {
            id: Uuid::now_v7(),
            customer: customer.clone(),
            amount: owed.total(),
            recovered: Money::zero(currency),
            reason: reason.to_owned(),
            proposed_by: caller.actor(),
            proposed_at: clock::now(conn).await?,
            end: None,
        };
        store::insert(conn, &write_off).await.map_err(|error| match error.violates("write_offs_one_waiting") {
            true => Error::conflict(Code::NothingOwed, "a write-off in this currency waits for a second operator"),
            false => error.into(),
        })?;
        record(conn, &caller.actor(), "proposed", &write_off).await?;
        key.record_resource(conn, write_off.id, customer).await?;
        Ok::<_, Error>(Made::new(write_off))
    })
    .await
}

/// Approves a write-off, and books it. The proposer cannot approve it.
///
/// # Errors
/// 404; 409 `nothing_proposed`, `second_operator_needed`, or `nothing_owed` if the account owes another sum now; 403
/// `own_account`.
#[tracing::instrument(name = "write_offs.approve", skip_all, fields(write_off = %id))]
pub async fn approve(app: &App, caller: &Caller, id: Uuid, key: &IdempotencyKey) -> Result<Made<WriteOff>, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let missing = || Error::NotFound("write-off");
        let known = store::find(conn, id).await?.ok_or_else(missing)?;
        if key.claim(conn).await?.is_some() {
            return Ok(Made::again(known));
        }
        caller.require_not_own(&known.customer)?;
        let owed = lock_owed(conn, &known.customer, known.amount.currency()).await?;
        let mut write_off = store::lock(conn, id).await?.ok_or_else(missing)?;
        require_waiting(&write_off)?;
        if write_off.proposed_by == actor {
            return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must approve this write-off"));
        }
        if owed.total() != write_off.amount {
            let detail = format!("the account owes {} now; withdraw the write-off and propose it again", owed.total());
            return Err(Error::conflict(Code::NothingOwed, detail));
        }
        write_off.end = Some(ProposalEnd::Approved { by: actor.clone(), at: clock::now(conn).await? });
        store::update(conn, &write_off).await?;
        for outcome in ledger::post(conn, &postings(&write_off, &owed)).await? {
            match outcome {
                PostingOutcome::Booked(_) => {}
                PostingOutcome::Replayed(_) => return Err(Error::Internal("a write-off that was not booked before")),
                PostingOutcome::Refused(refusal) => return Err(Error::refused(refusal)),
            }
        }
        record(conn, &actor, "approved", &write_off).await?;
        key.record_resource(conn, id, &write_off.customer).await?;
        Ok::<_, Error>(Made::new(write_off))
    })
    .await
}

/// Withdraws a waiting write-off. Withdrawing it again changes nothing.
///
/// # Errors
/// 404; 409 `nothing_proposed` when it was booked.
#[tracing::instrument(name = "write_offs.withdraw", skip_all, fields(write_off = %id))]
pub async fn withdraw(app: &App, caller: &Caller, id: Uuid) -> Result<WriteOff, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let mut write_off = store::lock(conn, id).await?.ok_or(Error::NotFound("write-off"))?;
        if matches!(write_off.end, Some(ProposalEnd::Withdrawn { .. })) {
            return Ok(write_off);
        }
        require_waiting(&write_off)?;
        write_off.end = Some(ProposalEnd::Withdrawn { by: actor.clone(), at: clock::now(conn).await? });
        store::update(conn, &write_off).await?;
        record(conn, &actor, "withdrawn", &write_off).await?;
        Ok(write_off)
    })
    .await
}

/// Takes an account's money for its written-off debts, in the caller's transaction, which holds the
/// locks of its wallets.
///
/// # Errors
/// A refusal of the ledger; database errors.
pub(in crate::app) async fn recover_from(conn: &mut Connection, customer: &CustomerId) -> Result<(), Error> {
    for mut write_off in store::lock_to_recover(conn, customer).await? {
        let (wallets, _) = ledger::lock_all_wallets(conn, customer).await?;
        let main = wallets
            .iter()
            .find(|wallet| wallet.key.currency == write_off.amount.currency() && wallet.key.product.is_main());
        let there = main.map_or(Money::zero(write_off.amount.currency()), |wallet| wallet.movable());
        let amount = there.min(write_off.amount - write_off.recovered);
        if !amount.is_positive() {
            continue;
        }
        for outcome in ledger::post(conn, &[recover(&write_off, amount)]).await? {
            match outcome {
                PostingOutcome::Booked(_) => {}
                PostingOutcome::Replayed(_) => return Err(Error::Internal("money that was not recovered before")),
                PostingOutcome::Refused(refusal) => return Err(Error::refused(refusal)),
            }
        }
        write_off.recovered += amount;
        store::update(conn, &write_off).await?;
        record(conn, SYSTEM, "recovered", &write_off).await?;
    }
    Ok(())
}

/// Reads a write-off.
///
/// # Errors
/// 404.
pub async fn get(app: &App, id: Option<Uuid>) -> Result<WriteOff, Error> {
    let missing = || Error::NotFound("write-off");
    store::find(&mut *app.pool.get().await?, id.ok_or_else(missing)?).await?.ok_or_else(missing)
}

/// A page of write-offs.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &WriteOffFilter, page: &Page) -> Result<Rows<WriteOff>, Error> {
    Ok(store::list(&mut *app.pool.get().await?, filter, page).await?)
}

/// What an account still owes after its own money has paid for it, under the locks of its wallets.
async fn lock_owed(conn: &mut Connection, customer: &CustomerId, currency: Currency) -> Result<Owed, Error> {
    ledger::lock_all_wallets(conn, customer).await?;
    let closing = closing_rows::lock(conn, customer).await?.ok_or(Error::NotFound("closing"))?;
    if !closing.state.is_shut() {
        let detail = format!("the closing is {}: what the account owes may still be paid", closing.state);
        return Err(Error::conflict(Code::ClosingMovedOn, detail));
    }
    closings::tidy(conn, customer).await?;
    let (wallets, _) = ledger::lock_all_wallets(conn, customer).await?;
    let claims = ledger::claims_of(conn, [customer]).await?;
    Ok(Owed::of(currency, &wallets, &claims))
}

fn require_waiting(write_off: &WriteOff) -> Result<(), Error> {
    let detail = match &write_off.end {
        None => return Ok(()),
        Some(ProposalEnd::Approved { by, .. }) => format!("the write-off was approved by {by}"),
        Some(ProposalEnd::Withdrawn { by, .. }) => format!("the write-off was withdrawn by {by}"),
    };
    Err(Error::conflict(Code::NothingProposed, detail))
}

async fn record(conn: &mut Connection, action_by: &str, action: &str, write_off: &WriteOff) -> Result<(), Error> {
    let target = format!("write_off:{}", IdKind::WriteOff.show(write_off.id));
    let said = json!({
        "amount": write_off.amount.to_string(),
        "recovered": write_off.recovered.to_string(),
        "proposed_by": write_off.proposed_by,
    });
    let record = AuditRecord::new(action_by, &format!("write_off.{action}"), target).of(&write_off.customer);
    Ok(audit::write(conn, &record.because(&write_off.reason).to(said)).await?)
}
