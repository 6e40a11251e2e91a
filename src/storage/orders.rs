//! Top-up orders and their timeline.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::schema::{order_events, top_up_orders as orders};
use super::{StorageError, currency_from_column};
use crate::domain::customer::CustomerId;
use crate::domain::order::{DECLINED, Order, OrderStatus, Remitter};
use crate::domain::product::Product;

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = orders, treat_none_as_null = true)]
struct OrderRow {
    id: Uuid,
    customer_id: String,
    currency: String,
    product: String,
    channel: String,
    provider: String,
    merchant_account: String,
    status: String,
    reason: Option<String>,
    amount: Decimal,
    fee: Decimal,
    tax: Decimal,
    bonus: Decimal,
    credited_amount: Decimal,
    received_amount: Option<Decimal>,
    refunded_amount: Decimal,
    reference: String,
    agreement_version: String,
    return_url: Option<String>,
    card_flow: Option<String>,
    remitter_name: Option<String>,
    remitter_bank: Option<String>,
    remarks: Option<String>,
    bank_account_id: Option<Uuid>,
    vnpay_bank_code: Option<String>,
    payer_ip: String,
    locale: Option<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    completed_at: Option<DateTime<Utc>>,
    ask_at: Option<DateTime<Utc>>,
    asked: i32,
    version: i64,
}

impl From<&Order> for OrderRow {
    fn from(order: &Order) -> Self {
        let remitter = order.remitter.as_ref();
        Self {
            id: order.id,
            customer_id: order.customer.as_str().to_owned(),
            currency: order.currency.code().to_owned(),
            product: order.product.as_column().to_owned(),
            channel: order.channel.as_str().to_owned(),
            provider: order.provider.clone(),
            merchant_account: order.merchant_account.clone(),
            status: order.status.as_str().to_owned(),
            reason: order.reason.clone(),
            amount: order.amount,
            fee: order.fee,
            tax: order.tax,
            bonus: order.bonus,
            credited_amount: order.credited_amount,
            received_amount: order.received_amount,
            refunded_amount: order.refunded_amount,
            reference: order.reference.clone(),
            agreement_version: order.agreement_version.clone(),
            return_url: order.return_url.clone(),
            card_flow: order.card_flow.clone(),
            remitter_name: remitter.map(|remitter| remitter.name.clone()),
            remitter_bank: remitter.map(|remitter| remitter.bank.clone()),
            remarks: remitter.and_then(|remitter| remitter.remarks.clone()),
            bank_account_id: order.bank_account_id,
            vnpay_bank_code: order.vnpay_bank_code.clone(),
            payer_ip: order.payer_ip.clone(),
            locale: order.locale.clone(),
            created_at: order.created_at,
            expires_at: order.expires_at,
            updated_at: order.updated_at,
            completed_at: order.completed_at,
            ask_at: order.ask_at,
            asked: order.asked,
            version: order.version,
        }
    }
}

impl OrderRow {
    fn into_order(self) -> Result<Order, StorageError> {
        let corrupt = |what: &str| StorageError::Corrupt(format!("order {}: {what}", self.id));
        Ok(Order {
            customer: CustomerId::new(&self.customer_id).ok_or_else(|| corrupt("customer"))?,
            currency: currency_from_column(&self.currency)?,
            product: Product::from_column(&self.product),
            channel: self.channel.parse().map_err(|()| corrupt("channel"))?,
            status: OrderStatus::parse(&self.status).ok_or_else(|| corrupt("status"))?,
            remitter: self.remitter_name.zip(self.remitter_bank).map(|(name, bank)| Remitter {
                name,
                bank,
                remarks: self.remarks,
            }),
            id: self.id,
            provider: self.provider,
            merchant_account: self.merchant_account,
            reason: self.reason,
            amount: self.amount,
            fee: self.fee,
            tax: self.tax,
            bonus: self.bonus,
            credited_amount: self.credited_amount,
            received_amount: self.received_amount,
            refunded_amount: self.refunded_amount,
            reference: self.reference,
            agreement_version: self.agreement_version,
            return_url: self.return_url,
            card_flow: self.card_flow,
            bank_account_id: self.bank_account_id,
            vnpay_bank_code: self.vnpay_bank_code,
            payer_ip: self.payer_ip,
            locale: self.locale,
            created_at: self.created_at,
            expires_at: self.expires_at,
            updated_at: self.updated_at,
            completed_at: self.completed_at,
            ask_at: self.ask_at,
            asked: self.asked,
            version: self.version,
        })
    }
}

/// The database's clock.
///
/// # Errors
/// Of the database.
pub async fn clock(conn: &mut AsyncPgConnection) -> Result<DateTime<Utc>, StorageError> {
    Ok(diesel::select(now.into_sql::<Timestamptz>()).get_result(conn).await?)
}

/// # Errors
/// Of the database; a reference that is taken violates `top_up_orders_reference_once`.
pub async fn insert(conn: &mut AsyncPgConnection, order: &Order) -> Result<(), StorageError> {
    diesel::insert_into(orders::table).values(OrderRow::from(order)).execute(conn).await?;
    Ok(())
}

/// Writes an order that was locked by [`lock`].
///
/// # Errors
/// Of the database.
pub async fn update(conn: &mut AsyncPgConnection, order: &Order) -> Result<(), StorageError> {
    diesel::update(orders::table.find(order.id)).set(OrderRow::from(order)).execute(conn).await?;
    Ok(())
}

/// Reads an order; whose it is is the caller's question.
///
/// # Errors
/// Of the database.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Order>, StorageError> {
    let row = orders::table.find(id).select(OrderRow::as_select()).first(conn).await.optional()?;
    row.map(OrderRow::into_order).transpose()
}

/// Reads an order and locks its row until the transaction ends.
///
/// # Errors
/// Of the database.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Order>, StorageError> {
    let row = orders::table.find(id).select(OrderRow::as_select()).for_update().first(conn).await.optional()?;
    row.map(OrderRow::into_order).transpose()
}

/// How many orders of a customer wait for money. Under an advisory lock, so that parallel creates count
/// each other.
///
/// # Errors
/// Of the database.
pub async fn count_open(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<i64, StorageError> {
    let scope = format!("open orders\n{customer}");
    diesel::select(pg_advisory_xact_lock(super::idempotency::hashtextextended(scope, 0))).execute(conn).await?;
    Ok(orders::table
        .filter(orders::customer_id.eq(customer.as_str()).and(orders::status.eq_any(["pending", "processing"])))
        .count()
        .get_result(conn)
        .await?)
}

diesel::define_sql_function! {
    /// Takes a lock until the transaction ends, waiting for it.
    fn pg_advisory_xact_lock(key: diesel::sql_types::BigInt) -> diesel::sql_types::Bool;
}

/// What a list is narrowed to.
#[derive(Debug, Default, Clone)]
pub struct OrderFilter {
    pub customer: Option<CustomerId>,
    pub statuses: Vec<String>,
    pub channels: Vec<String>,
    pub product: Option<String>,
    pub currency: Option<String>,
    pub created_from: Option<DateTime<Utc>>,
    pub created_to: Option<DateTime<Utc>>,
    pub reference: Option<String>,
}

/// Orders, newest first, after a position in that order.
///
/// # Errors
/// Of the database.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &OrderFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Order>, StorageError> {
    let mut query = orders::table.select(OrderRow::as_select()).into_boxed();
    if let Some(customer) = &filter.customer {
        query = query.filter(orders::customer_id.eq(customer.as_str().to_owned()));
    }
    if !filter.statuses.is_empty() {
        query = query.filter(orders::status.eq_any(filter.statuses.clone()));
    }
    if !filter.channels.is_empty() {
        query = query.filter(orders::channel.eq_any(filter.channels.clone()));
    }
    if let Some(product) = &filter.product {
        query = query.filter(orders::product.eq(product.clone()));
    }
    if let Some(currency) = &filter.currency {
        query = query.filter(orders::currency.eq(currency.clone()));
    }
    if let Some(from) = filter.created_from {
        query = query.filter(orders::created_at.ge(from));
    }
    if let Some(to) = filter.created_to {
        query = query.filter(orders::created_at.lt(to));
    }
    if let Some(reference) = &filter.reference {
        query = query.filter(orders::reference.eq(reference.clone()));
    }
    if let Some((created_at, id)) = after {
        query = query
            .filter(orders::created_at.lt(created_at).or(orders::created_at.eq(created_at).and(orders::id.lt(id))));
    }
    let rows: Vec<OrderRow> =
        query.order((orders::created_at.desc(), orders::id.desc())).limit(limit).load(conn).await?;
    rows.into_iter().map(OrderRow::into_order).collect()
}

/// Claims up to `limit` orders whose time to be asked about has come: their next turn is set to `lease`
/// seconds from now, so that no other process takes them meanwhile and a crash only delays them.
///
/// # Errors
/// Of the database.
pub async fn claim_to_ask(
    conn: &mut AsyncPgConnection,
    limit: i64,
    lease_seconds: i32,
) -> Result<Vec<Order>, StorageError> {
    let due: Vec<Uuid> = orders::table
        .filter(orders::ask_at.le(now))
        .order(orders::ask_at)
        .limit(limit)
        .select(orders::id)
        .for_update()
        .skip_locked()
        .load(conn)
        .await?;
    let rows: Vec<OrderRow> = diesel::update(orders::table.filter(orders::id.eq_any(due)))
        .set((
            orders::ask_at.eq((now.into_sql::<Timestamptz>() + seconds(lease_seconds)).nullable()),
            orders::asked.eq(orders::asked + 1),
        ))
        .returning(OrderRow::as_returning())
        .get_results(conn)
        .await?;
    rows.into_iter().map(OrderRow::into_order).collect()
}

pub(super) fn seconds(n: i32) -> diesel::pg::data_types::PgInterval {
    diesel::pg::data_types::PgInterval::from_microseconds(i64::from(n) * 1_000_000)
}

/// Sets when an order is asked about next; `None`: not any more.
///
/// # Errors
/// Of the database.
pub async fn schedule(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    ask_at: Option<DateTime<Utc>>,
) -> Result<(), StorageError> {
    diesel::update(orders::table.find(id)).set(orders::ask_at.eq(ask_at)).execute(conn).await?;
    Ok(())
}

/// Orders that wait for their payer ([`Order::awaits_payer`]) and whose time is over.
///
/// # Errors
/// Of the database.
pub async fn overdue(conn: &mut AsyncPgConnection, limit: i64) -> Result<Vec<Uuid>, StorageError> {
    Ok(orders::table
        .filter(
            orders::status
                .eq("pending")
                .or(orders::status.eq("processing").and(orders::reason.like(format!("{DECLINED}%")).assume_not_null())),
        )
        .filter(orders::expires_at.le(now))
        .order(orders::expires_at)
        .limit(limit)
        .select(orders::id)
        .load(conn)
        .await?)
}

/// One line of an order's timeline.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = order_events)]
pub struct TimelineEntry {
    pub at: DateTime<Utc>,
    pub event: String,
    pub status: String,
    pub actor: String,
    pub detail: Option<String>,
}

/// Adds a line to an order's timeline.
///
/// # Errors
/// Of the database.
pub async fn note(
    conn: &mut AsyncPgConnection,
    order: &Order,
    event: &str,
    actor: &str,
    detail: Option<&str>,
) -> Result<(), StorageError> {
    diesel::insert_into(order_events::table)
        .values((
            order_events::order_id.eq(order.id),
            order_events::event.eq(event),
            order_events::status.eq(order.status.as_str()),
            order_events::actor.eq(actor),
            order_events::detail.eq(detail),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether a line of this kind is on an order's timeline.
///
/// # Errors
/// Of the database.
pub async fn happened(conn: &mut AsyncPgConnection, id: Uuid, event: &str) -> Result<bool, StorageError> {
    let lines = order_events::table.filter(order_events::order_id.eq(id).and(order_events::event.eq(event)));
    Ok(diesel::select(diesel::dsl::exists(lines)).get_result(conn).await?)
}

/// An order's timeline, oldest first.
///
/// # Errors
/// Of the database.
pub async fn timeline(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Vec<TimelineEntry>, StorageError> {
    Ok(order_events::table
        .filter(order_events::order_id.eq(id))
        .order(order_events::seq)
        .select(TimelineEntry::as_select())
        .load(conn)
        .await?)
}
