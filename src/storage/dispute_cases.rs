//! The work on disputes: what companies say about it, and the evidence that was sent.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Date, Numeric, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{corrupt, currency_from_column, provider_from_column};
use super::disputes::DisputeRow;
use super::page::in_page;
use super::schema::{dispute_cases as cases, disputes};
use crate::domain::calendar::{Month, Span};
use crate::domain::customer::CustomerId;
use crate::domain::dispute::{Dispute, DisputeFilter, EvidenceDue};
use crate::domain::dispute_case::{DisputeCase, DisputeOutcome, SentEvidence};
use crate::domain::money::Money;
use crate::domain::page::{Page, Rows};
use crate::domain::payment::{DisputeFact, DisputeStatus, ProviderName};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = cases)]
struct CaseRow {
    dispute_id: Uuid,
    evidence_due_at: Option<DateTime<Utc>>,
    awaits_evidence: bool,
    fee: Option<Decimal>,
    fee_currency: Option<String>,
    evidence: Option<String>,
    sent_by: Option<String>,
    sent_at: Option<DateTime<Utc>>,
}

/// What a company says. An absent value leaves the recorded one.
#[derive(Debug, Insertable, AsChangeset)]
#[diesel(table_name = cases)]
struct Noted {
    dispute_id: Uuid,
    evidence_due_at: Option<DateTime<Utc>>,
    awaits_evidence: bool,
    fee: Option<Decimal>,
    fee_currency: Option<&'static str>,
}

fn read(row: CaseRow) -> Result<(Uuid, DisputeCase), StorageError> {
    let fee = match row.fee.zip(row.fee_currency) {
        Some((fee, currency)) => Some(Money::from_ledger(fee, currency_from_column(&currency)?)),
        None => None,
    };
    let sent = row.sent_by.zip(row.sent_at).zip(row.evidence);
    let sent = sent.map(|((by, at), text)| SentEvidence { by, at, text });
    let (evidence_due_at, awaits_evidence) = (row.evidence_due_at, row.awaits_evidence);
    Ok((row.dispute_id, DisputeCase { evidence_due_at, awaits_evidence, fee, sent }))
}

/// The cases of these disputes.
///
/// # Errors
/// Database errors.
pub async fn of(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> Result<Vec<(Uuid, DisputeCase)>, StorageError> {
    let rows: Vec<CaseRow> =
        cases::table.filter(cases::dispute_id.eq_any(ids)).select(CaseRow::as_select()).load(conn).await?;
    rows.into_iter().map(read).collect()
}

/// A page of open disputes for which the company waits for evidence, and nobody has sent any. A row's place is the time
/// until which the company takes evidence, and the dispute's id.
///
/// # Errors
/// Database errors.
pub async fn due(
    conn: &mut AsyncPgConnection,
    filter: &DisputeFilter,
    due: EvidenceDue,
    page: &Page,
) -> Result<Rows<(Dispute, DisputeCase)>, StorageError> {
    let mut query = cases::table
        .inner_join(disputes::table.on(disputes::id.eq(cases::dispute_id)))
        // As in the index `dispute_cases_due`.
        .filter(cases::is_open)
        .filter(cases::awaits_evidence)
        .filter(cases::sent_at.is_null())
        .filter(cases::evidence_due_at.is_not_null())
        // Evidence is about an order.
        .filter(disputes::order_id.is_not_null())
        .select((DisputeRow::as_select(), CaseRow::as_select()))
        .limit(page.to_read())
        .into_boxed();
    if let Some(before) = due.before {
        query = query.filter(cases::evidence_due_at.lt(before));
    }
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
    let query = in_page!(query, page, cases::evidence_due_at, cases::dispute_id);
    let rows: Vec<(DisputeRow, CaseRow)> = query.load(conn).await?;
    page.cut(rows).try_map(|(dispute, case)| Ok((dispute.try_into()?, read(case)?.1)))
}

/// Writes what a company says about a recorded dispute. What the company does not mention stays.
///
/// # Errors
/// Database errors.
pub async fn note(
    conn: &mut AsyncPgConnection,
    provider: ProviderName,
    fact: &DisputeFact,
) -> Result<(), StorageError> {
    let known: Option<Uuid> = disputes::table
        .filter(disputes::provider.eq(provider.as_str()).and(disputes::dispute_id.eq(&fact.dispute_id)))
        .select(disputes::id)
        .first(conn)
        .await
        .optional()?;
    let Some(id) = known else { return Ok(()) };
    let noted = Noted {
        dispute_id: id,
        evidence_due_at: fact.evidence_due_at,
        awaits_evidence: fact.awaits_evidence,
        fee: fact.fee.map(Money::amount),
        fee_currency: fact.fee.map(|fee| fee.currency().code()),
    };
    diesel::insert_into(cases::table)
        .values(&noted)
        .on_conflict(cases::dispute_id)
        .do_update()
        .set(&noted)
        .execute(conn)
        .await?;
    Ok(())
}

/// Records the evidence that was sent. Returns false when some was sent before.
///
/// # Errors
/// Database errors.
pub async fn record_sent(conn: &mut AsyncPgConnection, id: Uuid, sent: &SentEvidence) -> Result<bool, StorageError> {
    diesel::insert_into(cases::table).values(cases::dispute_id.eq(id)).on_conflict_do_nothing().execute(conn).await?;
    let written = diesel::update(cases::table.find(id).filter(cases::sent_at.is_null()))
        .set((cases::evidence.eq(&sent.text), cases::sent_by.eq(&sent.by), cases::sent_at.eq(sent.at)))
        .execute(conn)
        .await?;
    Ok(written == 1)
}

/// Erases the evidence about a customer's orders.
///
/// # Errors
/// Database errors.
pub async fn erase(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    let theirs = disputes::table.filter(disputes::customer_id.eq(customer.as_str())).select(disputes::id);
    diesel::update(cases::table.filter(cases::dispute_id.eq_any(theirs)).filter(cases::sent_at.is_not_null()))
        .set(cases::evidence.eq("erased"))
        .execute(conn)
        .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct OutcomeRow {
    #[diesel(sql_type = Date)]
    month: chrono::NaiveDate,
    #[diesel(sql_type = Text)]
    provider: String,
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Numeric)]
    amount: Decimal,
}

/// How many disputes of a range of months are open, won or lost, the newest month first.
///
/// # Errors
/// Database errors.
pub async fn outcomes(conn: &mut AsyncPgConnection, span: Span) -> Result<Vec<DisputeOutcome>, StorageError> {
    let rows: Vec<OutcomeRow> = sql_query(include_str!("sql/dispute_outcomes.sql"))
        .bind::<Timestamptz, _>(span.from)
        .bind::<Timestamptz, _>(span.to)
        .load(conn)
        .await?;
    let read = |row: OutcomeRow| {
        Ok(DisputeOutcome {
            month: Month::of(row.month).ok_or_else(|| corrupt("month", row.month))?,
            provider: provider_from_column(&row.provider)?,
            status: DisputeStatus::parse(&row.status).ok_or_else(|| corrupt("dispute status", &row.status))?,
            count: row.count,
            amount: Money::from_ledger(row.amount, currency_from_column(&row.currency)?),
        })
    };
    rows.into_iter().map(read).collect()
}
