//! Approvals: statements of operators that a bank transfer arrived.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::schema::{adjustments, approvals};
use crate::domain::approval::{Approval, Confirmation, Confirmed};
use crate::domain::bank_transaction::{Identity, StatedLine};
use crate::domain::money::{Currency, Money};
use crate::domain::order::Order;

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = approvals, treat_none_as_null = true)]
struct ApprovalRow {
    order_id: Uuid,
    received_amount: Decimal,
    transaction_amount: Option<Decimal>,
    bank_transaction_id: String,
    identity: String,
    bank_account_id: Uuid,
    received_on: NaiveDate,
    remitter: Option<String>,
    another_line: bool,
    confirmed_difference: bool,
    confirmed_not_duplicate: bool,
    note: Option<String>,
    second_needed: bool,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
    payment_id: Option<Uuid>,
}

impl From<&Approval> for ApprovalRow {
    fn from(approval: &Approval) -> Self {
        let (line, confirmation) = (&approval.line, approval.confirmation.as_ref());
        Self {
            order_id: approval.order_id,
            received_amount: line.received.amount(),
            transaction_amount: line.amount.map(Money::amount),
            bank_transaction_id: line.stated_id.clone(),
            identity: line.identity.as_str().to_owned(),
            bank_account_id: line.account,
            received_on: line.received_on,
            remitter: line.remitter.clone(),
            another_line: line.another_line,
            confirmed_difference: approval.confirmed.difference,
            confirmed_not_duplicate: approval.confirmed.not_duplicate,
            note: approval.note.clone(),
            second_needed: approval.second_needed,
            proposed_by: approval.proposed_by.clone(),
            proposed_at: approval.proposed_at,
            approved_by: confirmation.map(|confirmation| confirmation.by.clone()),
            approved_at: confirmation.map(|confirmation| confirmation.at),
            payment_id: confirmation.map(|confirmation| confirmation.payment_id),
        }
    }
}

impl ApprovalRow {
    /// The amounts are in the currency of the order.
    fn read(self, currency: Currency) -> Approval {
        let money = |amount| Money::from_ledger(amount, currency);
        let confirmation = self.approved_by.zip(self.approved_at).zip(self.payment_id);
        Approval {
            order_id: self.order_id,
            line: StatedLine {
                account: self.bank_account_id,
                stated_id: self.bank_transaction_id,
                identity: Identity::stored(self.identity),
                amount: self.transaction_amount.map(money),
                received: money(self.received_amount),
                received_on: self.received_on,
                remitter: self.remitter,
                another_line: self.another_line,
            },
            confirmed: Confirmed { difference: self.confirmed_difference, not_duplicate: self.confirmed_not_duplicate },
            note: self.note,
            second_needed: self.second_needed,
            proposed_by: self.proposed_by,
            proposed_at: self.proposed_at,
            confirmation: confirmation.map(|((by, at), payment_id)| Confirmation { by, at, payment_id }),
        }
    }
}

/// Writes an approval, or a proposal in place of the one that waits. CHECKs refuse a day that is in the future in every
/// time zone, and the proposer as the second operator.
///
/// # Errors
/// Database errors.
pub async fn save(conn: &mut AsyncPgConnection, approval: &Approval) -> Result<(), StorageError> {
    diesel::insert_into(approvals::table)
        .values(ApprovalRow::from(approval))
        .on_conflict(approvals::order_id)
        .do_update()
        .set(ApprovalRow::from(approval))
        .execute(conn)
        .await?;
    Ok(())
}

/// What an operator stated about an order. Lock the order first if you will write.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, order: &Order) -> Result<Option<Approval>, StorageError> {
    let row: Option<ApprovalRow> =
        approvals::table.find(order.id).select(ApprovalRow::as_select()).first(conn).await.optional()?;
    Ok(row.map(|row| row.read(order.currency())))
}

/// Deletes a proposal that was withdrawn, or whose order was rejected. Returns false if none waits.
///
/// # Errors
/// Database errors.
pub async fn withdraw(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<bool, StorageError> {
    let proposed = approvals::table.find(order_id).filter(approvals::approved_by.is_null());
    Ok(diesel::delete(proposed).execute(conn).await? > 0)
}

/// The orders for which an approval or its reversal waits for a second operator. There are few, so they are looked up
/// first: a condition on all orders would read the whole table.
pub(super) async fn awaiting_second(conn: &mut AsyncPgConnection) -> Result<Vec<Uuid>, StorageError> {
    let mut waiting: Vec<Uuid> = approvals::table
        .filter(approvals::approved_by.is_null())
        .limit(1000)
        .select(approvals::order_id)
        .load(conn)
        .await?;
    let reversed: Vec<Option<Uuid>> = adjustments::table
        .filter(adjustments::booked_at.is_null())
        .limit(1000)
        .select(adjustments::order_id)
        .load(conn)
        .await?;
    waiting.extend(reversed.into_iter().flatten());
    Ok(waiting)
}
