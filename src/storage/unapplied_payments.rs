//! Payments with unapplied money: a part that serves no order and no wallet.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::currency_from_column;
use super::page::in_page;
use super::payments::PaymentRow;
use super::schema::{payments, top_up_orders as orders};
use crate::domain::money::Money;
use crate::domain::page::{Page, Rows};
use crate::domain::payment::Payment;
use crate::domain::unapplied::UnappliedFilter;

/// A page of payments with an unapplied rest.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &UnappliedFilter,
    page: &Page,
) -> Result<Rows<Payment>, StorageError> {
    let query = narrowed(filter).select(PaymentRow::as_select()).limit(page.to_read());
    let query = in_page!(query, page, payments::received_at, payments::id);
    let rows: Vec<PaymentRow> = query.load(conn).await?;
    page.cut(rows).try_map(Payment::try_from)
}

/// How many payments there are of each currency, and how much of them is unapplied. There are few, so all are read.
///
/// # Errors
/// Database errors.
pub async fn totals(conn: &mut AsyncPgConnection, filter: &UnappliedFilter) -> Result<Vec<(i64, Money)>, StorageError> {
    let rest = payments::amount - payments::applied - payments::unapplied_taken;
    let rows: Vec<(String, Decimal)> =
        narrowed(filter).select((payments::currency, rest)).order(payments::currency).load(conn).await?;
    let mut totals: Vec<(i64, Money)> = Vec::new();
    for (currency, rest) in rows {
        let rest = Money::from_ledger(rest, currency_from_column(&currency)?);
        match totals.last_mut().filter(|(_, sum)| sum.currency() == rest.currency()) {
            Some((count, sum)) => {
                *count += 1;
                *sum += rest;
            }
            None => totals.push((1, rest)),
        }
    }
    Ok(totals)
}

fn narrowed(filter: &UnappliedFilter) -> payments::BoxedQuery<'_, Pg> {
    let mut query =
        payments::table.filter((payments::applied + payments::unapplied_taken).lt(payments::amount)).into_boxed();
    query = match filter.is_dismissed {
        true => query.filter(payments::dismissed_at.is_not_null()),
        false => query.filter(payments::dismissed_at.is_null()),
    };
    if let Some(provider) = filter.provider {
        query = query.filter(payments::provider.eq(provider.as_str()));
    }
    if let Some(currency) = filter.currency {
        query = query.filter(payments::currency.eq(currency.code()));
    }
    if let Some(order) = filter.order {
        query = query.filter(payments::order_id.eq(order));
    }
    if let Some(customer) = &filter.customer {
        let theirs = orders::table.filter(orders::customer_id.eq(customer.as_str())).select(orders::id.nullable());
        query = query.filter(payments::order_id.eq_any(theirs));
    }
    if let Some(from) = filter.received.from {
        query = query.filter(payments::received_at.ge(from));
    }
    if let Some(to) = filter.received.to {
        query = query.filter(payments::received_at.lt(to));
    }
    query
}

/// Dismisses a locked payment. Returns false if it is dismissed already.
///
/// # Errors
/// Database errors.
pub async fn dismiss(conn: &mut AsyncPgConnection, payment: Uuid, at: DateTime<Utc>) -> Result<bool, StorageError> {
    let shown = payments::table.find(payment).filter(payments::dismissed_at.is_null());
    Ok(diesel::update(shown).set(payments::dismissed_at.eq(at)).execute(conn).await? > 0)
}
