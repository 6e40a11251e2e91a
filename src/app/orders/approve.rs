//! The approval of bank transfers: an operator states what arrived.

use serde_json::json;
use uuid::Uuid;

use super::line::StatedTransfer;
use super::read::{OrderView, view_for_operator};
use super::{audited, line};
use crate::app::idempotency::{IdempotencyKey, Made};
use crate::app::{App, Caller, Error, own_word, settlement};
use crate::domain::approval::{Approval, Confirmation};
use crate::domain::bank_transaction::{LinePlace, StatedLine};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::order::{Awaited, Order, OrderState, OrderStatus};
use crate::domain::own_word::MoveKind;
use crate::domain::payment::Channel;
use crate::storage::catalogue::bank_accounts;
use crate::storage::transaction::transact;
use crate::storage::{Connection, approvals, bank_transactions, clock, orders};

/// The result of an approval.
#[derive(Debug, Clone)]
pub struct Approved {
    pub order: OrderView,
    /// True while a second operator must confirm. Nothing is credited yet.
    pub awaiting_second: bool,
}

/// Approves a bank transfer and credits what arrived. If a second operator is needed, it records a proposal until that
/// operator states the same; until then the proposer may state something else. One line of the bank's statement is
/// credited once, however its id is written, and for whatever orders it is stated.
///
/// # Errors
/// 403 `own_account`; 404; 409 `order_already_completed`, `order_not_open`, `second_operator_needed`,
/// `approval_mismatch` or `bank_transaction_used`; 422 `confirm_difference`, `confirm_not_duplicate` or `another_line`,
/// or for an impossible amount, day or account.
#[tracing::instrument(name = "orders.approve", skip_all, fields(order = %id))]
pub async fn approve(
    app: &App,
    caller: &Caller,
    id: Uuid,
    statement: &StatedTransfer,
    key: &IdempotencyKey,
) -> Result<Made<Approved>, Error> {
    let actor = caller.actor();
    let replayed = transact(&app.pool, async |conn| {
        if key.claim(conn).await?.is_some() {
            return Ok(true);
        }
        let mut order = orders::lock(conn, id).await?.ok_or(Error::NotFound("order"))?;
        caller.require_not_own(&order.customer)?;
        check_state(&order, statement)?;
        let stated = read_line(conn, &order, statement).await?;
        match approvals::find(conn, &order).await? {
            None => propose(conn, app, caller, &mut order, stated, statement).await?,
            Some(proposal) if proposal.proposed_by == actor => {
                replace(conn, app, &order, proposal, stated, statement).await?;
            }
            Some(proposal) => confirm(conn, app, &mut order, proposal, &stated, statement, &actor).await?,
        }
        key.record_resource(conn, id, &order.customer).await?;
        Ok::<_, Error>(false)
    })
    .await?;
    let mut conn = app.pool.get().await?;
    let order = orders::find(&mut conn, id).await?.ok_or(Error::Internal("the order that was approved"))?;
    let order = view_for_operator(&mut conn, order).await?;
    let awaiting_second = order.approval.as_ref().is_some_and(|approval| approval.confirmation.is_none());
    Ok(Made { value: Approved { order, awaiting_second }, replayed })
}

fn check_state(order: &Order, statement: &StatedTransfer) -> Result<(), Error> {
    if order.channel != Channel::BankTransfer {
        return Err(Error::conflict(Code::NotABankTransfer, "only bank transfers are approved by operators"));
    }
    match order.status() {
        OrderStatus::Completed => {
            let detail = "this order has been credited; apply a further transfer as an unapplied payment";
            Err(Error::conflict(Code::OrderAlreadyCompleted, detail))
        }
        // The clock closed an expired order, not a person. Verified money always wins.
        OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Expired => Ok(()),
        closed if !statement.accept_late => Err(Error::conflict(
            Code::OrderNotOpen,
            format!("the order is {closed}; repeat with accept_late if the money did arrive"),
        )),
        _ => Ok(()),
    }
}

/// Reads the stated line, and locks the account on which it arrived.
async fn read_line(conn: &mut Connection, order: &Order, statement: &StatedTransfer) -> Result<StatedLine, Error> {
    let account = statement
        .bank_account_id
        .or(order.bank_account_id)
        .ok_or(Error::Internal("a bank account on every order by bank transfer"))?;
    let stated = line::read(order, account, statement, clock::now(conn).await?)?;
    let known = bank_accounts::find(conn, account)
        .await?
        .ok_or_else(|| Error::field("/bank_account_id", Code::Unknown, "is not one of our bank accounts"))?;
    if known.currency != order.currency() {
        return Err(Error::field("/bank_account_id", Code::CurrencyMismatch, "has another currency than the order"));
    }
    bank_transactions::lock_account(conn, account).await?;
    Ok(stated)
}

/// Records the first operator's statement, and credits it if no second operator is needed.
async fn propose(
    conn: &mut Connection,
    app: &App,
    caller: &Caller,
    order: &mut Order,
    stated: StatedLine,
    statement: &StatedTransfer,
) -> Result<(), Error> {
    let actor = &caller.actor();
    let found = line::find_place(conn, app, order, &stated, statement.confirmed).await?;
    let alone = !stated.another_line
        && own_word::is_enough(conn, app, caller, MoveKind::Approval, order.id, &order.customer, stated.received)
            .await?;
    let mut approval = Approval {
        order_id: order.id,
        line: stated,
        confirmed: statement.confirmed,
        note: statement.note.clone(),
        second_needed: !alone,
        proposed_by: actor.to_owned(),
        proposed_at: clock::now(conn).await?,
        confirmation: None,
    };
    if alone {
        return credit(conn, app, order, &mut approval, found, actor).await;
    }
    wait_for_second(conn, order, &approval, actor).await
}

/// Records a statement that waits for a second operator.
pub(super) async fn wait_for_second(
    conn: &mut Connection,
    order: &mut Order,
    approval: &Approval,
    actor: &str,
) -> Result<(), Error> {
    approvals::save(conn, approval).await?;
    audit(conn, order, actor, "approval_proposed", approval).await?;
    let reason = "we are confirming your transfer".to_owned();
    if order.state == OrderState::Pending {
        let waiting = OrderState::Processing(Awaited::SecondOperator);
        return settlement::move_to(conn, order, waiting, Some(reason), actor).await;
    }
    Ok(orders::add_to_timeline(conn, order, "approval_proposed", actor, Some(&reason)).await?)
}

/// Replaces the proposer's statement by another one. It waits for a second operator, too.
async fn replace(
    conn: &mut Connection,
    app: &App,
    order: &Order,
    proposal: Approval,
    stated: StatedLine,
    statement: &StatedTransfer,
) -> Result<(), Error> {
    if proposal.line == stated && proposal.note == statement.note {
        return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must confirm this approval"));
    }
    line::find_place(conn, app, order, &stated, statement.confirmed).await?;
    let replaced = Approval {
        line: stated,
        confirmed: statement.confirmed,
        note: statement.note.clone(),
        proposed_at: clock::now(conn).await?,
        ..proposal
    };
    approvals::save(conn, &replaced).await?;
    audit(conn, order, &replaced.proposed_by, "approval_replaced", &replaced).await?;
    Ok(orders::add_to_timeline(conn, order, "approval_replaced", &replaced.proposed_by, None).await?)
}

/// Credits a proposal that a second operator states in the same way.
async fn confirm(
    conn: &mut Connection,
    app: &App,
    order: &mut Order,
    mut proposal: Approval,
    stated: &StatedLine,
    statement: &StatedTransfer,
    actor: &str,
) -> Result<(), Error> {
    if !proposal.agrees_with(stated) {
        let detail = format!("{}; state the same, withdraw the proposal, or reject the order", describe(&proposal));
        return Err(Error::conflict(Code::ApprovalMismatch, detail));
    }
    proposal.confirmed = proposal.confirmed.or(statement.confirmed);
    let found = line::find_place(conn, app, order, &proposal.line, proposal.confirmed).await?;
    credit(conn, app, order, &mut proposal, found, actor).await
}

/// What a proposal states, for the answer to an operator who states something else.
fn describe(proposal: &Approval) -> String {
    let line = &proposal.line;
    let mut text = format!(
        "{} stated {} by bank transaction {}, received on {}",
        proposal.proposed_by, line.received, line.stated_id, line.received_on
    );
    if let Some(amount) = line.amount {
        text.push_str(&format!(", of {amount} in all"));
    }
    if let Some(remitter) = &line.remitter {
        text.push_str(&format!(", from {remitter}"));
    }
    if line.another_line {
        text.push_str(", as another line with this id");
    }
    text
}

/// Credits an order with a line that was placed.
pub(super) async fn credit(
    conn: &mut Connection,
    app: &App,
    order: &mut Order,
    approval: &mut Approval,
    found: LinePlace,
    actor: &str,
) -> Result<(), Error> {
    let now = clock::now(conn).await?;
    let payment = line::record_payment(conn, app, order, &approval.line, found, actor, now).await?;
    approval.confirmation = Some(Confirmation { by: actor.to_owned(), at: now, payment_id: payment.id });
    approvals::save(conn, approval).await?;
    orders::add_to_timeline(conn, order, "approved", actor, approval.note.as_deref()).await?;
    audit(conn, order, actor, "approved", approval).await?;
    settlement::complete(conn, order, &payment, approval.line.received, actor).await
}

async fn audit(
    conn: &mut Connection,
    order: &Order,
    actor: &str,
    action: &str,
    approval: &Approval,
) -> Result<(), Error> {
    let line = &approval.line;
    let stated = json!({
        "received": line.received.to_string(),
        "transaction_amount": line.amount.map(|amount| amount.to_string()),
        "bank_transaction_id": line.stated_id,
        "bank_account_id": IdKind::BankAccount.show(line.account),
        "received_on": line.received_on,
        "another_line": line.another_line,
        "stated_by": approval.proposed_by,
    });
    audited::record(conn, order, actor, action, approval.note.as_deref(), Some(stated)).await
}
