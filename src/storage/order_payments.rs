//! The payments of an order, as operators see them.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::schema::payment_applications as applications;
use super::{StorageError, bank_transactions, payments};
use crate::domain::money::Money;
use crate::domain::payment::{OrderPayment, Payment, ProviderName};

/// The payments that name an order, and those that serve it, the oldest first. A line of a bank's statement can serve
/// an order that the line's payment does not name.
///
/// # Errors
/// Database errors.
pub async fn list(conn: &mut AsyncPgConnection, order: Uuid) -> Result<Vec<OrderPayment>, StorageError> {
    let applied: Vec<(Uuid, Decimal)> = applications::table
        .filter(applications::order_id.eq(order).and(applications::reversed_at.is_null()))
        .select((applications::payment_id, applications::amount))
        .load(conn)
        .await?;
    let mut found: Vec<Payment> = payments::of_order(conn, order).await?;
    for (id, _) in &applied {
        if found.iter().all(|payment| payment.id != *id) {
            found.extend(payments::find(conn, *id).await?);
        }
    }
    found.sort_by_key(|payment| (payment.received_at, payment.id));
    let mut shown = Vec::with_capacity(found.len());
    for payment in found {
        let here: Decimal = applied.iter().filter(|(id, _)| *id == payment.id).map(|(_, amount)| *amount).sum();
        let line = match payment.provider {
            ProviderName::BankTransfer => bank_transactions::of_payment(conn, payment.id).await?,
            _ => None,
        };
        let applied_here = Money::from_ledger(here, payment.amount.currency());
        shown.push(OrderPayment { payment, applied_here, line });
    }
    Ok(shown)
}
