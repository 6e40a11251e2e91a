//! Disputes: payers who ask their bank or payment company for the money back.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::schema::disputes;
use crate::domain::payment::DisputeStatus;

/// A dispute as the table has it.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = disputes, treat_none_as_null = true)]
pub struct Dispute {
    pub id: Uuid,
    pub payment_id: Option<Uuid>,
    pub order_id: Option<Uuid>,
    /// Whose wallet it moves; none for a payment that served no order.
    pub customer_id: Option<String>,
    pub provider: String,
    /// The provider's own id.
    pub dispute_id: String,
    pub currency: String,
    pub amount: Decimal,
    pub status: String,
    pub reason: Option<String>,
    pub taken_back: Decimal,
    pub bonus_taken: Decimal,
    pub restored: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The word in the column.
#[must_use]
pub fn status_word(status: DisputeStatus) -> &'static str {
    match status {
        DisputeStatus::Open => "open",
        DisputeStatus::Won => "won",
        DisputeStatus::Lost => "lost",
    }
}

impl Dispute {
    /// # Errors
    /// [`StorageError::Corrupt`] for a status that nobody writes.
    pub fn state(&self) -> Result<DisputeStatus, StorageError> {
        [DisputeStatus::Open, DisputeStatus::Won, DisputeStatus::Lost]
            .into_iter()
            .find(|status| status_word(*status) == self.status)
            .ok_or_else(|| StorageError::Corrupt(format!("dispute {}: status {}", self.id, self.status)))
    }
}

/// # Errors
/// Of the database; one that is known violates `disputes_once`.
pub async fn insert(conn: &mut AsyncPgConnection, dispute: &Dispute) -> Result<(), StorageError> {
    diesel::insert_into(disputes::table).values(dispute).execute(conn).await?;
    Ok(())
}

/// Writes a dispute that was locked by [`lock`].
///
/// # Errors
/// Of the database.
pub async fn update(conn: &mut AsyncPgConnection, dispute: &Dispute) -> Result<(), StorageError> {
    diesel::update(disputes::table.find(dispute.id)).set(dispute).execute(conn).await?;
    Ok(())
}

/// Locks a dispute by the provider's id; its order and payment are locked before.
///
/// # Errors
/// Of the database.
pub async fn lock(
    conn: &mut AsyncPgConnection,
    provider: &str,
    dispute_id: &str,
) -> Result<Option<Dispute>, StorageError> {
    Ok(disputes::table
        .filter(disputes::provider.eq(provider).and(disputes::dispute_id.eq(dispute_id)))
        .select(Dispute::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// The disputes of a payment that the caller has locked, the one that changed last first.
///
/// # Errors
/// Of the database.
pub async fn of_payment(conn: &mut AsyncPgConnection, payment_id: Uuid) -> Result<Vec<Dispute>, StorageError> {
    Ok(disputes::table
        .filter(disputes::payment_id.eq(payment_id))
        .order((disputes::updated_at.desc(), disputes::id.desc()))
        .select(Dispute::as_select())
        .load(conn)
        .await?)
}

/// What a list is narrowed to.
#[derive(Debug, Default, Clone)]
pub struct DisputeFilter {
    pub statuses: Vec<String>,
    pub order_id: Option<Uuid>,
    pub customer: Option<String>,
}

/// Disputes, newest first, after a position in that order.
///
/// # Errors
/// Of the database.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &DisputeFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Dispute>, StorageError> {
    let mut query = disputes::table.select(Dispute::as_select()).into_boxed();
    if !filter.statuses.is_empty() {
        query = query.filter(disputes::status.eq_any(filter.statuses.clone()));
    }
    if let Some(order_id) = filter.order_id {
        query = query.filter(disputes::order_id.eq(order_id));
    }
    if let Some(customer) = &filter.customer {
        query = query.filter(disputes::customer_id.eq(customer.clone()));
    }
    if let Some((at, id)) = after {
        query = query.filter(disputes::created_at.lt(at).or(disputes::created_at.eq(at).and(disputes::id.lt(id))));
    }
    Ok(query.order((disputes::created_at.desc(), disputes::id.desc())).limit(limit).load(conn).await?)
}
