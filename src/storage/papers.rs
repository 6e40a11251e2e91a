//! Our papers, their numbers, and the orders and refunds for which papers must still be issued.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Int4, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::catalogue::tax_rules;
use super::columns::{YesOrNo, corrupt, currency_from_column, customer_from_column};
use super::page::in_page;
use super::parties::{from_document, to_document};
use super::schema::{paper_numbers, papers, papers_due};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::customer::CustomerId;
use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::domain::page::{Page, Rows};
use crate::domain::paper::{DuePaper, EInvoice, Paper, PaperAmounts, PaperFilter, PaperKind, PaperNumber};

/// An arbitrary number that no other code locks: one process at a time issues papers.
const ISSUING: i64 = 0x0074_6f70_7573;

/// Takes the right to issue papers until the transaction ends; false where another process has it.
///
/// # Errors
/// Database errors.
pub async fn may_issue(conn: &mut AsyncPgConnection) -> Result<bool, StorageError> {
    let asked = diesel::sql_query("SELECT pg_try_advisory_xact_lock($1) AS yes").bind::<BigInt, _>(ISSUING);
    Ok(asked.get_result::<YesOrNo>(conn).await?.yes)
}

/// Waits until no process issues papers, and then prevents it until the transaction ends.
///
/// # Errors
/// Database errors.
pub async fn stop_issuing(conn: &mut AsyncPgConnection) -> Result<(), StorageError> {
    diesel::sql_query("SELECT pg_advisory_xact_lock($1)").bind::<BigInt, _>(ISSUING).execute(conn).await?;
    Ok(())
}

struct Due {
    before: DateTime<Utc>,
    limit: i64,
}

impl Statement for Due {
    const TEXT: &'static str = include_str!("sql/due_papers.sql");
    type Row = (Text, Text, SqlUuid, SqlUuid, Nullable<Int4>, Timestamptz, Int4);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Timestamptz, _>(&self.before)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

#[derive(Queryable)]
struct DueRow {
    source: String,
    kind: String,
    order_id: Uuid,
    payment_id: Uuid,
    application_n: Option<i32>,
    happened_at: DateTime<Utc>,
    year: i32,
}

fn kind_from_column(kind: &str) -> Result<PaperKind, StorageError> {
    PaperKind::parse(kind).ok_or_else(|| corrupt("the kind of a paper", kind))
}

/// The events before a moment for which papers must be issued, the oldest first.
///
/// # Errors
/// Database errors.
pub async fn due(
    conn: &mut AsyncPgConnection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DuePaper>, StorageError> {
    let rows: Vec<DueRow> = Cached(Due { before, limit }).load(conn).await?;
    let due = |row: DueRow| {
        Ok(DuePaper {
            kind: kind_from_column(&row.kind)?,
            source: row.source,
            order_id: row.order_id,
            payment_id: row.payment_id,
            application: row.application_n,
            happened_at: row.happened_at,
            year: row.year,
        })
    };
    rows.into_iter().map(due).collect()
}

/// When the oldest event happened for which a paper is still due.
///
/// # Errors
/// Database errors.
pub async fn oldest_due(conn: &mut AsyncPgConnection) -> Result<Option<DateTime<Utc>>, StorageError> {
    let oldest = papers_due::table.order((papers_due::happened_at, papers_due::source)).select(papers_due::happened_at);
    Ok(oldest.first(conn).await.optional()?)
}

/// Whether the paper for this is still due.
///
/// # Errors
/// Database errors.
pub async fn is_due(conn: &mut AsyncPgConnection, source: &str) -> Result<bool, StorageError> {
    Ok(diesel::select(diesel::dsl::exists(papers_due::table.find(source))).get_result(conn).await?)
}

struct FindReturned {
    order: Uuid,
    payment: Uuid,
    undone: String,
}

impl Statement for FindReturned {
    const TEXT: &'static str = include_str!("sql/returned_of_payment.sql");
    type Row = Numeric;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<SqlUuid, _>(&self.order)?;
        parameters.add::<SqlUuid, _>(&self.payment)?;
        parameters.add::<Text, _>(&self.undone)
    }
}

/// How much of an order's payment is back with its payer, once the refund or dispute that this cancellation is for has
/// been undone.
///
/// # Errors
/// Database errors.
pub async fn returned(conn: &mut AsyncPgConnection, order: &Order, due: &DuePaper) -> Result<Money, StorageError> {
    let wanted = FindReturned { order: order.id, payment: due.payment_id, undone: due.source.clone() };
    let amount: Decimal = Cached(wanted).get_result(conn).await?;
    Ok(Money::from_ledger(amount, order.currency()))
}

/// Removes the row that says that a paper is due.
///
/// # Errors
/// Database errors.
pub async fn remove_due(conn: &mut AsyncPgConnection, source: &str) -> Result<(), StorageError> {
    diesel::delete(papers_due::table.find(source)).execute(conn).await?;
    Ok(())
}

/// Sets a paper aside that could not be issued: it is tried again at the given time.
///
/// # Errors
/// Database errors.
pub async fn set_aside(
    conn: &mut AsyncPgConnection,
    due: &DuePaper,
    failure: &str,
    try_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    diesel::update(papers_due::table.find(&due.source))
        .set((papers_due::failure.eq(Some(failure)), papers_due::try_at.eq(Some(try_at))))
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes the next number of a series and year. It is used exactly when the transaction commits.
///
/// # Errors
/// Database errors.
pub async fn next_number(conn: &mut AsyncPgConnection, series: &str, year: i32) -> Result<PaperNumber, StorageError> {
    let number = diesel::insert_into(paper_numbers::table)
        .values((paper_numbers::series.eq(series), paper_numbers::year.eq(year), paper_numbers::last.eq(1)))
        .on_conflict((paper_numbers::series, paper_numbers::year))
        .do_update()
        .set(paper_numbers::last.eq(paper_numbers::last + 1))
        .returning(paper_numbers::last)
        .get_result(conn)
        .await?;
    Ok(PaperNumber { series: series.to_owned(), year, number })
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = papers, check_for_backend(diesel::pg::Pg))]
struct PaperRow {
    id: Uuid,
    kind: String,
    series: String,
    year: i32,
    number: i64,
    source: String,
    order_id: Uuid,
    payment_id: Uuid,
    application_n: Option<i32>,
    receipt_id: Option<Uuid>,
    customer_id: String,
    currency: String,
    amount: Decimal,
    fee: Decimal,
    tax: Decimal,
    credited: Decimal,
    tax_included: Decimal,
    tax_rule: Option<serde_json::Value>,
    happened_at: DateTime<Utc>,
    issued_at: DateTime<Utc>,
    seller: serde_json::Value,
    buyer: Option<serde_json::Value>,
    e_invoice_number: Option<String>,
    e_invoice_url: Option<String>,
}

impl TryFrom<PaperRow> for Paper {
    type Error = StorageError;

    fn try_from(row: PaperRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        let money = |amount| Money::from_ledger(amount, currency);
        let url = row.e_invoice_url;
        Ok(Self {
            id: row.id,
            kind: kind_from_column(&row.kind)?,
            number: PaperNumber { series: row.series, year: row.year, number: row.number },
            source: row.source,
            order_id: row.order_id,
            payment_id: row.payment_id,
            application: row.application_n,
            receipt_id: row.receipt_id,
            customer: customer_from_column(&row.customer_id)?,
            amounts: PaperAmounts {
                amount: money(row.amount),
                fee: money(row.fee),
                tax: money(row.tax),
                credited: money(row.credited),
                tax_included: money(row.tax_included),
            },
            tax_rule: row.tax_rule.as_ref().map(tax_rules::from_document).transpose()?,
            happened_at: row.happened_at,
            issued_at: row.issued_at,
            seller: from_document(row.seller)?,
            buyer: row.buyer.map(from_document).transpose()?,
            e_invoice: row.e_invoice_number.map(|number| EInvoice { number, url }),
        })
    }
}

/// Writes a paper, and removes the row that says that it is due.
///
/// # Errors
/// Database errors.
pub async fn issue(conn: &mut AsyncPgConnection, paper: &Paper) -> Result<(), StorageError> {
    let amounts = &paper.amounts;
    let row = PaperRow {
        id: paper.id,
        kind: paper.kind.as_str().to_owned(),
        series: paper.number.series.clone(),
        year: paper.number.year,
        number: paper.number.number,
        source: paper.source.clone(),
        order_id: paper.order_id,
        payment_id: paper.payment_id,
        application_n: paper.application,
        receipt_id: paper.receipt_id,
        customer_id: paper.customer.as_str().to_owned(),
        currency: amounts.amount.currency().code().to_owned(),
        amount: amounts.amount.amount(),
        fee: amounts.fee.amount(),
        tax: amounts.tax.amount(),
        credited: amounts.credited.amount(),
        tax_included: amounts.tax_included.amount(),
        tax_rule: paper.tax_rule.as_ref().map(tax_rules::to_document),
        happened_at: paper.happened_at,
        issued_at: paper.issued_at,
        seller: to_document(&paper.seller),
        buyer: paper.buyer.as_ref().map(to_document),
        e_invoice_number: None,
        e_invoice_url: None,
    };
    diesel::insert_into(papers::table).values(row).execute(conn).await?;
    remove_due(conn, &paper.source).await
}

/// The papers of an order, its receipts first, in the order in which things happened.
///
/// # Errors
/// Database errors.
pub async fn of_order(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Vec<Paper>, StorageError> {
    let rows: Vec<PaperRow> = papers::table
        .filter(papers::order_id.eq(order_id))
        .order((papers::receipt_id.is_not_null(), papers::happened_at, papers::id))
        .select(PaperRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(Paper::try_from).collect()
}

/// A paper.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Paper>, StorageError> {
    let row: Option<PaperRow> = papers::table.find(id).select(PaperRow::as_select()).first(conn).await.optional()?;
    row.map(Paper::try_from).transpose()
}

/// A page of papers.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &PaperFilter,
    page: &Page,
) -> Result<Rows<Paper>, StorageError> {
    let mut query = papers::table.select(PaperRow::as_select()).limit(page.to_read()).into_boxed();
    if let Some(kind) = filter.kind {
        query = query.filter(papers::kind.eq(kind.as_str()));
    }
    if let Some(customer) = &filter.customer {
        query = query.filter(papers::customer_id.eq(customer.as_str()));
    }
    if let Some(from) = filter.issued_from {
        query = query.filter(papers::issued_at.ge(from));
    }
    if let Some(to) = filter.issued_to {
        query = query.filter(papers::issued_at.lt(to));
    }
    if let Some(from) = filter.happened_from {
        query = query.filter(papers::happened_at.ge(from));
    }
    if let Some(to) = filter.happened_to {
        query = query.filter(papers::happened_at.lt(to));
    }
    let query = in_page!(query, page, papers::issued_at, papers::id);
    let rows: Vec<PaperRow> = query.load(conn).await?;
    page.cut(rows).try_map(Paper::try_from)
}

/// Notes the state's invoice on a paper; `None` if there is no such paper.
///
/// # Errors
/// Database errors.
pub async fn note_e_invoice(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    invoice: &EInvoice,
) -> Result<Option<Paper>, StorageError> {
    let row: Option<PaperRow> = diesel::update(papers::table.find(id))
        .set((papers::e_invoice_number.eq(Some(&invoice.number)), papers::e_invoice_url.eq(invoice.url.as_ref())))
        .returning(PaperRow::as_select())
        .get_result(conn)
        .await
        .optional()?;
    row.map(Paper::try_from).transpose()
}

/// Erases the buyer from a customer's papers. Only the owner of the database may do so.
///
/// # Errors
/// Database errors.
pub async fn erase_buyer(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    diesel::update(papers::table.filter(papers::customer_id.eq(customer.as_str())))
        .set(papers::buyer.eq(None::<serde_json::Value>))
        .execute(conn)
        .await?;
    Ok(())
}
