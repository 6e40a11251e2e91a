//! The credit of an order by a line of the bank's file that names its reference. No person checks such a credit, so the
//! rule is narrow: anything unusual is left for an operator.

use uuid::Uuid;

use super::approve::{credit, wait_for_second};
use crate::app::{App, Caller, Error, own_word};
use crate::domain::approval::{Approval, Confirmed};
use crate::domain::bank_transaction::{LinePlace, StatedLine, is_surprising};
use crate::domain::order::OrderStatus;
use crate::domain::own_word::MoveKind;
use crate::domain::payment::Channel;
use crate::storage::transaction::transact;
use crate::storage::{approvals, bank_transactions, clock, orders, payments};

const NOTE: &str = "by rule: the bank's line names the order by its reference";

/// Credits an order with the whole payment of a line of the bank's file. `second` is the operator who approved the file
/// that another one uploaded. Returns false and changes nothing when an operator must decide, or has decided. If the
/// uploader cannot decide alone, the credit waits for a second operator, as any other approval does.
///
/// # Errors
/// A refusal of the ledger; database errors.
pub(in crate::app) async fn credit_order(
    app: &App,
    uploader: &Caller,
    second: Option<&Caller>,
    order_id: Uuid,
    payment_id: Uuid,
) -> Result<bool, Error> {
    transact(&app.pool, async |conn| {
        let Some(mut order) = orders::lock(conn, order_id).await? else { return Ok(false) };
        let waits = matches!(order.status(), OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Expired);
        let is_own = uploader.require_not_own(&order.customer).is_err()
            || second.is_some_and(|second| second.require_not_own(&order.customer).is_err());
        let is_stated = approvals::find(conn, &order).await?.is_some();
        if order.channel != Channel::BankTransfer || !waits || is_own || is_stated {
            return Ok(false);
        }
        let missing = || Error::Internal("the payment of a line");
        let (line, _) = bank_transactions::lock(conn, payment_id).await?.ok_or_else(missing)?;
        let payment = payments::lock_by_id(conn, payment_id).await?.ok_or_else(missing)?;
        let received = payment.amount;
        let is_usual = payment.rest() == received
            && received.is_positive()
            && received.currency() == order.currency()
            && !line.amount_is_open
            // A second line with the same bank id may be the first line again.
            && (line.n == 1 || !line.identity.is_by_id())
            && !is_surprising(order.payable, received, app.settings.confirm_difference_above);
        if !is_usual {
            return Ok(false);
        }
        let actor = uploader.actor();
        let alone = second.is_none()
            && own_word::is_enough(conn, app, uploader, MoveKind::Approval, order.id, &order.customer, received)
                .await?;
        let mut approval = Approval {
            order_id: order.id,
            line: StatedLine {
                account: line.account,
                stated_id: line.stated_id.clone(),
                identity: line.identity.clone(),
                amount: None,
                received,
                received_on: line.received_on,
                remitter: line.remitter.clone(),
                another_line: false,
            },
            confirmed: Confirmed::default(),
            note: Some(NOTE.to_owned()),
            second_needed: !alone,
            proposed_by: actor.clone(),
            proposed_at: clock::now(conn).await?,
            confirmation: None,
        };
        let who = match second {
            Some(second) => second.actor(),
            None if alone => actor,
            None => {
                wait_for_second(conn, &mut order, &approval, &actor).await?;
                return Ok(false);
            }
        };
        let found = LinePlace::Known { payment_id, amount: line.amount };
        credit(conn, app, &mut order, &mut approval, found, &who).await?;
        Ok::<_, Error>(true)
    })
    .await
}
