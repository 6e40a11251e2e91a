//! Further money for a completed order: another line of the bank's statement, or the rest of one.
//!
//! It adds what it would have added if all had come at once ([`Order::divide_further`]). Status and time of completion
//! stay. The line has an application, an entry and a receipt of its own, so it can be reversed and refunded by itself.

use super::crediting::{NotCredited, credit};
use crate::app::Error;
use crate::domain::code::Code;
use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::domain::payment::Payment;
use crate::storage::{Connection, applications, orders, refunds};

/// Credits a completed, locked order with `received` of another payment, in the caller's transaction. The caller has
/// written the payment with `received` counted as applied.
///
/// # Errors
/// 409 `approval_reversed` when no money serves the order any more; 409 `order_refunded` while money of it has gone
/// back; 422 for so little that nothing is left to credit. A refusal of the ledger refuses everything.
pub(in crate::app) async fn complete_further(
    conn: &mut Connection,
    order: &mut Order,
    payment: &Payment,
    received: Money,
    actor: &str,
) -> Result<(), Error> {
    require_whole(conn, order).await?;
    let division = order.divide_further(received).ok_or_else(|| {
        let detail = "is too little for this order: fee and tax leave nothing to credit";
        Error::field("/amount", Code::InvalidValue, detail)
    })?;
    let added = credit(conn, order, payment, (received, division), actor).await.map_err(NotCredited::into_error)?;
    order.receive_further(&added);
    order.updated_at = added.applied_at;
    order.version += 1;
    orders::update(conn, order).await?;
    let detail = format!("{} credited", added.credited());
    Ok(orders::add_to_timeline(conn, order, "credited_further", actor, Some(&detail)).await?)
}

/// Requires that all that was applied to the order still serves it, or was reversed one by one.
async fn require_whole(conn: &mut Connection, order: &Order) -> Result<(), Error> {
    if applications::standing(conn, order).await?.is_empty() {
        let detail = "the approval of this order has been reversed; apply the money to the customer's wallet";
        return Err(Error::conflict(Code::ApprovalReversed, detail));
    }
    let returned = refunds::returned_so_far(conn, order).await?;
    if !(returned.refunded + returned.disputed).is_zero() {
        let detail = "money of this order has been refunded; apply the money to the customer's wallet";
        return Err(Error::conflict(Code::OrderRefunded, detail));
    }
    Ok(())
}
