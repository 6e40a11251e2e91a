//! Bank statements: an operator uploads a file of a bank, and its lines are taken over.
//!
//! Nothing of a file counts before its balances agree. If its credits exceed the threshold, a second operator must
//! approve it first. What the uploader took over alone in the last 24 hours counts towards the threshold, so that
//! nobody avoids it by splitting a file. Then the lines of a file are taken over in one transaction: each gets its
//! payment, or an operator has to choose one. A line that names an order by its reference is credited afterwards, order
//! by order; the credit counts as the uploader's.

mod by_rule;
pub mod lines;
pub mod mapping;
mod take_over;

use rust_decimal::Decimal;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{App, Caller, Error, Made, OnProgress};
use crate::domain::audit::AuditRecord;
use crate::domain::bank_statement::repeats::said_otherwise;
use crate::domain::bank_statement::{self, BankStatement, ReadStatement, StatementLine, StatementState, StatementSums};
use crate::domain::bank_transaction::{latest_day, normal_form};
use crate::domain::catalogue::BankAccount;
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::money::{Currency, Money};
use crate::domain::own_word::{Moved, ProposalEnd, counts_since};
use crate::domain::page::{Page, Rows};
use crate::storage::catalogue::bank_accounts;
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, bank_lines, bank_statements as store, bank_transactions, clock, own_word};

/// The most lines that a refusal names.
const LINES_NAMED: usize = 20;

/// What an operator states about a file.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    pub account: Uuid,
    /// The balances, if the file has none.
    pub opening: Option<Decimal>,
    pub closing: Option<Decimal>,
    /// The opening balance is right, although it is not the last closing one of the account.
    pub confirm_gap: bool,
}

/// A statement, and how many of its lines were credited to orders by rule in this call.
#[derive(Debug, Clone)]
pub struct Imported {
    pub statement: BankStatement,
    pub credited: u32,
}

/// Takes a file of a bank. A repeated upload of the same file finds the same statement, and continues unfinished work.
///
/// # Errors
/// 404; 422 `statement_unreadable`, `other_account`, `balances_disagree`, `confirm_gap` or `lines_on_record`, or for
/// balances that are missing.
#[tracing::instrument(name = "bank_statements.upload", skip_all, fields(account = %upload.account))]
pub async fn upload(
    app: &App,
    caller: &Caller,
    upload: &Upload,
    file: &[u8],
    progress: OnProgress<'_>,
) -> Result<Made<Imported>, Error> {
    let (account, mapping) = {
        let mut conn = app.pool.get().await?;
        let account = bank_accounts::find(&mut conn, upload.account).await?.ok_or(Error::NotFound("bank account"))?;
        let mapping = store::mapping(&mut conn, account.id).await?.map(|(mapping, ..)| mapping);
        (account, mapping)
    };
    let read = bank_statement::read(file, account.currency, mapping.as_ref())
        .map_err(|why| Error::Unprocessable { code: Code::StatementUnreadable, detail: why.to_string() })?;
    require_account(&account, &read)?;
    let (opening, closing) = balances(upload, &read, account.currency)?;
    let sums = StatementSums::of(&read.lines, account.currency);
    require_agreement(opening, closing, sums)?;
    // The days of the balances may cover less than the days of the lines.
    let days = || read.lines.iter().map(|line| line.booked_on);
    let (from, to) = (days().fold(read.from, Ord::min), days().fold(read.to, Ord::max));
    let sha256 = Sha256::digest(file).to_vec();
    let actor = caller.actor();
    let made = transact(&app.pool, async |conn| {
        bank_transactions::lock_account(conn, account.id).await?;
        if let Some(known) = store::of_file(conn, account.id, &sha256).await? {
            return Ok(Made::again(known));
        }
        own_word::lock_files(conn, &actor, account.currency).await?;
        let now = clock::now(conn).await?;
        require_past(&read, latest_day(now))?;
        let before = store::credits_on_own_word(conn, &actor, account.currency, counts_since(now)).await?;
        // A file names no customer, so its whole sum also counts as one customer's.
        let before = Moved { of_customer: before, in_all: before };
        let is_enough = app.settings.own_word.of_operator(account.currency).covers(sums.credits, before);
        // If an earlier file has the same id with another day or amount, it may be the same money: two operators must
        // confirm that it is not.
        let again = store::says_ids_again(conn, account.id, &read.lines).await?;
        let alone = is_enough && !again;
        let mut statement = BankStatement {
            id: Uuid::now_v7(),
            account: account.id,
            format: read.format,
            sha256: sha256.clone(),
            opening,
            closing,
            from,
            to,
            sums,
            confirmed_gap: upload.confirm_gap,
            second_needed: !alone,
            uploaded_by: actor.clone(),
            uploader_customer: caller.own_customer.clone(),
            approver_customer: None,
            uploaded_at: now,
            end: None,
            applied_at: None,
        };
        require_no_gap(conn, &statement).await?;
        store::insert(conn, &statement, &read.lines).await?;
        require_no_repeats(conn, &statement).await?;
        record(conn, "uploaded", &actor, &statement).await?;
        if alone {
            take_over::take_over(conn, app, &mut statement, now).await?;
            store::update(conn, &statement).await?;
        }
        Ok::<_, Error>(Made::new(statement))
    })
    .await?;
    let credited = by_rule::credit_all(app, &made.value, progress).await?;
    Ok(made.map(|statement| Imported { statement, credited }))
}

/// Approves a waiting file, and takes over its lines. The operator who uploaded the statement cannot approve it.
///
/// # Errors
/// 404; 409 `nothing_proposed` or `second_operator_needed`; 422 `confirm_gap` or `lines_on_record` if another file was
/// taken over meanwhile.
#[tracing::instrument(name = "bank_statements.approve", skip_all, fields(statement = %id))]
pub async fn approve(app: &App, caller: &Caller, id: Uuid) -> Result<Imported, Error> {
    let actor = caller.actor();
    let statement = transact(&app.pool, async |conn| {
        let mut statement = lock(conn, id).await?;
        require_waiting(&statement)?;
        if statement.uploaded_by == actor {
            return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must approve this statement"));
        }
        require_no_gap(conn, &statement).await?;
        require_no_repeats(conn, &statement).await?;
        let now = clock::now(conn).await?;
        statement.end = Some(ProposalEnd::Approved { by: actor.clone(), at: now });
        statement.approver_customer.clone_from(&caller.own_customer);
        take_over::take_over(conn, app, &mut statement, now).await?;
        store::update(conn, &statement).await?;
        record(conn, "approved", &actor, &statement).await?;
        Ok(statement)
    })
    .await?;
    let credited = by_rule::credit_all(app, &statement, &|_, _| {}).await?;
    Ok(Imported { statement, credited })
}

/// Withdraws a waiting file. Withdrawing it again changes nothing.
///
/// # Errors
/// 404; 409 `nothing_proposed` when its lines were taken over.
#[tracing::instrument(name = "bank_statements.withdraw", skip_all, fields(statement = %id))]
pub async fn withdraw(app: &App, caller: &Caller, id: Uuid) -> Result<BankStatement, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let mut statement = lock(conn, id).await?;
        if matches!(statement.end, Some(ProposalEnd::Withdrawn { .. })) {
            return Ok(statement);
        }
        require_waiting(&statement)?;
        statement.end = Some(ProposalEnd::Withdrawn { by: actor.clone(), at: clock::now(conn).await? });
        store::update(conn, &statement).await?;
        record(conn, "withdrawn", &actor, &statement).await?;
        Ok(statement)
    })
    .await
}

/// A page of statements.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    account: Option<Uuid>,
    state: Option<StatementState>,
    page: &Page,
) -> Result<Rows<BankStatement>, Error> {
    Ok(store::list(&mut *app.pool.get().await?, account, state, page).await?)
}

/// # Errors
/// 404.
pub async fn read(app: &App, id: Option<Uuid>) -> Result<BankStatement, Error> {
    let missing = || Error::NotFound("bank statement");
    let mut conn = app.pool.get().await?;
    store::find(&mut conn, id.ok_or_else(missing)?).await?.ok_or_else(missing)
}

/// A page of the lines of a file, each with its number.
///
/// # Errors
/// 404.
pub async fn lines_of_file(app: &App, id: Option<Uuid>, page: &Page<i32>) -> Result<Rows<(i32, StatementLine)>, Error> {
    let statement = read(app, id).await?;
    let mut conn = app.pool.get().await?;
    Ok(store::lines(&mut conn, &statement, page).await?)
}

/// Reads a statement under the lock of its account, which every change of a statement takes.
async fn lock(conn: &mut Connection, id: Uuid) -> Result<BankStatement, Error> {
    let missing = || Error::NotFound("bank statement");
    let known = store::find(conn, id).await?.ok_or_else(missing)?;
    bank_transactions::lock_account(conn, known.account).await?;
    store::find(conn, id).await?.ok_or_else(missing)
}

fn require_waiting(statement: &BankStatement) -> Result<(), Error> {
    let detail = match &statement.end {
        None if statement.waits() => return Ok(()),
        Some(ProposalEnd::Approved { by, .. }) => format!("the statement was approved by {by}"),
        Some(ProposalEnd::Withdrawn { by, .. }) => format!("the statement was withdrawn by {by}"),
        None => "the lines of the statement were taken over at once".to_owned(),
    };
    Err(Error::conflict(Code::NothingProposed, detail))
}

/// Requires that the file belongs to this account, if the file names one. The name is the account's number, or an IBAN,
/// which ends with the number.
fn require_account(account: &BankAccount, read: &ReadStatement) -> Result<(), Error> {
    let Some(named) = &read.account else { return Ok(()) };
    let (named_form, number) = (normal_form(named), normal_form(&account.account_number));
    if !number.is_empty() && named_form.ends_with(&number) {
        return Ok(());
    }
    let detail = format!("the file is of the account {named}, and not of {}", account.account_number);
    Err(Error::Unprocessable { code: Code::OtherAccount, detail })
}

fn balances(upload: &Upload, read: &ReadStatement, currency: Currency) -> Result<(Money, Money), Error> {
    let one = |pointer: &str, said: Option<Decimal>, of_file: Option<Money>| {
        let said = said.map(|said| Money::new(said, currency).and_then(Money::require_minor_unit)).transpose();
        let said = said.map_err(|error| Error::field(pointer, error.code(), error.to_string()))?;
        match (said, of_file) {
            (Some(said), Some(of_file)) if said != of_file => {
                let detail = format!("must be absent, or equal to the file's: {of_file}");
                Err(Error::field(pointer, Code::InvalidValue, detail))
            }
            (_, Some(balance)) | (Some(balance), None) => Ok(balance),
            (None, None) => Err(Error::field(pointer, Code::Required, "is required: the file has no balances")),
        }
    };
    let opening = one("?opening_balance", upload.opening, read.opening)?;
    Ok((opening, one("?closing_balance", upload.closing, read.closing)?))
}

fn require_agreement(opening: Money, closing: Money, sums: StatementSums) -> Result<(), Error> {
    let after = sums.after(opening);
    if after == closing {
        return Ok(());
    }
    let detail = format!(
        "{opening} and the {} lines of the file add up to {after}, but the file closes with {closing}; nothing of it \
         is taken over",
        sums.lines
    );
    Err(Error::Unprocessable { code: Code::BalancesDisagree, detail })
}

fn require_past(read: &ReadStatement, latest: chrono::NaiveDate) -> Result<(), Error> {
    if read.from > read.to || read.to > latest {
        let detail = format!("the file is of {} to {}, which is in the future", read.from, read.to);
        return Err(Error::Unprocessable { code: Code::StatementUnreadable, detail });
    }
    let Some(line) = read.lines.iter().find(|line| line.booked_on > latest) else { return Ok(()) };
    let detail = format!("a line is booked on {}, which is in the future in every time zone", line.booked_on);
    Err(Error::Unprocessable { code: Code::StatementUnreadable, detail })
}

/// A file that does not begin where the last one ended omits something, or repeats something.
async fn require_no_gap(conn: &mut Connection, statement: &BankStatement) -> Result<(), Error> {
    let last = store::last_applied(conn, statement.account).await?;
    let Some(last) = last.filter(|last| last.closing != statement.opening && !statement.confirmed_gap) else {
        return Ok(());
    };
    let detail = format!(
        "the file opens with {}, and the last statement of the account closed with {} on {}; send \"confirm_gap=true\" \
         if that is right",
        statement.opening, last.closing, last.to
    );
    Err(Error::Unprocessable { code: Code::ConfirmGap, detail })
}

/// If a file spelled a credit differently from an earlier file, the same money would be recorded twice.
async fn require_no_repeats(conn: &mut Connection, statement: &BankStatement) -> Result<(), Error> {
    let on_record = bank_lines::credits_on_record(conn, statement).await?;
    if on_record.is_empty() {
        return Ok(());
    }
    let last = store::last_applied(conn, statement.account).await?;
    let goes_on = last.is_some_and(|last| last.closing == statement.opening);
    let of_file = bank_lines::credits_said(conn, statement).await?;
    let found = said_otherwise(&of_file, &on_record, goes_on);
    let Some((new, known)) = found.first() else { return Ok(()) };
    let numbers: Vec<String> = found.iter().take(LINES_NAMED).map(|(new, _)| new.n.to_string()).collect();
    let detail = format!(
        "{} of the file's credits may already be recorded in other words (lines {}{}): line {} of {} on {} may be \
         line {} of {}; nothing of the file is taken over; send these days in the same format and mapping as before",
        found.len(),
        numbers.join(", "),
        if found.len() > LINES_NAMED { ", …" } else { "" },
        new.n,
        new.amount,
        new.booked_on,
        known.n,
        IdKind::BankStatement.show(known.statement_id)
    );
    Err(Error::Unprocessable { code: Code::LinesOnRecord, detail })
}

async fn record(conn: &mut Connection, action: &str, actor: &str, statement: &BankStatement) -> Result<(), Error> {
    let target = format!("bank_statement:{}", IdKind::BankStatement.show(statement.id));
    let said = json!({
        "bank_account_id": IdKind::BankAccount.show(statement.account),
        "from": statement.from,
        "to": statement.to,
        "opening": statement.opening.to_string(),
        "closing": statement.closing.to_string(),
        "lines": statement.sums.lines,
        "credits": statement.sums.credits.to_string(),
        "confirmed_gap": statement.confirmed_gap,
    });
    let record = AuditRecord::new(actor, &format!("bank_statement.{action}"), target);
    Ok(audit::write(conn, &record.to(said)).await?)
}
