//! Bank transfers: an operator states what arrived, or rejects.

use crate::storage::Connection;
use chrono::{NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::read::{OrderView, view};
use crate::app::idempotency::{IdempotencyKey, Made};
use crate::app::{App, Caller, Error, settlement};
use crate::domain::money::Money;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::payment::Channel;
use crate::storage::approvals::{self, Approval};
use crate::storage::catalogue::bank_accounts;
use crate::storage::orders;
use crate::storage::payments::{self, Payment};
use crate::storage::transaction::transact;

/// What an operator saw in the bank.
#[derive(Debug, Clone)]
pub struct Statement {
    pub received_amount: Decimal,
    pub bank_transaction_id: String,
    /// Ours that it arrived on; the order's own when absent.
    pub bank_account_id: Option<Uuid>,
    pub received_on: NaiveDate,
    pub note: Option<String>,
    /// The order was cancelled or rejected, and the money shall be credited all the same.
    pub accept_late: bool,
}

/// What an approval came to.
#[derive(Debug, Clone)]
pub struct Approved {
    pub order: OrderView,
    /// True while a second operator must confirm; nothing is credited yet.
    pub awaiting_second: bool,
}

/// Approves a bank transfer: credits what arrived, or, above the threshold, notes the proposal until a
/// second operator states the same. One bank transaction is credited once, whatever order it is stated for.
///
/// # Errors
/// 404; 409 `order_already_completed`, `order_not_open`, `second_operator_needed`, `approval_mismatch`,
/// `bank_transaction_used`; 422 for figures that cannot be.
pub async fn approve(
    app: &App,
    caller: &Caller,
    id: Uuid,
    statement: &Statement,
    key: &IdempotencyKey,
) -> Result<Made<Approved>, Error> {
    let actor = caller.actor();
    let (replayed, awaiting_second) = transact(&app.pool, async |conn| {
        if key.claim(conn).await?.is_some() {
            let waiting = approvals::find(conn, id).await?.is_some_and(|approval| approval.approved_by.is_none());
            return Ok((true, waiting));
        }
        let mut order = orders::lock(conn, id).await?.ok_or(Error::NotFound("order"))?;
        check_state(&order, statement)?;
        let waiting = match approvals::find(conn, id).await? {
            None => propose(conn, app, &mut order, statement, &actor).await?,
            Some(proposal) => {
                confirm(conn, &mut order, proposal, statement, &actor).await?;
                false
            }
        };
        key.record(conn, id).await?;
        Ok::<_, Error>((false, waiting))
    })
    .await?;
    let mut conn = app.pool.get().await?;
    let order = orders::find(&mut conn, id).await?.ok_or(Error::NotFound("order"))?;
    let approved = Approved { order: view(&mut conn, order).await?, awaiting_second };
    Ok(Made { value: approved, replayed })
}

fn check_state(order: &Order, statement: &Statement) -> Result<(), Error> {
    if order.channel != Channel::BankTransfer {
        return Err(Error::conflict("not_a_bank_transfer", "only bank transfers are approved by hand"));
    }
    match order.status {
        OrderStatus::Completed => {
            return Err(Error::conflict("order_already_completed", "this order has been credited"));
        }
        // An expired order was closed by nobody, and verified money always wins.
        OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Expired => {}
        closed if !statement.accept_late => {
            return Err(Error::conflict(
                "order_not_open",
                format!("the order is {closed}; repeat with accept_late if the money did arrive"),
            ));
        }
        _ => {}
    }
    Money::positive(statement.received_amount, order.currency)
        .and_then(Money::require_minor_unit)
        .map_err(|error| Error::field("/received_amount", error.code(), error.to_string()))?;
    Ok(())
}

/// True when a second operator is needed.
async fn propose(
    conn: &mut Connection,
    app: &App,
    order: &mut Order,
    statement: &Statement,
    actor: &str,
) -> Result<bool, Error> {
    let account = statement.bank_account_id.or(order.bank_account_id).ok_or(Error::NotFound("bank account"))?;
    let known = bank_accounts::find(conn, account)
        .await?
        .ok_or_else(|| Error::field("/bank_account_id", "unknown", "is not one of our bank accounts"))?;
    if known.currency != order.currency {
        return Err(Error::field("/bank_account_id", "currency_mismatch", "is in another currency than the order"));
    }
    let second_needed = app.settings.needs_second_operator(order.currency, statement.received_amount);
    let approval = Approval {
        order_id: order.id,
        received_amount: statement.received_amount,
        bank_transaction_id: statement.bank_transaction_id.clone(),
        bank_account_id: account,
        received_on: statement.received_on,
        note: statement.note.clone(),
        second_needed,
        proposed_by: actor.to_owned(),
        proposed_at: Utc::now(),
        approved_by: None,
        approved_at: None,
    };
    approvals::insert(conn, &approval).await?;
    if !second_needed {
        credit(conn, order, &approval, actor).await?;
        return Ok(false);
    }
    let reason = "awaiting a second operator's approval".to_owned();
    if order.status == OrderStatus::Pending {
        settlement::move_to(conn, order, OrderStatus::Processing, Some(reason), actor).await?;
    } else {
        orders::note(conn, order, "approval_proposed", actor, Some(&reason)).await?;
    }
    Ok(true)
}

async fn confirm(
    conn: &mut Connection,
    order: &mut Order,
    proposal: Approval,
    statement: &Statement,
    actor: &str,
) -> Result<(), Error> {
    if proposal.second_needed && proposal.proposed_by == actor {
        return Err(Error::conflict("second_operator_needed", "another operator must confirm this approval"));
    }
    let same = proposal.received_amount == statement.received_amount
        && proposal.bank_transaction_id == statement.bank_transaction_id
        && statement.bank_account_id.is_none_or(|account| account == proposal.bank_account_id);
    if !same {
        return Err(Error::conflict(
            "approval_mismatch",
            "the figures differ from what the first operator stated; reject the order or state the same",
        ));
    }
    credit(conn, order, &proposal, actor).await
}

async fn credit(conn: &mut Connection, order: &mut Order, approval: &Approval, actor: &str) -> Result<(), Error> {
    let merchant_account = approval.bank_account_id.as_simple().to_string();
    let payment = Payment {
        id: Uuid::now_v7(),
        provider: "bank".to_owned(),
        merchant_account: merchant_account.clone(),
        payment_id: approval.bank_transaction_id.clone(),
        currency: order.currency.code().to_owned(),
        amount: approval.received_amount,
        applied: Decimal::ZERO,
        refunded: Decimal::ZERO,
        order_id: Some(order.id),
        unapplied_reason: Some("being applied".to_owned()),
        live: true,
        received_at: Utc::now(),
    };
    let payment = if payments::insert(conn, &payment).await? {
        payment
    } else {
        // Known from the statement: what is left of it may serve this order, never more.
        let known = payments::lock(conn, "bank", &merchant_account, &approval.bank_transaction_id)
            .await?
            .ok_or(Error::NotFound("payment"))?;
        if known.amount - known.applied < approval.received_amount {
            return Err(Error::conflict(
                "bank_transaction_used",
                "this bank transaction has been credited already, or less of it is left",
            ));
        }
        known
    };
    approvals::approve(conn, order.id, actor, Utc::now()).await?;
    orders::note(conn, order, "approved", actor, approval.note.as_deref()).await?;
    settlement::complete(conn, order, &payment, approval.received_amount, actor).await
}

/// Rejects an open bank transfer, with the reason that the customer reads. Of a closed one, whose late money waits for
/// a second operator, that proposal is withdrawn; the order stays what it was.
///
/// # Errors
/// 404; 409 when there is nothing to reject, or it is not a bank transfer. Rejecting twice changes nothing.
pub async fn reject(app: &App, caller: &Caller, id: Uuid, reason: &str) -> Result<OrderView, Error> {
    let actor = caller.actor();
    let order = transact(&app.pool, async |conn| {
        let mut order = orders::lock(conn, id).await?.ok_or(Error::NotFound("order"))?;
        if order.channel != Channel::BankTransfer {
            return Err(Error::conflict("not_a_bank_transfer", "only bank transfers are rejected by hand"));
        }
        let withdrawn = approvals::withdraw(conn, id).await?;
        if !order.status.is_open() {
            let again = order.status == OrderStatus::Failed && order.reason.as_deref() == Some(reason);
            if withdrawn {
                orders::note(conn, &order, "approval_withdrawn", &actor, Some(reason)).await?;
            } else if !again {
                return Err(Error::conflict("order_not_open", format!("the order is {}", order.status)));
            }
            return Ok(order);
        }
        settlement::move_to(conn, &mut order, OrderStatus::Failed, Some(reason.to_owned()), &actor).await?;
        Ok(order)
    })
    .await?;
    let mut conn = app.pool.get().await?;
    view(&mut conn, order).await
}
