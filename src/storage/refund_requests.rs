//! Refund requests of customers.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{corrupt, currency_from_column, customer_from_column, money_from_column};
use super::page::in_page;
use super::schema::refund_requests;
use crate::domain::customer::CustomerId;
use crate::domain::page::{Page, Rows};
use crate::domain::refund_request::{RefundRequest, RefundRequestFilter, RefundRequestState};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = refund_requests, treat_none_as_null = true, check_for_backend(diesel::pg::Pg))]
pub(super) struct RefundRequestRow {
    id: Uuid,
    order_id: Uuid,
    customer_id: String,
    currency: String,
    amount: Decimal,
    reason: String,
    status: String,
    asked_by: String,
    created_at: DateTime<Utc>,
    refund_id: Option<Uuid>,
    decided_by: Option<String>,
    decided_at: Option<DateTime<Utc>>,
    answer: Option<String>,
}

impl From<&RefundRequest> for RefundRequestRow {
    fn from(request: &RefundRequest) -> Self {
        Self {
            id: request.id,
            order_id: request.order_id,
            customer_id: request.customer.as_str().to_owned(),
            currency: request.amount.currency().code().to_owned(),
            amount: request.amount.amount(),
            reason: request.reason.clone(),
            status: request.state.as_str().to_owned(),
            asked_by: request.asked_by.clone(),
            created_at: request.created_at,
            refund_id: request.refund_id,
            decided_by: request.decided.as_ref().map(|(by, _)| by.clone()),
            decided_at: request.decided.as_ref().map(|(_, at)| *at),
            answer: request.answer.clone(),
        }
    }
}

impl TryFrom<RefundRequestRow> for RefundRequest {
    type Error = StorageError;

    fn try_from(row: RefundRequestRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: row.id,
            order_id: row.order_id,
            customer: customer_from_column(&row.customer_id)?,
            amount: money_from_column(row.amount, currency_from_column(&row.currency)?)?,
            reason: row.reason,
            state: RefundRequestState::parse(&row.status).ok_or_else(|| corrupt("request status", &row.status))?,
            asked_by: row.asked_by,
            created_at: row.created_at,
            refund_id: row.refund_id,
            decided: row.decided_by.zip(row.decided_at),
            answer: row.answer,
        })
    }
}

/// # Errors
/// Database errors; a second waiting request of an order violates `refund_requests_one_waiting`.
pub async fn insert(conn: &mut AsyncPgConnection, request: &RefundRequest) -> Result<(), StorageError> {
    diesel::insert_into(refund_requests::table).values(RefundRequestRow::from(request)).execute(conn).await?;
    Ok(())
}

/// Writes a request that was locked.
///
/// # Errors
/// Database errors.
pub async fn update(conn: &mut AsyncPgConnection, request: &RefundRequest) -> Result<(), StorageError> {
    diesel::update(refund_requests::table.find(request.id)).set(RefundRequestRow::from(request)).execute(conn).await?;
    Ok(())
}

/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<RefundRequest>, StorageError> {
    let row: Option<RefundRequestRow> =
        refund_requests::table.find(id).select(RefundRequestRow::as_select()).first(conn).await.optional()?;
    row.map(RefundRequest::try_from).transpose()
}

/// Reads a request and locks its row. The caller has locked its order before.
///
/// # Errors
/// Database errors.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<RefundRequest>, StorageError> {
    let row: Option<RefundRequestRow> = refund_requests::table
        .find(id)
        .select(RefundRequestRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?;
    row.map(RefundRequest::try_from).transpose()
}

/// The request that led to a refund. The caller has locked its order.
///
/// # Errors
/// Database errors.
pub async fn of_refund(conn: &mut AsyncPgConnection, refund: Uuid) -> Result<Option<RefundRequest>, StorageError> {
    let row: Option<RefundRequestRow> = refund_requests::table
        .filter(refund_requests::refund_id.eq(refund))
        .select(RefundRequestRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?;
    row.map(RefundRequest::try_from).transpose()
}

/// The requests of a customer that wait for a decision, except those whose refund waits for a second operator.
///
/// # Errors
/// Database errors.
pub async fn undecided(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Vec<Uuid>, StorageError> {
    Ok(refund_requests::table
        .filter(refund_requests::customer_id.eq(customer.as_str()))
        .filter(refund_requests::status.eq(RefundRequestState::Waiting.as_str()))
        .filter(refund_requests::refund_id.is_null())
        .order((refund_requests::created_at, refund_requests::id))
        .select(refund_requests::id)
        .load(conn)
        .await?)
}

/// A page of requests.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &RefundRequestFilter,
    page: &Page,
) -> Result<Rows<RefundRequest>, StorageError> {
    let mut query = refund_requests::table.select(RefundRequestRow::as_select()).limit(page.to_read()).into_boxed();
    if let [state] = filter.states[..] {
        query = query.filter(refund_requests::status.eq(state.as_str()));
    } else if !filter.states.is_empty() {
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        query = query.filter(refund_requests::status.eq_any(states));
    }
    if let Some(order) = filter.order_id {
        query = query.filter(refund_requests::order_id.eq(order));
    }
    if let Some(customer) = &filter.customer {
        query = query.filter(refund_requests::customer_id.eq(customer.as_str()));
    }
    let query = in_page!(query, page, refund_requests::created_at, refund_requests::id);
    let rows: Vec<RefundRequestRow> = query.load(conn).await?;
    page.cut(rows).try_map(RefundRequest::try_from)
}

/// Erases what a customer wrote.
///
/// # Errors
/// Database errors.
pub async fn erase(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    diesel::update(refund_requests::table.filter(refund_requests::customer_id.eq(customer.as_str())))
        .set(refund_requests::reason.eq("erased"))
        .execute(conn)
        .await?;
    Ok(())
}
