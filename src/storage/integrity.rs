//! What the last checks of the books found.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::StorageError;
use super::columns::corrupt;
use super::schema::integrity_checks as checks;
use crate::domain::check::{Disagreement, Figure, KeptCheck, Report, RuleResult, Total};

/// How long results are kept. The last one is always kept.
const KEPT: Duration = Duration::days(90);

#[derive(Serialize, Deserialize)]
struct ReportDocument {
    totals: Vec<TotalDocument>,
    figures: Vec<FigureDocument>,
    rules: Vec<(String, String, i64)>,
    disagreements: Vec<DisagreementDocument>,
}

#[derive(Serialize, Deserialize)]
struct TotalDocument {
    name: String,
    currency: Option<String>,
    counterpart: Option<String>,
    count: i64,
    sum: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct FigureDocument {
    name: String,
    currency: Option<String>,
    counterpart: Option<String>,
    expected: String,
    found: String,
}

#[derive(Serialize, Deserialize)]
struct DisagreementDocument {
    rule: String,
    subject: String,
    customer: Option<String>,
    expected: String,
    found: String,
}

impl From<&Report> for ReportDocument {
    fn from(report: &Report) -> Self {
        let Report { totals, figures, rules, disagreements, .. } = report.clone();
        let total = |Total { name, currency, counterpart, count, sum }| TotalDocument {
            name,
            currency,
            counterpart,
            count,
            sum: sum.map(|sum| sum.to_string()),
        };
        let figure = |Figure { name, currency, counterpart, expected, found }| FigureDocument {
            name,
            currency,
            counterpart,
            expected: expected.to_string(),
            found: found.to_string(),
        };
        let disagreement = |Disagreement { rule, subject, customer, expected, found }| DisagreementDocument {
            rule,
            subject,
            customer,
            expected,
            found,
        };
        Self {
            totals: totals.into_iter().map(total).collect(),
            figures: figures.into_iter().map(figure).collect(),
            rules: rules
                .into_iter()
                .map(|checked| (checked.rule.name.to_owned(), checked.rule.says.to_owned(), checked.disagreements))
                .collect(),
            disagreements: disagreements.into_iter().map(disagreement).collect(),
        }
    }
}

fn amount(text: &str) -> Result<Decimal, StorageError> {
    text.parse().map_err(|_| corrupt("an amount of a check", text))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = checks, check_for_backend(diesel::pg::Pg))]
struct CheckRow {
    checked_by: String,
    as_of: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    report: serde_json::Value,
}

impl TryFrom<CheckRow> for KeptCheck {
    type Error = StorageError;

    fn try_from(row: CheckRow) -> Result<Self, StorageError> {
        let unreadable = |error| StorageError::Corrupt(format!("the result of a check: {error}"));
        let report: ReportDocument = serde_json::from_value(row.report).map_err(unreadable)?;
        let total = |TotalDocument { name, currency, counterpart, count, sum }| {
            let sum = sum.as_deref().map(amount).transpose()?;
            Ok::<_, StorageError>(Total { name, currency, counterpart, count, sum })
        };
        let figure = |FigureDocument { name, currency, counterpart, expected, found }| {
            let (expected, found) = (amount(&expected)?, amount(&found)?);
            Ok::<_, StorageError>(Figure { name, currency, counterpart, expected, found })
        };
        let disagreement = |DisagreementDocument { rule, subject, customer, expected, found }| Disagreement {
            rule,
            subject,
            customer,
            expected,
            found,
        };
        Ok(Self {
            checked_by: row.checked_by,
            as_of: row.as_of,
            finished_at: row.finished_at,
            totals: report.totals.into_iter().map(total).collect::<Result<_, _>>()?,
            figures: report.figures.into_iter().map(figure).collect::<Result<_, _>>()?,
            rules: report
                .rules
                .into_iter()
                .map(|(name, says, disagreements)| RuleResult { name, says, disagreements })
                .collect(),
            disagreements: report.disagreements.into_iter().map(disagreement).collect(),
        })
    }
}

/// Stores the result of a check, and deletes old results.
///
/// # Errors
/// Database errors.
pub async fn insert(conn: &mut AsyncPgConnection, report: &Report, checked_by: &str) -> Result<(), StorageError> {
    let document = serde_json::to_value(ReportDocument::from(report))
        .map_err(|error| StorageError::Corrupt(format!("the result of a check: {error}")))?;
    diesel::insert_into(checks::table)
        .values((
            checks::checked_by.eq(checked_by),
            checks::as_of.eq(report.as_of),
            checks::disagreements.eq(report.disagreement_count()),
            checks::report.eq(document),
        ))
        .execute(conn)
        .await?;
    diesel::delete(checks::table.filter(checks::as_of.lt(report.as_of - KEPT))).execute(conn).await?;
    Ok(())
}

/// The result of the last check; `None` before the first one.
///
/// # Errors
/// Database errors.
pub async fn last(conn: &mut AsyncPgConnection) -> Result<Option<KeptCheck>, StorageError> {
    let row: Option<CheckRow> = checks::table
        .order((checks::as_of.desc(), checks::seq.desc()))
        .select(CheckRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(KeptCheck::try_from).transpose()
}
