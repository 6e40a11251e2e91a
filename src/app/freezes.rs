//! Freezes: operators freeze a customer or one wallet, and end the freeze.
//!
//! Repeating either changes nothing.

use uuid::Uuid;

use super::{App, Caller, Error};
use crate::domain::audit::AuditRecord;
use crate::domain::customer::CustomerId;
use crate::domain::freeze::{Freeze, Frozen};
use crate::domain::id::IdKind;
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, clock, freezes, ledger};

/// Freezes all wallets of a customer, also those that are made later.
///
/// # Errors
/// Database errors.
#[tracing::instrument(name = "freezes.freeze_customer", skip_all, fields(customer = %customer))]
pub async fn freeze_customer(app: &App, caller: &Caller, customer: &CustomerId, reason: &str) -> Result<Freeze, Error> {
    transact(&app.pool, async |conn| freeze(conn, &caller.actor(), &Frozen::Customer(customer.clone()), reason).await)
        .await
}

/// Ends the freeze of a customer. Wallets that were frozen by themselves stay frozen.
///
/// # Errors
/// Database errors.
#[tracing::instrument(name = "freezes.unfreeze_customer", skip_all, fields(customer = %customer))]
pub async fn unfreeze_customer(app: &App, caller: &Caller, customer: &CustomerId, reason: &str) -> Result<(), Error> {
    transact(&app.pool, async |conn| unfreeze(conn, &caller.actor(), &Frozen::Customer(customer.clone()), reason).await)
        .await
}

/// Freezes one wallet.
///
/// # Errors
/// 404.
#[tracing::instrument(name = "freezes.freeze_wallet", skip_all, fields(wallet = ?id))]
pub async fn freeze_wallet(app: &App, caller: &Caller, id: Option<Uuid>, reason: &str) -> Result<Freeze, Error> {
    transact(&app.pool, async |conn| {
        let frozen = wallet(conn, id).await?;
        freeze(conn, &caller.actor(), &frozen, reason).await
    })
    .await
}

/// Ends the freeze of one wallet.
///
/// # Errors
/// 404.
#[tracing::instrument(name = "freezes.unfreeze_wallet", skip_all, fields(wallet = ?id))]
pub async fn unfreeze_wallet(app: &App, caller: &Caller, id: Option<Uuid>, reason: &str) -> Result<CustomerId, Error> {
    transact(&app.pool, async |conn| {
        let frozen = wallet(conn, id).await?;
        unfreeze(conn, &caller.actor(), &frozen, reason).await?;
        Ok(frozen.customer().clone())
    })
    .await
}

async fn wallet(conn: &mut Connection, id: Option<Uuid>) -> Result<Frozen, Error> {
    let missing = || Error::NotFound("wallet");
    let id = id.ok_or_else(missing)?;
    let key = freezes::wallet_by_id(conn, id).await?.ok_or_else(missing)?;
    Ok(Frozen::Wallet { customer: key.customer, id })
}

async fn freeze(conn: &mut Connection, actor: &str, frozen: &Frozen, reason: &str) -> Result<Freeze, Error> {
    let wallets = ledger::lock_all_wallets(conn, frozen.customer()).await?.0;
    if let Some(known) = freezes::find(conn, frozen).await? {
        return Ok(known);
    }
    let now = clock::now(conn).await?;
    let freeze =
        Freeze { frozen: frozen.clone(), reason: reason.to_owned(), frozen_by: actor.to_owned(), frozen_at: now };
    freezes::insert(conn, &freeze).await?;
    for mut wallet in wallets.into_iter().filter(|wallet| frozen.wallet().is_none_or(|id| wallet.id == id)) {
        wallet.mark_frozen(frozen, true, now);
        ledger::save_marks(conn, &wallet).await?;
    }
    write_audit(conn, actor, "frozen", frozen, reason).await?;
    Ok(freeze)
}

async fn unfreeze(conn: &mut Connection, actor: &str, frozen: &Frozen, reason: &str) -> Result<(), Error> {
    let (wallets, now) = ledger::lock_all_wallets(conn, frozen.customer()).await?;
    if freezes::find(conn, frozen).await?.is_none() {
        return Ok(());
    }
    freezes::delete(conn, frozen).await?;
    for mut wallet in wallets.into_iter().filter(|wallet| frozen.wallet().is_none_or(|id| wallet.id == id)) {
        wallet.mark_frozen(frozen, false, now);
        ledger::save_marks(conn, &wallet).await?;
    }
    write_audit(conn, actor, "unfrozen", frozen, reason).await
}

async fn write_audit(
    conn: &mut Connection,
    actor: &str,
    action: &str,
    frozen: &Frozen,
    reason: &str,
) -> Result<(), Error> {
    let (of, target) = match frozen {
        Frozen::Customer(customer) => ("customer", format!("customer:{customer}")),
        Frozen::Wallet { id, .. } => ("wallet", format!("wallet:{}", IdKind::Wallet.show(*id))),
    };
    let record = AuditRecord::new(actor, &format!("{of}.{action}"), target).of(frozen.customer());
    Ok(audit::write(conn, &record.because(reason)).await?)
}
