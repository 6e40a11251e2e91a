//! Changes of bank accounts that wait for a second operator.
//!
//! A change of the account that payers see diverts their money. So once any threshold of second operators is set,
//! every change needs two. Without thresholds one operator is enough, as for everything else.

use serde_json::json;
use uuid::Uuid;

use super::bank_account_writes::{Changed, describe, insert, replace, target};
use crate::app::{App, Caller, Error};
use crate::domain::audit::AuditRecord;
use crate::domain::catalogue::{BankAccount, BankAccountChange};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::own_word::ProposalEnd;
use crate::storage::catalogue::bank_account_changes as store;
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, catalogue, clock};

/// The most changes that a list shows.
const LISTED: i64 = 1000;

/// Records a change that a second operator must approve. `account.version` is the version that it replaces; 0 for a new
/// account.
pub(super) async fn propose(conn: &mut Connection, caller: &Caller, account: BankAccount) -> Result<Changed, Error> {
    let now = clock::now(conn).await?;
    let change =
        BankAccountChange { id: Uuid::now_v7(), account, proposed_by: caller.actor(), proposed_at: now, end: None };
    store::insert(conn, &change).await.map_err(|error| {
        if error.violates("bank_account_proposals_one_waiting") {
            let detail = "another change of this account waits for a second operator; approve or withdraw it first";
            Error::conflict(Code::ChangeProposed, detail)
        } else {
            error.into()
        }
    })?;
    record(conn, &change, &change.proposed_by, "bank_account.proposed").await?;
    Ok(Changed::Proposed(change))
}

/// Approves a change, and carries it out. The proposer cannot approve it.
///
/// # Errors
/// 404; 409 `nothing_proposed`, `second_operator_needed` or `bank_account_exists`; 412 when the account has changed
/// since the proposal.
pub async fn approve(app: &App, caller: &Caller, id: Uuid) -> Result<BankAccount, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let change = lock_waiting(conn, id).await?;
        if change.proposed_by == actor {
            return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must approve this change"));
        }
        let account = &change.account;
        let saved = match account.version {
            0 => insert(conn, &actor, account).await?,
            base => {
                let current = catalogue::bank_accounts::lock(conn, account.id).await?;
                let current = current.ok_or(Error::Internal("the bank account of a change"))?;
                if current.version != base {
                    return Err(Error::PreconditionFailed);
                }
                replace(conn, &actor, &current, account).await?
            }
        };
        let end = ProposalEnd::Approved { by: actor.clone(), at: clock::now(conn).await? };
        let approved = BankAccountChange { end: Some(end), ..change };
        store::end(conn, &approved).await?;
        record(conn, &approved, &actor, "bank_account.approved").await?;
        Ok(saved)
    })
    .await
}

/// Withdraws a change, which is then not carried out.
///
/// # Errors
/// 404; 409 `nothing_proposed`.
pub async fn withdraw(app: &App, caller: &Caller, id: Uuid) -> Result<BankAccountChange, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let change = lock_waiting(conn, id).await?;
        let end = ProposalEnd::Withdrawn { by: actor.clone(), at: clock::now(conn).await? };
        let withdrawn = BankAccountChange { end: Some(end), ..change };
        store::end(conn, &withdrawn).await?;
        record(conn, &withdrawn, &actor, "bank_account.withdrawn").await?;
        Ok(withdrawn)
    })
    .await
}

/// The changes that wait, newest first.
///
/// # Errors
/// Database errors.
pub async fn waiting(app: &App) -> Result<Vec<BankAccountChange>, Error> {
    Ok(store::waiting(&mut *app.pool.get().await?, LISTED).await?)
}

async fn lock_waiting(conn: &mut Connection, id: Uuid) -> Result<BankAccountChange, Error> {
    let change = store::lock(conn, id).await?.ok_or(Error::NotFound("change of a bank account"))?;
    let detail = match &change.end {
        None => return Ok(change),
        Some(ProposalEnd::Approved { by, .. }) => format!("the change was approved by {by}"),
        Some(ProposalEnd::Withdrawn { by, .. }) => format!("the change was withdrawn by {by}"),
    };
    Err(Error::conflict(Code::NothingProposed, detail))
}

async fn record(conn: &mut Connection, change: &BankAccountChange, actor: &str, action: &str) -> Result<(), Error> {
    let detail = json!({
        "change_id": IdKind::BankAccountChange.show(change.id),
        "proposed_by": change.proposed_by,
        "account": describe(&change.account),
    });
    Ok(audit::write(conn, &AuditRecord::new(actor, action, target(change.account.id)).to(detail)).await?)
}
