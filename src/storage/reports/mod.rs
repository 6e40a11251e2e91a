//! Sums of entries by day, and the entries behind them.

mod entries;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Date, Int2, Integer, Nullable, Numeric, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;

use super::StorageError;
use super::columns::{YesOrNo, corrupt, currency_from_column, entry_kind_from_column};
use super::schema::report_days;
use super::statement::{Cached, Parameters, Statement};
use super::usage_sums;
use crate::domain::calendar::Span;
use crate::domain::counterpart::Counterpart;
use crate::domain::money::{Currency, Money};
use crate::domain::product::Product;
use crate::domain::report::entries::Days;
use crate::domain::report::{AgeBucket, EntrySum, ExpiryBucket, GrantAge, Parts, RollForwardSum};
use crate::domain::usage_sum::UsageKeys;

pub use entries::entries;

/// An arbitrary number that no other code locks: one process at a time folds.
const FOLDING: i64 = 0x0074_6f70_7572;

/// The day to fold next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextDay {
    pub day: NaiveDate,
    pub span: Span,
}

struct Next;

impl Statement for Next {
    const TEXT: &'static str = include_str!("../sql/next_report_day.sql");
    type Row = (Date, Timestamptz, Timestamptz);

    fn bind<'b>(&'b self, _: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        Ok(())
    }
}

/// The day to fold next.
///
/// # Errors
/// Database errors.
pub async fn next_day(conn: &mut AsyncPgConnection) -> Result<NextDay, StorageError> {
    let (day, from, to): (NaiveDate, DateTime<Utc>, DateTime<Utc>) = Cached(Next).get_result(conn).await?;
    Ok(NextDay { day, span: Span { from, to } })
}

/// Takes the right to fold until the transaction ends; false where another process has it.
///
/// # Errors
/// Database errors.
pub async fn may_fold(conn: &mut AsyncPgConnection) -> Result<bool, StorageError> {
    let asked = diesel::sql_query("SELECT pg_try_advisory_xact_lock($1) AS yes").bind::<BigInt, _>(FOLDING);
    Ok(asked.get_result::<YesOrNo>(conn).await?.yes)
}

/// Keeps every process from folding until the transaction ends.
///
/// # Errors
/// Database errors.
pub async fn stop_folding(conn: &mut AsyncPgConnection) -> Result<(), StorageError> {
    diesel::sql_query("SELECT pg_advisory_xact_lock($1)").bind::<BigInt, _>(FOLDING).execute(conn).await?;
    Ok(())
}

struct FoldReportDay(NextDay, Vec<String>);

impl Statement for FoldReportDay {
    const TEXT: &'static str = include_str!("../sql/fold_report_day.sql");
    type Row = BigInt;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Date, _>(&self.0.day)?;
        parameters.add::<Timestamptz, _>(&self.0.span.from)?;
        parameters.add::<Timestamptz, _>(&self.0.span.to)?;
        parameters.add::<Array<Text>, _>(&self.1)
    }
}

/// Folds a day, and its usage by these keys of metadata: no entry may be added to it any more. Returns how many entries
/// it has.
///
/// # Errors
/// Database errors.
pub async fn fold(conn: &mut AsyncPgConnection, day: NextDay, keys: &UsageKeys) -> Result<i64, StorageError> {
    let folded = Cached(FoldReportDay(day, keys.as_slice().to_vec())).get_result(conn).await?;
    usage_sums::fold(conn, day.day, day.span, keys).await?;
    Ok(folded)
}

/// When a range of days begins and ends, as far as the days are folded; `None` if none of them is.
///
/// # Errors
/// Database errors.
pub async fn span_of(
    conn: &mut AsyncPgConnection,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Option<Span>, StorageError> {
    let limits: (Option<DateTime<Utc>>, Option<DateTime<Utc>>) = report_days::table
        .filter(report_days::day.between(from, to))
        .select((diesel::dsl::min(report_days::starts_at), diesel::dsl::max(report_days::ends_at)))
        .first(conn)
        .await?;
    Ok(match limits {
        (Some(from), Some(to)) => Some(Span { from, to }),
        _ => None,
    })
}

fn product_column(days: &Days) -> Option<String> {
    days.product.as_ref().map(|product| product.as_column().to_owned())
}

struct FindEntrySums {
    by_month: bool,
    from: NaiveDate,
    to: NaiveDate,
    currency: Option<&'static str>,
    product: Option<String>,
}

impl Statement for FindEntrySums {
    const TEXT: &'static str = include_str!("../sql/report_sums.sql");
    type Row = (Date, Text, Text, Int2, Text, BigInt, Numeric, Numeric, Numeric, Numeric, Numeric, Numeric);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Bool, _>(&self.by_month)?;
        parameters.add::<Date, _>(&self.from)?;
        parameters.add::<Date, _>(&self.to)?;
        parameters.add::<Nullable<Text>, _>(&self.currency)?;
        parameters.add::<Nullable<Text>, _>(&self.product)
    }
}

#[derive(Queryable)]
struct EntrySumRow {
    period: NaiveDate,
    currency: String,
    product: String,
    kind: i16,
    counterpart: String,
    entries: i64,
    amount: Decimal,
    granted: Decimal,
    debt: Decimal,
    fee: Decimal,
    tax: Decimal,
    tax_included: Decimal,
}

fn counterpart_from_column(text: &str) -> Result<Counterpart, StorageError> {
    Counterpart::parse(text).ok_or_else(|| corrupt("counterpart", text))
}

impl TryFrom<EntrySumRow> for EntrySum {
    type Error = StorageError;

    fn try_from(row: EntrySumRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        let money = |amount| Money::from_ledger(amount, currency);
        Ok(Self {
            period: row.period,
            product: Product::from_column(&row.product),
            kind: entry_kind_from_column(row.kind)?,
            counterpart: counterpart_from_column(&row.counterpart)?,
            parts: Parts {
                entries: row.entries,
                amount: money(row.amount),
                granted: money(row.granted),
                debt: money(row.debt),
            },
            fee: money(row.fee),
            tax: money(row.tax),
            tax_included: money(row.tax_included),
        })
    }
}

/// The sums of a range of days, by day or by month.
///
/// # Errors
/// Database errors.
pub async fn sums(conn: &mut AsyncPgConnection, days: &Days, by_month: bool) -> Result<Vec<EntrySum>, StorageError> {
    let (from, to, currency, product) = (days.from, days.to, days.currency.map(Currency::code), product_column(days));
    let rows: Vec<EntrySumRow> = Cached(FindEntrySums { by_month, from, to, currency, product }).load(conn).await?;
    rows.into_iter().map(EntrySum::try_from).collect()
}

struct FindRollForward {
    from: NaiveDate,
    to: NaiveDate,
    currency: Option<&'static str>,
    product: Option<String>,
}

impl Statement for FindRollForward {
    const TEXT: &'static str = include_str!("../sql/report_roll_forward.sql");
    type Row = (Text, Int2, Bool, BigInt, Numeric, Numeric, Numeric);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Date, _>(&self.from)?;
        parameters.add::<Date, _>(&self.to)?;
        parameters.add::<Nullable<Text>, _>(&self.currency)?;
        parameters.add::<Nullable<Text>, _>(&self.product)
    }
}

#[derive(Queryable)]
struct KindRow {
    currency: String,
    kind: i16,
    is_before: bool,
    entries: i64,
    amount: Decimal,
    granted: Decimal,
    debt: Decimal,
}

/// The sums of all entries before some days and in them, by kind.
///
/// # Errors
/// Database errors.
pub async fn kind_sums(conn: &mut AsyncPgConnection, days: &Days) -> Result<Vec<RollForwardSum>, StorageError> {
    let (from, to, currency, product) = (days.from, days.to, days.currency.map(Currency::code), product_column(days));
    let rows: Vec<KindRow> = Cached(FindRollForward { from, to, currency, product }).load(conn).await?;
    let sum = |row: KindRow| {
        let currency = currency_from_column(&row.currency)?;
        let money = |amount| Money::from_ledger(amount, currency);
        Ok(RollForwardSum {
            kind: entry_kind_from_column(row.kind)?,
            is_before: row.is_before,
            parts: Parts {
                entries: row.entries,
                amount: money(row.amount),
                granted: money(row.granted),
                debt: money(row.debt),
            },
        })
    };
    rows.into_iter().map(sum).collect()
}

struct Ages;

impl Statement for Ages {
    const TEXT: &'static str = include_str!("../sql/grant_ages.sql");
    type Row = (Text, Integer, Integer, BigInt, Numeric);

    fn bind<'b>(&'b self, _: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        Ok(())
    }
}

/// What is left of promotional credit now, by age and by the time until it expires.
///
/// # Errors
/// Database errors.
pub async fn grant_ages(conn: &mut AsyncPgConnection) -> Result<Vec<GrantAge>, StorageError> {
    let rows: Vec<(String, i32, i32, i64, Decimal)> = Cached(Ages).load(conn).await?;
    let age = |(currency, age, expiry, grants, remaining): (String, i32, i32, i64, Decimal)| {
        let bucket = |n: i32| usize::try_from(n).ok();
        let unknown = || corrupt("a class of grants", format_args!("{age} {expiry}"));
        Ok(GrantAge {
            age: bucket(age).and_then(|n| AgeBucket::ALL.get(n)).copied().ok_or_else(unknown)?,
            expiry: bucket(expiry).and_then(|n| ExpiryBucket::ALL.get(n)).copied().ok_or_else(unknown)?,
            grants,
            remaining: Money::from_ledger(remaining, currency_from_column(&currency)?),
        })
    };
    rows.into_iter().map(age).collect()
}
