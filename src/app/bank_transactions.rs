//! Bank transactions: finding a line of the bank's statement, and correcting its amount.

use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use super::{App, Caller, Error};
use crate::domain::audit::AuditRecord;
use crate::domain::bank_statement::BankLine;
use crate::domain::bank_transaction::{BankTransaction, Identity, UsedPart};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::storage::transaction::transact;
use crate::storage::{audit, bank_lines, bank_transactions, clock, payments};

/// A line of the bank's statement with what is used of it.
#[derive(Debug, Clone)]
pub struct KnownTransaction {
    pub line: BankTransaction,
    pub used: UsedPart,
    /// The orders that it serves, each with its part.
    pub orders: Vec<(Uuid, Money)>,
}

/// The recorded lines with a bank id, however it is written. A placeholder names none.
///
/// # Errors
/// Database errors.
pub async fn find(app: &App, bank_transaction_id: &str) -> Result<Vec<KnownTransaction>, Error> {
    let Some(identity) = Identity::by_id(bank_transaction_id) else { return Ok(Vec::new()) };
    let mut conn = app.pool.get().await?;
    let mut found = Vec::new();
    for (line, used) in bank_transactions::by_identity(&mut conn, &identity).await? {
        let orders = bank_transactions::orders_served(&mut conn, line.payment_id, line.amount.currency()).await?;
        found.push(KnownTransaction { line, used, orders });
    }
    Ok(found)
}

/// Corrects the amount of a line. Zero voids the line: nothing arrived. The part that serves orders stays.
///
/// # Errors
/// 404; 422 for an amount that is less than what is used of the line.
#[tracing::instrument(name = "bank_transactions.restate", skip_all, fields(payment = %payment_id))]
pub async fn restate(
    app: &App,
    caller: &Caller,
    payment_id: Uuid,
    amount: Decimal,
    reason: &str,
) -> Result<KnownTransaction, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let missing = || Error::NotFound("bank transaction");
        let (known, used) = bank_transactions::lock(conn, payment_id).await?.ok_or_else(missing)?;
        let payment = payments::lock_by_id(conn, payment_id).await?;
        let mut payment = payment.ok_or(Error::Internal("the payment of a bank transaction"))?;
        let before = known.amount;
        if let Some(line) = bank_lines::of_payment(conn, payment_id).await? {
            require_amount_of(&line, amount)?;
        }
        let line = stated_anew(known, used, amount, &actor, clock::now(conn).await?)?;
        payment.restate(line.amount, &format!("{} arrived, as {actor} now states: {reason}", line.amount));
        bank_transactions::restate(conn, &line, &payment).await?;
        let stated = |amount: Money| json!({ "bank_transaction_id": line.stated_id, "amount": amount.to_string() });
        let target = format!("payment:{}", IdKind::Payment.show(payment_id));
        let record = AuditRecord::new(&actor, "bank_transaction.restated", target).because(reason);
        audit::write(conn, &record.from(Some(stated(before))).to(stated(line.amount))).await?;
        let orders = bank_transactions::orders_served(conn, payment_id, line.amount.currency()).await?;
        Ok(KnownTransaction { line, used, orders })
    })
    .await
}

/// An operator cannot correct an amount of the bank's file.
fn require_amount_of(line: &BankLine, amount: Decimal) -> Result<(), Error> {
    if line.line.amount.amount() == amount {
        return Ok(());
    }
    let detail = format!("must be {}, as the bank's statement says", line.line.amount);
    Err(Error::field("/amount", Code::OutOfRange, detail))
}

/// The line with its new amount. An approval may state a voided line again: the money may still arrive.
fn stated_anew(
    known: BankTransaction,
    used: UsedPart,
    amount: Decimal,
    actor: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<BankTransaction, Error> {
    let wrong = |code, detail: String| Error::field("/amount", code, detail);
    let amount = Money::new(amount, known.amount.currency())
        .and_then(Money::require_minor_unit)
        .map_err(|error| wrong(error.code(), error.to_string()))?;
    let amount = known.restated(amount, used).map_err(|_| {
        let detail = format!(
            "must be at least what is used: {} serves orders, {} of the unapplied part went back, {} went back in all",
            used.applied, used.unapplied_taken, used.refunded
        );
        wrong(Code::OutOfRange, detail)
    })?;
    let amount_is_open = amount.amount().is_zero();
    Ok(BankTransaction { amount, amount_is_open, stated_by: actor.to_owned(), stated_at: now, ..known })
}
