//! Lines of our banks' files, each once, and their payments.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::bank_statements::LineRow;
use super::columns::currency_from_column;
use super::page::in_page;
use super::payments::PaymentRow;
use super::schema::{bank_lines, bank_statement_lines, bank_statements, payments};
use crate::domain::bank_statement::repeats::SaidCredit;
use crate::domain::bank_statement::{BankLine, BankStatement, LineList};
use crate::domain::bank_transaction::Identity;
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::page::{Page, Rows};
use crate::domain::payment::Payment;

/// Takes over the lines of a statement that no earlier file has. Returns how many there were.
const TAKE_OVER: &str = include_str!("sql/take_over_bank_lines.sql");
/// Erases the texts of lines that served orders or wallets of a customer.
const ERASE: &str = include_str!("sql/erase_bank_lines.sql");

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = bank_lines)]
struct BankLineRow {
    id: Uuid,
    bank_account_id: Uuid,
    statement_id: Uuid,
    payment_id: Option<Uuid>,
    tie: Vec<Uuid>,
    created_at: DateTime<Utc>,
}

type Joined = (BankLineRow, LineRow, String);

fn read((row, line, currency): Joined) -> Result<BankLine, StorageError> {
    Ok(BankLine {
        id: row.id,
        account: row.bank_account_id,
        statement_id: row.statement_id,
        line: line.read(currency_from_column(&currency)?),
        payment_id: row.payment_id,
        tie: row.tie,
        created_at: row.created_at,
    })
}

/// The lines with their texts. A macro, because a function would have to name the type of each query that continues it.
macro_rules! joined {
    () => {
        bank_lines::table
            .inner_join(
                bank_statement_lines::table.on(bank_statement_lines::statement_id
                    .eq(bank_lines::statement_id)
                    .and(bank_statement_lines::n.eq(bank_lines::n))),
            )
            .inner_join(bank_statements::table.on(bank_statements::id.eq(bank_lines::statement_id)))
            .select((BankLineRow::as_select(), LineRow::as_select(), bank_statements::currency))
    };
}

/// Takes over the lines of a statement that no earlier file has. Of identical lines, as many are kept as the file with
/// the most of them has. `identities` are those of all its lines, in the order of the file. Returns how many are new.
///
/// # Errors
/// Database errors.
pub async fn take_over(
    conn: &mut AsyncPgConnection,
    statement: Uuid,
    identities: &[(i32, Identity)],
    at: DateTime<Utc>,
) -> Result<usize, StorageError> {
    let (numbers, texts): (Vec<i32>, Vec<String>) =
        identities.iter().map(|(n, identity)| (*n, identity.as_str().to_owned())).unzip();
    let ids: Vec<Uuid> = numbers.iter().map(|_| Uuid::now_v7()).collect();
    Ok(sql_query(TAKE_OVER)
        .bind::<diesel::sql_types::Uuid, _>(statement)
        .bind::<diesel::sql_types::Array<diesel::sql_types::Integer>, _>(numbers)
        .bind::<diesel::sql_types::Array<diesel::sql_types::Text>, _>(texts)
        .bind::<diesel::sql_types::Array<diesel::sql_types::Uuid>, _>(ids)
        .bind::<diesel::sql_types::Timestamptz, _>(at)
        .execute(conn)
        .await?)
}

/// What [`SaidRow`] reads.
macro_rules! said {
    () => {
        (
            bank_statement_lines::statement_id,
            bank_statement_lines::n,
            bank_statement_lines::booked_on,
            bank_statement_lines::amount,
            bank_statement_lines::fingerprint,
            bank_statement_lines::repeat,
            bank_statement_lines::bank_id,
        )
    };
}

type SaidRow = (Uuid, i32, NaiveDate, Decimal, Vec<u8>, i32, Option<String>);

fn said(row: SaidRow, currency: Currency) -> SaidCredit {
    let (statement_id, n, booked_on, amount, fingerprint, repeat, bank_id) = row;
    SaidCredit {
        statement_id,
        n,
        booked_on,
        amount: Money::from_ledger(amount, currency),
        fingerprint,
        repeat,
        has_id: bank_id.is_some_and(|id| Identity::by_id(&id).is_some()),
    }
}

/// The credits of a recorded statement, in the order of the file.
///
/// # Errors
/// Database errors.
pub async fn credits_said(
    conn: &mut AsyncPgConnection,
    statement: &BankStatement,
) -> Result<Vec<SaidCredit>, StorageError> {
    let rows: Vec<SaidRow> = bank_statement_lines::table
        .filter(bank_statement_lines::statement_id.eq(statement.id).and(bank_statement_lines::amount.gt(Decimal::ZERO)))
        .order(bank_statement_lines::n)
        .select(said!())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|row| said(row, statement.opening.currency())).collect())
}

/// The recorded credits of an account on the days of a statement. The caller holds the account's lock.
///
/// # Errors
/// Database errors.
pub async fn credits_on_record(
    conn: &mut AsyncPgConnection,
    statement: &BankStatement,
) -> Result<Vec<SaidCredit>, StorageError> {
    let (from, to) = (statement.from, statement.to);
    let rows: Vec<SaidRow> = bank_lines::table
        .inner_join(
            bank_statement_lines::table.on(bank_statement_lines::statement_id
                .eq(bank_lines::statement_id)
                .and(bank_statement_lines::n.eq(bank_lines::n))),
        )
        .inner_join(bank_statements::table.on(bank_statements::id.eq(bank_lines::statement_id)))
        .filter(bank_statements::bank_account_id.eq(statement.account).and(bank_statements::applied_at.is_not_null()))
        .filter(bank_statements::to_day.ge(from).and(bank_statements::from_day.le(to)))
        .filter(bank_statement_lines::booked_on.between(from, to).and(bank_statement_lines::amount.gt(Decimal::ZERO)))
        .order((bank_lines::created_at, bank_lines::id))
        .select(said!())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|row| said(row, statement.opening.currency())).collect())
}

/// The lines that a statement brought, in the order of the file.
///
/// # Errors
/// Database errors.
pub async fn of_statement(conn: &mut AsyncPgConnection, statement: Uuid) -> Result<Vec<BankLine>, StorageError> {
    let rows: Vec<Joined> =
        joined!().filter(bank_lines::statement_id.eq(statement)).order(bank_lines::n).load(conn).await?;
    rows.into_iter().map(read).collect()
}

/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<BankLine>, StorageError> {
    let row: Option<Joined> = joined!().filter(bank_lines::id.eq(id)).first(conn).await.optional()?;
    row.map(read).transpose()
}

/// The line of a payment.
///
/// # Errors
/// Database errors.
pub async fn of_payment(conn: &mut AsyncPgConnection, payment: Uuid) -> Result<Option<BankLine>, StorageError> {
    let row: Option<Joined> = joined!().filter(bank_lines::payment_id.eq(payment)).first(conn).await.optional()?;
    row.map(read).transpose()
}

/// The lines of an account about which an operator has to choose. The caller holds the account's lock.
///
/// # Errors
/// Database errors.
pub async fn tied(conn: &mut AsyncPgConnection, account: Uuid) -> Result<Vec<BankLine>, StorageError> {
    let nothing: Vec<Uuid> = Vec::new();
    let rows: Vec<Joined> = joined!()
        .filter(bank_lines::bank_account_id.eq(account).and(bank_lines::tie.ne(nothing)))
        .order((bank_lines::created_at, bank_lines::id))
        .load(conn)
        .await?;
    rows.into_iter().map(read).collect()
}

/// Whether an operator has to choose about a line with this identity. The caller holds the account's lock.
///
/// # Errors
/// Database errors.
pub async fn is_tied(conn: &mut AsyncPgConnection, account: Uuid, identity: &Identity) -> Result<bool, StorageError> {
    let nothing: Vec<Uuid> = Vec::new();
    let found: Option<Uuid> = bank_lines::table
        .filter(bank_lines::bank_account_id.eq(account).and(bank_lines::identity.eq(identity.as_str())))
        .filter(bank_lines::tie.ne(nothing))
        .select(bank_lines::id)
        .first(conn)
        .await
        .optional()?;
    Ok(found.is_some())
}

/// Records the payment of a line. A payment of another line violates `bank_lines_one_payment`.
///
/// # Errors
/// Database errors.
pub async fn bind(conn: &mut AsyncPgConnection, line: Uuid, payment: Uuid) -> Result<(), StorageError> {
    let nothing: Vec<Uuid> = Vec::new();
    diesel::update(bank_lines::table.find(line))
        .set((bank_lines::payment_id.eq(payment), bank_lines::tie.eq(nothing)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Records which payments fit a line, for an operator to choose one.
///
/// # Errors
/// Database errors.
pub async fn tie(conn: &mut AsyncPgConnection, line: Uuid, payments: &[Uuid]) -> Result<(), StorageError> {
    diesel::update(bank_lines::table.find(line)).set(bank_lines::tie.eq(payments)).execute(conn).await?;
    Ok(())
}

/// A page of lines.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    which: LineList,
    account: Option<Uuid>,
    page: &Page,
) -> Result<Rows<BankLine>, StorageError> {
    let nothing: Vec<Uuid> = Vec::new();
    let mut query = joined!().limit(page.to_read()).into_boxed();
    query = match which {
        LineList::All => query,
        LineList::Tied => query.filter(bank_lines::tie.ne(nothing)),
        LineList::Unapplied => {
            let open = payments::table
                .filter((payments::applied + payments::unapplied_taken).lt(payments::amount))
                .filter(payments::dismissed_at.is_null())
                .select(payments::id.nullable());
            query.filter(bank_lines::payment_id.eq_any(open))
        }
    };
    if let Some(account) = account {
        query = query.filter(bank_lines::bank_account_id.eq(account));
    }
    let query = in_page!(query, page, bank_lines::created_at, bank_lines::id);
    let rows: Vec<Joined> = query.load(conn).await?;
    page.cut(rows).try_map(read)
}

/// The payments with these ids.
///
/// # Errors
/// Database errors.
pub async fn payments_of(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> Result<Vec<Payment>, StorageError> {
    let rows: Vec<PaymentRow> =
        payments::table.filter(payments::id.eq_any(ids)).select(PaymentRow::as_select()).load(conn).await?;
    rows.into_iter().map(Payment::try_from).collect()
}

/// Erases the payer and the payer's text from the lines that served a customer.
///
/// # Errors
/// Database errors.
pub async fn erase(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    sql_query(ERASE).bind::<diesel::sql_types::Text, _>(customer.as_str()).execute(conn).await?;
    Ok(())
}
