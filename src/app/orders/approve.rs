//! The approval of bank transfers: an operator states what arrived, or rejects the order.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::read::{OrderView, view};
use crate::app::idempotency::{IdempotencyKey, Made};
use crate::app::{App, Caller, Error, settlement};
use crate::domain::approval::{Approval, Confirmation};
use crate::domain::code::Code;
use crate::domain::money::Money;
use crate::domain::order::{Awaited, FailedBy, Order, OrderState, OrderStatus};
use crate::domain::payment::{Channel, Payment, PaymentFact, ProviderName};
use crate::storage::catalogue::bank_accounts;
use crate::storage::transaction::transact;
use crate::storage::{Connection, approvals, clock, orders, payments};

/// What an operator saw in the bank.
#[derive(Debug, Clone)]
pub struct BankStatement {
    /// In the order's currency.
    pub received_amount: Decimal,
    pub bank_transaction_id: String,
    /// Our account on which it arrived. When absent, it is the order's account.
    pub bank_account_id: Option<Uuid>,
    pub received_on: NaiveDate,
    pub note: Option<String>,
    /// Credit the money although the order was cancelled or rejected.
    pub accept_late: bool,
}

/// The result of an approval.
#[derive(Debug, Clone)]
pub struct Approved {
    pub order: OrderView,
    /// True while a second operator must confirm. Nothing is credited yet.
    pub awaiting_second: bool,
}

/// Approves a bank transfer and credits what arrived. Above the threshold it records a proposal until a second operator
/// states the same. One bank transaction is credited once, even when it is stated for several orders.
///
/// # Errors
/// 404; 409 `order_already_completed`, `order_not_open`, `second_operator_needed`, `approval_mismatch` or
/// `bank_transaction_used`; 422 for an impossible amount or account.
pub async fn approve(
    app: &App,
    caller: &Caller,
    id: Uuid,
    statement: &BankStatement,
    key: &IdempotencyKey,
) -> Result<Made<Approved>, Error> {
    let actor = caller.actor();
    let (replayed, awaiting_second) = transact(&app.pool, async |conn| {
        if key.claim(conn).await?.is_some() {
            let waiting = approvals::find(conn, id).await?.is_some_and(|approval| approval.confirmation.is_none());
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
        key.record_resource(conn, id).await?;
        Ok::<_, Error>((false, waiting))
    })
    .await?;
    let mut conn = app.pool.get().await?;
    let order = orders::find(&mut conn, id).await?.ok_or(Error::Internal("the order that was approved"))?;
    let approved = Approved { order: view(&mut conn, order).await?, awaiting_second };
    Ok(Made { value: approved, replayed })
}

fn check_state(order: &Order, statement: &BankStatement) -> Result<(), Error> {
    if order.channel != Channel::BankTransfer {
        return Err(Error::conflict(Code::NotABankTransfer, "only bank transfers are approved by hand"));
    }
    match order.status() {
        OrderStatus::Completed => {
            return Err(Error::conflict(Code::OrderAlreadyCompleted, "this order has been credited"));
        }
        // The clock closed an expired order, not a person. Verified money always wins.
        OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Expired => {}
        closed if !statement.accept_late => {
            return Err(Error::conflict(
                Code::OrderNotOpen,
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

/// Records the first operator's statement, and credits it where no second operator is needed. Returns whether one is.
async fn propose(
    conn: &mut Connection,
    app: &App,
    order: &mut Order,
    statement: &BankStatement,
    actor: &str,
) -> Result<bool, Error> {
    let account = statement
        .bank_account_id
        .or(order.bank_account_id)
        .ok_or(Error::Internal("a bank account on every order by bank transfer"))?;
    let known = bank_accounts::find(conn, account)
        .await?
        .ok_or_else(|| Error::field("/bank_account_id", Code::Unknown, "is not one of our bank accounts"))?;
    if known.currency != order.currency {
        return Err(Error::field("/bank_account_id", Code::CurrencyMismatch, "is in another currency than the order"));
    }
    let second_needed = app.settings.needs_second_operator(order.currency, statement.received_amount);
    let now = clock::now(conn).await?;
    let approval = Approval {
        order_id: order.id,
        received_amount: statement.received_amount,
        bank_transaction_id: statement.bank_transaction_id.clone(),
        bank_account_id: account,
        received_on: statement.received_on,
        note: statement.note.clone(),
        second_needed,
        proposed_by: actor.to_owned(),
        proposed_at: now,
        confirmation: None,
    };
    approvals::insert(conn, &approval).await?;
    if !second_needed {
        credit(conn, order, &approval, actor).await?;
        return Ok(false);
    }
    let reason = "awaiting a second operator's approval".to_owned();
    if order.state == OrderState::Pending {
        let waiting = OrderState::Processing(Awaited::SecondOperator);
        settlement::move_to(conn, order, waiting, Some(reason), actor).await?;
    } else {
        orders::add_to_timeline(conn, order, "approval_proposed", actor, Some(&reason)).await?;
    }
    Ok(true)
}

/// Credits a proposal that a second operator states in the same way.
async fn confirm(
    conn: &mut Connection,
    order: &mut Order,
    proposal: Approval,
    statement: &BankStatement,
    actor: &str,
) -> Result<(), Error> {
    if proposal.second_needed && proposal.proposed_by == actor {
        return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must confirm this approval"));
    }
    let same = proposal.received_amount == statement.received_amount
        && proposal.bank_transaction_id == statement.bank_transaction_id
        && statement.bank_account_id.is_none_or(|account| account == proposal.bank_account_id);
    if !same {
        return Err(Error::conflict(
            Code::ApprovalMismatch,
            "the figures differ from what the first operator stated; reject the order or state the same",
        ));
    }
    credit(conn, order, &proposal, actor).await
}

async fn credit(conn: &mut Connection, order: &mut Order, approval: &Approval, actor: &str) -> Result<(), Error> {
    let received = approval.received_amount;
    let amount = Money::new(received, order.currency).map_err(|_| Error::Internal("a checked amount"))?;
    let fact = PaymentFact {
        payment_id: approval.bank_transaction_id.clone(),
        amount,
        merchant_account: approval.bank_account_id.as_simple().to_string(),
        live: true,
    };
    let now = clock::now(conn).await?;
    let mut payment = Payment::applied(ProviderName::BankTransfer, &fact, order.id, now);
    if !payments::insert(conn, &payment).await? {
        payment = rest_of_known_transfer(conn, &fact).await?;
    }
    approvals::confirm(conn, order.id, &Confirmation { by: actor.to_owned(), at: now }).await?;
    orders::add_to_timeline(conn, order, "approved", actor, approval.note.as_deref()).await?;
    settlement::complete(conn, order, &payment, received, actor).await
}

/// Applies the rest of a bank transaction that is on record. It may serve another order, but never with more than its
/// rest.
async fn rest_of_known_transfer(conn: &mut Connection, fact: &PaymentFact) -> Result<Payment, Error> {
    let known = payments::lock(conn, ProviderName::BankTransfer, &fact.merchant_account, &fact.payment_id).await?;
    let mut payment = known.ok_or(Error::Internal("the payment that an insert found"))?;
    if payment.rest() < fact.amount.amount() {
        return Err(Error::conflict(
            Code::BankTransactionUsed,
            "this bank transaction has been credited already, or less of it is left",
        ));
    }
    payment.apply(fact.amount.amount());
    payments::update_applied(conn, &payment).await?;
    Ok(payment)
}

/// Rejects an open bank transfer; the customer reads the reason. On a closed order it withdraws the proposal to credit
/// late money, and the order stays as it was. Rejecting twice for the same reason changes nothing.
///
/// # Errors
/// 404; 409 `not_a_bank_transfer`; 409 `order_not_open` when there is nothing to reject.
pub async fn reject(app: &App, caller: &Caller, id: Uuid, reason: &str) -> Result<OrderView, Error> {
    let actor = caller.actor();
    let order = transact(&app.pool, async |conn| {
        let mut order = orders::lock(conn, id).await?.ok_or(Error::NotFound("order"))?;
        if order.channel != Channel::BankTransfer {
            return Err(Error::conflict(Code::NotABankTransfer, "only bank transfers are rejected by hand"));
        }
        let withdrawn = approvals::withdraw(conn, id).await?;
        if !order.status().is_open() {
            let again =
                order.state == OrderState::Failed(FailedBy::Operator) && order.reason.as_deref() == Some(reason);
            if withdrawn {
                orders::add_to_timeline(conn, &order, "approval_withdrawn", &actor, Some(reason)).await?;
            } else if !again {
                return Err(Error::conflict(Code::OrderNotOpen, format!("the order is {}", order.status())));
            }
            return Ok(order);
        }
        let failed = OrderState::Failed(FailedBy::Operator);
        settlement::move_to(conn, &mut order, failed, Some(reason.to_owned()), &actor).await?;
        Ok(order)
    })
    .await?;
    let mut conn = app.pool.get().await?;
    view(&mut conn, order).await
}
