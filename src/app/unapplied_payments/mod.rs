//! Unapplied payments: those that serve no order, or that serve one only with a part of their money. They wait for an
//! operator, who applies them, sends them back, or dismisses them.

mod carry_out;
pub mod decide;

use uuid::Uuid;

use super::{App, Caller, Error};
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::page::{Page, Rows};
use crate::domain::payment::Payment;
use crate::domain::unapplied::UnappliedFilter;
use crate::storage::transaction::transact;
use crate::storage::{audit, clock, payments, unapplied_payments as store};

/// A page of payments with an unapplied rest.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &UnappliedFilter, page: &Page) -> Result<Rows<Payment>, Error> {
    Ok(store::list(&mut *app.pool.get().await?, filter, page).await?)
}

/// How many payments there are of each currency, and how much of them is unapplied.
///
/// # Errors
/// Database errors.
pub async fn totals(app: &App, filter: &UnappliedFilter) -> Result<Vec<(i64, Money)>, Error> {
    Ok(store::totals(&mut *app.pool.get().await?, filter).await?)
}

/// Dismisses a payment: its rest is kept, and leaves the worklist. It can still be applied or returned. If the rest
/// grows, the database puts it on the worklist again. Repeating it changes nothing.
///
/// # Errors
/// 404; 409 `nothing_unapplied`.
#[tracing::instrument(name = "unapplied_payments.dismiss", skip_all, fields(payment = %id))]
pub async fn dismiss(app: &App, caller: &Caller, id: Uuid, reason: &str) -> Result<Payment, Error> {
    transact(&app.pool, async |conn| {
        let payment = payments::lock_by_id(conn, id).await?.ok_or(Error::NotFound("payment"))?;
        if !payment.rest().is_positive() {
            return Err(Error::conflict(Code::NothingUnapplied, "nothing of this payment is left unapplied"));
        }
        let now = clock::now(conn).await?;
        if store::dismiss(conn, id, now).await? {
            let target = format!("payment:{}", IdKind::Payment.show(id));
            let record = AuditRecord::new(&caller.actor(), "unapplied_payment.dismissed", target).because(reason);
            audit::write(conn, &record).await?;
        }
        Ok(payment)
    })
    .await
}
