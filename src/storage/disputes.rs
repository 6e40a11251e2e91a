//! Disputes: a payer asks the bank or the payment company for the money back.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::clock::ledger_now;
use super::columns::{corrupt, currency_from_column, customer_from_column, provider_from_column};
use super::page::in_page;
use super::schema::{disputes, payments};
use crate::domain::dispute::{Dispute, DisputeFilter};
use crate::domain::money::Money;
use crate::domain::page::{Page, Rows};
use crate::domain::payment::{DisputeStatus, ProviderName};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = disputes, treat_none_as_null = true)]
pub(super) struct DisputeRow {
    id: Uuid,
    payment_id: Uuid,
    order_id: Option<Uuid>,
    customer_id: Option<String>,
    provider: String,
    dispute_id: String,
    awaits_id: bool,
    currency: String,
    amount: Decimal,
    from_unapplied: Decimal,
    from_wallet: Decimal,
    status: String,
    reason: Option<String>,
    taken_back: Decimal,
    wallet_taken: Decimal,
    bonus_taken: Decimal,
    restored: bool,
    charged: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<&Dispute> for DisputeRow {
    fn from(dispute: &Dispute) -> Self {
        Self {
            id: dispute.id,
            payment_id: dispute.payment_id,
            order_id: dispute.order_id,
            customer_id: dispute.customer.as_ref().map(|customer| customer.as_str().to_owned()),
            provider: dispute.provider.as_str().to_owned(),
            dispute_id: dispute.dispute_id.clone(),
            awaits_id: dispute.awaits_id,
            currency: dispute.amount.currency().code().to_owned(),
            amount: dispute.amount.amount(),
            from_unapplied: dispute.from_unapplied.amount(),
            from_wallet: dispute.from_wallet.amount(),
            status: dispute.status.as_str().to_owned(),
            reason: dispute.reason.clone(),
            taken_back: dispute.taken_back.amount(),
            wallet_taken: dispute.wallet_taken.amount(),
            bonus_taken: dispute.bonus_taken.amount(),
            restored: dispute.restored,
            charged: dispute.charged,
            created_at: dispute.created_at,
            updated_at: dispute.updated_at,
        }
    }
}

impl TryFrom<DisputeRow> for Dispute {
    type Error = StorageError;

    fn try_from(row: DisputeRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        let money = |amount| Money::from_ledger(amount, currency);
        Ok(Self {
            id: row.id,
            payment_id: row.payment_id,
            order_id: row.order_id,
            customer: row.customer_id.as_deref().map(customer_from_column).transpose()?,
            provider: provider_from_column(&row.provider)?,
            dispute_id: row.dispute_id,
            awaits_id: row.awaits_id,
            amount: money(row.amount),
            from_unapplied: money(row.from_unapplied),
            from_wallet: money(row.from_wallet),
            status: DisputeStatus::parse(&row.status).ok_or_else(|| corrupt("dispute status", &row.status))?,
            reason: row.reason,
            taken_back: money(row.taken_back),
            wallet_taken: money(row.wallet_taken),
            bonus_taken: money(row.bonus_taken),
            restored: row.restored,
            charged: row.charged,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// # Errors
/// Database errors; a known dispute violates `disputes_once`.
pub async fn insert(conn: &mut AsyncPgConnection, dispute: &Dispute) -> Result<(), StorageError> {
    diesel::insert_into(disputes::table).values(DisputeRow::from(dispute)).execute(conn).await?;
    Ok(())
}

/// Writes a dispute that was locked by [`lock`].
///
/// # Errors
/// Database errors.
pub async fn update(conn: &mut AsyncPgConnection, dispute: &Dispute) -> Result<(), StorageError> {
    diesel::update(disputes::table.find(dispute.id)).set(DisputeRow::from(dispute)).execute(conn).await?;
    Ok(())
}

/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Dispute>, StorageError> {
    let row: Option<DisputeRow> =
        disputes::table.find(id).select(DisputeRow::as_select()).first(conn).await.optional()?;
    row.map(Dispute::try_from).transpose()
}

/// Locks a dispute by the provider's id. The caller has locked its order and its payment before.
///
/// # Errors
/// Database errors.
pub async fn lock(
    conn: &mut AsyncPgConnection,
    provider: ProviderName,
    dispute_id: &str,
) -> Result<Option<Dispute>, StorageError> {
    let row: Option<DisputeRow> = disputes::table
        .filter(disputes::provider.eq(provider.as_str()).and(disputes::dispute_id.eq(dispute_id)))
        .select(DisputeRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?;
    row.map(Dispute::try_from).transpose()
}

/// The disputes of a payment that the caller has locked. The one that changed last comes first.
///
/// # Errors
/// Database errors.
pub async fn of_payment(conn: &mut AsyncPgConnection, payment_id: Uuid) -> Result<Vec<Dispute>, StorageError> {
    let rows: Vec<DisputeRow> = disputes::table
        .filter(disputes::payment_id.eq(payment_id))
        .order((disputes::updated_at.desc(), disputes::id.desc()))
        .select(DisputeRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(Dispute::try_from).collect()
}

/// At most `share` open disputes, those first that were not asked about for the longest time: our ids and the
/// provider's.
///
/// # Errors
/// Database errors.
pub async fn next_to_ask(
    conn: &mut AsyncPgConnection,
    provider: ProviderName,
    share: i64,
) -> Result<Vec<(Uuid, String)>, StorageError> {
    Ok(disputes::table
        .filter(disputes::provider.eq(provider.as_str()).and(disputes::awaits_id.eq(false)))
        .filter(disputes::status.eq(DisputeStatus::Open.as_str()))
        .order((disputes::asked_at, disputes::id))
        .limit(share)
        .select((disputes::id, disputes::dispute_id))
        .load(conn)
        .await?)
}

/// Notes that the company was asked about a dispute, whatever it answered, so that the others come next.
///
/// # Errors
/// Database errors.
pub async fn note_asked(conn: &mut AsyncPgConnection, id: Uuid) -> Result<(), StorageError> {
    diesel::update(disputes::table.find(id)).set(disputes::asked_at.eq(ledger_now())).execute(conn).await?;
    Ok(())
}

/// A page of disputes, newest first. `after` is the position of the last dispute of the page before.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &DisputeFilter,
    page: &Page,
) -> Result<Rows<Dispute>, StorageError> {
    let mut query = disputes::table.select(DisputeRow::as_select()).into_boxed();
    if !filter.statuses.is_empty() {
        let statuses: Vec<&str> = filter.statuses.iter().map(|status| status.as_str()).collect();
        query = query.filter(disputes::status.eq_any(statuses));
    }
    if let Some(order_id) = filter.order_id {
        query = query.filter(disputes::order_id.eq(order_id));
    }
    if let Some(customer) = &filter.customer {
        query = query.filter(disputes::customer_id.eq(customer.as_str()));
    }
    let query = in_page!(query, page, disputes::created_at, disputes::id);
    let rows: Vec<DisputeRow> = query.limit(page.to_read()).load(conn).await?;
    page.cut(rows).try_map(Dispute::try_from)
}

/// Whether a payment that names an order has an undecided dispute.
///
/// # Errors
/// Database errors.
pub async fn are_open_about(conn: &mut AsyncPgConnection, order: Uuid) -> Result<bool, StorageError> {
    let of_order = payments::table.filter(payments::order_id.eq(order)).select(payments::id);
    let open = disputes::table
        .filter(disputes::payment_id.eq_any(of_order).and(disputes::status.eq(DisputeStatus::Open.as_str())));
    Ok(diesel::select(diesel::dsl::exists(open)).get_result(conn).await?)
}
