//! Payouts: the rest of accounts that are being closed. A row of a payout is locked after the closing that it belongs
//! to.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::StorageError;
use super::columns::{corrupt, currency_from_column, customer_from_column};
use super::page::in_page;
use super::schema::payouts;
use crate::domain::customer::CustomerId;
use crate::domain::money::Money;
use crate::domain::page::{Page, Rows};
use crate::domain::payout::{Beneficiary, Payout, PayoutFilter};
use crate::domain::refund::RefundState;

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payouts, treat_none_as_null = true)]
struct PayoutRow {
    id: Uuid,
    closing_id: Uuid,
    customer_id: String,
    currency: String,
    amount: Decimal,
    debited: Decimal,
    bank_account_id: Uuid,
    beneficiary: Option<Value>,
    status: String,
    bank_transaction_id: Option<String>,
    failure: Option<String>,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
}

impl From<&Payout> for PayoutRow {
    fn from(payout: &Payout) -> Self {
        Self {
            id: payout.id,
            closing_id: payout.closing_id,
            customer_id: payout.customer.as_str().to_owned(),
            currency: payout.amount.currency().code().to_owned(),
            amount: payout.amount.amount(),
            debited: payout.debited.amount(),
            bank_account_id: payout.bank_account_id,
            beneficiary: payout
                .beneficiary
                .as_ref()
                .map(|to| json!({ "name": to.name, "bank_name": to.bank_name, "account": to.account })),
            status: payout.state.as_str().to_owned(),
            bank_transaction_id: payout.bank_transaction_id.clone(),
            failure: payout.failure.clone(),
            proposed_by: payout.proposed_by.clone(),
            proposed_at: payout.proposed_at,
            approved_by: payout.approved_by.clone(),
            approved_at: payout.approved_at,
            updated_at: payout.updated_at,
        }
    }
}

fn beneficiary(value: &Value) -> Result<Beneficiary, StorageError> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let whole = text("name").zip(text("account"));
    let (name, account) = whole.ok_or_else(|| corrupt("beneficiary of a payout", ""))?;
    Ok(Beneficiary { name, bank_name: text("bank_name"), account })
}

impl TryFrom<PayoutRow> for Payout {
    type Error = StorageError;

    fn try_from(row: PayoutRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        Ok(Self {
            id: row.id,
            closing_id: row.closing_id,
            customer: customer_from_column(&row.customer_id)?,
            amount: Money::from_ledger(row.amount, currency),
            debited: Money::from_ledger(row.debited, currency),
            bank_account_id: row.bank_account_id,
            beneficiary: row.beneficiary.as_ref().map(beneficiary).transpose()?,
            state: RefundState::parse(&row.status).ok_or_else(|| corrupt("status of a payout", &row.status))?,
            bank_transaction_id: row.bank_transaction_id,
            failure: row.failure,
            proposed_by: row.proposed_by,
            proposed_at: row.proposed_at,
            approved_by: row.approved_by,
            approved_at: row.approved_at,
            updated_at: row.updated_at,
        })
    }
}

/// Writes a new payout.
///
/// # Errors
/// Database errors; a second open one in a currency violates `payouts_one_open`.
pub async fn insert(conn: &mut AsyncPgConnection, payout: &Payout) -> Result<(), StorageError> {
    diesel::insert_into(payouts::table).values(PayoutRow::from(payout)).execute(conn).await?;
    Ok(())
}

/// Writes a locked payout. A CHECK refuses the proposer's approval.
///
/// # Errors
/// Database errors; a bank id of another payout violates `payouts_transfer_once`.
pub async fn update(conn: &mut AsyncPgConnection, payout: &Payout) -> Result<(), StorageError> {
    diesel::update(payouts::table.find(payout.id)).set(PayoutRow::from(payout)).execute(conn).await?;
    Ok(())
}

/// Reads a payout.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Payout>, StorageError> {
    let row: Option<PayoutRow> = payouts::table.find(id).select(PayoutRow::as_select()).first(conn).await.optional()?;
    row.map(Payout::try_from).transpose()
}

/// As [`find`], and locks the row.
///
/// # Errors
/// Database errors.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Payout>, StorageError> {
    let row: Option<PayoutRow> =
        payouts::table.find(id).select(PayoutRow::as_select()).for_update().first(conn).await.optional()?;
    row.map(Payout::try_from).transpose()
}

/// The payouts of a closing, newest first.
///
/// # Errors
/// Database errors.
pub async fn of_closing(conn: &mut AsyncPgConnection, closing: Uuid) -> Result<Vec<Payout>, StorageError> {
    let rows: Vec<PayoutRow> = payouts::table
        .filter(payouts::closing_id.eq(closing))
        .order((payouts::proposed_at.desc(), payouts::id.desc()))
        .select(PayoutRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(Payout::try_from).collect()
}

/// A page of payouts.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &PayoutFilter,
    page: &Page,
) -> Result<Rows<Payout>, StorageError> {
    let mut query = payouts::table.select(PayoutRow::as_select()).limit(page.to_read()).into_boxed();
    if let Some(customer) = &filter.customer {
        query = query.filter(payouts::customer_id.eq(customer.as_str()));
    }
    if !filter.states.is_empty() {
        query = query.filter(payouts::status.eq_any(filter.states.iter().map(|state| state.as_str())));
    }
    let query = in_page!(query, page, payouts::proposed_at, payouts::id);
    let rows: Vec<PayoutRow> = query.load(conn).await?;
    page.cut(rows).try_map(Payout::try_from)
}

/// A payout of a customer that has not ended.
///
/// # Errors
/// Database errors.
pub async fn under_way(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Option<Uuid>, StorageError> {
    let open = [RefundState::AwaitingSecondApproval.as_str(), RefundState::Pending.as_str()];
    let found = payouts::table
        .filter(payouts::customer_id.eq(customer.as_str()))
        .filter(payouts::status.eq_any(open))
        .select(payouts::id)
        .first(conn)
        .await;
    Ok(found.optional()?)
}

/// Erases the recipients of a customer's payouts. A payout that has not ended keeps its recipient: an operator still
/// has to make the transfer.
///
/// # Errors
/// Database errors.
pub async fn erase(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    let ended = [RefundState::Succeeded.as_str(), RefundState::Failed.as_str()];
    diesel::update(payouts::table.filter(payouts::customer_id.eq(customer.as_str())))
        .filter(payouts::status.eq_any(ended))
        .set(payouts::beneficiary.eq(None::<Value>))
        .execute(conn)
        .await?;
    Ok(())
}
