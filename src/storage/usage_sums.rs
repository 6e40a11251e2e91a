//! Usage of folded days, summed by customer, day, product and labels.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Date, Jsonb, Nullable, Numeric, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::StorageError;
use super::columns::{corrupt, currency_from_column};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::calendar::Span;
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::page::{Page, Rows};
use crate::domain::product::Product;
use crate::domain::report::entries::Days;
use crate::domain::usage_sum::{UsageKeys, UsageSum, UsageSumPlace};

struct FoldUsageDay {
    day: NaiveDate,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    keys: Vec<String>,
}

impl Statement for FoldUsageDay {
    const TEXT: &'static str = include_str!("sql/fold_usage_day.sql");
    type Row = BigInt;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Date, _>(&self.day)?;
        parameters.add::<Timestamptz, _>(&self.from)?;
        parameters.add::<Timestamptz, _>(&self.to)?;
        parameters.add::<Array<Text>, _>(&self.keys)
    }
}

/// Folds the usage of a day, in the transaction that folds the day.
///
/// # Errors
/// Database errors.
pub(super) async fn fold(
    conn: &mut AsyncPgConnection,
    day: NaiveDate,
    span: Span,
    keys: &UsageKeys,
) -> Result<i64, StorageError> {
    let statement = FoldUsageDay { day, from: span.from, to: span.to, keys: keys.as_slice().to_vec() };
    Ok(Cached(statement).get_result(conn).await?)
}

struct Listed<const BACK: bool> {
    customer: String,
    from: NaiveDate,
    to: NaiveDate,
    currency: Option<&'static str>,
    product: Option<String>,
    beside: (NaiveDate, String, String, Value),
    limit: i64,
}

impl<const BACK: bool> Statement for Listed<BACK> {
    const TEXT: &'static str = match BACK {
        false => include_str!("sql/usage_sums.sql"),
        true => include_str!("sql/usage_sums_back.sql"),
    };
    type Row = (Date, Text, Text, Jsonb, BigInt, Numeric, BigInt, Numeric);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<Date, _>(&self.from)?;
        parameters.add::<Date, _>(&self.to)?;
        parameters.add::<Nullable<Text>, _>(&self.currency)?;
        parameters.add::<Nullable<Text>, _>(&self.product)?;
        parameters.add::<Date, _>(&self.beside.0)?;
        parameters.add::<Text, _>(&self.beside.1)?;
        parameters.add::<Text, _>(&self.beside.2)?;
        parameters.add::<Jsonb, _>(&self.beside.3)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

#[derive(Queryable)]
struct UsageSumRow {
    day: NaiveDate,
    currency: String,
    product: String,
    labels: Value,
    uses: i64,
    amount: Decimal,
    reversals: i64,
    reversed: Decimal,
}

impl TryFrom<UsageSumRow> for UsageSum {
    type Error = StorageError;

    fn try_from(row: UsageSumRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        let labels = serde_json::from_value(row.labels).map_err(|_| corrupt("labels", "not an object of texts"))?;
        Ok(Self {
            day: row.day,
            product: Product::from_column(&row.product),
            labels,
            uses: row.uses,
            amount: Money::from_ledger(row.amount, currency),
            reversals: row.reversals,
            reversed: Money::from_ledger(row.reversed, currency),
        })
    }
}

/// A page of the rows of a range of days, the oldest day first.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    days: &Days,
    page: &Page<UsageSumPlace>,
) -> Result<Rows<UsageSum>, StorageError> {
    let rows: Vec<UsageSumRow> = match page.ascends() {
        true => Cached(listed::<false>(customer, days, page)).load(conn).await?,
        false => Cached(listed::<true>(customer, days, page)).load(conn).await?,
    };
    page.cut(rows).try_map(TryInto::try_into)
}

fn listed<const BACK: bool>(customer: &CustomerId, days: &Days, page: &Page<UsageSumPlace>) -> Listed<BACK> {
    // No row is on a day before the first one.
    let (day, currency, product, labels) = page
        .bound()
        .unwrap_or_else(|| (days.from.pred_opt().unwrap_or(days.from), String::new(), String::new(), BTreeMap::new()));
    Listed {
        customer: customer.as_str().to_owned(),
        from: days.from,
        to: days.to,
        currency: days.currency.map(Currency::code),
        product: days.product.as_ref().map(|product| product.as_column().to_owned()),
        beside: (day, currency, product, json!(labels)),
        limit: page.to_read(),
    }
}

struct EraseLabels(String);

impl Statement for EraseLabels {
    const TEXT: &'static str = include_str!("sql/erase_usage_labels.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.0)
    }
}

/// Erases the labels of a customer's usage. The caller keeps the worker from folding meanwhile.
///
/// # Errors
/// Database errors.
pub(super) async fn erase_labels(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    Cached(EraseLabels(customer.as_str().to_owned())).execute(conn).await?;
    Ok(())
}
