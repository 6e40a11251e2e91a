//! Bank statements: the files of our banks with their lines, and how the CSV files of an account are read.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::{not, sum};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{corrupt, currency_from_column};
use super::page::in_page;
use super::proposals::EndColumns;
use super::schema::{
    bank_lines, bank_statement_lines as lines, bank_statement_mappings as mappings, bank_statements as statements,
};
use crate::domain::bank_statement::csv::CsvMapping;
use crate::domain::bank_statement::{
    BankStatement, StatementFormat, StatementLine, StatementState, StatementSums, number_repeats,
};
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::page::{Page, Rows};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = statements, treat_none_as_null = true)]
struct StatementRow {
    id: Uuid,
    bank_account_id: Uuid,
    format: String,
    sha256: Vec<u8>,
    currency: String,
    opening: Decimal,
    closing: Decimal,
    from_day: NaiveDate,
    to_day: NaiveDate,
    lines: i32,
    credits: Decimal,
    debits: Decimal,
    confirmed_gap: bool,
    second_needed: bool,
    uploaded_by: String,
    uploader_customer: Option<String>,
    approver_customer: Option<String>,
    uploaded_at: DateTime<Utc>,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
    withdrawn_by: Option<String>,
    withdrawn_at: Option<DateTime<Utc>>,
    applied_at: Option<DateTime<Utc>>,
}

impl From<&BankStatement> for StatementRow {
    fn from(statement: &BankStatement) -> Self {
        let end = EndColumns::from(statement.end.as_ref());
        Self {
            id: statement.id,
            bank_account_id: statement.account,
            format: statement.format.as_str().to_owned(),
            sha256: statement.sha256.clone(),
            currency: statement.opening.currency().code().to_owned(),
            opening: statement.opening.amount(),
            closing: statement.closing.amount(),
            from_day: statement.from,
            to_day: statement.to,
            lines: statement.sums.lines,
            credits: statement.sums.credits.amount(),
            debits: statement.sums.debits.amount(),
            confirmed_gap: statement.confirmed_gap,
            second_needed: statement.second_needed,
            uploaded_by: statement.uploaded_by.clone(),
            uploader_customer: statement.uploader_customer.as_ref().map(|id| id.as_str().to_owned()),
            approver_customer: statement.approver_customer.as_ref().map(|id| id.as_str().to_owned()),
            uploaded_at: statement.uploaded_at,
            approved_by: end.approved_by,
            approved_at: end.approved_at,
            withdrawn_by: end.withdrawn_by,
            withdrawn_at: end.withdrawn_at,
            applied_at: statement.applied_at,
        }
    }
}

impl TryFrom<StatementRow> for BankStatement {
    type Error = StorageError;

    fn try_from(row: StatementRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        let money = |amount| Money::from_ledger(amount, currency);
        let end = EndColumns {
            approved_by: row.approved_by,
            approved_at: row.approved_at,
            withdrawn_by: row.withdrawn_by,
            withdrawn_at: row.withdrawn_at,
        };
        Ok(Self {
            id: row.id,
            account: row.bank_account_id,
            format: StatementFormat::parse(&row.format).ok_or_else(|| corrupt("format", &row.format))?,
            sha256: row.sha256,
            opening: money(row.opening),
            closing: money(row.closing),
            from: row.from_day,
            to: row.to_day,
            sums: StatementSums { lines: row.lines, credits: money(row.credits), debits: money(row.debits) },
            confirmed_gap: row.confirmed_gap,
            second_needed: row.second_needed,
            uploaded_by: row.uploaded_by,
            uploader_customer: row.uploader_customer.as_deref().and_then(CustomerId::new),
            approver_customer: row.approver_customer.as_deref().and_then(CustomerId::new),
            uploaded_at: row.uploaded_at,
            end: end.read(),
            applied_at: row.applied_at,
        })
    }
}

/// A line of the file, unchanged.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = lines)]
pub(super) struct LineRow {
    statement_id: Uuid,
    n: i32,
    booked_on: NaiveDate,
    amount: Decimal,
    bank_id: Option<String>,
    remitter: Option<String>,
    remitter_account: Option<String>,
    text: String,
    fingerprint: Vec<u8>,
    repeat: i32,
}

impl LineRow {
    pub fn read(self, currency: Currency) -> StatementLine {
        StatementLine {
            booked_on: self.booked_on,
            amount: Money::from_ledger(self.amount, currency),
            bank_id: self.bank_id,
            remitter: self.remitter,
            remitter_account: self.remitter_account,
            text: self.text,
        }
    }
}

/// Whether lines that brought money have a bank's id that an earlier file has for another line. The caller
/// holds the account's lock.
///
/// # Errors
/// Database errors.
pub async fn says_ids_again(
    conn: &mut AsyncPgConnection,
    account: Uuid,
    read: &[StatementLine],
) -> Result<bool, StorageError> {
    let credits = read.iter().filter(|line| line.is_credit() && line.identity().is_by_id());
    let (ids, prints): (Vec<String>, Vec<Vec<u8>>) =
        credits.map(|line| (line.identity().as_str().to_owned(), line.fingerprint())).unzip();
    let found: Option<Uuid> = bank_lines::table
        .filter(bank_lines::bank_account_id.eq(account).and(bank_lines::identity.eq_any(ids)))
        .filter(bank_lines::fingerprint.ne_all(prints))
        .select(bank_lines::id)
        .first(conn)
        .await
        .optional()?;
    Ok(found.is_some())
}

/// The amount, in one currency, of the files that an operator took over alone since then.
///
/// # Errors
/// Database errors.
pub async fn credits_on_own_word(
    conn: &mut AsyncPgConnection,
    operator: &str,
    currency: Currency,
    since: DateTime<Utc>,
) -> Result<Money, StorageError> {
    let credits: Option<Decimal> = statements::table
        .filter(statements::uploaded_by.eq(operator).and(statements::currency.eq(currency.code())))
        .filter(statements::uploaded_at.ge(since).and(not(statements::second_needed)))
        .select(sum(statements::credits))
        .get_result(conn)
        .await?;
    Ok(Money::from_ledger(credits.unwrap_or_default(), currency))
}

/// Records a statement with its lines. CHECKs refuse balances that do not agree.
///
/// # Errors
/// Database errors; a file that is already recorded violates `bank_statements_file_once`.
pub async fn insert(
    conn: &mut AsyncPgConnection,
    statement: &BankStatement,
    of: &[StatementLine],
) -> Result<(), StorageError> {
    diesel::insert_into(statements::table).values(StatementRow::from(statement)).execute(conn).await?;
    let rows: Vec<LineRow> = (1..)
        .zip(of.iter().zip(number_repeats(of)))
        .map(|(n, (line, (fingerprint, repeat)))| LineRow {
            statement_id: statement.id,
            n,
            booked_on: line.booked_on,
            amount: line.amount.amount(),
            bank_id: line.bank_id.clone(),
            remitter: line.remitter.clone(),
            remitter_account: line.remitter_account.clone(),
            text: line.text.clone(),
            fingerprint,
            repeat,
        })
        .collect();
    // A statement has 65,535 parameters at most.
    for part in rows.chunks(1_000) {
        diesel::insert_into(lines::table).values(part).execute(conn).await?;
    }
    Ok(())
}

/// Writes the result of a locked statement.
///
/// # Errors
/// Database errors; a CHECK refuses the uploader's approval.
pub async fn update(conn: &mut AsyncPgConnection, statement: &BankStatement) -> Result<(), StorageError> {
    diesel::update(statements::table.find(statement.id)).set(StatementRow::from(statement)).execute(conn).await?;
    Ok(())
}

/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<BankStatement>, StorageError> {
    let row: Option<StatementRow> =
        statements::table.find(id).select(StatementRow::as_select()).first(conn).await.optional()?;
    row.map(BankStatement::try_from).transpose()
}

/// The statement of an account that was made from a file, if it was not withdrawn. The caller holds the account's lock.
///
/// # Errors
/// Database errors.
pub async fn of_file(
    conn: &mut AsyncPgConnection,
    account: Uuid,
    sha256: &[u8],
) -> Result<Option<BankStatement>, StorageError> {
    let row: Option<StatementRow> = statements::table
        .filter(statements::bank_account_id.eq(account).and(statements::sha256.eq(sha256)))
        .filter(statements::withdrawn_at.is_null())
        .select(StatementRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(BankStatement::try_from).transpose()
}

/// The last statement of an account whose lines were taken over.
///
/// # Errors
/// Database errors.
pub async fn last_applied(conn: &mut AsyncPgConnection, account: Uuid) -> Result<Option<BankStatement>, StorageError> {
    let row: Option<StatementRow> = statements::table
        .filter(statements::bank_account_id.eq(account).and(statements::applied_at.is_not_null()))
        .order((statements::to_day.desc(), statements::applied_at.desc()))
        .select(StatementRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(BankStatement::try_from).transpose()
}

/// A page of statements.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    account: Option<Uuid>,
    state: Option<StatementState>,
    page: &Page,
) -> Result<Rows<BankStatement>, StorageError> {
    let mut query = statements::table.select(StatementRow::as_select()).limit(page.to_read()).into_boxed();
    if let Some(account) = account {
        query = query.filter(statements::bank_account_id.eq(account));
    }
    query = match state {
        Some(StatementState::Waiting) => {
            query.filter(statements::applied_at.is_null().and(statements::withdrawn_at.is_null()))
        }
        Some(StatementState::Applied) => query.filter(statements::applied_at.is_not_null()),
        Some(StatementState::Withdrawn) => query.filter(statements::withdrawn_at.is_not_null()),
        None => query,
    };
    let query = in_page!(query, page, statements::uploaded_at, statements::id);
    let rows: Vec<StatementRow> = query.load(conn).await?;
    page.cut(rows).try_map(BankStatement::try_from)
}

/// A page of the lines of a statement, in the order of the file, each with its number, which is its place.
///
/// # Errors
/// Database errors.
pub async fn lines(
    conn: &mut AsyncPgConnection,
    statement: &BankStatement,
    page: &Page<i32>,
) -> Result<Rows<(i32, StatementLine)>, StorageError> {
    let of_statement =
        lines::table.filter(lines::statement_id.eq(statement.id)).limit(page.to_read()).select(LineRow::as_select());
    let rows: Vec<LineRow> = match page.ascends() {
        true => {
            let later = lines::n.gt(page.bound().unwrap_or(i32::MIN));
            of_statement.filter(later).order(lines::n.asc()).load(conn).await?
        }
        false => {
            let earlier = lines::n.lt(page.bound().unwrap_or(i32::MAX));
            of_statement.filter(earlier).order(lines::n.desc()).load(conn).await?
        }
    };
    let currency = statement.opening.currency();
    page.cut(rows).try_map(|row| Ok((row.n, row.read(currency))))
}

/// How the CSV files of an account are read, and who saved that.
///
/// # Errors
/// Database errors; a mapping of another version of this service.
pub async fn mapping(
    conn: &mut AsyncPgConnection,
    account: Uuid,
) -> Result<Option<(CsvMapping, DateTime<Utc>, String)>, StorageError> {
    let row: Option<(serde_json::Value, DateTime<Utc>, String)> = mappings::table
        .find(account)
        .select((mappings::mapping, mappings::updated_at, mappings::updated_by))
        .first(conn)
        .await
        .optional()?;
    row.map(|(mapping, at, by)| {
        let read = serde_json::from_value(mapping).map_err(|error| corrupt("mapping", error))?;
        Ok((read, at, by))
    })
    .transpose()
}

/// Saves how the CSV files of an account are read.
///
/// # Errors
/// Database errors.
pub async fn save_mapping(
    conn: &mut AsyncPgConnection,
    account: Uuid,
    mapping: &CsvMapping,
    at: DateTime<Utc>,
    by: &str,
) -> Result<(), StorageError> {
    let json = serde_json::to_value(mapping).map_err(|error| corrupt("mapping", error))?;
    let set = (mappings::mapping.eq(json), mappings::updated_at.eq(at), mappings::updated_by.eq(by));
    diesel::insert_into(mappings::table)
        .values((mappings::bank_account_id.eq(account), set.clone()))
        .on_conflict(mappings::bank_account_id)
        .do_update()
        .set(set)
        .execute(conn)
        .await?;
    Ok(())
}
