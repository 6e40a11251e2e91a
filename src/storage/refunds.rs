//! Refunds, and what has gone back of an order in all.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::schema::{disputes, refunds};
use crate::domain::refund::{Gone, RefundState};

/// A refund as the table has it.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = refunds, treat_none_as_null = true)]
pub struct Refund {
    pub id: Uuid,
    pub order_id: Option<Uuid>,
    pub payment_id: Uuid,
    /// Whose wallet it moves; none for a payment that served no order.
    pub customer_id: Option<String>,
    pub provider: String,
    pub provider_refund_id: Option<String>,
    pub currency: String,
    pub amount: Decimal,
    pub debited: Decimal,
    pub bonus_taken: Decimal,
    pub status: String,
    pub reason: String,
    pub failure: Option<String>,
    pub ours: bool,
    pub override_balance: bool,
    pub proposed_by: String,
    pub approved_by: Option<String>,
    pub second_needed: bool,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
    pub ask_at: Option<DateTime<Utc>>,
    pub asked: i32,
}

impl Refund {
    /// When the money set out: on approval, where one was needed.
    #[must_use]
    pub fn since(&self) -> DateTime<Utc> {
        self.started_at.unwrap_or(self.created_at)
    }

    /// # Errors
    /// [`StorageError::Corrupt`] for a status that nobody writes.
    pub fn state(&self) -> Result<RefundState, StorageError> {
        RefundState::parse(&self.status)
            .ok_or_else(|| StorageError::Corrupt(format!("refund {}: status {}", self.id, self.status)))
    }
}

/// # Errors
/// Of the database; a provider's refund that is known violates `refunds_at_provider_once`.
pub async fn insert(conn: &mut AsyncPgConnection, refund: &Refund) -> Result<(), StorageError> {
    diesel::insert_into(refunds::table).values(refund).execute(conn).await?;
    Ok(())
}

/// Writes a refund that was locked by [`lock`].
///
/// # Errors
/// Of the database.
pub async fn update(conn: &mut AsyncPgConnection, refund: &Refund) -> Result<(), StorageError> {
    diesel::update(refunds::table.find(refund.id)).set(refund).execute(conn).await?;
    Ok(())
}

/// # Errors
/// Of the database.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Refund>, StorageError> {
    Ok(refunds::table.find(id).select(Refund::as_select()).first(conn).await.optional()?)
}

/// Reads a refund and locks its row; its order and payment are locked before.
///
/// # Errors
/// Of the database.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Refund>, StorageError> {
    Ok(refunds::table.find(id).select(Refund::as_select()).for_update().first(conn).await.optional()?)
}

/// The refund that a provider knows by this id.
///
/// # Errors
/// Of the database.
pub async fn by_provider_id(
    conn: &mut AsyncPgConnection,
    provider: &str,
    provider_refund_id: &str,
) -> Result<Option<Refund>, StorageError> {
    Ok(refunds::table
        .filter(refunds::provider.eq(provider).and(refunds::provider_refund_id.eq(provider_refund_id)))
        .select(Refund::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// Whether a refund of ours over this amount is on its way whose id at the provider we do not know yet.
///
/// # Errors
/// Of the database.
pub async fn has_unnamed(
    conn: &mut AsyncPgConnection,
    payment_id: Uuid,
    amount: Decimal,
) -> Result<bool, StorageError> {
    let unnamed = refunds::table
        .filter(refunds::payment_id.eq(payment_id).and(refunds::amount.eq(amount)))
        .filter(refunds::status.eq(RefundState::Pending.as_str()).and(refunds::provider_refund_id.is_null()));
    Ok(diesel::select(diesel::dsl::exists(unnamed)).get_result(conn).await?)
}

/// What has gone back of an order, and what its wallet gave for it. The caller holds the order's lock.
///
/// # Errors
/// Of the database.
pub async fn gone(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Gone, StorageError> {
    let mut gone = Gone::default();
    let refunded: Vec<(String, Decimal, Decimal, Decimal)> = refunds::table
        .filter(refunds::order_id.eq(order_id))
        .select((refunds::status, refunds::amount, refunds::debited, refunds::bonus_taken))
        .load(conn)
        .await?;
    for (status, amount, debited, bonus) in refunded {
        if RefundState::parse(&status).is_some_and(RefundState::is_in_force) {
            gone.refunded += amount;
        }
        gone.debited += debited;
        gone.bonus_taken += bonus;
    }
    let disputed: Vec<(String, Decimal, Decimal, Decimal)> = disputes::table
        .filter(disputes::order_id.eq(order_id))
        .select((disputes::status, disputes::amount, disputes::taken_back, disputes::bonus_taken))
        .load(conn)
        .await?;
    for (status, amount, taken_back, bonus) in disputed {
        if status != "won" {
            gone.disputed += amount;
        }
        gone.debited += taken_back;
        gone.bonus_taken += bonus;
    }
    Ok(gone)
}

/// What a list is narrowed to.
#[derive(Debug, Default, Clone)]
pub struct RefundFilter {
    pub statuses: Vec<String>,
    pub order_id: Option<Uuid>,
    pub customer: Option<String>,
    pub provider: Option<String>,
}

/// Refunds, newest first, after a position in that order.
///
/// # Errors
/// Of the database.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &RefundFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Refund>, StorageError> {
    let mut query = refunds::table.select(Refund::as_select()).into_boxed();
    if !filter.statuses.is_empty() {
        query = query.filter(refunds::status.eq_any(filter.statuses.clone()));
    }
    if let Some(order_id) = filter.order_id {
        query = query.filter(refunds::order_id.eq(order_id));
    }
    if let Some(customer) = &filter.customer {
        query = query.filter(refunds::customer_id.eq(customer.clone()));
    }
    if let Some(provider) = &filter.provider {
        query = query.filter(refunds::provider.eq(provider.clone()));
    }
    if let Some((at, id)) = after {
        query = query.filter(refunds::created_at.lt(at).or(refunds::created_at.eq(at).and(refunds::id.lt(id))));
    }
    Ok(query.order((refunds::created_at.desc(), refunds::id.desc())).limit(limit).load(conn).await?)
}

/// Claims up to `limit` refunds whose time to be asked about has come: their next turn is set to `lease`
/// seconds from now, so that no other process takes them meanwhile and a crash only delays them.
///
/// # Errors
/// Of the database.
pub async fn claim_to_ask(
    conn: &mut AsyncPgConnection,
    limit: i64,
    lease_seconds: i32,
) -> Result<Vec<Refund>, StorageError> {
    let due: Vec<Uuid> = refunds::table
        .filter(refunds::ask_at.le(now))
        .order(refunds::ask_at)
        .limit(limit)
        .select(refunds::id)
        .for_update()
        .skip_locked()
        .load(conn)
        .await?;
    let lease = diesel::pg::data_types::PgInterval::from_microseconds(i64::from(lease_seconds) * 1_000_000);
    Ok(diesel::update(refunds::table.filter(refunds::id.eq_any(due)))
        .set((
            refunds::ask_at.eq((now.into_sql::<Timestamptz>() + lease).nullable()),
            refunds::asked.eq(refunds::asked + 1),
        ))
        .returning(Refund::as_returning())
        .get_results(conn)
        .await?)
}

/// Sets when the provider is asked next, unless the refund has moved on since it was read.
///
/// # Errors
/// Of the database.
pub async fn schedule(
    conn: &mut AsyncPgConnection,
    refund: &Refund,
    ask_at: Option<DateTime<Utc>>,
    failure: Option<&str>,
) -> Result<(), StorageError> {
    diesel::update(refunds::table.find(refund.id).filter(refunds::status.eq(&refund.status)))
        .set((refunds::ask_at.eq(ask_at), refunds::failure.eq(failure)))
        .execute(conn)
        .await?;
    Ok(())
}
