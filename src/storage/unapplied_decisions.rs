//! What operators decided about money that serves no order.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{corrupt, currency_from_column, customer_from_column};
use super::page::in_page;
use super::proposals::EndColumns;
use super::schema::unapplied_decisions as decisions;
use crate::domain::money::Money;
use crate::domain::page::{Page, Rows};
use crate::domain::product::Product;
use crate::domain::refund::Refund;
use crate::domain::unapplied::{Decision, Destination};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = decisions, treat_none_as_null = true)]
struct DecisionRow {
    id: Uuid,
    payment_id: Uuid,
    destination: String,
    currency: String,
    amount: Decimal,
    order_id: Option<Uuid>,
    customer_id: Option<String>,
    product: Option<String>,
    bank_transaction_id: Option<String>,
    reason: String,
    second_needed: bool,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
    withdrawn_by: Option<String>,
    withdrawn_at: Option<DateTime<Utc>>,
    done_at: Option<DateTime<Utc>>,
    refund_id: Option<Uuid>,
}

impl From<&Decision> for DecisionRow {
    fn from(decision: &Decision) -> Self {
        let end = EndColumns::from(decision.end.as_ref());
        let destination = &decision.destination;
        Self {
            id: decision.id,
            payment_id: decision.payment_id,
            destination: destination.as_str().to_owned(),
            currency: decision.amount.currency().code().to_owned(),
            amount: decision.amount.amount(),
            order_id: match destination {
                Destination::Order { id, .. } => Some(*id),
                _ => None,
            },
            customer_id: destination.customer().map(|customer| customer.as_str().to_owned()),
            product: match destination {
                Destination::Wallet { product, .. } => Some(product.as_column().to_owned()),
                _ => None,
            },
            bank_transaction_id: match destination {
                Destination::PayerByHand { bank_transaction_id } => Some(bank_transaction_id.clone()),
                _ => None,
            },
            reason: decision.reason.clone(),
            second_needed: decision.second_needed,
            proposed_by: decision.proposed_by.clone(),
            proposed_at: decision.proposed_at,
            approved_by: end.approved_by,
            approved_at: end.approved_at,
            withdrawn_by: end.withdrawn_by,
            withdrawn_at: end.withdrawn_at,
            done_at: decision.done_at,
            refund_id: decision.refund_id,
        }
    }
}

impl DecisionRow {
    fn destination(&self) -> Result<Destination, StorageError> {
        let customer = self.customer_id.as_deref().map(customer_from_column).transpose()?;
        let destination = match self.destination.as_str() {
            "order" => self.order_id.zip(customer).map(|(id, customer)| Destination::Order { id, customer }),
            "wallet" => self.product.as_deref().zip(customer).map(|(product, customer)| {
                let product = Product::from_column(product);
                Destination::Wallet { customer, product }
            }),
            "payer" => Some(Destination::Payer { customer }),
            "payer_by_hand" => self
                .bank_transaction_id
                .clone()
                .map(|bank_transaction_id| Destination::PayerByHand { bank_transaction_id }),
            _ => None,
        };
        destination.ok_or_else(|| corrupt("destination", &self.destination))
    }
}

impl TryFrom<DecisionRow> for Decision {
    type Error = StorageError;

    fn try_from(row: DecisionRow) -> Result<Self, StorageError> {
        let end = EndColumns {
            approved_by: row.approved_by.clone(),
            approved_at: row.approved_at,
            withdrawn_by: row.withdrawn_by.clone(),
            withdrawn_at: row.withdrawn_at,
        };
        Ok(Self {
            id: row.id,
            payment_id: row.payment_id,
            destination: row.destination()?,
            amount: Money::from_ledger(row.amount, currency_from_column(&row.currency)?),
            reason: row.reason,
            second_needed: row.second_needed,
            proposed_by: row.proposed_by,
            proposed_at: row.proposed_at,
            end: end.read(),
            done_at: row.done_at,
            refund_id: row.refund_id,
        })
    }
}

/// Writes a new decision. A second waiting decision about the same payment violates `unapplied_decisions_one_waiting`.
///
/// # Errors
/// Database errors.
pub async fn insert(conn: &mut AsyncPgConnection, decision: &Decision) -> Result<(), StorageError> {
    diesel::insert_into(decisions::table).values(DecisionRow::from(decision)).execute(conn).await?;
    Ok(())
}

/// Writes the result of a decision. A CHECK refuses the proposer's approval.
///
/// # Errors
/// Database errors.
pub async fn update(conn: &mut AsyncPgConnection, decision: &Decision) -> Result<(), StorageError> {
    diesel::update(decisions::table.find(decision.id)).set(DecisionRow::from(decision)).execute(conn).await?;
    Ok(())
}

/// A decision.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Decision>, StorageError> {
    let row: Option<DecisionRow> =
        decisions::table.find(id).select(DecisionRow::as_select()).first(conn).await.optional()?;
    row.map(Decision::try_from).transpose()
}

/// Locks a decision. The caller holds the locks of its order and of its payment.
///
/// # Errors
/// Database errors.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Decision>, StorageError> {
    let row: Option<DecisionRow> =
        decisions::table.find(id).select(DecisionRow::as_select()).for_update().first(conn).await.optional()?;
    row.map(Decision::try_from).transpose()
}

/// A page of the decisions that wait for a second operator.
///
/// # Errors
/// Database errors.
pub async fn waiting(conn: &mut AsyncPgConnection, page: &Page) -> Result<Rows<Decision>, StorageError> {
    let query = decisions::table
        .filter(decisions::done_at.is_null().and(decisions::withdrawn_at.is_null()))
        .limit(page.to_read())
        .select(DecisionRow::as_select())
        .into_boxed();
    let query = in_page!(query, page, decisions::proposed_at, decisions::id);
    let rows: Vec<DecisionRow> = query.load(conn).await?;
    page.cut(rows).try_map(Decision::try_from)
}

/// Whether a refund is the return that an operator has made by a bank transfer.
///
/// # Errors
/// Database errors.
pub async fn was_by_hand(conn: &mut AsyncPgConnection, refund: &Refund) -> Result<bool, StorageError> {
    let by_hand: Option<Option<String>> = decisions::table
        .filter(decisions::payment_id.eq(refund.payment_id).and(decisions::refund_id.eq(refund.id)))
        .select(decisions::bank_transaction_id)
        .first(conn)
        .await
        .optional()?;
    Ok(by_hand.flatten().is_some())
}
