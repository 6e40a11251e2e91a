//! Top-up orders.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::catalogue::tax_rules;
use super::clock::{NowOnce, later, ledger_now, seconds};
use super::columns::{corrupt, currency_from_column, customer_from_column, provider_from_column};
use super::parties::{from_document, to_document};
use super::schema::top_up_orders as orders;
use super::statement::{Cached, Parameters, Statement};
use crate::domain::bank_transaction::normal_form;
use crate::domain::bonus::BonusTerms;
use crate::domain::client_data::ClientData;
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::order::{Awaited, Completion, FailedBy, Order, OrderState, OrderStatus, Remitter, ToldOrder};
use crate::domain::payment::CardFlow;
use crate::domain::product::Product;

pub use super::order_timeline::{add_to_timeline, timeline};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = orders, treat_none_as_null = true)]
pub(super) struct OrderRow {
    id: Uuid,
    customer_id: String,
    currency: String,
    product: String,
    channel: String,
    provider: String,
    merchant_account: String,
    status: String,
    awaiting: Option<String>,
    failed_by: Option<String>,
    reason: Option<String>,
    declines: i32,
    held_for_review: bool,
    amount: Decimal,
    payable_amount: Decimal,
    fee: Decimal,
    fee_on_top: bool,
    fee_refundable: bool,
    tax: Decimal,
    tax_included: Decimal,
    tax_rule: Option<serde_json::Value>,
    bonus: Decimal,
    bonus_tier_id: Option<Uuid>,
    bonus_once: bool,
    bonus_first: bool,
    bonus_days: Option<i32>,
    bonus_reserved: bool,
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
    remitter_key: Option<String>,
    bank_account_id: Option<Uuid>,
    bank_account_version: Option<i64>,
    vnpay_bank_code: Option<String>,
    payer_ip: String,
    locale: Option<String>,
    buyer: Option<serde_json::Value>,
    client_reference: Option<String>,
    metadata: Option<serde_json::Value>,
    transfer_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    due_at: Option<DateTime<Utc>>,
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
        let completion = order.completion();
        let awaiting = match order.state {
            OrderState::Processing(awaited) => Some(awaited.as_str().to_owned()),
            _ => None,
        };
        let failed_by = match order.state {
            OrderState::Failed(by) => Some(by.as_str().to_owned()),
            _ => None,
        };
        Self {
            id: order.id,
            customer_id: order.customer.as_str().to_owned(),
            currency: order.currency().code().to_owned(),
            product: order.product.as_column().to_owned(),
            channel: order.channel.as_str().to_owned(),
            provider: order.provider.as_str().to_owned(),
            merchant_account: order.merchant_account.clone(),
            status: order.status().as_str().to_owned(),
            awaiting,
            failed_by,
            reason: order.reason.clone(),
            declines: order.declines,
            held_for_review: order.held_for_review,
            amount: order.amount.amount(),
            payable_amount: order.payable.amount(),
            fee: order.fee.amount(),
            fee_on_top: order.fee_on_top,
            fee_refundable: order.fee_refundable,
            tax: order.tax.amount(),
            tax_included: order.tax_included.amount(),
            tax_rule: order.tax_rule.as_ref().map(tax_rules::to_document),
            bonus: order.bonus.amount(),
            bonus_tier_id: order.bonus_terms.tier,
            bonus_once: order.bonus_terms.once,
            bonus_first: order.bonus_terms.first,
            bonus_days: order.bonus_terms.expires_after_days,
            bonus_reserved: order.bonus_terms.reserved,
            credited_amount: order.credited_amount.amount(),
            received_amount: completion.map(|completion| completion.received.amount()),
            refunded_amount: order.refunded_amount.amount(),
            reference: order.reference.clone(),
            agreement_version: order.agreement_version.clone(),
            return_url: order.return_url.clone(),
            card_flow: order.card_flow.map(|flow| flow.as_str().to_owned()),
            remitter_name: remitter.map(|remitter| remitter.name.clone()),
            remitter_bank: remitter.map(|remitter| remitter.bank.clone()),
            remarks: remitter.and_then(|remitter| remitter.remarks.clone()),
            remitter_key: remitter.map(|remitter| normal_form(&remitter.name)),
            bank_account_id: order.bank_account_id,
            bank_account_version: order.bank_account_version,
            vnpay_bank_code: order.vnpay_bank_code.clone(),
            payer_ip: order.payer_ip.to_string(),
            locale: order.locale.clone(),
            buyer: order.buyer.as_ref().map(to_document),
            client_reference: order.client.reference.clone(),
            metadata: order.client.metadata.clone(),
            transfer_id: order.transfer_id,
            created_at: order.created_at,
            due_at: order.due_at,
            expires_at: order.expires_at,
            updated_at: order.updated_at,
            completed_at: completion.map(|completion| completion.at),
            ask_at: order.ask_at,
            asked: order.asked,
            version: order.version,
        }
    }
}

impl OrderRow {
    /// Reads the status together with the columns that belong to it.
    fn state(&self, currency: Currency) -> Option<OrderState> {
        Some(match OrderStatus::parse(&self.status)? {
            OrderStatus::Pending => OrderState::Pending,
            OrderStatus::Processing => OrderState::Processing(Awaited::parse(self.awaiting.as_deref()?)?),
            OrderStatus::Completed => {
                let received = Money::from_ledger(self.received_amount?, currency);
                OrderState::Completed(Completion { at: self.completed_at?, received })
            }
            OrderStatus::Cancelled => OrderState::Cancelled,
            OrderStatus::Failed => OrderState::Failed(FailedBy::parse(self.failed_by.as_deref()?)?),
            OrderStatus::Expired => OrderState::Expired,
        })
    }
}

impl TryFrom<OrderRow> for Order {
    type Error = StorageError;

    fn try_from(row: OrderRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        let money = |amount| Money::from_ledger(amount, currency);
        let corrupt = |what: &str| StorageError::Corrupt(format!("order {}: {what}", row.id));
        let card_flow = row.card_flow.as_deref().map(|flow| CardFlow::parse(flow).ok_or_else(|| corrupt("card_flow")));
        Ok(Self {
            customer: customer_from_column(&row.customer_id)?,
            product: Product::from_column(&row.product),
            channel: row.channel.parse().map_err(|()| corrupt("channel"))?,
            provider: provider_from_column(&row.provider)?,
            state: row.state(currency).ok_or_else(|| corrupt("status"))?,
            card_flow: card_flow.transpose()?,
            payer_ip: row.payer_ip.parse().map_err(|_| corrupt("payer_ip"))?,
            remitter: row.remitter_name.zip(row.remitter_bank).map(|(name, bank)| Remitter {
                name,
                bank,
                remarks: row.remarks,
            }),
            id: row.id,
            merchant_account: row.merchant_account,
            reason: row.reason,
            declines: row.declines,
            held_for_review: row.held_for_review,
            amount: money(row.amount),
            payable: money(row.payable_amount),
            fee: money(row.fee),
            fee_on_top: row.fee_on_top,
            fee_refundable: row.fee_refundable,
            tax: money(row.tax),
            tax_included: money(row.tax_included),
            tax_rule: row.tax_rule.as_ref().map(tax_rules::from_document).transpose()?,
            bonus: money(row.bonus),
            bonus_terms: BonusTerms {
                tier: row.bonus_tier_id,
                once: row.bonus_once,
                first: row.bonus_first,
                expires_after_days: row.bonus_days,
                reserved: row.bonus_reserved,
            },
            credited_amount: money(row.credited_amount),
            refunded_amount: money(row.refunded_amount),
            reference: row.reference,
            agreement_version: row.agreement_version,
            return_url: row.return_url,
            bank_account_id: row.bank_account_id,
            bank_account_version: row.bank_account_version,
            vnpay_bank_code: row.vnpay_bank_code,
            locale: row.locale,
            buyer: row.buyer.map(from_document).transpose()?,
            client: ClientData { reference: row.client_reference, metadata: row.metadata },
            transfer_id: row.transfer_id,
            created_at: row.created_at,
            due_at: row.due_at,
            expires_at: row.expires_at,
            updated_at: row.updated_at,
            ask_at: row.ask_at,
            asked: row.asked,
            version: row.version,
        })
    }
}

/// # Errors
/// Database errors; a reference that exists already violates `top_up_orders_reference_once`.
pub async fn insert(conn: &mut AsyncPgConnection, order: &Order) -> Result<(), StorageError> {
    diesel::insert_into(orders::table).values(OrderRow::from(order)).execute(conn).await?;
    Ok(())
}

/// Writes an order that was locked by [`lock`].
///
/// # Errors
/// Database errors.
pub async fn update(conn: &mut AsyncPgConnection, order: &Order) -> Result<(), StorageError> {
    diesel::update(orders::table.find(order.id)).set(OrderRow::from(order)).execute(conn).await?;
    Ok(())
}

/// Reads an order. The caller checks whose order it is.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Order>, StorageError> {
    let row: Option<OrderRow> = orders::table.find(id).select(OrderRow::as_select()).first(conn).await.optional()?;
    row.map(Order::try_from).transpose()
}

/// What lists show of these orders; orders of other customers are left out.
///
/// # Errors
/// Database errors.
pub async fn told(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    ids: &[Uuid],
) -> Result<Vec<ToldOrder>, StorageError> {
    type Row = (Uuid, String, String, Option<String>, Option<serde_json::Value>);
    let rows: Vec<Row> = orders::table
        .filter(orders::id.eq_any(ids).and(orders::customer_id.eq(customer.as_str())))
        .select((orders::id, orders::channel, orders::reference, orders::client_reference, orders::metadata))
        .load(conn)
        .await?;
    rows.into_iter()
        .map(|(id, channel, reference, client_reference, metadata)| {
            let channel = channel.parse().map_err(|()| corrupt("channel", &channel))?;
            Ok(ToldOrder { id, channel, reference, client: ClientData { reference: client_reference, metadata } })
        })
        .collect()
}

/// Reads an order and locks its row until the transaction ends.
///
/// # Errors
/// Database errors.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Order>, StorageError> {
    let row: Option<OrderRow> =
        orders::table.find(id).select(OrderRow::as_select()).for_update().first(conn).await.optional()?;
    row.map(Order::try_from).transpose()
}

struct CountOpenOrders(String);

impl Statement for CountOpenOrders {
    const TEXT: &'static str = include_str!("sql/orders_open.sql");
    type Row = BigInt;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.0)
    }
}

/// Counts the open orders of a customer. It takes an advisory lock, so that parallel requests count each other's
/// orders.
///
/// # Errors
/// Database errors.
pub async fn count_open(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<i64, StorageError> {
    let scope = format!("open orders\n{customer}");
    diesel::select(pg_advisory_xact_lock(super::idempotency::hashtextextended(scope, 0))).execute(conn).await?;
    Ok(Cached(CountOpenOrders(customer.as_str().to_owned())).get_result(conn).await?)
}

diesel::define_sql_function! {
    /// Waits for a lock and holds it until the transaction ends.
    fn pg_advisory_xact_lock(key: diesel::sql_types::BigInt) -> diesel::sql_types::Bool;
}

/// The open orders whose payers were shown this version of a bank account.
///
/// # Errors
/// Database errors.
pub async fn open_on_account(
    conn: &mut AsyncPgConnection,
    account: Uuid,
    version: i64,
) -> Result<Vec<Order>, StorageError> {
    let rows: Vec<OrderRow> = orders::table
        .filter(orders::bank_account_id.eq(account).and(orders::bank_account_version.eq(version)))
        .filter(orders::status.eq_any([OrderStatus::Pending.as_str(), OrderStatus::Processing.as_str()]))
        .select(OrderRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(Order::try_from).collect()
}

/// Claims up to `limit` orders about which a provider should be asked now. Their next question is set to
/// `lease_seconds` from now. Therefore no other process takes them meanwhile, and a crash only delays them.
///
/// # Errors
/// Database errors.
pub async fn claim_to_ask(
    conn: &mut AsyncPgConnection,
    limit: i64,
    lease_seconds: i32,
) -> Result<Vec<Order>, StorageError> {
    let due: Vec<Uuid> = orders::table
        .filter(orders::ask_at.le(NowOnce.nullable()))
        .order(orders::ask_at)
        .limit(limit)
        .select(orders::id)
        .for_update()
        .skip_locked()
        .load(conn)
        .await?;
    let rows: Vec<OrderRow> = diesel::update(orders::table.filter(orders::id.eq_any(due)))
        .set((
            orders::ask_at.eq(later(ledger_now(), seconds(lease_seconds)).nullable()),
            orders::asked.eq(orders::asked + 1),
        ))
        .returning(OrderRow::as_returning())
        .get_results(conn)
        .await?;
    rows.into_iter().map(Order::try_from).collect()
}

/// Sets when the provider is asked next about an order. `None`: it is not asked again.
///
/// # Errors
/// Database errors.
pub async fn schedule(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    ask_at: Option<DateTime<Utc>>,
) -> Result<(), StorageError> {
    diesel::update(orders::table.find(id)).set(orders::ask_at.eq(ask_at)).execute(conn).await?;
    Ok(())
}

struct Overdue(i64);

impl Statement for Overdue {
    const TEXT: &'static str = include_str!("sql/orders_overdue.sql");
    type Row = SqlUuid;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.0)
    }
}

/// Orders that wait for their payer ([`Order::awaits_payer`]) although their time is over.
///
/// # Errors
/// Database errors.
pub async fn overdue(conn: &mut AsyncPgConnection, limit: i64) -> Result<Vec<Uuid>, StorageError> {
    Ok(Cached(Overdue(limit)).load(conn).await?)
}
