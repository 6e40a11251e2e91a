//! Adjustments: corrections of wallets by operators.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{corrupt, currency_from_column, customer_from_column};
use super::page::in_page;
use super::schema::adjustments;
use crate::domain::adjustment::{Adjustment, AdjustmentFilter, ReversalReach};
use crate::domain::money::Money;
use crate::domain::page::{Page, Rows};
use crate::domain::product::Product;

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = adjustments, treat_none_as_null = true)]
struct AdjustmentRow {
    id: Uuid,
    customer_id: String,
    currency: String,
    product: String,
    amount: Decimal,
    reason: String,
    second_needed: bool,
    proposed_by: String,
    approved_by: Option<String>,
    created_at: DateTime<Utc>,
    booked_at: Option<DateTime<Utc>>,
    order_id: Option<Uuid>,
    payment_id: Option<Uuid>,
    application_n: Option<i32>,
    reach: String,
    allow_debt: bool,
    withdrawn_by: Option<String>,
    withdrawn_at: Option<DateTime<Utc>>,
}

impl From<&Adjustment> for AdjustmentRow {
    fn from(adjustment: &Adjustment) -> Self {
        Self {
            id: adjustment.id,
            customer_id: adjustment.customer.as_str().to_owned(),
            currency: adjustment.amount.currency().code().to_owned(),
            product: adjustment.product.as_column().to_owned(),
            amount: adjustment.amount.amount(),
            reason: adjustment.reason.clone(),
            second_needed: adjustment.second_needed,
            proposed_by: adjustment.proposed_by.clone(),
            approved_by: adjustment.approved_by.clone(),
            created_at: adjustment.created_at,
            booked_at: adjustment.booked_at,
            order_id: adjustment.order_id,
            payment_id: adjustment.application.map(|(payment, _)| payment),
            application_n: adjustment.application.map(|(_, n)| n),
            reach: adjustment.reach.as_str().to_owned(),
            allow_debt: adjustment.allow_debt,
            withdrawn_by: adjustment.withdrawn.as_ref().map(|(by, _)| by.clone()),
            withdrawn_at: adjustment.withdrawn.as_ref().map(|(_, at)| *at),
        }
    }
}

impl TryFrom<AdjustmentRow> for Adjustment {
    type Error = StorageError;

    fn try_from(row: AdjustmentRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: row.id,
            customer: customer_from_column(&row.customer_id)?,
            product: Product::from_column(&row.product),
            amount: Money::from_ledger(row.amount, currency_from_column(&row.currency)?),
            reason: row.reason,
            second_needed: row.second_needed,
            proposed_by: row.proposed_by,
            approved_by: row.approved_by,
            created_at: row.created_at,
            booked_at: row.booked_at,
            order_id: row.order_id,
            application: row.payment_id.zip(row.application_n),
            reach: ReversalReach::parse(&row.reach).ok_or_else(|| corrupt("reach", &row.reach))?,
            allow_debt: row.allow_debt,
            withdrawn: row.withdrawn_by.zip(row.withdrawn_at),
        })
    }
}

/// Writes a new adjustment, or the changes of a known one. A CHECK refuses the proposer as approver if a second
/// operator is needed.
///
/// # Errors
/// Database errors.
pub async fn save(conn: &mut AsyncPgConnection, adjustment: &Adjustment) -> Result<(), StorageError> {
    diesel::insert_into(adjustments::table)
        .values(AdjustmentRow::from(adjustment))
        .on_conflict(adjustments::id)
        .do_update()
        .set(AdjustmentRow::from(adjustment))
        .execute(conn)
        .await?;
    Ok(())
}

/// An adjustment that reverses no approval.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Adjustment>, StorageError> {
    let row: Option<AdjustmentRow> = adjustments::table
        .filter(adjustments::id.eq(id).and(adjustments::order_id.is_null()))
        .select(AdjustmentRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(Adjustment::try_from).transpose()
}

/// Locks an adjustment that reverses no approval.
///
/// # Errors
/// Database errors.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Adjustment>, StorageError> {
    let row: Option<AdjustmentRow> = adjustments::table
        .filter(adjustments::id.eq(id).and(adjustments::order_id.is_null()))
        .select(AdjustmentRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?;
    row.map(Adjustment::try_from).transpose()
}

/// A page of the adjustments that reverse no approval.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &AdjustmentFilter,
    page: &Page,
) -> Result<Rows<Adjustment>, StorageError> {
    let mut query = adjustments::table
        .filter(adjustments::order_id.is_null())
        .select(AdjustmentRow::as_select())
        .limit(page.to_read())
        .into_boxed();
    if let Some(customer) = &filter.customer {
        query = query.filter(adjustments::customer_id.eq(customer.as_str()));
    }
    if filter.is_waiting {
        query = query.filter(adjustments::booked_at.is_null().and(adjustments::withdrawn_at.is_null()));
    }
    let query = in_page!(query, page, adjustments::created_at, adjustments::id);
    let rows: Vec<AdjustmentRow> = query.load(conn).await?;
    page.cut(rows).try_map(Adjustment::try_from)
}

/// Deletes the proposal to reverse an order's approval. Returns false if none waits.
///
/// # Errors
/// Database errors.
pub async fn withdraw(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<bool, StorageError> {
    let proposed = adjustments::table.filter(adjustments::order_id.eq(order_id).and(adjustments::booked_at.is_null()));
    Ok(diesel::delete(proposed).execute(conn).await? > 0)
}

/// The last reversal of an order's approval, proposed or booked.
///
/// # Errors
/// Database errors.
pub async fn of_order(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Option<Adjustment>, StorageError> {
    let row: Option<AdjustmentRow> = adjustments::table
        .filter(adjustments::order_id.eq(order_id))
        .order(adjustments::created_at.desc())
        .select(AdjustmentRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(Adjustment::try_from).transpose()
}
