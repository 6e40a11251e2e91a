//! What we have recorded about a payment company, for the comparison with its own list.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Numeric, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;

use super::StorageError;
use super::columns::{corrupt, currency_from_column};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::calendar::Span;
use crate::domain::money::Money;
use crate::domain::payment::ProviderName;
use crate::domain::reconciliation::{MovedKind, OwnMovement};

struct FindOwnMovements {
    provider: &'static str,
    span: Span,
    payments: Vec<String>,
    refunds: Vec<String>,
    list_ends: DateTime<Utc>,
}

impl Statement for FindOwnMovements {
    const TEXT: &'static str = include_str!("sql/own_movements.sql");
    type Row = (Text, Text, Text, Numeric, Text, Timestamptz, Text);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.provider)?;
        parameters.add::<Timestamptz, _>(&self.span.from)?;
        parameters.add::<Timestamptz, _>(&self.span.to)?;
        parameters.add::<Array<Text>, _>(&self.payments)?;
        parameters.add::<Array<Text>, _>(&self.refunds)?;
        parameters.add::<Timestamptz, _>(&self.list_ends)
    }
}

#[derive(Queryable)]
struct OwnRow {
    kind: String,
    id: String,
    payment_id: String,
    amount: Decimal,
    currency: String,
    at: DateTime<Utc>,
    record: String,
}

/// What was recorded for a provider in a period, and our records of these payments and refunds. A refund that failed
/// before the company's list ends is left out: if the company lists it, that is a disagreement.
///
/// # Errors
/// Database errors.
pub async fn own(
    conn: &mut AsyncPgConnection,
    provider: ProviderName,
    span: Span,
    payments: Vec<String>,
    refunds: Vec<String>,
    list_ends: DateTime<Utc>,
) -> Result<Vec<OwnMovement>, StorageError> {
    let wanted = FindOwnMovements { provider: provider.as_str(), span, payments, refunds, list_ends };
    let rows: Vec<OwnRow> = Cached(wanted).load(conn).await?;
    let read = |row: OwnRow| {
        Ok(OwnMovement {
            kind: MovedKind::parse(&row.kind).ok_or_else(|| corrupt("kind of movement", &row.kind))?,
            id: row.id,
            payment_id: row.payment_id,
            amount: Money::from_ledger(row.amount, currency_from_column(&row.currency)?),
            at: row.at,
            record: row.record,
        })
    };
    rows.into_iter().map(read).collect()
}
