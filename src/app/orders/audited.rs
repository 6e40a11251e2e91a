//! What operators do to orders, in the audit log.

use serde_json::Value;

use crate::app::Error;
use crate::domain::audit::AuditRecord;
use crate::domain::id::IdKind;
use crate::domain::order::Order;
use crate::storage::{Connection, audit};

/// Records what an operator did to an order. `action` is the verb, such as `approved`.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn record(
    conn: &mut Connection,
    order: &Order,
    actor: &str,
    action: &str,
    reason: Option<&str>,
    after: Option<Value>,
) -> Result<(), Error> {
    let target = format!("top_up_order:{}", IdKind::TopUpOrder.show(order.id));
    let record = AuditRecord::new(actor, &format!("top_up_order.{action}"), target).of(&order.customer);
    Ok(audit::write(conn, &AuditRecord { reason: reason.map(str::to_owned), after, ..record }).await?)
}
