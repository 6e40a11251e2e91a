//! Events for outgoing webhooks and the event stream; written with the change that they tell of.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use uuid::Uuid;

use super::StorageError;
use super::schema::events;
use crate::domain::id::IdKind;
use crate::domain::money::format_amount;
use crate::domain::order::Order;

/// An order moved; the event carries the state at that moment.
///
/// # Errors
/// Of the database.
pub async fn order_updated(conn: &mut AsyncPgConnection, order: &Order) -> Result<(), StorageError> {
    diesel::insert_into(events::table)
        .values((
            events::id.eq(Uuid::now_v7()),
            events::customer_id.eq(order.customer.as_str()),
            events::kind.eq("order.updated"),
            events::data.eq(json!({
                "order_id": IdKind::TopUpOrder.show(order.id),
                "status": order.status.as_str(),
                "channel": order.channel.as_str(),
                "currency": order.currency.code(),
                "amount": format_amount(order.amount, order.currency),
                "credited_amount": format_amount(order.credited_amount, order.currency),
                "refunded_amount": format_amount(order.refunded_amount, order.currency),
                "product": order.product.code(),
                "version": order.version,
            })),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
