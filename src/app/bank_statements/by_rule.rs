//! Crediting by rule: a line that names an order by its reference completes the order, if its amount is close to the
//! order's.
//!
//! Each order is credited in a transaction of its own. If the process is interrupted, uploading the same file again
//! continues the work. A credit counts as moved by the operator who uploaded the file. A line that does not fit waits
//! for an operator.

use crate::app::{App, Caller, Error, OnProgress, orders};
use crate::domain::actor::Actor;
use crate::domain::bank_statement::{BankStatement, StatementLine};
use crate::domain::customer::CustomerId;
use crate::domain::own_word::ProposalEnd;
use crate::domain::permission::Permission;
use crate::storage::{bank_lines, bank_matching};

/// Credits the money of a statement to the orders that its lines name. Returns how many orders were credited.
///
/// # Errors
/// Database errors.
pub(super) async fn credit_all(app: &App, statement: &BankStatement, progress: OnProgress<'_>) -> Result<u32, Error> {
    if statement.applied_at.is_none() {
        return Ok(0);
    }
    let mut named = Vec::new();
    {
        let mut conn = app.pool.get().await?;
        let lines = bank_lines::of_statement(&mut conn, statement.id).await?;
        let texts: Vec<StatementLine> = lines.iter().map(|line| line.line.clone()).collect();
        let orders = bank_matching::named_orders(&mut conn, statement.opening.currency(), &texts).await?;
        for line in lines {
            // A line that names several orders may be for all of them.
            let references = line.line.references();
            let [reference] = references.as_slice() else { continue };
            named.extend(orders.get(reference).copied().zip(line.payment_id));
        }
    }
    let uploader = operator(&statement.uploaded_by, statement.uploader_customer.as_ref())?;
    let second = match &statement.end {
        Some(ProposalEnd::Approved { by, .. }) => Some(operator(by, statement.approver_customer.as_ref())?),
        _ => None,
    };
    let mut credited = 0;
    for (n, (order, payment)) in (1..).zip(&named) {
        match orders::by_rule::credit_order(app, &uploader, second.as_ref(), *order, *payment).await {
            Ok(done) => credited += u32::from(done),
            Err(error @ (Error::Storage(_) | Error::Internal(_))) => return Err(error),
            // The ledger may refuse a credit. The money stays unapplied, and an operator sees it.
            Err(error) => tracing::warn!(%order, %error, "A line names an order and was not credited to it"),
        }
        progress(n, named.len());
    }
    Ok(credited)
}

/// The operator who uploaded a statement. If this operator is also a customer of ours, the caller carries that
/// customer.
fn operator(actor: &str, own_customer: Option<&CustomerId>) -> Result<Caller, Error> {
    let subject = Actor::operator(actor).ok_or(Error::Internal("an operator who uploaded a statement"))?;
    let operator = Caller::operator(subject, Permission::Finance.into());
    Ok(Caller { own_customer: own_customer.cloned().or(operator.own_customer), ..operator })
}
