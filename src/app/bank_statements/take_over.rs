//! Takes over the lines of a statement: each credit gets its payment, or waits until an operator chooses one.
//!
//! All of this happens under the lock of the account. When an operator states a transfer, the same lock is taken, so
//! each side sees the other's payments.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::{App, Error};
use crate::domain::bank_statement::matching::{Match, match_lines};
use crate::domain::bank_statement::{BankLine, BankStatement, MAX_LINES, StatementLine};
use crate::domain::bank_transaction::{BankTransaction, NO_ID, normal_form};
use crate::domain::code::Code;
use crate::domain::page::{Page, Place, Sort};
use crate::domain::payment::{Payment, PaymentFact, ProviderName};
use crate::storage::{Connection, bank_lines, bank_matching, bank_statements, bank_transactions, payments};

/// Why a payment that a file brought is unapplied.
const NOT_APPLIED: &str = "a line of the bank's statement that serves no order yet";

/// Takes over the lines of a recorded statement.
///
/// # Errors
/// 422 `confirm_gap` if the file begins where the last one ended, and nevertheless has a line of an earlier file.
pub(super) async fn take_over(
    conn: &mut Connection,
    app: &App,
    statement: &mut BankStatement,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let most = i64::try_from(MAX_LINES).map_err(|_| Error::Internal("a limit of lines"))?;
    let whole = Page { place: Place::Start, sort: Sort::Oldest, limit: most };
    let all = bank_statements::lines(conn, statement, &whole).await?.rows;
    let identities: Vec<_> = all.iter().map(|(n, line)| (*n, line.identity())).collect();
    let count = bank_lines::take_over(conn, statement.id, &identities, now).await?;
    if count < identities.len() && !statement.confirmed_gap {
        let detail = format!(
            "the file begins where the last one ended, and an earlier file has {} of its lines; send \
             \"confirm_gap=true\" if they are the same lines",
            identities.len() - count
        );
        return Err(Error::Unprocessable { code: Code::ConfirmGap, detail });
    }
    // A payment may fit a tied line, too, so all of these lines are decided together.
    let mut lines = bank_lines::tied(conn, statement.account).await?;
    lines.extend(bank_lines::of_statement(conn, statement.id).await?);
    settle(conn, app, &lines, &statement.uploaded_by, now).await?;
    statement.applied_at = Some(now);
    Ok(())
}

/// Decides which payment belongs to each of these lines of one account. A debit has no payment. Lines that wait for a
/// choice are included.
///
/// # Errors
/// Database errors.
pub(super) async fn settle(
    conn: &mut Connection,
    app: &App,
    lines: &[BankLine],
    stated_by: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let credits: Vec<&BankLine> = lines.iter().filter(|line| line.line.is_credit()).collect();
    let Some(first) = credits.first() else { return Ok(()) };
    let texts: Vec<StatementLine> = credits.iter().map(|line| line.line.clone()).collect();
    let stated = bank_matching::stated(conn, first.account, first.line.amount.currency(), &texts).await?;
    for (line, found) in credits.into_iter().zip(match_lines(&texts, &stated)) {
        match found {
            Match::Bound(payment) => bind(conn, line, payment, stated_by, now).await?,
            Match::Tie(payments) => bank_lines::tie(conn, line.id, &payments).await?,
            Match::Free => new_payment(conn, app, line, stated_by, now).await?,
        }
    }
    Ok(())
}

/// Binds a line to a payment that an operator stated. The bank knows how much arrived, so the amount and the day of the
/// file count.
///
/// # Errors
/// 409 `bank_transaction_used` if more of the payment is used than the line's amount.
pub(super) async fn bind(
    conn: &mut Connection,
    line: &BankLine,
    payment_id: Uuid,
    stated_by: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let missing = || Error::Internal("the payment that a line was compared with");
    let (known, _) = bank_transactions::lock(conn, payment_id).await?.ok_or_else(missing)?;
    let mut payment = payments::lock_by_id(conn, payment_id).await?.ok_or_else(missing)?;
    if known.amount_is_open || known.amount != line.line.amount {
        let (amount, used) = (line.line.amount, payment.applied + payment.unapplied_taken);
        if used > amount {
            let detail =
                format!("the line is of {amount}, and {used} of the payment is used; reverse an approval first");
            return Err(Error::conflict(Code::BankTransactionUsed, detail));
        }
        payment.restate(amount, NOT_APPLIED);
        let restated = BankTransaction {
            amount,
            received_on: line.line.booked_on,
            amount_is_open: false,
            stated_by: stated_by.to_owned(),
            stated_at: now,
            ..known
        };
        bank_transactions::restate(conn, &restated, &payment).await?;
    }
    Ok(bank_lines::bind(conn, line.id, payment_id).await?)
}

/// Records a payment for a line that nobody has stated before. The payment is unapplied.
///
/// # Errors
/// Database errors.
pub(super) async fn new_payment(
    conn: &mut Connection,
    app: &App,
    line: &BankLine,
    stated_by: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let said = &line.line;
    let identity = said.identity();
    let n = bank_transactions::next_number(conn, line.account, &identity).await?;
    let fact = PaymentFact {
        payment_id: identity.payment_id(n),
        amount: said.amount,
        merchant_account: line.account.as_simple().to_string(),
        live: app.settings.live,
    };
    let payment = Payment::unapplied(ProviderName::BankTransfer, &fact, None, NOT_APPLIED.to_owned(), now);
    if !payments::insert(conn, &payment).await? {
        return Err(Error::Internal("a line that was not recorded"));
    }
    let stated_id = said.bank_id.clone().filter(|_| identity.is_by_id());
    let transaction = BankTransaction {
        payment_id: payment.id,
        account: line.account,
        identity,
        n,
        stated_id: stated_id.unwrap_or_else(|| NO_ID.to_owned()),
        amount: said.amount,
        received_on: said.booked_on,
        remitter: said.remitter.clone(),
        payer: said.remitter.as_deref().map(normal_form).unwrap_or_default(),
        amount_is_open: false,
        stated_by: stated_by.to_owned(),
        stated_at: now,
    };
    bank_transactions::insert(conn, &transaction).await?;
    Ok(bank_lines::bind(conn, line.id, payment.id).await?)
}
