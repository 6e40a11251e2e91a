//! The end of an order by an operator: of a bank transfer that is not approved, and of money that a payment company
//! holds for review. And the withdrawal of a proposal.

use uuid::Uuid;

use super::audited;
use super::read::{OrderView, view_for_operator};
use crate::app::{App, Caller, Error, settlement};
use crate::domain::code::Code;
use crate::domain::order::{Awaited, FailedBy, Order, OrderState};
use crate::domain::payment::Channel;
use crate::storage::transaction::transact;
use crate::storage::{Connection, adjustments, approvals, orders};

/// Rejects an open bank transfer, or an open order whose money is held for review; the customer reads the reason. On a
/// closed order it withdraws the proposal to credit late money, and the order stays as it was. Rejecting twice for the
/// same reason changes nothing.
///
/// Money that is held is not credited, so nothing moves. If the company releases it after all, its signed notification
/// or an operator who asks completes the order, as money that comes late always does.
///
/// # Errors
/// 404; 409 `not_a_bank_transfer`; 409 `order_not_open` when there is nothing to reject.
#[tracing::instrument(name = "orders.reject", skip_all, fields(order = %id))]
pub async fn reject(app: &App, caller: &Caller, id: Uuid, reason: &str) -> Result<OrderView, Error> {
    let actor = caller.actor();
    let order = transact(&app.pool, async |conn| {
        let mut order = lock(conn, id).await?;
        // How a review ended, VNPay tells the merchant by mail, and not by its API.
        if !order.held_for_review {
            require_transfer(&order)?;
        }
        let withdrawn = approvals::withdraw(conn, id).await?;
        if !order.status().is_open() {
            let again =
                order.state == OrderState::Failed(FailedBy::Operator) && order.reason.as_deref() == Some(reason);
            if withdrawn {
                orders::add_to_timeline(conn, &order, "approval_withdrawn", &actor, Some(reason)).await?;
                audited::record(conn, &order, &actor, "approval_withdrawn", Some(reason), None).await?;
            } else if !again {
                return Err(Error::conflict(Code::OrderNotOpen, format!("the order is {}", order.status())));
            }
            return Ok(order);
        }
        let failed = OrderState::Failed(FailedBy::Operator);
        settlement::move_to(conn, &mut order, failed, Some(reason.to_owned()), &actor).await?;
        audited::record(conn, &order, &actor, "rejected", Some(reason), None).await?;
        Ok(order)
    })
    .await?;
    let mut conn = app.pool.get().await?;
    view_for_operator(&mut conn, order).await
}

/// Withdraws a proposal that waits for a second operator: the statement that a transfer arrived, or the reversal of an
/// approval. An order that waited for the second operator waits for its money again.
///
/// # Errors
/// 404; 409 `not_a_bank_transfer`; 409 `nothing_proposed` when nothing waits.
#[tracing::instrument(name = "orders.withdraw", skip_all, fields(order = %id))]
pub async fn withdraw(app: &App, caller: &Caller, id: Uuid) -> Result<OrderView, Error> {
    let actor = caller.actor();
    let order = transact(&app.pool, async |conn| {
        let mut order = lock(conn, id).await?;
        require_transfer(&order)?;
        let event = if approvals::withdraw(conn, id).await? {
            "approval_withdrawn"
        } else if adjustments::withdraw(conn, id).await? {
            "reversal_withdrawn"
        } else {
            return Err(Error::conflict(Code::NothingProposed, "nothing about this order waits for a second operator"));
        };
        orders::add_to_timeline(conn, &order, event, &actor, None).await?;
        audited::record(conn, &order, &actor, event, None, None).await?;
        if order.state == OrderState::Processing(Awaited::SecondOperator) {
            settlement::move_to(conn, &mut order, OrderState::Pending, None, &actor).await?;
        }
        Ok(order)
    })
    .await?;
    let mut conn = app.pool.get().await?;
    view_for_operator(&mut conn, order).await
}

async fn lock(conn: &mut Connection, id: Uuid) -> Result<Order, Error> {
    orders::lock(conn, id).await?.ok_or(Error::NotFound("order"))
}

fn require_transfer(order: &Order) -> Result<(), Error> {
    if order.channel == Channel::BankTransfer {
        return Ok(());
    }
    let detail = "only bank transfers, and money that is held for review, are decided by hand";
    Err(Error::conflict(Code::NotABankTransfer, detail))
}
